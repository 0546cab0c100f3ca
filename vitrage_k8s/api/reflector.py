# SPDX-License-Identifier: Apache-2.0
"""Keeps one cluster's inventory true, in a thread of its own.

Lists, then watches from the list's version, as client-go's reflector does
(k8s.io/client-go/tools/cache/reflector.go). Where it is in doubt, it lists.
Knows nothing of Vitrage.
"""

from collections.abc import Callable
import contextlib
import math
import random
import threading
import time

import msgspec
from oslo_log import log

from vitrage_k8s.api import client as k8s_client
from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import inventory
from vitrage_k8s.api import retries
from vitrage_k8s.api import verdicts

LOG = log.getLogger(__name__)

# How long the server is to tell of changes before the watch is made anew.
# Random, so that not all watches end together.
_WATCH_SECONDS = (300, 600)

# Bookmarks come about once a minute; after so much silence the connection
# is dead, or the server does not know the version yet (etcd was restored).
_SILENCE = 74.0

# After so many silent watches in a row it lists, for a version of the future
# is answered with silence.
_SILENT_WATCHES = 3

# A watch that lasted for less has not worked, unless it told something.
_SHORT = 1.0

# After how many seconds a watch is asked for again that is not allowed.
_WATCH_AGAIN = 60.0


class Settings(msgspec.Struct, frozen=True):
    """How to read from a cluster; the options of these names.

    :ivar poll_interval: None to list on request only, and never watch
    """

    page_size: int
    request_timeout: float
    list_timeout: float
    max_retries: int
    poll_interval: float | None


class Reflector:
    """Reads from one cluster, until it is stopped.

    :param cluster: where it is and how to log in
    :param settings: how to read
    :param lists: bounds how many clusters are listed at a time
    :ivar inventory: its nodes
    :ivar has_listed: whether there has been a complete list
    """

    def __init__(self, cluster: endpoint.Endpoint, settings: Settings,
                 lists: threading.Semaphore) -> None:
        self.inventory = inventory.Inventory(cluster.name)
        self.has_listed = False
        self._cluster = cluster
        self._settings = settings
        self._lists = lists
        self._lock = threading.Lock()
        self._waiters: list[Callable[[], None]] = []
        self._client: k8s_client.Client | None = None
        self._is_watching = False
        self._is_stopped = False
        # Set where the thread is to list, or to end, and not to wait.
        self._wake = threading.Event()
        self._outcome = verdicts.Lists()
        self._no_watch = verdicts.Refusals()
        self._doubts = 0
        # Whether that it watches is news.
        self._is_news = True
        self._thread: threading.Thread | None = None

    @property
    def cluster(self) -> endpoint.Endpoint:
        """Where the cluster is and how to log in."""
        return self._cluster

    @property
    def failure(self) -> errors.ClusterError | None:
        """Why it cannot be read; None if it can, or is not known yet."""
        return self._outcome.failure

    def start(self) -> None:
        """Begin to list and watch; again is harmless."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, daemon=True,
                name=f'vitrage-k8s-{self._cluster.name}')
            self._thread.start()

    def use(self, cluster: endpoint.Endpoint, settings: Settings) -> None:
        """Read on with these, if they are others."""
        with self._lock:
            if (cluster, settings) != (self._cluster, self._settings):
                self._cluster, self._settings = cluster, settings
                self._outcome.doubt_again()
                self._no_watch = verdicts.Refusals()
                self._interrupt()

    def request_list(self, done: Callable[[], None]) -> None:
        """List all nodes now.

        :param done: is called in the reflector's thread when a list that was
            begun after the request has come to its end, well or not
        """
        with self._lock:
            self._waiters.append(done)
            if self._is_watching:
                self._interrupt()
            self._wake.set()

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        with self._lock:
            self._is_stopped = True
            self._interrupt()

    def _interrupt(self) -> None:
        self._wake.set()
        if self._client:
            self._client.abort()

    def _run(self) -> None:
        while not self._is_stopped:
            try:
                self._list_and_watch()
            # The top of a thread: whatever it is, the next time may do.
            except Exception as error:
                LOG.exception('Cluster %s: a defect of this datasource',
                              self.inventory.cluster)
                self._outcome.fail(errors.ClusterError(
                    self.inventory.cluster, 'a defect of this datasource, see '
                    f'its traceback: {type(error).__name__}'))
                self._wake.wait(retries.delay_of(self._doubts))
                self._doubts += 1
        for done in self._waiters:
            done()

    def _list_and_watch(self) -> None:
        with self._lock:
            self._wake.clear()
            settings = self._settings
            waiters, self._waiters = self._waiters, []
            self._client = client = k8s_client.Client(
                self._cluster, settings.request_timeout,
                0 if self.failure else settings.max_retries)
        with contextlib.closing(client):
            try:
                listed = self._list(client, settings)
            finally:
                if client.is_aborted or self._outcome.pause is not None:
                    # For the next list, or the end.
                    with self._lock:
                        self._waiters += waiters
                else:
                    for done in waiters:
                        done()
            if listed and settings.poll_interval is not None:
                self._watch(client, time.monotonic() + settings.poll_interval)
        if self._outcome.pause is not None:
            self._wake.wait(self._outcome.pause)
        elif settings.poll_interval is None:
            self._wake.wait()
        elif self.failure and not client.is_aborted:
            self._wake.wait(self._outcome.wait(settings.poll_interval))

    def _list(self, client: k8s_client.Client, settings: Settings) -> bool:
        """List all nodes; tell whether that went well."""
        try:
            with self._lists:
                self.inventory.relist(
                    client, settings.page_size,
                    time.monotonic() + settings.list_timeout)
        except errors.ClusterError as error:
            if client.is_aborted:
                return False
            # Where nothing is allowed, it is not the watch alone.
            self._no_watch.forget()
            self._is_news = True
            failed, doubted = self.failure, self._outcome.pause is not None
            if self._outcome.fail(error):
                LOG.log(log.DEBUG if failed else log.WARNING,
                        '%s. Its nodes stay in the graph as last known.',
                        error)
            else:
                LOG.log(log.DEBUG if doubted else log.INFO,
                        '%s. This may pass, as where the API server has just '
                        'started; asking again', error)
            return False
        if self.failure or not self.has_listed:
            LOG.info('Cluster %s can be read%s: %d nodes', client.cluster,
                     ' again' if self.failure else '', len(self.inventory))
        self._outcome.succeed()
        self.has_listed = True
        return True

    def _watch(self, client: k8s_client.Client, until: float) -> None:
        """Watch until it is time to list again.

        :param until: when that is in any case, by ``time.monotonic()``
        """
        try:
            self._watch_until(client, until)
        except errors.ClusterError as error:
            if self._wake.is_set():
                return
            if isinstance(error, errors.Refused):
                # Not the watch alone is refused. The list tells, at once.
                return
            LOG.info('%s; listing again', error)
            self._is_news = True
            # The more often in a row, the longer it waits; and many clusters
            # may come to this at the same moment.
            self._wake.wait(retries.delay_of(self._doubts))
            self._doubts += 1

    def _watch_until(self, client: k8s_client.Client, until: float) -> None:
        """Watch, and watch again.

        :param until: when to end, by ``time.monotonic()``
        :raises ClusterError: it is to be listed again
        """
        short = silent = 0
        while not self._wake.is_set() and time.monotonic() < until:
            began = time.monotonic()
            version = self.inventory.resource_version
            try:
                self._watch_once(client, version, until - began)
            except errors.ConnectionFailed as error:
                if self._wake.is_set():
                    return
                LOG.log(log.INFO if short + silent == 0 else log.DEBUG,
                        '%s; watching again', error)
                self._is_news = self._is_news or short + silent == 0
                # It had begun, and this is no loop: the server was restarted,
                # perhaps not for the first time.
                self._doubts = 0
                self.inventory.check_version(
                    client, time.monotonic() + self._settings.list_timeout)
            except errors.Refused as error:
                self._wait_to_watch(error, until)
                # Perhaps nothing is allowed any more.
                self.inventory.check_version(
                    client, time.monotonic() + self._settings.list_timeout)
                continue
            lasted = time.monotonic() - began
            if self.inventory.resource_version != version:
                short = silent = 0
                self._doubts = 0
            elif lasted < _SHORT:
                self._wake.wait(retries.delay_of(short))
                short += 1
            elif lasted >= _SILENCE:
                silent += 1
                if silent >= _SILENT_WATCHES:
                    raise errors.MalformedAnswer(
                        client.cluster, 'the watch has been silent for '
                        f'{silent * _SILENCE:g} s')

    def _wait_to_watch(self, error: errors.Refused, until: float) -> None:
        """Wait until a watch that is refused is to be asked for again."""
        is_news = not self._no_watch.is_believed
        wait = self._no_watch.add()
        if wait is None:
            wait = _WATCH_AGAIN
            if is_news:
                LOG.warning('%s. Until then it is listed every poll_interval '
                            'only.', error)
                self._is_news = True
        self._wake.wait(min(wait, max(until - time.monotonic(), 0)))

    def _watch_once(self, client: k8s_client.Client, version: str | None,
                    seconds: float) -> None:
        """Make one watch.

        :raises ConnectionFailed: it broke off; it can go on
        :raises ClusterError: it cannot go on
        """
        if version is None:
            raise errors.MalformedAnswer(
                client.cluster, 'the list told no resourceVersion to watch '
                'from')
        seconds = min(seconds, random.uniform(*_WATCH_SECONDS))  # noqa: S311
        with self._lock:
            if self._wake.is_set():
                return
            self._is_watching = True
        try:
            try:
                lines = client.watch_nodes(version, max(1, math.ceil(seconds)),
                                           _SILENCE)
            except errors.ConnectionFailed as error:
                # The server is away, and may come back with another past.
                raise errors.ClusterError(
                    client.cluster, error.problem) from error
            self._no_watch.forget()
            LOG.log(log.INFO if self._is_news else log.DEBUG,
                    'Cluster %s: watching %d nodes from version %s',
                    client.cluster, len(self.inventory), version)
            self._is_news = False
            for line in lines:
                self.inventory.apply(line)
        finally:
            with self._lock:
                self._is_watching = False
