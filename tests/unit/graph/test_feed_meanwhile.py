# SPDX-License-Identifier: Apache-2.0
"""What happens while Vitrage takes what a feed yields, or when it stops."""

import itertools

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import events


class InterruptedTest(polls.FeedTest):

    batch_size = 1

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', *(made.make_node(f'n{i}') for i in range(4)))

    def interrupt(self, batches: int) -> None:
        """Take no more than so many lists of a poll."""
        self.graph.take(itertools.islice(
            self.feed.snapshot(self.clusters.view(), self.graph.ask(), 0),
            batches))

    def test_the_next_poll_sends_what_is_missing(self) -> None:
        for poll, batches in itertools.product(('snapshot', 'changes'),
                                               range(6)):
            self.graph = graphs.Graph(self.configuration)
            self.feed = self.make_feed()
            self.interrupt(batches)

            getattr(self, poll)()

            self.assertEqual({f'n{i}': 'a' for i in range(4)},
                             self.cluster_of())
            self.assertEqual([], self.changes())

    def test_the_next_poll_sends_what_changed_before(self) -> None:
        self.snapshot()
        for i in range(4):
            self.clusters.put('a', made.make_node(f'n{i}', zone='z'))
        self.clusters.take_changed()
        self.interrupt(3)

        self.changes()

        self.assertEqual({'z'}, {node.get('zone') for node
                                 in self.shown().values()})

    def test_changes_that_were_not_taken_come_again(self) -> None:
        self.snapshot()
        for i in range(4):
            self.clusters.put('a', made.make_node(f'n{i}', zone='z'))
        view = self.clusters.view()
        self.graph.take(itertools.islice(self.feed.changes(
            view, self.clusters.take_changed(), 0), 2))

        self.changes()

        self.assertEqual({'z'}, {node.get('zone') for node
                                 in self.shown().values()})

    def test_a_list_that_comes_in_meanwhile_is_compared(self) -> None:
        self.clusters.add('b', made.make_node('o'), made.make_node('p'))
        self.snapshot()
        for number in range(1, 8):
            self.restart()
            self.clusters.relist('a', made.make_node('n0'))
            self.after_batch(number, lambda: self.clusters.relist(
                'b', made.make_node('p')))
            self.snapshot()
            self.clusters.relist('b', made.make_node('p'))

            self.changes()

            self.assertEqual({'n0': 'a', 'p': 'b'}, self.cluster_of())
            self.clusters.relist('b', made.make_node('o'),
                                 made.make_node('p'))
            self.changes()

    def test_what_goes_meanwhile_goes_with_the_next_poll(self) -> None:
        self.clusters.add('b', made.make_node('o'))
        self.snapshot()
        self.restart()
        self.clusters.relist('a', made.make_node('n0'))
        self.clusters.relist('b', made.make_node('o'))
        # The deletions have been sent by then, and b has not.
        self.after_batch(5, lambda: self.clusters.delete('b', 'o'))
        self.snapshot()

        self.changes()

        self.assertEqual({'n0': 'a'}, self.cluster_of())

    def test_a_cluster_that_is_made_anew_gets_all_its_nodes(self) -> None:
        for _ in range(3):
            self.snapshot()
        # By somebody else.
        self.graph.take([[events.deletion(graphs.CLUSTER, 'a')]])
        for batches in range(5):
            self.interrupt(batches)

        self.snapshot()

        self.assertEqual({f'n{i}': 'a' for i in range(4)},
                         self.cluster_of())

    def test_what_changes_meanwhile_is_compared_with_what_was_sent(
            self) -> None:
        # The first list of b is sent, and one of its nodes changes then.
        self.clusters.add('b', is_listed=False)
        self.snapshot()
        self.clusters.relist('b', made.make_node('o', zone='z'))
        self.after_batch(2, lambda: self.clusters.put(
            'b', made.make_node('o')))

        sent = self.changes()

        self.assertEqual(['b', 'o', 'o', 'o'], polls.ids(sent))
        self.assertEqual({('o', 'b')}, polls.links(sent[:2], graphs.CLUSTER))
        self.assertEqual(set(), polls.links(sent[2:], graphs.CLUSTER))
        self.assertNotIn('zone', self.shown()['o'])

    def test_a_node_that_comes_again_meanwhile_hangs_on_its_cluster(
            self) -> None:
        self.clusters.add('b', is_listed=False)
        for _ in range(3):
            self.snapshot()
        self.clusters.delete('a', 'n3')
        self.clusters.relist('b')
        self.after_batch(2, lambda: self.clusters.put(
            'a', made.make_node('n3')))

        self.changes()
        self.snapshot()

        self.assertEqual({f'n{i}': 'a' for i in range(4)},
                         self.cluster_of())
