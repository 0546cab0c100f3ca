# SPDX-License-Identifier: Apache-2.0
"""Lists of events that Vitrage does not process in full.

Where the processing of an event fails, Vitrage's EventsCoordination logs it
and goes on with the next list.
"""

import itertools

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import properties
from vitrage_k8s.graph import ties

ALL = itertools.repeat(True)


class LostTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(graphs.quiet())

    def test_a_snapshot_sends_again_what_was_lost(self) -> None:
        for number in range(8):
            self.graph = graphs.Graph(self.configuration)
            self.feed = self.make_feed()
            self.graph.put_server('s')
            self.clusters.add(
                'a', made.make_server_node('n', 's'), made.make_node('m'))
            self.clusters.add('b', made.make_node('o'))

            self.snapshot([*[False] * number, True])
            self.snapshot()

            self.assertEqual({'n': 'a', 'm': 'a', 'o': 'b'},
                             self.cluster_of())
            self.assertEqual({'n': 's'}, self.server_of())
            self.assertEqual({'a': 'Ready', 'b': 'Ready'}, self.state_of())

    def test_a_link_that_was_lost_is_sent_again(self) -> None:
        # The properties of the node do not show it: they are as they were.
        self.clusters.add('a', made.make_server_node('n', 's'))
        for poll in (self.snapshot, self.changes):
            for _ in range(3):
                self.snapshot()
            self.graph.put_server('s')
            self.graph.advance(30)
            poll(ALL)
            self.assertEqual({}, self.server_of())

            sent = self.snapshot()

            self.assertEqual({('n', 's')}, polls.links(sent, graphs.SERVER))
            self.assertEqual({'n': 's'}, self.server_of())
            self.assertEqual(set(),
                             polls.links(self.snapshot(), graphs.SERVER))
            self.graph.delete_server('s')

    def test_a_node_that_was_lost_is_repaired_when_it_changes(self) -> None:
        self.clusters.add('a', made.make_server_node('n', 's'),
                          made.make_node('m'))
        self.snapshot()
        self.graph.put_server('s')
        self.snapshot(ALL)
        self.clusters.put('a', made.make_server_node('n', 's', zone='z'))
        # Only the graph knows what it has of the node.
        self.assertEqual([], self.changes())
        self.assertFalse(self.has_asked)

        self.assertEqual(['n'], polls.ids(self.changes()))

        self.assertTrue(self.has_asked)
        self.assertEqual({'n': 's'}, self.server_of())
        self.assertEqual('z', self.shown()['n']['zone'])
        self.changes()
        self.assertFalse(self.has_asked)

    def test_a_node_that_comes_after_a_lost_deletion_is_whole(self) -> None:
        for server, expected in ((None, {}), ('t', {}), ('s', {'n': 's'})):
            self.graph = graphs.Graph(self.configuration)
            self.feed = self.make_feed()
            self.graph.put_server('s')
            self.clusters.add('a', made.make_server_node('n', 's', zone='z'))
            self.snapshot()
            self.clusters.delete('a', 'n')
            self.changes(ALL)
            node = made.make_server_node('n', server) if server \
                else made.make_node('n')
            self.clusters.put('a', node)

            for _ in range(2):
                self.changes()

            self.assertEqual(expected, self.server_of())
            self.assertEqual(
                properties.of_node(self.clusters.settings['a'], node),
                self.shown()['n'])

    def test_only_what_was_lost_is_linked_again(self) -> None:
        self.feed = type(self.feed)(1, ties.TYPES)
        self.clusters.add('a', made.make_node('n'), made.make_node('m'))
        for _ in range(3):
            self.snapshot()
        # After the cluster and a receipt.
        self.snapshot([False, False, True])

        sent = self.snapshot()

        self.assertEqual({('n', 'a')}, polls.links(sent, graphs.CLUSTER))
        self.assertEqual(set(), polls.links(sent, graphs.ROOT))
        self.assertEqual(set(), polls.links(self.snapshot(), graphs.CLUSTER))

    def test_the_edge_to_the_root_that_was_lost_comes_again(self) -> None:
        self.clusters.add('a')
        for _ in range(3):
            self.snapshot()
        self.clusters.healths['a'] = made.UNREACHABLE
        for poll in (self.snapshot, self.changes):
            self.snapshot(ALL)

            sent = poll()

            self.assertEqual({('a', 'OpenStack Cluster')}
                             if poll == self.snapshot else set(),
                             polls.links(sent, graphs.ROOT))
            self.snapshot()
            self.assertEqual(set(), polls.links(self.snapshot(), graphs.ROOT))

    def test_a_removed_link_that_was_lost_is_removed(self) -> None:
        # Each event of the node may be the one that fails.
        for poll, number in itertools.product(('snapshot', 'changes'),
                                              range(4)):
            self.graph = graphs.Graph(self.configuration)
            self.feed = type(self.feed)(1, ties.TYPES)
            self.graph.put_server('s')
            self.clusters.add('a', made.make_server_node('n', 's'))
            self.snapshot()
            self.assertEqual({'n': 's'}, self.server_of())
            self.clusters.put('a', made.make_node('n'))

            getattr(self, poll)([*[False] * number, True])
            self.snapshot()

            self.assertEqual({}, self.server_of(), (poll, number))
            self.assertEqual(
                properties.of_node(self.clusters.settings['a'],
                                   made.make_node('n')), self.shown()['n'])

    def test_a_deletion_that_was_lost_comes_again(self) -> None:
        for poll in (self.snapshot, self.changes):
            self.clusters.add('a', made.make_node('n'), made.make_node('m'))
            self.clusters.add('b', made.make_node('o'))
            self.snapshot()
            self.clusters.delete('a', 'n')
            self.clusters.remove('b')
            poll(ALL)
            self.assertEqual({'n', 'm', 'o'}, set(self.shown()))

            self.snapshot()

            self.assertEqual({'m': 'a'}, self.cluster_of())
            self.assertEqual({'a': 'Ready'}, self.state_of())

    def test_a_change_that_was_lost_comes_with_the_snapshot(self) -> None:
        self.clusters.add('a', made.make_node('n', zone='z'))
        self.snapshot()
        self.clusters.put('a', made.make_node('n'))
        self.clusters.healths['a'] = made.UNREACHABLE
        self.changes(ALL)

        self.snapshot()

        self.assertNotIn('zone', self.shown()['n'])
        self.assertEqual({'a': 'Unreachable'}, self.state_of())

    def test_what_is_made_anew_in_part_is_whole_again(self) -> None:
        for poll, size, number in itertools.product(
                ('snapshot', 'changes'), (1, 9), range(8)):
            self.graph = graphs.Graph(self.configuration)
            self.feed = type(self.feed)(size, ties.TYPES)
            self.graph.put_server('s')
            self.clusters.add('a', made.make_server_node('n', 's'),
                              project_id='q')
            self.snapshot()
            self.clusters.configure('a', project_id='p')
            getattr(self, poll)([*[False] * number, True])

            self.snapshot()

            self.assertEqual({'n': 'a'}, self.cluster_of())
            self.assertEqual({'n': 's'}, self.server_of())
            self.assertEqual('p', self.shown()['n']['project_id'])
            self.assertIn(('OpenStack Cluster', 'contains', 'a'),
                          self.graph.edges())
