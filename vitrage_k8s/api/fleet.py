# SPDX-License-Identifier: Apache-2.0
"""The clusters: settings in, named inventories and their health out.

A thread reads the kubeconfig, and again as long as something is wrong with
it, and at every poll interval; each cluster has a reflector. So nobody who
asks waits for a file, a resolver, a plugin or an API server.
"""

from collections.abc import Callable
import functools
import os
import threading
import time

import msgspec
from oslo_log import log

from vitrage_k8s.api import clusters
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet_settings
from vitrage_k8s.api import idle
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import kubeconfig
from vitrage_k8s.api import reflector as reflectors
from vitrage_k8s.api import watch_policy

LOG = log.getLogger(__name__)

# How soon the kubeconfig is read again where something is wrong, in seconds.
READ_AGAIN = 10.0
# How long a list that has failed for its time may take to say so.
GRACE = 2.0
# How many lists begin at once, and for how long the next one waits for them.
_SIDE_BY_SIDE = 4
_MOMENT = 0.02
# Of a cluster that could not be tried.
_NOTHING = inventories.Inventory(0)


class _Member(msgspec.Struct, frozen=True):
    """A cluster of the configuration.

    :ivar reflector: reads it; None as long as that could not be tried
    :ivar problem: what is wrong with its configuration; None if nothing is
    """

    settings: clusters.ClusterSettings
    reflector: reflectors.Reflector | None = None
    problem: str | None = None

    def now(self) -> clusters.Cluster:
        """Return it as it is now."""
        reader, problem = self.reflector, self.problem
        health = reader.health if reader \
            else clusters.Health(watch_policy.CONNECTING)
        if problem is not None:
            health = clusters.Health(watch_policy.MISCONFIGURED, problem)
        return clusters.Cluster(
            self.settings, health, reader.inventory if reader else _NOTHING,
            reader.endpoint.server if reader else None)


class Fleet:
    """All clusters.

    The threads begin with the first call, in the process that makes it:
    Vitrage forks its workers after it has imported this, and again when one
    of them dies.

    :ivar problems: what was logged of the configuration, with the levels
    """

    _settings: fleet_settings.Settings
    _slots: threading.Semaphore

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Guards what follows, and is notified of news. What is read is not
        # changed but replaced.
        self._news = threading.Condition()
        self._members: dict[str, _Member] = {}
        self._is_whole = False
        self._reads_wanted = self._reads_done = 0
        self._is_stopped = False
        self.problems: dict[str, int] = {}
        self._left_out: dict[str, str] = {}

    def use(self, settings: fleet_settings.Settings, *,
            anew: bool = False) -> None:
        """Read the clusters of these settings from now on; does not wait.

        :param anew: whether to read the kubeconfig now in any case
        """
        if self._pid != os.getpid():
            # In a forked child, where the threads are not.
            self._begin()
        with self._news:
            is_first = not self._reads_wanted
            if is_first or anew or self._settings != settings:
                self._settings = settings
                self._reads_wanted += 1
                self._news.notify_all()
            if is_first:
                self._slots = threading.Semaphore(
                    settings.max_concurrent_lists)
                threading.Thread(target=self._run, daemon=True,
                                 name='vitrage-k8s').start()

    def stop(self) -> None:
        """End all threads, without waiting for them."""
        with self._news:
            self._is_stopped = True
            members = self._members
            self._news.notify_all()
        for member in members.values():
            if member.reflector:
                member.reflector.stop()

    def view(self) -> clusters.View:
        """Return all clusters as they are now."""
        with self._news:
            members, is_whole = self._members, self._is_whole
        view = clusters.View({}, is_whole=is_whole)
        left_out: dict[str, str] = {}
        for name, member in members.items():
            cluster = member.now()
            if reader := self._reader_beside(name):
                left_out[name] = (
                    'its user cannot list nodes, so it is left out; cluster '
                    f'{reader} of the same address is read')
            elif other := view.owner_of_all(cluster.inventory):
                left_out[name] = (
                    f'all of its nodes are nodes of cluster {other} too, so '
                    'it is left out. Do both contexts lead to the same API '
                    'server? Then take one of them out of [kubernetes] '
                    'contexts')
            else:
                view.clusters[name] = cluster
        for name in left_out.keys() - self._left_out.keys():
            LOG.warning('Cluster %s: %s', name, left_out[name])
        self._left_out = left_out
        return msgspec.structs.replace(view, left_out=left_out)

    def _reader_beside(self, name: str) -> str | None:
        """Return who reads the address of a cluster that cannot be read.

        A kubeconfig may have users who may not list nodes; so this is for
        contexts that nobody has named.
        """
        members = self._members
        member = members.get(name)
        reader = member and member.reflector
        if not member or not reader or reader.endpoint.is_named or \
                reader.inventory.is_complete or \
                member.now().health.state == watch_policy.MISCONFIGURED:
            return None
        address = reader.endpoint.place.address
        return next((
            other for other, each in members.items()
            if each.reflector and each.reflector.inventory.is_complete
            and each.reflector.endpoint.place.address == address), None)

    def endpoint(self, name: str) -> endpoints.Endpoint | None:
        """Return where a cluster is; None if that is not known."""
        member = self._members.get(name)
        reader = member and member.reflector
        return reader.endpoint if reader else None

    def take_changed(self) -> set[str]:
        """Return the uids of nodes that changed since the last call."""
        return set().union(*(member.now().inventory.take_changed()
                             for member in self._members.values()))

    def _states(self) -> set[str]:
        return {member.now().health.state for member in self._members.values()}

    def wait_settled(self, seconds: float) -> None:
        """Wait until each cluster was listed or cannot be, but not longer."""
        self._wait(time.monotonic() + seconds, lambda: bool(self._reads_done)
                   and watch_policy.CONNECTING not in self._states())

    def list_all(self, seconds: float) -> None:
        """Read the kubeconfig and list all clusters, side by side.

        :param seconds: how long that may take; what is late is not waited for
        """
        until = time.monotonic() + seconds + GRACE
        wanted = self._reads_wanted
        self._wait(until, lambda: self._reads_done >= wanted)
        readers = [member.reflector for member in self._members.values()
                   if member.reflector and member.problem is None]
        for number, reader in enumerate(readers):
            reader.request_list()
            # More at once would compete for the interpreter. Who does not
            # answer holds up the others for a moment only.
            if number >= _SIDE_BY_SIDE:
                self._wait(time.monotonic() + _MOMENT, functools.partial(
                    lambda before: not before.is_listing,
                    readers[number - _SIDE_BY_SIDE]))
        self._wait(until, lambda: not any(
            reader.is_listing for reader in readers))

    def _wait(self, until: float, condition: Callable[[], bool]) -> None:
        with self._news:
            self._news.wait_for(lambda: self._is_stopped or condition(),
                                max(until - time.monotonic(), 0.0))

    def _run(self) -> None:
        while not self._is_stopped:
            with self._news:
                settings, wanted = self._settings, self._reads_wanted
            try:
                self._read(settings)
            # The top of a thread: whatever it is, the next time may do.
            except Exception as error:
                defect = f'{type(error).__name__}: {error}'
                if defect not in self.problems:
                    LOG.exception('A defect of this datasource')
                self.problems = {defect: log.ERROR}
                self._is_whole = False
            with self._news:
                self._reads_done = wanted
                self._news.notify_all()
            self._wait_for_next_read(wanted, settings.reading.poll_interval)

    def _wait_for_next_read(self, done: int, poll_interval: float) -> None:
        """Wait for poll_interval, or less where something is wrong.

        It may be mended in the kubeconfig.
        """
        until = time.monotonic() + poll_interval
        is_well = True
        while is_well and time.monotonic() < until:
            idle.SESSIONS.close_old()
            with self._news:
                if self._news.wait_for(
                        lambda: self._is_stopped or self._reads_wanted != done,
                        READ_AGAIN):
                    return
                is_well = self._is_whole and \
                    self._states() <= {watch_policy.READY}

    def _read(self, settings: fleet_settings.Settings) -> None:
        """Read the kubeconfig, and begin and end to read clusters."""
        known = {name: member.reflector.endpoint.credentials
                 for name, member in self._members.items()
                 if member.reflector}
        try:
            found = list(kubeconfig.load(
                settings.config_file, list(settings.contexts),
                settings.cluster_name, known,
                settings.reading.request_timeout))
            named = {each.name: each for each in found if isinstance(
                each, (endpoints.Endpoint, errors.MisconfiguredError))}
            wanted, advice = settings.of_clusters(
                {name: each.context for name, each in named.items()})
        except errors.ConfigurationError as error:
            found, named, wanted, advice = [error], {}, {}, []
        members = {name: self._member(each, wanted[name], settings.reading)
                   for name, each in named.items()}
        is_whole = all(isinstance(each, (
            endpoints.Endpoint, errors.MisconfiguredError,
            errors.UnusableEntryError)) for each in found)
        if is_whole:
            found += advice
        self._log([each for each in found
                   if not isinstance(each, endpoints.Endpoint)])
        with self._news:
            before, self._is_whole = self._members, is_whole
            # What could not be read may have the others.
            self._members = members if is_whole \
                else {**members, **before, **members}
            gone = [member for name, member in {**before, **members}.items()
                    if name not in self._members or self._is_stopped]
        for member in gone:
            if member.reflector:
                member.reflector.stop()

    def _member(self, found: endpoints.Endpoint | errors.MisconfiguredError,
                settings: clusters.ClusterSettings,
                options: fleet_settings.Options) -> _Member:
        before = self._members.get(found.name)
        reader = before.reflector if before else None
        if not isinstance(found, endpoints.Endpoint):
            return _Member(settings, reader, found.problem)
        if reader and reader.options == options:
            reader.use(found)
            return _Member(settings, reader)
        if reader:
            reader.stop()
        reader = reflectors.Reflector(
            found, options, self._slots, self._news,
            lambda: self._reader_beside(found.name) is not None)
        reader.start()
        return _Member(settings, reader)

    def _log(self, found: list[errors.KubernetesDatasourceError]) -> None:
        problems = {str(each): each.level for each in found}
        for each, level in sorted(problems.items()):
            LOG.log(log.DEBUG if each in self.problems else level, '%s', each)
        self.problems = problems
