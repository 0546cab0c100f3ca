# SPDX-License-Identifier: Apache-2.0
"""Where each field of a node is from."""

import json
from typing import Any

import testtools

from vitrage_k8s.api import decoding
from vitrage_k8s.api import nodes

# All of a node that counts, each value another one.
NODE: dict[str, Any] = {
    'metadata': {'name': 'n', 'uid': 'u', 'resourceVersion': '7',
                 'creationTimestamp': 'then', 'deletionTimestamp': 'now'},
    'spec': {'providerID': 'aws:///zone/i-0', 'unschedulable': True},
    'status': {
        'addresses': [
            {'type': kind, 'address': address} for kind, address in (
                ('InternalIP', 'i1'), ('ExternalIP', 'e1'),
                ('Hostname', 'h1'), ('InternalIP', 'i2'),
                ('InternalDNS', 'd1'), ('ExternalIP', ''),
                ('Hostname', None), (None, 'x1'))],
        'capacity': {'cpu': '2', 'memory': '1Ki', 'pods': 110},
        'nodeInfo': {
            'kubeletVersion': 'v1', 'osImage': 'os', 'kernelVersion': 'k',
            'containerRuntimeVersion': 'c', 'architecture': 'a'}}}
FIELDS = {
    'id': 'u', 'name': 'n', 'creation_timestamp': 'then',
    'deletion_timestamp': 'now', 'provider': 'aws',
    'provider_id': 'aws:///zone/i-0', 'instance_id': 'i-0',
    'unschedulable': 'True', 'addresses': 'i1,e1,h1,i2,d1,x1',
    'internal_ip': 'i1,i2', 'external_ip': 'e1', 'hostname': 'h1',
    'capacity_cpu': '2', 'capacity_memory': '1Ki', 'capacity_pods': '110',
    'kubelet_version': 'v1', 'os_image': 'os', 'kernel_version': 'k',
    'container_runtime': 'c', 'architecture': 'a'}
UUID = '8FC0F1B2-7E1A-4F43-8D17-4D7A6A2D1B9E'


def decode_item(node: dict[str, Any]) -> nodes.Item:
    [found] = decoding.decode_page(json.dumps({
        'kind': 'NodeList', 'metadata': {'resourceVersion': '9'},
        'items': [node]}).encode()).items
    return found


def decode(node: dict[str, Any]) -> nodes.Node:
    return decode_item(node).node


class FieldsTest(testtools.TestCase):

    def test_each_field_is_from_its_place(self) -> None:
        item = decode_item(NODE)

        self.assertEqual(7, item.version)
        for field, value in FIELDS.items():
            self.assertEqual(value, getattr(item.node, field), field)

    def test_what_a_node_does_not_have_is_none(self) -> None:
        parts: dict[str, Any]
        for parts in ({}, {'spec': {}, 'status': {}},
                      {'spec': None, 'status': None},
                      {'spec': {'providerID': '', 'taints': []},
                       'status': {'addresses': [], 'conditions': [],
                                  'capacity': {}, 'nodeInfo': {
                                      'osImage': '', 'systemUUID': ''}}}):
            node = decode({'metadata': {'uid': 'u'}, **parts})
            found = {field: getattr(node, field)
                     for field in node.__struct_fields__}
            self.assertEqual(
                {**dict.fromkeys(found), 'id': 'u', 'unschedulable': 'False',
                 'maintenance': 'False', 'labels': ()}, found)

    def test_node_that_was_not_decoded_has_a_key_all_the_same(self) -> None:
        for metadata, key in ((None, ''), (nodes.Metadata('n'), 'n'),
                              (nodes.Metadata('n', 'u'), 'u')):
            self.assertEqual(key, nodes.to_node(nodes.ApiNode(metadata)).id)

    def test_firmware_says_whose_machine_it_is_where_no_cloud_does(
            self) -> None:
        for provider_id, system_uuid in (
                (None, UUID.lower()), ('', UUID.lower()),
                ('k3s://n', UUID.lower()), ('aws:///zone/i-0', None)):
            node = decode({
                'metadata': {'uid': 'u'}, 'spec': {'providerID': provider_id},
                'status': {'nodeInfo': {'systemUUID': UUID}}})
            self.assertEqual(system_uuid, node.system_uuid)

    def test_quantities_are_text(self) -> None:
        for quantity, shown in (('2', '2'), (2, '2'), (2.5, '2.5'),
                                (0, '0'), (None, None)):
            node = decode({'metadata': {'uid': 'u'}, 'status': {
                'capacity': dict.fromkeys(('cpu', 'memory', 'pods'),
                                          quantity)}})
            self.assertEqual([shown] * 3, [
                node.capacity_cpu, node.capacity_memory, node.capacity_pods])

    def test_taints_are_as_kubectl_writes_them(self) -> None:
        for taint, shown in (
                ({'key': 'k', 'value': 'v', 'effect': 'E'}, 'k=v:E'),
                ({'key': 'k', 'value': '', 'effect': 'E'}, 'k:E'),
                ({'key': 'k'}, 'k:'), ({'key': ''}, None),
                ({'value': 'v', 'effect': 'E'}, None), ({}, None)):
            node = decode({'metadata': {'uid': 'u'},
                              'spec': {'taints': [taint]}})
            self.assertEqual(shown, node.taints)

    def test_conditions_of_kubernetes_are_not_abnormal(self) -> None:
        node = decode({'metadata': {'uid': 'u'}, 'status': {
            'conditions': [{'type': kind, 'status': status}
                           for kind, status in (
                ('Ready', 'False'), ('MemoryPressure', 'True'),
                ('DiskPressure', 'True'), ('PIDPressure', 'True'),
                ('NetworkUnavailable', 'True'), ('', 'True'),
                (None, 'True'), ('Odd', 'true'), ('Odder', None))]}})

        self.assertIsNone(node.abnormal_conditions)

    def test_nodes_share_what_they_have_in_common(self) -> None:
        one = decode(NODE)
        other = decode(NODE)

        for field in ('provider', 'kubelet_version', 'os_image',
                      'kernel_version', 'container_runtime', 'architecture',
                      'capacity_cpu', 'capacity_memory', 'capacity_pods'):
            self.assertIs(getattr(one, field), getattr(other, field), field)

    def test_nodes_share_messages_that_stay(self) -> None:
        for status, is_shared in (('True', True), ('False', False),
                                  ('Unknown', False)):
            one, other = (decode({'metadata': {'uid': 'u'}, 'status': {
                'conditions': [{'type': 'Ready', 'status': status,
                                'message': f'{status} for 3 s'}]}})
                for _ in range(2))
            self.assertEqual(f'{status} for 3 s', one.ready_message)
            self.assertIs(is_shared,
                          one.ready_message is other.ready_message, status)
