# SPDX-License-Identifier: Apache-2.0
"""The services of the standalone Vitrage, and how they are tied together.

To import Vitrage's services takes seconds and has side effects, so that
``standalone`` imports this module at the start only.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import concurrent.futures.thread
import contextlib
import gc
import json
import logging
import sys
import threading
import time
from typing import Any
from unittest import mock

from oslo_config import cfg
from oslo_db.sqlalchemy import enginefacade
from oslo_log import log
import oslo_messaging
from vitrage.api import app
from vitrage.common import config
from vitrage.datasources import utils as datasource_utils
from vitrage.entity_graph import graph_init
from vitrage.entity_graph import workers
from vitrage import messaging
from vitrage.persistency import service as persistency
from vitrage import rpc
from vitrage import storage
from vitrage.storage.sqlalchemy import models
from werkzeug import serving

from vitrage_k8s.driver import KubernetesDriver

CONF = cfg.CONF
LOG = log.getLogger(__name__)

HOST = '127.0.0.1'
# Of WSGI.
_Application = Callable[[dict[str, Any], object], Any]

# How many seconds the end waits for tasks under way.
PATIENCE = 1.2


def start(arguments: Sequence[str], port: int,
          running: contextlib.ExitStack) -> str:
    """Start everything.

    :param arguments: command-line arguments for oslo.config
    :param port: of the REST API; 0 for a free one
    :param running: takes what ends each part, as soon as it runs
    :returns: the URL of the REST API
    :raises OSError: the port is taken
    """
    _configure(arguments)
    running.callback(logging.captureWarnings, False)
    database = storage.get_connection_from_config()
    # All that migration.create_schema does beside this is to note Alembic's
    # version, which replaces the process's logging (alembic_migrations/env).
    models.Base.metadata.create_all(enginefacade.writer.get_engine())

    schedulers: list[Any] = []
    servers: list[Any] = []
    running.callback(_end, schedulers, servers)
    running.callback(_close_drivers)
    api = _make_api(port)
    running.callback(api.server_close)
    history = persistency.PersistorService(0, database)
    history.run()
    schedulers.append(history.scheduler)
    servers.append(history.listener)
    crew = Workers()
    servers.extend(crew.rpc_servers)
    graph = Graph(crew)
    schedulers.append(graph.scheduler)
    graph.run()
    servers += [graph.events_coordination._low_pri_listener,
                graph.events_coordination._high_pri_listener]
    threading.Thread(target=api.serve_forever, name='vitrage-api',
                     kwargs={'poll_interval': 0.05}, daemon=True).start()
    running.callback(api.shutdown)
    return f'http://{HOST}:{api.server_port}'


def _configure(arguments: Sequence[str]) -> None:
    """Read the configuration and begin to log."""
    # oslo.log would send the tracebacks of this whole program to the log.
    excepthook = sys.excepthook
    config.parse_config(['vitrage', *arguments])
    sys.excepthook = excepthook
    # SQLAlchemy warns of Vitrage's column types, for example.
    logging.captureWarnings(True)


class Workers(workers.GraphWorkersManager):
    """Vitrage's workers, in this process and without queues.

    A task is done when it is submitted, in the submitter's thread. Each
    worker has its own copy of the graph, as ever.
    """

    def __init__(self) -> None:
        # The parent's constructor would fork and take the signals over.
        # workers.LOG is None until the run() of a worker or a manager.
        workers.LOG = log.getLogger(workers.__name__)
        self._db = None
        self.rpc_servers: list[Any] = []
        evaluator = workers.EvaluatorWorker(0, [None], 1)
        api = workers.ApiWorker(0, [None])
        self._evaluator_queues = [evaluator]
        self._api_queues = [api]
        self._all_queues = [evaluator, api]
        evaluator._init_instance()
        get_server = rpc.get_server

        def get_and_keep(*args: Any, **kwargs: Any) -> Any:
            self.rpc_servers.append(get_server(*args, **kwargs))
            return self.rpc_servers[-1]

        # ApiWorker starts a server, and forgets it: this one is to stop it.
        with mock.patch.object(rpc, 'get_server', get_and_keep):
            api._init_instance()

    @staticmethod
    def _submit_and_wait(crew: Iterable[Any], task: tuple[Any, ...]) -> None:
        for worker in crew:
            try:
                worker.do_task(task)
            except Exception:
                # As in the workers' own loop (GraphCloneWorkerBase).
                LOG.exception('Graph may not be in sync.')


class Graph(graph_init.VitrageGraphInit):
    """Vitrage's entity graph and what changes it.

    It is not kept in the table of events, whose ids SQLite cannot make: each
    insert fails, and is repeated with all later ones for ever.
    """

    def _add_graph_subscriptions(self) -> None:
        self.graph.subscribe(self.workers.submit_graph_update)


def notify(event_type: str, payload: Mapping[str, Any]) -> None:
    """Notify Vitrage's push datasources; see ``Standalone.notify``."""
    notifier = oslo_messaging.Notifier(
        messaging.get_transport(), driver='messagingv2',
        publisher_id='vitrage_k8s',
        topics=CONF.datasources.notification_topics)
    # A copy, as from a real bus: drivers write into what they receive.
    notifier.info({}, event_type, json.loads(json.dumps(payload)))


def _close_drivers() -> None:
    """Stop our driver; Vitrage's own cannot be stopped."""
    for driver in datasource_utils.drivers.values():
        if isinstance(driver, KubernetesDriver):
            driver.close()


def _end(schedulers: Iterable[Any], servers: Sequence[Any]) -> None:
    """Stop Vitrage's schedulers and oslo.messaging's servers."""
    ending = [scheduler.periodic for scheduler in schedulers
              if scheduler.periodic is not None]
    for part in (*ending, *servers):
        part.stop()
    # All at once: an idle thread of futurist takes a second to end.
    deadline = time.monotonic() + PATIENCE
    waiters = [threading.Thread(target=part.wait, daemon=True)
               for part in (*ending, *servers)]
    for waiter in waiters:
        waiter.start()
    for waiter in waiters:
        waiter.join(max(0, deadline - time.monotonic()))
    # A datasource may wait a minute for its server. At its end, Python would
    # wait for the threads of a pool, though they are daemons.
    waited_for: Any = concurrent.futures.thread._threads_queues
    for thread in list(waited_for):
        if thread.daemon:
            waited_for.pop(thread, None)
    # At its end, Python would search all that Vitrage imports for garbage.
    gc.freeze()


def _make_api(port: int) -> Any:
    """Make the server of Vitrage's REST API; its port is bound.

    :raises OSError: the port is taken
    """
    # vitrage.api.controllers.v1.root makes the collector run at every
    # allocation, to keep an API process small. Here this would slow the
    # graph and the drivers down, too.
    threshold = gc.get_threshold()
    try:
        application = app.load_app()
    finally:
        gc.set_threshold(*threshold)
    return serving.make_server(HOST, port, application, threaded=True)


def user_name_filter(global_conf: object, **local_conf: object,
                     ) -> Callable[[_Application], _Application]:
    """Make the filter that names a user who has only an id by that id.

    Vitrage's administrator is the user whose *name* is admin
    (``vitrage.api.hooks.ContextHook``). The client's plugin
    ``vitrage-noauth`` sends an id, a project and roles, and no name.
    """
    def decorate(application: _Application) -> _Application:
        def named(environ: dict[str, Any], start_response: object) -> Any:
            environ.setdefault('HTTP_X_USER_NAME',
                               environ.get('HTTP_X_USER_ID', ''))
            return application(environ, start_response)
        return named
    return decorate
