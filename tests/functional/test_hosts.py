# SPDX-License-Identifier: Apache-2.0
"""Nodes that are themselves compute hosts of the OpenStack.

Vitrage's own datasources nova.host and nova.instance read Nova, over HTTP.
"""

import json

import fixtures

from tests.support import base
from tests.support.nova import NovaTest
from vitrage_k8s_lab import samples

SERVER = '41c40aab-80e9-4bb6-a280-27976bfc811f'


class HostsTest(NovaTest):

    types = ('nova.host', 'nova.instance', 'kubernetes')

    def setUp(self) -> None:
        super().setUp()
        self.under = self.start_simulator(cluster='under')
        self.tenant = self.start_simulator(
            samples.node('compute-1', 'tenant'), cluster='tenant')
        kubeconfig = self.directory / 'both'
        kubeconfig.write_text(json.dumps(base.merge_kubeconfigs(
            [self.under, self.tenant])))
        self.set_options(config_file=str(kubeconfig), contexts=['*'],
                         host_contexts=['under'])
        self.host = self.make_host()

    def set_hosts(self, *names: str) -> None:
        self.cloud.hosts = dict.fromkeys(names, 'nova')

    def put(self, name: str, **addresses: str) -> None:
        node = samples.node(name, 'under')
        node['status']['addresses'] = [
            {'type': kind, 'address': address}
            for kind, address in addresses.items()]
        self.under.put(node)

    def links(self) -> dict[str, set[str]]:
        """Return what each node is tied to, of hosts and servers, by uid."""
        graph = self.host.graph
        shown = {vertex.vertex_id: vertex for vertex in graph.get_vertices({
            'vitrage_is_deleted': False, 'vitrage_is_placeholder': False})}
        return {node['id']: {
            shown[edge.source_id]['id']
            for edge in graph.get_edges(vertex_id, attr_filter={
                'vitrage_is_deleted': False, 'relationship_type': 'contains'})
            if edge.source_id in shown}
            for vertex_id, node in shown.items()
            if node['vitrage_type'] == 'kubernetes.node'}

    def assert_hosts(self, *expected: str) -> None:
        self.host.poll()
        self.host.poll()
        self.assertEqual({'under': set(expected), 'tenant': set()},
                         self.links())

    def test_names_are_those_of_hostname_in_any_form(self) -> None:
        for nova, name, addresses in (
                ('compute-1', 'compute-1', {}),
                ('COMPUTE-1', 'compute-1', {}),
                ('compute-1.example.org', 'compute-1', {}),
                ('compute-1', 'Compute-1.example.org', {}),
                ('compute-1', '10.0.0.1', {'Hostname': 'compute-1'}),
                ('compute-1.example.org', 'n1',
                 {'InternalDNS': 'COMPUTE-1.EXAMPLE.ORG'})):
            for each in self.under.names():
                self.under.delete(each)
            self.set_hosts(nova, 'compute-2')
            self.put(name, **addresses)
            self.assert_hosts(nova)

    def test_what_is_ambiguous_has_no_host_and_one_warning(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.set_hosts('compute-1.a', 'compute-1.b')
        self.put('compute-1')

        self.assert_hosts()
        self.assert_hosts()

        [warning] = [line for line in log.output.splitlines()
                     if 'host_contexts' in line]
        self.assertIn('node compute-1 of cluster under', warning)
        self.assertIn('compute-1.a, compute-1.b', warning)

    def test_ties_end_with_what_they_are_of_and_come_again(self) -> None:
        self.put('compute-1')
        self.assert_hosts('compute-1')
        self.set_hosts('compute-2')
        self.assert_hosts()
        self.assertEqual({'compute-2'}, {*self.host.vertices('nova.host')})
        self.set_hosts('compute-1', 'compute-2')
        self.assert_hosts('compute-1')

        self.set_options(host_contexts=[])
        self.assert_hosts()
        self.set_options(host_contexts=['under'])
        self.assert_hosts('compute-1')

        # Another process finds what it would not have made.
        self.set_options(host_contexts=[])
        self.restart_vitrage()
        self.assert_hosts()

    def test_an_edge_is_sent_once_and_hosts_are_not_refreshed(self) -> None:
        self.put('compute-1')
        self.assert_hosts('compute-1')
        before = self.host.vertices('nova.host')['compute-1'].copy()

        for _ in range(3):
            self.under.touch('compute-1')
            self.host.read('kubernetes')
            self.host.check_consistency()
        self.assertEqual(before, self.host.vertices('nova.host')['compute-1'])

    def test_without_the_datasource_there_is_no_host(self) -> None:
        self.set_options('datasources', types=['nova.instance', 'kubernetes'])
        self.cloud.put_server(SERVER, name='s', host='compute-1',
                              project_id='p')
        self.put('compute-1')
        self.assert_hosts()
        # There is one that the server has brought.
        [host] = self.host.graph.get_vertices({'vitrage_type': 'nova.host'})
        self.assertTrue(host['vitrage_is_placeholder'])

    def test_a_server_comes_before_a_host(self) -> None:
        self.cloud.put_server(SERVER, name='s', host='compute-1',
                              project_id='p')
        self.under.put(samples.node('compute-1', 'under',
                                    providerID=f'openstack:///{SERVER}'))
        self.assert_hosts(SERVER)

    def test_a_cluster_of_a_project_is_refused(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.set_options(projects=['under:p'])
        self.put('compute-1')

        self.host.poll()
        self.host.poll()

        self.assertEqual({}, self.links())
        [error] = [line for line in log.output.splitlines()
                   if 'host_contexts' in line]
        self.assertIn('[kubernetes] host_contexts: under has a project',
                      error)

    def test_a_context_may_have_another_name_in_the_graph(self) -> None:
        self.put('compute-1')
        for host_context in ('under', 'renamed'):
            self.set_options(contexts=['renamed=under', 'tenant'],
                             host_contexts=[host_context])
            self.assert_hosts('compute-1')
        self.set_options(host_contexts=['tenant'])
        self.host.poll()
        self.host.poll()
        self.assertEqual({'compute-1'}, self.links()['tenant'])

    def test_a_context_is_one_by_whatever_way_it_is_chosen(self) -> None:
        self.put('compute-1')
        # The tenant's has the name of the other context.
        self.set_options(contexts=['under=tenant', 'renamed=under'])
        self.host.poll()
        self.host.poll()
        self.assertEqual({'under': {'compute-1'}, 'tenant': set()},
                         self.links())
        for name in ('the-one', None):
            # The current one.
            self.set_options(contexts=[], cluster_name=name)
            self.host.poll()
            self.host.poll()
            self.assertEqual({'under': {'compute-1'}}, self.links())

    def test_a_context_that_is_not_read_is_warned_of_once(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.set_options(host_contexts=['undr'])
        self.host.poll()
        self.host.poll()

        [warning] = [line for line in log.output.splitlines()
                     if 'host_contexts' in line]
        self.assertIn('undr', warning)
