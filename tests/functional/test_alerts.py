# SPDX-License-Identifier: Apache-2.0
"""On which vertices alerts of Prometheus are, and how severe.

Alertmanager's payloads go through Vitrage's own prometheus datasource, with
our mapping and our severities.
"""

import configparser
import json
import socket
import types
from typing import Any

import fixtures
from vitrage.common.constants import DatasourceAction
from vitrage.datasources.driver_base import DriverBase
from vitrage.datasources import utils as datasource_utils
from vitrage.entity_graph.driver_exec import DriversNotificationEndpoint
from vitrage import opts as vitrage_opts

from tests.support import alertmanager
from tests.support import alerts
from tests.support import base
from vitrage_k8s import install_files
from vitrage_k8s_lab import samples

MAPPING = install_files.ETC / install_files.ALERTS


class MappingTest(base.FunctionalTest):
    """Two clusters with equal node names.

    A host, a server and a cluster have these names, too.
    """

    def setUp(self) -> None:
        super().setUp()
        self.set_options(
            'datasources', types=['nova.host', 'nova.instance', 'kubernetes',
                                  'prometheus'])
        for name in ('nova.host', 'nova.instance', 'prometheus'):
            vitrage_opts.register_opts(name, ['vitrage.datasources'])
        self.set_options('prometheus', config_file=str(MAPPING))
        self.names: dict[str, str] = {}
        self.useFixture(fixtures.MonkeyPatch(
            'socket.gethostbyaddr', self.get_host))
        self.servers: list[str] = []
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage.os_clients.nova_client', lambda: Nova(self.servers)))
        clusters = [
            self.start_simulator(samples.node('worker', uid=f'{name}-1'),
                                 samples.node('blue', uid=f'{name}-2'),
                                 cluster=name)
            for name in ('blue', 'green')]
        self.blue = clusters[0]
        kubeconfig = self.directory / 'kubeconfig'
        kubeconfig.write_text(json.dumps(base.merge_kubeconfigs(clusters)))
        self.set_options(config_file=str(kubeconfig), contexts=['*'])
        self.host = self.make_host()
        self.host.read('kubernetes', first=True)
        for kind, event in (
                ('nova.host', {'host': 'worker', 'zone': 'nova'}),
                ('nova.instance', {
                    'id': 'server', 'name': 'worker', 'status': 'ACTIVE',
                    'tenant_id': 'shop', 'OS-EXT-SRV-ATTR:host': 'worker'})):
            self.host._process(DriverBase.make_pickleable(
                [event], kind, DatasourceAction.SNAPSHOT))
        self.listen()

    def listen(self) -> None:
        self.endpoint = DriversNotificationEndpoint(
            self.host._driver_exec.process_output_func).init()

    def get_host(self, address: str) -> tuple[str, list[str], list[str]]:
        """Do a reverse look-up, as socket.gethostbyaddr."""
        if address not in self.names:
            raise socket.herror(1, 'Unknown host')
        return self.names[address], [], [address]

    def send(self, *sent: alerts.Alert) -> None:
        """Let Alertmanager's webhook arrive, a second later."""
        self.host.advance(1)
        self.endpoint.info({}, 'api', 'prometheus.alarm',
                           {'details': alerts.webhook(*sent)}, {})

    def answer(self, status: int, *active: alerts.Alert) -> None:
        """Let Alertmanager answer snapshots with these alerts."""
        self.set_options('prometheus', receiver='vitrage',
                         alertmanager_url='http://am.example.com/api/v2')
        answer = types.SimpleNamespace(status_code=status, text=json.dumps(
            [{**alert, 'status': {'state': 'active'}} for alert in active]))
        self.useFixture(fixtures.MonkeyPatch(
            'requests.Session.get', lambda *_, **__: answer))

    def on(self) -> set[tuple[str, str]]:
        """Return all edges of alerts, with the ids of the vertices."""
        graph = self.host.graph
        return {(graph.get_vertex(edge.source_id)['name'],
                 graph.get_vertex(edge.target_id)['id'])
                for vertex in graph.get_vertices(
                    {'vitrage_type': 'prometheus',
                     'vitrage_is_deleted': False})
                for edge in graph.get_edges(
                    vertex.vertex_id,
                    attr_filter={'vitrage_is_deleted': False})}

    def assert_is_on(self, expected: set[str], **labels: str) -> None:
        """Check on which vertices an alert is, and that it goes again."""
        self.send(alerts.firing('An', **labels))
        self.assertEqual({('An', identity) for identity in expected},
                         self.on(), labels)
        self.send(alerts.resolved('An', **labels))
        self.assertEqual(set(), self.on(), labels)

    def test_is_on_the_node_that_it_names(self) -> None:
        for labels, expected in (
                ({'cluster': 'blue', 'node': 'worker'}, {'blue-1'}),
                ({'cluster': 'green', 'node': 'worker'}, {'green-1'}),
                ({'cluster': 'green', 'node': 'blue'}, {'green-2'}),
                ({'cluster': 'blue', 'node': 'worker', 'pod': 'kube-proxy-1',
                  'instance': '10.1.2.3:8443', 'job': 'kube-state-metrics'},
                 {'blue-1'}),
                # The target's label, not that of the series.
                ({'cluster': 'green', 'node': 'blue', 'deployment': 'web',
                  'exported_node': 'worker'}, {'green-2'}),
                ({'cluster': 'blue', 'job': 'node-exporter',
                  'instance': 'worker'}, {'blue-1'}),
                # The exporter's own node counts.
                ({'cluster': 'blue', 'job': 'node-exporter',
                  'instance': 'worker', 'node': 'blue'}, {'blue-1'})):
            self.assert_is_on(expected, **labels)

    def test_is_on_nothing_if_it_names_none(self) -> None:
        for labels in ({},
                       {'node': 'worker'},
                       {'cluster': 'blue'},
                       {'cluster': 'red', 'node': 'worker'},
                       {'cluster': 'Blue', 'node': 'worker'},
                       {'cluster': 'blue', 'node': 'work'},
                       {'cluster': 'blue', 'node': ''},
                       {'cluster': 'blue', 'instance': 'worker'},
                       {'cluster': 'blue', 'job': 'node-exporter'},
                       {'cluster': 'blue', 'job': 'node-exporter',
                        'instance': 'worker:9100'},
                       {'instance': 'worker', 'job': 'node-exporter'}):
            self.assert_is_on(set(), **labels)

    def test_name_alone_hits_all_of_that_name(self) -> None:
        [driver] = datasource_utils.get_drivers_by_name(['prometheus'])
        driver.conf_map[-1]['resource'] = {'name': 'node'}

        self.assert_is_on({'blue-1', 'green-1', 'worker', 'server'},
                          node='worker')

    def test_address_is_turned_into_a_name(self) -> None:
        labels = {'cluster': 'blue', 'job': 'node-exporter',
                  'instance': '10.0.0.5:9100'}
        self.assert_is_on(set(), **labels)

        self.servers.append('41c40aab-80e9-4bb6-a280-27976bfc811f')
        self.assert_is_on(set(), **labels)

        self.names['10.0.0.5'] = 'worker'
        self.assert_is_on({'blue-1'}, **labels)

        self.names['10.0.0.5'] = 'worker.example.com'
        self.assert_is_on(set(), **labels)

    def test_entry_of_addresses_that_nobody_knows(self) -> None:
        [driver] = datasource_utils.get_drivers_by_name(['prometheus'])
        driver.conf_map[0]['resource'] = {
            'cluster': 'cluster', 'internal_ip': 'instance'}
        node = samples.node('of-an-address', uid='blue-3')
        node['status']['addresses'][0]['address'] = '10.0.0.5'
        self.blue.put(node)
        self.host.read('kubernetes')
        labels = {'cluster': 'blue', 'job': 'node-exporter',
                  'instance': '10.0.0.5:9100'}
        self.assert_is_on({'blue-3'}, **labels)

        self.servers.append('41c40aab-80e9-4bb6-a280-27976bfc811f')
        self.assert_is_on(set(), **labels)

    def test_node_whose_name_is_an_address(self) -> None:
        self.blue.put(samples.node('10.0.0.5', uid='blue-3'))
        self.host.read('kubernetes')
        labels = {'cluster': 'blue', 'node': '10.0.0.5'}
        self.assert_is_on({'blue-3'}, **labels)

        self.names['10.0.0.5'] = 'worker'
        self.assert_is_on({'blue-1'}, **labels)

    def test_alerts_of_equal_name_are_alarms_of_their_own(self) -> None:
        blue = {'cluster': 'blue', 'node': 'worker'}
        green = {'cluster': 'green', 'node': 'worker'}
        self.send(alerts.firing('An', **blue), alerts.firing('An', **green),
                  alerts.firing('Other', **blue))
        self.assertEqual({('An', 'blue-1'), ('An', 'green-1'),
                          ('Other', 'blue-1')}, self.on())

        self.send(alerts.resolved('An', **blue))
        self.assertEqual({('An', 'green-1'), ('Other', 'blue-1')}, self.on())

    def test_repeat_changes_nothing(self) -> None:
        alert = alerts.firing('An', cluster='blue', node='worker')
        self.send(alert)
        before = self.host.everything()

        self.send(alert)

        self.assertEqual(before, self.host.everything())

    def test_first_poll_finds_alerts_and_their_nodes(self) -> None:
        """In the order of the types that is documented."""
        parser = configparser.ConfigParser()
        parser.read_string(alertmanager.documented('[datasources]'))
        self.set_options('datasources', types=[
            each for each in parser['datasources']['types'].split(',')
            if not each.startswith('nova.')])
        self.answer(200, alerts.firing('An', cluster='blue', node='worker'))
        self._forget()
        self.host = self.make_host()

        self.host.start()

        self.assertEqual({('An', 'blue-1')}, self.on())

    def test_two_filesystems_of_a_node_are_one_alarm(self) -> None:
        labels = {'cluster': 'blue', 'job': 'node-exporter',
                  'instance': 'worker'}
        self.send(alerts.firing('Full', mountpoint='/', **labels),
                  alerts.firing('Full', mountpoint='/var', **labels))
        self.assertEqual({('Full', 'blue-1')}, self.on())

        self.send(alerts.resolved('Full', mountpoint='/', **labels))
        self.assertEqual(set(), self.on())

    def test_end_of_what_has_ended_loses_the_whole_webhook(self) -> None:
        labels = {'cluster': 'blue', 'node': 'worker'}
        self.send(alerts.firing('Full', mountpoint='/', **labels),
                  alerts.firing('Full', mountpoint='/var', **labels))
        both = [alerts.resolved('Full', mountpoint=mountpoint, **labels)
                for mountpoint in ('/', '/var')]
        self.assertRaises(TypeError, self.send, *both,
                          alerts.firing('An', **labels))
        self.assertEqual({('Full', 'blue-1')}, self.on())

    def test_end_of_what_has_ended_costs_nothing_by_itself(self) -> None:
        labels = {'cluster': 'blue', 'node': 'worker'}
        self.send(alerts.firing('Full', mountpoint='/', **labels),
                  alerts.firing('Full', mountpoint='/var', **labels))
        self.send(alerts.resolved('Full', mountpoint='/', **labels))
        self.assertRaises(
            TypeError, self.send,
            alerts.resolved('Full', mountpoint='/var', **labels))
        self.assertEqual(set(), self.on())

    def test_node_that_is_made_anew(self) -> None:
        alert = alerts.firing('An', cluster='blue', node='worker')
        self.send(alert)
        self.blue.delete('worker')
        self.blue.put(samples.node('worker', uid='blue-3'))
        self.host.read('kubernetes')
        self.assertEqual(set(), self.on())

        self.send(alert)
        self.assertEqual({('An', 'blue-3')}, self.on())
        # What the alarm says of its resource is not the old one's.
        [alarm] = self.host.vertices('prometheus').values()
        self.assertEqual(self.vertex('worker')['vitrage_id'],
                         alarm['vitrage_resource_id'])

    def test_address_that_nobody_knows_loses_the_whole_webhook(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage.os_clients.nova_client', lambda: None))
        self.assertRaises(
            AttributeError, self.send,
            alerts.firing('An', cluster='blue', node='worker'),
            alerts.firing('An', cluster='blue', job='node-exporter',
                          instance='10.0.0.5:9100'))
        self.assertEqual(set(), self.on())

    def test_snapshot_without_a_url_ends_all_alerts(self) -> None:
        self.send(alerts.firing('An', cluster='blue', node='worker'))
        self.assertEqual({('An', 'blue-1')}, self.on())

        self.host.read('prometheus')

        self.assertEqual(set(), self.on())

    def test_snapshot_of_an_error_ends_all_alerts(self) -> None:
        self.send(alerts.firing('An', cluster='blue', node='worker'))
        self.answer(503)

        self.host.read('prometheus')

        self.assertEqual(set(), self.on())

    def test_snapshot_that_reaches_nobody_ends_nothing(self) -> None:
        self.send(alerts.firing('An', cluster='blue', node='worker'))
        # A port that nobody listens on.
        self.set_options('prometheus', receiver='vitrage',
                         alertmanager_url='http://127.0.0.1:1/api/v2/alerts')

        self.host.read('prometheus')

        self.assertEqual({('An', 'blue-1')}, self.on())

    def test_snapshot_ends_what_another_alertmanager_has_sent(self) -> None:
        blue = alerts.firing('An', cluster='blue', node='worker')
        self.send(blue, alerts.firing('An', cluster='green', node='worker'))
        self.answer(200, blue)

        self.host.read('prometheus')

        self.assertEqual({('An', 'blue-1')}, self.on())

    def test_severities(self) -> None:
        for severity, expected in (
                ('critical', 'CRITICAL'), ('page', 'CRITICAL'),
                ('error', 'SEVERE'), ('warning', 'WARNING'), ('info', 'OK'),
                ('none', 'OK'), ('purple', 'N/A')):
            self.send(alerts.firing('An', severity=severity, cluster='blue',
                                    node='worker'))
            [alarm] = self.host.vertices('prometheus').values()
            self.assertEqual(expected, alarm['vitrage_operational_severity'])


class Nova:
    """What the datasource asks Nova for: servers by an address."""

    def __init__(self, found: list[str]) -> None:
        self.servers = self
        self._found = found

    def list(self, search_opts: dict[str, Any]) -> list[Any]:
        return [types.SimpleNamespace(id=uuid) for uuid in self._found]
