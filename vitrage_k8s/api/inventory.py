# SPDX-License-Identifier: Apache-2.0
"""The nodes of one cluster, kept true by lists and watches.

A list counts only as a whole: it is built beside the inventory and swapped in
when it is complete; a list that fails leaves nothing behind. No node goes back
in time. Thread-safe; knows nothing of HTTP or of the graph.
"""

from collections.abc import Iterable
import threading

import msgspec

from vitrage_k8s.api import errors
from vitrage_k8s.api import nodes


class _Hidden(msgspec.Struct, frozen=True, gc=False):
    """A node that exists, and cannot be shown."""

    version: int | None = None
    node: None = None


_Held = nodes.Item | _Hidden
_HIDDEN = _Hidden()


class Listing:
    """A list that is being read, page by page."""

    def __init__(self, inventory: 'Inventory') -> None:
        # What was known when it began.
        self.began_at = inventory.resource_version
        self.found: dict[str, _Held] = {}
        # Nodes that a watch deletes meanwhile.
        self.deleted: set[str] = set()
        self.has_unidentified = False
        self._inventory = inventory

    def add(self, items: Iterable[nodes.Item], hidden: Iterable[str] = (),
            has_unidentified: bool = False) -> None:
        """Add a page.

        :param hidden: uids of nodes that cannot be shown
        :param has_unidentified: whether the page has nodes without a uid
        :raises TooManyNodesError: see Inventory.check_size()
        """
        for item in items:
            self.found[item.node.id] = self._inventory.shared(item)
        for uid in hidden:
            self.found[uid] = _HIDDEN
        self.has_unidentified = self.has_unidentified or has_unidentified
        self._inventory.check_size(len(self.found))


class Inventory:
    """The nodes of one cluster.

    :param max_nodes: how many there may be
    :ivar is_complete: whether there has been a complete list
    :ivar listed_at, watched_since: the hour (ISO 8601, UTC) of the last list,
        and since when the nodes are watched; for people
    :ivar resource_version: where a watch goes on; None before the first list
    """

    def __init__(self, max_nodes: int) -> None:
        self.is_complete = False
        self.listed_at: str | None = None
        self.watched_since: str | None = None
        self.resource_version: str | None = None
        self._max_nodes = max_nodes
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}
        self._changed: set[str] = set()
        # The version of the last list.
        self._list_version: int | None = None
        # Listing.deleted of the list that is being read.
        self._deleted: set[str] | None = None
        self._epoch = 0

    def __len__(self) -> int:
        return len(self.all_nodes())

    def __contains__(self, uid: object) -> bool:
        """Return whether a node exists, even if it cannot be shown."""
        return uid in self._held

    def get(self, uid: str) -> nodes.Node | None:
        """Return a node; None if there is none that can be shown."""
        return self._held.get(uid, _HIDDEN).node

    def all_nodes(self) -> dict[str, nodes.Node]:
        """Return all nodes that can be shown, by uid."""
        with self._lock:
            return {uid: held.node for uid, held in self._held.items()
                    if held.node is not None}

    def uids(self) -> list[str]:
        """Return the uids of all nodes, with those that cannot be shown."""
        with self._lock:
            return list(self._held)

    def take_changed(self) -> set[str]:
        """Return the uids of nodes that changed since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return changed

    def shared(self, item: nodes.Item) -> nodes.Item:
        """Return an item that shares the node that is held, if it is equal."""
        held = self._held.get(item.node.id, _HIDDEN)
        if held.node is None or not nodes.is_same(held.node, item.node):
            return item
        return held if held.version == item.version \
            else nodes.Item(item.version, held.node)

    def check_size(self, count: int) -> None:
        """Raise TooManyNodesError if there are more nodes than are allowed."""
        if count > self._max_nodes:
            raise errors.TooManyNodesError(
                f'there are more than {self._max_nodes} nodes; if that is '
                'right, raise [kubernetes] max_nodes')

    def begin_list(self) -> Listing:
        """Begin a list. An earlier one that has not ended no longer counts."""
        with self._lock:
            listing = Listing(self)
            self._deleted = listing.deleted
            return listing

    def begin_watch(self) -> tuple[int, str | None]:
        """Return what apply() needs, and the version where a watch begins."""
        with self._lock:
            return self._epoch, self.resource_version

    def replace(self, listing: Listing, resource_version: str) -> bool:
        """Take the nodes of a complete list.

        Beside a watch, the list is the truth up to its version: newer nodes
        of the watch stay, and what it deleted meanwhile stays deleted.

        :returns: whether a watch must begin anew from this list: its version
            and those before cannot be compared, or the server went back to an
            older one (a restored etcd)
        """
        version = nodes.number(resource_version)
        is_anew = is_older(resource_version, listing.began_at)
        found = listing.found
        with self._lock:
            if listing.deleted is not self._deleted:
                return False
            self._deleted = None
            self._list_version = version
            before = self._held
            known = nodes.number(self.resource_version)
            if version is None or known is None or is_anew:
                is_anew = True
                self._epoch += 1
                before = {uid: msgspec.structs.replace(
                    held, version=version)
                          for uid, held in before.items()}
            else:
                for uid in listing.deleted:
                    found.pop(uid, None)
                resource_version = str(max(version, known))
            for uid, held in before.items():
                if _stays(held, found.get(uid), version,
                          listing.has_unidentified):
                    found[uid] = held
            self._changed.update(
                uid for uid, held in found.items()
                if before.get(uid, _HIDDEN).node is not held.node)
            self._changed.update(before.keys() - found.keys())
            self._held = found
            self.resource_version = resource_version
            self.is_complete = True
        return is_anew

    def apply(self, epoch: int, resource_version: str | None,
              node: nodes.Node | None = None, *, is_deletion: bool = False,
              hidden: str | None = None) -> bool:
        """Take an event of a watch.

        :param epoch: what begin_watch() returned
        :param node: the node that was added, modified or deleted, if any
        :param hidden: the uid of that node, if it cannot be shown
        :returns: whether the resource version moved
        :raises TooManyNodesError: see check_size()
        """
        uid = hidden if node is None else node.id
        version = nodes.number(resource_version)
        with self._lock:
            if epoch != self._epoch:
                return False
            if uid is not None and not self._is_late(uid, version):
                if is_deletion:
                    self._delete(uid)
                elif node is not None:
                    self._put(uid, self.shared(nodes.Item(version, node)))
                elif self.get(uid) is None:
                    # A node that is shown stays as it was.
                    self._put(uid, _Hidden(version))
            before, known = self.resource_version, nodes.number(
                self.resource_version)
            if resource_version and (
                    version is None or known is None or version > known):
                self.resource_version = resource_version
            return self.resource_version != before

    def _is_late(self, uid: str, version: int | None) -> bool:
        """Return whether an event is older than what is known of its node."""
        held = self._held.get(uid)
        # A node that the list does not have was deleted before it.
        known = held.version if held and held.node else self._list_version
        return version is not None and known is not None and version < known

    def _delete(self, uid: str) -> None:
        if uid in self._held:
            if self._deleted is not None:
                self.check_size(len(self._deleted) + 1)
                self._deleted.add(uid)
            self._changed.add(uid)
            del self._held[uid]

    def _put(self, uid: str, new: _Held) -> None:
        if uid not in self._held:
            self.check_size(len(self._held) + 1)
        if self.get(uid) is not new.node:
            self._changed.add(uid)
        self._held[uid] = new


def is_older(version: str, than: str | None) -> bool:
    """Return whether a version is older than one that the server had."""
    now, before = nodes.number(version), nodes.number(than)
    return now is not None and before is not None and now < before


def _stays(held: _Held, listed: _Held | None, version: int | None,
           has_unidentified: bool) -> bool:
    """Return whether a node stays as it is held, and not as a list has it.

    :param listed: what the list has of it, if anything
    :param version: that of the list
    :param has_unidentified: whether the list says nothing about absence
    """
    is_newer = held.version is not None and version is not None \
        and held.version > version
    if held.node is None:
        return is_newer and listed is None
    return is_newer or (has_unidentified if listed is None
                        else listed.node is None)
