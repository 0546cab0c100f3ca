# SPDX-License-Identifier: Apache-2.0
"""Deadlines on connections, and what becomes of errors of connections."""

import socket
import ssl
from typing import Any

import fixtures
import testtools
import urllib3
from urllib3._collections import HTTPHeaderDict

from tests.support import answers
from vitrage_k8s.api import logins
from vitrage_k8s.api import transport


def chain(*errors: BaseException) -> BaseException:
    """Return the first of errors, each of which comes from the next."""
    for error, cause in zip(errors, errors[1:], strict=False):
        error.__cause__ = cause
    return errors[0]


def while_handling(error: BaseException, cause: BaseException | None,
                   is_from_none: bool = False) -> BaseException:
    error.__context__ = cause
    error.__suppress_context__ = is_from_none
    return error


REFUSED = ConnectionRefusedError(111, 'Connection refused')
EOF = ssl.SSLEOFError(8, 'EOF occurred')
UNKNOWN_CA = ssl.SSLCertVerificationError(1, 'unknown CA')


class ErrorsTest(testtools.TestCase):

    def test_what_is_a_tls_failure(self) -> None:
        for error, expected in (
                (UNKNOWN_CA, True), (chain(OSError(), UNKNOWN_CA), True),
                (while_handling(OSError(), UNKNOWN_CA), True),
                # The connection broke off during the handshake.
                (EOF, False), (chain(OSError(), EOF), False),
                (chain(TimeoutError(), UNKNOWN_CA), False),
                (REFUSED, False), (None, False)):
            self.assertIs(expected, transport.is_tls_failure(error),
                          repr(error))

    def test_what_an_error_comes_from(self) -> None:
        for error, expected in (
                (REFUSED, 'Connection refused'),
                (chain(RuntimeError('x'), REFUSED), 'Connection refused'),
                (while_handling(RuntimeError('x'), REFUSED),
                 'Connection refused'),
                (while_handling(RuntimeError('x'), REFUSED, True), 'x'),
                (while_handling(RuntimeError('x'), KeyboardInterrupt()), 'x'),
                (chain(TimeoutError('late'), REFUSED), 'late'),
                (chain(RuntimeError('x'), TimeoutError('late'), REFUSED),
                 'late'),
                (ValueError('invalid literal'), 'the connection broke off'),
                (RuntimeError('one\ntwo'), 'one'),
                (RuntimeError('x' * 300), 'x' * 200),
                (RuntimeError(), 'RuntimeError'), (OSError('x'), 'x')):
            self.assertEqual(expected, transport.root_cause(error),
                             repr(error))

    def test_what_is_a_read_timeout(self) -> None:
        for error, expected in (
                (TimeoutError(), True), (REFUSED, False),
                (urllib3.exceptions.ReadTimeoutError(
                    None, 'u', 'x'), True),  # type: ignore
                (urllib3.exceptions.ProtocolError(), False)):
            self.assertIs(expected, transport.is_read_timeout(error))


def connect(server: str,
            login: logins.Login | None = None) -> transport.Connections:
    return transport.Connections(
        answers.make_endpoint('c', server, answers.Logins()),
        login or logins.Login(), float('inf'))


class Deadlines:
    """Deadlines that the test lets expire."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cancelled: list[int] = []

    def set(self, seconds: float, expire: Any) -> int:
        self.seconds.append(seconds)
        self.expire = expire
        return len(self.seconds)

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)


class ConnectionsTestCase(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.clock = answers.Clock()
        self.deadlines = Deadlines()
        for name, value in (('time', self.clock),
                            ('deadlines.DEADLINES', self.deadlines)):
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.transport.{name}', value))
        self.connections = connect('http://127.0.0.1')


class WithinTest(ConnectionsTestCase):

    def within(self, *steps: object) -> str:
        """Return what a block of 3 s raises, if anything."""
        try:
            with self.connections.within(3):
                for step in steps:
                    if isinstance(step, Exception):
                        raise step
                    if isinstance(step, int | float):
                        self.clock.now += step
                    elif callable(step):
                        step()
        except Exception as error:
            self.cause = error.__cause__
            return f'{type(error).__name__}: {error}'
        return ''

    def expire(self) -> None:
        self.deadlines.expire()

    def test_block_has_its_time(self) -> None:
        late = 'TimeoutError: no complete answer within 3 s'
        for steps, expected in (
                ((), ''), ((KeyError('x'),), "KeyError: 'x'"),
                ((2.9, KeyError('x')), "KeyError: 'x'"),
                # The socket's own timeout may come first.
                ((3, KeyError('x')), late), ((3,), ''),
                ((self.expire,), late), ((self.expire, KeyError('x')), late),
                # That is forgotten afterwards.
                ((), '')):
            self.assertEqual(expected, self.within(*steps), steps)
            self.assertEqual(3, self.deadlines.seconds[-1])
            self.assertEqual(len(self.deadlines.seconds),
                             self.deadlines.cancelled[-1])

    def test_what_failed_is_the_cause(self) -> None:
        error = KeyError('x')
        self.within(self.expire, error)
        self.assertIs(error, self.cause)

    def test_abort_ends_this_one_and_all_that_come(self) -> None:
        for steps in ((self.connections.abort,), (), (KeyError('x'),)):
            self.assertEqual('TimeoutError: given up', self.within(*steps))

    def test_interruption_is_none_of_ours(self) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, self.within, interrupt)
        self.assertEqual([1], self.deadlines.cancelled)


class SocketsTest(ConnectionsTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.listener.close)

    def connect(self, *, is_ready: bool = True) -> socket.socket:
        """Return the socket of a new connection.

        :param is_ready: not while it talks to a proxy, or about TLS
        """
        port = self.listener.getsockname()[1]
        pool: Any = self.connections.pool_manager.connection_from_url(
            f'http://127.0.0.1:{port}')
        self.connection = pool._new_conn()
        self.addCleanup(self.connection.close)
        if not is_ready:
            unready: socket.socket = self.connection._new_conn()
            return unready
        self.connection.connect()
        sock: socket.socket = self.connection.sock
        return sock

    def test_end_of_time_ends_a_read(self) -> None:
        for end, is_ready in ((lambda: self.deadlines.expire(), True),
                              (lambda: self.deadlines.expire(), False),
                              (self.connections.abort, True)):
            # What fails within counts as late.
            read: list[bytes] = []
            with testtools.ExpectedException(TimeoutError), \
                    self.connections.within(3):
                sock = self.connect(is_ready=is_ready)
                sock.settimeout(10)
                end()
                read.append(sock.recv(1))
            self.assertEqual([b''], read)

    def test_connection_that_comes_too_late_is_none(self) -> None:
        for end in (lambda: self.deadlines.expire(),
                    self.connections.abort):
            said: list[str] = []
            with testtools.ExpectedException(TimeoutError), \
                    self.connections.within(3):
                end()
                said.append(str(self.assertRaises(
                    TimeoutError, self.connect)))
            self.assertEqual(['connected too late'], said)

    def test_close_closes_what_is_in_use(self) -> None:
        self.connect()
        self.connections.close()
        self.assertIsNone(self.connection.sock)


class PoolTest(ConnectionsTestCase):

    def test_error_is_read_and_redirect_is_not_followed(self) -> None:
        asked: list[str] = []
        bodies: list[answers.Body] = []

        def urlopen(pool: object, method: str, url: str,
                    **options: object) -> urllib3.HTTPResponse:
            asked.append(url)
            bodies.append(answers.Body(self.clock, [b'why']))
            return urllib3.HTTPResponse(
                bodies[-1],  # type: ignore
                {'X': 'y', 'Location': 'http://elsewhere/b'}, status,
                reason='r', preload_content=False)

        self.useFixture(fixtures.MonkeyPatch(
            'urllib3.HTTPConnectionPool.urlopen', urlopen))
        for status, is_error in ((200, False), (299, False), (300, True),
                                 (302, True), (303, True), (308, True),
                                 (500, True)):
            asked.clear()
            response = self.connections.pool_manager.urlopen(
                'GET', 'http://host/a')
            self.assertIs(is_error, bodies[-1].closed)
            self.assertEqual((status, 'r', 'y', b'why'), (
                response.status, response.reason, response.headers['X'],
                response.data))
            self.assertEqual(['/a'], asked)


class HeadersTest(testtools.TestCase):

    def test_login_is_sent_with_each_request(self) -> None:
        sent: list[HTTPHeaderDict] = []

        def urlopen(pool: object, *arguments: object,
                    headers: HTTPHeaderDict, **options: object,
                    ) -> urllib3.HTTPResponse:
            sent.append(headers)
            return urllib3.HTTPResponse(b'', status=200)

        self.useFixture(fixtures.MonkeyPatch(
            'urllib3.HTTPConnectionPool.urlopen', urlopen))
        for login, expected in (
                (logins.Login(), {}),
                (logins.Login('Bearer x'), {'Authorization': 'Bearer x'}),
                # A name may come several times.
                (logins.Login('Bearer x', headers=(('A', '1'), ('A', '2'))),
                 {'Authorization': 'Bearer x', 'A': '1, 2'})):
            manager = connect('http://host', login).pool_manager
            for _ in range(2):
                manager.request('GET', 'http://host/', headers={'X': 'y'})
                self.assertEqual({**expected, 'X': 'y'},
                                 {name: sent[-1][name] for name in sent[-1]})
