# SPDX-License-Identifier: Apache-2.0
"""The nodes of one cluster, kept true by lists and watches.

A list counts only as a whole: it is built beside the inventory and swapped in
when it is complete; a list that fails leaves nothing behind. No node goes back
in time. Thread-safe; knows nothing of HTTP or of the graph.
"""

from collections.abc import Iterable
import threading

from vitrage_k8s.api import nodes


class TooManyNodesError(Exception):
    """There are more nodes than the operator allows."""


class Listing:
    """A list that is being read, page by page.

    :ivar began_at: the resource version of the inventory when it began
    """

    def __init__(self, inventory: 'Inventory', began_at: str | None) -> None:
        self.began_at = began_at
        self.found: dict[str, nodes.Item] = {}
        # Nodes that a watch deletes meanwhile.
        self.deleted: set[str] = set()
        # Nodes that exist and cannot be shown.
        self.unclear: set[str] = set()
        self.has_unidentified = False
        self._inventory = inventory

    def add(self, items: Iterable[nodes.Item], unclear: Iterable[str] = (),
            has_unidentified: bool = False) -> None:
        """Add a page.

        :param items: the nodes of the page
        :param unclear: uids of nodes that cannot be shown
        :param has_unidentified: whether the page has nodes without a uid
        :raises TooManyNodesError: it is too long
        """
        for item in items:
            self.found[item.node.id] = self._inventory.shared(item)
        self.unclear.update(unclear)
        self.has_unidentified = self.has_unidentified or has_unidentified
        self._inventory.check_size(len(self.found) + len(self.unclear))


class Inventory:
    """The nodes of one cluster.

    :param max_nodes: how many there may be
    :ivar is_complete: whether there has been a complete list
    :ivar listed_at, watched_since: the hours (ISO 8601, UTC) of the last list
        and of the begin of the watch, for people
    :ivar resource_version: where a watch goes on; None before the first list
    """

    def __init__(self, max_nodes: int) -> None:
        self.is_complete = False
        self.listed_at: str | None = None
        self.watched_since: str | None = None
        self.resource_version: str | None = None
        self._max_nodes = max_nodes
        self._lock = threading.Lock()
        self._items: dict[str, nodes.Item] = {}
        # Nodes that exist and cannot be shown, not even as they were before:
        # their uids, with the version if it was a watch that sent them.
        self._unclear: dict[str, int | None] = {}
        self._changed: set[str] = set()
        # The version of the last list.
        self._listed_at: int | None = None
        # Listing.deleted of the list that is being read.
        self._deleted: set[str] | None = None
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, uid: object) -> bool:
        """Return whether a node exists, even if it cannot be shown."""
        return uid in self._items or uid in self._unclear

    def get(self, uid: str) -> nodes.Node | None:
        """Return a node; None if there is none."""
        item = self._items.get(uid)
        return item and item.node

    def all_nodes(self) -> dict[str, nodes.Node]:
        """Return all nodes by uid."""
        with self._lock:
            return {uid: item.node for uid, item in self._items.items()}

    def uids(self) -> list[str]:
        """Return the uids of all nodes, with those that cannot be shown."""
        with self._lock:
            return [*self._items, *self._unclear]

    def take_changed(self) -> set[str]:
        """Return the uids of nodes that changed since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return changed

    @property
    def has_numbers(self) -> bool:
        """Whether the server's resource versions can be compared."""
        return nodes.number(self.resource_version) is not None

    def shared(self, item: nodes.Item) -> nodes.Item:
        """Return an item that shares the node that is held, if it is equal."""
        held = self._items.get(item.node.id)
        if held is None or held.node is item.node \
                or not nodes.is_same(held.node, item.node):
            return item
        return held if held.version == item.version \
            else nodes.Item(item.version, held.node)

    def check_size(self, count: int) -> None:
        """Check a number of nodes.

        :raises TooManyNodesError: it is above max_nodes
        """
        if count > self._max_nodes:
            raise TooManyNodesError(
                f'there are more than {self._max_nodes} nodes; if that is '
                'right, raise [kubernetes] max_nodes')

    def begin_list(self) -> Listing:
        """Begin a list; one that was begun before does not count any more."""
        with self._lock:
            listing = Listing(self, self.resource_version)
            self._deleted = listing.deleted
            return listing

    def begin_watch(self) -> tuple[int, str | None]:
        """Return what apply() needs from a watch, and where it begins."""
        with self._lock:
            return self._epoch, self.resource_version

    def is_current(self, epoch: int) -> bool:
        """Return whether the events of a watch still count."""
        return epoch == self._epoch

    def replace(self, listing: Listing, resource_version: str) -> bool:
        """Take the nodes of a complete list.

        Beside a watch, the list is the truth up to its version: newer nodes
        of the watch stay.

        :param resource_version: the version that the list is of
        :returns: whether the server went back to an older version (a restored
            etcd), so that a watch must begin anew from this list
        """
        version = nodes.number(resource_version)
        began_at = nodes.number(listing.began_at)
        went_back = version is not None and began_at is not None \
            and version < began_at
        with self._lock:
            if listing.deleted is not self._deleted:
                return False
            self._deleted = None
            self._listed_at = version
            truth = listing.found
            known = nodes.number(self.resource_version)
            unclear: dict[str, int | None] = {}
            if version is not None and known is not None and not went_back:
                unclear = self._keep_newer(listing, version)
                resource_version = str(max(version, known))
            else:
                # Versions from before and after cannot be compared.
                self._epoch += 1
                self._items = {uid: nodes.Item(version, item.node)
                               for uid, item in self._items.items()}
            self._keep_unclear(listing)
            self._changed.update(
                uid for uid, item in truth.items()
                if uid not in self._items
                or self._items[uid].node is not item.node)
            self._changed.update(self._items.keys() - truth.keys())
            self._items = truth
            unclear.update(dict.fromkeys(listing.unclear))
            self._unclear = {uid: version for uid, version in unclear.items()
                             if uid not in truth}
            self.resource_version = resource_version
            self.is_complete = True
        return went_back

    def _keep_newer(self, listing: Listing,
                    version: int) -> dict[str, int | None]:
        """Add what the watch knows better; return which nodes are unclear.

        A node of a version up to the list's is in the list, or is gone.
        """
        for uid in listing.deleted:
            listing.found.pop(uid, None)
            listing.unclear.discard(uid)
        for uid, held in self._items.items():
            if held.version is not None and held.version > version:
                listing.found[uid] = held
        return {uid: at for uid, at in self._unclear.items()
                if at is not None and at > version}

    def _keep_unclear(self, listing: Listing) -> None:
        for uid, held in self._items.items():
            if uid in listing.unclear or (
                    listing.has_unidentified and uid not in listing.found):
                listing.found[uid] = held

    def apply(self, epoch: int, resource_version: str | None,
              node: nodes.Node | None = None, *, is_deletion: bool = False,
              unclear: str | None = None) -> bool:
        """Take an event of a watch.

        :param epoch: what begin_watch() returned
        :param resource_version: the version of the event
        :param node: the node that was added, modified or deleted, if any
        :param unclear: the uid of that node, if it cannot be shown
        :returns: whether the resource version moved
        :raises TooManyNodesError: there are more nodes than are allowed
        """
        uid = unclear if node is None else node.id
        version = nodes.number(resource_version)
        with self._lock:
            if epoch != self._epoch:
                return False
            if uid is not None and not self._is_late(uid, version):
                if node is None:
                    self._blur(uid, version)
                elif is_deletion:
                    self._delete(uid)
                else:
                    self._put(nodes.Item(version, node))
            if not resource_version:
                return False
            before = self.resource_version
            known = nodes.number(before)
            if version is None or known is None or version > known:
                self.resource_version = resource_version
            return self.resource_version != before

    def _is_late(self, uid: str, version: int | None) -> bool:
        """Return whether an event is older than what is known of its node."""
        held = self._items.get(uid)
        # A node that the list does not have was deleted before it.
        known = held.version if held else self._listed_at
        return version is not None and known is not None and version < known

    def _blur(self, uid: str, version: int | None) -> None:
        if uid not in self._items:
            self._check_place(uid)
            self._unclear[uid] = version

    def _delete(self, uid: str) -> None:
        if self._deleted is not None and uid in self:
            self.check_size(len(self._deleted) + 1)
            self._deleted.add(uid)
        if uid in self:
            self._changed.add(uid)
        self._items.pop(uid, None)
        self._unclear.pop(uid, None)

    def _put(self, item: nodes.Item) -> None:
        uid = item.node.id
        self._check_place(uid)
        self._unclear.pop(uid, None)
        held = self._items.get(uid)
        item = self.shared(item)
        self._items[uid] = item
        if held is None or held.node is not item.node:
            self._changed.add(uid)

    def _check_place(self, uid: str) -> None:
        if uid not in self:
            self.check_size(len(self._items) + len(self._unclear) + 1)
