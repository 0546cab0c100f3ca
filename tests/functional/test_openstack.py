# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""A simulated OpenStack, read and heard by Vitrage's own datasources.

Vitrage runs in a process of its own, and is asked by the real client.
"""

import json
import pathlib
import tempfile
from typing import Any

import testtools

from tests.functional.vitrage_process import ClientTest
from tests import samples
from vitrage_k8s.simulator import Simulator
from vitrage_k8s.simulator_openstack import OpenStack
from vitrage_k8s import standalone

SCRIPT = """
import json, os, pathlib, sys
from vitrage_k8s import standalone

directory = pathlib.Path(sys.argv[1])
# Else the Nova client writes to the home directory, and asks a proxy.
os.environ['NOVACLIENT_UUID_CACHE_DIR'] = str(directory / 'novaclient')
os.environ['no_proxy'] = '127.0.0.1'
with standalone.Standalone(
        directory, kubernetes={
            'config_file': directory / 'kubeconfig', 'poll_interval': 5,
            'changes_interval': 1},
        types=['nova.zone', 'nova.host', 'nova.instance', 'doctor',
               'kubernetes'],
        options=json.loads((directory / 'options').read_text())) as vitrage:
    print(json.dumps(vitrage.environment), flush=True)
    for line in sys.stdin:
        vitrage.notify(*json.loads(line))
"""

WEB = '41c40aab-80e9-4bb6-a280-27976bfc811f'
OTHER = '7d6b1ad0-4f0e-4a3c-9a53-0c2f5f7f4d11'

FAILURE = {'hostname': 'compute-1', 'source': 'monitor', 'cause': 'link-down',
           'severity': 'critical', 'status': 'down', 'monitor_id': 'm1',
           'monitor_event_id': '1'}


class CloudTest(ClientTest):
    """Asks a Vitrage that reads and hears a simulated cloud.

    :ivar cloud: the cloud, with the server WEB on compute-1
    :ivar simulator: a cluster with the node worker on that server
    """

    cloud: OpenStack
    simulator: Simulator

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.cloud = OpenStack(
            {'compute-1': 'east', 'compute-2': 'west'},
            [{'id': WEB, 'name': 'web', 'host': 'compute-1',
              'project_id': 'shop'},
             {'id': OTHER, 'name': 'other', 'host': 'compute-2',
              'project_id': 'else'}])
        cls.addClassCleanup(cls.cloud.stop)
        cls.cloud.start()
        cls.simulator = Simulator([
            samples.node('worker', providerID=f'openstack:///{WEB}')])
        cls.addClassCleanup(cls.simulator.stop)
        cls.simulator.start()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        directory = pathlib.Path(temporary.name)
        (directory / 'kubeconfig').write_text(cls.simulator.kubeconfig())
        (directory / 'options').write_text(json.dumps(
            {'service_credentials': cls.cloud.credentials}))
        cls.begin(SCRIPT, temporary.name)

    def topology(self) -> dict[str, Any]:
        graph: dict[str, Any] = self.api.topology.get(all_tenants=True)
        return graph

    def edges(self) -> set[tuple[str, str, str]]:
        """Return the edges, with names for the vertices."""
        graph = self.topology()
        names = [vertex['name'] for vertex in graph['nodes']]
        return {(names[edge['source']], edge['relationship_type'],
                 names[edge['target']]) for edge in graph['links']}

    def states(self) -> dict[str, tuple[str, str]]:
        """Return state and operational state of each instance."""
        return {vertex['id']: (vertex['state'],
                               vertex['vitrage_operational_state'])
                for vertex in self.topology()['nodes']
                if vertex['vitrage_type'] == 'nova.instance'}

    def notify(self, server: str, event_type: str) -> None:
        """Let Vitrage's process notify it of what Nova would."""
        assert self.process.stdin
        payload = self.cloud.notification(server, event_type)
        self.process.stdin.write(json.dumps([event_type, payload]) + '\n')
        self.process.stdin.flush()

    def report(self, **details: str) -> None:
        """Report a failure of compute-1, as a monitor of hosts does."""
        self.client('event', 'post', '--type', 'compute.host.down',
                    '--details', json.dumps({**FAILURE, **details}))

    def alarms(self) -> list[tuple[str, ...]]:
        return [(alarm['vitrage_type'], alarm['name'],
                 alarm['vitrage_resource_type'],
                 alarm['vitrage_operational_severity'])
                for alarm in self.api.alarm.list('all', all_tenants=True)]


class TestOpenStack(CloudTest):

    def test_shows_zones_hosts_and_instances_down_to_the_nodes(self) -> None:
        self.assertLessEqual(
            {('openstack.cluster', 'contains', 'east'),
             ('openstack.cluster', 'contains', 'west'),
             ('east', 'contains', 'compute-1'),
             ('west', 'contains', 'compute-2'),
             ('compute-1', 'contains', 'web'),
             ('compute-2', 'contains', 'other'),
             ('web', 'contains', 'worker')}, self.edges())
        # Where Nova's own services run is no host for instances.
        self.assertFalse({'internal', 'controller'} & {
            vertex['name'] for vertex in self.topology()['nodes']})

    def test_shows_the_state_that_nova_notifies(self) -> None:
        self.assertEqual(('ACTIVE', 'OK'), self.states()[WEB])

        self.cloud.put_server(WEB, status='SUSPENDED')
        self.notify(WEB, 'instance.suspend.end')
        self.eventually(('suspended', 'SUBOPTIMAL'),
                        lambda: self.states()[WEB])

        self.cloud.put_server(WEB, status='ACTIVE')
        self.notify(WEB, 'instance.resume.end')
        self.eventually(('active', 'OK'), lambda: self.states()[WEB])

    def test_shows_instances_come_and_go(self) -> None:
        created = '5b0d5c2e-0b62-4d6c-8a6e-3f8f6f3c2f10'
        self.cloud.put_server(created, name='created', host='compute-2',
                              project_id='shop')
        self.notify(created, 'instance.create.end')
        self.eventually(
            True,
            lambda: ('compute-2', 'contains', 'created') in self.edges())

        self.cloud.delete_server(created)
        self.notify(created, 'instance.delete.end')
        self.eventually(False, lambda: created in self.states())

    def test_shows_the_alarm_of_a_host_until_it_is_up(self) -> None:
        self.assertEqual([], self.alarms())

        self.report()
        self.eventually(
            [('doctor', 'compute.host.down', 'nova.host', 'CRITICAL')],
            self.alarms)
        self.assertIn(('compute.host.down', 'on', 'compute-1'), self.edges())

        self.report(status='up')
        self.eventually([], self.alarms)


class TestNotify(testtools.TestCase):

    def test_refuses_to_notify_before_the_start(self) -> None:
        vitrage = standalone.Standalone(pathlib.Path('never-made'))
        self.assertRaises(standalone.NotStarted, vitrage.notify,
                          'instance.update', {})
