# SPDX-License-Identifier: Apache-2.0
"""The simulator, as kubectl and the official client see it."""

import json
import os
import shutil
import subprocess
import tempfile
from typing import Any

from kubernetes import client
from kubernetes import config

from lab.tests.kube_api.simulators import node
from lab.tests.kube_api.simulators import SimulatorTest


def ready(name: str, value: str = 'True', **spec: Any) -> dict[str, Any]:
    return {'metadata': {'name': name}, 'spec': spec, 'status': {
        'conditions': [{'type': 'Ready', 'status': value}],
        'nodeInfo': {'kubeletVersion': 'v1.36.0'}}}


class KubectlTest(SimulatorTest):

    def kubectl(self, *arguments: str) -> str:
        if not shutil.which('kubectl'):
            self.skipTest('KUBECTL IS NOT INSTALLED: nothing has shown that '
                          'kubectl understands the simulator')
        cache = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, cache)
        return subprocess.run(
            ['kubectl', '--kubeconfig', self.kubeconfig(),
             '--cache-dir', cache, *arguments],
            check=True, capture_output=True, text=True, timeout=60).stdout

    def kubeconfig(self) -> str:
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.remove, path)
        with open(handle, 'w') as file:
            file.write(self.simulator.kubeconfig())
        return path

    def test_official_client_lists_through_the_kubeconfig(self) -> None:
        path = self.kubeconfig()
        _, current = config.list_kube_config_contexts(path)
        self.assertEqual(('east', 'east'), (
            current['name'], current['context']['cluster']))
        with config.new_client_from_config(
                path, persist_config=False) as api_client:
            api = client.CoreV1Api(api_client)
            page = api.list_node(limit=3)
            rest = api.list_node(_continue=page.metadata._continue)
            version = client.VersionApi(api_client).get_code()
        self.assertEqual(list('abcde'), [
            item.metadata.name for item in page.items + rest.items])
        self.assertEqual('v1.36.0', version.git_version)

    def test_kubectl_shows_a_table_even_of_odd_nodes(self) -> None:
        self.simulator.put(ready('b'))
        self.simulator.put(ready('c', 'Unknown', unschedulable=True))
        self.simulator.put({
            'metadata': {'name': 'd', 'creationTimestamp': 7, 'labels': {
                'node-role.kubernetes.io/worker': '',
                'kubernetes.io/role': 'etcd'}},
            'spec': [1], 'status': {'conditions': 5, 'nodeInfo': None}})
        rows = [line.split() for line in self.kubectl(
            'get', 'nodes', '--chunk-size=2').splitlines()]
        self.assertEqual(['NAME', 'STATUS', 'ROLES', 'AGE', 'VERSION'],
                         rows[0])
        self.assertEqual(['b', 'Ready', '<none>', 'v1.36.0'],
                         rows[2][:3] + rows[2][4:])
        self.assertRegex(rows[2][3], r'^\d+s$')
        self.assertEqual('NotReady,SchedulingDisabled', rows[3][1])
        self.assertEqual(['d', 'Unknown', 'etcd,worker', '<unknown>'], rows[4])

    def test_kubectl_shows_wide_rows(self) -> None:
        for name in 'cde':
            self.simulator.delete(name)
        self.simulator.put(node(
            'b', addresses=[{'type': 'Hostname', 'address': 'b'},
                            {'type': 'InternalIP', 'address': '10.0.0.1'},
                            {'type': 'InternalIP', 'address': '10.0.0.2'},
                            {'type': 'ExternalIP', 'address': '192.0.2.1'}],
            nodeInfo={'osImage': 'Rocky', 'kernelVersion': '6.12',
                      'architecture': 'amd64',
                      'containerRuntimeVersion': 'containerd://2'}))
        rows = [line.split()[4:] for line in self.kubectl(
            'get', 'nodes', '-o', 'wide').splitlines()[1:]]
        self.assertEqual([
            ['<none>', '<none>', '<unknown>', '<unknown>', '<unknown>'],
            ['10.0.0.1', '192.0.2.1', 'Rocky', '6.12', '(amd64)',
             'containerd://2']], rows)

    def test_kubectl_finds_no_pods(self) -> None:
        self.assertEqual('', self.kubectl('get', 'pods', '-A'))

    def test_kubectl_gets_a_node_as_json(self) -> None:
        served = json.loads(self.kubectl('get', 'node', 'a', '-o', 'json'))
        self.assertEqual({'apiVersion': 'v1', 'kind': 'Node',
                          **self.list()['items'][0]}, served)
