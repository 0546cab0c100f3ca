# SPDX-License-Identifier: Apache-2.0
"""What is sent between the snapshots."""

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import feed as feeds
from vitrage_k8s.graph import properties
from vitrage_k8s.graph import ties


class ChangesTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_node('n'), made.make_node('m'))
        for _ in range(3):
            self.snapshot()

    def test_sends_what_changed_and_nothing_else(self) -> None:
        self.assertEqual([], self.changes())
        self.clusters.put('a', made.make_node('n', ready='False'))

        sent = self.changes()

        self.assertEqual(['n'], polls.ids(sent))
        self.assertEqual([[]], [event['links'] for event in sent])
        self.assertEqual('NotReady', self.shown()['n']['state'])
        self.assertFalse(self.has_asked)
        self.assertEqual([], self.changes())

    def test_sends_nothing_where_a_node_is_as_it_was(self) -> None:
        self.clusters.put('a', made.make_node('n', ready='False'))
        self.clusters.put('a', made.make_node('n'))

        self.assertEqual([], self.changes())

    def test_a_node_that_is_added_hangs_on_its_cluster(self) -> None:
        self.clusters.put('a', made.make_node('new', zone='z'))

        sent = self.changes()

        self.assertEqual(['new'], polls.ids(sent))
        self.assertEqual({'new': 'a', 'n': 'a', 'm': 'a'}, self.cluster_of())
        self.assertEqual('z', self.shown()['new']['zone'])

    def test_a_node_that_is_deleted_leaves_the_graph(self) -> None:
        self.clusters.delete('a', 'n')

        self.assertEqual(['n'], polls.ids(self.changes(), 'delete_entity'))

        self.assertEqual({'m': 'a'}, self.cluster_of())
        self.assertEqual([], self.changes())

    def test_a_node_may_come_again(self) -> None:
        for _ in range(2):
            self.clusters.delete('a', 'n')
            self.changes()
            self.clusters.put('a', made.make_node('n'))
            self.changes()
            self.assertEqual({'n': 'a', 'm': 'a'}, self.cluster_of())

    def test_a_property_that_is_lost_leaves_the_graph(self) -> None:
        self.clusters.put('a', made.make_node('n', zone='z'))
        self.changes()
        self.clusters.put('a', made.make_node('n'))

        self.changes()

        self.assertNotIn('zone', self.shown()['n'])

    def test_sends_so_many_at_a_time(self) -> None:
        self.feed = type(self.feed)(1, ties.TYPES)
        self.snapshot()
        for uid in ('n', 'm'):
            self.clusters.put('a', made.make_node(uid, ready='False'))

        self.assertEqual(2, len(self.changes()))
        self.assertEqual(2, len(self.graph.batches))


class NewClusterTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_node('n'))
        self.clusters.add('b', is_listed=False)
        self.snapshot()

    def test_a_first_list_is_sent_at_once(self) -> None:
        self.changes()
        self.clusters.relist('b', made.make_node('m'))

        sent = self.changes()

        self.assertTrue(self.has_asked)
        self.assertEqual(['b', 'm'], polls.ids(sent))
        self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())
        self.assertEqual({'a': 'Ready', 'b': 'Ready'}, self.state_of())
        self.assertEqual([], self.changes())
        self.assertFalse(self.has_asked)

    def test_a_list_after_the_question_waits_for_the_next(self) -> None:
        view = self.clusters.view()
        self.assertFalse(self.feed.wants_graph(view, 0))
        self.clusters.relist('b', made.make_node('m'))
        self.graph.take(self.feed.changes(
            view, self.clusters.take_changed(), 0))
        self.assertEqual({'n': 'a'}, self.cluster_of())

        self.changes()

        self.assertTrue(self.has_asked)
        self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())

    def test_a_second_list_is_none(self) -> None:
        self.clusters.relist('b', made.make_node('m'))
        self.changes()
        self.clusters.relist('b', made.make_node('m'), made.make_node('o'))

        self.assertEqual(['o'], polls.ids(self.changes()))
        self.assertFalse(self.has_asked)

    def test_a_cluster_that_is_added_shows_at_once(self) -> None:
        self.clusters.add('c', is_listed=False)

        self.changes()

        self.assertEqual('Connecting', self.state_of()['c'])
        self.assertEqual([], self.changes())

    def test_a_cluster_that_was_away_is_compared_again(self) -> None:
        # Between two polls: with the same settings, and another inventory.
        self.clusters.remove('a')
        self.clusters.add('a', is_listed=False)
        self.clusters.order('a', 'b')
        self.assertEqual([], self.changes())
        self.assertEqual({'n': 'a'}, self.cluster_of())
        self.clusters.relist('a', made.make_node('o'))

        self.changes()

        self.assertTrue(self.has_asked)
        self.assertEqual({'o': 'a'}, self.cluster_of())

    def test_an_unlisted_cluster_loses_nothing_by_another(self) -> None:
        self.clusters.remove('a')
        self.clusters.add('a', is_listed=False)
        self.clusters.add('c', made.make_node('o'))

        self.changes()

        self.assertEqual({'n': 'a', 'o': 'c'}, self.cluster_of())

    def test_the_first_poll_may_be_for_changes(self) -> None:
        self.feed = self.make_feed()

        self.assertEqual(['a', 'n'], polls.ids(self.changes()))


class HealthTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_node('n'))
        self.snapshot()

    def test_another_health_is_sent_once(self) -> None:
        for health in (made.UNREACHABLE, made.READY):
            self.clusters.healths['a'] = health
            sent = self.changes()
            self.assertIn('a', polls.ids(sent))
            self.assertEqual(set(), polls.links(sent, graphs.ROOT))
            self.assertEqual([], self.changes())
            self.assertEqual({'a': health.state}, self.state_of())
        self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_nodes_are_counted_once_a_minute(self) -> None:
        def shown() -> tuple[str, str]:
            vertex = self.graph.shown(graphs.CLUSTER)['a']
            return vertex['nodes'], vertex['nodes_ready']

        before = shown()
        for ready in ('False', 'True', 'False'):
            self.clusters.put('a', made.make_node('new', ready=ready))
            self.assertEqual(['new'], polls.ids(self.changes()))
            self.snapshot()
        self.assertEqual(before, shown())
        self.graph.advance(feeds.COUNT_INTERVAL)

        self.assertEqual(['a'], polls.ids(self.changes()))
        self.assertEqual(str(int(before[0]) + 1), shown()[0])
        self.assertEqual(before[1], shown()[1])
        self.graph.advance(feeds.COUNT_INTERVAL)
        self.assertEqual([], self.changes())

    def test_counts_stay_until_the_first_list(self) -> None:
        before = self.graph.shown(graphs.CLUSTER)['a']['nodes']
        self.restart()
        self.clusters.healths['a'] = made.UNREACHABLE
        self.snapshot()
        self.assertEqual(before, self.graph.shown(graphs.CLUSTER)[
            'a']['nodes'])

    def test_connecting_again_is_as_it_was(self) -> None:
        self.clusters.healths['a'] = made.UNREACHABLE
        self.changes()
        self.clusters.healths['a'] = made.CONNECTING

        for poll in (self.changes, self.snapshot):
            poll()
            self.assertEqual({'a': 'Unreachable'}, self.state_of())

    def test_a_verdict_as_before_brings_the_settings_of_now(self) -> None:
        self.clusters.healths['a'] = made.UNREACHABLE
        self.changes()
        self.clusters.remove('a')
        self.clusters.add('a', is_listed=False, project_id='p')
        self.changes()
        self.clusters.healths['a'] = made.UNREACHABLE

        self.changes()

        cluster = self.graph.shown(graphs.CLUSTER)['a']
        self.assertEqual('p', cluster['project_id'])


class SettingsTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_node('n'))
        self.clusters.add('b', made.make_node('m'))
        self.snapshot()

    def test_a_project_is_taken_with_the_next_poll(self) -> None:
        for poll in (self.changes, self.snapshot):
            for project in ('p', 'q', None):
                before = self.vitrage_ids()
                had = self.shown()['n'].get('project_id')
                self.clusters.configure('a', project_id=project)

                poll()

                cluster = self.graph.shown(graphs.CLUSTER)['a']
                self.assertEqual(project, cluster.get('project_id'))
                self.assertEqual(project, self.shown()['n'].get('project_id'))
                self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())
                # Made anew where it had another, for its alarms are of that.
                self.assertIs(had is None,
                              before['n'] == self.vitrage_ids()['n'])
                self.assertEqual(before['m'], self.vitrage_ids()['m'])
                self.assertEqual([], self.changes())

    def test_conditions_that_are_ignored_go_with_the_next_poll(self) -> None:
        self.clusters.put('a', made.make_node('n', abnormal_conditions='X'))
        self.changes()
        self.assertEqual('Degraded', self.shown()['n']['state'])
        self.clusters.configure('a', ignored_conditions=frozenset('X'))

        self.changes()

        self.assertEqual('Ready', self.shown()['n']['state'])
        self.assertNotIn('abnormal_conditions', self.shown()['n'])

    def test_a_project_waits_for_the_list_where_nodes_are_shown(self) -> None:
        self.clusters.configure('a', project_id='p')
        self.snapshot()
        self.restart()
        self.clusters.configure('a', project_id='q')
        self.clusters.healths['a'] = made.UNREACHABLE

        for poll in (self.snapshot, self.changes, self.snapshot):
            poll()
            cluster = self.graph.shown(graphs.CLUSTER)['a']
            self.assertEqual(('p', 'Unreachable'),
                             (cluster['project_id'], cluster['state']))
            self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())
        self.assertEqual([], self.changes())
        self.clusters.relist('a', made.make_node('n'))

        self.changes()

        cluster = self.graph.shown(graphs.CLUSTER)['a']
        self.assertEqual(('q', 'Ready'),
                         (cluster['project_id'], cluster['state']))
        self.assertEqual('q', self.shown()['n']['project_id'])
        self.assertEqual({'n': 'a', 'm': 'b'}, self.cluster_of())

    def test_a_project_of_a_cluster_without_nodes_is_taken(self) -> None:
        self.clusters.add('c', is_listed=False, project_id='p')
        self.clusters.healths['c'] = made.UNREACHABLE
        self.snapshot()
        self.restart()
        self.clusters.configure('c', project_id='q')
        self.clusters.healths['c'] = made.UNREACHABLE

        self.snapshot()

        cluster = self.graph.shown(graphs.CLUSTER)['c']
        self.assertEqual('q', cluster['project_id'])
        self.assertIn(('OpenStack Cluster', 'contains', 'c'),
                      self.graph.edges())

    def test_settings_that_change_after_the_question_wait(self) -> None:
        view = self.clusters.view()
        self.assertFalse(self.feed.wants_graph(view, 0))
        self.clusters.configure('a', project_id='p')
        self.clusters.put('b', made.make_node('m', zone='z'))

        self.graph.take(self.feed.changes(
            self.clusters.view(), self.clusters.take_changed(), 0))
        self.changes()

        self.assertTrue(self.has_asked)
        self.assertEqual(properties.of_node(
            self.clusters.settings['a'], made.make_node('n')),
            self.shown()['n'])
        self.assertEqual('z', self.shown()['m']['zone'])
