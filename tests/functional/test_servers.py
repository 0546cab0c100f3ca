# SPDX-License-Identifier: Apache-2.0
"""Nodes and the Nova servers that they run on.

Vitrage's own datasource nova.instance reads the servers, over HTTP.
"""

from typing import Any

import fixtures

from tests.support import base
from tests.support.nova import NovaTest
from vitrage_k8s_lab import samples

SERVER = '41c40aab-80e9-4bb6-a280-27976bfc811f'
OTHER_SERVER = '9f7e0c42-1d53-4c8a-8a77-5f0a4c5b6d21'


def node(server: str, name: str = 'n') -> dict[str, Any]:
    """Make a node with the providerID of a Nova server."""
    return samples.node(name, providerID=f'openstack:///{server}')


def anonymous_node(system_uuid: str, provider_id: str = '') -> dict[str, Any]:
    """Make a node of which no cloud says that it is its own."""
    made = samples.node('n', providerID=provider_id)
    made['status']['nodeInfo'] = {'systemUUID': system_uuid}
    return made


class ServersTest(NovaTest):

    types = ['nova.instance', 'kubernetes']

    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.start_simulator()
        self.host = self.make_host()

    def put_server(self, uuid: str = SERVER) -> None:
        self.cloud.put_server(uuid, name=f'name of {uuid}', host='compute-1',
                              project_id='project')

    def links(self) -> set[tuple[str, str]]:
        """Return which server contains which node, where both are shown."""
        graph = self.host.graph
        shown = {vertex.vertex_id: vertex for vertex in graph.get_vertices({
            'vitrage_is_deleted': False, 'vitrage_is_placeholder': False})}
        return {
            (shown[edge.source_id]['id'], shown[edge.target_id]['name'])
            for vertex_id, vertex in shown.items()
            if vertex['vitrage_type'] == 'nova.instance'
            for edge in graph.get_edges(vertex_id, attr_filter={
                'vitrage_is_deleted': False, 'relationship_type': 'contains'})
            if edge.source_id == vertex_id and edge.target_id in shown}

    def test_ties_a_node_to_its_server_whichever_comes_first(self) -> None:
        self.set_options(update_method='pull')
        self.put_server()
        self.simulator.put(node(SERVER.upper()))

        for order in (self.types, self.types[::-1]):
            self.start_with(order)
            self.ask_for_servers()
            self.assertEqual({(SERVER, 'n')}, self.links())

    def start_with(self, types: list[str]) -> None:
        """Start Vitrage with its datasources in another order."""
        self._forget()
        self.set_options('datasources', types=types)
        self.host = self.make_host()
        self.host.start()

    def ask_for_servers(self) -> None:
        """Ask for changes half a minute later."""
        with fixtures.MonkeyPatch('vitrage_k8s.graph.ties.ASK_INTERVAL', 0.0):
            self.host.get_changes()

    def test_ties_what_appears_between_the_polls(self) -> None:
        for order in (self.types, self.types[::-1]):
            self.start_with(order)

            for number, first in enumerate(self.types):
                name = f'n{number}'
                server = f'{number}' * 8 + SERVER[8:]
                second, = set(self.types) - {first}
                for datasource in (first, second):
                    if datasource == 'kubernetes':
                        self.simulator.put(node(server, name))
                    else:
                        self.put_server(server)
                    self.host.poll()
                # Where Nova is read after us, it is for the next one.
                self.host.poll()
                self.assertIn((server, name), self.links())

            for name in self.simulator.names():
                self.simulator.delete(name)

    def test_waits_for_a_server_and_does_not_ask_all_the_time(self) -> None:
        self.set_options(update_method='pull')
        self.simulator.put(node(SERVER))
        self.host.start()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.put_server()
        self.host.read('nova.instance')

        self.assertEqual(0, self.host.get_changes())
        self.assertEqual(set(), self.links())
        self.ask_for_servers()
        self.assertEqual({(SERVER, 'n')}, self.links())
        with fixtures.MonkeyPatch('vitrage_k8s.graph.ties.ASK_INTERVAL', 0.0):
            # There is nothing more to wait for.
            self.assertEqual(0, self.host.get_changes())

    def server(self) -> dict[str, Any]:
        [vertex] = self.host.graph.get_vertices(
            {'vitrage_type': 'nova.instance', 'id': SERVER,
             'vitrage_is_deleted': False})
        return dict(vertex.properties)

    def test_server_that_nova_deletes_goes_in_any_order(self) -> None:
        for order in (self.types, self.types[::-1]):
            self.put_server()
            self.simulator.put(node(SERVER))
            self.start_with(order)
            for _ in range(3):
                self.host.poll()
                self.host.check_consistency()
            self.assertEqual({(SERVER, 'n')}, self.links())

            self.cloud.delete_server(SERVER)
            self.host.poll()

            self.assertEqual({}, self.host.vertices('nova.instance'))
            self.assertEqual(['n'], self.host.node_names())
            for _ in range(3):
                self.host.poll()
                self.host.check_consistency()
            self.assertEqual({}, self.host.vertices('nova.instance'))
            # Nor is there a placeholder of it.
            self.assertEqual([], self.host.graph.get_vertices(
                {'vitrage_type': 'nova.instance'}))

    def test_server_is_not_refreshed_by_us(self) -> None:
        self.put_server()
        self.simulator.put(node(SERVER))
        self.host.start()
        self.host.poll()
        before = self.server()

        for ready in ('False', 'True', 'True'):
            self.simulator.put(samples.node(
                'n', ready=ready, providerID=f'openstack:///{SERVER}'))
            self.host.read('kubernetes')
            self.assertEqual(before, self.server())
        # Else Vitrage drops a notification of Nova's that is older.
        self.assertEqual({(SERVER, 'n')}, self.links())

    def test_server_of_another_project_is_no_nodes(self) -> None:
        self.set_options(projects=['simulator:another'])
        self.put_server()
        self.simulator.put(node(SERVER))
        for order in (self.types, self.types[::-1]):
            self.start_with(order)
            self.host.poll()
            self.host.poll()
            self.assertEqual(set(), self.links())

        # Its own may have it; so may a cluster of which that is not known.
        for projects in (['simulator:project'], []):
            self.set_options(projects=projects)
            self.host.poll()
            self.assertEqual({(SERVER, 'n')}, self.links())
        self.set_options(projects=['simulator:another'])
        self.host.poll()
        self.assertEqual(set(), self.links())

    def test_node_of_another_cloud_has_no_server(self) -> None:
        self.put_server()
        for provider_id in (f'vsphere://{SERVER}', f'metal3://{SERVER}',
                            f'openstack:///{SERVER}0', ''):
            self.simulator.put(samples.node('n', providerID=provider_id))

            self.host.read('nova.instance', first=True)
            self.host.read('kubernetes', first=True)

            self.assertEqual(set(), self.links())
            self.assertEqual(1, len(self.host.vertices('nova.instance')))

    def test_node_that_gets_another_server_loses_the_old_edge(self) -> None:
        self.put_server()
        self.put_server(OTHER_SERVER)
        self.simulator.put(node(SERVER))
        self.host.start()

        self.simulator.put(node(OTHER_SERVER))
        self.host.poll()

        self.assertEqual({(OTHER_SERVER, 'n')}, self.links())

    def test_node_that_has_a_server_no_more_loses_the_edge(self) -> None:
        self.put_server()
        self.simulator.put(node(SERVER))
        self.host.start()

        self.simulator.put(samples.node('n', providerID='metal3://ns/bmh'))
        self.host.poll()

        self.assertEqual(set(), self.links())
        self.assertEqual('metal3', self.vertex('n')['provider'])

    def test_server_of_another_cloud_is_looked_for_once(self) -> None:
        self.put_server()
        self.simulator.put(node(SERVER, 'ours'))
        self.simulator.put(node(OTHER_SERVER, 'foreign'))
        self.host.start()
        for _ in range(4):
            self.host.poll()
            self.host.check_consistency()
        self.host.rows.clear()

        for _ in range(6):
            self.host.poll()
            self.host.check_consistency()
        # Except for the host, which only nova.instance sends.
        hosts = {vertex.vertex_id for vertex in self.host.graph.get_vertices(
            {'vitrage_type': 'nova.host'})}
        hosts |= {row.payload['vertex_id'] for row in self.host.rows
                  if row.payload.get('vitrage_type') == 'nova.host'}
        self.assertEqual([], [
            row.payload for row in self.host.rows if not hosts & {
                row.payload.get('vertex_id'), row.payload.get('source_id')}])
        self.assertEqual({(SERVER, 'ours')}, self.links())
        self.assertEqual([], self.host.graph.get_vertices(
            {'vitrage_type': 'nova.instance', 'id': OTHER_SERVER}))

        # It was ours, and came late.
        self.put_server(OTHER_SERVER)
        self.host.poll()
        self.assertEqual({(SERVER, 'ours'), (OTHER_SERVER, 'foreign')},
                         self.links())

    def test_edge_returns_when_nova_does(self) -> None:
        self.put_server()
        self.simulator.put(node(SERVER))
        self.host.start()

        # The server is taken for gone, and with it its edges.
        self.cloud.delete_server(SERVER)
        self.host.poll()
        self.assertEqual(set(), self.links())
        self.put_server()
        self.host.poll()

        self.assertEqual({(SERVER, 'n')}, self.links())

    def test_system_uuid_ties_only_where_the_operator_says_so(self) -> None:
        self.put_server()
        self.simulator.put(anonymous_node(SERVER.upper()))
        self.host.start()
        self.assertEqual(set(), self.links())

        self.set_options(link_by_system_uuid=True)
        self.host.poll()

        self.assertEqual({(SERVER, 'n')}, self.links())

    def test_system_uuid_yields_to_the_provider_id(self) -> None:
        self.set_options(link_by_system_uuid=True)
        self.put_server()
        self.put_server(OTHER_SERVER)
        self.simulator.put(anonymous_node(SERVER, 'k3s://n'))
        self.host.start()
        self.assertEqual({(SERVER, 'n')}, self.links())

        # The cloud controller has come by at last.
        self.simulator.put(anonymous_node(
            SERVER, f'openstack:///{OTHER_SERVER}'))
        self.host.poll()
        self.assertEqual({(OTHER_SERVER, 'n')}, self.links())

        self.simulator.put(anonymous_node(SERVER, 'aws:///z/i-0abc'))
        self.host.poll()
        self.assertEqual(set(), self.links())

    def test_system_uuid_that_is_none_ties_nothing(self) -> None:
        self.set_options(link_by_system_uuid=True)
        self.simulator.put(anonymous_node('Not Settable'))

        self.host.start()

        self.assertEqual({}, self.host.vertices('nova.instance'))
        self.assertEqual(['n'], self.host.node_names())


class WithoutNovaTest(base.FunctionalTest):

    def test_there_is_no_placeholder_and_nothing_is_ever_deleted(self) -> None:
        simulator = self.start_simulator(
            node(SERVER, 'a'), node(OTHER_SERVER, 'b'),
            anonymous_node(SERVER))
        self.set_options(link_by_system_uuid=True)
        self.set_options('datasources', snapshots_interval=60)
        self.host = self.make_host()
        deleted: list[str] = []
        types = set()

        def watch(before: Any, current: Any, is_vertex: bool,
                  *args: Any) -> None:
            if not current or current.get('vitrage_is_deleted'):
                deleted.append(str(current or before))
            elif is_vertex:
                types.add(current['vitrage_type'])

        self.host.graph.subscribe(watch)
        self.host.start()

        for _ in range(20):
            simulator.touch('a')
            self.host.poll()
            self.host.check_consistency()

        self.assertEqual([], deleted)
        self.assertEqual({'openstack.cluster', 'kubernetes.cluster',
                          'kubernetes.node'}, types)
        self.assertEqual(['a', 'b', 'n'], self.host.node_names())
