# SPDX-License-Identifier: Apache-2.0
"""The changes to the simulator's nodes that can still be watched."""

import bisect
import threading
from typing import NamedTuple

# Changes that are kept; beyond that the oldest are forgotten.
RING = 10_000
# Changes that a watch reads at a time, at most.
_BATCH = 100


class Change(NamedTuple):
    """A change: what it is called in a watch, and the node after it."""

    version: int
    kind: str
    name: str
    item: bytes


class TooOld(Exception):
    """A version that changes are not known from; the text is the API's."""


class Ring:
    """The last changes, in the order of their versions.

    Each watch has a place of its own in it, so that one that is slow keeps
    nobody waiting. What is not said to lock is for holders of the lock.

    :param changed: holds the lock, and is notified of changes
    :param version: the one before the first change

    :ivar since: the oldest version after which all changes are known
    :ivar total: the changes so far, which is the place of the next one
    """

    def __init__(self, changed: threading.Condition, version: int) -> None:
        self.since = version
        self.total = 0
        self._changed = changed
        self._changes: dict[int, Change] = {}
        self._cut = False
        self._in_order = False

    def add(self, change: Change) -> None:
        self._changes[self.total] = change
        dropped = self._changes.pop(self.total - RING, None)
        if dropped:
            self.since = dropped.version
        self.total += 1
        self._changed.notify_all()

    def forget(self, version: int) -> None:
        """Forget all changes; the next one comes after that version."""
        self._changes.clear()
        self.since = version

    def cut(self, in_order: bool = False) -> None:
        """Cut all watches of this ring; there will be another one.

        :param in_order: end them as their timeouts do, instead
        """
        self._cut = True
        self._in_order = in_order
        self._changed.notify_all()

    def copy(self) -> 'Ring':
        ring = Ring(self._changed, self.since)
        ring.total = self.total
        ring._changes = self._changes.copy()
        return ring

    def find(self, version: int) -> int:
        """The place of the first change after a version.

        :raises TooOld: for a version that changes are not known from
        """
        if version < self.since:
            raise TooOld(
                f'too old resource version: {version} ({self.since})')
        return bisect.bisect_right(
            range(self.total), version, self._first(), self.total,
            key=lambda place: self._changes[place].version)

    def _first(self) -> int:
        return self.total - len(self._changes)

    def read(self, place: int, seconds: float) -> list[Change] | None:
        """Lock, and wait so long for changes at a place and behind it.

        :returns: None if the first of them are forgotten already, or the
            watch is to end in good order
        :raises ConnectionAbortedError: if the watch is cut
        """
        with self._changed:
            if place == self.total and not self._cut:
                self._changed.wait(seconds)
            if self._cut and not self._in_order:
                raise ConnectionAbortedError
            if self._cut or place < self._first():
                return None
            return [self._changes[at] for at in range(
                place, min(place + _BATCH, self.total))]
