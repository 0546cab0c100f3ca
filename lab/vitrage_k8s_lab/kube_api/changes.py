# SPDX-License-Identifier: Apache-2.0
"""The last changes to the nodes: what can be watched, and listed again."""

import bisect
import threading
from typing import NamedTuple

# Changes that are kept; beyond that the oldest are forgotten.
RING = 10_000
# Changes that a watch reads at a time, at most.
_BATCH = 100


class Change(NamedTuple):
    """A change: the node after it, and before it; None is no node.

    Of a deletion, `item` is the node as it was last.
    """

    version: int
    kind: str
    name: str
    item: bytes
    before: bytes | None


class TooOld(Exception):
    """Changes are not known from a version on; the text is the API's."""


class Ring:
    """The last changes, in the order of their versions.

    Each watch has a place of its own in it, so that a slow one keeps nobody
    waiting. Only read() takes the lock by itself.

    :param changed: has the lock, and is notified of changes
    :param version: the one before the first change
    :param items: the nodes at that version, by name

    :ivar since: the oldest version after which all changes are known
    :ivar total: the changes so far, which is the place of the next one
    """

    def __init__(self, changed: threading.Condition, version: int,
                 items: dict[str, bytes]) -> None:
        self.since = version
        self.total = 0
        self._changed = changed
        self._items = items
        self._changes: dict[int, Change] = {}
        self._cut = False
        self._in_order = False

    def add(self, change: Change) -> None:
        self._changes[self.total] = change
        dropped = self._changes.pop(self.total - RING, None)
        if dropped:
            self.since = dropped.version
            _apply(dropped, self._items)
        self.total += 1
        self._changed.notify_all()

    def cut(self, in_order: bool = False) -> None:
        """Cut all watches of this ring; another one takes its place.

        :param in_order: end them as their timeouts do, instead
        """
        self._cut = True
        self._in_order = in_order
        self._changed.notify_all()

    def copy(self) -> 'Ring':
        ring = Ring(self._changed, self.since, self._items)
        ring.total = self.total
        ring._changes = self._changes.copy()
        return ring

    def forget(self, version: int, items: dict[str, bytes]) -> None:
        """Forget all changes up to a version, and take the nodes at that."""
        self._changes.clear()
        self.since, self._items = version, items

    def items_at(self, version: int) -> dict[str, bytes]:
        """Return the nodes at a version.

        :raises TooOld: changes are not known from that version on
        """
        end = self.find(version)
        items = self._items.copy()
        for place in range(self._first(), end):
            _apply(self._changes[place], items)
        return items

    def find(self, version: int) -> int:
        """Return the place of the first change after a version.

        :raises TooOld: changes are not known from that version on
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
        """Wait for changes at a place and behind it.

        :returns: None if the first of them are forgotten already, or the
            watch is to end in good order
        :raises ConnectionAbortedError: the watch is cut
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


def _apply(change: Change, items: dict[str, bytes]) -> None:
    if change.kind == 'DELETED':
        del items[change.name]
    else:
        items[change.name] = change.item
