# SPDX-License-Identifier: Apache-2.0
"""Nodes that are not as one expects."""

import re
from typing import Any

import fixtures

from tests.support import base
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab import samples

ODD: dict[str, dict[str, Any]] = {
    'no-provider-id': {'spec': {}},
    'empty-provider-id': {'spec': {'providerID': ''}},
    'no-spec': {'spec': None},
    'no-status': {'status': None},
    'empty-status': {'status': {}},
    'no-addresses': {'status': {'addresses': []}},
    'null-lists': {'spec': {'taints': None},
                   'status': {'addresses': None, 'conditions': None,
                              'images': None}},
    'null-labels': {'metadata': {'labels': None, 'annotations': None}},
    'x' * 253: {'metadata': {'uid': 'x'}},
}


class OddNodeTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.start_simulator(samples.node('even'))
        self.host = self.make_host()
        self.log = self.useFixture(fixtures.FakeLogger())

    def show(self, name: str = 'odd', **parts: Any) -> dict[str, Any]:
        """Return the vertex of a node with some parts of its own."""
        node = samples.node(name)
        for part, value in parts.items():
            if part == 'metadata':
                node[part].update(value)
            else:
                node[part] = value
        self.simulator.put(node)
        self.host.start()
        self.assertIn('even', self.host.node_names())
        return self.vertex(name)

    def assert_warned(self, name: str, *fields: str) -> None:
        warned = set(re.findall(
            r'node (\S+): (\S+) is not of the expected type',
            self.log.output))
        self.assertEqual({(name, field) for field in fields}, warned)

    def test_parts_that_are_missing_are_left_out_in_silence(self) -> None:
        for name, parts in ODD.items():
            vertex = self.show(name, **parts)

            self.assertEqual(name, vertex['name'])
            self.assertNotIn(None, vertex.values())
            self.assertNotIn('provider', vertex)
        self.assert_warned('none')
        self.assertEqual(len(ODD) + 1, len(self.host.node_names()))

    def test_node_without_conditions_is_unknown(self) -> None:
        vertex = self.show(status={'conditions': []})

        self.assertEqual('Unknown', vertex['state'])
        self.assertEqual('ERROR', vertex['vitrage_operational_state'])

    def test_unknown_condition_types_are_passed_over(self) -> None:
        vertex = self.show(status={'conditions': [
            {'type': 'NobodyKnows', 'status': 'Maybe'},
            {'type': 'Ready', 'status': 'True'}]})

        self.assertEqual('Ready', vertex['state'])

    def test_several_addresses_of_a_type_are_joined_in_order(self) -> None:
        vertex = self.show(status={'addresses': [
            {'type': 'InternalIP', 'address': '10.0.0.2'},
            {'type': 'ExternalIP', 'address': '192.0.2.7'},
            {'type': 'InternalIP', 'address': 'fd00::17'},
            {'type': 'Hostname', 'address': 'odd'},
            {'type': 'InternalDNS', 'address': 'odd.internal'}]})

        self.assertEqual('10.0.0.2,fd00::17', vertex['internal_ip'])
        self.assertEqual('192.0.2.7', vertex['external_ip'])
        self.assertEqual('odd', vertex['hostname'])
        self.assertEqual('10.0.0.2,192.0.2.7,fd00::17,odd,odd.internal',
                         vertex['addresses'])

    def test_field_of_an_unexpected_type_costs_that_field_only(self) -> None:
        vertex = self.show(
            metadata={'labels': {'topology.kubernetes.io/zone': 7,
                                 'topology.kubernetes.io/region': 'r1'}},
            spec={'providerID': {'not': 'a string'}, 'unschedulable': True},
            status={'addresses': [
                        {'type': 'InternalIP', 'address': 42},
                        {'type': 'InternalIP', 'address': '10.0.0.2'},
                        'not an address'],
                    'conditions': [{'type': 'Ready', 'status': 'True'}],
                    'capacity': {'cpu': 8, 'memory': []},
                    'nodeInfo': 'none'})

        self.assertEqual('SchedulingDisabled', vertex['state'])
        self.assertEqual('10.0.0.2', vertex['internal_ip'])
        self.assertEqual('r1', vertex['region'])
        self.assertEqual('8', vertex['capacity_cpu'])
        self.assertNotIn('zone', vertex)
        self.assertNotIn('provider_id', vertex)
        self.assert_warned(
            'odd', 'metadata.labels[topology.kubernetes.io/zone]',
            'spec.providerID', 'status.addresses[0].address',
            'status.addresses[2]', 'status.capacity.memory',
            'status.nodeInfo')

    def test_warns_once_until_the_field_has_been_mended(self) -> None:
        self.show(spec={'providerID': 7})
        self.host.poll()
        self.assertEqual(1, self.log.output.count('spec.providerID'))

        self.show(spec={'providerID': 'kind://docker/c/odd'})
        self.host.poll()
        self.show(spec={'providerID': 7})
        self.host.poll()

        self.assertEqual(2, self.log.output.count('spec.providerID'))

    def test_item_without_identity_hides_and_deletes_nothing(self) -> None:
        self.host.start()
        self.simulator.intercept = lambda request: Answer(200, (
            b'{"kind":"NodeList","metadata":{"resourceVersion":"7"},"items":'
            b'[null,{"metadata":null},{"metadata":{"name":"new","uid":"u"}}]}'
        ))

        self.host.poll()

        self.assertEqual(['even', 'new'], self.host.node_names())
        self.assertIn('there are nodes without a uid', self.log.output)
