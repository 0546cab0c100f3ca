# SPDX-License-Identifier: Apache-2.0
"""The clusters: settings in, named inventories and their health out.

A thread reads the kubeconfig every poll_interval, and more often as long as
something is wrong. Each cluster has a reflector. So no caller waits for a
file, a resolver, a plugin or an API server.
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
# Seconds after list_timeout in which a list reports that it took too long.
GRACE = 2.0
# How many lists begin at once, and for how long the next one waits for them.
_SIDE_BY_SIDE = 2
_MOMENT = 0.02
_NOTHING = inventories.Inventory(0)  # of a cluster without a reflector


class _Member(msgspec.Struct, frozen=True):
    """A cluster of the configuration.

    :ivar reflector: None until its endpoint is known
    :ivar problem: what is wrong with its configuration; None if nothing is
    """

    settings: clusters.ClusterSettings
    reflector: reflectors.Reflector | None = None
    problem: str | None = None

    def now(self) -> clusters.Cluster:
        """Return it as it is now."""
        reflector = self.reflector
        health = reflector.health if reflector \
            else clusters.Health(watch_policy.CONNECTING)
        if self.problem is not None:
            health = clusters.Health(watch_policy.MISCONFIGURED, self.problem)
        return clusters.Cluster(
            self.settings, health,
            reflector.inventory if reflector else _NOTHING,
            reflector.endpoint.server if reflector else None)


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
        # Guards what follows; its collections are replaced, and not changed.
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
            self._begin()
        with self._news:
            if not self._reads_wanted:
                self._slots = threading.Semaphore(
                    settings.max_concurrent_lists)
                # If it cannot start, the next call tries again.
                threading.Thread(target=self._run, daemon=True,
                                 name='vitrage-k8s').start()
            if not self._reads_wanted or anew or self._settings != settings:
                self._settings = settings
                self._reads_wanted += 1
                self._news.notify_all()

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
            if other := self._read_instead(name):
                left_out[name] = (
                    'its user cannot list nodes, so it is left out; cluster '
                    f'{other} of the same address is read')
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

    def _read_instead(self, name: str) -> str | None:
        """Return the cluster that reads the address of one that is not read.

        A kubeconfig may have users who may not list nodes. So this is for
        contexts that the operator has not named.
        """
        members = self._members
        member = members.get(name)
        reflector = member and member.reflector
        if not member or not reflector or reflector.endpoint.is_named or \
                reflector.inventory.is_complete or \
                member.now().health.state == watch_policy.MISCONFIGURED:
            return None
        address = reflector.endpoint.place.address
        return next((
            other for other, each in members.items()
            if each.reflector and each.reflector.inventory.is_complete
            and each.reflector.endpoint.place.address == address), None)

    def endpoint(self, name: str) -> endpoints.Endpoint | None:
        """Return where a cluster is; None if that is not known."""
        member = self._members.get(name)
        return member.reflector.endpoint \
            if member and member.reflector else None

    def take_changed(self) -> set[str]:
        """Return the uids of nodes that changed since the last call."""
        return set().union(*(member.now().inventory.take_changed()
                             for member in self._members.values()))

    def _states(self) -> set[str]:
        return {member.now().health.state for member in self._members.values()}

    def wait_settled(self, seconds: float) -> None:
        """Wait until each cluster is listed or has failed, within seconds."""
        self._wait(time.monotonic() + seconds, lambda: bool(self._reads_done)
                   and watch_policy.CONNECTING not in self._states())

    def list_all(self, seconds: float) -> None:
        """Read the kubeconfig and list all clusters, side by side.

        :param seconds: how long to wait at most
        """
        until = time.monotonic() + seconds + GRACE
        wanted = self._reads_wanted
        self._wait(until, lambda: self._reads_done >= wanted)
        asked = [member.reflector for member in self._members.values()
                 if member.reflector and member.problem is None]
        began = time.monotonic()
        for number, reflector in enumerate(asked):
            reflector.request_list()
            # More at once would compete for the interpreter. A server that
            # does not answer delays the others for a moment only.
            if number >= _SIDE_BY_SIDE:
                self._wait(min(time.monotonic() + _MOMENT, began + GRACE / 2),
                           functools.partial(
                               lambda before: not before.is_listing,
                               asked[number - _SIDE_BY_SIDE]))
        # Each has its time from when it begins.
        until += time.monotonic() - began
        self._wait(until, lambda: not any(
            reflector.is_listing for reflector in asked))

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
            # The top of a thread: the next attempt may succeed.
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
        """Wait for poll_interval; for READ_AGAIN if something is wrong."""
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
        """Read the kubeconfig, and start and stop reflectors."""
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
        self._log(found)
        with self._news:
            before, self._is_whole = self._members, is_whole
            # The missing ones may be in what could not be read.
            self._members = members if is_whole \
                else {**members, **before, **members}
            gone = [member for name, member in {**before, **members}.items()
                    if name not in self._members or self._is_stopped]
        for member in gone:
            if member.reflector:
                member.reflector.stop()
        # Not before they are known: one that fails loses nothing.
        for member in self._members.values():
            if member.reflector:
                member.reflector.start()

    def _member(self, found: endpoints.Endpoint | errors.MisconfiguredError,
                settings: clusters.ClusterSettings,
                options: fleet_settings.Options) -> _Member:
        before = self._members.get(found.name)
        reflector = before.reflector if before else None
        if not isinstance(found, endpoints.Endpoint):
            return _Member(settings, reflector, found.problem)
        if reflector and reflector.options == options:
            reflector.use(found)
            return _Member(settings, reflector)
        if reflector:
            reflector.stop()
        return _Member(settings, reflectors.Reflector(
            found, options, self._slots, self._news,
            lambda: self._read_instead(found.name) is not None))

    def _log(self, found: list[kubeconfig.Found]) -> None:
        problems = {str(each): each.level for each in found
                    if not isinstance(each, endpoints.Endpoint)}
        for each, level in sorted(problems.items()):
            LOG.log(log.DEBUG if each in self.problems else level, '%s', each)
        self.problems = problems
