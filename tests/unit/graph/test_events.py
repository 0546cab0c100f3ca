# SPDX-License-Identifier: Apache-2.0
"""The shape of events, and what Vitrage makes of them."""

from typing import Any

import testtools

from tests.support import graph as graphs
from vitrage_k8s.graph import events

SERVER_LINK = events.machine_link('nova.instance', 's')
NOW = {'id': 'n', 'name': 'a name', 'state': 'Ready'}


class ShapeTest(testtools.TestCase):

    def test_links_lead_from_the_neighbour_to_the_vertex(self) -> None:
        self.assertEqual(
            ('openstack.cluster', 'OpenStack Cluster', 'contains'),
            events.ROOT)
        self.assertEqual(('kubernetes.cluster', 'c', 'comprised'),
                         events.cluster_link('c'))
        self.assertEqual(('nova.instance', 's', 'contains'),
                         SERVER_LINK)

    def test_an_update_is_one_event_where_nothing_is_lost(self) -> None:
        links = [events.cluster_link('c')]
        for before in ({}, NOW, ['vitrage_id', 'vitrage_state', 'a name']):
            self.assertEqual(
                [{'vitrage_entity_type': 'kubernetes.node',
                  'properties': NOW, 'links': links}],
                events.updates('kubernetes.node', NOW, before, links))

    def test_what_is_lost_is_emptied_and_then_lost(self) -> None:
        links = [events.cluster_link('c')]

        first, second = events.updates(
            'kubernetes.node', NOW, ['id', 'zone', 'reason', 'vitrage_state'],
            links)

        self.assertEqual({**NOW, 'zone': '', 'reason': ''},
                         first['properties'])
        self.assertEqual(links, first['links'])
        self.assertEqual({'id': 'n', 'zone': None, 'reason': None},
                         second['properties'])
        self.assertEqual([], second['links'])

    def test_a_deletion_names_the_vertex_which_loses_its_cluster(self) -> None:
        self.assertEqual(
            {'vitrage_entity_type': 'kubernetes.node',
             'vitrage_event_type': 'delete_entity',
             'properties': {'id': 'n', 'cluster': None}, 'links': []},
            events.deletion('kubernetes.node', 'n'))

    def test_an_unlinking_names_the_vertex_and_the_edge(self) -> None:
        self.assertEqual(
            {'vitrage_entity_type': 'kubernetes.node',
             'vitrage_event_type': 'delete_relationship',
             'properties': {'id': 'n'}, 'links': [SERVER_LINK]},
            events.unlinking('kubernetes.node', 'n',
                             SERVER_LINK))

    def test_the_key_of_an_event_is_that_of_its_vertex(self) -> None:
        for event in (*events.updates('kubernetes.node', NOW, ['zone'], []),
                      events.deletion('kubernetes.node', 'n')):
            self.assertEqual(('kubernetes.node', 'n'), events.key(event))


class ProcessedTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.graph = graphs.Graph(self.useFixture(graphs.Configuration()))
        self.process(*events.updates('kubernetes.cluster', {
            'id': 'c', 'name': 'c', 'state': 'Ready'}, (), [events.ROOT]))

    def process(self, *batch: graphs.Event) -> None:
        self.graph.advance(1)
        self.graph.take([list(batch)])

    def put(self, before: Any = (), **fields: str) -> None:
        self.process(*events.updates(
            'kubernetes.node', {**NOW, **fields}, before,
            [events.cluster_link('c')]))

    def node(self) -> dict[str, Any]:
        return self.graph.shown(graphs.NODE)['n']

    def test_an_update_makes_a_vertex_and_its_edges(self) -> None:
        self.put(zone='z')

        self.assertEqual(('a name', 'Ready', 'z'), (
            self.node()['name'], self.node()['state'], self.node()['zone']))
        self.assertEqual(
            {('OpenStack Cluster', 'contains', 'c'), ('c', 'comprised', 'n')},
            self.graph.edges())
        self.assertIn('OpenStack Cluster', self.graph.shown(graphs.ROOT))

    def test_what_is_lost_leaves_the_graph(self) -> None:
        self.put(zone='z')

        self.put(self.node())

        self.assertNotIn('zone', self.node())
        self.assertEqual('a name', self.node()['name'])

    def test_what_is_lost_is_empty_where_properties_are_merged(self) -> None:
        # As the workers of Vitrage do, with what each event brings.
        copy: dict[str, Any] = {}
        self.graph.graph.subscribe(
            lambda before, current, is_vertex, graph: copy.update(
                current.properties if is_vertex and current['id'] == 'n'
                else {}))
        self.put(zone='z')
        self.assertEqual('z', copy['zone'])

        self.put(self.node())

        self.assertEqual('', copy['zone'])

    def test_a_deletion_takes_the_edges_with_it(self) -> None:
        self.put()

        self.process(events.deletion('kubernetes.node', 'n'))

        self.assertEqual({}, self.graph.shown(graphs.NODE))
        self.assertEqual({('OpenStack Cluster', 'contains', 'c')},
                         self.graph.edges())

    def test_an_unlinking_takes_one_edge_away(self) -> None:
        self.graph.put_server('s')
        self.process(*events.updates(
            'kubernetes.node', NOW, (),
            [events.cluster_link('c'), SERVER_LINK]))
        self.assertIn(('s', 'contains', 'n'), self.graph.edges())

        self.process(events.unlinking(
            'kubernetes.node', 'n', SERVER_LINK))

        self.assertEqual(
            {('OpenStack Cluster', 'contains', 'c'), ('c', 'comprised', 'n')},
            self.graph.edges())
        self.assertEqual('a name', self.node()['name'])
