# SPDX-License-Identifier: Apache-2.0
"""From a compute host that is a node to the tenant, with real services."""

import json
import pathlib

from tests.support import end_to_end
from tests.support import services
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

HOST_NOT_READY = 'Compute host is not ready in Kubernetes'
AT_RISK = "Server's host is not ready"
TENANT = {'VITRAGE_USER_ID': 'someone', 'VITRAGE_PROJECT_ID': 'shop',
          'VITRAGE_ROLES': 'member'}


class TestHosts(end_to_end.ServicesTest):

    under: Simulator

    @classmethod
    def _options(cls, directory: pathlib.Path) -> services.Options:
        options = super()._options(directory)
        cls.under = Simulator([samples.node('COMPUTE-1.example.org', 'u')],
                              cluster='under')
        cls.under.start()
        cls.addClassCleanup(cls.under.stop)
        path = directory / 'kubeconfig'
        kubeconfig = json.loads(path.read_text())
        kubeconfig['clusters'].append(
            {'name': 'under', 'cluster': {'server': cls.under.url}})
        kubeconfig['contexts'].append(
            {'name': 'under', 'context': {'cluster': 'under'}})
        path.write_text(json.dumps(kubeconfig))
        return {**options, 'kubernetes': {
            **options['kubernetes'], 'host_contexts': 'under'}}

    def put(self, ready: str) -> None:
        self.under.put(samples.node('COMPUTE-1.example.org', 'u', ready=ready))

    def seen(self) -> set[str]:
        """Return the alarms on servers that a tenant sees."""
        return {row['Name'] for row in self.table('alarm', 'list', **TENANT)
                if row['Resource Type'] == 'nova.instance'}

    def causes(self, effect: str) -> set[str]:
        """Return what a tenant sees before an alarm, as far as that goes."""
        [identity] = [row['ID'] for row in self.table(
            'alarm', 'list', **TENANT) if row['Name'] == effect]
        graph = json.loads(self.client('rca', 'show', identity, **TENANT))
        names = [node['name'] for node in graph['nodes']]
        return {names[link['source']] for link in graph['links']
                if names[link['target']] in (effect, HOST_NOT_READY)}

    def test_tenant_sees_the_servers_alarm_and_its_cause(self) -> None:
        edge = ('compute-1', 'contains', 'COMPUTE-1.example.org')
        self.eventually(True, lambda: edge in self.edges())

        self.put('Unknown')
        self.eventually({AT_RISK}, self.seen)
        # One cause, and not the node's alarm that is the cause of that.
        self.eventually({HOST_NOT_READY}, lambda: self.causes(AT_RISK))
        self.assertIn((HOST_NOT_READY, 'nova.host', 'WARNING'), self.alarms())

        self.put('True')
        self.eventually(set(), self.seen)

    def test_host_that_is_gone_and_made_anew_is_tied_again(self) -> None:
        edge = ('compute-1', 'contains', 'COMPUTE-1.example.org')
        self.eventually(True, lambda: edge in self.edges())
        zones = self.cloud.hosts

        self.cloud.hosts = {'compute-2': 'west'}
        self.eventually(False, lambda: edge in self.edges())
        self.cloud.hosts = zones
        self.eventually(True, lambda: edge in self.edges())
