# SPDX-License-Identifier: Apache-2.0
"""When to list, watch, wait and doubt one cluster, and which health it shows.

Pure: no threads, no I/O, no clock. The caller reports what happened and when,
in seconds of a monotonic clock. doc/source/troubleshooting.rst shows the
decisions as a table. The waits follow client-go's reflector where it has them.
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

    # no connection, a timeout, a server error, a malformed answer
    PASSING = enum.auto()
    # 429: the server is overloaded
    BUSY = enum.auto()
    # 403; a server that has just started may refuse what it allows
    FORBIDDEN = enum.auto()
    # 401, or no credentials could be had
    LOGIN = enum.auto()
    # what the kubeconfig says is wrong
    MISCONFIGURED = enum.auto()
    # there are more nodes than the operator allows
    TOO_MANY = enum.auto()
    # an exception that nobody foresaw
    DEFECT = enum.auto()


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

    :ivar reason: why the state is not Ready, or why it is not watched
    """

    state: str
    reason: str | None = None


# Seconds between attempts after a 403, and for how long the server may start.
DOUBT_STEPS = (0.0, 1.0, 2.0, 4.0, 8.0)
DOUBT = 20.0
# For how long a cluster keeps its state after the first 429; and the shortest
# wait after that, even if Retry-After is shorter.
BUSY = 60.0
SHORTEST_BUSY_WAIT = 10.0
LONGEST_BUSY_WAIT = 60.0
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
MISCONFIGURED_WAIT = 10.0
FORBIDDEN_WATCH_WAIT = 60.0
# A pause follows a watch that ends sooner without news; a doubt, so many.
SHORT_WATCH = 1.0
SHORT_WATCHES = 3
# A watch that lasts as long ends a series of doubts.
LONG_WATCH = 10.0
# After so many silent watches in a row, resource versions are compared.
SILENT_WATCHES = 3


def _asked(failure: Failure) -> float:
    """Return how long the server wants to be left alone, within the table."""
    longest = {Kind.BUSY: LONGEST_BUSY_WAIT, Kind.PASSING: LONGEST_WAIT}
    return min(failure.retry_after or 0.0, longest.get(failure.kind, 0.0))


def _jitter() -> float:
    return random.uniform(0.75, 1.0)  # noqa: S311


class WatchPolicy:
    """The decisions about one cluster.

    :param poll_interval: seconds between two lists where nothing is wrong
    :param is_watching: whether there are watches; else lists are on request
    :param jitter: returns the factor for a wait
    """

    def __init__(self, poll_interval: float, is_watching: bool = True,
                 jitter: Callable[[], float] = _jitter) -> None:
        self._poll_interval = poll_interval
        self._is_watching = is_watching
        self._jitter = jitter
        # The health before the failure.
        self._verdict = Health(CONNECTING)
        self._failure: Failure | None = None
        # Since when and how often lists have failed, by kind of failure: the
        # doubt about a 403 does not begin with an outage before it.
        self._series: dict[Kind, tuple[float, int]] = {}
        self._list_at = -math.inf if is_watching else None
        self._watch_at: float | None = None
        self._watch_since: float | None = None
        # Whether there is a watch, or the last one ended only to go on.
        self._is_watched = False
        self._refusal: Failure | None = None
        # Counts, each of what happened in a row.
        self._refusals = self._doubts = self._short = self._silent = 0

    def list_due(self) -> float | None:
        """Return when to list; None if only on request."""
        return self._list_at

    def watch_due(self) -> float | None:
        """Return when to watch; None if not before a list."""
        return self._watch_at

    def is_check_due(self) -> bool:
        """Return whether to compare resource versions before the next watch.

        An idle server is silent. So is one that went back to an older version
        (a restored etcd), for it accepts a watch from the future.
        """
        return self._silent >= SILENT_WATCHES

    def is_in_vain(self, now: float, has_progressed: bool) -> bool:
        """Return whether a watch ends at once, as some before it did."""
        return not has_progressed and self._short >= SHORT_WATCHES \
            and now - (self._watch_since or now) < SHORT_WATCH

    def health(self, now: float) -> Health:
        """Return the health that the graph shows."""
        failure = self._failure
        if failure is None:
            if self._verdict.state == READY and self._refusal \
                    and self._refusals > len(DOUBT_STEPS):
                return Health(READY, self._refusal.reason)
            return self._verdict
        patience = {Kind.FORBIDDEN: DOUBT, Kind.BUSY: BUSY}.get(
            failure.kind, 0.0)
        if self._list_at is not None \
                and now - self._series[failure.kind][0] < patience:
            return self._verdict
        if failure.kind is Kind.PASSING and self._is_watched and (
                self._watch_since is not None or self._watch_at is not None):
            return Health(READY)
        return Health(failure.state, failure.reason)

    def request_list(self, now: float) -> None:
        """Request a list at this time, before the next watch."""
        self._list_at = now
        self._watch_at = None

    def list_succeeded(self, now: float) -> None:
        """Take note of a complete list."""
        if self._failure is not None:
            # A watch that was refused is tried at once.
            self._refusals = 0
        self._verdict = Health(READY)
        self._failure = None
        self._series.clear()
        self._list_at = None
        if self._is_watching:
            self._list_at = now + self._poll_interval
            self._watch_at = self._watch_at or now

    def list_failed(self, now: float, failure: Failure) -> None:
        """Take note of a list that failed."""
        kind = failure.kind
        if self._failure is None or self._failure.kind != kind:
            self._verdict = self.health(now)
        if kind is Kind.FORBIDDEN:
            # Lists are refused too, and not the watch alone.
            self._refusals = 0
        self._failure = failure
        since, count = self._series.get(kind, (now, 0))
        self._series[kind] = since, count + 1
        is_asked_again = self._is_watching or (
            kind is Kind.FORBIDDEN and count < len(DOUBT_STEPS))
        self._list_at = now + self._wait(failure, count, now - since) \
            if is_asked_again else None

    def _wait(self, failure: Failure, count: int, age: float) -> float:
        # Lists failed so `count` times before, at first `age` seconds ago.
        kind = failure.kind
        if kind is Kind.FORBIDDEN:
            return (*DOUBT_STEPS, LONGEST_WAIT)[min(count, len(DOUBT_STEPS))]
        if kind is Kind.MISCONFIGURED:
            return MISCONFIGURED_WAIT
        longest = {Kind.BUSY: LONGEST_BUSY_WAIT,
                   Kind.LOGIN: self._poll_interval}.get(kind, LONGEST_WAIT)
        wait = self._backoff(count, longest)
        if kind is Kind.BUSY and failure.retry_after is not None:
            wait = self._backoff(0) if age < BUSY else SHORTEST_BUSY_WAIT
        return max(wait, _asked(failure))

    def _backoff(self, count: int, longest: float | None = None) -> float:
        return min(FIRST_WAIT * 2.0 ** min(count, 30),
                   longest or LONGEST_WAIT) * self._jitter()

    def watch_began(self, now: float) -> None:
        """Take note that the server has accepted a watch."""
        self._watch_since = now
        self._is_watched = True
        self._refusals = 0

    def watch_ended(self, now: float, failure: Failure | None = None, *,
                    has_progressed: bool = False,
                    is_silent: bool = False) -> None:
        """Take note of the end of a watch, or of one that could not begin.

        :param failure: why it ended; None if the next goes on from there
        :param has_progressed: whether its resource version moved
        :param is_silent: whether it was ended for silence
        """
        began, self._watch_since = self._watch_since, None
        lasted = 0.0 if began is None else now - began
        wait = 0.0
        if lasted >= LONG_WATCH:
            self._doubts = 0
        if has_progressed:
            self._silent = 0
        if has_progressed or lasted >= SHORT_WATCH:
            self._short = 0
        if failure is not None:
            self._is_watched = False
            wait = self._watch_failed(now, failure)
        elif is_silent:
            self._silent += 1
        elif not has_progressed and lasted < SHORT_WATCH:
            self._is_watched = False
            wait = self._backoff(self._short)
            self._short += 1
        if self._watch_at is not None:
            self._watch_at = now + wait

    def _watch_failed(self, now: float, failure: Failure) -> float:
        """Return the wait for the next watch, if no list comes before it."""
        if failure.kind is Kind.FORBIDDEN:
            self._refusal = failure
            self._refusals += 1
            # One list shows whether lists are refused too.
            if self._refusals > 1:
                return (*DOUBT_STEPS, FORBIDDEN_WATCH_WAIT)[
                    min(self._refusals - 1, len(DOUBT_STEPS))]
        elif failure.kind is Kind.TOO_MANY:
            # Only a shorter list ends this.
            self.list_failed(now, failure)
        doubt = self._backoff(self._doubts - 1) if self._doubts else 0.0
        self._doubts += 1
        self.request_list(now + max(doubt, _asked(failure)))
        return 0.0

    def version_checked(self, now: float, is_older: bool) -> None:
        """Take note of the answer to is_check_due()."""
        self._silent = 0
        if is_older:
            self.request_list(now)


# How often one attempt repeats a request that is answered 429, as client-go.
BUSY_RETRIES = 10
FIRST_RETRY = 0.8
# The longest waits within an attempt, without and with Retry-After.
LONGEST_BACKOFF = 5.0
LONGEST_ASKED = 10.0


def retry_wait(failure: Failure, attempt: int, max_retries: int,
               jitter: Callable[[], float] = _jitter) -> float | None:
    """Return the wait before a request is repeated within an attempt.

    :param attempt: how often it was repeated already, of max_retries
    :returns: seconds; None if it is not repeated
    """
    asked = failure.retry_after
    if failure.kind is Kind.BUSY:
        max_retries = BUSY_RETRIES
    if not failure.is_retried or attempt >= max_retries \
            or (asked or 0.0) > LONGEST_ASKED:
        return None
    return max(asked, 0.2) if asked is not None else min(
        FIRST_RETRY * 2.0 ** min(attempt, 30), LONGEST_BACKOFF) * jitter()
