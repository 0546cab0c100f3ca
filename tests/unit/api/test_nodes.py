# SPDX-License-Identifier: Apache-2.0
"""Lists of nodes decoded."""

import json
from typing import Any

import testtools

from vitrage_k8s.api import decoding
from vitrage_k8s.api import nodes
from vitrage_k8s_lab import samples


def decode(*items: Any, **metadata: Any) -> decoding.Page:
    return decoding.decode_page(json.dumps({
        'kind': 'NodeList', 'apiVersion': 'v1', 'metadata': metadata,
        'items': items}).encode())


def decode_node(**parts: Any) -> nodes.Node:
    node = samples.node('n')
    for part, value in parts.items():
        node[part].update(value)
    [decoded] = decode(node).nodes
    return decoded


class DecodePageTest(testtools.TestCase):

    def test_tells_the_token_of_the_next_page(self) -> None:
        page = decode(**{'continue': 'abc', 'remainingItemCount': 5})

        self.assertEqual('abc', page.continue_token)

    def test_last_page_has_no_token(self) -> None:
        self.assertIsNone(decode(**{'continue': ''}).continue_token)
        self.assertIsNone(decode().continue_token)

    def test_refuses_a_page_after_which_nodes_remain_unreachable(self) -> None:
        self.assertRaises(ValueError, decode, remainingItemCount=1)

    def test_refuses_bytes_that_are_not_text(self) -> None:
        self.assertRaises(ValueError, decoding.decode_page,
                          b'{"items": [{"metadata": {"name": "\xff"}}]}')

    def test_has_no_problem_with_an_ordinary_node(self) -> None:
        page = decode(samples.SPECIFICATION_NODE)

        self.assertEqual([], page.problems)
        self.assertFalse(page.has_unidentified)

    def test_names_the_field_and_the_node_of_a_problem(self) -> None:
        odd = samples.node('odd')
        odd['status']['nodeInfo'] = {'osImage': 1}

        page = decode(samples.node('even'), odd)

        self.assertEqual([('odd', 'status.nodeInfo.osImage')], page.problems)
        self.assertEqual(['even', 'odd'], [node.name for node in page.nodes])

    def test_node_without_uid_has_its_name_for_id(self) -> None:
        node = samples.node('n')
        del node['metadata']['uid']

        page = decode(node)

        self.assertEqual('n', page.nodes[0].id)
        self.assertTrue(page.has_unidentified)


class StateTest(testtools.TestCase):

    def state(self, *conditions: tuple[str, str],
              unschedulable: bool | None = None) -> str:
        return decode_node(
            spec={'unschedulable': unschedulable},
            status={'conditions': [{'type': kind, 'status': status}
                                   for kind, status in conditions]}).state

    def test_reads_as_the_status_that_kubectl_shows(self) -> None:
        self.assertEqual('Ready', self.state(('Ready', 'True')))
        self.assertEqual('NotReady', self.state(('Ready', 'False')))
        self.assertEqual('NotReady', self.state(('Ready', 'Unknown')))
        self.assertEqual('Unknown', self.state())
        self.assertEqual('Ready,SchedulingDisabled',
                         self.state(('Ready', 'True'), unschedulable=True))
        self.assertEqual('Ready',
                         self.state(('Ready', 'True'), unschedulable=False))
        self.assertEqual('Unknown,SchedulingDisabled',
                         self.state(unschedulable=True))

    def test_pressure_shows_in_the_state_of_vitrage_only(self) -> None:
        for pressure in ('MemoryPressure', 'DiskPressure', 'PIDPressure',
                         'NetworkUnavailable'):
            node = decode_node(status={'conditions': [
                {'type': 'Ready', 'status': 'True'},
                {'type': pressure, 'status': 'True'}]})

            self.assertEqual(('Ready', 'UnderPressure'),
                             (node.state, node.vitrage_state))

    def test_pressure_that_is_unknown_is_none(self) -> None:
        node = decode_node(status={'conditions': [
            {'type': 'MemoryPressure', 'status': 'Unknown'}]})

        self.assertIsNone(node.vitrage_state)
        self.assertEqual('Unknown', node.memory_pressure)

    def test_conditions_that_others_add_are_abnormal_when_true(self) -> None:
        node = decode_node(status={'conditions': [
            {'type': 'Ready', 'status': 'True'},
            {'type': 'ReadonlyFilesystem', 'status': 'True'},
            {'type': 'KernelDeadlock', 'status': 'True'},
            {'type': 'FrequentKubeletRestart', 'status': 'False'},
            {'type': 'NTPProblem', 'status': 'Unknown'}]})

        self.assertEqual(
            ('Ready', 'KernelDeadlock,ReadonlyFilesystem'),
            (node.state, node.abnormal_conditions))
        self.assertEqual('Degraded', nodes.ignore_conditions(
            node, ['KernelDeadlock']).vitrage_state)
        ignored = nodes.ignore_conditions(
            node, ['ReadonlyFilesystem', 'KernelDeadlock'])
        self.assertEqual((None, None), (ignored.vitrage_state,
                                        ignored.abnormal_conditions))

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

    def test_pressure_tells_more_than_an_abnormal_condition(self) -> None:
        node = decode_node(status={'conditions': [
            {'type': 'MemoryPressure', 'status': 'True'},
            {'type': 'KernelDeadlock', 'status': 'True'}]})

        self.assertEqual(
            ('UnderPressure', 'KernelDeadlock'),
            (nodes.ignore_conditions(node, []).vitrage_state,
             node.abnormal_conditions))

    def test_node_that_is_being_deleted_is_terminating(self) -> None:
        node = decode_node(
            metadata={'deletionTimestamp': '2026-01-02T03:04:06Z'})

        self.assertEqual('Terminating', node.vitrage_state)
        self.assertEqual('2026-01-02T03:04:06Z', node.deletion_timestamp)


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
