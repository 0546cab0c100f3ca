# SPDX-License-Identifier: Apache-2.0
"""The demo, as its user meets it: a command, its output and its status."""

from collections.abc import Sequence
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any

import testtools

from tests.support import specimens
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

DEMO = (sys.executable, '-m', 'vitrage_k8s_lab.demo.cli')

# What may be too slow on a busy machine, and never is on an idle one.
PATIENCE = 300


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)


def names(topology: str) -> list[str]:
    return sorted(vertex['name'] for vertex in json.loads(topology)['nodes']
                  if vertex['vitrage_type'] == 'kubernetes.node')


class DemoTest(testtools.TestCase):

    def start_simulator(self, *nodes: Any) -> tuple[Simulator, str]:
        simulator = Simulator(nodes).start()
        self.addCleanup(simulator.stop)
        with tempfile.NamedTemporaryFile('w', delete=False) as kubeconfig:
            kubeconfig.write(simulator.kubeconfig())
        self.addCleanup(os.unlink, kubeconfig.name)
        return simulator, kubeconfig.name

    def assert_fails(self, message: str, arguments: Sequence[str]) -> None:
        done = run_demo(*arguments)

        self.assertEqual((1, ''), (done.returncode, done.stdout))
        errors = [line for line in done.stderr.splitlines()
                  if 'ERROR' in line]
        self.assertEqual(1, len(errors))
        self.assertIn(message, errors[0])
        self.assertNotIn('Traceback', done.stderr)

    def test_shows_a_simulated_cluster(self) -> None:
        done = run_demo()

        self.assertEqual(0, done.returncode)
        self.assertEqual(['bcmt-control-01', 'metal-1', 'newcomer',
                          'worker-1', 'worker-2', 'worker-3'],
                         names(done.stdout))
        [sample] = (vertex for vertex in json.loads(done.stdout)['nodes']
                    if vertex['name'] == 'bcmt-control-01')
        self.assertEqual(
            specimens.SPECIFICATION_PROPERTIES,
            {name: sample.get(name)
             for name in specimens.SPECIFICATION_PROPERTIES})

    def test_shows_the_cluster_of_a_kubeconfig(self) -> None:
        _, kubeconfig = self.start_simulator(samples.node('mine'))

        done = run_demo('--kubeconfig', kubeconfig, '--context', 'simulator')

        self.assertEqual(['mine'], names(done.stdout))

    def test_fails_when_the_api_server_is_out_of_reach(self) -> None:
        simulator, kubeconfig = self.start_simulator()
        simulator.stop()

        self.assert_fails('Connection refused', ['--kubeconfig', kubeconfig])

    def test_fails_when_the_api_server_forbids(self) -> None:
        simulator, kubeconfig = self.start_simulator()
        simulator.intercept = lambda request: Answer(403, b'{}')

        self.assert_fails('may not list nodes',
                          ['--kubeconfig', kubeconfig])

    def test_fails_when_there_is_no_such_context(self) -> None:
        _, kubeconfig = self.start_simulator()

        self.assert_fails('has no context other; it has simulator. See '
                          '--context', ['--kubeconfig', kubeconfig,
                                        '--context', 'other'])

    def test_fails_when_there_is_no_such_kubeconfig(self) -> None:
        self.assert_fails('ERROR: --kubeconfig /no/such: there is no such '
                          'file; set --kubeconfig to the path of a kubeconfig '
                          'that you can read', ['--kubeconfig', '/no/such'])

    def play(self, scenario: str, *arguments: str) -> list[tuple[str, str]]:
        """Return the client's commands, and what they have printed."""
        done = run_demo('--scenario', scenario, *arguments)

        self.assertEqual(0, done.returncode, done.stderr)
        steps = [step.split('\n', 1) for step
                 in done.stdout.split('$ vitrage ')[1:]]
        self.assertEqual(['alarm list --all-tenants', ''],
                         [text.strip() for text in steps[-1]])
        return [(command, printed) for command, printed in steps]

    def causes(self, steps: list[tuple[str, str]]) -> list[set[Any]]:
        """Return the causes and effects of each alarm that is explained."""
        shown = [json.loads(printed) for command, printed in steps
                 if command.startswith('rca show')]
        return [{(graph['nodes'][link['source']]['name'],
                  graph['nodes'][link['target']]['name'])
                 for link in graph['links']} for graph in shown]

    def test_plays_the_failure_of_a_node(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            topology = pathlib.Path(directory, 'topology.dot')
            steps = self.play('node-failure', '--dot', str(topology))
            self.assertIn('label=causes', topology.read_text())

        server = 'Server of a Kubernetes node is on a host with an alarm'
        self.assertEqual([{('compute.host.down', server),
                           (server, 'Kubernetes node is not ready')}],
                         self.causes(steps))

    def test_plays_the_failure_of_a_host_that_a_tenant_sees(self) -> None:
        steps = self.play('host-failure')

        node, host, server = ('Kubernetes node is not ready',
                              'Compute host is not ready in Kubernetes',
                              "Server's host is not ready")
        self.assertEqual(
            [{('compute.host.down', node), (node, host), (host, server)},
             {(host, server)}], self.causes(steps))
        [listed] = [printed for command, printed in steps
                    if command.startswith('alarm list -c')]
        self.assertIn(server, listed)
        for hidden in ('compute.host.down', node, host):
            self.assertNotIn(hidden, listed)

    def test_plays_the_alerts_of_a_node(self) -> None:
        alarm = 'Kubernetes node is short of disk space'
        self.assertEqual(
            [{('NodeFilesystemAlmostOutOfSpace', alarm),
              (alarm, 'KubeNodePressure')}],
            self.causes(self.play('node-alert')))

    def test_refuses_what_does_not_go_together(self) -> None:
        for arguments in (['--scenario', 'node-failure', '--serve'],
                          ['--scenario', 'node-failure', '--kubeconfig', 'k'],
                          ['--dot', 'file'], ['--context', 'c'],
                          ['--interval', '5']):
            self.assert_refuses(arguments[0], arguments)

    def test_refuses_values_that_cannot_be(self) -> None:
        for option, value in (
                ('--port', '-1'), ('--port', '65536'), ('--port', 'http'),
                ('--interval', '0'), ('--interval', '1.5'),
                ('--interval', '86401'), ('--interval', 'ten')):
            self.assert_refuses(f'argument {option}: "{value}" is not ',
                                ['--serve', f'{option}={value}'])

    def test_refuses_a_port_that_is_taken(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as server:
            port = server.getsockname()[1]
            self.assert_refuses(
                f'argument --port: port {port} cannot be used: Address',
                ['--port', str(port)])

    def test_refuses_a_file_that_cannot_be_written(self) -> None:
        for path, why in (('/', 'Is a directory'),
                          ('/no/such', 'No such file or directory')):
            self.assert_refuses(f'--dot: {path} cannot be written: {why}', [
                '--scenario', 'node-failure', '--dot', path])

    def test_refuses_a_kubeconfig_without_a_name(self) -> None:
        # As an unset variable of a shell makes it.
        self.assert_refuses('--kubeconfig is empty', ['--kubeconfig', ''])

    def assert_refuses(self, message: str, arguments: Sequence[str]) -> None:
        done = run_demo(*arguments)

        self.assertEqual((2, ''), (done.returncode, done.stdout))
        self.assertIn(message, done.stderr)

    def test_serves_until_interrupted(self) -> None:
        simulator, kubeconfig = self.start_simulator(samples.node('mine'))
        process = subprocess.Popen(
            [*DEMO, '--kubeconfig', kubeconfig, '--serve', '--interval', '1'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout
        exports = ''.join(process.stdout.readline() for _ in range(4))
        simulator.put(samples.node('another'))

        self.assertEqual(['another', 'mine'],
                         self.topology(exports, 'another'))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(0, process.returncode)
        self.assertNotIn('Traceback', errors)

    def topology(self, exports: str, name: str) -> list[str]:
        """Paste what was printed into a shell, and wait for a node."""
        client = pathlib.Path(sys.executable).with_name('vitrage')
        return names(subprocess.run(
            ['sh', '-c', f'{exports}\n'
             f'until {client} topology show | grep -q {name}; do :; done\n'
             f'exec {client} topology show'],
            stdout=subprocess.PIPE, text=True, timeout=PATIENCE,
            check=True).stdout)
