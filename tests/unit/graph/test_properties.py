# SPDX-License-Identifier: Apache-2.0
"""What the graph shows of a node and of a cluster."""

import itertools
import json
from typing import Any

import testtools

from tests.support import clusters as made
from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes
from vitrage_k8s.api import text
from vitrage_k8s.api import watch_policy
from vitrage_k8s.graph import properties

CLUSTER = clusters.ClusterSettings('c', 'p')

# All but labels, whose names are not those of fields.
FIELDS = tuple(field for field in nodes.Node.__struct_fields__
               if field != 'labels')


def of_node(**fields: Any) -> dict[str, str]:
    return properties.of_node(CLUSTER, made.make_node('uid', **fields))


def of_cluster(health: watch_policy.Health,
               settings: clusters.ClusterSettings = CLUSTER,
               *found: nodes.Node, **about: Any) -> dict[str, str]:
    inventory = inventories.Inventory(10)
    if found:
        made.list_nodes(inventory, found)
    counts = properties.count(inventory) if found else {}
    return properties.of_cluster(clusters.Cluster(
        settings, health, inventory, **about), counts)


class NodeTest(testtools.TestCase):

    def test_shows_each_field_that_a_node_has(self) -> None:
        node = nodes.Node(**{field: f'a {field}' for field in FIELDS},
                          labels=(('label_a', 'b'),))

        shown = properties.of_node(CLUSTER, node)

        self.assertEqual(
            {**{field: f'a {field}' for field in FIELDS}, 'label_a': 'b',
             'cluster': 'c', 'project_id': 'p', 'state': 'NotReady',
             'status': 'NotReady'}, shown)

    def test_leaves_out_what_a_node_does_not_have(self) -> None:
        node = made.make_node('uid', name=None, ready=None, zone='')

        shown = properties.of_node(clusters.ClusterSettings('c'), node)

        self.assertEqual(
            {'id': 'uid', 'cluster': 'c', 'unschedulable': 'False',
             'state': 'Unknown', 'status': 'Unknown'}, shown)

    def test_which_properties_a_node_or_a_cluster_may_lose(self) -> None:
        always = {'cluster', 'state', 'status'}
        node = nodes.Node(**dict.fromkeys(FIELDS, 'x'),
                          labels=(('label_a', 'b'),))
        cluster = of_cluster(
            watch_policy.Health('Unreachable', 'no route'), CLUSTER,
            made.make_node('n', kubelet_version='v1'), server='x')

        for name in {*properties.of_node(CLUSTER, node), *cluster}:
            self.assertIs(name not in always, properties.may_be_lost(name))
        for name in ('vitrage_id', 'labels', 'update_timestamp'):
            self.assertFalse(properties.may_be_lost(name))


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
        maintained = (('maintenance', 'False', None),
                      ('maintenance', 'True', 'Maintenance'))

        for case in itertools.product(ready, deletion, abnormal,
                                      [*pressure, *under_pressure], cordoned,
                                      maintained):
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
        for ignored, shown, reasons, state in (
                ((), 'A,B=Unknown', 'A=X,B=Y', 'Degraded'),
                (('A',), 'B=Unknown', 'B=Y', 'Degraded'),
                (('A', 'B'), None, None, 'Ready'),
                (('A,B',), 'A,B=Unknown', 'A=X,B=Y', 'Degraded')):
            settings = clusters.ClusterSettings(
                'c', ignored_conditions=frozenset(ignored))
            found = properties.of_node(settings, made.make_node(
                'uid', abnormal_conditions='A,B=Unknown',
                condition_reasons='A=X,B=Y'))
            self.assertEqual((shown, reasons, state), (
                found.get('abnormal_conditions'),
                found.get('condition_reasons'), found['state']))

    def test_a_message_stays_until_it_says_something_else(self) -> None:
        for before, now, kept in (
                ('a 5', 'a 10', 'a 5'), ('a 5', 'b 5', 'b 5'),
                (None, 'a 5', 'a 5'), ('', 'a 5', 'a 5'), ('a 5', None, None)):
            shown = of_node(ready_message=now)
            properties.keep_message({'ready_message': before}, shown)
            self.assertEqual(kept, shown.get('ready_message'))


class ClusterTest(testtools.TestCase):

    def test_shows_its_name_its_health_and_its_project(self) -> None:
        health = watch_policy.Health('Unreachable', 'no route')

        self.assertEqual(
            {'id': 'c', 'name': 'c', 'project_id': 'p',
             'state': 'Unreachable', 'reason': 'no route'},
            of_cluster(health))

    def test_leaves_out_a_reason_and_a_project_that_it_lacks(self) -> None:
        self.assertEqual(
            {'id': 'c', 'name': 'c', 'state': 'Ready'},
            of_cluster(made.READY, clusters.ClusterSettings('c')))

    def test_counts_its_nodes_and_knows_their_version(self) -> None:
        for versions, newest in (
                (('v1.9.4', 'v1.36.1+rke2r1', 'v1.36.0', None),
                 'v1.36.1+rke2r1'), ((None,), None), (('odd',), 'odd')):
            found = [made.make_node(str(number), kubelet_version=version,
                                    ready='False' if number == 1 else 'True')
                     for number, version in enumerate(versions)]
            shown = of_cluster(made.READY, CLUSTER, *found)
            self.assertEqual(
                (str(len(found)), str(len(found) - (len(found) > 1)), newest),
                (shown['nodes'], shown['nodes_ready'],
                 shown.get('kubernetes_version')))

    def test_its_version_does_not_depend_on_an_order(self) -> None:
        # That of a set differs from one process to the next.
        versions = [f'v1.30.0+k3s{number}' for number in range(10)]
        shown = of_cluster(made.READY, CLUSTER, *(
            made.make_node(version, kubelet_version=version)
            for version in versions))

        self.assertEqual(max(versions), shown['kubernetes_version'])

    def test_shows_where_its_api_server_is(self) -> None:
        self.assertEqual('https://a', of_cluster(
            made.READY, server='https://a')['server'])

    def test_is_made_anew_for_another_project_only(self) -> None:
        for before, now, has_moved in (
                (None, None, False), (None, 'p', False), ('p', 'p', False),
                ('p', 'q', True), ('p', None, True), ('', 'p', False)):
            self.assertIs(has_moved, properties.has_moved(
                {'project_id': before} if before is not None else {},
                {'project_id': now} if now else {}))


class BoundsTest(testtools.TestCase):

    lists = ('addresses', 'internal_ip', 'external_ip', 'hostname',
             'internal_dns', 'roles', 'abnormal_conditions',
             'condition_reasons', 'taints', 'ready_message')
    keys = ('id', 'name', 'provider_id', 'instance_id')

    def test_each_value_has_a_bound(self) -> None:
        longest = 100_000 * 'x'
        shown = properties.of_node(CLUSTER, nodes.Node(
            **dict.fromkeys(FIELDS, longest), labels=()))

        for name in FIELDS:
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
                      of_cluster(made.READY, settings)):
            self.assertEqual(settings.project_id, shown['project_id'])
            self.assertEqual(settings.name,
                             shown.get('cluster', shown['name']))

    def test_a_value_as_long_as_its_bound_is_whole(self) -> None:
        self.assertEqual(256 * 'x', of_node(zone=256 * 'x')['zone'])
        self.assertEqual(1024 * 'x', of_node(taints=1024 * 'x')['taints'])

    def test_a_reason_has_a_bound(self) -> None:
        shown = of_cluster(watch_policy.Health(
            'Unreadable', 100_000 * 'x'))
        self.assertEqual(1024, len(shown['reason']))

    def test_a_row_of_the_database_takes_the_longest_node(self) -> None:
        # Each key at its bound, each other text far beyond.
        longest = {'id': 253, 'name': 253, 'provider_id': 1024,
                   'instance_id': 1024}
        node = nodes.Node(**{
            field: '\U0001f6d1' * longest.get(field, 100_000)
            for field in FIELDS}, labels=tuple(
                (f'label_{number}{"x" * 400}', '\U0001f6d1' * 21)
                for number in range(6)))
        settings = clusters.ClusterSettings(
            '\U0001f6d1' * text.LONGEST_NAME,
            '\U0001f6d1' * text.LONGEST_PROJECT_ID)

        shown = properties.of_node(settings, node)

        self.assertGreater(64_000, len(json.dumps(shown)))

    def test_shows_nothing_that_cannot_be_printed(self) -> None:
        self.assertEqual('a?b', of_node(zone='a\nb')['zone'])
        shown = of_cluster(
            watch_policy.Health('Unreadable', 'a\x1bb'))
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

    def test_which_server_a_node_may_have_been_tied_to(self) -> None:
        for shown, server in (
                ({}, None),
                ({'provider': 'openstack', 'instance_id': 's'}, 's'),
                ({'provider': 'openstack', 'system_uuid': 't'}, None),
                ({'provider': 'openstack', 'instance_id': 's',
                  'system_uuid': 't'}, 's'),
                ({'provider': 'k3s', 'instance_id': 'n',
                  'system_uuid': 't'}, 't'),
                ({'system_uuid': 't'}, 't')):
            self.assertEqual(server, properties.server_before(shown), shown)
