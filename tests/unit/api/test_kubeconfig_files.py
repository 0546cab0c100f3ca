# SPDX-License-Identifier: Apache-2.0
"""Kubeconfig files: which are read, how they are merged, what is none."""

import itertools
from typing import Any

import fixtures
import yaml

from tests.support import kubeconfigs
from tests.support.kubeconfigs import entry
from tests.support.kubeconfigs import make
from vitrage_k8s.api import credentials
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import kubeconfig_files

MEND = '; set config_file to the path of a kubeconfig that the user of ' \
    'this service can read'


class FilesTestCase(kubeconfigs.KubeconfigTestCase):

    def files(self, config_file: str | None = None) -> kubeconfig_files.Files:
        return kubeconfig_files.Files(config_file, 5)

    def refused(self, config_file: str | None) -> str:
        return str(self.assertRaises(
            errors.ConfigurationError, self.files, config_file))


class PathsTest(FilesTestCase):

    def test_file_of_the_option_comes_first(self) -> None:
        self.write(make('a'), 'one')
        path = self.write(make('b'), 'two')
        self.useFixture(fixtures.EnvironmentVariable(
            'KUBECONFIG', str(self.directory / 'one')))
        for given, current in ((str(path), 'b'), (None, 'a'), ('~/two', 'b')):
            self.assertEqual(current, self.files(given).current)

    def test_content_is_parsed_when_it_changed(self) -> None:
        parsed: list[bytes] = []
        load_all = yaml.load_all

        def count(content: bytes, loader: Any) -> Any:
            parsed.append(content)
            return load_all(content, loader)

        self.useFixture(fixtures.MonkeyPatch('yaml.load_all', count))
        # Of other tests.
        kubeconfig_files._parse.cache_clear()
        for name, times in (('a', 1), ('a', 1), ('b', 2), ('a', 3)):
            path = self.write(make(name))
            self.assertEqual(name, self.files(str(path)).current)
            self.assertEqual(times, len(parsed))
        # Files of the same content are still where they are.
        (self.directory / 'other').mkdir()
        path = self.write(make('a'), 'other/config')
        self.assertEqual(path.parent, self.files(str(path)).get(
            'users', 'a', credentials.User)[1])
        self.assertEqual(3, len(parsed))

    def test_default_is_that_of_kubectl(self) -> None:
        (self.directory / '.kube').mkdir()
        self.write(make('a'), '.kube/config')
        for value in (None, ''):
            self.useFixture(fixtures.EnvironmentVariable('KUBECONFIG', value))
            self.assertEqual('a', self.files().current)

    def test_file_that_is_not_there(self) -> None:
        for given, where in (
                ('/no/such', '[kubernetes] config_file: /no/such'),
                (f'{self.write("")}/x',
                 f'[kubernetes] config_file: {self.path}/x'),
                (None, '[kubernetes] config_file is not set, and the default '
                 'kubeconfig ~/.kube/config')):
            self.assertEqual(f'{where}: there is no such file{MEND}',
                             self.refused(given))

    def test_file_that_cannot_be_read(self) -> None:
        self.assertEqual(
            f'[kubernetes] config_file: {self.directory}: {self.directory} '
            f'cannot be read: Is a directory{MEND}',
            self.refused(str(self.directory)))

    def test_user_without_a_home(self) -> None:
        def expanduser(path: object) -> None:
            raise RuntimeError

        self.useFixture(fixtures.MonkeyPatch(
            'pathlib.Path.expanduser', expanduser))
        self.assertEqual(
            '[kubernetes] config_file: ~/x: the user of this service has no '
            f'home directory for ~/x{MEND}', self.refused('~/x'))

    def test_file_that_others_may_write(self) -> None:
        path = self.write(make('a'))
        for mode, said in ((0o600, 0), (0o644, 0), (0o620, 1), (0o602, 1)):
            path.chmod(mode)
            advice = self.files(str(path)).advice
            self.assertEqual(said, len(advice))
            for each in advice:
                self.assertIs(errors.AdviceError, type(each))
                self.assertIn(f'run chmod go-w {path}', str(each))

    def test_files_are_merged_as_kubectl_does(self) -> None:
        one = self.write(make('a', current='x', clusters=[
            entry('clusters', 'a', server='https://one')]), 'one')
        two = self.write(make('a', 'b', current='y'), 'two')
        for files, current, server in (
                ((one, two), 'x', 'https://one'),
                ((two, one), 'y', 'https://a:6443'),
                (('/no/such', '', one), 'x', 'https://one')):
            self.useFixture(fixtures.EnvironmentVariable(
                'KUBECONFIG', ':'.join(map(str, files))))
            found = self.files()
            self.assertEqual(current, found.current)
            cluster, directory, field = found.get(
                'clusters', 'a', endpoints.ClusterEntry)
            self.assertEqual(server, cluster.server)
            self.assertEqual(self.directory, directory)
            self.assertEqual(two in files,
                             'b' in found.entries['contexts'])


class ContentTest(FilesTestCase):

    def test_what_is_no_kubeconfig(self) -> None:
        for content, said in (
                ('- x', 'it has no fields'), ('x', 'it has no fields'),
                ('a: b\nc: d: e', 'it is not YAML in line 2'),
                ('a: b\nc: "d', 'it is not YAML in line'),
                ('a: \x01', 'it is not text'),
                ('a: ' + '[' * 200, 'it is nested too deeply'),
                ('current-context: 5',
                 'current-context: is no text; put it in quotes'),
                ('a: &a [x, x]\n' + ''.join(
                    f'{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n'
                    for a, b in itertools.pairwise('abcdefghi')),
                 'it has too many entries'),
                ('current-context: no',
                 'current-context: is no text; put it in quotes'),
                ('users: false', 'users: is no list; correct it'),
                ('clusters: x', 'clusters: is no list; correct it'),
                ('users: {}x', 'it is not YAML')):
            path = self.write(content)
            error = self.refused(str(path))
            self.assertIn(
                f'[kubernetes] config_file: {path}: is no kubeconfig: {said}',
                error)
        self.useFixture(fixtures.EnvironmentVariable(
            'KUBECONFIG', f'/no/such:{path}'))
        self.assertIn(f'/no/such:{path}: {path}: is no kubeconfig: ',
                      self.refused(None))

    def test_what_is_an_empty_one(self) -> None:
        for content in ('', '{}', '---\n', 'clusters: null',
                        'contexts: []\ncurrent-context: null',
                        '{}\n---\ncurrent-context: x'):
            found = self.files(str(self.write(content)))
            self.assertEqual('', found.current)
            self.assertEqual({'clusters': {}, 'users': {}, 'contexts': {}},
                             found.entries)

    def test_nesting_that_may_be(self) -> None:
        for depth, is_refused in ((99, False), (100, True)):
            path = self.write('a: ' + '[' * depth + ']' * depth)
            if is_refused:
                self.refused(str(path))
            else:
                self.files(str(path))

    def test_text_is_that_of_go(self) -> None:
        for value, expected in (
                ('2026-01-02', '2026-01-02'), ('12:30:45', '12:30:45'),
                ('=', '='), ('"5"', '5')):
            found = self.files(str(self.write(
                'users: [{name: u, user: {token: ' + value + '}}]')))
            user, _, _ = found.get('users', 'u', credentials.User)
            self.assertEqual(expected, user.token)
        for value in ('5', '0x5', '1.5'):
            found = self.files(str(self.write(
                'users: [{name: u, user: {token: ' + value + '}}]')))
            self.assertRaises(ValueError, found.get, 'users', 'u',
                              credentials.User)


class EntriesTest(FilesTestCase):

    def get(self, kubeconfig: Any, section: str = 'clusters') -> str:
        """Return the server of the cluster a, or why there is none."""
        try:
            cluster, _, _ = self.files(str(self.write(kubeconfig))).get(
                section, 'a', endpoints.ClusterEntry)
        except ValueError as error:
            return str(error)
        return cluster.server

    def test_entry_that_cannot_be_used(self) -> None:
        field = f'{self.path}: clusters[a].cluster'
        good = entry('clusters', 'a', server='https://a')
        for clusters, expected in (
                ([good], 'https://a'), ([{'name': 'a'}], ''),
                ([{'name': 'a', 'cluster': None}], ''),
                ([entry('clusters', 'a', server=None)], ''),
                ([good, good], f'{field}: two clusters have this name; '
                               'rename one of them'),
                ([], f'[kubernetes] config_file: {self.path}: clusters: has '
                 'none of the name "a", which the context names; add it, or '
                 'correct the context'),
                ([entry('clusters', 'a', server=5)],
                 f'{field}.server: Expected `str`, got `int`; correct it'),
                ([{'name': 'a', 'cluster': 5}],
                 f'{field}: Expected `object`, got `int`; correct it'),
                (['x', {'name': 5}, {}, good], 'https://a')):
            self.assertEqual(expected, self.get(make(clusters=clusters)))

    def test_entry_that_holds_itself(self) -> None:
        self.assertEqual(
            f'{self.path}: clusters[a].cluster: holds itself; correct it',
            self.get('clusters: [{name: a, cluster: &x {extensions: [*x]}}]'))
        self.assertIn('holds itself', self.get(
            'clusters: [{name: a, cluster: {extensions: [{name: x, extension: '
            '&x [*x]}]}}]'))

    def test_null_is_empty(self) -> None:
        found = self.files(str(self.write(
            'users: [{name: a, user: {exec: {command: x, args: [null, y],'
            ' env: null, apiVersion: v}}}]')))
        user, _, _ = found.get('users', 'a', credentials.User)
        assert user.exec is not None
        self.assertEqual(['', 'y'], user.exec.args)

    def test_extension_stays_as_it_is(self) -> None:
        found = self.files(str(self.write(
            'clusters: [{name: a, cluster: {server: null, extensions: '
            '[{name: x, extension: {b: null, c: [null]}}]}}]')))
        cluster, _, _ = found.get('clusters', 'a', endpoints.ClusterEntry)
        self.assertEqual({'b': None, 'c': [None]},
                         cluster.extensions[0]['extension'])

    def test_context_without_a_name_is_said(self) -> None:
        for contexts, numbers in (
                ([{'name': 'a'}], []), (['x', {'name': ''}], [0, 1]),
                ([{}, {'name': 'a'}, {'name': 5}], [0, 2])):
            found = self.files(str(self.write(make(contexts=contexts))))
            self.assertEqual([
                f'{self.path}: contexts[{number}].name: is missing, or no '
                'text; put it in quotes' for number in numbers],
                [str(each) for each in found.nameless])
        found = self.files(str(self.write(make(users=[{}]))))
        self.assertEqual([], found.nameless)
