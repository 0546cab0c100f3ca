# SPDX-License-Identifier: Apache-2.0
"""When to list, watch, wait and doubt one cluster, and which health it shows.

Pure: no threads, no I/O, no clock. The caller reports what happened and when,
in seconds of a monotonic clock. doc/source/troubleshooting.rst shows the
decisions as a table. The waits follow client-go's reflector where it has them
(k8s.io/client-go/tools/cache/reflector.go).
"""

from collections.abc import Callable
import enum
import math
import random

import msgspec

CONNECTING = 'Connecting'
READY = 'Ready'
UNREACHABLE = 'Unreachable'
UNREADABLE = 'Unreadable'
MISCONFIGURED = 'Misconfigured'


class Kind(enum.Enum):
    """The kinds of failures that differ in what comes next."""

    #: no connection, a timeout, a server error, a malformed answer
    PASSING = enum.auto()
    #: 429: the server is overloaded
    BUSY = enum.auto()
    #: 403; a server that has just started also answers it to what it allows
    FORBIDDEN = enum.auto()
    #: 401, or no credentials could be had
    LOGIN = enum.auto()
    #: the kubeconfig or a file that it names is wrong
    MISCONFIGURED = enum.auto()
    #: there are more nodes than the operator allows
    TOO_MANY = enum.auto()


class Failure(msgspec.Struct, frozen=True):
    """Why a list or a watch failed: plain data, which keeps no answer alive.

    :ivar kind: decides the next step
    :ivar state: the cluster's state if the failure lasts
    :ivar reason: the text for people
    :ivar retry_after: the Retry-After of the answer in seconds, if any
    :ivar is_retried: whether the request is repeated within the attempt
    """

    kind: Kind
    state: str
    reason: str
    retry_after: float | None = None
    is_retried: bool = False


class Health(msgspec.Struct, frozen=True):
    """Whether a cluster can be read.

    :ivar reason: why the state is not Ready, or why a ready cluster is not
        watched; None if all is well
    """

    state: str
    reason: str | None = None


class _Series(msgspec.Struct):
    """Failures of one kind since the last list that succeeded."""

    since: float
    count: int = 0


# Seconds between attempts after a 403, while the server may be starting; and
# for how long it may be.
DOUBT_STEPS = (0.0, 1.0, 2.0, 4.0, 8.0)
DOUBT = 20.0
# For how long a cluster keeps its state after the first 429.
BUSY = 60.0
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
LONGEST_BUSY_WAIT = 60.0
# The shortest wait between attempts after that time, even if Retry-After is
# shorter.
SHORTEST_BUSY_WAIT = 10.0
MISCONFIGURED_WAIT = 10.0
FORBIDDEN_WATCH_WAIT = 60.0
# A pause follows a watch that ends sooner without an event.
SHORT_WATCH = 1.0
# A watch that lasts as long ends a series of doubts.
LONG_WATCH = 10.0
# After so many silent watches in a row, resource versions are compared.
SILENT_WATCHES = 3


def _jitter() -> float:
    return random.uniform(0.75, 1.0)  # noqa: S311


class WatchPolicy:
    """The decisions about one cluster.

    :param poll_interval: seconds between two lists where nothing is wrong
    :param is_watching: whether there are watches at all; without them, lists
        are on request only
    :param jitter: returns what a wait is multiplied with
    """

    def __init__(self, poll_interval: float, is_watching: bool = True,
                 jitter: Callable[[], float] = _jitter) -> None:
        self._poll_interval = poll_interval
        self._is_watching = is_watching
        self._jitter = jitter
        self._verdict = Health(CONNECTING)
        self._list_at = -math.inf if is_watching else None
        # The list that is due comes before the next watch.
        self._is_in_doubt = True
        self._failure: Failure | None = None
        self._series: dict[Kind, _Series] = {}
        self._watch_at = 0.0
        self._watch_since: float | None = None
        # Whether the last watch ended, if it did, only to go on.
        self._is_watched = False
        self._watch_failure: Failure | None = None
        self._refusals = self._doubts = self._short = self._silent = 0

    def list_due(self) -> float | None:
        """Return when to list; None for when it is requested."""
        return self._list_at

    def watch_due(self) -> float | None:
        """Return when to watch; None for not before a list."""
        if not self._is_watching or self._is_in_doubt:
            return None
        return self._watch_at

    def is_check_due(self) -> bool:
        """Return whether to compare resource versions before the next watch.

        A server that went back to an older version (a restored etcd) accepts
        a watch from the future, and is silent. So is an idle one.
        """
        return self._silent >= SILENT_WATCHES

    def health(self, now: float) -> Health:
        """Return the health that the graph shows."""
        failure = self._failure
        if failure is None:
            if self._verdict.state != READY:
                return self._verdict
            return Health(READY, self._why_not_watched())
        if self._is_doubtful(failure, now):
            return self._verdict
        if failure.kind is Kind.PASSING and self._has_watch():
            return Health(READY)
        return Health(failure.state, failure.reason)

    def _has_watch(self) -> bool:
        return self._watch_since is not None or (
            self._is_watched and not self._is_in_doubt)

    def _is_doubtful(self, failure: Failure, now: float) -> bool:
        """Return whether the cluster keeps its state despite a failure."""
        patience = {Kind.FORBIDDEN: DOUBT, Kind.BUSY: BUSY}.get(
            failure.kind, 0.0)
        return now - self._series[failure.kind].since < patience and (
            self._is_watching or self._list_at is not None)

    def _why_not_watched(self) -> str | None:
        failure = self._watch_failure
        is_verdict = self._refusals > len(DOUBT_STEPS)
        return failure.reason if failure and is_verdict else None

    def request_list(self, now: float) -> None:
        """Request a list at this time, before the next watch."""
        self._list_at = now
        self._is_in_doubt = True

    def list_succeeded(self, now: float) -> None:
        """Take note of a complete list."""
        self._verdict = Health(READY)
        if self._failure is not None:
            # A watch that was refused is tried at once.
            self._watch_failure = None
            self._refusals = 0
        self._failure = None
        self._series.clear()
        self._is_in_doubt = False
        self._list_at = now + self._poll_interval if self._is_watching \
            else None

    def list_failed(self, now: float, failure: Failure) -> None:
        """Take note of a list that did not come to its end."""
        before = self._failure
        if before is None or before.kind != failure.kind:
            self._verdict = self.health(now)
        if failure.kind is Kind.FORBIDDEN:
            # Not the watch alone is refused.
            self._watch_failure = None
            self._refusals = 0
        self._failure = failure
        # Each kind has its own series: a 403 after an outage is retried as
        # often as any, and two alternating kinds do not reset each other.
        series = self._series.setdefault(failure.kind, _Series(now))
        series.count += 1
        is_asked_again = self._is_watching or (
            failure.kind is Kind.FORBIDDEN
            and series.count <= len(DOUBT_STEPS))
        self._list_at = now + self._wait(failure, series, now) \
            if is_asked_again else None

    def _wait(self, failure: Failure, series: _Series, now: float) -> float:
        attempt = series.count - 1
        match failure.kind:
            case Kind.BUSY if failure.retry_after is not None:
                shortest = self._backoff(0) if now - series.since < BUSY \
                    else SHORTEST_BUSY_WAIT
                return min(max(failure.retry_after, shortest),
                           LONGEST_BUSY_WAIT)
            case Kind.BUSY:
                return self._backoff(attempt, LONGEST_BUSY_WAIT)
            case Kind.FORBIDDEN:
                return DOUBT_STEPS[attempt] if attempt < len(DOUBT_STEPS) \
                    else LONGEST_WAIT
            case Kind.LOGIN:
                return self._backoff(attempt, self._poll_interval)
            case Kind.MISCONFIGURED:
                return MISCONFIGURED_WAIT
        return max(self._backoff(attempt),
                   min(failure.retry_after or 0.0, LONGEST_WAIT))

    def _backoff(self, attempt: int, longest: float | None = None) -> float:
        return min(FIRST_WAIT * 2.0 ** min(attempt, 30),
                   longest or LONGEST_WAIT) * self._jitter()

    def watch_began(self, now: float) -> None:
        """Take note that the server has accepted a watch."""
        self._watch_since = now
        self._is_watched = True
        self._watch_failure = None
        self._refusals = 0

    def watch_ended(self, now: float, failure: Failure | None = None, *,
                    has_progressed: bool = False,
                    is_silent: bool = False) -> None:
        """Take note of the end of a watch, or of one that could not begin.

        :param failure: why it ended; None for a timeout or a cut connection,
            after which the next watch goes on from there
        :param has_progressed: whether its resource version moved
        :param is_silent: whether it was ended for silence
        """
        began, self._watch_since = self._watch_since, None
        lasted = 0.0 if began is None else now - began
        if lasted >= LONG_WATCH:
            self._doubts = 0
        if has_progressed:
            self._short = self._silent = 0
        if failure is not None:
            self._is_watched = False
        if failure is not None and failure.kind is Kind.FORBIDDEN:
            self._watch_was_refused(now, failure)
        elif failure is not None:
            if failure.kind is Kind.TOO_MANY:
                # Only a shorter list ends this.
                self.list_failed(now, failure)
            self.request_list(now + max(self._doubt(), min(
                failure.retry_after or 0.0, LONGEST_BUSY_WAIT)))
        elif is_silent:
            self._silent += 1
            self._watch_at = now
        elif has_progressed or lasted >= SHORT_WATCH:
            self._short = 0
            self._watch_at = now
        else:
            self._is_watched = False
            self._watch_at = now + self._backoff(self._short)
            self._short += 1

    def _doubt(self) -> float:
        """Return the wait before the list that follows a doubtful watch."""
        self._doubts += 1
        return self._backoff(self._doubts - 2) if self._doubts > 1 else 0.0

    def _watch_was_refused(self, now: float, failure: Failure) -> None:
        if self._refusals == 0:
            # A list shows whether all is refused.
            self.request_list(now + self._doubt())
        self._watch_failure = failure
        self._watch_at = now + (
            DOUBT_STEPS[self._refusals] if self._refusals < len(DOUBT_STEPS)
            else FORBIDDEN_WATCH_WAIT)
        self._refusals += 1

    def version_checked(self, now: float, is_older: bool) -> None:
        """Take note of the answer to is_check_due()."""
        self._silent = 0
        if is_older:
            self.request_list(now)


# How often one attempt repeats a request that is answered 429, as client-go.
BUSY_RETRIES = 10
FIRST_RETRY = 0.8
# The longest waits within an attempt, without and with Retry-After. Longer
# waits fall between attempts, where the failure is shown.
LONGEST_BACKOFF = 5.0
LONGEST_ASKED = 10.0


def retry_wait(failure: Failure, attempt: int, max_retries: int,
               jitter: float = 1.0) -> float | None:
    """Return the wait before a request is repeated within an attempt.

    :param failure: why the last one failed
    :param attempt: how often it was repeated already
    :param max_retries: how often it may be
    :returns: seconds; None if it is not repeated
    """
    if failure.kind is Kind.BUSY:
        max_retries = BUSY_RETRIES
    if not failure.is_retried or attempt >= max_retries:
        return None
    if failure.retry_after is None:
        return min(FIRST_RETRY * 2.0 ** min(attempt, 30),
                   LONGEST_BACKOFF) * jitter
    if failure.retry_after > LONGEST_ASKED:
        return None
    return max(failure.retry_after, 0.2)
