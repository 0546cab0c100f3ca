# SPDX-License-Identifier: Apache-2.0
"""What the demo's scenarios have in common.

Vitrage, with our templates, reads a simulated cluster, and a simulated
OpenStack if there are servers. The transcript of the real client goes to
stdout, and what happens in between to stderr.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
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

# Seconds that a step may take on a busy machine; on an idle one it takes two.
PATIENCE = 60.0

ALL_ALARMS = ('alarm', 'list', '--all-tenants')
COLUMNS = ('-c', 'Name', '-c', 'Resource Type', '-c', 'Severity')

Say = Callable[[str], None]
_T = TypeVar('_T')


class ScenarioFailedError(Exception):
    """A step of the scenario failed, or took too long."""


class Operator:
    """Runs the `vitrage` client, and shows what it prints.

    :param client: the client's command
    :param environment: variables with which it finds Vitrage
    """

    def __init__(self, client: str, environment: Mapping[str, str]) -> None:
        self.client = client
        self.environment = {**os.environ, **environment}

    def run(self, *arguments: str) -> str:
        """Run a command, and return what it prints.

        :raises ScenarioFailedError: the client fails
        """
        done = subprocess.run(  # noqa: S603
            [self.client, *arguments], env=self.environment, text=True,
            stdout=subprocess.PIPE, check=False)
        if done.returncode:
            raise ScenarioFailedError(
                f'vitrage {shlex.join(arguments)} failed')
        return done.stdout

    def show(self, *arguments: str) -> None:
        """Run a command, and show it with what it prints."""
        printed = self.run(*arguments)
        print(f'$ vitrage {shlex.join(arguments)}\n{printed}', flush=True)

    def ask(self, *arguments: str) -> Any:
        """Run a command, and return what it prints as JSON."""
        return json.loads(self.run(*arguments, '-f', 'json'))

    def alarms(self) -> dict[str, str]:
        """Return the ID of each alarm, by name."""
        return {alarm['Name']: alarm['ID'] for alarm in self.ask(*ALL_ALARMS)}

    def causes(self, alarm: str) -> list[tuple[str, str]]:
        """Return each cause and its effect that lead to an alarm, by name."""
        graph = self.ask('rca', 'show', '--all-tenants', alarm)
        names = [node['name'] for node in graph['nodes']]
        return [(names[link['source']], names[link['target']])
                for link in graph['links']]


class Scenario:
    """Something fails, Vitrage shows why, and all is well again."""

    cluster: str
    # The first of them fails.
    nodes: Sequence[str]
    # None: no cloud.
    servers: Sequence[Mapping[str, str]] = ()
    types: Sequence[str] = (
        'nova.zone', 'nova.host', 'nova.instance', 'doctor', 'kubernetes')
    # Options of Vitrage, by group.
    options: Mapping[str, Mapping[str, object]] = {}
    # The texts about the failure and its end.
    failure: str
    recovery: str
    # The alarm that is explained, and the alarms that must cause others.
    alarm: str
    causes: Set[str]

    def node(self, name: str, *, is_well: bool) -> dict[str, Any]:
        """Make a node, before or during the failure."""
        raise NotImplementedError

    def report(self, operator: Operator, *, is_well: bool) -> None:
        """Report what a monitor sees of the failure, or of its end."""
        raise NotImplementedError

    def show_more(self, operator: Operator, alarm: str, say: Say) -> None:
        """Show what others than the operator see of the alarm."""

    def play(self, directory: pathlib.Path, client: str,
             topology: pathlib.Path | None, port: int, say: Say) -> None:
        """Play the scenario.

        :param directory: a place for temporary files
        :param client: the command of the `vitrage` client
        :param topology: where to write the topology as it is during the
            failure, for Graphviz; None for nowhere
        :param port: where the REST API listens; 0 for a free port
        :param say: prints what happens
        :raises ScenarioFailedError: the scenario does not come to its end
        """
        # By default, the Nova client writes to the home directory.
        os.environ['NOVACLIENT_UUID_CACHE_DIR'] = str(directory / 'novaclient')
        os.environ['no_proxy'] = '127.0.0.1'
        options = dict(self.options)
        with contextlib.ExitStack() as stack:
            if self.servers:
                cloud = stack.enter_context(OpenStack(
                    {'compute-1': 'nova', 'compute-2': 'nova'}, self.servers))
                say(f'A simulated OpenStack is at {cloud.url}')
                options['service_credentials'] = cloud.credentials
            api_server = stack.enter_context(Simulator(
                [self.node(name, is_well=True) for name in self.nodes],
                cluster=self.cluster))
            say('The simulated API server of a cluster is at '
                f'{api_server.url}')
            kubeconfig = directory / 'kubeconfig'
            kubeconfig.write_text(api_server.kubeconfig(), encoding='utf-8')
            options['kubernetes'] = {
                'config_file': kubeconfig, 'changes_interval': 1,
                **options.get('kubernetes', {})}
            say(f'Starting Vitrage, which reads {", ".join(self.types)}')
            vitrage = stack.enter_context(standalone.Standalone(
                directory / 'vitrage', port=port, types=self.types,
                options=options))
            self._play(Operator(client, vitrage.environment), api_server,
                       topology, say)

    def _play(self, operator: Operator, api_server: Simulator,
              topology: pathlib.Path | None, say: Say) -> None:
        say('Loading the templates')
        operator.show('template', 'add', '--path', os.path.relpath(
            install_files.ETC / install_files.TEMPLATES))
        _wait('the templates are active', lambda: all(
            template['Status'] == 'ACTIVE'
            for template in operator.ask('template', 'list')))

        for line in self.failure.splitlines():
            say(line)
        started = time.monotonic()
        self._turn(operator, api_server, is_well=False)
        alarm = _wait(f'there is the alarm: {self.alarm}',
                      lambda: operator.alarms().get(self.alarm))
        _wait('its causes and effects are known',
              lambda: self.causes <= dict(operator.causes(alarm)).keys())
        say(f'{time.monotonic() - started:.1f} s later there are these '
            'alarms:')
        operator.show(*ALL_ALARMS, *COLUMNS)
        say('And this is why:')
        operator.show('rca', 'show', '--all-tenants', alarm)
        for cause, effect in operator.causes(alarm):
            say(f'"{cause}" causes "{effect}"')
        self.show_more(operator, alarm, say)
        if topology is not None:
            topology.write_text(operator.run(
                'topology', 'show', '--all-tenants', '-f', 'dot'),
                encoding='utf-8')
            say(f'The topology is in {topology}')

        say(self.recovery)
        self._turn(operator, api_server, is_well=True)
        _wait('all alarms are gone', lambda: not operator.alarms())
        operator.show(*ALL_ALARMS)

    def _turn(self, operator: Operator, api_server: Simulator, *,
              is_well: bool) -> None:
        self.report(operator, is_well=is_well)
        api_server.put(self.node(self.nodes[0], is_well=is_well))


def _wait(what: str, ask: Callable[[], _T | None]) -> _T:
    """Wait until the answer is true, and return it.

    :raises ScenarioFailedError: it takes too long
    """
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise ScenarioFailedError(f'It took too long until {what}')
        time.sleep(0.2)
    return answer
