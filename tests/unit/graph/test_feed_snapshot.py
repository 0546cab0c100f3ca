# SPDX-License-Identifier: Apache-2.0
"""A snapshot: all clusters and all nodes."""

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import events
from vitrage_k8s.graph import properties
from vitrage_k8s.graph import ties


class SnapshotTest(polls.FeedTest):

    def test_shows_each_cluster_and_each_node(self) -> None:
        nodes = {uid: made.make_node(uid, zone=f'zone of {uid}')
                 for uid in ('n1', 'n2', 'n3')}
        self.clusters.add('a', nodes['n1'], nodes['n2'], project_id='p')
        self.clusters.add('b', nodes['n3'])
        self.clusters.add('empty')

        self.snapshot()

        self.assertEqual(
            {uid: properties.of_node(self.clusters.settings[
                'b' if uid == 'n3' else 'a'], node)
             for uid, node in nodes.items()}, self.shown())
        self.assertEqual({'n1': 'a', 'n2': 'a', 'n3': 'b'}, self.cluster_of())
        self.assertEqual(
            {('OpenStack Cluster', 'contains', name)
             for name in ('a', 'b', 'empty')},
            {edge for edge in self.graph.edges() if edge[1] == 'contains'})

    def test_sends_every_node_and_cluster_each_time(self) -> None:
        self.clusters.add('a', made.make_node('n1'), made.make_node('n2'))
        for _ in range(4):
            self.assertEqual(['a', 'n1', 'n2'], polls.ids(self.snapshot()))

    def test_sends_so_many_at_a_time(self) -> None:
        self.feed = type(self.feed)(2, ties.TYPES)
        self.clusters.add('a', *(made.make_node(f'n{i}') for i in range(4)))

        self.snapshot()

        self.assertEqual([['a', 'n0'], ['n1', 'n2'], ['n3']],
                         [polls.ids(batch[:-1]) for batch
                          in self.graph.batches])

    def test_a_poll_without_clusters_sends_nothing(self) -> None:
        self.assertEqual([], self.snapshot())
        self.assertEqual([], self.changes())
        self.assertEqual([], self.graph.batches)

    def test_a_property_that_is_lost_leaves_the_graph(self) -> None:
        self.clusters.add('a', made.make_node('n', zone='z', region='r'))
        self.snapshot()
        self.clusters.relist('a', made.make_node('n', region='r'))

        self.snapshot()

        self.assertNotIn('zone', self.shown()['n'])
        self.assertEqual('r', self.shown()['n']['region'])
        self.assertEqual(['a', 'n'], polls.ids(self.snapshot()))

    def test_what_others_say_of_a_node_stays(self) -> None:
        self.clusters.add('a', made.make_node('n'))
        self.snapshot()
        [vertex] = self.graph.graph.get_vertices({'id': 'n'})
        vertex['vitrage_state'] = 'ERROR'
        self.graph.graph.update_vertex(vertex)

        self.snapshot()

        [vertex] = self.graph.graph.get_vertices({'id': 'n'})
        self.assertEqual('ERROR', vertex['vitrage_state'])


class EdgesTest(polls.FeedTest):

    def test_an_edge_is_sent_once_for_each_vertex_that_is_shown(self) -> None:
        self.clusters.add('a', made.make_node('n'))
        to_cluster, to_root = {('n', 'a')}, {('a', 'OpenStack Cluster')}
        # The first ones are made by the edge, so that it is sent twice.
        for cluster, root in ((to_cluster, to_root), (to_cluster, to_root),
                              (set(), set()), (set(), set())):
            sent = self.snapshot()
            self.assertEqual(cluster, polls.links(sent, graphs.CLUSTER))
            self.assertEqual(root, polls.links(sent, graphs.ROOT))

        self.clusters.configure('a', project_id='p')
        self.snapshot()
        self.clusters.configure('a', project_id='q')

        # Made anew.
        sent = self.snapshot()
        self.assertEqual(to_cluster, polls.links(sent, graphs.CLUSTER))
        self.assertEqual(to_root, polls.links(sent, graphs.ROOT))
        self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_a_node_that_is_not_shown_is_linked(self) -> None:
        self.clusters.add('a', made.make_node('n'))
        for _ in range(3):
            self.snapshot()
        self.clusters.put('a', made.make_node('m'))

        sent = self.snapshot()

        self.assertEqual({('m', 'a')}, polls.links(sent, graphs.CLUSTER))

    def test_the_root_of_a_new_cluster_is_linked(self) -> None:
        self.clusters.add('a')
        for _ in range(3):
            self.snapshot()
        self.clusters.add('b')

        self.assertEqual({('b', 'OpenStack Cluster')},
                         polls.links(self.snapshot(), graphs.ROOT))

    def test_a_cluster_has_a_root_though_the_graph_lost_it(self) -> None:
        self.clusters.add('a')
        for _ in range(3):
            self.snapshot()
        for is_restarted in (False, True):
            [root] = self.graph.graph.get_vertices(
                {'vitrage_type': graphs.ROOT})
            self.graph.graph.remove_vertex(root)
            if is_restarted:
                self.restart()
                self.clusters.relist('a')
            for _ in range(2):
                self.snapshot()
                self.assertEqual({('OpenStack Cluster', 'contains', 'a')},
                                 self.graph.edges())


class HealthTest(polls.FeedTest):

    def test_a_cluster_that_is_not_known_is_connecting(self) -> None:
        self.clusters.add('a', is_listed=False)

        self.snapshot()

        self.assertEqual({'a': 'Connecting'}, self.state_of())

    def test_a_cluster_that_is_known_stays_until_its_verdict(self) -> None:
        self.clusters.add('a', made.make_node('n'))
        self.snapshot()
        self.restart()

        for poll in (self.snapshot, self.changes):
            self.assertEqual([], poll())
        self.assertEqual({'a': 'Ready'}, self.state_of())
        self.assertEqual({'n': 'a'}, self.cluster_of())

        for health, poll in ((made.UNREACHABLE, self.changes),
                             (made.READY, self.snapshot)):
            self.clusters.healths['a'] = health
            self.assertEqual(['a'], polls.ids(poll(), 'update')[:1])
            self.assertEqual({'a': health.state}, self.state_of())

    def test_a_verdict_of_a_known_cluster_is_sent_once(self) -> None:
        self.clusters.add('a')
        self.snapshot()
        self.restart()
        self.snapshot()
        self.clusters.healths['a'] = made.UNREACHABLE

        self.assertEqual(['a'], polls.ids(self.changes()))
        self.assertEqual([], self.changes())

    def test_a_reason_comes_and_goes(self) -> None:
        self.clusters.add('a')
        self.snapshot()
        for health, poll in (
                (made.UNREACHABLE, self.changes), (made.READY, self.changes),
                (made.UNREACHABLE, self.snapshot),
                (made.READY, self.snapshot)):
            self.clusters.healths['a'] = health
            poll()
            self.assertEqual(
                health.reason,
                self.graph.shown(graphs.CLUSTER)['a'].get('reason'))
            self.assertEqual({'a': health.state}, self.state_of())

    def test_nodes_stay_while_their_cluster_cannot_be_read(self) -> None:
        self.clusters.add('a', made.make_node('n'))
        self.snapshot()
        self.clusters.healths['a'] = made.UNREACHABLE
        for _ in range(2):
            self.assertEqual(['a', 'n'], polls.ids(self.snapshot()))


class RestartTest(polls.FeedTest):

    def test_what_went_meanwhile_is_deleted_with_the_first_list(self) -> None:
        self.clusters.add('a', made.make_node('n'), made.make_node('m'))
        self.snapshot()
        before = self.vitrage_ids()
        self.restart()
        self.snapshot()
        self.assertEqual({'n', 'm'}, set(self.shown()))
        self.clusters.relist('a', made.make_node('n', zone='z'))

        self.changes()

        self.assertEqual({'n': 'a'}, self.cluster_of())
        self.assertEqual('z', self.shown()['n']['zone'])
        self.assertEqual(before['n'], self.vitrage_ids()['n'])

    def test_a_cluster_that_somebody_deleted_gets_its_nodes(self) -> None:
        self.clusters.add('a', made.make_node('n'))
        self.snapshot()
        self.graph.take([[events.deletion(graphs.CLUSTER, 'a')]])
        self.restart()
        self.clusters.relist('a', made.make_node('n'))

        self.snapshot()

        self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_properties_that_went_meanwhile_leave_the_graph(self) -> None:
        self.clusters.add('a', made.make_node('n', zone='z'))
        self.clusters.healths['a'] = made.UNREACHABLE
        self.snapshot()
        self.restart()
        self.clusters.relist('a', made.make_node('n'))

        self.snapshot()

        self.assertNotIn('zone', self.shown()['n'])
        self.assertNotIn('reason', self.graph.shown(graphs.CLUSTER)['a'])

    def test_what_comes_again_is_as_it_is_now(self) -> None:
        # Vitrage makes it of the deleted vertex, which had more.
        self.clusters.add('a', made.make_node('n', zone='z'), project_id='p')
        self.clusters.healths['a'] = made.UNREACHABLE
        self.snapshot()
        self.clusters.remove('a')
        self.snapshot()
        self.restart()
        self.clusters.add('a', made.make_node('n'))

        self.snapshot()

        self.assertEqual(
            properties.of_node(self.clusters.settings['a'],
                               made.make_node('n')), self.shown()['n'])
        cluster = self.graph.shown(graphs.CLUSTER)['a']
        self.assertNotIn('project_id', cluster)
        self.assertNotIn('reason', cluster)
        self.assertEqual({'n': 'a'}, self.cluster_of())
