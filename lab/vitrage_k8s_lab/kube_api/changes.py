# SPDX-License-Identifier: Apache-2.0
"""The last changes to the nodes: what can be watched, and listed again."""

import bisect
from typing import NamedTuple

# Changes that are kept; beyond that the oldest are forgotten.
KEPT = 10_000
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


class TooOldError(Exception):
    """Changes are not known from a version on; the text is the API's."""


class Changes:
    """The last changes, in the order of their versions.

    Each watch has its own place, so that no other waits for a slow one. The
    caller has a lock.

    :param version: the one before the first change
    :param items: the nodes at that version, by name

    :ivar since: the oldest version after which all changes are known
    :ivar total: the changes so far, which is the place of the next one
    """

    def __init__(self, version: int, items: dict[str, bytes]) -> None:
        self.since = version
        self.total = 0
        self._items = items.copy()
        self._changes: dict[int, Change] = {}

    def add(self, change: Change) -> None:
        self._changes[self.total] = change
        dropped = self._changes.pop(self.total - KEPT, None)
        if dropped:
            self.since = dropped.version
            _apply(dropped, self._items)
        self.total += 1

    def forget(self, version: int, items: dict[str, bytes]) -> None:
        """Forget all changes; these are the nodes at a version."""
        self._changes.clear()
        self.since, self._items = version, items.copy()

    def items_at(self, version: int) -> dict[str, bytes]:
        """Return the nodes at a version.

        :raises TooOldError: changes are not known from that version on
        """
        end = self.find(version)
        items = self._items.copy()
        for place in range(self._first(), end):
            _apply(self._changes[place], items)
        return items

    def find(self, version: int) -> int:
        """Return the place of the first change after a version.

        :raises TooOldError: changes are not known from that version on
        """
        if version < self.since:
            raise TooOldError(
                f'too old resource version: {version} ({self.since})')
        return bisect.bisect_right(
            range(self.total), version, self._first(), self.total,
            key=lambda place: self._changes[place].version)

    def _first(self) -> int:
        return self.total - len(self._changes)

    def read(self, place: int) -> list[Change] | None:
        """Return changes from a place on; None if they are forgotten."""
        if place < self._first():
            return None
        return [self._changes[at] for at in range(
            place, min(place + _BATCH, self.total))]


def _apply(change: Change, items: dict[str, bytes]) -> None:
    if change.kind == 'DELETED':
        del items[change.name]
    else:
        items[change.name] = change.item
