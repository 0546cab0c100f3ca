# SPDX-License-Identifier: Apache-2.0
"""Nodes and the compute hosts that they are, in Vitrage's graph."""

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import ties


class HostsTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('u', made.make_node('n', name='Compute-1'),
                          are_hosts=True)
        # A tenant's, of the same name.
        self.clusters.add('t', made.make_node('m', name='compute-1'))

    def test_a_node_hangs_on_its_host_whichever_comes_first(self) -> None:
        for is_host_first in (True, False):
            self.graph = graphs.Graph(self.configuration)
            self.feed = self.make_feed()
            if not is_host_first:
                self.snapshot()
                self.assertEqual({}, self.host_of())
            self.graph.put_host('compute-1.example.org')

            sent = self.snapshot()

            self.assertEqual({('n', 'compute-1.example.org')},
                             polls.links(sent, graphs.HOST))
            self.assertEqual({'n': 'compute-1.example.org'}, self.host_of())
            self.assertEqual({'n': 'u', 'm': 't'}, self.cluster_of())
            for poll in (self.snapshot, self.changes):
                self.assertEqual(set(), polls.links(poll(), graphs.HOST))

    def test_a_placeholder_is_no_host(self) -> None:
        # A server brings one of its host.
        self.graph.put_server('s')
        self.snapshot()
        self.assertEqual({}, self.host_of())
        self.graph.put_host('compute-1')
        self.snapshot()
        self.assertEqual({'n': 'compute-1'}, self.host_of())

    def test_a_late_host_is_linked_between_the_snapshots(self) -> None:
        self.snapshot()
        self.graph.put_host('compute-1')
        self.graph.advance(ties.ASK_INTERVAL)

        self.changes()

        self.assertEqual({'n': 'compute-1'}, self.host_of())
        self.graph.advance(ties.ASK_INTERVAL)
        self.changes()
        self.assertFalse(self.has_asked)

    def test_a_host_that_is_made_anew_is_linked_again(self) -> None:
        self.graph.put_host('compute-1')
        self.snapshot()
        self.graph.delete_host('compute-1')
        self.snapshot()
        self.assertEqual({}, self.graph.shown(graphs.HOST))
        self.graph.put_host('compute-1')
        self.assertEqual({}, self.host_of())

        self.snapshot()

        self.assertEqual({'n': 'compute-1'}, self.host_of())

    def test_a_tie_goes_when_it_is_not_true_any_more(self) -> None:
        self.graph.put_host('compute-1')
        for is_restarted in (True, False):
            for are_hosts, name in ((False, 'compute-1'), (True, 'other')):
                self.clusters.configure('u', are_hosts=True)
                self.clusters.put('u', made.make_node('n', name='compute-1'))
                self.snapshot()
                self.assertEqual({'n': 'compute-1'}, self.host_of())
                if is_restarted:
                    self.graph.restart()
                    self.feed = self.make_feed()
                self.clusters.configure('u', are_hosts=are_hosts)
                self.clusters.put('u', made.make_node('n', name=name))

                self.changes()
                self.graph.advance(ties.ASK_INTERVAL)
                self.changes()

                self.assertEqual({}, self.host_of())
                self.assertEqual({'n': 'u', 'm': 't'}, self.cluster_of())

    def test_a_node_that_proves_to_be_a_server_leaves_the_host(self) -> None:
        self.graph.put_host('compute-1')
        self.snapshot()
        self.graph.put_server('s')
        self.clusters.put('u', made.make_server_node(
            'n', 's', name='compute-1'))
        self.graph.advance(ties.ASK_INTERVAL)

        self.changes()
        self.changes()

        self.assertEqual(({}, {'n': 's'}), (self.host_of(), self.server_of()))

    def test_a_node_of_the_same_name_takes_the_place(self) -> None:
        self.graph.put_host('compute-1')
        self.snapshot()
        self.clusters.delete('u', 'n')
        self.clusters.put('u', made.make_node('new', name='compute-1'))
        self.graph.advance(ties.ASK_INTERVAL)

        self.changes()
        self.changes()

        self.assertEqual({'new': 'compute-1'}, self.host_of())
