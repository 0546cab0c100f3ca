# SPDX-License-Identifier: Apache-2.0
"""What leaves the graph, by name, and what stays whatever happens."""

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.api import nodes
from vitrage_k8s.graph import events
from vitrage_k8s.graph import queries


class GoneNodesTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_node('n'), made.make_node('m'))
        self.clusters.add('b', made.make_node('o'))
        self.snapshot()

    def test_a_node_that_a_list_does_not_have_goes(self) -> None:
        for poll in (self.snapshot, self.changes):
            self.clusters.relist('a', made.make_node('m'))
            self.assertEqual(['n'], polls.ids(poll(), 'delete_entity'))
            self.assertEqual({'m': 'a', 'o': 'b'}, self.cluster_of())
            self.clusters.relist('a', made.make_node('n'),
                                 made.make_node('m'))
            poll()

    def test_a_node_of_an_unlisted_cluster_stays(self) -> None:
        self.restart()
        self.clusters.relist('b')

        for poll in (self.snapshot, self.changes, self.snapshot):
            poll()
            self.assertEqual({'n': 'a', 'm': 'a'}, self.cluster_of())

    def test_a_node_that_cannot_be_shown_stays(self) -> None:
        self.restart()
        listing = self.clusters.inventories['a'].begin_list()
        listing.add([], ['n'])
        self.clusters.inventories['a'].replace(listing, 'v')
        self.clusters.relist('b')

        self.snapshot()

        self.assertEqual({'n': 'a'}, self.cluster_of())

    def restart_with_a_hidden_node(self) -> None:
        """Restart, after which n cannot be shown as it is now."""
        self.clusters.put('a', made.make_node('n', zone='z'))
        self.changes()
        self.restart()
        listing = self.clusters.inventories['a'].begin_list()
        listing.add([nodes.Item(None, made.make_node('m'))], ['n'])
        self.clusters.inventories['a'].replace(listing, 'v')
        self.clusters.relist('b', made.make_node('o'))
        self.snapshot()
        self.assertEqual({'n': 'a', 'm': 'a', 'o': 'b'}, self.cluster_of())

    def test_a_node_that_cannot_be_shown_goes_when_it_is_gone(self) -> None:
        self.restart_with_a_hidden_node()
        # The watch says so with what it was: that can be shown.
        self.clusters.put('a', made.make_node('n'))
        self.clusters.delete('a', 'n')

        self.assertEqual(['n'], polls.ids(self.changes(), 'delete_entity'))

        self.assertEqual({'m': 'a', 'o': 'b'}, self.cluster_of())
        self.assertEqual([], self.changes())

    def test_a_node_that_can_be_shown_again_is_whole(self) -> None:
        self.restart_with_a_hidden_node()
        self.clusters.put('a', made.make_node('n'))

        for _ in range(2):
            self.changes()

        self.assertEqual({'n': 'a', 'm': 'a', 'o': 'b'}, self.cluster_of())
        self.assertNotIn('zone', self.shown()['n'])
        self.assertEqual([], self.changes())
        self.assertFalse(self.has_asked)

    def test_a_list_that_comes_in_meanwhile_deletes_nothing(self) -> None:
        # Between the questions whether a node is in it, and whether it is.
        self.restart()
        view = self.clusters.view()
        inventory = self.clusters.inventories['a']
        all_nodes = [made.make_node('n'), made.make_node('m')]

        class Late(type(inventory)):  # type: ignore[misc]
            def __contains__(self, uid: object) -> bool:
                found = super().__contains__(uid)
                if not self.is_complete:
                    made.list_nodes(self, all_nodes)
                return found

        inventory.__class__ = Late
        shown = self.graph.ask()

        self.graph.sent.clear()

        self.graph.take(self.feed.snapshot(view, shown, 0))

        self.assertEqual([], polls.ids(self.graph.sent, 'delete_entity'))

    def test_a_node_without_a_cluster_goes(self) -> None:
        self.graph.take([events.updates(
            graphs.NODE, {'id': 'old', 'name': 'old'}, (), [])])

        self.snapshot()

        self.assertEqual({'n': 'a', 'm': 'a', 'o': 'b'}, self.cluster_of())


class GoneClustersTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_node('n'))
        self.clusters.add('b', made.make_node('m'))
        self.snapshot()

    def test_a_cluster_goes_with_its_nodes(self) -> None:
        for poll in (self.snapshot, self.changes):
            self.clusters.remove('b')

            poll()

            self.assertEqual({'a': 'Ready'}, self.state_of())
            self.assertEqual({'n': 'a'}, self.cluster_of())
            self.assertEqual([], self.changes())
            self.clusters.add('b', made.make_node('m'))
            poll()
            self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())

    def test_a_cluster_goes_though_another_cannot_be_read(self) -> None:
        self.restart()
        self.clusters.remove('b')
        self.clusters.healths['a'] = made.UNREACHABLE

        self.snapshot()

        self.assertEqual({'a': 'Unreachable'}, self.state_of())
        self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_all_go_where_nothing_is_configured(self) -> None:
        for poll in (self.snapshot, self.changes):
            self.clusters.remove('a')
            self.clusters.remove('b')

            poll()

            self.assertEqual({}, self.state_of())
            self.assertEqual({}, self.shown())
            self.clusters.add('a', made.make_node('n'))
            self.clusters.add('b', made.make_node('m'))
            poll()

    def test_nothing_goes_by_a_configuration_that_is_not_whole(self) -> None:
        self.clusters.remove('a')
        self.clusters.remove('b')

        for poll in (self.changes, self.snapshot, self.changes):
            poll(is_whole=False)
            self.assertEqual({'a', 'b'}, set(self.state_of()))
            self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())

        self.snapshot()
        self.assertEqual({}, self.shown())

    def test_what_is_left_out_goes_in_any_case(self) -> None:
        for poll in (self.snapshot, self.changes):
            poll(is_whole=False, left_out=['b'])
            self.assertEqual({'a': 'Ready'}, self.state_of())
            self.assertEqual({'n': 'a'}, self.cluster_of())
            poll()
            self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())

    def test_a_renamed_cluster_keeps_the_vertices_of_its_nodes(self) -> None:
        before = self.vitrage_ids()
        for poll, name, other in ((self.snapshot, 'c', 'b'),
                                  (self.changes, 'd', 'c')):
            self.clusters.remove(other)
            self.clusters.add(name, made.make_node('m'))

            poll()

            self.assertEqual({'a': 'Ready', name: 'Ready'}, self.state_of())
            self.assertEqual({'n': 'a', 'm': name}, self.cluster_of())
            self.assertEqual(before, self.vitrage_ids())


class InTreeTest(polls.FeedTest):
    """The cluster of Vitrage's own datasource, which ours replaces."""

    def setUp(self) -> None:
        super().setUp()
        self.graph.take([[
            *events.updates('kubernetes', {'id': 'c', 'name': 'c'}, (), []),
            queries.receipt()]])

    def is_shown(self) -> bool:
        return bool(self.graph.shown('kubernetes'))

    def test_goes_when_all_clusters_are_listed(self) -> None:
        self.clusters.add('a')
        self.clusters.add('b', is_listed=False)
        self.snapshot()
        self.assertTrue(self.is_shown())
        self.clusters.relist('b')

        self.snapshot(is_whole=False)
        self.assertTrue(self.is_shown())

        self.snapshot()
        self.assertFalse(self.is_shown())

    def test_goes_where_nothing_is_configured(self) -> None:
        self.snapshot()

        self.assertFalse(self.is_shown())
