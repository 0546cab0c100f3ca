# SPDX-License-Identifier: Apache-2.0
"""Lists, watches, failures and restores in any order: the truth in the end."""

import hypothesis
from hypothesis import stateful
from hypothesis import strategies
import testtools

from tests.support.inventories import Event
from tests.support.inventories import node
from tests.support.inventories import Server
from tests.support.inventories import State
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes

PAGE = 2


class _Watch:
    """A watch, which may be late.

    :ivar left_over: if the server went back: what it had sent before
    """

    def __init__(self, epoch: int, version: int) -> None:
        self.epoch = epoch
        self.version = version
        self.left_over: list[Event] | None = None


class _List:
    """A list that is being read.

    :ivar pages: None before its first page
    """

    def __init__(self, listing: inventories.Listing) -> None:
        self.listing = listing
        self.is_of_old = False
        self.pages: list[list[tuple[str, State]]] | None = None
        self.version = 0


class InventoryMachine(stateful.RuleBasedStateMachine):
    """An inventory, and the server that it is of."""

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        self.inventory = inventories.Inventory(1000)
        self.watch: _Watch | None = None
        self.list: _List | None = None
        # Whether the server went back, and no list has begun since then that
        # came to its end.
        self.is_misled = False
        self.known: dict[str, int] = {}
        self.gone: set[str] = set()
        self.version = 0
        self.taken: dict[str, nodes.Node] = {}

    @stateful.initialize(is_listed=strategies.sampled_from(
        (True, True, False)))
    def begin(self, is_listed: bool) -> None:
        for _ in range(3):
            self.server.create()
        if is_listed:
            self.settle()

    @stateful.rule(what=strategies.sampled_from((
        'new', 'new odd', 'change', 'change odd', 'beat', 'beat odd', 'delete',
        'change delete', 'change delete new', 'new change', 'odd delete',
        'delete delete', 'change beat', 'odd change')),
        which=strategies.integers(-3, 2))
    def happen(self, what: str, which: int) -> None:
        """Let things happen, one after another, to one node."""
        for each in what.split():
            uids = list(self.server.nodes)
            if each == 'new' or not uids:
                self.server.create()
            elif each == 'delete':
                self.server.delete(uids[which % len(uids)])
            else:
                self.server.put(
                    uids[which % len(uids)], each == 'change', each == 'odd')

    # One rule for all that a list does: hypothesis leaves out rules at random.
    @stateful.rule(what=strategies.sampled_from(('begin', 'page', 'end')))
    def go_on_with_list(self, what: str) -> None:
        """Go on with a list; one that is begun again has failed."""
        if what == 'begin' or self.list is None:
            self.list = _List(self.inventory.begin_list())
        elif what == 'page':
            self.read_page(self.list)
        else:
            self.end_list(self.list)

    def read_page(self, reading: _List) -> None:
        if reading.pages is None:
            found = list(self.server.nodes.items())
            reading.version = self.server.version
            reading.pages = [found[at:at + PAGE]
                             for at in range(0, len(found), PAGE)]
        if reading.pages:
            page = reading.pages.pop(0)
            reading.listing.add(
                [nodes.Item(state.version, node(uid, state.content))
                 for uid, state in page if not state.is_odd],
                [uid for uid, state in page if state.is_odd])

    def end_list(self, reading: _List) -> None:
        self.read_page(reading)
        while reading.pages:
            self.read_page(reading)
        self.inventory.replace(reading.listing, str(reading.version))
        if self.is_misled and not reading.is_of_old:
            self.is_misled = False
            self.server.ceiling = None
            self.known, self.gone, self.version = {}, set(), 0
        self.list = None

    @stateful.precondition(lambda self: self.inventory.is_complete)
    @stateful.rule(what=strategies.sampled_from(('anew', 'one', 'two', 'all')))
    def go_on_with_watch(self, what: str) -> None:
        """Deliver events; a watch that is begun anew was cut."""
        if what == 'anew' or self.watch is None:
            epoch, version = self.inventory.begin_watch()
            self.watch = _Watch(epoch, int(version or '0'))
        else:
            self.deliver(self.watch, {'one': 1, 'two': 2}.get(what, 100))

    def deliver(self, watch: _Watch, count: int) -> None:
        for event in self.pending()[:count]:
            self.apply(watch, event)
        if count == 100 and watch.left_over is None:
            # A bookmark.
            watch.version = max(watch.version, self.server.version)
            self.inventory.apply(watch.epoch, str(watch.version))

    def pending(self) -> list[Event]:
        assert self.watch is not None
        if self.watch.left_over is not None:
            return self.watch.left_over
        return self.server.events(self.watch.version)

    def apply(self, watch: _Watch, event: Event) -> None:
        if watch.left_over:
            del watch.left_over[0]
        watch.version = event.version
        if event.state.is_odd and not event.is_deletion:
            self.inventory.apply(
                watch.epoch, str(event.version), hidden=event.uid)
        else:
            self.inventory.apply(
                watch.epoch, str(event.version),
                node(event.uid, event.state.content),
                is_deletion=event.is_deletion)

    @stateful.precondition(lambda self: not self.is_misled)
    @stateful.rule(steps=strategies.sampled_from((0,) * 8 + (1, 3, 6)),
                   is_slow=strategies.booleans())
    def restore(self, steps: int, is_slow: bool) -> None:
        """Let the server go back.

        :param is_slow: whether it comes to the versions that were known only
            after a list, and what it sent before comes late
        """
        left_over = self.pending() if self.watch else []
        before = self.server.version
        self.server.restore(steps)
        if self.server.version == before:
            return
        version = nodes.number(self.inventory.resource_version) or 0
        if is_slow and version > self.server.version + 1:
            self.server.ceiling = version
            if self.watch:
                self.watch.left_over = left_over
        else:
            self.server.ceiling = None
            self.watch = None
        if self.list:
            self.list.is_of_old = True
        self.is_misled = True

    @stateful.rule()
    def take(self) -> None:
        changed = self.inventory.take_changed()
        now = self.inventory.all_nodes()
        assert {uid for uid in now.keys() | self.taken.keys()
                if now.get(uid) != self.taken.get(uid)} <= changed
        self.taken = now

    def teardown(self) -> None:
        self.settle()

    def settle(self) -> None:
        """Let everything be delivered."""
        if self.is_misled or not (
                self.watch and self.watch.epoch
                == self.inventory.begin_watch()[0]):
            for what in ('begin', 'end'):
                self.go_on_with_list(what)
            self.go_on_with_watch('anew')
        self.go_on_with_watch('all')
        assert self.inventory.resource_version == str(self.server.version)
        self.is_as_at(self.server.version)
        self.take()

    def is_as_at(self, version: int) -> None:
        found = self.server.at(version)
        assert set(self.inventory.uids()) == set(found)
        for uid, state in found.items():
            # What cannot be shown stays as it was, or is not shown.
            if not state.is_odd:
                assert self.inventory.get(uid) == node(uid, state.content)

    @stateful.invariant()
    def new_watch_would_miss_nothing(self) -> None:
        if self.inventory.is_complete and not self.is_misled:
            self.is_as_at(int(self.inventory.resource_version or '0'))

    @stateful.invariant()
    def nothing_goes_back(self) -> None:
        if self.is_misled or not self.inventory.is_complete:
            return
        version = int(self.inventory.resource_version or '0')
        assert version >= self.version
        self.version = version
        now = {uid: int(each.roles or '0')
               for uid, each in self.inventory.all_nodes().items()}
        there = set(self.inventory.uids())
        assert now.keys() <= there
        assert not self.gone & there
        self.gone |= self.known.keys() - there
        assert all(now[uid] >= self.known[uid]
                   for uid in now.keys() & self.known.keys())
        # What cannot be shown may be as it was before the server went back.
        self.known.update({
            uid: now[uid] for uid, state in self.server.at(version).items()
            if not state.is_odd})


class InventoryStatesTest(testtools.TestCase):

    def test_ends_with_the_truth(self) -> None:
        stateful.run_state_machine_as_test(
            InventoryMachine, settings=hypothesis.settings(
                max_examples=60, stateful_step_count=30, deadline=None,
                derandomize=True, database=None,
                suppress_health_check=list(hypothesis.HealthCheck)))
