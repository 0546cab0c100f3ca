# SPDX-License-Identifier: Apache-2.0
"""Where the clusters are, and what is said when that cannot work."""

import json
import logging
import os
import pathlib
import shutil
from typing import Any

import certifi
import fixtures

from tests.support import base
from vitrage_k8s_lab import samples


class KubeconfigTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.host = self.make_host()

    def start_clusters(self, *names: str) -> None:
        """Start clusters of a node each, and write one kubeconfig of all."""
        merged: dict[str, Any] = {
            'apiVersion': 'v1', 'kind': 'Config', 'current-context': names[0],
            'clusters': [], 'contexts': [], 'users': []}
        self.simulators = {}
        for name in names:
            simulator = self.start_simulator(
                samples.node(f'node-of-{name}'), cluster=name)
            self.simulators[name] = simulator
            kubeconfig = json.loads(simulator.kubeconfig())
            for part in ('clusters', 'contexts', 'users'):
                merged[part] += kubeconfig[part]
        self.write_kubeconfig(merged)

    def write_kubeconfig(self, contents: Any) -> pathlib.Path:
        path = self.directory / 'kubeconfig'
        path.write_text(contents if isinstance(contents, str)
                        else json.dumps(contents))
        self.set_options(config_file=str(path))
        return path

    def assert_refused(self, *messages: str) -> None:
        """Poll and see that nothing comes but one message."""
        self.host.start()
        self.host.poll()
        self.host.get_changes()

        self.assertEqual([], self.host.node_names())
        for message in messages:
            self.assertIn(message, self.log.output)
        lines = [line for line in self.log.output.splitlines()
                 if line.startswith('[kubernetes]')]
        self.assertEqual(sorted(set(lines)), sorted(lines))
        self.assertNotEqual([], lines)
        self.assertNotIn('Traceback', self.log.output)

    def test_polls_the_current_context_when_none_is_named(self) -> None:
        self.start_clusters('one', 'two')

        self.host.start()

        self.assertEqual(['node-of-one'], self.host.node_names())

    def test_polls_every_context_that_is_named(self) -> None:
        self.start_clusters('one', 'two', 'three')
        self.set_options(contexts=['three', 'two'])

        self.host.start()

        self.assertEqual(
            {'node-of-three': 'three', 'node-of-two': 'two'},
            {name: vertex['cluster'] for name, vertex
             in self.host.vertices('kubernetes.node').items()})
        self.assertEqual({'three', 'two'},
                         set(self.host.vertices('kubernetes.cluster')))

    def test_cluster_that_fails_hides_no_other(self) -> None:
        self.start_clusters('one', 'two', 'three')
        self.set_options(contexts=['one', 'two', 'three'])
        self.simulators['two'].stop()

        self.host.start()

        self.assertEqual(['node-of-one', 'node-of-three'],
                         self.host.node_names())
        self.assertEqual(
            {'one': 'OK', 'two': 'ERROR', 'three': 'OK'},
            {name: vertex['vitrage_operational_state'] for name, vertex
             in self.host.vertices('kubernetes.cluster').items()})

    def test_cluster_that_fails_deletes_nothing(self) -> None:
        self.start_clusters('one', 'two')
        self.set_options(contexts=['one', 'two'])
        self.host.start()
        self.simulators['one'].stop()
        self.simulators['two'].delete('node-of-two')

        self.host.poll()

        # What is gone from the other one is gone.
        self.assertEqual(['node-of-one'], self.host.node_names())

    def test_cluster_that_is_no_longer_named_disappears(self) -> None:
        self.start_clusters('one', 'two')
        self.set_options(contexts=['one', 'two'])
        self.host.start()
        self.set_options(contexts=['two'])

        self.host.poll()

        self.assertEqual(['node-of-two'], self.host.node_names())
        self.assertEqual(['two'],
                         list(self.host.vertices('kubernetes.cluster')))

    def test_reads_the_default_kubeconfig_when_none_is_named(self) -> None:
        self.start_clusters('one')
        path = self.directory / 'kubeconfig'
        self.set_options(config_file=None)
        self.useFixture(fixtures.EnvironmentVariable(
            'KUBECONFIG', f'/nowhere:{path}'))

        self.host.start()

        self.assertEqual(['node-of-one'], self.host.node_names())

    def test_prefers_an_in_cluster_configuration(self) -> None:
        # It is always of HTTPS, which the simulator does not speak.
        simulator = self.start_simulator(samples.node('node-0'))
        host, port = simulator.url.removeprefix('http://').split(':')
        for name, value in (('KUBERNETES_SERVICE_HOST', host),
                            ('KUBERNETES_SERVICE_PORT', port)):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        (self.directory / 'token').write_text('token\n')
        shutil.copy(certifi.where(), self.directory / 'ca.crt')
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.kubeconfig.SERVICE_ACCOUNT', self.directory))
        self.set_options(config_file=None, cluster_name='inner')

        self.host.start()

        self.assertEqual(['inner'],
                         list(self.host.vertices('kubernetes.cluster')))
        self.assertIn(f'API server at https://{host}:{port}', self.log.output)

    def test_missing_file(self) -> None:
        self.set_options(config_file='/no/such/file')

        self.assert_refused('config_file: /no/such/file: there is no such '
                            'file; set config_file to')

    def test_no_file_and_no_default_one(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable(
            'KUBECONFIG', '/no/.kube/config'))

        self.assert_refused('config_file is not set, and the default '
                            'kubeconfig /no/.kube/config: there is no such')

    def test_file_in_a_directory_that_may_not_be_entered(self) -> None:
        directory = self.directory / 'root'
        directory.mkdir()
        self.set_options(config_file=str(directory / 'config'))
        directory.chmod(0)
        self.addCleanup(directory.chmod, 0o700)
        if os.geteuid() == 0:
            # Root may enter.
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)

        self.assert_refused(
            f'{directory}/config cannot be read: Permission denied; set '
            'config_file to')

    def test_file_that_may_not_be_entered_any_more_deletes_nothing(
            self) -> None:
        self.start_clusters('one')
        self.host.start()
        self.directory.chmod(0)
        self.addCleanup(self.directory.chmod, 0o700)
        if os.geteuid() == 0:
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)

        self.host.poll()
        self.host.poll()

        self.assertEqual(['node-of-one'], self.host.node_names())
        self.assertEqual(1, self.log.output.count(
            'kubeconfig cannot be read: Permission denied'))
        self.assertNotIn('Traceback', self.log.output)

    def test_user_without_a_home(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('HOME', None))
        self.useFixture(fixtures.EnvironmentVariable('KUBECONFIG', None))
        self.useFixture(fixtures.MonkeyPatch('pwd.getpwuid', _no_entry))

        self.assert_refused('has no home directory for ~/.kube/config; set '
                            'config_file to')

    def test_config_file_below_a_home_that_is_not(self) -> None:
        self.useFixture(fixtures.MonkeyPatch('pwd.getpwnam', _no_entry))
        self.set_options(config_file='~vitrage/.kube/config')

        self.assert_refused('has no home directory for ~vitrage/.kube/config')

    def test_file_that_is_not_yaml(self) -> None:
        path = self.write_kubeconfig('{"a: [')

        self.assert_refused(f'config_file: {path}: is no kubeconfig')

    def test_file_of_values_that_yaml_cannot_hold(self) -> None:
        for content in ('[' * 2000, '[' * 200000, '{' * 200000, 'a: \0',
                        '&a [*a]', 'a: !!python/object:os.system b'):
            path = self.write_kubeconfig(content)

            self.assert_refused(f'config_file: {path}: is no kubeconfig')

    def test_file_that_is_no_kubeconfig(self) -> None:
        for contents in ('', '{}', '# nothing', 'clusters:\ncontexts: []',
                         '[]', '"text"', 'current-context: x',
                         'current-context: 5', 'clusters: x', 'users: {a: b}'):
            path = self.write_kubeconfig(contents)

            self.assert_refused(f'config_file: {path}: ')

    def test_unknown_context(self) -> None:
        self.start_clusters('one')
        self.set_options(contexts=['other'])

        self.assert_refused('has no context other; it has one',
                            str(self.directory))

    def test_no_current_context(self) -> None:
        self.start_clusters('one')
        contents = json.loads((self.directory / 'kubeconfig').read_text())
        del contents['current-context']
        self.write_kubeconfig(contents)

        self.assert_refused('[kubernetes] contexts names none')

    def test_named_context_needs_no_current_one(self) -> None:
        self.start_clusters('one')
        contents = json.loads((self.directory / 'kubeconfig').read_text())
        del contents['current-context']
        self.write_kubeconfig(contents)
        self.set_options(contexts=['one'])

        self.host.start()

        self.assertEqual(['node-of-one'], self.host.node_names())

    def test_two_contexts_of_one_cluster(self) -> None:
        self.start_clusters('one')
        contents = json.loads((self.directory / 'kubeconfig').read_text())
        contents['contexts'].append(
            {'name': 'again', 'context': contents['contexts'][0]['context']})
        self.write_kubeconfig(contents)
        self.set_options(contexts=['one', 'again'])

        self.host.start()

        self.assertEqual(['node-of-one'], self.host.node_names())
        self.assertIn('contexts: the context again is of the same cluster as '
                      'the context one; name one of them', self.log.output)

    def test_credentials_never_reach_the_log(self) -> None:
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        for token in ('SECRET\nSECRET', 'SECRET\u20ac', 'SECRET'):
            self.start_clusters('one')
            contents = json.loads((self.directory / 'kubeconfig').read_text())
            contents['users'] = [{'name': 'one', 'user': {'token': token}}]
            self.write_kubeconfig(contents)
            self.host.start()
            self.simulators['one'].stop()
            self.host.poll()

        self.assertIn('users[one].user.token: is no token', self.log.output)
        self.assertNotIn('SECRET', self.log.output)
        self.assertNotIn('SECRET', str(self.host.everything()))


def _no_entry(user: int | str) -> None:
    raise KeyError(user)
