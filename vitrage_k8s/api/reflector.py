# SPDX-License-Identifier: Apache-2.0
"""Keeps one cluster's inventory true, in two threads of its own.

One thread lists, the other watches. The policy (watch_policy.py) decides when,
and the inventory keeps what they read. This module knows nothing of Vitrage.
The official client's informer (37.0.2) lists without pages, and repeats a
watch that fails without a pause.
"""

from collections.abc import Callable
import contextlib
import datetime
import functools
import random
import threading
import time

from oslo_log import log

from vitrage_k8s.api import bodies
from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet_settings
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes
from vitrage_k8s.api import notices
from vitrage_k8s.api import reader
from vitrage_k8s.api import text
from vitrage_k8s.api import watch_policy

LOG = log.getLogger(__name__)

Failure = watch_policy.Failure

# The timeout of a watch in seconds; random, as in client-go, so that watches
# do not all end at once.
_WATCH_SECONDS = (300, 600)
_FAILED = (watch_policy.UNREACHABLE, watch_policy.UNREADABLE,
           watch_policy.MISCONFIGURED)
# Seconds without a line after which a watch is restarted: the server sends a
# bookmark about every minute while its version moves.
SILENCE = 75.0


class Reflector:
    """Reads from one cluster, until it is stopped.

    :param decoding_slots: bounds how many lists are decoded at a time
    :param news: is notified when a list ends
    :param is_beside: returns whether another cluster reads this address, so
        that a failure of this one is not worth a warning
    :ivar endpoint, options: as they are in use
    :ivar inventory: its nodes
    """

    def __init__(self, endpoint: endpoints.Endpoint,
                 options: fleet_settings.Options,
                 decoding_slots: threading.Semaphore,
                 news: threading.Condition,
                 is_beside: Callable[[], bool]) -> None:
        self.endpoint = endpoint
        self.options = options
        self.inventory = inventories.Inventory(options.max_nodes)
        self._name = endpoint.name
        self._news = news
        self._is_beside = is_beside
        self._notices = notices.Notices(LOG, f'Cluster {self._name}')
        self._reader = reader.Reader(self.inventory, options, decoding_slots,
                                     self._notices)
        self._logged = watch_policy.Health(watch_policy.CONNECTING)
        # Guards what follows, and is notified when it is time to look again.
        self._changed = threading.Condition()
        self._policy = watch_policy.WatchPolicy(
            options.poll_interval, options.is_watching)
        self._clients: dict[str, api_client.Client] = {}
        self._is_stopped = False
        self._unstarted = [self._list_again]
        if options.is_watching:
            self._unstarted.append(self._watch_again)

    @property
    def health(self) -> watch_policy.Health:
        """Whether the cluster can be read."""
        with self._changed:
            return self._policy.health(time.monotonic())

    @property
    def is_listing(self) -> bool:
        """Whether a list is wanted or under way."""
        with self._changed:
            return not self._is_stopped and \
                self._policy.list_due() is not None

    def start(self) -> None:
        """Begin to list and watch, as far as that has not begun.

        :raises RuntimeError: there cannot be another thread now
        """
        while self._unstarted:
            threading.Thread(target=self._unstarted[0], daemon=True,
                             name=f'vitrage-k8s-{self._name}').start()
            del self._unstarted[0]

    def use(self, endpoint: endpoints.Endpoint) -> None:
        """Read from this endpoint; list again if it is another one."""
        with self._changed:
            if endpoint != self.endpoint:
                self.endpoint = endpoint
                self._policy.request_list(time.monotonic())
                self._abort()

    def request_list(self) -> None:
        """List all nodes now."""
        with self._changed:
            self._policy.request_list(time.monotonic())
            self._changed.notify_all()

    def stop(self) -> None:
        """End the threads, without waiting for them."""
        with self._changed:
            self._is_stopped = True
            self._abort()

    def _abort(self, *kinds: str) -> None:
        for kind, client in self._clients.items():
            if kind in kinds or not kinds:
                client.abort()
        self._changed.notify_all()

    def _await(self, due: Callable[[], float | None]) -> bool:
        """Wait until something is due; return whether to go on."""
        with self._changed:
            while not self._is_stopped:
                at, now = due(), time.monotonic()
                if at is not None and at <= now:
                    return True
                self._changed.wait(None if at is None else at - now)
        return False

    def _attempt(self, kind: str, work: Callable[[api_client.Client], None],
                 ) -> tuple[Failure | None, bool]:
        """Run some work with a new client, which _abort(kind) ends.

        :returns: why it failed, if it did, and whether it was aborted
        """
        client: api_client.Client | None = None
        failure: Failure | None = None
        try:
            with self._changed:
                client = api_client.Client(
                    self._name, self.endpoint, self.options.request_timeout)
                self._clients[kind] = client
                if self._is_stopped:
                    client.abort()
            with contextlib.closing(client):
                work(client)
        except errors.KubernetesDatasourceError as error:
            failure = error.failure()
        # The boundary of a cluster: the next attempt may succeed.
        except Exception as error:
            self._notices.log_defect(error)
            failure = errors.DefectError(
                'a defect of this datasource, see the log: '
                f'{type(error).__name__}').failure()
        return failure, client is not None and client.is_aborted

    def _list_again(self) -> None:
        while self._await(self._policy.list_due):
            with self._changed:
                if nodes.number(self.inventory.resource_version) is None:
                    # Without comparable versions, a list and a watch exclude
                    # each other.
                    self._policy.request_list(time.monotonic())
                    self._abort('watch')
            failure, is_aborted = self._attempt('list', self._list)
            with self._changed:
                if is_aborted or self._is_stopped:
                    continue
                if failure is None:
                    self._policy.list_succeeded(time.monotonic())
                else:
                    self._policy.list_failed(time.monotonic(), failure)
                self._changed.notify_all()
            self._log(failure)
            with self._news:
                self._news.notify_all()

    def _list(self, client: api_client.Client) -> None:
        client.max_retries = 0 if self._logged.state in _FAILED \
            else self.options.max_retries
        is_anew = self._reader.read_list(client)
        self.inventory.listed_at = _hour()
        if is_anew:
            # The watch began at a version that no longer counts.
            with self._changed:
                self._abort('watch')

    def _watch_again(self) -> None:
        while self._await(self._policy.watch_due):
            watch = _Watch()
            failure, is_aborted = self._attempt(
                'watch', functools.partial(self._watch, watch))
            if failure is not None:
                self.inventory.watched_since = None
            if is_aborted:
                failure = None
            with self._changed:
                self._policy.watch_ended(
                    time.monotonic(), failure, is_silent=watch.is_silent,
                    has_progressed=watch.has_progressed)
                self._changed.notify_all()
            if failure is not None and not watch.is_expired:
                self._log(failure)

    def _watch(self, watch: '_Watch', client: api_client.Client) -> None:
        """Watch until the watch ends."""
        epoch, version = self.inventory.begin_watch()
        if version is None:
            # The policy lets a list come first.
            return
        if self._policy.is_check_due():
            is_older = self._reader.has_gone_back(client, version)
            with self._changed:
                self._policy.version_checked(time.monotonic(), is_older)
            if is_older:
                return
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311
        has_begun = False
        try:
            with client.watch_nodes(version, seconds, SILENCE) as lines:
                has_begun = True
                with self._changed:
                    self._policy.watch_began(time.monotonic())
                self.inventory.watched_since = \
                    self.inventory.watched_since or _hour()
                LOG.debug('Cluster %s: watching %d nodes from version %s',
                          self._name, len(self.inventory),
                          text.make_safe(version))
                for line in lines:
                    if self._reader.read_event(client, epoch, line):
                        watch.has_progressed = True
        except errors.WatchSilentError:
            watch.is_silent = True
        except errors.ExpiredError as error:
            # This is normal: etcd keeps versions for some minutes only.
            LOG.info('%s; listing again', error)
            watch.is_expired = True
            raise
        except errors.ConnectionFailedError as error:
            if not has_begun:
                raise
            # Balancers cut idle connections. The next one goes on from here.
            LOG.debug('%s; watching again', error)
        if self._policy.is_in_vain(time.monotonic(), watch.has_progressed):
            raise client.malformed('the watches end at once, without news; '
                                   f'{bodies.WHO}')

    def _log(self, failure: Failure | None) -> None:
        """Log the outcome of a list, or the failure of a watch, if it is news.

        Notices log each warning once.
        """
        health, before = self.health, self._logged
        self._logged = health
        if failure is None and health != before:
            LOG.info('Cluster %s can be read%s: %d nodes', self._name,
                     ' again' if before.state in _FAILED else '',
                     len(self.inventory))
        if health.state in _FAILED and self._is_beside():
            LOG.debug('Cluster %s: %s', self._name, health.reason)
        elif health.state in _FAILED:
            self._notices.warn(f'{health.reason}. Its nodes stay in the '
                               'graph as last known')
        elif health.reason and health != before:
            self._notices.warn(f'{health.reason}. Until it can be watched, '
                               'it is listed every poll_interval')
        elif failure and failure.state == watch_policy.UNREADABLE \
                and failure.kind in (errors.Kind.PASSING, errors.Kind.LOGIN,
                                     errors.Kind.DEFECT):
            self._notices.warn(f'{failure.reason}; listing again')
        elif failure:
            # The next list shows whether the server is out of reach.
            LOG.debug('Cluster %s: %s; trying again', self._name,
                      failure.reason)


def _hour() -> str:
    # Not more precise, or each list would change a vertex.
    return f'{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H}:00:00Z'


class _Watch:
    """The outcome of a watch."""

    has_progressed = is_silent = is_expired = False
