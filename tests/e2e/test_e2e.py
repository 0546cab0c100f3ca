# SPDX-License-Identifier: Apache-2.0
"""From Kubernetes to the `vitrage` client, with Vitrage as it is in service.

Vitrage's services are processes of their own, on a RabbitMQ and a MariaDB.
What only they show is tested here: workers with copies of the graph, messages
that cross processes, and a graph that outlives its process.
"""

import json
from typing import Any

from tests.support import end_to_end
from tests.support.processes import await_true
from tests.support import specimens
from vitrage_k8s_lab import samples

SPECIFICATION = specimens.SPECIFICATION_PROPERTIES['name']

# As long as nothing else is wrong.
BROKEN = ('Kubernetes node is not ready', 'kubernetes.node', 'CRITICAL')
STOPPED = ('Server of a Kubernetes node is not running', 'nova.instance',
           'CRITICAL')
SUSPECT = ('Kubernetes node is suspect', 'kubernetes.node', 'WARNING')
UNREADABLE = ('Kubernetes API server cannot be read', 'kubernetes.cluster',
              'CRITICAL')


def ours(payload: str) -> bool:
    """Return whether a row of the table of events may be ours."""
    element = json.loads(payload)
    return 'label' in element or element['vitrage_type'].startswith(
        'kubernetes')


def properties(vertex: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of a vertex that are not Vitrage's own."""
    return {name: value for name, value in vertex.items()
            if not name.startswith(('vitrage_', 'is_'))
            and name not in ('graph_index', 'update_timestamp')}


class TestServices(end_to_end.ServicesTest):

    def kubernetes(self) -> dict[str, tuple[str, str]]:
        """Return the id of Vitrage and the state of each of our vertices."""
        return {vertex['name']: (vertex['vitrage_id'], vertex['state'])
                for vertex in self.topology()['nodes']
                if vertex['vitrage_type'].startswith('kubernetes')}

    def causes(self, effect: tuple[str, str, str]) -> list[tuple[str, str]]:
        """Return causes and effects of an alarm, as `vitrage rca show`."""
        for alarm in self.api.alarm.list('all', all_tenants=True):
            if alarm['name'] == effect[0]:
                graph = json.loads(self.client(
                    'rca', 'show', alarm['vitrage_id'], '--all-tenants'))
                return sorted((graph['nodes'][link['source']]['name'],
                               graph['nodes'][link['target']]['name'])
                              for link in graph['links'])
        return []

    def expect_alarms(self, *expected: tuple[str, str, str]) -> None:
        self.eventually(sorted([BROKEN, *expected]), self.alarms)

    def await_watches(self) -> None:
        """Wait until the clusters show it, which they do once a minute."""
        await_true(lambda: all(
            vertex.get('watched_since') for vertex
            in self.vertices('kubernetes.cluster').values()),
            'the clusters are watched')

    def test_shows_the_nodes_with_their_properties(self) -> None:
        graph = json.loads(self.client('topology', 'show', '--all-tenants'))

        nodes = {vertex['name']: vertex for vertex in graph['nodes']
                 if vertex['vitrage_type'] == 'kubernetes.node'}
        self.assertEqual(
            {SPECIFICATION: 'OK', 'worker': 'OK', 'broken': 'ERROR',
             'other': 'OK'},
            {name: vertex['vitrage_operational_state']
             for name, vertex in nodes.items()})
        self.assertEqual(
            {**specimens.SPECIFICATION_PROPERTIES, 'cluster': 'blue',
             'project_id': 'shop'}, properties(nodes[SPECIFICATION]))

    def test_shows_edges_from_the_cloud_to_the_nodes(self) -> None:
        self.assertLessEqual(
            {('openstack.cluster', 'contains', 'blue'),
             ('openstack.cluster', 'contains', 'green'),
             ('blue', 'comprised', SPECIFICATION),
             ('blue', 'comprised', 'worker'), ('green', 'comprised', 'other'),
             ('openstack.cluster', 'contains', 'east'),
             ('east', 'contains', 'compute-1'),
             ('compute-1', 'contains', 'web'),
             ('web', 'contains', SPECIFICATION),
             ('other-server', 'contains', 'other')}, self.edges())

    def test_change_is_seen_between_two_lists(self) -> None:
        # A list may come in between.
        for unschedulable in (True, False) * 10:
            lists = self.lists()
            self.green.put(samples.node(
                'other', providerID=f'openstack:///{end_to_end.OTHER}',
                unschedulable=unschedulable))
            expected = (('SchedulingDisabled', 'SUBOPTIMAL')
                        if unschedulable else ('Ready', 'OK'))
            self.eventually(expected, lambda: self.state('other'))
            if self.lists() == lists and not unschedulable:
                return
        self.fail('No change was seen by watching')

    def test_node_comes_and_goes(self) -> None:
        self.blue.put(samples.node('new'))
        self.eventually(
            True, lambda: ('blue', 'comprised', 'new') in self.edges())

        self.blue.delete('new')
        self.eventually(False, lambda: 'new' in self.vertices())

    def test_property_that_is_lost_is_shown_no_more(self) -> None:
        def taints() -> object:
            return self.vertices()['worker'].get('taints')

        self.blue.put(samples.node('worker', taints=[
            {'key': 'a', 'effect': 'NoExecute'}]))
        self.eventually('a:NoExecute', taints)

        self.blue.put(samples.node('worker'))
        self.eventually(True, lambda: not taints())

    def test_tenant_sees_what_is_of_the_project(self) -> None:
        for project, expected in (
                ('shop', {'blue', SPECIFICATION, 'worker', 'broken'}),
                ('else', {'green', 'other'}), ('none', set())):
            graph = json.loads(self.client(
                'topology', 'show', VITRAGE_USER_ID='someone',
                VITRAGE_PROJECT_ID=project, VITRAGE_ROLES='member'))
            self.assertEqual(expected, {
                vertex['name'] for vertex in graph['nodes']
                if vertex['vitrage_type'].startswith('kubernetes')})

    def test_unchanged_nodes_write_nothing(self) -> None:
        self.await_watches()
        self.blue.touch('worker')

        self.assertEqual([], list(filter(ours, self.await_snapshots(2))))

        # What has changed would have been seen there.
        before = self.rows()
        self.blue.put(samples.node('worker', unschedulable=True))
        self.eventually(('SchedulingDisabled', 'SUBOPTIMAL'),
                        lambda: self.state('worker'))
        self.eventually(True, lambda: any(
            ours(row) for row in self.rows().values()
            if row not in before.values()))
        self.blue.put(samples.node('worker'))
        self.eventually(('Ready', 'OK'), lambda: self.state('worker'))

    def test_stopped_server_is_the_cause_until_it_runs(self) -> None:
        self.expect_alarms()

        self.set_server('SUSPENDED', 'instance.suspend.end')
        self.expect_alarms(STOPPED, SUSPECT)
        self.eventually([(STOPPED[0], SUSPECT[0])],
                        lambda: self.causes(SUSPECT))
        self.eventually(('Ready', 'SUBOPTIMAL'),
                        lambda: self.state(SPECIFICATION))

        self.set_server('ACTIVE', 'instance.resume.end')
        self.expect_alarms()
        self.eventually(('Ready', 'OK'), lambda: self.state(SPECIFICATION))

    def test_outage_keeps_the_nodes(self) -> None:
        self.await_watches()
        before = self.kubernetes()
        self.blue.stop()
        self.expect_alarms(UNREADABLE)
        self.assertEqual(('Unreachable', 'ERROR'),
                         self.state('blue', 'kubernetes.cluster'))

        # By then they are outdated for Vitrage's check of consistency.
        self.assertEqual([], list(filter(ours, self.await_snapshots(3))))
        identity, _ = before['blue']
        self.assertEqual({**before, 'blue': (identity, 'Unreachable')},
                         self.kubernetes())

        self.blue.start()
        self.blue.delete('worker')
        self.expect_alarms()
        self.eventually(
            {name: known for name, known in before.items()
             if name != 'worker'}, self.kubernetes)
        self.assertFalse(
            self.vertices('kubernetes.cluster')['blue'].get('reason'))
        self.blue.put(samples.node('worker'))
        self.eventually(True, lambda: 'worker' in self.vertices())

    def test_restart_keeps_what_there_is(self) -> None:
        self.blue.put(samples.node('short-lived'))
        self.blue.put(samples.node('tainted', taints=[
            {'key': 'a', 'effect': 'NoExecute'}]))
        self.set_server('SUSPENDED', 'instance.suspend.end')
        self.expect_alarms(STOPPED, SUSPECT)
        self.eventually(True, lambda: {'short-lived', 'tainted'}.issubset(
            self.vertices()))
        before = self.kubernetes()

        self.vitrage.graph.stop()
        self.blue.delete('short-lived')
        self.blue.put(samples.node('tainted'))
        self.blue.put(samples.node('young'))
        self.vitrage.graph.start()
        self.vitrage.await_ready()

        self.eventually(True, lambda: 'young' in self.vertices())
        del before['short-lived']
        self.eventually({**before, 'young': self.kubernetes()['young']},
                        self.kubernetes)
        self.eventually(
            True, lambda: not self.vertices()['tainted'].get('taints'))
        self.expect_alarms(STOPPED, SUSPECT)
        self.assertEqual([(STOPPED[0], SUSPECT[0])], self.causes(SUSPECT))
        self.assertEqual(('Ready', 'SUBOPTIMAL'), self.state(SPECIFICATION))

        # What is changed now is seen, and evaluated.
        self.blue.delete('young')
        self.blue.delete('tainted')
        self.set_server('ACTIVE', 'instance.resume.end')
        self.expect_alarms()
        self.eventually(('Ready', 'OK'), lambda: self.state(SPECIFICATION))
        self.eventually(True, lambda: {'young', 'tainted'}.isdisjoint(
            self.vertices()))
