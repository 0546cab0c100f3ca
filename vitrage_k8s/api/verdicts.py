# SPDX-License-Identifier: Apache-2.0
"""What to make of requests that fail: doubt, or a verdict that is shown.

Decides only. The clock is handed in; who asks, waits and logs is elsewhere.
"""

from collections.abc import Callable
import time

from vitrage_k8s.api import errors
from vitrage_k8s.api import retries

# How long a 403 is doubt. In the first second after its start kube-apiserver
# 1.36 answers 403 to what it allows a moment later, for its caches of roles
# are empty; and a change of roles takes a while to reach every API server.
_DOUBT = 20.0

# What is in doubt is asked again at once, and then after this time, doubling
# up to eight times of it.
_DOUBT_DELAY = 1.0
_DOUBLINGS = 3

# After how many seconds a list is asked for again that is not allowed.
_LIST_AGAIN = 30.0


class Refusals:
    """What to make of it that the same request is answered 403 in a row.

    :param clock: returns the time in seconds, as ``time.monotonic`` does
    :ivar is_believed: whether it is a verdict by now
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.is_believed = False
        self._clock = clock
        self._since: float | None = None
        self._count = 0

    def add(self) -> float | None:
        """Take note of a 403.

        :returns: how many seconds later to ask again, for it is in doubt;
            None if it is to be believed
        """
        now = self._clock()
        if self._since is None:
            self._since = now
        left = self._since + _DOUBT - now
        if self.is_believed or left <= 0:
            self.is_believed = True
            return None
        self._count += 1
        if self._count == 1:
            return 0.0
        return min(_DOUBT_DELAY * 2 ** min(self._count - 2, _DOUBLINGS), left)

    def forget(self) -> None:
        """Take note of any other answer, or of none."""
        self.is_believed = False
        self._since = None
        self._count = 0


class Lists:
    """What the lists of one cluster have come to.

    :param clock: returns the time in seconds, as ``time.monotonic`` does
    :ivar failure: why the cluster cannot be read; None if it can, or if that
        is not known yet
    :ivar pause: how many seconds later to list again, for a 403 is in doubt;
        None if nothing is
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.failure: errors.ClusterError | None = None
        self.pause: float | None = None
        self._clock = clock
        self._refusals = Refusals(clock)
        self._failures = 0

    def succeed(self) -> None:
        """Take note of a complete list."""
        self.failure = self.pause = None
        self._failures = 0
        self._refusals.forget()

    def fail(self, error: errors.ClusterError) -> bool:
        """Take note of a list that failed.

        :returns: whether it is the failure now; else it is in doubt, and the
            one before stands, if any
        """
        self.pause = None
        if isinstance(error, errors.Refused) and error.status == 403:
            self.pause = self._refusals.add()
        else:
            self._refusals.forget()
        if self.pause is not None:
            return False
        self.failure = error
        return True

    def doubt_again(self) -> None:
        """Take note, from any thread, that another login is to be tried."""
        self._refusals = Refusals(self._clock)

    def wait(self, poll_interval: float) -> float:
        """Return how many seconds to wait after a failure.

        :param poll_interval: the longest time, in seconds
        """
        longest = poll_interval
        if isinstance(self.failure, errors.Refused):
            longest = min(_LIST_AGAIN, poll_interval)
        wait = longest if self._refusals.is_believed \
            else retries.backoff(self._failures, longest)
        if isinstance(self.failure, errors.ApiError):
            wait = min(max(wait, self.failure.retry_after or 0), poll_interval)
        self._failures += 1
        return wait
