# SPDX-License-Identifier: Apache-2.0
"""Nodes and the Nova servers that they are tied to, in Vitrage's graph."""

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import polls
from vitrage_k8s.graph import ties


class ServersTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.clusters.add('a', made.make_server_node('n', 's'))

    def stamp(self) -> str:
        """Return when the server was last sampled, in Vitrage's view."""
        return self.graph.shown(graphs.SERVER)['s']['vitrage_sample_timestamp']

    def test_a_node_hangs_on_its_server_whichever_comes_first(self) -> None:
        for is_server_first in (True, False):
            self.graph = graphs.Graph(self.configuration)
            self.feed = self.make_feed()
            if not is_server_first:
                self.snapshot()
            self.graph.put_server('s')

            sent = self.snapshot()

            self.assertEqual({('n', 's')}, polls.links(sent, graphs.SERVER))
            self.assertEqual({'n': 's'}, self.server_of())
            self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_a_server_is_touched_once_only(self) -> None:
        # Vitrage drops a notification of Nova's that is older.
        self.graph.put_server('s')
        self.snapshot()
        before = self.stamp()

        for zone in 'xyz':
            self.clusters.put('a', made.make_server_node('n', 's', zone=zone))
            for poll in (self.snapshot, self.changes):
                self.assertEqual(set(), polls.links(poll(), graphs.SERVER))
        self.assertEqual(before, self.stamp())
        self.assertEqual({'n': 's'}, self.server_of())

    def test_a_server_that_is_made_anew_is_linked_again(self) -> None:
        self.graph.put_server('s')
        self.snapshot()
        self.graph.delete_server('s')
        self.graph.put_server('s')
        self.assertEqual({}, self.server_of())

        self.assertEqual({('n', 's')},
                         polls.links(self.snapshot(), graphs.SERVER))

        self.assertEqual({'n': 's'}, self.server_of())

    def test_a_server_that_is_gone_stays_gone(self) -> None:
        self.graph.put_server('s')
        self.snapshot()
        self.graph.delete_server('s')

        for poll in (self.snapshot, self.changes):
            self.assertEqual(set(), polls.links(poll(), graphs.SERVER))
        self.assertEqual({}, self.graph.shown(graphs.SERVER))

    def test_a_placeholder_is_no_server(self) -> None:
        self.clusters.add('b', made.make_server_node('m', 't'))
        self.snapshot()

        self.assertEqual([], self.graph.graph.get_vertices(
            {'vitrage_type': graphs.SERVER}))

    def test_a_late_server_is_linked_between_the_snapshots(self) -> None:
        self.snapshot()
        self.graph.put_server('s')
        self.assertEqual([], self.changes())
        self.graph.advance(ties.ASK_INTERVAL)

        sent = self.changes()

        self.assertTrue(self.has_asked)
        self.assertEqual({('n', 's')}, polls.links(sent, graphs.SERVER))
        self.assertEqual({'n': 's'}, self.server_of())
        self.graph.advance(ties.ASK_INTERVAL)
        self.assertEqual([], self.changes())
        self.assertFalse(self.has_asked)

    def test_nodes_whose_server_does_not_come_are_not_sent(self) -> None:
        self.snapshot()
        self.graph.put_server('other')
        for _ in range(3):
            self.graph.advance(ties.ASK_INTERVAL)
            self.assertEqual([], self.changes())
            self.assertTrue(self.has_asked)
            self.assertEqual([], self.changes())
            self.assertFalse(self.has_asked)

    def test_servers_of_a_foreign_cloud_are_not_asked_for_for_ever(
            self) -> None:
        self.snapshot()
        asked = 0
        for _ in range(3):
            for _ in range(18):
                self.graph.advance(ties.ASK_INTERVAL)
                self.changes()
                asked += self.has_asked
            self.graph.advance(60)
            self.snapshot()
        self.assertGreater(20, asked)

    def test_a_node_that_is_deleted_does_not_wait_any_more(self) -> None:
        self.clusters.add('b', made.make_node('m'))
        self.snapshot()
        self.graph.advance(ties.ASK_INTERVAL)
        self.clusters.delete('a', 'n')

        for has_asked in (True, False):
            self.changes()
            self.assertIs(has_asked, self.has_asked)
            self.graph.advance(ties.ASK_INTERVAL)

    def test_a_node_that_changes_its_server_hangs_on_one_only(self) -> None:
        for uuid in ('s', 't'):
            self.graph.put_server(uuid)
        self.snapshot()
        for server, expected in (('t', {'n': 't'}), ('u', {}),
                                 ('s', {'n': 's'}), (None, {})):
            for poll in (self.changes, self.snapshot):
                self.clusters.put('a', made.make_node('n') if server is None
                                  else made.make_server_node('n', server))
                poll()
                self.graph.advance(ties.ASK_INTERVAL)
                self.changes()
                self.assertEqual(expected, self.server_of())
                self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_the_link_of_an_earlier_process_goes(self) -> None:
        self.graph.put_server('s')
        self.snapshot()
        self.restart()
        self.clusters.relist('a', made.make_node('n'))

        self.snapshot()

        self.assertEqual({}, self.server_of())

    def test_the_link_of_an_earlier_process_stays(self) -> None:
        self.graph.put_server('s')
        self.snapshot()
        self.restart()
        for _ in range(2):
            self.snapshot()
            self.assertEqual({'n': 's'}, self.server_of())
        self.clusters.relist('a', made.make_server_node('n', 's'))

        self.changes()

        self.assertEqual({'n': 's'}, self.server_of())


class TenantsTest(polls.FeedTest):

    def setUp(self) -> None:
        super().setUp()
        self.graph.put_server('s', 'p')

    def test_no_node_hangs_on_a_server_of_another_project(self) -> None:
        for poll in ('snapshot', 'changes'):
            for before in (None, 'p', 'q'):
                for project, expected in ((None, {'n': 's'}),
                                          ('p', {'n': 's'}), ('q', {})):
                    self.graph = graphs.Graph(self.configuration)
                    self.graph.put_server('s', 'p')
                    self.feed = self.make_feed()
                    self.clusters.add('a', made.make_server_node('n', 's'),
                                      project_id=before)
                    self.snapshot()
                    self.clusters.configure('a', project_id=project)

                    getattr(self, poll)()

                    self.assertEqual(expected, self.server_of(),
                                     (poll, before, project))
                    self.assertEqual({'n': 'a'}, self.cluster_of())

    def test_a_foreign_server_is_not_asked_for(self) -> None:
        self.clusters.add('a', made.make_server_node('n', 's'),
                          project_id='q')
        self.snapshot()
        self.graph.advance(ties.ASK_INTERVAL)

        self.assertEqual([], self.changes())

        self.assertFalse(self.has_asked)

    def test_the_link_of_an_earlier_process_goes(self) -> None:
        self.clusters.add('a', made.make_server_node('n', 's'))
        self.snapshot()
        self.assertEqual({'n': 's'}, self.server_of())
        self.restart()
        self.clusters.configure('a', project_id='q')
        self.clusters.relist('a', made.make_server_node('n', 's'))

        self.snapshot()

        self.assertEqual({}, self.server_of())
        self.assertEqual('q', self.shown()['n']['project_id'])
