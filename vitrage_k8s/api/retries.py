# SPDX-License-Identifier: Apache-2.0
"""How long to wait before a failed request is made again.

Pure functions. The delays are those of client-go's reflector: 0.8 s to 30 s,
doubling, with jitter, and what the server asks for in Retry-After.
"""

import random
import sys

import urllib3

from vitrage_k8s.api import errors

_FIRST_DELAY = 0.8
_LONGEST_DELAY = 30.0

_HEADERS = urllib3.util.Retry()
# Newer versions cut what is longer than six hours; the log says what came.
_HEADERS.retry_after_max = sys.maxsize

# The server is busy, or it is not well; the request was in order.
_PASSING = frozenset({429, 500, 502, 503, 504})


def delay(error: errors.ClusterError, attempt: int) -> float | None:
    """Tell how long to wait before the next attempt.

    :param error: what the last attempt came to
    :param attempt: how many attempts have been made after the first one
    :returns: seconds; None if another attempt is of no use
    """
    if isinstance(error, errors.ApiError):
        if error.status not in _PASSING:
            return None
        if error.retry_after is not None:
            return max(error.retry_after, _backoff(0) / 4)
        return _backoff(attempt)
    if isinstance(error, errors.ConnectionFailed):
        return _backoff(attempt)
    return None


def delay_of(attempt: int) -> float:
    """Tell how long to wait after something that did not work.

    :param attempt: how often it has not worked before, in a row
    """
    return _backoff(min(attempt, 10))


def backoff(attempt: int, longest: float) -> float:
    """Tell when to look again after something that has failed before.

    :param attempt: how often it has failed in a row, less one
    :param longest: the longest time, in seconds
    """
    return min(longest, 10 * _backoff(min(attempt, 10)))


def _backoff(attempt: int) -> float:
    return min(_FIRST_DELAY * 2 ** attempt, _LONGEST_DELAY) \
        * random.uniform(0.75, 1.25)  # noqa: S311


def parse_retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date (RFC 9110).

    :returns: seconds from now, at least 0; None if it says nothing
    """
    try:
        return float(_HEADERS.parse_retry_after(value or ''))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        # It is no date, or none that a calendar or a float holds.
        return None
