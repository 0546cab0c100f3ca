# SPDX-License-Identifier: Apache-2.0
"""What is kept of a node."""

import json
from typing import Any

import msgspec
import testtools

from vitrage_k8s.api import decoding
from vitrage_k8s.api import nodes
from vitrage_k8s_lab import samples


def decode_node(**parts: Any) -> nodes.Node:
    node = samples.node('n')
    for part, value in parts.items():
        node[part].update(value)
    page = decoding.decode_page(json.dumps({
        'kind': 'NodeList', 'metadata': {'resourceVersion': '9'},
        'items': [node]}).encode())
    [(_, decoded)] = page.items
    return decoded


class NumberTest(testtools.TestCase):

    def test_versions_are_numbers_where_they_can_be_compared(self) -> None:
        for version, number in (
                ('0', 0), ('1', 1), ('12775', 12775), ('007', 7),
                ('9' * 19, 10 ** 19 - 1), ('9' * 20, None), ('', None),
                (None, None), ('1a', None), ('-1', None), ('1.0', None),
                (' 1', None), ('1_0', None), ('\u0661', None),
                ('\u00b2', None)):
            self.assertEqual(number, nodes.number(version), version)


class OddKeysTest(testtools.TestCase):

    def test_keys_are_shown_as_they_are_or_not_at_all(self) -> None:
        longest = '\u00e4' * 253
        for parts, odd in (
                ({}, []),
                ({'metadata': {'uid': longest, 'name': longest}}, []),
                ({'metadata': {'uid': longest + 'x'}}, ['metadata.uid']),
                ({'metadata': {'name': longest + 'x'}}, ['metadata.name']),
                ({'metadata': {'uid': 'a\nb'}}, ['metadata.uid']),
                ({'metadata': {'name': 'a\u202eb'}}, ['metadata.name']),
                ({'spec': {'providerID': 'x' * 1024}}, []),
                ({'spec': {'providerID': 'x' * 1025}}, ['spec.providerID']),
                ({'spec': {'providerID': 'a\x00b'}}, ['spec.providerID']),
                ({'metadata': {'uid': '\x7f', 'name': '\x7f'}},
                 ['metadata.uid', 'metadata.name'])):
            metadata: Any = {'uid': 'u', 'name': 'n',
                             **parts.get('metadata', {})}
            node = nodes.to_node(nodes.ApiNode(
                nodes.Metadata(**metadata)))
            provider_id = parts.get('spec', {}).get('providerID')
            self.assertEqual(odd, nodes.odd_keys(msgspec.structs.replace(
                node, provider_id=provider_id)), parts)

    def test_machine_is_a_key_too(self) -> None:
        node = decode_node()
        for instance_id, odd in ((None, []), ('x' * 1024, []),
                                 ('x' * 1025, ['spec.providerID']),
                                 ('a\nb', ['spec.providerID'])):
            self.assertEqual(odd, nodes.odd_keys(msgspec.structs.replace(
                node, instance_id=instance_id)))


class ConditionsTest(testtools.TestCase):

    def test_conditions_are_kept_as_they_are(self) -> None:
        node = decode_node(status={'conditions': [
            {'type': kind, 'status': status} for kind, status in (
                ('Ready', 'Unknown'), ('MemoryPressure', 'True'),
                ('DiskPressure', 'False'), ('PIDPressure', 'Unknown'),
                ('NetworkUnavailable', 'False'))]})

        self.assertEqual(
            ('Unknown', 'True', 'False', 'Unknown', 'False', None),
            (node.ready, node.memory_pressure, node.disk_pressure,
             node.pid_pressure, node.network_unavailable,
             node.abnormal_conditions))

    def test_conditions_that_others_add_are_abnormal_when_true(self) -> None:
        node = decode_node(status={'conditions': [
            {'type': 'Ready', 'status': 'True'},
            {'type': 'ReadonlyFilesystem', 'status': 'True'},
            {'type': 'KernelDeadlock', 'status': 'True'},
            {'type': 'FrequentKubeletRestart', 'status': 'False'},
            {'type': 'NTPProblem', 'status': 'Unknown'}]})

        self.assertEqual('KernelDeadlock,ReadonlyFilesystem',
                         node.abnormal_conditions)

    def test_conditions_that_should_be_so_are_abnormal_when_false(
            self) -> None:
        well = {'KernelReady': 'True', 'example.com/CSIHealthy': 'True',
                'ContainerdHasNoDeprecations': 'True',
                'SufficientIP': 'True', 'KubeletConfigOk': 'True',
                'GPUNotReady': 'False', 'RuntimeUnhealthy': 'False',
                'StorageUnavailable': 'False', 'MonitorReady': 'Unknown'}
        opposite = {'True': 'False', 'False': 'True', 'Unknown': 'Unknown'}

        for conditions, abnormal in (
                (well, None),
                ({kind: opposite[status] for kind, status in well.items()},
                 'ContainerdHasNoDeprecations,GPUNotReady,KernelReady,'
                 'KubeletConfigOk,RuntimeUnhealthy,StorageUnavailable,'
                 'SufficientIP,example.com/CSIHealthy')):
            node = decode_node(status={'conditions': [
                {'type': kind, 'status': status}
                for kind, status in conditions.items()]})

            self.assertEqual(abnormal, node.abnormal_conditions)

    def test_node_that_is_being_deleted_says_since_when(self) -> None:
        node = decode_node(
            metadata={'deletionTimestamp': '2026-01-02T03:04:06Z'})

        self.assertEqual('2026-01-02T03:04:06Z', node.deletion_timestamp)
        self.assertIsNone(decode_node().deletion_timestamp)


class PropertiesTest(testtools.TestCase):

    def test_roles_are_those_that_kubectl_shows(self) -> None:
        node = decode_node(metadata={'labels': {
            'node-role.kubernetes.io/worker': '',
            'node-role.kubernetes.io/control-plane': 'true',
            'node-role.kubernetes.io/': '',
            'kubernetes.io/role': 'edge'}})

        self.assertEqual('control-plane,edge,worker', node.roles)
        self.assertIsNone(decode_node().roles)

    def test_place_is_read_of_new_labels_before_old_ones(self) -> None:
        old = {'failure-domain.beta.kubernetes.io/zone': 'z-old',
               'failure-domain.beta.kubernetes.io/region': 'r-old',
               'beta.kubernetes.io/instance-type': 't-old'}
        new = {'topology.kubernetes.io/zone': 'z',
               'topology.kubernetes.io/region': 'r',
               'node.kubernetes.io/instance-type': 't'}

        for labels, places in ((old, ('z-old', 'r-old', 't-old')),
                               (old | new, ('z', 'r', 't'))):
            node = decode_node(metadata={'labels': labels})
            self.assertEqual(places,
                             (node.zone, node.region, node.instance_type))

    def test_order_of_taints_makes_no_difference(self) -> None:
        taints = [{'key': 'b', 'effect': 'NoSchedule'},
                  {'key': 'a', 'value': 'x', 'effect': 'NoExecute',
                   'timeAdded': '2026-01-02T03:04:05Z'}]

        for order in (taints, taints[::-1]):
            self.assertEqual('a=x:NoExecute,b:NoSchedule',
                             decode_node(spec={'taints': order}).taints)

    def test_heartbeat_changes_nothing(self) -> None:
        def beat(time: str) -> nodes.Node:
            return decode_node(
                metadata={'resourceVersion': time, 'managedFields': [time]},
                status={'conditions': [
                    {'type': 'Ready', 'status': 'True',
                     'lastHeartbeatTime': time, 'message': time}],
                    'images': [{'names': [time]}]})

        self.assertEqual(beat('2026-01-02T03:04:05Z'),
                         beat('2026-01-02T03:04:15Z'))
