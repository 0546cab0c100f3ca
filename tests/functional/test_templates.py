# SPDX-License-Identifier: Apache-2.0
"""Our templates, loaded with the real client and evaluated by Vitrage.

Each test brings about what a template is for, looks at the alarms, and ends
it again.
"""

import json
from typing import Any

from tests.support import cloud
from vitrage_k8s import install_files
from vitrage_k8s_lab import samples

WEB = cloud.WEB

HOST_ALARM = ('compute.host.down', 'nova.host', 'CRITICAL')
STOPPED = ('Server of a Kubernetes node is not running', 'nova.instance',
           'CRITICAL')
AT_RISK = ('Server of a Kubernetes node is on a host with an alarm',
           'nova.instance', 'WARNING')
SUSPECT = ('Kubernetes node is suspect', 'kubernetes.node', 'WARNING')
NOT_READY = ('Kubernetes node is not ready', 'kubernetes.node', 'CRITICAL')
CONTROL_PLANE = ('Kubernetes control plane is failing', 'kubernetes.cluster',
                 'WARNING')
UNREADABLE = ('Kubernetes API server cannot be read', 'kubernetes.cluster',
              'CRITICAL')


def worker(**conditions: str) -> dict[str, Any]:
    """Make the node on the server WEB, with these conditions."""
    node = samples.node('worker', providerID=f'openstack:///{WEB}')
    node['status']['conditions'] = [
        {'type': kind, 'status': status}
        for kind, status in {'Ready': 'True', **conditions}.items()]
    return node


def control_plane(ready: str) -> dict[str, Any]:
    node = samples.node('control', ready=ready)
    node['metadata']['labels'] = {'node-role.kubernetes.io/control-plane': ''}
    return node


class TestTemplates(cloud.CloudTest):

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.paths = [str(path) for name, path in install_files.find().items()
                     if name.parent == install_files.TEMPLATES]

    def setUp(self) -> None:
        super().setUp()
        if not self.api.template.list():
            for path in self.paths:
                self.client('template', 'add', '--path', path)
            self.eventually(
                ['ACTIVE'] * len(self.paths),
                lambda: [template['status'] for template
                         in self.api.template.list()])
        self.expect_alarms()

    def expect_alarms(self, *expected: tuple[str, str, str]) -> None:
        """Wait until there are just these alarms."""
        self.eventually(sorted(expected), lambda: sorted(
            alarm[1:] for alarm in self.alarms()))

    def expect_state(self, name: str, expected: str) -> None:
        """Wait until a vertex has an operational state."""
        self.eventually(expected, lambda: [
            vertex['vitrage_operational_state']
            for vertex in self.topology()['nodes']
            if vertex['name'] == name
            and vertex['vitrage_type'].startswith('kubernetes')][0])

    def expect_causes(self, effect: tuple[str, str, str],
                      *expected: tuple[str, str]) -> None:
        """Wait until the root-cause analysis of an alarm is just this.

        :param expected: pairs of the names of a cause and its effect
        """
        [identity] = [alarm['vitrage_id'] for alarm
                      in self.api.alarm.list('all', all_tenants=True)
                      if alarm['name'] == effect[0]]

        def causes() -> list[tuple[str, str]]:
            graph = self.api.rca.get(identity, all_tenants=True)
            return sorted((graph['nodes'][link['source']]['name'],
                           graph['nodes'][link['target']]['name'])
                          for link in graph['links'])

        self.eventually(sorted(expected), causes)

    def set_server(self, status: str, event_type: str) -> None:
        self.cloud.put_server(WEB, status=status)
        self.notify(WEB, event_type)

    def test_all_are_valid(self) -> None:
        for path in self.paths:
            validated = json.loads(
                self.client('template', 'validate', '--path', path))
            self.assertEqual(['validation OK'], [
                result['status'] for result in validated['results']])

    def test_cluster_rests_while_its_context_is_not_there(self) -> None:
        """What doc/source/upgrade.rst says of a cluster under maintenance."""
        self.simulator.put(worker(Ready='False'))
        self.expect_alarms(NOT_READY)
        whole = self.kubeconfig.read_text()
        self.addCleanup(self.kubeconfig.write_text, whole)

        # A current-context that is not there is a file that was cut.
        self.kubeconfig.write_text(json.dumps(
            {**json.loads(whole), 'contexts': [], 'current-context': ''}))
        self.expect_alarms()
        self.assertNotIn('worker', {
            vertex['name'] for vertex in self.topology()['nodes']})

        self.kubeconfig.write_text(whole)
        self.expect_alarms(NOT_READY)
        self.simulator.put(worker())
        self.expect_alarms()

    def test_node_that_is_not_ready(self) -> None:
        for ready in ('False', 'Unknown'):
            self.simulator.put(worker(Ready=ready))
            self.expect_alarms(NOT_READY)
            self.expect_causes(NOT_READY)

            self.simulator.put(worker())
            self.expect_alarms()

    def test_node_of_which_nothing_is_known(self) -> None:
        node = worker()
        node['status']['conditions'] = []
        self.simulator.put(node)
        self.expect_alarms(NOT_READY)

        # It goes, and its alarm with it.
        self.simulator.delete('worker')
        self.expect_alarms()
        self.simulator.put(worker())

    def test_node_under_pressure(self) -> None:
        self.simulator.put(worker(
            MemoryPressure='True', DiskPressure='True', PIDPressure='True',
            NetworkUnavailable='True', KernelDeadlock='True'))
        self.expect_alarms(*((name, 'kubernetes.node', 'WARNING') for name in (
            'Kubernetes node is short of memory',
            'Kubernetes node is short of disk space',
            'Kubernetes node is short of process IDs',
            'Kubernetes node has no network',
            'Kubernetes node has an abnormal condition')))

        self.simulator.put(worker(MemoryPressure='False'))
        self.expect_alarms()

    def test_server_that_does_not_run(self) -> None:
        for status, event_type in (('SUSPENDED', 'instance.suspend.end'),
                                   ('SHUTOFF', 'instance.power_off.end'),
                                   ('ERROR', 'instance.update')):
            self.set_server(status, event_type)
            self.expect_alarms(STOPPED, SUSPECT)
            self.expect_state('worker', 'SUBOPTIMAL')
            self.expect_causes(SUSPECT, (STOPPED[0], SUSPECT[0]))

            self.set_server('ACTIVE', 'instance.power_on.end')
            self.expect_alarms()
            self.expect_state('worker', 'OK')

    def test_failed_server_is_the_cause_of_the_failed_node(self) -> None:
        # The node fails first, as its heartbeats may show before Nova does.
        self.simulator.put(worker(Ready='Unknown'))
        self.expect_alarms(NOT_READY)
        self.set_server('ERROR', 'instance.update')
        self.expect_alarms(NOT_READY, STOPPED, SUSPECT)
        self.expect_causes(NOT_READY, (STOPPED[0], NOT_READY[0]))

        self.set_server('ACTIVE', 'instance.update')
        self.expect_alarms(NOT_READY)
        self.simulator.put(worker())
        self.expect_alarms()

    def test_host_is_the_cause_of_what_fails_on_it(self) -> None:
        self.report()
        self.expect_alarms(HOST_ALARM, AT_RISK, SUSPECT)
        self.expect_state('worker', 'SUBOPTIMAL')
        self.simulator.put(worker(Ready='Unknown'))
        self.expect_alarms(HOST_ALARM, AT_RISK, SUSPECT, NOT_READY)
        self.expect_state('worker', 'ERROR')
        self.expect_causes(NOT_READY, (HOST_ALARM[0], AT_RISK[0]),
                           (AT_RISK[0], NOT_READY[0]))
        self.set_server('SHUTOFF', 'instance.power_off.end')
        self.expect_alarms(HOST_ALARM, AT_RISK, STOPPED, SUSPECT, NOT_READY)
        self.expect_causes(
            NOT_READY, (HOST_ALARM[0], AT_RISK[0]),
            (HOST_ALARM[0], STOPPED[0]), (AT_RISK[0], NOT_READY[0]),
            (STOPPED[0], NOT_READY[0]))

        self.simulator.put(worker())
        self.set_server('ACTIVE', 'instance.power_on.end')
        self.expect_alarms(HOST_ALARM, AT_RISK, SUSPECT)
        self.report(status='up')
        self.expect_alarms()
        self.expect_state('worker', 'OK')

    def test_control_plane_node_that_fails(self) -> None:
        self.simulator.put(control_plane('False'))
        self.expect_alarms(NOT_READY, CONTROL_PLANE)
        self.expect_state('simulator', 'SUBOPTIMAL')
        self.expect_causes(CONTROL_PLANE, (NOT_READY[0], CONTROL_PLANE[0]))

        self.simulator.put(control_plane('True'))
        self.expect_alarms()
        self.expect_state('simulator', 'OK')
        self.simulator.delete('control')

    def test_api_server_that_cannot_be_read(self) -> None:
        self.simulator.put(control_plane('False'))
        self.expect_alarms(NOT_READY, CONTROL_PLANE)

        self.simulator.stop()
        self.expect_alarms(NOT_READY, CONTROL_PLANE, UNREADABLE)
        self.expect_state('simulator', 'ERROR')
        self.expect_causes(UNREADABLE, (NOT_READY[0], UNREADABLE[0]))

        self.simulator.start()
        self.simulator.delete('control')
        self.expect_alarms()
        self.expect_state('simulator', 'OK')
