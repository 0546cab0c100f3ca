# SPDX-License-Identifier: Apache-2.0
"""Polls that fail, and what the graph keeps through them."""

from collections.abc import Iterable
import contextlib
import socket
import threading
import time

import fixtures
import testtools

from tests.support import base
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab import samples

NODES = [samples.node(f'node-{i}') for i in range(5)]
NAMES = [f'node-{i}' for i in range(5)]


def is_second_page(request: Request) -> bool:
    return 'continue' in request.query


class FailedPollTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_options(page_size=2, request_timeout=2)
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()
        self.host.start()
        self.log = self.useFixture(fixtures.FakeLogger())

    def answer_second_page(self, answer: Answer) -> None:
        self.simulator.intercept = (
            lambda request: answer if is_second_page(request) else None)

    def assert_keeps_nodes(self, reason: str) -> None:
        """Poll twice and see no node lost, and the failure logged."""
        self.simulator.put(samples.node('node-0', ready='False'))
        if 'node-4' in self.simulator.names():
            self.simulator.delete('node-4')
        self.host.poll()
        self.host.poll()
        self.host.check_consistency()

        self.assertEqual(NAMES, self.host.node_names())
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertIn(cluster['state'], ('Unreachable', 'Unreadable'))
        self.assertEqual('ERROR', cluster['vitrage_operational_state'])
        self.assertIn(reason, cluster['reason'])
        self.assertIn(reason, self.log.output)
        self.assertNotIn('get_all: kubernetes Failed', self.log.output)

    def assert_recovers(self) -> None:
        self.simulator.intercept = None
        self.host.poll()

        self.assertEqual(NAMES[:4], self.host.node_names())
        self.assertEqual('NotReady', self.vertex('node-0')['state'])
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('Ready', cluster['state'])
        self.assertNotIn('reason', cluster)
        self.assertIn('Cluster simulator can be read again: 4 nodes',
                      self.log.output)

    def test_keeps_nodes_when_the_second_page_fails(self) -> None:
        self.answer_second_page(Answer(500, b'no etcd'))

        self.assert_keeps_nodes('answered 500')
        # A list counts only as a whole.
        self.assertEqual('Ready', self.vertex('node-0')['state'])
        self.assert_recovers()

    def test_keeps_nodes_when_the_second_page_is_cut(self) -> None:
        self.answer_second_page(
            Answer(200, b'{"kind":"NodeList","items":[],'
                   b'"metadata":{"resourceVersion":"7"}}', cut=10))

        self.assert_keeps_nodes('cannot read from the API server')
        self.assert_recovers()

    def test_keeps_nodes_when_the_list_ends_with_nodes_remaining(self) -> None:
        self.answer_second_page(Answer(200, (
            b'{"kind":"NodeList","items":[],'
            b'"metadata":{"resourceVersion":"7","remainingItemCount":2}}')))

        self.assert_keeps_nodes('2 nodes remain')
        self.assert_recovers()

    def test_keeps_nodes_when_the_answer_is_of_another_kind(self) -> None:
        self.answer_second_page(Answer(200, b'{"kind":"PodList","items":[]}'))

        self.assert_keeps_nodes("'PodList' came, not a NodeList")
        self.assert_recovers()

    def test_keeps_nodes_when_the_answer_has_no_items(self) -> None:
        for body in (b'{}', b'{"kind":"NodeList","items":null}', b'[]',
                     b'null', b'', b'<html>please log in</html>'):
            self.answer_second_page(Answer(200, body))

            self.assert_keeps_nodes('the answer is not a list of nodes')

    def test_keeps_nodes_when_the_list_never_ends(self) -> None:
        first = b'{"kind":"NodeList","items":[],' \
                b'"metadata":{"resourceVersion":"7","continue":"x"}}'
        self.simulator.intercept = lambda request: Answer(200, first)

        self.assert_keeps_nodes('goes round in circles')
        self.assert_recovers()

    def test_keeps_nodes_while_the_api_server_is_away(self) -> None:
        self.simulator.stop()

        for _ in range(3):
            self.host.poll()
            self.host.check_consistency()
        self.assert_keeps_nodes('Connection refused')

        self.simulator.start()
        self.assert_recovers()

    def test_warns_of_an_outage_once(self) -> None:
        self.simulator.stop()

        self.host.poll()
        self.host.poll()

        warning = f'Cluster simulator: cannot read from the API server at ' \
                  f'{self.simulator.url}: Connection refused. Its nodes stay'
        self.assertEqual(1, self.log.output.count(warning))

    def test_tells_what_to_do_when_credentials_are_not_accepted(self) -> None:
        self.simulator.intercept = lambda request: Answer(401, (
            b'{"kind":"Status","message":"Unauthorized","code":401}'))

        self.assert_keeps_nodes('answered 401 (Unauthorized): it does not '
                                'accept the credentials')
        self.assert_recovers()

    def test_tells_what_to_do_when_listing_is_forbidden(self) -> None:
        self.simulator.intercept = lambda request: Answer(403, (
            b'{"kind":"Status","code":403,"message":"nodes is forbidden: '
            b'User \\"me\\" cannot list resource \\"nodes\\""}'))

        self.assert_keeps_nodes('these credentials may not list nodes; bind')
        self.assertIn('User "me" cannot list', self.log.output)
        self.assert_recovers()

    def test_does_not_log_what_a_failing_server_sends(self) -> None:
        self.simulator.intercept = lambda request: Answer(
            502, b'<html>secret page', {'Set-Cookie': 'session=secret'})

        self.assert_keeps_nodes('answered 502')
        self.assertNotIn('secret', self.log.output)

    def test_follows_no_redirect(self) -> None:
        other = self.start_simulator(cluster='other')
        self.set_options(config_file=str(
            self.directory / 'simulator.kubeconfig'))
        for status in (301, 302, 303, 307, 308):
            self.simulator.intercept = lambda request, status=status: Answer(
                status, b'', {'Location': f'{other.url}/api/v1/nodes'})

            self.assert_keeps_nodes(f'answered {status}')
            self.simulator.intercept = None
            self.simulator.put(samples.node('node-4'))
            self.host.poll()
        # Neither credentials nor anything else.
        self.assertEqual(0, len(other.requests))


class DeadlineTest(base.FunctionalTest):
    """However slow the peer: a request ends when request_timeout says."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.set_options(request_timeout=1)
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()
        self.host.start()

    def assert_times_out(self, *answer: bytes) -> None:
        """Poll a server that sends an answer a part every 0.2 s."""
        server = self.useFixture(SlowServer(answer))
        kubeconfig = self.directory / 'slow.kubeconfig'
        kubeconfig.write_text(self.simulator.kubeconfig().replace(
            self.simulator.url, server.url))
        self.set_options(config_file=str(kubeconfig))
        threads = threading.active_count()
        start = time.monotonic()

        self.host.poll()

        # Far from what the server takes, and from a busy machine's noise.
        self.assertThat(time.monotonic() - start,
                        testtools.matchers.LessThan(10))
        self.assertIn('no complete answer within 1 s', self.log.output)
        self.assertEqual(NAMES, self.host.node_names())
        self.wait_for(lambda: threading.active_count() <= threads)

    def test_ends_when_no_answer_comes(self) -> None:
        self.assert_times_out()

    def test_ends_when_the_headers_come_byte_by_byte(self) -> None:
        self.assert_times_out(b'HTTP/1.1 200 OK\r\nX-Long: ',
                              *[b'x'] * 200)

    def test_ends_when_the_body_comes_byte_by_byte(self) -> None:
        self.assert_times_out(
            b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
            *[b' '] * 200)

    def test_ends_when_an_endless_body_comes_byte_by_byte(self) -> None:
        self.assert_times_out(
            b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n',
            *[b' '] * 200)

    def test_ends_when_an_error_comes_byte_by_byte(self) -> None:
        self.assert_times_out(
            b'HTTP/1.1 500 Oh no\r\nTransfer-Encoding: chunked\r\n\r\n',
            *[b'1\r\nx\r\n'] * 200)


class SlowServer(fixtures.Fixture):
    """Answers each connection with the parts of an answer, slowly."""

    def __init__(self, answer: Iterable[bytes]) -> None:
        self._answer = answer

    def _setUp(self) -> None:
        self._stopped = threading.Event()
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.url = f'http://127.0.0.1:{self._listener.getsockname()[1]}'
        self.addCleanup(self._stop)

    def _serve(self) -> None:
        with contextlib.suppress(OSError), self._listener:
            while not self._stopped.is_set():
                connection, _ = self._listener.accept()
                with contextlib.suppress(OSError), connection:
                    connection.recv(65536)
                    for part in self._answer:
                        connection.sendall(part)
                        if self._stopped.wait(0.2):
                            break
                    self._stopped.wait(30)

    def _stop(self) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):  # the thread may have closed it
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
