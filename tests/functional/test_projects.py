# SPDX-License-Identifier: Apache-2.0
"""Which OpenStack project each cluster and its nodes are of."""

import json
import pathlib
import tempfile
from typing import Any

import fixtures

from tests.support import base
from tests.support.vitrage_process import ClientTest
from vitrage_k8s import install_files
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

SCRIPT = """
import json, pathlib, sys
from vitrage_k8s_lab.standalone import standalone

directory = pathlib.Path(sys.argv[1])
with standalone.Standalone(directory, kubernetes={
        'config_file': directory / 'kubeconfig', 'contexts': '*',
        'projects': 'blue:p,green:q'}) as vitrage:
    print(json.dumps(vitrage.environment), flush=True)
    sys.stdin.read()
"""

PEOPLE = {
    'alice': ('p', {'blue', 'b'}), 'bob': ('q', {'green', 'g'}),
    'carol': ('r', set()),
    # What is of no project.
    'admin': ('admin', {'red', 'x'}),
}


class ProjectsTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.blue = self.start_simulator(samples.node('b'), cluster='blue')
        self.green = self.start_simulator(samples.node('g'), cluster='green')
        self.configure('blue', 'green')
        self.host = self.make_host()

    def configure(self, *contexts: str, server: str | None = None) -> None:
        """Write a kubeconfig with both clusters, under these contexts."""
        self.set_options(config_file=self.directory / 'both', contexts=['*'])
        (self.directory / 'both').write_text(json.dumps({
            'clusters': [
                {'name': each.cluster, 'cluster': {
                    'server': server or each.url}}
                for each in (self.blue, self.green)],
            'contexts': [
                {'name': context, 'context': {'cluster': each.cluster}}
                for context, each in zip(contexts, (self.blue, self.green),
                                         strict=True)]}))

    def projects(self) -> dict[str, str | None]:
        """Return the project of each cluster and node; - if it has none."""
        return {name: vertex.get('project_id', '-')
                for kind in ('kubernetes.cluster', 'kubernetes.node')
                for name, vertex in self.host.vertices(kind).items()}

    def test_cluster_and_nodes_are_of_the_project_of_its_name(self) -> None:
        self.configure('context-of-blue', 'context-of-green')
        self.set_options(contexts=['one=context-of-blue', '*'],
                         projects=['one:p', 'context-of-blue:q'])

        self.host.start()

        self.assertEqual({'one': 'p', 'b': 'p', 'context-of-green': '-',
                          'g': '-'}, self.projects())

    def test_project_that_is_taken_away_goes_with_the_restart(self) -> None:
        self.set_options(projects=['blue:p', 'green:q'])
        self.host.start()
        self.set_options(projects=['green:r'])

        self.restart_vitrage()
        self.host.poll()

        self.assertEqual({'blue': '-', 'b': '-', 'green': 'r', 'g': 'r'},
                         self.projects())

    def test_project_changes_with_the_context(self) -> None:
        self.set_options(projects=['blue:p', 'green:q'])
        self.host.start()

        before = self.vertex('b')['vitrage_id']
        self.configure('renamed', 'blue')
        self.host.poll()
        self.host.poll()

        self.assertEqual({'renamed': '-', 'b': '-', 'blue': 'p', 'g': 'p'},
                         self.projects())
        # Made anew, for the alarms of the old one are of the old project.
        self.assertNotEqual(before, self.vertex('b')['vitrage_id'])
        self.assertEqual(2, len(self.host.graph.get_vertices({
            'vitrage_type': 'kubernetes.node', 'vitrage_is_deleted': False})))
        self.assertEqual(2, len([edge for edge in self.host.everything()[1]
                                 if edge[1] == 'comprised']))

    def test_cluster_that_cannot_be_tried_keeps_its_project(self) -> None:
        self.set_options(projects=['blue:p', 'green:q'])
        self.host.start()

        self.configure('blue', 'green', server='no URL')
        self.restart_vitrage()
        self.host.poll()

        self.assertEqual({'blue': 'p', 'b': 'p', 'green': 'q', 'g': 'q'},
                         self.projects())
        self.assertEqual(
            'Misconfigured',
            self.host.vertices('kubernetes.cluster')['blue']['state'])

    def test_context_may_have_colons(self) -> None:
        contexts = ('arn:aws:eks:eu-west-1:123456789012:cluster/blue',
                    'default/api-green:6443/kube:admin')
        self.configure(*contexts)
        self.set_options(projects=[
            f'{context}:{project}' for context, project
            in zip(contexts, 'pq', strict=True)])

        self.host.start()

        self.assertEqual({contexts[0]: 'p', 'b': 'p', contexts[1]: 'q',
                          'g': 'q'}, self.projects())

    def test_project_goes_though_the_cluster_is_renamed(self) -> None:
        self.set_options(projects=['blue:p', 'green:q'])
        self.host.start()

        for is_restarted, name in ((False, 'renamed'), (True, 'again')):
            self.configure(name, 'green')
            if is_restarted:
                self.restart_vitrage()
            self.host.poll()

            self.assertEqual('-', self.projects()['b'])
            self.assertEqual(name, self.vertex('b')['cluster'])
            self.set_options(projects=[f'{name}:p', 'green:q'])
            self.restart_vitrage()
            self.host.poll()
            self.assertEqual('p', self.projects()['b'])
            self.set_options(projects=['green:q'])

    def test_what_is_no_pair_is_said_and_changes_nothing(self) -> None:
        self.set_options(projects=['blue:p', 'green:q'])
        self.host.start()
        before = self.host.everything()

        for wrong in ('blue', 'blue:', ':p', 'blue:p,blue:q'):
            log = self.useFixture(fixtures.FakeLogger())
            self.set_options(projects=wrong.split(','))
            self.host.poll()

            self.assertIn('[kubernetes] projects: ', log.output)
            self.assertEqual(before, self.host.everything())

    def test_project_of_what_is_not_polled_is_warned_of_once(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.set_options(projects=['bleu:p', 'green:q'])

        self.host.start()
        self.host.poll()

        [warning] = [line for line in log.output.splitlines()
                     if 'projects' in line]
        self.assertIn('[kubernetes] projects', warning)
        self.assertIn('bleu', warning)
        self.assertNotIn('green', warning)


class TestTenants(ClientTest):

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        kubeconfig: dict[str, list[Any]] = {'clusters': [], 'contexts': []}
        for cluster, node in ('blue', 'b'), ('green', 'g'), ('red', 'x'):
            simulator = Simulator([samples.node(node, ready='False')])
            cls.addClassCleanup(simulator.stop)
            simulator.start()
            kubeconfig['clusters'].append(
                {'name': cluster, 'cluster': {'server': simulator.url}})
            kubeconfig['contexts'].append(
                {'name': cluster, 'context': {'cluster': cluster}})
        pathlib.Path(temporary.name, 'kubeconfig').write_text(
            json.dumps(kubeconfig))
        cls.begin(SCRIPT, temporary.name)

    def seen(self, user: str, *arguments: str) -> set[str]:
        """Return the names of resources that `topology show` shows a user."""
        project, _ = PEOPLE[user]
        topology = json.loads(self.client(
            'topology', 'show', *arguments, VITRAGE_USER_ID=user,
            VITRAGE_PROJECT_ID=project))
        return {vertex['name'] for vertex in topology['nodes']
                if vertex['vitrage_category'] == 'RESOURCE'}

    def test_topology_is_that_of_the_users_project(self) -> None:
        for user, (_, expected) in PEOPLE.items():
            # The root leads to what is shown.
            self.assertEqual(expected, self.seen(user) - {'openstack.cluster'})
        self.assertEqual({'openstack.cluster', 'blue', 'b', 'green', 'g',
                          'red', 'x'}, self.seen('admin', '--all-tenants'))

    def test_resources_are_those_of_the_users_project(self) -> None:
        for user, (project, expected) in PEOPLE.items():
            listed = self.table('resource', 'list', VITRAGE_USER_ID=user,
                                VITRAGE_PROJECT_ID=project)
            self.assertEqual(
                {name if len(name) > 1 else f'uid-of-{name}'
                 for name in expected},
                {row['Data Source ID'] for row in listed}
                - {'OpenStack Cluster'})

    def test_alarms_are_those_of_the_users_project(self) -> None:
        [template] = [path for path in install_files.find().values()
                      if path.name == 'kubernetes_node_not_ready.yaml']
        self.client('template', 'add', '--path', str(template))
        self.eventually(3, lambda: len(
            self.api.alarm.list('all', all_tenants=True)))

        for user, (project, expected) in PEOPLE.items():
            listed = self.table('alarm', 'list', VITRAGE_USER_ID=user,
                                VITRAGE_PROJECT_ID=project)
            self.assertEqual(bool(expected), bool(listed))
            self.assertGreater(2, len(listed))
