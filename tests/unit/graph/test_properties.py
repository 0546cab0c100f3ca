# SPDX-License-Identifier: Apache-2.0
"""What the graph shows of a node and of a cluster."""

import itertools
import json
from typing import Any

import msgspec
import testtools

from tests.support import clusters as made
from vitrage_k8s.api import clusters
from vitrage_k8s.api import nodes
from vitrage_k8s.api import text
from vitrage_k8s.api import watch_policy
from vitrage_k8s.graph import properties

CLUSTER = clusters.ClusterSettings('c', 'p')


def of_node(**fields: Any) -> dict[str, str]:
    return properties.of_node(CLUSTER, made.make_node('uid', **fields))


class NodeTest(testtools.TestCase):

    def test_shows_each_field_that_a_node_has(self) -> None:
        fields = nodes.Node.__struct_fields__
        node = nodes.Node(**{field: f'a {field}' for field in fields})

        shown = properties.of_node(CLUSTER, node)

        self.assertEqual(
            {**msgspec.structs.asdict(node), 'cluster': 'c',
             'project_id': 'p', 'state': 'NotReady', 'status': 'NotReady'},
            shown)

    def test_leaves_out_what_a_node_does_not_have(self) -> None:
        node = made.make_node('uid', name=None, ready=None, zone='')

        shown = properties.of_node(clusters.ClusterSettings('c'), node)

        self.assertEqual(
            {'id': 'uid', 'cluster': 'c', 'unschedulable': 'False',
             'state': 'Unknown', 'status': 'Unknown'}, shown)

    def test_names_are_of_all_that_a_node_or_a_cluster_may_lose(self) -> None:
        always = {'cluster', 'state', 'status'}
        node = nodes.Node(**dict.fromkeys(nodes.Node.__struct_fields__, 'x'))
        cluster = properties.of_cluster(
            CLUSTER, watch_policy.Health('Unreachable', 'no route'))

        self.assertEqual(
            {*properties.of_node(CLUSTER, node), *cluster} - always,
            properties.NAMES)


class StateTest(testtools.TestCase):

    def test_state_is_the_first_word_that_holds(self) -> None:
        # A field, its value, and the word that it is reason for.
        ready = (('ready', 'True', None), ('ready', 'False', 'NotReady'),
                 ('ready', 'Unknown', 'NotReady'), ('ready', None, 'Unknown'))
        deletion = (('deletion_timestamp', None, None), (
            'deletion_timestamp', '2026-01-02T03:04:05Z', 'Terminating'))
        abnormal = (('abnormal_conditions', None, None),
                    ('abnormal_conditions', 'KernelDeadlock', 'Degraded'))
        pressure = [('memory_pressure', 'False', None),
                    ('memory_pressure', 'Unknown', None)]
        under_pressure = [
            (name, 'True', 'UnderPressure') for name in (
                'memory_pressure', 'disk_pressure', 'pid_pressure',
                'network_unavailable')]
        cordoned = (('unschedulable', 'False', None),
                    ('unschedulable', 'True', 'SchedulingDisabled'))

        for case in itertools.product(ready, deletion, abnormal,
                                      [*pressure, *under_pressure], cordoned):
            words = [word for _, _, word in case if word]
            self.assertEqual(
                [*words, 'Ready'][0],
                of_node(**{name: value for name, value, _ in case})['state'],
                case)

    def test_status_is_the_one_of_kubectl(self) -> None:
        for ready, unschedulable, status in (
                ('True', 'False', 'Ready'),
                ('False', 'False', 'NotReady'),
                ('Unknown', 'False', 'NotReady'),
                (None, 'False', 'Unknown'),
                ('True', 'True', 'Ready,SchedulingDisabled'),
                ('False', 'True', 'NotReady,SchedulingDisabled'),
                (None, 'True', 'Unknown,SchedulingDisabled')):
            shown = of_node(ready=ready, unschedulable=unschedulable,
                            deletion_timestamp='2026-01-02T03:04:05Z',
                            memory_pressure='True')
            self.assertEqual(status, shown['status'])

    def test_operator_says_which_conditions_are_not_abnormal(self) -> None:
        for ignored, shown, state in (
                ((), 'A,B', 'Degraded'),
                (('A',), 'B', 'Degraded'),
                (('A', 'B'), None, 'Ready'),
                (('A,B',), 'A,B', 'Degraded')):
            settings = clusters.ClusterSettings(
                'c', ignored_conditions=frozenset(ignored))
            found = properties.of_node(settings, made.make_node(
                'uid', abnormal_conditions='A,B'))
            self.assertEqual((shown, state), (
                found.get('abnormal_conditions'), found['state']))


class ClusterTest(testtools.TestCase):

    def test_shows_its_name_its_health_and_its_project(self) -> None:
        health = watch_policy.Health('Unreachable', 'no route')

        self.assertEqual(
            {'id': 'c', 'name': 'c', 'project_id': 'p',
             'state': 'Unreachable', 'reason': 'no route'},
            properties.of_cluster(CLUSTER, health))

    def test_leaves_out_a_reason_and_a_project_that_it_lacks(self) -> None:
        self.assertEqual(
            {'id': 'c', 'name': 'c', 'state': 'Ready'},
            properties.of_cluster(clusters.ClusterSettings('c'), made.READY))

    def test_is_made_anew_for_another_project_only(self) -> None:
        for before, now, has_moved in (
                (None, None, False), (None, 'p', False), ('p', 'p', False),
                ('p', 'q', True), ('p', None, True), ('', 'p', False)):
            self.assertIs(has_moved, properties.has_moved(
                {'project_id': before} if before is not None else {},
                {'project_id': now} if now else {}))


class BoundsTest(testtools.TestCase):

    lists = ('addresses', 'internal_ip', 'external_ip', 'hostname', 'roles',
             'abnormal_conditions', 'taints')
    keys = ('id', 'name', 'provider_id', 'instance_id')

    def test_each_value_has_a_bound(self) -> None:
        longest = 100_000 * 'x'
        shown = properties.of_node(CLUSTER, nodes.Node(
            **dict.fromkeys(nodes.Node.__struct_fields__, longest)))

        for name in nodes.Node.__struct_fields__:
            expected = 1024 if name in self.lists \
                else len(longest) if name in self.keys else 256
            self.assertEqual(expected, len(shown[name]), name)
            self.assertEqual(name not in self.keys,
                             shown[name].endswith('...'), name)

    def test_a_key_is_never_cut(self) -> None:
        # Each of these counts for twelve in JSON.
        settings = clusters.ClusterSettings(
            '\U0001f6d1' * text.LONGEST_NAME,
            '\U0001f6d1' * text.LONGEST_PROJECT_ID)
        for shown in (properties.of_node(settings, made.make_node('uid')),
                      properties.of_cluster(settings, made.READY)):
            self.assertEqual(settings.project_id, shown['project_id'])
            self.assertEqual(settings.name,
                             shown.get('cluster', shown['name']))

    def test_a_value_as_long_as_its_bound_is_whole(self) -> None:
        self.assertEqual(256 * 'x', of_node(zone=256 * 'x')['zone'])
        self.assertEqual(1024 * 'x', of_node(taints=1024 * 'x')['taints'])

    def test_a_reason_has_a_bound(self) -> None:
        shown = properties.of_cluster(CLUSTER, watch_policy.Health(
            'Unreadable', 100_000 * 'x'))
        self.assertEqual(1024, len(shown['reason']))

    def test_a_row_of_the_database_takes_the_longest_node(self) -> None:
        # Each key at its bound, each other text far beyond.
        longest = {'id': 253, 'name': 253, 'provider_id': 1024,
                   'instance_id': 1024}
        node = nodes.Node(**{
            field: '\U0001f6d1' * longest.get(field, 100_000)
            for field in nodes.Node.__struct_fields__})
        settings = clusters.ClusterSettings(
            '\U0001f6d1' * text.LONGEST_NAME,
            '\U0001f6d1' * text.LONGEST_PROJECT_ID)

        shown = properties.of_node(settings, node)

        self.assertGreater(64_000, len(json.dumps(shown)))

    def test_shows_nothing_that_cannot_be_printed(self) -> None:
        self.assertEqual('a?b', of_node(zone='a\nb')['zone'])
        shown = properties.of_cluster(
            CLUSTER, watch_policy.Health('Unreadable', 'a\x1bb'))
        self.assertEqual('a?b', shown['reason'])


class ServerTest(testtools.TestCase):

    def test_which_server_a_node_is(self) -> None:
        for fields, is_linked_by_uuid, server in (
                ({}, True, None),
                ({'provider': 'openstack', 'instance_id': 's'}, False, 's'),
                ({'provider': 'openstack', 'instance_id': 's',
                  'system_uuid': 't'}, True, 's'),
                ({'provider': 'openstack', 'system_uuid': 't'}, True, None),
                ({'provider': 'vsphere', 'instance_id': 's'}, False, None),
                ({'instance_id': 's'}, False, None),
                ({'system_uuid': 't'}, False, None),
                ({'system_uuid': 't'}, True, 't'),
                ({'provider': 'k3s', 'system_uuid': 't'}, True, 't')):
            settings = clusters.ClusterSettings(
                'c', link_by_system_uuid=is_linked_by_uuid)
            self.assertEqual(server, properties.server_of(
                settings, made.make_node('uid', **fields)), fields)

    def test_which_servers_a_node_may_have_been_tied_to(self) -> None:
        for shown, servers in (
                ({}, []),
                ({'provider': 'openstack', 'instance_id': 's'}, ['s']),
                ({'provider': 'openstack', 'system_uuid': 't'}, []),
                ({'provider': 'openstack', 'instance_id': 's',
                  'system_uuid': 't'}, ['s']),
                ({'provider': 'k3s', 'instance_id': 'n',
                  'system_uuid': 't'}, ['t']),
                ({'system_uuid': 't'}, ['t'])):
            self.assertEqual(servers, properties.servers_of(shown), shown)
