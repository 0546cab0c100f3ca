# SPDX-License-Identifier: Apache-2.0
"""What connections to an API server go through: a proxy, and TLS."""

import pathlib
import socket
import ssl
import types
from typing import Any

import fixtures
import testtools
import trustme
import urllib3

from vitrage_k8s.api import endpoint
from vitrage_k8s.api import logins
from vitrage_k8s.api import pools


def make(server: str, login: logins.Login | None = None,
         directory: pathlib.Path = pathlib.Path('/'), **cluster: Any) -> Any:
    """Return the pool manager for a server.

    :param cluster: what the kubeconfig says of it
    """
    place = endpoint.Place(server, endpoint.ClusterEntry(server, **cluster),
                           directory, 'the cluster')
    return pools.make_pool_manager(
        endpoint.Endpoint('c', place, types.SimpleNamespace(
            field='the user')),  # type: ignore[arg-type]
        login or logins.Login(), float('inf'))


class OptionsTest(testtools.TestCase):

    def test_there_is_one_connection_and_no_hidden_retry(self) -> None:
        manager = make('http://127.0.0.1')
        retries = urllib3.Retry.from_int(manager.connection_pool_kw['retries'])
        self.assertEqual((False, 0), (retries.total, retries.redirect))
        self.assertEqual(1, manager.connection_pool_kw['maxsize'])
        for port in (1, 2):
            manager.connection_from_url(f'http://127.0.0.1:{port}')
        self.assertEqual(1, len(manager.pools))

    def test_peer_that_is_gone_is_noticed(self) -> None:
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)
        server = f'http://127.0.0.1:{listener.getsockname()[1]}'
        connection = make(server).connection_from_url(server)._new_conn()
        self.addCleanup(connection.close)
        connection.connect()
        for level, option in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                              (socket.IPPROTO_TCP, socket.TCP_NODELAY)):
            self.assertTrue(connection.sock.getsockopt(level, option))
        self.assertEqual((30, 10, 10_000), tuple(
            connection.sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL,
                           socket.TCP_USER_TIMEOUT)))


class ProxyTest(testtools.TestCase):

    def manager(self, proxy_url: str = '', **environment: str) -> Any:
        for name in ('http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'):
            for each in (name, name.upper()):
                self.useFixture(fixtures.EnvironmentVariable(
                    each, environment.get(each)))
        return make('http://host:1', proxy_url=proxy_url)

    def test_proxy_is_the_kubeconfigs_or_else_the_environments(self) -> None:
        other = {'http_proxy': 'http://other:3'}
        for proxy_url, environment, expected in (
                ('', {}, None), ('', other, 'other'),
                ('http://proxy:3', {}, 'proxy'),
                ('http://proxy:3', other, 'proxy'),
                ('https://proxy:3', {}, 'proxy'),
                ('', {**other, 'no_proxy': 'host'}, None)):
            proxy = self.manager(proxy_url, **environment).proxy
            self.assertEqual(expected, proxy and proxy.host)

    def test_proxy_gets_its_user(self) -> None:
        for user, header in (
                ('', None), ('u:p@', 'Basic dTpw'),
                ('u:%70@', 'Basic dTpw')):
            manager = self.manager(f'http://{user}proxy:3/path?query#part')
            self.assertEqual(
                header, manager.proxy_headers.get('proxy-authorization'))
            self.assertEqual('http://proxy:3', manager.proxy.url)

    def test_proxy_of_socks_looks_names_up(self) -> None:
        for scheme in ('socks5', 'socks5h'):
            try:
                manager = self.manager(f'{scheme}://proxy:3')
            except ValueError as error:
                # Where PySocks is not there.
                self.assertIn('pip install PySocks', str(error))
                continue
            self.assertEqual('socks5h://proxy:3', manager.proxy_url)

    def test_what_is_no_proxy(self) -> None:
        for proxy_url in ('ftp://proxy:3', 'socks4://proxy:3', 'http://'):
            error = self.assertRaises(ValueError, self.manager, proxy_url)
            self.assertIn('the cluster.proxy-url: ', str(error))
        error = self.assertRaises(ValueError, self.manager,
                                  http_proxy='ftp://proxy:3')
        self.assertEqual(
            'http_proxy: is no URL of http, https or socks5', str(error))


class TlsTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.authority = trustme.CA()

    def context(self, login: logins.Login | None = None,
                **cluster: Any) -> Any:
        manager = make('https://host:1', login, self.directory, **cluster)
        self.assertEqual(cluster.get('tls_server_name'),
                         manager.connection_pool_kw.get('server_hostname'))
        return manager.connection_pool_kw['ssl_context']

    def test_server_is_verified_by_its_name(self) -> None:
        context = self.context()
        self.assertEqual(ssl.CERT_REQUIRED, context.verify_mode)
        self.assertTrue(context.check_hostname)
        self.assertFalse(context.hostname_checks_common_name)
        self.assertTrue(context.verify_flags
                        & ssl.VERIFY_X509_PARTIAL_CHAIN)
        self.assertEqual('host', context.server_name)
        for given, expected in (({}, 'host'),
                                ({'server_hostname': None}, 'host'),
                                ({'server_hostname': 'x'}, 'x')):
            self.assertEqual(expected,
                             context._named(given)['server_hostname'])
        self.assertEqual('y', self.context(tls_server_name='y').server_name)

    def test_server_is_not_verified_where_the_kubeconfig_says_so(
            self) -> None:
        context = self.context(insecure_skip_tls_verify=True)
        self.assertEqual(ssl.CERT_NONE, context.verify_mode)
        self.assertFalse(context.check_hostname)

    def test_authorities_are_the_kubeconfigs_or_else_the_systems(
            self) -> None:
        (self.directory / 'ca').write_bytes(
            self.authority.cert_pem.bytes()
            + b'-----BEGIN CERTIFICATE-----\nanVuaw==\n'
            b'-----END CERTIFICATE-----\n')
        loaded: list[object] = []

        def load(context: object) -> None:
            loaded.append(context)

        self.useFixture(fixtures.MonkeyPatch(
            'ssl.SSLContext.load_default_certs', load))
        for file, count in (('ca', 1), ('', 0)):
            context = self.context(certificate_authority=file)
            self.assertEqual(count, context.cert_store_stats()['x509'])
            self.assertEqual(1 - count, len(loaded))
        (self.directory / 'ca').write_bytes(
            b'-----BEGIN CERTIFICATE-----\nanVuaw==\n'
            b'-----END CERTIFICATE-----\n')
        error = self.assertRaises(ValueError, self.context,
                                  certificate_authority='ca')
        self.assertEqual('the cluster.certificate-authority: is not the PEM '
                         'of a certificate', str(error))

    def test_client_has_its_certificate(self) -> None:
        issued = self.authority.issue_cert('client')
        certificate = issued.cert_chain_pems[0].bytes()
        key = issued.private_key_pem.bytes()
        used: list[str] = []
        load = ssl.SSLContext.load_cert_chain

        def note(context: Any, path: str, **options: Any) -> None:
            used.append(path)
            load(context, path, **options)

        self.useFixture(fixtures.MonkeyPatch(
            'ssl.SSLContext.load_cert_chain', note))
        for login in (logins.Login(None, certificate, key),
                      logins.Login(None, certificate), logins.Login()):
            self.context(login)
        [path] = used
        self.assertIn('vitrage-k8s-', path)
        self.assertFalse(pathlib.Path(path).exists())

    def test_client_certificate_that_cannot_be_used(self) -> None:
        other = trustme.CA().issue_cert('x').private_key_pem.bytes()
        certificate = self.authority.issue_cert(
            'client').cert_chain_pems[0].bytes()
        for key in (other, b'junk'):
            error = self.assertRaises(
                ValueError, self.context,
                logins.Login(None, certificate, key))
            self.assertTrue(str(error).startswith(
                'the user: the client certificate cannot be used with its '
                'key: '))
