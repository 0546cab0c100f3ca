# SPDX-License-Identifier: Apache-2.0
"""The demo's scenarios."""

import json
from typing import Any
import urllib.request

from vitrage_k8s import install_files
from vitrage_k8s_lab.demo.scenario import COLUMNS
from vitrage_k8s_lab.demo.scenario import Operator
from vitrage_k8s_lab.demo.scenario import Say
from vitrage_k8s_lab.demo.scenario import Scenario

NOT_READY = 'Kubernetes node is not ready'


class HostScenario(Scenario):
    """The host compute-1 fails; a monitor posts it (OPNFV Doctor)."""

    causes = {'compute.host.down'}

    def report(self, operator: Operator, *, is_well: bool) -> None:
        operator.show(
            'event', 'post', '--type', 'compute.host.down', '--details',
            json.dumps({
                'hostname': 'compute-1', 'source': 'monitor',
                'cause': 'link-down', 'severity': 'critical',
                'monitor_id': 'monitor-1', 'monitor_event_id': '1',
                'status': 'up' if is_well else 'down'}))


class NodeFailure(HostScenario):
    """A compute host fails, and with it a node on a server there."""

    cluster = 'production'
    # Its role, its server, and where that runs.
    _NODES = {
        'worker-1': ('worker', '8c44f0f1-2a0e-4c3b-9a6d-3c0c9f4b7e11',
                     'compute-1'),
        'control-1': ('control-plane', '3b0f3ac9-52a1-4d4d-8f7c-95d1ba1c9a01',
                      'compute-2'),
        'worker-2': ('worker', 'e5d1a7c2-66a3-4f0f-b1f7-0a4a3de0c622',
                     'compute-2'),
    }
    nodes = tuple(_NODES)
    servers = [{'id': server, 'name': name, 'host': host,
                'project_id': 'kubernetes'}
               for name, (_, server, host) in _NODES.items()]
    failure = ('compute-1 loses its link, and a monitor says so; worker-1, '
               'which runs there, does not report')
    recovery = 'compute-1 is back, and so is worker-1'
    alarm = NOT_READY

    def node(self, name: str, *, is_well: bool) -> dict[str, Any]:
        role, server, _ = self._NODES[name]
        return {
            'metadata': {'name': name, 'uid': f'{server[:-2]}ff',
                         'labels': {f'node-role.kubernetes.io/{role}': ''}},
            'spec': {'providerID': f'openstack:///{server}'},
            'status': {'conditions': [{
                'type': 'Ready', 'status': 'True' if is_well else 'Unknown'}]}}


class HostFailure(HostScenario):
    """A compute host that is itself a node fails: OpenStack on Kubernetes."""

    cluster = 'undercloud'
    nodes = ('compute-1', 'compute-2')
    servers = [{'id': f'8c44f0f1-2a0e-4c3b-9a6d-3c0c9f4b7e1{number}',
                'name': f'shop-{number}', 'host': f'compute-{number}',
                'project_id': 'shop'} for number in (1, 2)]
    options = {'kubernetes': {'host_contexts': 'undercloud'}}
    failure = 'compute-1 fails: a monitor says so, and its kubelet is silent'
    recovery = 'compute-1 is back'
    alarm = "Server's host is not ready"

    def node(self, name: str, *, is_well: bool) -> dict[str, Any]:
        status, reason = ('True', 'KubeletReady') if is_well else (
            'Unknown', 'NodeStatusUnknown')
        return {
            'metadata': {'name': name, 'uid': f'{name}-9a6d-3c0c9f4b7e11',
                         'labels': {'openstack-compute-node': 'enabled'}},
            'status': {'conditions': [
                {'type': 'Ready', 'status': status, 'reason': reason}]}}

    def show_more(self, operator: Operator, alarm: str, say: Say) -> None:
        say('And this is what the tenant sees, of a server there:')
        tenant = Operator(operator.client, {
            **operator.environment, 'VITRAGE_USER_ID': 'alice',
            'VITRAGE_PROJECT_ID': 'shop', 'VITRAGE_ROLES': 'member'})
        tenant.show('alarm', 'list', *COLUMNS)
        tenant.show('rca', 'show', alarm)


class NodeAlert(Scenario):
    """Prometheus sees a node's disk fill up, and the node suffers.

    Alertmanager's webhook is simulated; all that receives it is Vitrage's.
    """

    cluster = 'production'
    nodes = ('worker-1',)
    types = ('kubernetes', 'prometheus')
    options = {'prometheus': {
        'config_file': install_files.ETC / install_files.ALERTS}}
    # As node-exporter's and kubernetes-mixin's rules make them.
    _ALERTS = (
        {'alertname': 'NodeFilesystemAlmostOutOfSpace',
         'severity': 'critical', 'cluster': 'production',
         'job': 'node-exporter', 'instance': 'worker-1',
         'mountpoint': '/var/lib'},
        {'alertname': 'KubeNodePressure', 'severity': 'info',
         'cluster': 'production', 'job': 'kube-state-metrics',
         'instance': '10.1.2.3:8443', 'node': 'worker-1',
         'condition': 'DiskPressure'})
    failure = '\n'.join((
        'A disk of worker-1 fills up, and the node says so. Alertmanager '
        'posts two alerts with these labels:', *map(json.dumps, _ALERTS)))
    recovery = 'There is space again'
    alarm = 'Kubernetes node is short of disk space'
    causes = {'NodeFilesystemAlmostOutOfSpace', alarm}

    def node(self, name: str, *, is_well: bool) -> dict[str, Any]:
        return {
            'metadata': {'name': name, 'uid': f'uid-of-{name}'},
            'status': {'conditions': [
                {'type': 'Ready', 'status': 'True'},
                {'type': 'DiskPressure', 'status': str(not is_well)}]}}

    def report(self, operator: Operator, *, is_well: bool) -> None:
        status = 'resolved' if is_well else 'firing'
        with urllib.request.urlopen(urllib.request.Request(  # noqa: S310
                operator.environment['VITRAGE_ENDPOINT'] + '/v1/event',
                method='POST', headers={
                    'User-Agent': 'Alertmanager/0.25.0',
                    'Content-Type': 'application/json'},
                data=json.dumps({
                    'version': '4', 'receiver': 'vitrage', 'status': status,
                    'alerts': [{
                        'status': status, 'labels': labels, 'annotations': {},
                        'startsAt': '2026-01-02T03:04:05Z',
                        'endsAt': '2026-01-02T04:05:06Z'}
                        for labels in self._ALERTS]}).encode())):
            pass


SCENARIOS = {'node-alert': NodeAlert, 'node-failure': NodeFailure,
             'host-failure': HostFailure}
