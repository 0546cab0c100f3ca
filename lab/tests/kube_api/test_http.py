# SPDX-License-Identifier: Apache-2.0
"""How the simulator sends its answers, and scripts of them."""

import gzip
import http.client
import threading
import time

from testtools import matchers

from lab.tests.kube_api.simulators import NODES
from lab.tests.kube_api.simulators import SimulatorTest
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import RESET


class HttpTest(SimulatorTest):

    def ask(self, path: str = NODES) -> http.client.HTTPResponse:
        connection = self.connect()
        connection.request('GET', path)
        return connection.getresponse()

    def statuses(self, count: int, path: str = NODES) -> list[int]:
        return [self.ask(path).status for _ in range(count)]


class AnswerTest(HttpTest):
    """How an Answer is sent."""

    def test_sends_a_reason_phrase(self) -> None:
        for phrase, expected in ((None, 'Forbidden'), ('', ''),
                                 ('\x1b\xe9' * 6000, '\x1b\xe9' * 6000)):
            self.simulator.intercept = lambda request: Answer(
                403, phrase=phrase)  # noqa: B023

            self.assertEqual(expected, self.ask().reason)

    def test_hands_over_the_body_of_a_request(self) -> None:
        connection = self.connect()
        for body in (b'{"a": 1}', None):
            connection.request('POST', '/', body)
            connection.getresponse().read()
        self.assertEqual([b'{"a": 1}', b''], [
            request.body for request in self.simulator.requests])

    def test_delays_the_first_byte(self) -> None:
        self.simulator.script(Answer(delay=0.3))
        began = time.monotonic()
        self.assertEqual(200, self.ask().status)
        self.assertThat(time.monotonic() - began,
                        matchers.GreaterThan(0.29))

    def test_stop_ends_delays(self) -> None:
        self.simulator.stop()
        threads = threading.active_count()
        self.simulator.start()
        self.simulator.script(Answer(delay=60))
        sock = self.connect().sock
        sock.sendall(f'GET {NODES} HTTP/1.1\r\n\r\n'.encode())
        while not self.simulator.requests:
            time.sleep(0.01)
        began = time.monotonic()
        self.simulator.stop()
        self.assertThat(time.monotonic() - began, matchers.LessThan(10))
        self.assertEqual(threads, threading.active_count())
        self.assertEqual(b'', sock.recv(4096))

    def test_closes_in_good_order_without_a_byte(self) -> None:
        self.simulator.script(Answer(CLOSE), None)
        connection = self.connect()
        connection.request('GET', NODES)
        self.assertEqual(b'', connection.sock.recv(1))
        self.assertEqual(200, self.ask().status)

    def test_resets_the_connection(self) -> None:
        self.simulator.script(Answer(RESET), None)
        connection = self.connect()
        connection.request('GET', NODES)
        self.assertRaises(ConnectionResetError, connection.sock.recv, 1)
        self.assertEqual(200, self.ask().status)

    def test_sends_chunks_as_given(self) -> None:
        self.simulator.script(Answer(body=b'2\r\nab\r\n0\r\n\r\n', headers={
            'transfer-encoding': 'chunked'}))
        response = self.ask()
        self.assertIsNone(response.headers['Content-Length'])
        self.assertEqual(b'ab', response.read())

    def test_closes_after_an_answer_that_says_so(self) -> None:
        self.simulator.script(Answer(body=b'x', headers={
            'connection': 'close'}))
        # By hand: http.client would close its side by itself.
        sock = self.connect().sock
        sock.sendall(f'GET {NODES} HTTP/1.1\r\n\r\n'.encode())
        received = b''.join(iter(lambda: sock.recv(4096), b''))
        self.assertThat(received, matchers.EndsWith(b'\r\n\r\nx'))

    def test_can_cut_a_compressed_answer(self) -> None:
        self.simulator.put({'metadata': {'name': 'big'},
                            'status': {'x': 'x' * 1_000_000}})

        def cut(request: Request) -> Answer:
            whole = self.simulator.answer(request)
            return Answer(whole.status, whole.body, whole.headers, cut=100)

        self.simulator.script(cut)
        connection = self.connect()
        connection.request('GET', NODES, headers={'Accept-Encoding': 'gzip'})
        response = connection.getresponse()
        self.assertEqual('gzip', response.headers['Content-Encoding'])
        error = self.assertRaises(http.client.IncompleteRead, response.read)
        assert isinstance(error.__cause__, http.client.IncompleteRead)
        part = error.__cause__.partial
        self.assertEqual(100, len(part))
        self.assertRaises(EOFError, gzip.decompress, part)

    def test_cut_in_chunks_ends_after_so_many_bytes(self) -> None:
        body = bytes(range(256)) * 400
        for cut in (0, 1, 65536, 65537, len(body) - 1, len(body)):
            self.simulator.script(Answer(body=body, cut=cut))
            sock = self.connect().sock
            sock.sendall(f'GET {NODES} HTTP/1.1\r\n\r\n'.encode())
            with sock.makefile('rb') as file:
                received = file.read()
            _, _, rest = received.partition(b'\r\n\r\n')
            chunks = []
            while rest:
                size, _, rest = rest.partition(b'\r\n')
                chunks.append(rest[:int(size, 16)])
                rest = rest[int(size, 16) + 2:]
            self.assertEqual(body[:cut], b''.join(chunks))


class ScriptTest(HttpTest):

    def test_answers_in_turn_and_then_normally(self) -> None:
        self.simulator.script(
            Answer(500), lambda request: Answer(501), None,
            lambda request: None, Answer(502))
        self.assertEqual([500, 501, 200, 200, 502, 200, 200],
                         self.statuses(7))

    def test_leaves_other_paths_alone(self) -> None:
        self.simulator.script(Answer(500))
        for path in ('/version', '/healthz', f'{NODES}/a'):
            self.assertEqual([200], self.statuses(1, path))
        self.assertEqual([500], self.statuses(1))

    def test_new_script_replaces_the_old(self) -> None:
        self.simulator.script(Answer(500), Answer(500))
        self.simulator.script(Answer(501))
        self.assertEqual([501, 200], self.statuses(2))

    def test_waits_while_something_intercepts(self) -> None:
        self.simulator.script(Answer(500))
        self.simulator.intercept = lambda request: Answer(503)
        self.assertEqual([503, 503], self.statuses(2))
        self.simulator.intercept = lambda request: None
        self.assertEqual([500, 200], self.statuses(2))

    def test_records_what_is_scripted_too(self) -> None:
        self.simulator.script(Answer(500))
        self.statuses(2)
        self.assertEqual(2, len(self.simulator.requests))
