# SPDX-License-Identifier: Apache-2.0
"""The clusters: settings in, named inventories and their health out.

A thread reads the kubeconfig, and again as long as something is wrong with
it, and at every poll interval; each cluster has a reflector. So nobody who
asks waits for a file, a resolver, a plugin or an API server. Knows nothing of
Vitrage.
"""

from collections.abc import Callable
from collections.abc import Iterable
import functools
import os
import threading
import time

from oslo_log import log

from vitrage_k8s.api import clusters
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet_settings
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import kubeconfig
from vitrage_k8s.api import member as fleet_members
from vitrage_k8s.api import reflector
from vitrage_k8s.api import watch_policy

LOG = log.getLogger(__name__)

# How soon the kubeconfig is read again where something is wrong, in seconds.
READ_AGAIN = 10.0
# How long a list that has failed for its time may take to say so.
GRACE = 2.0


class Fleet:
    """All clusters.

    The threads begin with the first call, in the process that makes it:
    Vitrage forks its workers after it has imported this, and again when one
    of them dies.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Guards what follows, and is notified of news.
        self._news = threading.Condition()
        self._settings: fleet_settings.Settings | None = None
        self._members: dict[str, fleet_members.Member] = {}
        self._is_whole = False
        self._reads_wanted = self._reads_done = 0
        self._is_stopped = False
        self._thread: threading.Thread | None = None
        self._logged: dict[str, int] = {}
        self._left_out: frozenset[str] = frozenset()
        self._slots = threading.Semaphore()

    def use(self, settings: fleet_settings.Settings, *,
            anew: bool = False) -> None:
        """Read the clusters of these settings from now on; does not wait.

        :param anew: whether to read the kubeconfig now in any case
        """
        if self._pid != os.getpid():
            # In a forked child, where the threads are not.
            self._begin()
        with self._news:
            if self._settings != settings or anew:
                self._settings = settings
                self._reads_wanted += 1
                self._news.notify_all()
            if self._thread is None:
                self._slots = threading.Semaphore(
                    settings.max_concurrent_lists)
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name='vitrage-k8s')
                self._thread.start()

    def stop(self) -> None:
        """End all threads, without waiting for them."""
        with self._news:
            self._is_stopped = True
            members = list(self._members.values())
            self._news.notify_all()
        for member in members:
            if member.reflector:
                member.reflector.stop()

    def view(self) -> clusters.View:
        """Return all clusters as they are now."""
        with self._news:
            members = list(self._members.values())
            is_whole = self._is_whole
        shown: dict[str, clusters.Cluster] = {}
        left_out: dict[str, str] = {}
        for member in members:
            other = self._owner_of_all(member.inventory, shown)
            if reader := self._reader_beside(member, members):
                left_out[member.settings.name] = (
                    'its user cannot list nodes, so it is left out; cluster '
                    f'{reader} of the same address is read')
            elif other is None:
                shown[member.settings.name] = clusters.Cluster(
                    member.settings, member.health, member.inventory,
                    member.reflector.endpoint.server
                    if member.reflector else None)
            else:
                left_out[member.settings.name] = (
                    f'all of its nodes are nodes of cluster {other} too, so '
                    'it is left out. Do both contexts lead to the same API '
                    'server? Then take one of them out of [kubernetes] '
                    'contexts')
        for name in left_out.keys() - self._left_out:
            LOG.warning('Cluster %s: %s', name, left_out[name])
        self._left_out = frozenset(left_out)
        return clusters.View(shown, self._left_out, is_whole)

    def _is_beside(self, member: fleet_members.Member) -> bool:
        with self._news:
            members = list(self._members.values())
        return self._reader_beside(member, members) is not None

    @staticmethod
    def _reader_beside(member: fleet_members.Member,
                       others: list[fleet_members.Member]) -> str | None:
        """Return who reads the address of a cluster that cannot be read.

        A kubeconfig may have users who may not list nodes; so this is for
        contexts that nobody has named.
        """
        reader = member.reflector
        if reader is None or reader.endpoint.is_named or \
                reader.inventory.is_complete or \
                member.health.state == watch_policy.MISCONFIGURED:
            return None
        address = reader.endpoint.place.address
        return next((other.settings.name for other in others
                     if other.reflector and other.inventory.is_complete
                     and other.reflector.endpoint.place.address == address),
                    None)

    @staticmethod
    def _owner_of_all(inventory: inventories.Inventory,
                      shown: dict[str, clusters.Cluster]) -> str | None:
        """Return the first of other clusters that have all of its nodes."""
        owner = None
        for uid in inventory.uids() if shown else ():
            owner = next((name for name, other in shown.items()
                          if uid in other.inventory), None)
            if owner is None:
                return None
        return owner

    @property
    def problems(self) -> dict[str, int]:
        """What was logged of the configuration, with the levels of the log."""
        with self._news:
            return dict(self._logged)

    def endpoint(self, name: str) -> endpoints.Endpoint | None:
        """Return where a cluster is; None if that is not known."""
        with self._news:
            member = self._members.get(name)
        return member.reflector.endpoint if member and member.reflector \
            else None

    def take_changed(self) -> set[str]:
        """Return the uids of nodes that changed since the last call."""
        with self._news:
            members = list(self._members.values())
        return set().union(*(member.inventory.take_changed()
                             for member in members))

    def wait_settled(self, seconds: float) -> None:
        """Wait until each cluster was listed or cannot be, but not longer."""
        self._wait(seconds, lambda: self._reads_done > 0 and all(
            member.health.state != watch_policy.CONNECTING
            for member in self._members.values()))

    def list_all(self, seconds: float) -> None:
        """Read the kubeconfig and list all clusters, side by side.

        :param seconds: how long that may take; what is late is not waited for
        """
        seconds += GRACE
        until = time.monotonic() + seconds
        with self._news:
            wanted = self._reads_wanted
        self._wait(seconds, lambda: self._reads_done >= wanted)
        with self._news:
            readers = [member.reflector for member in self._members.values()
                       if member.reflector and member.problem is None]
        for reader in readers:
            reader.request_list()
        self._wait(until - time.monotonic(), lambda: not any(
            reader.is_listing for reader in readers))

    def _wait(self, seconds: float, condition: Callable[[], bool]) -> None:
        with self._news:
            self._news.wait_for(lambda: self._is_stopped or condition(),
                                max(seconds, 0.0))

    def _run(self) -> None:
        while True:
            with self._news:
                if self._is_stopped:
                    return
                settings, wanted = self._settings, self._reads_wanted
            if settings is None:
                continue
            try:
                self._read(settings)
            # The top of a thread: whatever it is, the next time may do.
            except Exception as error:
                defect = f'{type(error).__name__}: {error}'
                if defect not in self._logged:
                    LOG.exception('A defect of this datasource')
                self._logged = {defect: log.ERROR}
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
            with self._news:
                if self._news.wait_for(
                        lambda: self._is_stopped or self._reads_wanted != done,
                        READ_AGAIN):
                    return
                is_well = self._is_whole and all(
                    member.health.state == watch_policy.READY
                    for member in self._members.values())

    def _read(self, settings: fleet_settings.Settings) -> None:
        """Read the kubeconfig, and begin and end to read clusters."""
        known = {name: member.reflector.endpoint.credentials
                 for name, member in self._members.items()
                 if member.reflector}
        projects: dict[str, str] = {}
        found: list[endpoints.Endpoint | errors.KubernetesDatasourceError]
        try:
            projects = settings.project_ids()
            found = list(kubeconfig.load(
                settings.config_file, list(settings.contexts),
                settings.cluster_name, known,
                settings.reading.request_timeout))
        except errors.ConfigurationError as error:
            found = [error]
        named = [each for each in found if isinstance(
            each, (endpoints.Endpoint, errors.MisconfiguredError))]
        members = {}
        for each in named:
            member = self._member(each, settings, projects)
            members[member.settings.name] = member
        is_whole = all(isinstance(each, (
            endpoints.Endpoint, errors.MisconfiguredError,
            errors.UnusableEntryError)) for each in found)
        if is_whole:
            found += [errors.AdviceError(
                f'[kubernetes] {option} names what is not read: {each}. It '
                'takes the names of clusters in the graph')
                for option, given in (
                    ('projects', projects.keys()),
                    ('host_contexts', settings.host_clusters()))
                for each in given - members.keys()]
        self._note_errors([each for each in found
                           if not isinstance(each, endpoints.Endpoint)])
        with self._news:
            before, self._members = self._members, members
            self._is_whole = is_whole
            if not is_whole:
                # What could not be read may have them.
                self._members = {**members, **{
                    name: member for name, member in before.items()
                    if name not in members}}
            gone = [member for name, member in {**before, **members}.items()
                    if name not in self._members or self._is_stopped]
        for member in gone:
            if member.reflector:
                member.reflector.stop()

    def _member(self, found: endpoints.Endpoint | errors.MisconfiguredError,
                settings: fleet_settings.Settings,
                projects: dict[str, str]) -> fleet_members.Member:
        name = found.name if isinstance(found, endpoints.Endpoint) \
            else found.cluster
        identity = settings.of_cluster(name, projects.get(name))
        member = self._members.get(name)
        if member is None:
            member = fleet_members.Member(identity, settings.reading.max_nodes)
        member.settings = identity
        if not isinstance(found, endpoints.Endpoint):
            member.problem = found.problem
        else:
            member.problem = None
            if member.reflector and \
                    member.reflector.options != settings.reading:
                member.reflector.stop()
                member.reflector = None
            if member.reflector is None:
                member.reflector = reflector.Reflector(
                    name, found, settings.reading, self._slots, self._news,
                    functools.partial(self._is_beside, member))
                member.reflector.start()
            else:
                member.reflector.use(found)
        return member

    def _note_errors(
            self, found: Iterable[errors.KubernetesDatasourceError]) -> None:
        levels = {str(each): each.level for each in found}
        for each, level in sorted(levels.items()):
            LOG.log(log.DEBUG if each in self._logged else level, '%s', each)
        self._logged = levels
