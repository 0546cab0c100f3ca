# SPDX-License-Identifier: Apache-2.0
"""A scenario: Prometheus sees a node's disk fill up, and the node suffers.

Alertmanager's webhook is simulated; all that receives it is Vitrage's.
"""

from collections.abc import Callable
import contextlib
import json
import os
import pathlib
import time
from typing import Any
import urllib.request

from vitrage_k8s import install_files
from vitrage_k8s_lab.demo import scenario
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab.standalone import standalone

CLUSTER = 'production'
NODE = 'worker-1'
ALARM = 'Kubernetes node is short of disk space'

# As node-exporter's and kubernetes-mixin's rules make them.
CAUSE = {'alertname': 'NodeFilesystemAlmostOutOfSpace', 'severity': 'critical',
         'cluster': CLUSTER, 'job': 'node-exporter', 'instance': NODE,
         'mountpoint': '/var/lib'}
EFFECT = {'alertname': 'KubeNodePressure', 'severity': 'info',
          'cluster': CLUSTER, 'job': 'kube-state-metrics',
          'instance': '10.1.2.3:8443', 'node': NODE,
          'condition': 'DiskPressure'}


def play(directory: pathlib.Path, client: str, topology: pathlib.Path | None,
         port: int, say: Callable[[str], None]) -> None:
    """Play the scenario; see ``scenario.play``."""
    os.environ['no_proxy'] = '127.0.0.1'
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Simulator([_node('False')],
                                                cluster=CLUSTER))
        kubeconfig = directory / 'kubeconfig'
        kubeconfig.write_text(cluster.kubeconfig(), encoding='utf-8')
        say(f'The simulated API server of a cluster is at {cluster.url}')
        say("Starting Vitrage, with its datasource of Prometheus' alerts and "
            'ours')
        vitrage = stack.enter_context(standalone.Standalone(
            directory / 'vitrage', port=port, types=('kubernetes',
                                                     'prometheus'),
            kubernetes={'config_file': kubeconfig, 'changes_interval': 1},
            options={'prometheus': {
                'config_file': install_files.ETC / install_files.ALERTS}}))
        _play(scenario.Operator(client, vitrage.environment), vitrage.url,
              cluster, topology, say)


def _play(operator: scenario.Operator, url: str, cluster: Simulator,
          topology: pathlib.Path | None, say: Callable[[str], None]) -> None:
    say('Loading the templates')
    operator.show('template', 'add', '--path', os.path.relpath(
        install_files.ETC / install_files.TEMPLATES))
    scenario.wait('the templates are active', lambda: all(
        template['Status'] == 'ACTIVE'
        for template in operator.ask('template', 'list')))

    say(f'A disk of {NODE} fills up, and the node says so. Alertmanager posts '
        'two alerts with these labels:')
    started = time.monotonic()
    cluster.put(_node('True'))
    for labels in (CAUSE, EFFECT):
        say(json.dumps(labels))
    _post(url, 'firing')
    alarm = scenario.wait(f'there is the alarm: {ALARM}',
                          lambda: operator.alarms().get(ALARM))
    scenario.wait('its cause and its effect are known',
                  lambda: len(operator.causes(alarm)) == 2)
    say(f'{time.monotonic() - started:.1f} s later there are these alarms:')
    operator.show('alarm', 'list', '--all-tenants', '-c', 'Name', '-c',
                  'Resource Type', '-c', 'Severity')
    say('And this is why:')
    operator.show('rca', 'show', '--all-tenants', alarm)
    for cause, effect in operator.causes(alarm):
        say(f'"{cause}" causes "{effect}"')
    if topology is not None:
        operator.write_topology(topology)
        say(f'The topology is in {topology}')

    say('There is space again')
    cluster.put(_node('False'))
    _post(url, 'resolved')
    scenario.wait('all alarms are gone', lambda: not operator.alarms())
    operator.show('alarm', 'list', '--all-tenants')


def _node(disk_pressure: str) -> dict[str, Any]:
    return {
        'metadata': {'name': NODE, 'uid': f'uid-of-{NODE}'},
        'status': {'conditions': [
            {'type': 'Ready', 'status': 'True'},
            {'type': 'DiskPressure', 'status': disk_pressure}]}}


def _post(url: str, status: str) -> None:
    """Do what Alertmanager's webhook does."""
    with urllib.request.urlopen(urllib.request.Request(  # noqa: S310
            f'{url}/v1/event', method='POST', headers={
                'User-Agent': 'Alertmanager/0.25.0',
                'Content-Type': 'application/json'},
            data=json.dumps({
                'version': '4', 'receiver': 'vitrage', 'status': status,
                'alerts': [{
                    'status': status, 'labels': labels, 'annotations': {},
                    'startsAt': '2026-01-02T03:04:05Z',
                    'endsAt': '2026-01-02T04:05:06Z'}
                    for labels in (CAUSE, EFFECT)]}).encode())):
        pass
