# SPDX-License-Identifier: Apache-2.0
"""Lists of events, and what Vitrage did not process of them."""

from collections.abc import Iterable

import testtools

from tests.support import graph as graphs
from vitrage_k8s.graph import events
from vitrage_k8s.graph import queries


def group(uid: str, count: int = 1) -> queries.Batch:
    """Return so many events of one node."""
    return [event for _ in range(count) for event in events.updates(
        graphs.NODE, {'id': uid, 'name': uid}, (), [])]


class BatchesTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(graphs.quiet())
        self.graph = graphs.Graph(self.useFixture(graphs.Configuration()))
        self.batches = queries.Batches(2)

    def take(self, *groups: queries.Batch,
             failing: Iterable[bool] = ()) -> list[list[str]]:
        """Return the ids of each list, when Vitrage has taken them all."""
        self.graph.batches.clear()
        self.graph.take(self.batches.make(groups), failing=failing)
        return [[event['properties']['id'] for event in batch[:-1]]
                for batch in self.graph.batches]

    def lost(self) -> set[str]:
        return {uid for uid in 'abcd'
                if self.batches.has_lost(graphs.NODE, uid)}

    def test_a_list_has_the_events_of_so_many_vertices(self) -> None:
        for groups, expected in (
                ([], []), ([group('a')], [['a']]),
                ([group('a'), group('b')], [['a', 'b']]),
                ([group('a', 3), group('b', 2), group('c', 2)],
                 [['a', 'a', 'a', 'b', 'b'], ['c', 'c']])):
            self.assertEqual(expected, self.take(*groups))
            self.assertEqual(set(), self.lost())

    def test_a_list_ends_in_a_receipt(self) -> None:
        self.take(group('a'))

        [batch] = self.graph.batches
        self.assertTrue(queries.is_processed(batch[-1]))
        self.assertNotIn(events.PROPERTIES, batch[-1])

    def test_a_list_is_of_the_moment_when_vitrage_begins_with_it(self) -> None:
        dates = []
        for batch in self.batches.make(
                [group('a', 2), group('b'), group('c')]):
            self.graph.advance(5)
            for event in batch[:-1]:
                dates.append(events.date(event))
                self.graph.advance(1)

        # Three events of the first list, a second apart, and then another.
        self.assertEqual(
            [*['2026-01-02T03:04:10Z'] * 3, '2026-01-02T03:04:18Z'], dates)

    def test_events_are_made_when_vitrage_asks_for_them(self) -> None:
        made = []

        def make() -> Iterable[queries.Batch]:
            for uid in 'abc':
                made.append(uid)
                yield group(uid)

        lists = self.batches.make(make())
        self.assertEqual([], made)
        next(lists)
        self.assertEqual(['a', 'b'], made)

    def test_all_of_a_list_is_lost_where_one_of_it_fails(self) -> None:
        groups = [group(uid) for uid in 'abcd']
        for number, expected in enumerate((
                {'a', 'b'}, {'a', 'b'}, {'a', 'b'}, {'c', 'd'}, {'c', 'd'},
                {'c', 'd'}, set())):
            self.take(*groups, failing=[*[False] * number, True])
            self.assertEqual(expected, self.lost())
            self.assertFalse(self.batches.has_lost(graphs.CLUSTER, 'a'))
            self.take(*groups)

    def test_what_is_lost_is_so_until_it_is_processed(self) -> None:
        self.take(group('a'), group('b'), failing=[True])
        self.take(group('c'))
        self.assertEqual({'a', 'b'}, self.lost())
        self.take(group('b'))
        self.assertEqual({'a'}, self.lost())
        self.take(group('a'), failing=[True])
        self.assertEqual({'a'}, self.lost())
        self.take(group('a'))
        self.assertEqual(set(), self.lost())

    def test_what_nobody_asks_after_is_lost(self) -> None:
        lists = self.batches.make([group('a'), group('b'), group('c')])
        self.graph.take([next(lists)])
        lists.close()  # type: ignore[attr-defined]

        self.assertEqual({'a', 'b'}, self.lost())
