# SPDX-License-Identifier: Apache-2.0
"""An inventory, nodes to fill it with, and a server that has them."""

from typing import NamedTuple

import msgspec
import testtools

from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes


_NODE = nodes.to_node(nodes.ApiNode())


def node(uid: str, content: object = None) -> nodes.Node:
    """Return a node that is equal to others of that content."""
    return msgspec.structs.replace(
        _NODE, id=uid, name=f'name-of-{uid}',
        roles=None if content is None else str(content))


def item(version: int | None, uid: str, content: object = None) -> nodes.Item:
    return nodes.Item(version, node(uid, content))


class InventoryTestCase(testtools.TestCase):
    """Has an inventory of at most three nodes."""

    def setUp(self) -> None:
        super().setUp()
        self.inventory = inventories.Inventory(3)
        self.epoch = 0

    def list_nodes(self, version: object, *items: nodes.Item,
                   hidden: tuple[str, ...] = (),
                   has_unidentified: bool = False) -> bool:
        """List all nodes, and watch from there."""
        listing = self.inventory.begin_list()
        listing.add(items, hidden, has_unidentified)
        is_anew = self.inventory.replace(listing, str(version))
        self.epoch, _ = self.inventory.begin_watch()
        return is_anew

    def put(self, version: object, uid: str, content: object = None) -> bool:
        return self.inventory.apply(
            self.epoch, str(version), node(uid, content))

    def delete(self, version: object, uid: str) -> bool:
        return self.inventory.apply(
            self.epoch, str(version), node(uid), is_deletion=True)

    def blur(self, version: object, uid: str) -> bool:
        """Apply an event of a node that cannot be shown."""
        return self.inventory.apply(self.epoch, str(version), hidden=uid)

    def is_current(self, epoch: int) -> bool:
        """Return whether the events of a watch still count."""
        return self.inventory.begin_watch()[0] == epoch

    def shown(self) -> dict[str, str | None]:
        """Return the content of all nodes by uid."""
        return {uid: node.roles
                for uid, node in self.inventory.all_nodes().items()}


class State(NamedTuple):
    """A node on the server.

    :ivar content: the version at which it changed to what it is
    :ivar is_odd: whether it cannot be shown
    """

    version: int
    content: int
    is_odd: bool


class Event(NamedTuple):
    version: int
    uid: str
    state: State
    is_deletion: bool = False


class Server:
    """An API server, with all that ever was.

    :ivar ceiling: the version that it does not come to, if any
    """

    def __init__(self) -> None:
        self.version = 10
        self.nodes: dict[str, State] = {}
        self.ceiling: int | None = None
        self._events: list[Event] = []
        self._past = [(10, self.nodes)]
        self._count = 0

    def create(self) -> None:
        self._count += 1
        self.put(f'n{self._count}', True, False)

    def put(self, uid: str, is_change: bool, is_odd: bool) -> None:
        version = self.version + 1
        content = version if is_change else self.nodes[uid].content
        state = State(version, content, is_odd)
        self._happen(Event(version, uid, state), {**self.nodes, uid: state})

    def delete(self, uid: str) -> None:
        left = {**self.nodes}
        self._happen(
            Event(self.version + 1, uid, left.pop(uid), True), left)

    def _happen(self, event: Event, then: dict[str, State]) -> None:
        if self.ceiling is None or event.version < self.ceiling:
            self.version, self.nodes = event.version, then
            self._events.append(event)
            self._past.append((self.version, then))

    def events(self, after: int) -> list[Event]:
        return [event for event in self._events if event.version > after]

    def at(self, version: int) -> dict[str, State]:
        """Return the nodes as they were at a version."""
        return [found for at, found in self._past if at <= version][-1]

    def restore(self, steps: int) -> None:
        """Go back to what was so many changes ago."""
        steps = min(steps, len(self._past) - 1)
        self._past = self._past[:len(self._past) - steps]
        self.version, self.nodes = self._past[-1]
        self._events = [event for event in self._events
                        if event.version <= self.version]
