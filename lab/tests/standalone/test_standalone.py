# SPDX-License-Identifier: Apache-2.0
"""All of Vitrage in one process, asked by the real `vitrage` client.

The standalone Vitrage runs in a process of its own: there is one for each.
"""

import json
import pathlib
import signal
import subprocess
import tempfile
import threading
from typing import Any
import urllib.request

import testtools

from tests.support.vitrage_process import ClientTest
from tests.support.vitrage_process import environment
from tests.support.vitrage_process import PATIENCE
from tests.support.vitrage_process import run_client
from tests.support.vitrage_process import spawn
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

SCRIPT = """
import json, pathlib, signal, sys
from vitrage_k8s_lab.standalone import standalone

# A runner in the background of a shell has it ignored, and this inherits.
signal.signal(signal.SIGINT, signal.default_int_handler)
directory = pathlib.Path(sys.argv[1])
try:
    with standalone.Standalone(directory, kubernetes={
            'config_file': directory / 'kubeconfig',
            'poll_interval': 1, 'changes_interval': 1}) as vitrage:
        print(json.dumps(vitrage.environment), flush=True)
        signal.pause()
except KeyboardInterrupt:
    sys.exit(130)
"""

TWICE = """
import pathlib, sys
from vitrage_k8s_lab.standalone import standalone

directory = pathlib.Path(sys.argv[1])
with standalone.Standalone(directory / 'first', types=()):
    pass
try:
    standalone.Standalone(directory / 'second', types=()).start()
except standalone.AlreadyStartedError:
    sys.exit(3)
"""

TEMPLATE = {
    'metadata': {'version': 3, 'type': 'standard', 'name': 'node_in_error',
                 'description': 'an alarm on each node in error'},
    'entities': {'node': {'category': 'RESOURCE', 'type': 'kubernetes.node',
                          'vitrage_operational_state': 'ERROR'}},
    'scenarios': [{'condition': 'node', 'actions': [{'raise_alarm': {
        'target': 'node', 'alarm_name': 'node in error',
        'severity': 'CRITICAL'}}]}],
}

RESOURCES = {('openstack.cluster', 'OK'), ('kubernetes.cluster', 'OK'),
             ('kubernetes.node', 'OK'), ('kubernetes.node', 'ERROR')}


class TestClient(ClientTest):

    simulator: Simulator

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.simulator = Simulator([
            samples.node('well'), samples.node('broken', ready='False')])
        cls.addClassCleanup(cls.simulator.stop)
        cls.simulator.start()
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        pathlib.Path(directory.name, 'kubeconfig').write_text(
            cls.simulator.kubeconfig())
        cls.begin(SCRIPT, directory.name)

    def resources(self, *arguments: str, **variables: str) -> set[Any]:
        """Return type and state of the resources that `topology` shows."""
        graph = json.loads(
            self.client('topology', 'show', *arguments, **variables))
        return {(vertex['vitrage_type'], vertex['vitrage_operational_state'])
                for vertex in graph['nodes']
                if vertex['vitrage_category'] == 'RESOURCE'}

    def test_shows_the_administrator_the_whole_topology(self) -> None:
        self.assertEqual(RESOURCES, self.resources())
        self.assertEqual(RESOURCES, self.resources('--all-tenants'))

    def test_shows_edges_between_the_vertices(self) -> None:
        graph = json.loads(self.client('topology', 'show'))
        types = [vertex['vitrage_type'] for vertex in graph['nodes']]
        self.assertEqual(
            {('openstack.cluster', 'kubernetes.cluster'),
             ('kubernetes.cluster', 'kubernetes.node')},
            {(types[edge['source']], types[edge['target']])
             for edge in graph['links']
             if not {'vitrage'} & {types[edge['source']],
                                   types[edge['target']]}})

    def test_lists_counts_and_shows_resources(self) -> None:
        listed = self.table('resource', 'list')
        self.assertEqual(
            RESOURCES, {(row['Type'], row['State']) for row in listed})
        self.assertEqual(
            {'openstack.cluster': 1, 'kubernetes.cluster': 1,
             'kubernetes.node': 2},
            json.loads(self.client('resource', 'count')))
        broken, = (row['ID'] for row in listed if row['State'] == 'ERROR')
        self.assertEqual(
            'broken', self.table('resource', 'show', broken)['name'])

    def test_shows_another_tenant_nothing_of_the_administrators(self) -> None:
        tenant = {'VITRAGE_USER_ID': 'alice', 'VITRAGE_PROJECT_ID': 'demo'}
        self.assertEqual(set(), self.resources(**tenant))
        self.assertEqual([], self.table('resource', 'list', **tenant))

    def test_keeps_the_name_that_a_request_brings(self) -> None:
        def count(**headers: str) -> int:
            request = urllib.request.Request(
                self.variables['VITRAGE_ENDPOINT'] + '/v1/resources/',
                headers={name.replace('_', '-'): value
                         for name, value in headers.items()})
            with urllib.request.build_opener(
                    urllib.request.ProxyHandler({})).open(request) as answer:
                return len(json.load(answer))

        self.assertEqual(4, count(X_User_Id='7', X_User_Name='admin',
                                  X_Project_Id='p', X_Roles='member'))
        self.assertEqual(0, count(X_User_Id='admin', X_User_Name='alice',
                                  X_Project_Id='p', X_Roles='member'))

    def test_raises_and_ends_the_alarms_of_a_template(self) -> None:
        template = pathlib.Path(self.useTemporaryDirectory(), 'error.yaml')
        template.write_text(json.dumps(TEMPLATE))
        self.assertEqual([], self.table('alarm', 'list'))
        validated = json.loads(self.client(
            'template', 'validate', '--path', str(template)))
        self.assertEqual('validation OK', validated['results'][0]['status'])

        added, = self.table('template', 'add', '--path', str(template))
        self.eventually(
            [('node in error', 'kubernetes.node', 'CRITICAL')],
            lambda: [(row['Name'], row['Resource Type'], row['Severity'])
                     for row in self.table('alarm', 'list')])
        alarm, = self.table('alarm', 'list')
        self.assertEqual(
            1, json.loads(self.client('alarm', 'count'))['CRITICAL'])
        self.assertEqual(
            ['node in error'],
            [cause['name'] for cause in json.loads(
                self.client('rca', 'show', alarm['ID']))['nodes']])
        self.assertEqual([('node_in_error', 'ACTIVE')], [
            (row['Name'], row['Status'])
            for row in self.table('template', 'list')])

        self.client('template', 'delete', added['UUID'])
        self.eventually([], lambda: self.table('alarm', 'list'))
        self.eventually([(alarm['ID'], True)], lambda: [
            (row['ID'], bool(row['End Time']))
            for row in self.table('alarm', 'history')])

    def test_is_healthy(self) -> None:
        self.assertEqual({'reason': 'OK'}, self.table('status'))
        self.assertEqual([], self.table('healthcheck')['reasons'])
        self.assertEqual([], self.table('webhook', 'list'))
        self.client('event', 'post', '--type', 'any', '--details', '{}')
        refused = run_client(self.variables, 'service', 'list')
        self.assertIn('Service API not supported',
                      refused.stdout + refused.stderr)

    def test_shows_no_more_what_a_node_has_lost(self) -> None:
        # Vitrage's workers keep a property that its graph has forgotten.
        [well] = [row['ID'] for row in self.table('resource', 'list')
                  if row['Data Source ID'] == 'uid-of-well']
        tainted = samples.node('well', taints=[
            {'key': 'k', 'effect': 'NoExecute'}])

        for node, taints in ((tainted, 'k:NoExecute'),
                             (samples.node('well'), '')):
            self.simulator.put(node)
            self.eventually(taints, lambda: self.table(
                'resource', 'show', well).get('taints', ''))

    def test_goes_on_reading_the_datasource(self) -> None:
        def names() -> set[str]:
            return {row['Data Source ID']
                    for row in self.table('resource', 'list')}

        self.addCleanup(self.eventually, False,
                        lambda: 'uid-of-late' in names())
        self.simulator.put(samples.node('late'))
        self.addCleanup(self.simulator.delete, 'late')
        self.eventually(True, lambda: 'uid-of-late' in names())

    def useTemporaryDirectory(self) -> str:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return directory.name


class TestProcess(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.simulator = Simulator([samples.node('well')])
        self.addCleanup(self.simulator.stop)
        self.simulator.start()
        pathlib.Path(self.directory, 'kubeconfig').write_text(
            self.simulator.kubeconfig())

    def spawn(self, script: str) -> subprocess.Popen[str]:
        process = spawn(script, self.directory)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def hang(self) -> threading.Event:
        """Stop the answers; return what is set by a request."""
        asked = threading.Event()

        def intercept(request: object) -> None:
            asked.set()
            self.simulator.stopping.wait()

        self.simulator.intercept = intercept
        return asked

    def assert_ends_on_interrupt(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGINT)
        # Well before the datasource gives up what hangs (request_timeout).
        printed, errors = process.communicate(timeout=PATIENCE / 2)
        self.assertEqual((130, '', ''),
                         (process.returncode, printed, errors))

    def test_ends_on_interrupt_after_requests(self) -> None:
        process = self.spawn(SCRIPT)
        variables = environment(process)
        self.assertEqual(0, run_client(variables, 'alarm', 'list').returncode)
        self.assert_ends_on_interrupt(process)
        self.assertNotEqual(
            0, run_client(variables, 'alarm', 'list').returncode)

    def test_ends_on_interrupt_while_a_poll_hangs(self) -> None:
        process = self.spawn(SCRIPT)
        environment(process)
        self.assertTrue(self.hang().wait(PATIENCE))
        self.assert_ends_on_interrupt(process)

    def test_ends_on_interrupt_while_the_first_poll_hangs(self) -> None:
        asked = self.hang()
        process = self.spawn(SCRIPT)
        self.assertTrue(asked.wait(PATIENCE))
        self.assert_ends_on_interrupt(process)

    def test_refuses_a_second_start_in_one_process(self) -> None:
        process = self.spawn(TWICE)
        self.assertEqual(('', ''), process.communicate(timeout=PATIENCE))
        self.assertEqual(3, process.returncode)
