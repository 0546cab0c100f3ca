# SPDX-License-Identifier: Apache-2.0
"""All of Vitrage in one process, for the demo and for tests.

Vitrage's own classes run over oslo.messaging's ``fake://`` and an SQLite
file: entity graph, processor, scheduler, consistency check, template
evaluator, RPC handlers, alarm history and REST API. Only the ties between its
processes are replaced.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import configparser
import contextlib
import json
import pathlib
import shutil
from typing import Any
import urllib.request
import warnings

from vitrage_k8s import install_files

# State mappings of the types that have no file of ours: a word's operational
# value, by falling priority. `default` serves all types without a file
# (vitrage.entity_graph.mappings.datasource_info_mapper), openstack.cluster
# among them; without it each of their events logs an exception. `vitrage` is
# the type of the alarms that templates raise
# (vitrage.evaluator.actions.evaluator_event_transformer). Those of Vitrage's
# datasources are as in the files of its deployments: an instance has the
# vm_state, which Nova notifies, and not each status of Nova's API.
_AVAILABLE = {'DELETED': 'DELETED', 'ERROR': 'ERROR',
              'SUBOPTIMAL': 'SUBOPTIMAL', 'AVAILABLE': 'OK'}
_RESOURCES = {
    'default': {'DELETED': 'DELETED', 'ERROR': 'ERROR',
                'SUBOPTIMAL': 'SUBOPTIMAL', 'TRANSIENT': 'TRANSIENT',
                'AVAILABLE': 'OK', 'ACTIVE': 'OK', 'OK': 'OK'},
    'nova.zone': _AVAILABLE, 'nova.host': _AVAILABLE,
    'nova.instance': {
        'DELETED': 'DELETED', 'HARD_DELETED': 'DELETED',
        'SOFT_DELETED': 'DELETED', 'SHELVED_OFFLOADED': 'DELETED',
        'ERROR': 'ERROR', 'SUSPENDED': 'SUBOPTIMAL', 'PAUSED': 'SUBOPTIMAL',
        'STOPPED': 'SUBOPTIMAL', 'SHELVED': 'SUBOPTIMAL',
        'RESIZED': 'SUBOPTIMAL', 'BUILDING': 'TRANSIENT',
        'INITIALIZED': 'TRANSIENT', 'SUBOPTIMAL': 'SUBOPTIMAL',
        'RESCUED': 'OK', 'ACTIVE': 'OK'}}
_ALARMS = {
    'vitrage': {'CRITICAL': 'CRITICAL', 'SEVERE': 'SEVERE',
                'MAJOR': 'SEVERE', 'WARNING': 'WARNING', 'MINOR': 'WARNING',
                'UNKNOWN': 'N/A', 'OK': 'OK'},
    'doctor': {'CRITICAL': 'CRITICAL', 'OK': 'OK'}}

# As the file of Vitrage's deployments, without CORS, proxies and profiling.
_PASTE = """\
[composite:vitrage+noauth]
use = egg:Paste#urlmap
/ = versions
/v1 = v1_pipeline
/healthcheck = healthcheck

[pipeline:v1_pipeline]
pipeline = request_id user_name v1

[app:versions]
paste.app_factory = vitrage.api.app:app_factory
root = vitrage.api.controllers.root.VersionsController

[app:v1]
paste.app_factory = vitrage.api.app:app_factory
root = vitrage.api.controllers.v1.root.V1Controller

[app:healthcheck]
use = egg:oslo.middleware#healthcheck
oslo_config_project = vitrage

[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory

[filter:user_name]
paste.filter_factory = vitrage_k8s_lab.standalone.services:user_name_filter
"""

# A warning of what Vitrage imports.
_NOISE = r'\s*Eventlet is deprecated'

_started = False


class AlreadyStartedError(RuntimeError):
    """A second standalone Vitrage was started in one process."""


class Standalone:
    """Vitrage as a context manager, on 127.0.0.1 and without a Keystone.

    Its REST API trusts every client: for a demo and tests only.

    A process can have one, once, because the configuration, drivers,
    transports and database of Vitrage are globals. Webhooks do not work
    (Vitrage's rows need MySQL or PostgreSQL), nor does listing services.

    :param directory: where the configuration, the database and the log go.
        It is made if missing. The database of an earlier run is removed:
        Vitrage cannot go on from one of SQLite
        (``vitrage.storage.sqlalchemy.models.MagicBigInt`` counts from 0).
    :param kubernetes: options of the datasource's group; None leaves an
        option at its default
    :param types: the datasources to enable
    :param port: where the REST API listens; 0 takes a free port
    :param options: options of further groups
    :ivar url: where the REST API is, once started
    """

    def __init__(self, directory: pathlib.Path, *,
                 kubernetes: Mapping[str, object] | None = None,
                 types: Sequence[str] = ('kubernetes',), port: int = 0,
                 options: Mapping[str, Mapping[str, object]] | None = None,
                 ) -> None:
        self.url = ''
        self._directory = directory.absolute()
        self._port = port
        self._database = self._directory / 'vitrage.sqlite'
        self._options: dict[str, Mapping[str, object]] = {
            'DEFAULT': {'transport_url': 'fake://',
                        'log_file': self._directory / 'vitrage.log'},
            'api': {'auth_mode': 'noauth'},
            'database': {'connection': f'sqlite:///{self._database}'},
            'datasources': {'types': types, 'path': [
                'vitrage_k8s', 'vitrage.datasources']},
            'kubernetes': kubernetes or {},
            **(options or {})}
        self._running = contextlib.ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which the `vitrage` client finds this Vitrage.

        Its user is the administrator. With another VITRAGE_USER_ID and
        VITRAGE_PROJECT_ID it sees what that tenant would see.
        """
        return environment(self.url)

    def start(self) -> None:
        """Start Vitrage; return when all datasources have been read once.

        :raises AlreadyStartedError: there is or was one in this process
        :raises OSError: the port is taken, or `directory` is not writable
        """
        global _started
        if _started:
            raise AlreadyStartedError(
                'A process can have one standalone Vitrage, once: its '
                'configuration and state are global')
        self._directory.mkdir(parents=True, exist_ok=True)
        self._database.unlink(missing_ok=True)
        arguments = write_configuration(self._directory, self._options)
        with contextlib.ExitStack() as running:
            with warnings.catch_warnings():
                warnings.filterwarnings('ignore', _NOISE)
                # Here and not above: this imports all of Vitrage.
                from vitrage_k8s_lab.standalone import services
            _started = True
            self.url = services.start(arguments, self._port, running)
            self._running = running.pop_all()

    def notify(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Put a notification on Vitrage's bus, as other services do.

        Vitrage ignores what no push datasource has asked for.

        :param event_type: such as instance.suspend.end of Nova's
        :raises TypeError: for a payload that is not JSON
        """
        from vitrage_k8s_lab.standalone import services
        services.notify(event_type, payload)

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> 'Standalone':
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def environment(url: str) -> dict[str, str]:
    """Return the variables of the `vitrage` client for a REST API at `url`."""
    variables = {'OS_AUTH_TYPE': 'vitrage-noauth', 'VITRAGE_ENDPOINT': url,
                 'VITRAGE_USER_ID': 'admin', 'VITRAGE_PROJECT_ID': 'admin'}
    proxies = urllib.request.getproxies()
    if proxies and not urllib.request.proxy_bypass('127.0.0.1'):
        variables['no_proxy'] = ','.join(
            filter(None, (proxies.get('no'), '127.0.0.1')))
    return variables


def write_configuration(
        directory: pathlib.Path,
        options: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Write vitrage.conf and the files that it names, for any of its services.

    :param directory: where to, an absolute path
    :param options: values by group and option. None leaves an option at its
        default.
    :returns: the command-line arguments that make Vitrage read them
    """
    paste = directory / 'api-paste.ini'
    paste.write_text(_PASTE, encoding='utf-8')
    # Made anew, for Vitrage reads every file that it finds there.
    values = directory / 'datasources_values'
    shutil.rmtree(values, ignore_errors=True)
    shutil.copytree(install_files.ETC / install_files.VALUES, values)
    for category, mappings in (('RESOURCE', _RESOURCES), ('ALARM', _ALARMS)):
        for name, words in mappings.items():
            # JSON is YAML, too.
            (values / f'{name}.yaml').write_text(json.dumps({
                'category': category, 'values': [{'aggregated values': {
                    'priority': priority, 'original values': [
                        {'name': word, 'operational_value': words[word]}]}}
                    for priority, word in enumerate(reversed(words), 1)]}),
                encoding='utf-8')
    # Named, though empty: by default oslo.config reads /etc/vitrage too.
    more = directory / 'vitrage.conf.d'
    more.mkdir(exist_ok=True)
    parser = configparser.RawConfigParser()
    places = {'api': {'paste_config': paste},
              'entity_graph': {'datasources_values_dir': values}}
    for groups in (options, places):
        parser.read_dict({group: {
            name: _format(value) for name, value in given.items()
            if value is not None} for group, given in groups.items()})
    configuration = directory / 'vitrage.conf'
    with configuration.open('w', encoding='utf-8') as file:
        parser.write(file)
    return ['--config-file', str(configuration), '--config-dir', str(more)]


def _format(value: object) -> str:
    """Write a value as oslo.config reads it."""
    if isinstance(value, (list, tuple)):
        return ','.join(map(_format, value))
    # A dollar sign would begin a reference to another option.
    return str(value).replace('$', '$$')
