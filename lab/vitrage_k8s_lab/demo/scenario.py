# SPDX-License-Identifier: Apache-2.0
"""The demo's scenario: a compute host fails, and a node with it.

Vitrage, with our templates, reads a simulated OpenStack and a simulated
cluster on its servers. The transcript of the real client goes to stdout, and
what happens in between to stderr.
"""

from collections.abc import Callable
import contextlib
import json
import os
import pathlib
import shlex
import subprocess
import time
from typing import Any
from typing import TypeVar

from vitrage_k8s import install_files
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab.openstack.server import OpenStack
from vitrage_k8s_lab.standalone import standalone

TYPES = ('nova.zone', 'nova.host', 'nova.instance', 'doctor', 'kubernetes')

# Node: its role, its server, and where that runs.
NODES = {
    'control-1': ('control-plane', '3b0f3ac9-52a1-4d4d-8f7c-95d1ba1c9a01',
                  'compute-2'),
    'worker-1': ('worker', '8c44f0f1-2a0e-4c3b-9a6d-3c0c9f4b7e11',
                 'compute-1'),
    'worker-2': ('worker', 'e5d1a7c2-66a3-4f0f-b1f7-0a4a3de0c622',
                 'compute-2'),
}
FAILING_NODE, FAILING_HOST = 'worker-1', 'compute-1'
HOST_ALARM = 'compute.host.down'
ALARM = 'Kubernetes node is not ready'

# Seconds that a step may take on a busy machine; on an idle one it takes two.
PATIENCE = 60.0

# The details of an event as a monitor of hosts posts it (OPNFV Doctor).
_HOST_EVENT = {
    'hostname': FAILING_HOST, 'source': 'monitor', 'cause': 'link-down',
    'severity': 'critical', 'monitor_id': 'monitor-1',
    'monitor_event_id': '1'}


_T = TypeVar('_T')


class ScenarioFailedError(Exception):
    """A step of the scenario failed, or took too long."""


class Operator:
    """Runs the `vitrage` client, and shows what it prints.

    :param client: the client's command
    :param environment: variables with which it finds Vitrage
    """

    def __init__(self, client: str, environment: dict[str, str]) -> None:
        self._client = client
        self._environment = os.environ | environment

    def show(self, *arguments: str) -> None:
        """Run a command, and show it with what it prints.

        :raises ScenarioFailedError: the client fails
        """
        printed = self._run(*arguments)
        print(f'$ vitrage {shlex.join(arguments)}\n{printed}', flush=True)

    def ask(self, *arguments: str) -> Any:
        """Run a command, and return what it prints as JSON.

        :raises ScenarioFailedError: the client fails
        """
        return json.loads(self._run(*arguments, '-f', 'json'))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603
            [self._client, *arguments], env=self._environment, text=True,
            stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise ScenarioFailedError(
                f'vitrage {shlex.join(arguments)} failed')
        return done.stdout

    def write_topology(self, path: pathlib.Path) -> None:
        """Write the topology as a graph that Graphviz draws."""
        path.write_text(self._run('topology', 'show', '--all-tenants',
                                  '-f', 'dot'), encoding='utf-8')

    def alarms(self) -> dict[str, str]:
        """Return the ID of each alarm, by name."""
        return {alarm['Name']: alarm['ID'] for alarm
                in self.ask('alarm', 'list', '--all-tenants')}

    def causes(self, alarm: str) -> list[tuple[str, str]]:
        """Return each cause and its effect that lead to an alarm, by name."""
        graph = self.ask('rca', 'show', '--all-tenants', alarm)
        names = [node['name'] for node in graph['nodes']]
        return [(names[link['source']], names[link['target']])
                for link in graph['links']]


def play(directory: pathlib.Path, client: str, topology: pathlib.Path | None,
         port: int, say: Callable[[str], None]) -> None:
    """Play the scenario.

    :param directory: a place for temporary files
    :param client: the command of the `vitrage` client
    :param topology: where to write the topology as it is while the node
        fails, for Graphviz; None for nowhere
    :param port: where the REST API listens; 0 for a free port
    :param say: prints what happens
    :raises ScenarioFailedError: the scenario does not come to its end
    """
    # By default, the Nova client writes to the home directory.
    os.environ['NOVACLIENT_UUID_CACHE_DIR'] = str(directory / 'novaclient')
    os.environ['no_proxy'] = '127.0.0.1'
    with contextlib.ExitStack() as stack:
        cloud = stack.enter_context(OpenStack(
            {'compute-1': 'nova', 'compute-2': 'nova'},
            [{'id': server, 'name': name, 'host': host,
              'project_id': 'kubernetes'}
             for name, (_, server, host) in NODES.items()]))
        cluster = stack.enter_context(Simulator(
            [node(name, 'True') for name in NODES], cluster='production'))
        kubeconfig = directory / 'kubeconfig'
        kubeconfig.write_text(cluster.kubeconfig(), encoding='utf-8')
        say(f'A simulated OpenStack is at {cloud.url}, and the API server of '
            f'a cluster on its servers at {cluster.url}')
        say('Starting Vitrage, with its datasources of Nova and ours')
        vitrage = stack.enter_context(standalone.Standalone(
            directory / 'vitrage', port=port, types=TYPES,
            kubernetes={'config_file': kubeconfig, 'changes_interval': 1},
            options={'service_credentials': cloud.credentials}))
        _play(Operator(client, vitrage.environment), cluster, topology, say)


def _play(operator: Operator, cluster: Simulator,
          topology: pathlib.Path | None, say: Callable[[str], None]) -> None:
    say('Loading the templates')
    operator.show('template', 'add', '--path', os.path.relpath(
        install_files.ETC / install_files.TEMPLATES))
    wait('the templates are active', lambda: all(
        template['Status'] == 'ACTIVE'
        for template in operator.ask('template', 'list')))
    operator.show('alarm', 'list', '--all-tenants')

    say(f'{FAILING_HOST} loses its link, and a monitor says so; '
        f'{FAILING_NODE}, which runs there, does not report')
    started = time.monotonic()
    post(operator, 'down')
    cluster.put(node(FAILING_NODE, 'Unknown'))
    alarm = wait(f'there is the alarm: {ALARM}',
                  lambda: operator.alarms().get(ALARM))
    wait('its cause is known',
          lambda: HOST_ALARM in dict(operator.causes(alarm)))
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

    say(f'{FAILING_HOST} is back, and so is {FAILING_NODE}')
    post(operator, 'up')
    cluster.put(node(FAILING_NODE, 'True'))
    wait('all alarms are gone', lambda: not operator.alarms())
    operator.show('alarm', 'list', '--all-tenants')


def node(name: str, ready: str) -> dict[str, Any]:
    """Make a node of the simulated cluster.

    :param ready: the status of its Ready condition
    """
    role, server, _ = NODES[name]
    return {
        'metadata': {'name': name, 'uid': f'{server[:-2]}ff',
                     'labels': {f'node-role.kubernetes.io/{role}': ''}},
        'spec': {'providerID': f'openstack:///{server}'},
        'status': {'conditions': [{'type': 'Ready', 'status': ready}]}}


def post(operator: Operator, status: str) -> None:
    """Post what a monitor says of the failing host: down, or up."""
    operator.show('event', 'post', '--type', HOST_ALARM, '--details',
                  json.dumps(_HOST_EVENT | {'status': status}))


def wait(what: str, ask: Callable[[], _T | None]) -> _T:
    """Wait until the answer is true, and return it.

    :raises ScenarioFailed: it takes too long
    """
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise ScenarioFailedError(f'It took too long until {what}')
        time.sleep(0.2)
    return answer
