# SPDX-License-Identifier: Apache-2.0
"""A Vitrage of a test class, with a cloud and a cluster on its servers."""

from collections.abc import Mapping
import json
import pathlib
import tempfile
from typing import Any

from tests.support.vitrage_process import ClientTest
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab.openstack.server import OpenStack
from vitrage_k8s_lab import samples

SCRIPT = """
import json, os, pathlib, sys
from vitrage_k8s_lab.standalone import standalone

directory = pathlib.Path(sys.argv[1])
# By default, the Nova client writes to the home directory.
os.environ['NOVACLIENT_UUID_CACHE_DIR'] = str(directory / 'novaclient')
os.environ['no_proxy'] = '127.0.0.1'
with standalone.Standalone(
        directory, kubernetes={
            'config_file': directory / 'kubeconfig', 'contexts': '*',
            'poll_interval': 5, 'changes_interval': 1},
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
    """Asks a Vitrage that reads a simulated cloud.

    :ivar cloud: the cloud, with the server WEB on compute-1
    :ivar simulator: a cluster with the node worker on that server
    :ivar options: further options of Vitrage, by group
    :ivar kubeconfig: the kubeconfig, all contexts of which are read
    """

    cloud: OpenStack
    simulator: Simulator
    options: Mapping[str, Mapping[str, object]] = {}
    kubeconfig: pathlib.Path

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
        cls.kubeconfig = directory / 'kubeconfig'
        cls.kubeconfig.write_text(cls.simulator.kubeconfig())
        (directory / 'options').write_text(json.dumps(
            {'service_credentials': cls.cloud.credentials, **cls.options},
            default=str))
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
        """Send Vitrage the notification that Nova would send."""
        assert self.process.stdin
        payload = self.cloud.notification(server)
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
