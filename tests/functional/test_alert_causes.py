# SPDX-License-Identifier: Apache-2.0
"""Alerts of Prometheus as causes and effects of the other alarms of a node.

Our templates are loaded with the real client and evaluated by Vitrage.
"""

from collections.abc import Callable
from collections.abc import Iterable
import graphlib
import itertools
import json
import pathlib
from typing import Any

import fixtures
import requests

from tests.support import alerts
from tests.support import cloud
from tests.support.vitrage_process import PATIENCE
from vitrage_k8s import install_files
from vitrage_k8s_lab import samples

STOPPED = 'Server of a Kubernetes node is not running'
NOT_READY = 'Kubernetes node is not ready'
NO_NETWORK = 'Kubernetes node has no network'
NO_MEMORY = 'Kubernetes node is short of memory'
NO_DISK = 'Kubernetes node is short of disk space'
NO_PIDS = 'Kubernetes node is short of process IDs'

NETWORK = {'NodeNetworkReceiveErrs', 'NodeNetworkTransmitErrs',
           'NodeNetworkInterfaceFlapping', 'NodeBondingDegraded',
           'NodeHighNumberConntrackEntriesUsed'}
KUBELET = {'KubeletDown', 'KubeletInstanceUnreachable'}
UNREADY = {'KubeNodeNotReady', 'KubeNodeUnreachable',
           'KubeNodeReadinessFlapping'}
PRESSURE = {'KubeNodePressure', 'KubeNodeEviction'}

# What causes the alarms that we raise, and what these cause.
CAUSES = {
    NOT_READY: NETWORK | KUBELET | {
        'KubeletPlegDurationHigh', 'KubeletClientCertificateExpiration',
        'KubeletClientCertificateRenewalErrors', 'NodeSystemSaturation',
        'NodeDiskIOSaturation', 'NodeFileDescriptorLimit',
        'NodeFilesystemAlmostOutOfSpace', 'NodeFilesystemAlmostOutOfFiles',
        'NodeMemoryHighUtilization', 'NodeMemoryMajorPagesFaults'},
    NO_NETWORK: NETWORK,
    NO_MEMORY: {'NodeMemoryHighUtilization', 'NodeMemoryMajorPagesFaults'},
    NO_DISK: {
        'NodeFilesystemSpaceFillingUp', 'NodeFilesystemFilesFillingUp',
        'NodeFilesystemAlmostOutOfSpace', 'NodeFilesystemAlmostOutOfFiles'},
}
EFFECTS = {
    STOPPED: UNREADY | KUBELET, NOT_READY: UNREADY,
    NO_MEMORY: PRESSURE, NO_DISK: PRESSURE, NO_PIDS: PRESSURE,
}
EDGES = {(cause, effect) for effect, causes in CAUSES.items()
         for cause in causes} | {
    (cause, effect) for cause, effects in EFFECTS.items()
    for effect in effects}
ALERTS = set(itertools.chain(*CAUSES.values(), *EFFECTS.values()))
# These begin and end like others.
OTHERS = {'KubeNodeNotReadyX', 'XKubeNodeNotReady', 'KubeletDownX',
          'NodeClockSkewDetected', 'Watchdog'}

# Two alarms on each server.
ON_SERVER = {
    'metadata': {'version': 3, 'type': 'standard', 'name': 'on_server'},
    'entities': {'server': {'category': 'RESOURCE', 'type': 'nova.instance'}},
    'scenarios': [{'condition': 'server', 'actions': [
        {'raise_alarm': {'target': 'server', 'alarm_name': name,
                         'severity': severity}}
        for name, severity in (('A note', 'OK'), ('A warning', 'WARNING'))]}],
}

Edges = set[tuple[str, str]]


def worker(**conditions: str) -> dict[str, Any]:
    """Make the node on the server WEB, with these conditions."""
    node = samples.node('worker', providerID=f'openstack:///{cloud.WEB}')
    node['status']['conditions'] = [
        {'type': kind, 'status': status}
        for kind, status in {'Ready': 'True', **conditions}.items()]
    return node


FAILING = worker(Ready='Unknown', MemoryPressure='True', DiskPressure='True',
                 PIDPressure='True', NetworkUnavailable='True')


class AlertCausesTest(cloud.CloudTest):

    options = {
        'datasources': {
            'types': ['nova.zone', 'nova.host', 'nova.instance', 'prometheus',
                      'kubernetes'],
            'path': ['vitrage_k8s', 'vitrage.datasources']},
        'prometheus': {
            'config_file': install_files.ETC / install_files.ALERTS},
    }

    def setUp(self) -> None:
        super().setUp()
        if not self.api.template.list():
            self.client('template', 'add', '--path', str(
                install_files.ETC / install_files.TEMPLATES))
            self.eventually({'ACTIVE'}, lambda: {
                template['status'] for template in self.api.template.list()})
        self.expect(set())

    def expect(self, edges: Edges) -> None:
        """Wait until these causes of alerts, or effects, are in the graph."""
        self.eventually(edges, self.causes)

    def causes(self) -> Edges:
        return {edge for edge in self.all_causes()
                if not (ALERTS | OTHERS).isdisjoint(edge)}

    def all_causes(self) -> Edges:
        graph = self.topology()
        names = [vertex['name'] for vertex in graph['nodes']]
        return {(names[edge['source']], names[edge['target']])
                for edge in graph['links']
                if edge['relationship_type'] == 'causes'}

    def send(self, *sent: alerts.Alert) -> None:
        done = requests.post(
            f'{self.variables["VITRAGE_ENDPOINT"]}/v1/event',
            json=alerts.webhook(*sent), headers=alerts.HEADERS,
            proxies={'http': ''}, timeout=PATIENCE)
        self.assertEqual(200, done.status_code)

    def fire(self, names: Iterable[str]) -> None:
        self.send(*(alerts.firing(name, cluster='simulator', node='worker')
                    for name in names))

    def resolve(self, names: Iterable[str]) -> None:
        self.send(*(alerts.resolved(name, cluster='simulator', node='worker')
                    for name in names))

    def set_server(self, status: str) -> None:
        self.cloud.put_server(cloud.WEB, status=status)
        self.notify(cloud.WEB, 'instance.update')

    def test_all(self) -> None:
        self.simulator.put(FAILING)
        self.set_server('ERROR')
        self.fire(ALERTS | OTHERS)
        self.expect(EDGES)

        causes: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
        for cause, effect in self.all_causes():
            causes.add(effect, cause)
        # It raises where there is a circle.
        causes.prepare()

        self.resolve(ALERTS | OTHERS)
        self.set_server('ACTIVE')
        self.simulator.put(worker())
        self.eventually([], self.alarms)
        self.expect(set())

    def test_in_any_order(self) -> None:
        names = {'KubeletDown', 'KubeNodeNotReady'}
        edges = {edge for edge in EDGES if not names.isdisjoint(edge)
                 and edge[0] in {STOPPED, NOT_READY, *names}}
        of_server = {edge for edge in edges if STOPPED in edge}
        self.assertEqual((4, 2), (len(edges), len(of_server)))
        begin: tuple[Callable[[], object], ...] = (
            lambda: self.fire(names),
            lambda: self.simulator.put(worker(Ready='Unknown')),
            lambda: self.set_server('ERROR'))
        end: tuple[Callable[[], object], ...] = (
            lambda: self.resolve(names),
            lambda: self.simulator.put(worker()),
            lambda: self.set_server('ACTIVE'))
        for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            for index in order:
                begin[index]()
            self.expect(edges)
            # Of what is left, first without the alerts, and so on.
            end[order[0]]()
            self.expect((set(), of_server, edges - of_server)[order[0]])
            for index in order[1:]:
                end[index]()
            self.eventually([], self.alarms)
            self.expect(set())

    def test_alert_of_another_node_is_no_cause(self) -> None:
        names = {'KubeletDown', 'KubeNodeNotReady'}
        self.simulator.put(samples.node('other'))
        self.eventually(True, lambda: 'other' in {
            vertex['name'] for vertex in self.topology()['nodes']
            if vertex['vitrage_type'] == 'kubernetes.node'})
        self.simulator.put(worker(Ready='Unknown'))
        self.send(*(alerts.firing(name, cluster='simulator', node='other')
                    for name in names))
        self.eventually([*sorted(names), NOT_READY], lambda: sorted(
            (alarm[1] for alarm in self.alarms()), key=lambda name: (
                name == NOT_READY, name)))

        self.assertEqual(set(), self.causes())

        self.send(*(alerts.resolved(name, cluster='simulator', node='other')
                    for name in names))
        self.simulator.put(worker())
        self.simulator.delete('other')
        self.eventually([], self.alarms)

    def test_alarm_of_the_server_that_is_ok_is_no_cause(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 't.yaml')
        path.write_text(json.dumps(ON_SERVER))
        [template] = self.api.template.add(path=str(path))
        self.fire({'KubeNodeNotReady'})

        self.expect({('A warning', 'KubeNodeNotReady')})
        self.assertIn('A note', [alarm[1] for alarm in self.alarms()])

        self.api.template.delete(template['uuid'])
        self.resolve({'KubeNodeNotReady'})
        self.eventually([], self.alarms)
