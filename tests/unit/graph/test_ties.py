# SPDX-License-Identifier: Apache-2.0
"""Which Nova server each node is tied to."""

from typing import Any

import testtools

from tests.support import clusters as made
from vitrage_k8s.api import clusters
from vitrage_k8s.graph import events
from vitrage_k8s.graph import queries
from vitrage_k8s.graph import ties

NO_PROJECT = clusters.ClusterSettings('c')
NODE = made.make_server_node('n', 's')
TIED: tuple[list[str], list[str]] = (['s'], [])
NOTHING: tuple[list[str], list[str]] = ([], [])


def servers(project: str | None = 'p', **found: str) -> queries.Shown:
    """Return a graph with servers, by their ids; each with its vertex."""
    return graph({('nova.instance', server): vitrage_id
                  for server, vitrage_id in found.items()}, project)


def graph(found: dict[tuple[str, str], str],
          project: str | None = 'p') -> queries.Shown:
    return queries.Shown((vitrage_id, {
        'vitrage_type': kind, 'id': identity, 'project_id': project})
        for (kind, identity), vitrage_id in found.items())


class TiesTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.ties = ties.Ties(ties.TYPES)

    def update(self, found: queries.Shown | None, node: Any = NODE,
               settings: clusters.ClusterSettings = NO_PROJECT,
               before: Any = (), now: float = 0) -> Any:
        """Return the ids of what to link to, and of what not any more."""
        links, gone = self.ties.update(settings, node, dict(before), found,
                                       now)
        for link in (*links, *gone):
            self.assertEqual(events.machine_link(
                link.entity_type, link.id), link)
        return [link.id for link in links], sorted(link.id for link in gone)


class LinkTest(TiesTest):

    def test_a_server_is_linked_once_for_each_vertex_of_it(self) -> None:
        for found, expected in (
                (servers(s='v1', t='v'), TIED), (servers(s='v1'), NOTHING),
                (None, NOTHING), (servers(s='v1'), NOTHING),
                (servers(s='v2'), TIED), (None, NOTHING),
                (servers(s='v2'), NOTHING),
                # Away and back.
                (servers(), NOTHING), (None, NOTHING),
                (servers(s='v3'), TIED)):
            self.assertEqual(expected, self.update(found))

    def test_a_server_that_is_not_shown_is_not_linked(self) -> None:
        self.assertEqual(NOTHING, self.update(servers(t='v')))
        self.assertEqual(NOTHING, self.update(None))

    def test_each_node_has_its_own_tie(self) -> None:
        found = servers(s='v', t='w')
        self.assertEqual(TIED, self.update(found))
        self.assertEqual((['t'], []), self.update(
            found, made.make_server_node('m', 't')))
        self.assertEqual(NOTHING, self.update(found))

    def test_a_node_that_was_forgotten_is_linked_again(self) -> None:
        self.update(servers(s='v'))
        self.ties.forget('n')

        self.assertEqual(TIED, self.update(servers(s='v')))

    def test_a_graph_without_servers_has_no_ties(self) -> None:
        self.ties = ties.Ties([])

        for found in (servers(s='v'), servers(), None):
            self.assertEqual(NOTHING, self.update(
                found, before={'provider': 'openstack', 'instance_id': 't'}))
        self.assertFalse(self.ties.wants_graph(1000))

    def test_a_system_uuid_counts_where_the_operator_says_so(self) -> None:
        node = made.make_node('n', system_uuid='s')
        for is_linked, expected in ((False, NOTHING), (True, TIED)):
            settings = clusters.ClusterSettings(
                'c', link_by_system_uuid=is_linked)
            self.assertEqual(expected, self.update(
                servers(s='v'), node, settings))


class UnlinkTest(TiesTest):

    def test_a_link_to_another_server_takes_its_place(self) -> None:
        self.update(servers(s='v'))

        self.assertEqual((['t'], ['s']), self.update(
            servers(s='v', t='w'), made.make_server_node('n', 't')))

    def test_a_link_goes_where_it_is_no_more_right(self) -> None:
        for node in (made.make_server_node('n', 't'), made.make_node('n')):
            # It goes with its server.
            for found, gone in ((servers(s='v'), ['s']), (servers(), [])):
                self.ties = ties.Ties(ties.TYPES)
                self.update(servers(s='v'))

                self.assertFalse(self.ties.is_void(NO_PROJECT, NODE))
                self.assertTrue(self.ties.is_void(NO_PROJECT, node))
                self.assertEqual(([], gone), self.update(found, node))
                self.assertFalse(self.ties.is_void(NO_PROJECT, node))
                self.assertEqual(NOTHING, self.update(found, node))

    def test_a_link_of_an_earlier_process_goes(self) -> None:
        openstack = {'provider': 'openstack', 'instance_id': 's'}
        for node, before, gone in (
                (made.make_node('n'), openstack, ['s']),
                (made.make_node('n'), {'system_uuid': 's'}, ['s']),
                (made.make_server_node('n', 't'), openstack, ['s']),
                (made.make_node('n'), {}, []),
                (made.make_node('n'),
                 {'provider': 'openstack', 'instance_id': 'u'}, [])):
            self.ties = ties.Ties(ties.TYPES)
            found = servers(s='v')

            self.assertEqual(([], gone), self.update(
                found, node, before=before))

    def test_what_was_untied_once_stays_so(self) -> None:
        # Else each change of a node with a systemUUID would say so again.
        node = made.make_node('n', system_uuid='s')
        before = {'system_uuid': 's'}
        self.assertEqual(([], ['s']), self.update(
            servers(s='v'), node, before=before))

        for found in (servers(s='v'), None):
            self.assertEqual(NOTHING, self.update(found, node, before=before))

    def test_what_had_no_server_has_no_link_to_remove(self) -> None:
        self.update(servers(), made.make_node('n'))

        self.assertEqual(NOTHING, self.update(None))


class TenantsTest(TiesTest):

    def test_a_node_is_not_tied_to_a_server_of_another_project(self) -> None:
        for project, server_project, is_tied in (
                ('p', 'p', True), ('q', 'p', False), (None, 'p', True),
                ('p', None, True), ('p', '', True), (None, None, True)):
            self.ties = ties.Ties(ties.TYPES)
            found = servers(server_project, s='v')
            settings = clusters.ClusterSettings('c', project)

            self.assertEqual(TIED if is_tied else NOTHING,
                             self.update(found, settings=settings))
            self.assertEqual(NOTHING, self.update(found, settings=settings))
            self.assertEqual(set(), self.ties.found(found))

    def test_a_server_without_a_project_may_be_anybodys(self) -> None:
        found = servers(None, s='v')
        self.assertEqual(TIED, self.update(
            found, settings=clusters.ClusterSettings('c', 'q')))

    def test_a_link_goes_and_comes_with_the_project(self) -> None:
        found = servers(s='v')
        for project, expected in (
                ('p', TIED), ('q', ([], ['s'])), ('q', NOTHING),
                ('p', TIED), ('p', NOTHING)):
            settings = clusters.ClusterSettings('c', project)
            self.assertEqual(expected, self.update(found, settings=settings))

    def test_a_link_of_an_earlier_process_goes(self) -> None:
        self.assertEqual(([], ['s']), self.update(
            servers(s='v'), settings=clusters.ClusterSettings('c', 'q'),
            before={'provider': 'openstack', 'instance_id': 's'}))


class WaitingTest(TiesTest):

    def test_the_graph_is_asked_every_30_s_for_ten_minutes(self) -> None:
        self.update(None, now=100)
        self.ties.asked([], servers(), 100)

        for now, wants_graph in (
                (100, False), (129.9, False), (130, True), (699.9, True),
                (700, False), (10_000, False)):
            self.assertIs(wants_graph, self.ties.wants_graph(now), now)
        self.ties.asked([], servers(), 130)
        self.assertFalse(self.ties.wants_graph(159.9))
        self.assertTrue(self.ties.wants_graph(160))

    def test_the_graph_is_asked_at_once_where_it_never_was(self) -> None:
        self.update(None, now=5)

        self.assertTrue(self.ties.wants_graph(5))

    def test_the_graph_is_not_asked_where_no_node_waits(self) -> None:
        for node, found in ((NODE, servers(s='v')),
                            (made.make_node('n'), servers()),
                            (made.make_node('n'), None)):
            self.update(servers())
            self.assertTrue(self.ties.wants_graph(0))

            self.update(found, node)

            self.assertFalse(self.ties.wants_graph(0))
            self.ties.forget('n')

    def test_the_ten_minutes_do_not_begin_anew(self) -> None:
        # A snapshot updates every node, every ten minutes.
        self.update(servers(), now=0)
        self.update(servers(), now=599)
        self.update(servers(), made.make_server_node('n', 't'), now=599)

        self.assertTrue(self.ties.wants_graph(599))
        self.assertFalse(self.ties.wants_graph(600))

    def test_one_young_node_is_enough(self) -> None:
        self.update(servers(), now=0)
        self.update(servers(), made.make_server_node('m', 't'), now=600)

        self.assertTrue(self.ties.wants_graph(1199))
        self.assertFalse(self.ties.wants_graph(1200))

    def test_a_node_that_was_forgotten_does_not_wait(self) -> None:
        self.update(servers())
        self.ties.forget('n')

        self.assertFalse(self.ties.wants_graph(0))
        self.assertEqual(set(), self.ties.found(servers(s='v')))

    def test_finds_the_nodes_that_wait_for_a_server(self) -> None:
        self.update(servers())
        self.update(servers(), made.make_server_node('m', 't'))
        self.update(servers(), made.make_node('no server'))

        self.assertEqual({'n'}, self.ties.found(servers(s='v', u='w')))
        self.assertEqual(set(), self.ties.found(servers()))
        # However old they are.
        self.assertFalse(self.ties.wants_graph(600))
        self.assertEqual({'n', 'm'}, self.ties.found(servers(s='v', t='w')))

    def test_a_node_waits_for_the_server_that_it_is_now(self) -> None:
        self.update(servers())
        self.update(None, made.make_server_node('n', 't'))

        self.assertEqual(set(), self.ties.found(servers(s='v')))
        self.assertEqual({'n'}, self.ties.found(servers(t='w')))

    def test_a_tied_node_waits_when_its_server_has_gone(self) -> None:
        self.update(servers(s='v'), now=0)
        self.update(servers(), now=1000)

        self.assertTrue(self.ties.wants_graph(1599))
        self.assertEqual({'n'}, self.ties.found(servers(s='v')))


class HostsTest(TiesTest):

    HOST = clusters.ClusterSettings('u', are_hosts=True)

    def hosts(self, *names: str, **found: str) -> queries.Shown:
        """Return a graph with hosts, and with servers."""
        return graph({
            **{('nova.host', name): f'of {name}' for name in names},
            **{('nova.instance', name): each
               for name, each in found.items()}})

    def decide(self, found: queries.Shown, *nodes: Any,
               settings: clusters.ClusterSettings = HOST) -> Any:
        """Return the links of the first node, when there are these."""
        cluster = made.Clusters()
        cluster.add('u', *nodes, are_hosts=settings.are_hosts)
        self.ties.asked(cluster.view().owned(), found, 0)
        return self.update(found, nodes[0], settings)

    def test_a_node_hangs_on_the_host_of_its_name(self) -> None:
        node = made.make_node('uid', name='c1')
        found = self.hosts('c1', 'c2')

        self.assertEqual((['c1'], []), self.decide(found, node))
        self.assertEqual(NOTHING, self.decide(found, node))
        self.assertEqual(NOTHING, self.update(None, node, self.HOST))

    def test_a_node_of_another_cluster_hangs_on_no_host(self) -> None:
        self.assertEqual(NOTHING, self.decide(
            self.hosts('c1'), made.make_node('c1'), settings=NO_PROJECT))
        self.assertFalse(self.ties.wants_graph(1000))

    def test_a_server_comes_before_a_host(self) -> None:
        node = made.make_server_node('c1', 's')
        self.assertEqual((['c1'], []), self.decide(self.hosts('c1'), node))
        self.assertEqual((['s'], ['c1']), self.decide(
            self.hosts('c1', s='v'), node))
        self.assertEqual((['c1'], []), self.decide(self.hosts('c1'), node))

    def test_a_node_that_is_a_server_is_no_rival(self) -> None:
        self.assertEqual((['c1'], []), self.decide(
            self.hosts('c1', s='v'), made.make_node('n', name='c1'),
            made.make_server_node('m', 's', name='c1')))
        self.assertEqual(set(), self.ties.warnings)

    def test_a_host_that_is_made_anew_is_linked_again(self) -> None:
        node = made.make_node('c1')
        self.decide(self.hosts('c1'), node)
        self.assertEqual(NOTHING, self.decide(self.hosts(), node))
        self.assertEqual((['c1'], []), self.decide(self.hosts('c1'), node))

    def test_a_node_with_another_name_leaves_its_host(self) -> None:
        self.decide(self.hosts('c1', 'c2'), made.make_node('n', name='c1'))
        renamed = made.make_node('n', name='c2')

        self.assertTrue(self.ties.is_void(self.HOST, renamed))
        self.assertEqual((['c2'], ['c1']), self.decide(
            self.hosts('c1', 'c2'), renamed))

    def test_a_cluster_that_has_no_hosts_any_more_has_no_ties(self) -> None:
        node = made.make_node('c1')
        self.decide(self.hosts('c1'), node)

        self.assertEqual(([], ['c1']), self.decide(
            self.hosts('c1'), node, settings=NO_PROJECT))

    def test_a_link_of_an_earlier_process_goes(self) -> None:
        self.decide(self.hosts('C1.example.org'), made.make_node('n'))
        self.ties.forget('n')
        for before in ({'name': 'c1'}, {'hostname': 'x,c1'},
                       {'internal_dns': 'c1.example.org'}):
            self.assertEqual(([], ['C1.example.org']), self.update(
                self.hosts('C1.example.org'), made.make_node('n'),
                NO_PROJECT, before))
            self.ties.forget('n')

    def test_what_is_ambiguous_is_warned_of(self) -> None:
        self.assertEqual(NOTHING, self.decide(
            self.hosts('c1.a', 'c1.b'), made.make_node('c1')))
        self.assertEqual(
            {'node c1 of cluster u may be each of the compute hosts c1.a, '
             'c1.b; there is no tie to it. Give Nova and Kubernetes the same '
             'full names'}, self.ties.warnings)
        self.decide(self.hosts('c1.a'), made.make_node('c1'))
        self.assertEqual(set(), self.ties.warnings)

    def test_where_there_are_no_hosts_nobody_waits(self) -> None:
        self.ties = ties.Ties(['nova.instance'])
        self.assertEqual(NOTHING, self.decide(
            self.hosts(), made.make_node('c1')))
        self.assertFalse(self.ties.wants_graph(1000))
