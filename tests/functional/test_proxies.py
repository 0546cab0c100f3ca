# SPDX-License-Identifier: Apache-2.0
"""Clusters behind proxies."""

from collections.abc import Callable
import contextlib
import json
import socket
import threading
from typing import Any

import fixtures

from tests.support import base
from tests.support import certificates
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples


class Proxy(fixtures.Fixture):
    """An HTTP proxy for CONNECT, which notes who was asked for and how.

    :param answer: answers a CONNECT by itself, instead
    """

    def __init__(self, answer: Callable[[socket.socket], None] | None = None,
                 ) -> None:
        self._answer = answer
        self.heads: list[str] = []

    def _setUp(self) -> None:
        self._stopped = threading.Event()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.place = f'127.0.0.1:{self._listener.getsockname()[1]}'
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()
        self.addCleanup(self._stop)

    def _serve(self) -> None:
        with contextlib.suppress(OSError), self._listener:
            while not self._stopped.is_set():
                client, _ = self._listener.accept()
                self._clients.append(client)
                thread = threading.Thread(target=self._connect, args=[client])
                self._threads.append(thread)
                thread.start()

    def _connect(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = client.recv(65536).decode()
            self.heads.append(head)
            if self._answer:
                self._answer(client)
                return
            # All servers are on loopback, by whatever name.
            port = head.split()[1].rpartition(':')[2]
            with socket.create_connection(('127.0.0.1', int(port))) as server:
                client.sendall(b'HTTP/1.1 200 OK\r\n\r\n')
                back = threading.Thread(target=self._pump,
                                        args=[server, client])
                back.start()
                self._pump(client, server)
                back.join()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _stop(self) -> None:
        self._stopped.set()
        # A client leaves its connection open for its next list.
        for each in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


class ProxyTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        authority = self.useFixture(certificates.Authority())
        self.simulator = Simulator(
            [samples.node('node-0')],
            tls=authority.server().server_context()).start()
        self.addCleanup(self.simulator.stop)
        self.kubeconfig = json.loads(self.simulator.kubeconfig(
            certificate_authority=authority.certificate))
        self.host = self.make_host()

    def use(self, proxy_url: str | None) -> None:
        if proxy_url:
            self.kubeconfig['clusters'][0]['cluster']['proxy-url'] = proxy_url
        path = self.directory / 'kubeconfig'
        path.write_text(json.dumps(self.kubeconfig))
        self.set_options(config_file=str(path))

    def cluster(self) -> dict[str, Any]:
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        return cluster

    def test_goes_through_the_proxy_of_the_kubeconfig(self) -> None:
        proxy = self.useFixture(Proxy())
        self.use(f'http://me:SECRET@{proxy.place}')

        self.host.start()

        self.assertEqual(['node-0'], self.host.node_names())
        [head] = proxy.heads
        self.assertIn('CONNECT 127.0.0.1:', head)
        self.assertIn(f'Basic {base.b64(b"me:SECRET")}', head)
        self.assertNotIn('SECRET', self.log.output)

    def test_goes_through_the_proxy_of_the_environment(self) -> None:
        cluster = self.kubeconfig['clusters'][0]['cluster']
        cluster.update({
            'server': cluster['server'].replace('127.0.0.1', '192.0.2.1'),
            'tls-server-name': 'localhost'})
        self.use(None)
        # The environment of a process stays as it is; here it does not.
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.idle.SECONDS', 0))
        for name, value in (('https_proxy', 'http://me:SECRET@%s'),
                            ('HTTPS_PROXY', '%s')):
            proxy = self.useFixture(Proxy())
            with fixtures.EnvironmentVariable(name, value % proxy.place):
                self.host.poll()

            self.assertIn('CONNECT 192.0.2.1:', proxy.heads[0])
            self.assertEqual('Ready', self.cluster()['state'])
        self.assertNotIn('SECRET', self.log.output)

    def test_loopback_has_no_proxy_of_the_environment(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable(
            'HTTPS_PROXY', 'http://127.0.0.1:1'))
        self.use(None)

        self.host.start()

        self.assertEqual('Ready', self.cluster()['state'])

    def test_proxy_of_the_environment_that_is_none(self) -> None:
        self.kubeconfig['clusters'][0]['cluster']['server'] = \
            'https://192.0.2.1'
        self.use(None)
        self.useFixture(fixtures.EnvironmentVariable(
            'HTTPS_PROXY', 'http://proxy:99999'))

        self.host.start()

        self.assertIn('HTTPS_PROXY: has a host or port that is none',
                      self.cluster()['reason'])

    def test_proxy_that_answers_byte_by_byte_does_not_hold_the_poll(
            self) -> None:
        stopped = threading.Event()
        self.addCleanup(stopped.set)

        def drip(client: socket.socket) -> None:
            for byte in b'HTTP/1.1 200 ' + b'x' * 300:
                client.sendall(bytes([byte]))
                if stopped.wait(0.2):
                    return

        proxy = self.useFixture(Proxy(drip))
        self.set_options(request_timeout=1)
        self.use(f'http://{proxy.place}')

        self.host.start()

        self.assertIn('no complete answer within 1 s',
                      self.cluster()['reason'])

    def test_proxy_that_refuses(self) -> None:
        proxy = self.useFixture(Proxy(lambda client: client.sendall(
            b'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')))
        self.use(f'http://{proxy.place}')

        self.host.start()

        self.assertIn('407', self.cluster()['reason'])

    def test_proxy_that_is_not_there(self) -> None:
        self.use('http://me:SECRET@127.0.0.1:1')

        self.host.start()

        self.assertIn('refused; see its proxy: proxy-url in the kubeconfig, '
                      'or HTTPS_PROXY', self.cluster()['reason'])
        self.assertNotIn('SECRET', self.log.output)

    def test_proxy_url_that_is_none(self) -> None:
        for url in ('ftp://proxy', 'http://', 'nonsense', 'http://p:99999',
                    'http://p p', 'http://[::1'):
            self.use(url)

            self.host.poll()

            self.assertIn('clusters[simulator].cluster.proxy-url: ',
                          self.cluster()['reason'])
            self.assertEqual('Misconfigured', self.cluster()['state'])
