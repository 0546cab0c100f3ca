# SPDX-License-Identifier: Apache-2.0
"""One cluster by two contexts: which of them shows a node."""

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import properties


class TwoContexts(polls.FeedTest):

    def begin(self, *listed: str, **projects: str | None) -> None:
        """Begin with the clusters a and b, each with an own node.

        Another one comes before them, which has nothing to do with it.
        """
        self.graph = graphs.Graph(self.configuration)
        self.clusters = made.Clusters()
        self.feed = self.make_feed()
        self.clusters.add('first')
        for name in ('a', 'b'):
            self.clusters.add(name, is_listed=False,
                              project_id=projects.get(name))
            if name in listed:
                self.relist(name)
        self.snapshot()

    def relist(self, name: str, *others: str) -> None:
        self.clusters.relist(name, made.make_node(f'of {name}'), *(
            made.make_node(uid) for uid in others or ('x', 'y')))


class ContestedTest(TwoContexts):

    def test_a_node_is_of_the_first_cluster_that_has_it(self) -> None:
        self.begin('a', 'b')

        self.assertEqual({'of a': 'a', 'x': 'a', 'y': 'a', 'of b': 'b'},
                         self.cluster_of())
        for _ in range(2):
            self.assertEqual(['first', 'a', 'of a', 'x', 'y', 'b', 'of b'],
                             polls.ids(self.snapshot()))

    def test_a_node_moves_when_an_earlier_cluster_lists(self) -> None:
        for project in (None, 'p'):
            for poll in ('snapshot', 'changes'):
                self.begin('b', a=project, b='p')
                self.assertEqual({'x': 'b', 'y': 'b', 'of b': 'b'},
                                 self.cluster_of())
                before = self.vitrage_ids()
                self.relist('a', 'x')

                getattr(self, poll)()

                self.assertEqual(
                    {'of a': 'a', 'x': 'a', 'y': 'b', 'of b': 'b'},
                    self.cluster_of())
                # For another project it is made anew.
                self.assertIs(project == 'p',
                              before['x'] == self.vitrage_ids()['x'])
                self.assertEqual([], self.changes())

    def test_a_node_moves_when_its_cluster_loses_it(self) -> None:
        for poll in ('snapshot', 'changes'):
            self.begin('a', 'b')
            before = self.vitrage_ids()
            self.relist('a', 'y')

            getattr(self, poll)()

            self.assertEqual({'of a': 'a', 'y': 'a', 'x': 'b', 'of b': 'b'},
                             self.cluster_of())
            self.assertEqual(before, self.vitrage_ids())

    def test_a_node_moves_when_the_order_changes(self) -> None:
        for poll in ('snapshot', 'changes'):
            self.begin('a', 'b')
            self.clusters.order('first', 'b', 'a')

            getattr(self, poll)()

            self.assertEqual({'of a': 'a', 'x': 'b', 'y': 'b', 'of b': 'b'},
                             self.cluster_of())
            self.assertEqual([], self.changes())

    def test_a_node_moves_when_its_cluster_is_removed(self) -> None:
        for poll in ('snapshot', 'changes'):
            self.begin('a', 'b', a='p', b='q')
            self.clusters.remove('a')

            getattr(self, poll)()

            self.assertEqual({'x': 'b', 'y': 'b', 'of b': 'b'},
                             self.cluster_of())
            self.assertEqual('q', self.shown()['x']['project_id'])

    def test_a_node_stays_its_owners_that_cannot_be_read(self) -> None:
        self.begin('a', 'b')
        self.clusters.healths['a'] = made.UNREACHABLE

        for poll in (self.changes, self.snapshot):
            poll()
            self.assertEqual({'of a': 'a', 'x': 'a', 'y': 'a', 'of b': 'b'},
                             self.cluster_of())

    def test_changes_are_those_of_the_owner(self) -> None:
        self.begin('a', 'b')
        self.clusters.put('b', made.make_node('x', zone='b'))
        self.assertEqual([], self.changes())
        self.clusters.put('a', made.make_node('x', zone='a'))

        self.assertEqual(['x'], polls.ids(self.changes()))

        self.assertEqual('a', self.shown()['x']['zone'])

    def test_a_node_that_one_of_them_deletes_stays(self) -> None:
        self.begin('a', 'b')
        self.clusters.delete('b', 'x')
        self.assertEqual([], self.changes())
        self.clusters.delete('a', 'x')
        self.clusters.put('b', made.make_node('x'))
        self.changes()
        self.assertEqual('b', self.cluster_of()['x'])
        self.clusters.delete('b', 'x')

        self.changes()

        self.assertNotIn('x', self.cluster_of())

    def test_a_node_stays_where_its_cluster_is_not_listed(self) -> None:
        # The cluster was away between two polls, and is not listed again.
        self.begin('a', 'b')
        self.clusters.remove('a')
        self.clusters.add('a', is_listed=False)
        self.clusters.order('first', 'a', 'b')
        self.clusters.delete('b', 'x')

        self.assertEqual([], self.changes())

        self.assertEqual('a', self.cluster_of()['x'])

    def test_a_node_that_its_next_owner_cannot_show_stays(self) -> None:
        self.begin('a')
        listing = self.clusters.inventories['b'].begin_list()
        listing.add([], ['x'])
        self.clusters.inventories['b'].replace(listing, 'v')
        self.changes()
        self.clusters.delete('a', 'x')

        for poll in (self.changes, self.snapshot):
            self.assertEqual([], polls.ids(poll(), 'delete_entity'))
            self.assertEqual({'of a': 'a', 'x': 'a', 'y': 'a'},
                             self.cluster_of())


class ClaimTest(TwoContexts):
    """After a restart with the stored graph, of which a is the first."""

    def begin_anew(self, *listed: str, **projects: str | None) -> None:
        self.begin('a', 'b', **projects)
        self.restart()
        for name in listed:
            self.relist(name)

    def test_a_node_stays_an_earlier_clusters_without_a_list(self) -> None:
        self.begin_anew('b')
        before = self.vitrage_ids()

        for poll in (self.snapshot, self.changes, self.snapshot):
            poll()
            self.assertEqual({'of a': 'a', 'x': 'a', 'y': 'a', 'of b': 'b'},
                             self.cluster_of())
        self.clusters.put('b', made.make_node('x', zone='z'))
        self.assertEqual([], self.changes())
        self.relist('a')

        self.changes()

        self.assertEqual({'of a': 'a', 'x': 'a', 'y': 'a', 'of b': 'b'},
                         self.cluster_of())
        self.assertEqual(before, self.vitrage_ids())

    def test_a_node_moves_when_the_first_list_does_not_have_it(self) -> None:
        for poll in ('snapshot', 'changes'):
            for project in (None, 'p'):
                self.begin_anew('b', a='p', b=project)
                self.snapshot()
                before = self.vitrage_ids()
                self.relist('a', 'y')

                getattr(self, poll)()

                self.assertEqual(
                    {'of a': 'a', 'y': 'a', 'x': 'b', 'of b': 'b'},
                    self.cluster_of())
                self.assertEqual(project, self.shown()['x'].get('project_id'))
                self.assertIs(project == 'p',
                              before['x'] == self.vitrage_ids()['x'])

    def test_a_node_moves_when_the_first_cluster_is_removed(self) -> None:
        for poll in ('snapshot', 'changes'):
            self.begin_anew('b', a='p', b='q')
            self.snapshot()
            self.clusters.remove('a')

            getattr(self, poll)()

            self.assertEqual({'x': 'b', 'y': 'b', 'of b': 'b'},
                             self.cluster_of())
            self.assertEqual('q', self.shown()['x']['project_id'])

    def test_a_node_does_not_stay_a_later_clusters(self) -> None:
        self.begin('b')
        self.restart()
        self.relist('a')

        self.snapshot()

        self.assertEqual({'of a': 'a', 'x': 'a', 'y': 'a', 'of b': 'b'},
                         self.cluster_of())

    def test_a_node_that_an_earlier_cluster_gets_is_whole(self) -> None:
        # It has not been sent since the restart, but the graph has it.
        self.begin('b', a='p', b='q')
        self.clusters.put('b', made.make_node('x', zone='z'))
        self.changes()
        self.restart()
        self.relist('a', 'y')
        self.snapshot()
        self.clusters.put('a', made.make_node('x'))

        for _ in range(2):
            self.changes()

        self.assertEqual(
            properties.of_node(self.clusters.settings['a'],
                               made.make_node('x')), self.shown()['x'])
        self.assertEqual('a', self.cluster_of()['x'])
        self.changes()
        self.assertFalse(self.has_asked)

    def test_a_node_that_nobody_lists_stays(self) -> None:
        self.begin('b')
        self.restart()
        self.relist('a', 'y')

        self.snapshot()

        self.assertEqual({'of a': 'a', 'y': 'a', 'x': 'b', 'of b': 'b'},
                         self.cluster_of())
