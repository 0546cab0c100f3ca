# SPDX-License-Identifier: Apache-2.0
"""The demo's second scenario: a compute host that is a node fails.

OpenStack on Kubernetes: the nodes of the cluster are the compute hosts. What
the operator sees of the failure, and what the tenant does.
"""

from collections.abc import Callable
import contextlib
import os
import pathlib
import time
from typing import Any

from vitrage_k8s import install_files
from vitrage_k8s_lab.demo import scenario
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab.openstack.server import OpenStack
from vitrage_k8s_lab.standalone import standalone

HOSTS = ('compute-1', 'compute-2')
TENANT = {'VITRAGE_USER_ID': 'alice', 'VITRAGE_PROJECT_ID': 'shop',
          'VITRAGE_ROLES': 'member'}
NODE_ALARM = 'Kubernetes node is not ready'
SERVER_ALARM = "Server's host is not ready"


def play(directory: pathlib.Path, client: str, topology: pathlib.Path | None,
         port: int, say: Callable[[str], None]) -> None:
    """Play the scenario; see ``scenario.play``."""
    # Else the Nova client writes to the home directory, and asks a proxy.
    os.environ['NOVACLIENT_UUID_CACHE_DIR'] = str(directory / 'novaclient')
    os.environ['no_proxy'] = '127.0.0.1'
    with contextlib.ExitStack() as stack:
        cloud = stack.enter_context(OpenStack(
            dict.fromkeys(HOSTS, 'nova'),
            [{'id': f'8c44f0f1-2a0e-4c3b-9a6d-3c0c9f4b7e1{number}',
              'name': f'shop-{number}', 'host': f'compute-{number}',
              'project_id': 'shop'} for number in (1, 2)]))
        cluster = stack.enter_context(Simulator(
            [node(name, 'True') for name in HOSTS], cluster='undercloud'))
        kubeconfig = directory / 'kubeconfig'
        kubeconfig.write_text(cluster.kubeconfig(), encoding='utf-8')
        say(f'A simulated OpenStack is at {cloud.url}; the API server of the '
            f'cluster that it runs on is at {cluster.url}')
        say('Starting Vitrage with host_contexts = undercloud')
        vitrage = stack.enter_context(standalone.Standalone(
            directory / 'vitrage', port=port, types=scenario.TYPES,
            kubernetes={'config_file': kubeconfig, 'changes_interval': 1,
                        'host_contexts': 'undercloud'},
            options={'service_credentials': cloud.credentials}))
        _play(scenario.Operator(client, vitrage.environment),
              scenario.Operator(client, vitrage.environment | TENANT),
              cluster, topology, say)


def _play(operator: scenario.Operator, tenant: scenario.Operator,
          cluster: Simulator, topology: pathlib.Path | None,
          say: Callable[[str], None]) -> None:
    say('Loading the templates')
    operator.show('template', 'add', '--path', os.path.relpath(
        install_files.ETC / install_files.TEMPLATES))
    scenario.wait('the templates are active', lambda: all(
        template['Status'] == 'ACTIVE'
        for template in operator.ask('template', 'list')))
    say('compute-1 fails: a monitor says so, and its kubelet is silent')
    started = time.monotonic()
    scenario.post(operator, 'down')
    cluster.put(node('compute-1', 'Unknown'))
    scenario.wait(f'there is the alarm: {SERVER_ALARM}',
                  lambda: SERVER_ALARM in operator.alarms())
    alarms = operator.alarms()
    scenario.wait('its cause is known', lambda: operator.causes(
        alarms[SERVER_ALARM]) and scenario.HOST_ALARM in dict(
            operator.causes(alarms[NODE_ALARM])))
    say(f'{time.monotonic() - started:.1f} s later the operator sees this:')
    columns = ('-c', 'Name', '-c', 'Resource Type', '-c', 'Severity')
    operator.show('alarm', 'list', '--all-tenants', *columns)
    for cause, effect in operator.causes(alarms[SERVER_ALARM]):
        say(f'"{cause}" causes "{effect}"')
    say('And this is what the tenant sees, of a server there:')
    tenant.show('alarm', 'list', *columns)
    tenant.show('rca', 'show', alarms[SERVER_ALARM])
    if topology is not None:
        operator.write_topology(topology)
        say(f'The topology is in {topology}')

    say('compute-1 is back')
    scenario.post(operator, 'up')
    cluster.put(node('compute-1', 'True'))
    scenario.wait('all alarms are gone', lambda: not operator.alarms())
    operator.show('alarm', 'list', '--all-tenants')


def node(name: str, ready: str) -> dict[str, Any]:
    """Make a node that is a compute host.

    :param ready: the status of its Ready condition
    """
    reason = {'True': 'KubeletReady', 'Unknown': 'NodeStatusUnknown'}[ready]
    return {
        'metadata': {'name': name, 'uid': f'{name}-9a6d-3c0c9f4b7e11',
                     'labels': {'openstack-compute-node': 'enabled'}},
        'status': {'conditions': [
            {'type': 'Ready', 'status': ready, 'reason': reason}]}}
