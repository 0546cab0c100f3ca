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
    [item] = page.items
    return item.node


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

    def test_why_and_since_when_a_node_is_not_ready(self) -> None:
        node = decode_node(status={'conditions': [
            {'type': 'Ready', 'status': 'False', 'reason': 'KubeletNotReady',
             'message': 'PLEG is not healthy', 'lastHeartbeatTime': 'T2',
             'lastTransitionTime': 'T1'}]})

        self.assertEqual(
            ('KubeletNotReady', 'PLEG is not healthy', 'T1'),
            (node.ready_reason, node.ready_message, node.ready_since))

    def test_a_message_is_bounded_and_can_be_printed(self) -> None:
        for message, kept in (('a\nb', 'a?b'), (5000 * 'x', 2045 * 'x'
                                                + '...')):
            node = decode_node(status={'conditions': [
                {'type': 'Ready', 'status': 'True', 'message': message}]})
            self.assertEqual(kept, node.ready_message)

    def test_maintenance_is_what_the_lifecycle_conditions_say(self) -> None:
        for kind in ('DrainInProgress', 'Drained', 'MaintenancePlanned',
                     'MaintenanceInProgress',
                     'GracefulNodeShutdownInProgress'):
            for status in ('True', 'False', 'Unknown'):
                node = decode_node(status={'conditions': [
                    {'type': 'Ready', 'status': 'True'},
                    {'type': kind, 'status': status, 'reason': 'R'}]})
                is_so = status == 'True'
                self.assertEqual(
                    (str(is_so), None, f'{kind}=R' if is_so else None),
                    (node.maintenance, node.abnormal_conditions,
                     node.condition_reasons))

    def test_machine_of_cluster_api(self) -> None:
        node = decode_node(metadata={'annotations': {
            'cluster.x-k8s.io/machine': 'm-1', 'other': 'x',
            'cluster.x-k8s.io/cluster-name': 'c'}})
        self.assertEqual(('m-1', 'c'), (node.machine, node.machine_cluster))
        self.assertIsNone(decode_node().machine)

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


class SameTest(testtools.TestCase):

    def test_numbers_in_a_message_make_no_difference(self) -> None:
        for before, now, is_same in (
                ('a 9', 'a 10', True), ('a 9s ago', 'a 1h3m10.5s ago', True),
                ('a 5', 'b 5', False), (None, None, True), (None, 'a', False),
                ('a', 'a 5', False), ('1.5us', '3ms', True),
                # Beyond what is shown.
                (1024 * 'x' + 'y', 1024 * 'x' + 'z', True)):
            one, other = (decode_node(status={'conditions': [
                {'type': 'Ready', 'status': 'False', 'reason': 'R',
                 'lastHeartbeatTime': time, 'message': message}]})
                for time, message in (('T1', before), ('T2', now)))
            self.assertIs(is_same, nodes.is_same(one, other), (before, now))

    def test_all_else_does(self) -> None:
        node = decode_node()
        for field in nodes.Node.__struct_fields__:
            if field != 'ready_message':
                self.assertFalse(nodes.is_same(node, msgspec.structs.replace(
                    node, **{field: 'other 5'})), field)

    def test_what_is_not_read_does_not(self) -> None:
        def beat(time: str) -> nodes.Node:
            return decode_node(
                metadata={'resourceVersion': time, 'managedFields': [time],
                          'annotations': {'seen': time}},
                status={'conditions': [
                    {'type': 'Ready', 'status': 'True',
                     'lastHeartbeatTime': time}],
                    'images': [{'names': [time]}]})

        self.assertEqual(beat('2026-01-02T03:04:05Z'),
                         beat('2026-01-02T03:04:15Z'))
