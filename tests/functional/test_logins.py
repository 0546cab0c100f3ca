# SPDX-License-Identifier: Apache-2.0
"""Logging in to real TLS servers that want to know who we are."""

import base64
import json
import logging
import os
import pathlib
import sys
import time
from typing import Any
import warnings

import fixtures
import testtools

from tests.support import base
from tests.support import certificates
from tests.support import plugins
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

# An exec plugin: it counts its runs in a file, and does what the last line
# says with the number of the run in `run`.
PLUGIN = """
import json, os, pathlib, sys, time
runs = pathlib.Path(__file__).with_suffix('.runs')
run = int(runs.read_text()) + 1 if runs.exists() else 1
runs.write_text(str(run))

def credential(**status):
    print(json.dumps({'kind': 'ExecCredential', 'status': status,
                      'apiVersion': 'client.authentication.k8s.io/v1'}))

def soon(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%SZ',
                         time.gmtime(time.time() + seconds))

"""


class LoginTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.authority = self.useFixture(certificates.Authority())
        self.simulator = self.start_tls(self.authority.server())
        self.host = self.make_host()

    def start_tls(self, certificate: certificates.Certificate) -> Simulator:
        simulator = Simulator(
            [samples.node('node-0')], tls=certificate.server_context(
                clients=self.authority)).start()
        self.addCleanup(simulator.stop)
        self.simulator = simulator
        return simulator

    def use(self, user: dict[str, Any] | None, **cluster: Any) -> None:
        """Write a kubeconfig with this user, and fields of the cluster."""
        kubeconfig = json.loads(self.simulator.kubeconfig(
            certificate_authority=self.authority.certificate, user=user))
        kubeconfig['clusters'][0]['cluster'].update(cluster)
        path = self.directory / 'kubeconfig'
        path.write_text(json.dumps(kubeconfig))
        self.set_options(config_file=str(path))

    def write(self, name: str, content: str | bytes) -> pathlib.Path:
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str)
                         else content)
        return path

    def plugin(self, action: str) -> dict[str, Any]:
        """Return a user with an exec plugin."""
        path = self.write('plugin.py', PLUGIN + action)
        return {'exec': {
            'apiVersion': 'client.authentication.k8s.io/v1',
            'command': sys.executable, 'args': [str(path)],
            'interactiveMode': 'Never'}}

    def runs(self) -> int:
        path = self.directory / 'plugin.runs'
        return int(path.read_text()) if path.exists() else 0

    def want_tokens(self, *tokens: str) -> None:
        self.simulator.tokens.clear()
        self.simulator.tokens.update(dict.fromkeys(tokens, 'vitrage'))
        self.simulator.authenticate = self.simulator.by_token

    def assert_polled(self) -> None:
        self.host.poll()
        self.assertEqual('Ready', self.cluster()['state'])
        self.assertEqual(['node-0'], self.host.node_names())

    def assert_failed(self, *reasons: str) -> None:
        self.host.poll()
        self.assertEqual('ERROR', self.cluster()['vitrage_operational_state'])
        for reason in reasons:
            self.assertIn(reason, self.cluster()['reason'])

    def cluster(self) -> dict[str, Any]:
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        return cluster

    def test_token(self) -> None:
        self.want_tokens('good')
        self.use({'token': 'good'})

        self.assert_polled()

    def test_wrong_token(self) -> None:
        self.want_tokens('good')
        self.use({'token': 'SECRET'})

        self.assert_failed('answered 401', 'renew them in the kubeconfig')

    def test_token_file_that_is_rotated_by_symlink(self) -> None:
        self.write('first', 'one\n')
        self.write('second', 'two\n')
        link = self.directory / 'token'
        link.symlink_to('first')
        self.use({'tokenFile': 'token'})
        self.want_tokens('one')
        self.assert_polled()

        self.want_tokens('two')
        (self.directory / 'new').symlink_to('second')
        (self.directory / 'new').rename(link)

        self.assert_polled()

    def test_token_file_that_is_empty_for_a_moment(self) -> None:
        path = self.write('token', 'one\n')
        self.use({'tokenFile': str(path)})
        self.want_tokens('one')
        self.assert_polled()

        path.write_text('')
        self.assert_polled()

        path.write_text('two')
        self.want_tokens('two')
        self.assert_polled()

    def test_client_certificate_in_files_and_in_the_kubeconfig(self) -> None:
        certificate = self.authority.client('vitrage')
        self.simulator.authenticate = self.simulator.by_certificate
        self.use({'client-certificate': str(certificate.certificate_path),
                  'client-key': str(certificate.key_path)})
        self.assert_polled()

        self.use({
            'client-certificate-data': base.b64(certificate.certificate),
            'client-key-data': base.b64(certificate.key)})
        self.assert_polled()

    def test_key_that_is_not_of_the_certificate(self) -> None:
        self.use({
            'client-certificate-data': base.b64(
                self.authority.client('one').certificate),
            'client-key-data': base.b64(self.authority.client('two').key)})

        self.assert_failed('client certificate cannot be used with its key')

    def test_forbidden_says_which_verb_on_which_resource(self) -> None:
        self.want_tokens('good')
        self.use({'token': 'good'})
        self.assert_polled()
        self.simulator.forbidden.add('list')

        self.assert_failed('answered 403', 'User "vitrage" cannot list '
                           'resource "nodes"', 'verb list on the resource '
                           'nodes')

        self.simulator.forbidden.clear()
        self.assert_polled()

    def test_exec_plugin_runs_once_for_many_polls(self) -> None:
        self.want_tokens('good')
        self.use(self.plugin("credential(token='good')"))

        for _ in range(3):
            self.assert_polled()

        self.assertEqual(1, self.runs())

    def test_exec_plugin_runs_again_after_a_401(self) -> None:
        self.want_tokens('token-1')
        self.use(self.plugin("credential(token=f'token-{run}')"))
        self.assert_polled()
        self.want_tokens('token-2')

        self.assert_polled()

        self.assertEqual(2, self.runs())

    def test_exec_plugin_runs_once_again_only_after_a_401(self) -> None:
        self.want_tokens('another')
        self.use(self.plugin("credential(token='wrong')"))

        self.assert_failed('answered 401')

        self.assertEqual(2, self.runs())

    def test_exec_plugin_runs_again_before_its_token_expires(self) -> None:
        self.want_tokens('token-1', 'token-2')
        self.use(self.plugin("credential(token=f'token-{run}', "
                             "expirationTimestamp=soon(7200 * run))"))
        self.assert_polled()
        self.useFixture(plugins.Later(7150))

        self.assert_polled()

        self.assertEqual(2, self.runs())
        # None was refused, and made again.
        self.assertEqual(2, len(self.simulator.requests))

    def test_exec_plugin_whose_token_has_expired_runs_for_each_request(
            self) -> None:
        # The clock of this machine may be wrong, and not the server's.
        self.want_tokens('token-1', 'token-2')
        self.use(self.plugin("credential(token=f'token-{run}', "
                             "expirationTimestamp=soon(-9))"))
        self.assert_polled()
        self.assert_polled()

        self.assertEqual(2, self.runs())

    def test_exec_plugin_that_issues_certificates(self) -> None:
        self.simulator.authenticate = self.simulator.by_certificate
        for name in ('one', 'two'):
            certificate = self.authority.client(name)
            self.write(f'{name}.crt', certificate.certificate)
            self.write(f'{name}.key', certificate.key)
        self.use(self.plugin(
            "name = ['one', 'two'][run - 1]\n"
            "here = pathlib.Path(__file__).parent\n"
            "credential(clientCertificateData=(here / f'{name}.crt')"
            ".read_text(), clientKeyData=(here / f'{name}.key').read_text(), "
            "expirationTimestamp=soon(7200 * run))"))
        self.assert_polled()
        self.useFixture(plugins.Later(7150))
        self.assert_polled()

        self.assertEqual(['one', 'two'], [
            request.certificate_name for request in self.simulator.requests])

    def test_exec_plugin_that_fails_sends_no_request(self) -> None:
        for action in ('sys.exit(3)', "print('SECRET junk')",
                       'credential()', "print('{}')",
                       "sys.exit('SECRET on stderr')"):
            self.use(self.plugin(action))

            self.assert_failed('users[simulator].user.exec')

        self.assertEqual([], list(self.simulator.requests))

    def test_exec_plugin_that_hangs_ends_with_the_list(self) -> None:
        self.set_options(list_timeout=1)
        self.use(self.plugin('time.sleep(600)'))
        start = time.monotonic()

        self.assert_failed('users[simulator].user.exec')

        self.assertThat(time.monotonic() - start,
                        testtools.matchers.LessThan(20))
        self.assertEqual([], list(self.simulator.requests))

    def test_legacy_auth_provider_is_refused_with_a_hint(self) -> None:
        self.use({'auth-provider': {'name': 'oidc', 'config': {
            'id-token': 'SECRET', 'refresh-token': 'SECRET'}}})

        self.assert_failed('auth-provider', 'exec')

    def test_in_cluster_service_account(self) -> None:
        self.write('token', 'one')
        self.write('ca.crt', self.authority.certificate)
        self.want_tokens('one')
        host, port = self.simulator.url.removeprefix('https://').split(':')
        for name, value in (('KUBERNETES_SERVICE_HOST', host),
                            ('KUBERNETES_SERVICE_PORT', port)):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.kubeconfig.SERVICE_ACCOUNT', self.directory))
        self.set_options(cluster_name='inner')
        self.assert_polled()
        self.assertEqual('inner', self.cluster()['name'])

        self.write('token', 'two')
        self.want_tokens('two')
        self.assert_polled()

    def test_server_that_cannot_be_trusted(self) -> None:
        for certificate, reason in (
                (self.authority.expired(), 'certificate has expired'),
                (self.authority.not_yet_valid(), 'not yet valid'),
                (self.authority.wrong_host(), 'IP address mismatch'),
                (self.authority.self_signed(), 'self-signed certificate')):
            self.start_tls(certificate)
            self.use({'token': 'SECRET'})

            self.assert_failed('no safe connection', reason)

            # The token was not given to who it was not meant for.
            self.assertEqual([], list(self.simulator.requests))

    def test_server_of_another_name_that_is_expected(self) -> None:
        self.start_tls(self.authority.wrong_host())
        self.use(None, **{'tls-server-name': 'kubernetes.invalid'})

        self.assert_polled()

    def test_server_is_not_verified_where_the_kubeconfig_says_so(self) -> None:
        self.start_tls(self.authority.self_signed())
        self.use(None, **{'insecure-skip-tls-verify': True,
                          'certificate-authority-data': ''})

        self.assert_polled()

    def test_server_that_is_not_verified_has_no_authority(self) -> None:
        self.use({}, **{'insecure-skip-tls-verify': True})

        self.assert_failed('insecure-skip-tls-verify: is of no use beside a '
                           'certificate-authority')

    def test_server_that_is_not_verified_makes_no_warning(self) -> None:
        self.start_tls(self.authority.self_signed())
        self.want_tokens('good')
        self.use({'token': 'good'}, **{'insecure-skip-tls-verify': True,
                                       'certificate-authority-data': ''})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            self.assert_polled()

        self.assertEqual([], [each for each in caught if 'nsecure' in str(
            each.message)])

    def test_common_name_does_not_count(self) -> None:
        self.start_tls(self.authority.server(['192.0.2.1']))
        self.use({}, **{'tls-server-name': 'kube-apiserver'})

        self.assert_failed('no safe connection', 'kube-apiserver')

    def test_nothing_secret_goes_over_plain_http(self) -> None:
        self.simulator = self.start_simulator(samples.node('node-0'))
        log = self.useFixture(fixtures.FakeLogger())
        certificate = self.authority.client('vitrage')
        for user in ({'token': 'SECRET'}, {'username': 'u', 'password': 'p'},
                     {'tokenFile': 'missing'},
                     self.plugin("credential(token='SECRET')"),
                     {'client-certificate-data': base.b64(
                         certificate.certificate),
                      'client-key-data': base.b64(certificate.key)}):
            self.use({**user, 'as': 'me'})
            self.assert_polled()
            self.assert_polled()

        self.assertEqual({(None, 'me')}, {
            (request.headers.get('Authorization'),
             request.headers.get('Impersonate-User'))
            for request in self.simulator.requests})
        self.assertEqual(0, self.runs())
        [path] = self.directory.glob('kubeconfig')
        self.assertEqual(1, log.output.count(
            f'Cluster simulator: {path}: clusters[simulator].cluster.server: '
            'is of http://'))

    def test_anonymous_is_never_advised_to_have_a_role(self) -> None:
        self.simulator.forbidden.add('list')
        certificate = self.authority.client('vitrage')
        for user, advice in (
                ({}, 'no credentials were sent'),
                ({'username': 'u', 'password': 'p'}, 'since Kubernetes 1.19'),
                ({'client-certificate-data': base.b64(
                    certificate.certificate),
                  'client-key-data': base.b64(certificate.key)},
                 'are not known there')):
            self.use(user)

            self.assert_failed('answered 403', 'system:anonymous', advice)

        self.assertNotIn(' role', self.log.output)

    def test_impersonation_is_sent(self) -> None:
        self.want_tokens('good')
        self.use({'token': 'good', 'as': 'jürgen', 'as-groups': ['a']})

        self.assert_polled()

        headers = self.simulator.requests[0].headers
        self.assertEqual(('j\xc3\xbcrgen', 'a'), (
            headers['Impersonate-User'], headers['Impersonate-Group']))

    def test_authority_among_others(self) -> None:
        junk = base64.encodebytes(b'junk')
        self.want_tokens('good')
        self.use({'token': 'good'}, **{'certificate-authority-data': base.b64(
            b'# F\xc5\x91tan\xfas\n-----BEGIN CERTIFICATE-----\n' + junk
            + b'-----END CERTIFICATE-----\n' + self.authority.certificate
            + b'-----BEGIN X-----\n')})

        self.assert_polled()

    def test_authority_that_is_no_certificate(self) -> None:
        for authority in ('junk', base.b64(b'junk'), base.b64(b'\xff')):
            self.use({}, **{'certificate-authority-data': authority})

            self.assert_failed('certificate-authority')

    def test_unreadable_key(self) -> None:
        certificate = self.authority.client('vitrage')
        self.use({'client-certificate': str(certificate.certificate_path),
                  'client-key': '/no/such/key'})

        self.assert_failed('client-key', '/no/such/key')
        self.assertEqual('Misconfigured', self.cluster()['state'])

    def test_secrets_are_nowhere(self) -> None:
        certificate = self.authority.client('vitrage')
        key = certificate.key.decode().splitlines()[1]
        users: list[dict[str, Any]] = [
            {'token': 'SECRET'}, {'token': 'SECRET\n'},
            {'token': 'SECRET\u20ac'}, {'tokenFile': str(self.write(
                'token', 'SECRET SECRET'))},
            {'username': 'me', 'password': 'SECRET'},
            {'client-key-data': base.b64(certificate.key)},
            {'client-certificate-data': base.b64(certificate.certificate),
             'client-key-data': base.b64(b'SECRET')},
            {'client-certificate-data': base.b64(certificate.certificate),
             'client-key-data': base.b64(certificate.key)},
            {'token': ['SECRET']}, {'exec': 'SECRET'},
            self.plugin("credential(token='SECRET')"),
        ]
        for authenticate in (lambda request: 'me', lambda request: None):
            self.simulator.authenticate = authenticate
            for user in users:
                self.use(user)
                self.host.poll()

        for secret in ('SECRET', base.b64(b'me:SECRET'), key,
                       base.b64(certificate.key)):
            self.assertNotIn(secret, self.log.output)
            self.assertNotIn(secret, str(self.host.everything()))
        self.assertIn('answered 401', self.log.output)

    def test_polls_leave_no_key_on_the_disk(self) -> None:
        temporary = self.directory / 'tmp'
        temporary.mkdir()
        self.useFixture(fixtures.MonkeyPatch('tempfile.tempdir',
                                             str(temporary)))
        self.simulator.authenticate = self.simulator.by_certificate
        certificate = self.authority.client('vitrage')
        self.use({
            'client-certificate-data': base.b64(certificate.certificate),
            'client-key-data': base.b64(certificate.key)})

        self.assert_polled()

        self.assertEqual([], os.listdir(temporary))
