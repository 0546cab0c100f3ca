# SPDX-License-Identifier: Apache-2.0
"""Which clusters a kubeconfig is of, and what is wrong with it."""

from typing import Any

import fixtures

from tests.support import kubeconfigs
from tests.support.kubeconfigs import entry
from tests.support.kubeconfigs import make
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors


class ChoiceTest(kubeconfigs.KubeconfigTestCase):

    def test_contexts_that_are_read(self) -> None:
        self.write(make('a', 'b', 'c', current='b'))
        for contexts, name, expected in (
                ((), None, ['b']), ((), 'x', ['x']), (('a',), None, ['a']),
                (('c', 'a'), None, ['c', 'a']), (('a',), 'x', ['x']),
                (('x = a',), None, ['x']), (('x=a', 'b'), None, ['x', 'b']),
                # The name that it has is not given another one.
                (('x=a',), 'y', ['x']), (('*',), None, ['a', 'b', 'c']),
                (('*', 'x=b'), None, ['x', 'a', 'c']),
                (('none',), None, [])):
            self.assertEqual(
                expected, self.loaded(*contexts, cluster_name=name),
                (contexts, name))

    def test_context_may_be_named_as_anything(self) -> None:
        for name in ('none', 'a=b', 'arn:aws:eks:x/y'):
            self.write(make(name, clusters=[
                entry('clusters', name, server='https://a')]))
            self.assertEqual([name], self.loaded(name))
        self.write(make('none', 'a'))
        self.assertEqual(['none', 'a'], self.loaded('none', 'a'))

    def test_context_is_known_by_the_name_that_it_has_there(self) -> None:
        self.write(make('a', 'b', 'x=a'))
        for contexts, name, expected in (
                ((), None, ['a']), ((), 'x', ['a']), (('x = b',), None, ['b']),
                (('x=a',), None, ['x=a']), (('*', 'x=b'), None, [
                    'b', 'a', 'x=a'])):
            found = self.load(*contexts, cluster_name=name)
            self.assertEqual(expected, [
                isinstance(each, endpoints.Endpoint) and each.context
                for each in found])
        self.write(make('a', clusters=[]))
        [found_wrong] = self.load('x=a')
        assert isinstance(found_wrong, errors.MisconfiguredError)
        self.assertEqual(('x', 'a'),
                         (found_wrong.name, found_wrong.context))

    def test_context_is_named_or_not(self) -> None:
        self.write(make('a', 'b'))
        for contexts, expected in (((), [True]), (('a',), [True]),
                                   (('*',), [False, False]),
                                   (('*', 'b'), [True, False])):
            found = self.load(*contexts)
            self.assertEqual(expected, [
                isinstance(each, endpoints.Endpoint) and each.is_named
                for each in found])

    def test_choice_that_cannot_be(self) -> None:
        where = f'[kubernetes] config_file: {self.path}: '
        self.write(make('a', 'b', 'x' * 254))
        for contexts, expected in (
                (('z',), [f'{where}has no context z; it has a, b, '
                          f'{"x" * 254}. See [kubernetes] contexts']),
                (('a', 'a'), ['a', '[kubernetes] contexts: the context a is '
                              'named twice; name it once']),
                (('x=a', 'x=b'), [
                    'x', '[kubernetes] contexts: two clusters have the name '
                    'x, of the contexts a and b; give them other names, as '
                    'name=context'])):
            self.assertEqual(expected, self.loaded(*contexts))
        for contexts in (('x' * 254,), ('\x00=a',), ('=a',)):
            [error] = self.loaded(*contexts)
            self.assertIn('is empty, has more than 253 characters', error)
            [found] = self.load(*contexts)
            self.assertIs(errors.UnusableEntryError, type(found))

    def test_there_is_no_choice(self) -> None:
        self.write(make())
        [error] = self.loaded()
        self.assertIn('has no current-context, and [kubernetes] contexts '
                      'names none', error)
        self.assertEqual([], self.loaded('*'))
        [error] = self.loaded('a')
        self.assertIn('has no context a; it has none.', error)

    def test_one_name_is_for_one_cluster(self) -> None:
        self.write(make('a', 'b'))
        self.assertEqual([
            '[kubernetes] cluster_name: is for one cluster, and several are '
            'read; give each its name in contexts, as name=context', 'a',
            'b'], self.loaded('a', 'b', cluster_name='x'))

    def test_file_that_is_cut_off(self) -> None:
        for parts, missing in (
                ({'current': 'z'}, 'current-context z'),
                ({'clusters': []}, 'cluster a'), ({'users': []}, 'user a'),
                ({'clusters': [], 'users': []}, 'cluster a, user a')):
            self.write(make('a', **parts))
            found = self.load('*')
            self.assertIs(errors.ConfigurationError, type(found[0]))
            self.assertIn(f'may be cut off, for it has no {missing}, which '
                          'it names', str(found[0]))
        self.write(make('a', contexts=[entry('contexts', 'a', cluster=5)]))
        [malformed] = self.load('*')
        self.assertIs(errors.MisconfiguredError, type(malformed))

    def test_two_contexts_of_one_server_and_user_are_one(self) -> None:
        self.write(make('a', 'b', contexts=[
            entry('contexts', name, cluster='a', user='a')
            for name in 'ab'] + [
            entry('contexts', 'c', cluster='a', user='b')]))
        self.assertEqual(['a', 'c'], self.loaded('*'))
        self.assertEqual(['a', 'c'], self.loaded('a', '*'))
        self.assertEqual([
            'a', '[kubernetes] contexts: the context b is of the same '
            'cluster as the context a; name one of them'],
            self.loaded('a', 'b'))


class EntryTest(kubeconfigs.KubeconfigTestCase):

    def test_endpoint_is_that_of_the_context(self) -> None:
        self.write(make('a', 'b'))
        [found] = self.load('x=b')
        assert isinstance(found, endpoints.Endpoint)
        self.assertEqual('https://b:6443', found.server)
        self.assertEqual(self.directory, found.place.directory)
        self.assertEqual(f'{self.path}: clusters[b].cluster',
                         found.place.field)
        self.assertEqual('Bearer token-of-b',
                         found.credentials.login(1e9).authorization)

    def test_user_may_be_missing(self) -> None:
        self.write(make('a', contexts=[entry('contexts', 'a', cluster='a')]))
        [found] = self.load()
        assert isinstance(found, endpoints.Endpoint)
        self.assertIsNone(found.credentials.login(1e9).authorization)

    def test_entry_that_cannot_be_used(self) -> None:
        def cluster(**content: Any) -> dict[str, Any]:
            return {'clusters': [entry('clusters', 'a', **content)]}

        ca = {'server': 'https://a', 'insecure_skip_tls_verify': True}
        for parts, said in (
                ({'contexts': [entry('contexts', 'a')]},
                 'contexts[a].context.cluster: is missing; set it'),
                ({'contexts': [entry('contexts', 'a', cluster='z')]},
                 'clusters: has none of the name "z"'),
                ({'contexts': [entry('contexts', 'a', cluster='a',
                                     user='z')]},
                 'users: has none of the name "z"'),
                (cluster(), 'clusters[a].cluster.server: '),
                (cluster(server='ftp://a'), 'clusters[a].cluster.server: '),
                (cluster(server=5), 'clusters[a].cluster.server: '),
                (cluster(**ca, certificate_authority='x'),
                 'insecure-skip-tls-verify: is of no use beside a '
                 'certificate-authority'),
                (cluster(**ca, certificate_authority_data='eA=='),
                 'insecure-skip-tls-verify: is of no use beside'),
                ({'users': [entry('users', 'a', token='x',
                                  username='y')]},
                 'users[a].user')):
            self.write(make('a', **parts))
            [found] = self.load()
            assert isinstance(found, errors.MisconfiguredError), said
            self.assertEqual('a', found.name)
            self.assertIn(said, found.problem)
        self.write(make('a', **cluster(**ca)))
        self.assertEqual(['a'], self.loaded())

    def test_bad_entry_costs_those_only_that_use_it(self) -> None:
        self.write(make('a', 'b', clusters=[
            entry('clusters', 'a', server='ftp://a'),
            entry('clusters', 'b', server='https://b')]))
        found = self.load('a', 'b')
        self.assertIs(errors.MisconfiguredError, type(found[0]))
        self.assertEqual('b', getattr(found[1], 'name', None))

    def test_credentials_are_kept_while_they_are_the_same(self) -> None:
        self.write(make('a'))
        [first] = self.load()
        assert isinstance(first, endpoints.Endpoint)
        for token, is_same in (('token-of-a', True), ('another', False)):
            self.write(make('a', users=[entry('users', 'a', token=token)]))
            for known in ({'a': first.credentials}, {}):
                [found] = self.load(known=known)
                assert isinstance(found, endpoints.Endpoint)
                self.assertIs(bool(known) and is_same,
                              found.credentials is first.credentials)

    def test_user_in_the_server_comes_first(self) -> None:
        for users in ([entry('users', 'a', token='x')],
                      [entry('users', 'a', username='x', password='y')],
                      [entry('users', 'a', tokenFile='missing')],
                      [entry('users', 'a', exec={
                          'apiVersion': 'client.authentication.k8s.io/v1',
                          'command': 'x'})], [entry('users', 'a')]):
            self.write(make('a', users=users, clusters=[
                entry('clusters', 'a', server='https://m%40e:p@a')]))
            [found] = self.load()
            assert isinstance(found, endpoints.Endpoint)
            self.assertEqual('https://a', found.server)
            self.assertEqual('Basic bUBlOnA=',
                             found.credentials.login(1e9).authorization)

    def test_user_in_the_server_is_kept_back_and_never_shown(self) -> None:
        self.write(make('a', users=[], contexts=[
            entry('contexts', 'a', cluster='a')], clusters=[
                entry('clusters', 'a', server='http://me:SECRET@a')]))
        found, advice = self.load()
        assert isinstance(found, endpoints.Endpoint)
        self.assertIsNone(found.credentials.login(1e9).authorization)
        self.assertIn('is of http://', str(advice))
        for server in ('ftp://me:SECRET@a', 'https://me:SECRET@a:x',
                       'https://me:SECRET@a b'):
            self.write(make('a', clusters=[
                entry('clusters', 'a', server=server)]))
            [error] = self.loaded()
            self.assertNotIn('SECRET', error)

    def test_token_is_kept_back_where_all_can_read_along(self) -> None:
        for server, said in (('http://a', 1), ('https://a', 0)):
            self.write(make('a', clusters=[
                entry('clusters', 'a', server=server)]))
            found = self.loaded()
            self.assertEqual('a', found[0])
            self.assertEqual(said, len(found[1:]))
            for advice in found[1:]:
                self.assertIn('clusters[a].cluster.server: is of http://',
                              advice)


class InClusterTest(kubeconfigs.KubeconfigTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.kubeconfig.SERVICE_ACCOUNT', self.directory))

    def set_environment(self, host: str | None, port: str | None) -> None:
        for name, value in (('HOST', host), ('PORT', port)):
            self.useFixture(fixtures.EnvironmentVariable(
                f'KUBERNETES_SERVICE_{name}', value))

    def test_pod_has_a_cluster(self) -> None:
        self.write('the-token\n', 'token')
        for host, server in (('10.0.0.1', 'https://10.0.0.1:443'),
                             ('fd00::1', 'https://[fd00::1]:443')):
            self.set_environment(host, '443')
            for name in (None, 'x'):
                [found] = self.load(is_default=True, cluster_name=name)
                assert isinstance(found, endpoints.Endpoint)
                self.assertEqual((name or 'kubernetes', server),
                                 (found.name, found.server))
                self.assertEqual(
                    'Bearer the-token',
                    found.credentials.login(1e9).authorization)
                self.assertEqual('', found.place.cluster.certificate_authority)
        self.write('junk', 'ca.crt')
        [found] = self.load(is_default=True)
        assert isinstance(found, endpoints.Endpoint)
        self.assertEqual('ca.crt', found.place.cluster.certificate_authority)
        self.assertEqual(self.directory, found.place.directory)
        [again] = self.load(is_default=True, known={
            'kubernetes': found.credentials})
        assert isinstance(again, endpoints.Endpoint)
        self.assertIs(found.credentials, again.credentials)

    def test_login_of_a_kubeconfig_is_not_for_the_pod_nor_the_reverse(
            self) -> None:
        # A token can be mounted later than a cluster of that name is read.
        self.write(make('a'))
        [of_file] = self.load(cluster_name='x')
        self.write('of-the-pod', 'token')
        self.set_environment('10.0.0.1', '443')
        assert isinstance(of_file, endpoints.Endpoint)
        [of_pod] = self.load(is_default=True, cluster_name='x', known={
            'x': of_file.credentials})
        assert isinstance(of_pod, endpoints.Endpoint)
        [again] = self.load(cluster_name='x', known={
            'x': of_pod.credentials})
        assert isinstance(again, endpoints.Endpoint)
        self.assertEqual(
            ['Bearer of-the-pod', 'Bearer token-of-a'],
            [each.credentials.login(1e9).authorization
             for each in (of_pod, again)])

    def test_kubeconfig_comes_first_where_one_is_named(self) -> None:
        self.write('the-token', 'token')
        self.set_environment('10.0.0.1', '443')
        self.write(make('a'))
        self.assertEqual(['a'], self.loaded())
        self.assertRaises(errors.ConfigurationError, self.load, 'a',
                          is_default=True)

    def test_what_is_no_pod(self) -> None:
        self.write('the-token', 'token')
        for host, port in ((None, '443'), ('10.0.0.1', None), ('', '443')):
            self.set_environment(host, port)
            self.assertRaises(errors.ConfigurationError, self.load,
                              is_default=True)
        self.set_environment('10.0.0.1', '443')
        (self.directory / 'token').unlink()
        self.assertRaises(errors.ConfigurationError, self.load,
                          is_default=True)

    def test_what_cannot_be_its_server_or_name(self) -> None:
        self.write('the-token', 'token')
        self.set_environment('10.0.0.1', 'x')
        [found] = self.load(is_default=True)
        assert isinstance(found, errors.MisconfiguredError)
        self.assertIn('KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: '
                      'https://10.0.0.1:x ', found.problem)
        error = self.assertRaises(errors.UnusableEntryError, self.load,
                                  is_default=True, cluster_name='a\nb')
        self.assertIn('[kubernetes] cluster_name: a?b is empty', str(error))
