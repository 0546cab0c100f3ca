# SPDX-License-Identifier: Apache-2.0
"""Lists, as the client asks for them, and what their failures are."""

from collections.abc import Iterator
import contextlib
import gzip
import json
import math
import os
import ssl
from typing import Any

import fixtures
import urllib3

from tests.support.answers import Answer
from tests.support.answers import ClientTestCase
from tests.support.answers import make_endpoint
from vitrage_k8s.api import bodies
from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import errors
from vitrage_k8s.api import idle
from vitrage_k8s.api.logins import Login
from vitrage_k8s.api.watch_policy import Kind

BODY = b'{"kind": "NodeList"}'
LIST = Answer((BODY,))
UNAVAILABLE = Answer(status=503)
UNAUTHORIZED = Answer(status=401)
MEBIBYTE = 1 << 20


def status(code: int, message: str = '', **headers: str) -> Answer:
    """Return an answer with a Status object."""
    return Answer((json.dumps({'message': message}).encode(),), code,
                  {name.replace('_', '-'): value
                   for name, value in headers.items()}, 'its reason')


class ListTestCase(ClientTestCase):

    def list_nodes(self, seconds: float = 100) -> bodies.Packed:
        return self.client.list_nodes(500, None, self.clock.now + seconds)

    def error_of(self, *answers: Answer | Exception) -> errors.ClusterError:
        """Return what is raised after some answers."""
        self.will_answer(*answers)
        error = self.assertRaises(errors.ClusterError, self.list_nodes)
        self.assertEqual('c', error.name)
        self.assertNotIn('secret', str(error))
        return error

    def inflate(self, packed: bodies.Packed,
                deadline: float = math.inf) -> bytes | bytearray:
        return self.client.inflate(packed, deadline)


class ListTest(ListTestCase):

    def test_asks_for_what_is_wanted(self) -> None:
        for limit, token, query in (
                (500, None, {'limit': '500'}),
                (500, 'next', {'limit': '500', 'continue': 'next'}),
                (None, 'next', {'continue': 'next'}), (None, None, {})):
            self.will_answer(LIST)

            packed = self.client.list_nodes(limit, token, self.clock.now + 5)

            [request] = self.requests
            self.assertEqual(('GET', query), (request.method, request.query))
            self.assertEqual('https://user:secret@host:6443/api/v1/nodes',
                             request.url)
            self.assertEqual('gzip', request.headers['Accept-Encoding'])
            self.assertEqual(Login('Bearer one'), self.made[-1].login)
            self.assertEqual(BODY, self.inflate(packed))

    def test_takes_what_is_packed_and_what_is_not(self) -> None:
        packed = gzip.compress(BODY)
        for coding, pieces in (
                ('', (BODY,)), ('identity', (BODY[:5], BODY[5:])),
                ('gzip', (packed,)), ('x-gzip', (packed[:9], packed[9:])),
                (' GZIP ', (packed,))):
            self.will_answer(Answer(pieces, 200, {
                'Content-Encoding': coding,
                'Content-Type': 'application/json'}))
            self.assertEqual(BODY, self.inflate(self.list_nodes()))

    def test_refuses_what_it_cannot_read(self) -> None:
        for headers, said in (
                ({'Content-Type': 'text/html'}, 'type text/html, not JSON'),
                ({'Content-Type': 'x' * 100}, f'type {"x" * 80}, not JSON'),
                ({'Content-Encoding': 'br'}, 'coding br, not gzip'),
                ({'Content-Encoding': 'y' * 100},
                 f'coding {"y" * 80}, not gzip')):
            error = self.error_of(Answer((BODY,), 200, headers))
            self.assertIsInstance(error, errors.MalformedAnswerError)
            self.assertIn('the answer of https://host:6443 ', str(error))
            self.assertIn(said, str(error))
            self.assertTrue(self.bodies[-1].closed)

    def test_refuses_what_is_too_large(self) -> None:
        for name in ('_LARGEST_PACKED', '_LARGEST_ANSWER'):
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.client.{name}', MEBIBYTE))
        self.will_answer(Answer((b'x' * MEBIBYTE,)))
        self.list_nodes()

        error = self.error_of(Answer((b'x' * MEBIBYTE, b'x')))

        said = 'the answer of https://host:6443 is larger than 1 MiB; see ' \
            '[kubernetes] page_size'
        self.assertIsInstance(error, errors.MalformedAnswerError)
        self.assertEqual(said, error.problem)
        for size in (MEBIBYTE, MEBIBYTE + 1):
            packed = bodies.Packed(gzip.compress(b'x' * size), True)
            if size == MEBIBYTE:
                self.assertEqual(size, len(self.inflate(packed)))
                continue
            error = self.assertRaises(errors.MalformedAnswerError,
                                      self.inflate, packed)
            self.assertEqual(said, error.problem)

    def test_bounds_what_an_answer_takes(self) -> None:
        self.assertEqual((256, 64, 32), tuple(bound / MEBIBYTE for bound in (
            api_client._LARGEST_ANSWER, api_client._LARGEST_PACKED,
            api_client._LONGEST_LINE)))

    def test_gzip_that_breaks_off_is_no_answer(self) -> None:
        packed = gzip.compress(BODY)
        # A byte that another member may begin with is the last one.
        for data in (packed[:-9], b'no gzip at all', packed + b'\x1f',
                     packed + b'\x1f\x8b junk'):
            error = self.assertRaises(
                errors.ConnectionFailedError, self.inflate,
                bodies.Packed(data, True))
            self.assertIn('cannot read from the API server at '
                          'https://host:6443: ', str(error))


    def test_deadline_and_abort_end_the_inflating(self) -> None:
        packed = bodies.Packed(gzip.compress(BODY) * 2, True)
        deadline = self.clock.now + 1
        self.assertEqual(BODY * 2, self.inflate(packed, deadline))
        self.clock.now = deadline
        error = self.assertRaises(errors.ConnectionFailedError,
                                  self.inflate, packed, deadline)
        self.assertIn('within list_timeout', str(error))
        self.client.abort()
        self.assertRaises(errors.ConnectionFailedError, self.inflate, packed)


class TimeTest(ListTestCase):

    def test_request_has_the_time_that_is_left(self) -> None:
        for request_timeout, seconds, expected in (
                (60, 100, (60, 10, 60)), (60, 30, (30, 10, 30)),
                (60, 0.5, (0.5, 0.5, 0.5)), (7, 100, (7, 7, 7))):
            self.client = self.make_client(request_timeout)
            self.will_answer(LIST)

            self.list_nodes(seconds)

            timeout = self.requests[0].timeout
            self.assertEqual(expected, (
                self.bounds[0], timeout.connect_timeout,
                timeout.read_timeout))
            self.assertEqual(self.clock.now + min(seconds, request_timeout),
                             self.logins.deadlines[-1])

    def test_nothing_is_asked_for_when_no_time_is_left(self) -> None:
        for seconds in (0, -1):
            self.will_answer(LIST)
            error = self.assertRaises(errors.ConnectionFailedError,
                                      self.list_nodes, seconds)
            self.assertIn('not complete within list_timeout', str(error))
            self.assertEqual([], self.requests)


    def test_says_which_time_was_not_enough(self) -> None:
        def hangs() -> Iterator[TimeoutError]:
            self.clock.now += 30
            yield TimeoutError('no complete answer within 30 s')

        for request_timeout, said in ((30, 'no complete answer within 30 s'),
                                      (60, 'within list_timeout')):
            self.client = self.make_client(request_timeout)
            self.answers = hangs()
            error = self.assertRaises(
                errors.ConnectionFailedError, self.list_nodes,
                30 if request_timeout > 30 else 100)
            self.assertIn(said, str(error))


class RetryTest(ListTestCase):

    def test_asks_again_as_often_as_it_may(self) -> None:
        for most, waits in ((0, []), (1, [0.8]), (3, [0.8, 1.6, 3.2])):
            self.client.max_retries = most
            self.error_of(*[UNAVAILABLE] * (most + 1))
            self.assertEqual(waits, self.clock.waits)
            self.will_answer(*[UNAVAILABLE] * most, LIST)
            self.list_nodes()
            self.assertEqual(most + 1, len(self.requests))

    def test_asks_again_as_long_as_there_is_time(self) -> None:
        self.client.max_retries = 9
        for seconds, waits in ((0.8, []), (0.9, [0.8]), (2.4, [0.8]),
                               (2.5, [0.8, 1.6])):
            self.will_answer(*[UNAVAILABLE] * 9)
            self.assertRaises(errors.ApiError, self.list_nodes, seconds)
            self.assertEqual(waits, self.clock.waits)

    def test_waits_as_long_as_the_server_asks(self) -> None:
        self.client.max_retries = 1
        self.will_answer(status(429, Retry_After='3'), LIST)
        self.list_nodes()
        self.assertEqual([3], self.clock.waits)

    def test_asks_a_busy_server_more_often(self) -> None:
        self.error_of(*[status(429)] * 11)
        self.assertEqual(11, len(self.requests))

    def test_asks_no_more_once_it_is_aborted(self) -> None:
        self.client.max_retries = 9
        self.client.abort()
        self.error_of(UNAVAILABLE)
        self.assertEqual([], self.clock.waits)

    def test_makes_no_retries_unless_it_may(self) -> None:
        self.assertEqual(0, self.client.max_retries)


class LoginTest(ListTestCase):

    def test_keeps_its_connections_while_the_login_is_the_same(self) -> None:
        self.will_answer(*[LIST] * 4)
        for login, made in (('one', 1), ('one', 1), ('two', 2), (None, 3)):
            self.logins.answers = [Login(login)]
            self.list_nodes()
            self.assertEqual(made, len(self.made))
            self.assertEqual(Login(login), self.made[-1].login)
            self.assertEqual([True] * (made - 1) + [False],
                             [each.is_closed for each in self.made])
        self.error_of(ConnectionResetError())
        self.client.close()
        self.assertTrue(self.made[-1].is_closed)
        self.assertTrue(self.made[-1].is_cleared)

    def test_can_be_closed_before_it_is_used(self) -> None:
        self.client.close()
        self.client.abort()
        self.assertTrue(self.client.is_aborted)

    def test_asks_again_where_a_refused_login_is_renewed(self) -> None:
        self.logins.answers = [Login('Bearer old'), Login('Bearer new')]
        self.logins.is_renewed = [True]
        self.will_answer(UNAUTHORIZED, LIST)

        self.list_nodes()

        self.assertEqual([Login('Bearer old'), Login('Bearer new')],
                         [each.login for each in self.made])
        self.assertEqual([Login('Bearer old')], self.logins.refusals)
        self.assertEqual([], self.clock.waits)

    def test_gives_up_where_it_is_not(self) -> None:
        for renewed, asked in (([False, True], 1), ([True, True], 2)):
            self.logins.is_renewed = renewed
            error = self.error_of(*[UNAUTHORIZED] * asked)
            self.assertEqual(Kind.LOGIN, error.kind)
            self.assertEqual(asked, len(self.requests))
            self.assertEqual([True], self.logins.is_renewed)

    def test_no_other_refusal_is_one_of_the_login(self) -> None:
        # It would ask for another login, and there is none.
        self.error_of(status(403))

    def test_why_there_is_no_login(self) -> None:
        for problem, expected in (
                (errors.CredentialsError('no token'), errors.LoginFailedError),
                (errors.PemError('no PEM'), errors.MisconfiguredError),
                (ValueError('no proxy'), errors.MisconfiguredError)):
            self.logins.answers = [problem]
            error = self.error_of()
            self.assertIs(expected, type(error))
            self.assertEqual(f'Cluster c: {problem}', str(error))
            self.assertIs(problem, error.__cause__)


class IdleTest(ListTestCase):

    def list_anew(self, *before: Answer | Exception) -> None:
        """List with one client, and then with another one."""
        self.made.clear()
        self.client = self.make_client()
        self.will_answer(*before, LIST)
        for _ in before:
            with contextlib.suppress(errors.ClusterError):
                self.list_nodes()
        self.client.close()
        self.client = self.make_client()
        self.list_nodes()

    def test_next_client_has_the_connections_of_a_list(self) -> None:
        self.list_anew(LIST)
        self.assertEqual(1, len(self.made))
        self.assertFalse(self.made[0].is_closed)
        # They are another's as long as they are in use.
        self.will_answer(LIST)
        self.client = self.make_client()
        self.list_nodes()
        self.assertEqual(2, len(self.made))

    def test_connections_may_have_been_cut_meanwhile(self) -> None:
        no_tls = urllib3.exceptions.SSLError('x')
        # The kernel's timeout for what nobody acknowledges.
        unacknowledged = urllib3.exceptions.ReadTimeoutError(
            None, 'u', 'timed out')  # type: ignore[arg-type]
        for problem in (ConnectionResetError(), no_tls, unacknowledged,
                        Answer((59.9, TimeoutError()))):
            self.list_anew(LIST)
            self.client.close()
            self.client = self.make_client()
            self.will_answer(problem, LIST)
            self.list_nodes()
            self.assertEqual([True, False],
                             [each.is_closed for each in self.made])
            self.assertEqual([], self.clock.waits)

    def test_connections_are_cut_once_at_most(self) -> None:
        for before, problems in (
                ((), (ConnectionResetError(),) * 2),
                # A server that is slow is not asked twice.
                ((), (Answer((60.0, TimeoutError('timed out'))),)),
                # They are in use then.
                ((LIST,), (ConnectionResetError(),))):
            self.list_anew(LIST)
            self.client.close()
            self.client = self.make_client()
            self.will_answer(*before, *problems)
            for _ in before:
                self.list_nodes()
            self.assertRaises(errors.ConnectionFailedError, self.list_nodes)
            self.client.close()

    def test_of_two_the_last_is_left(self) -> None:
        other = self.make_client()
        self.will_answer(LIST, LIST)
        self.list_nodes()
        other.list_nodes(1, None, self.clock.now + 5)
        self.client.close()
        other.close()
        self.assertEqual([True, False],
                         [each.is_closed for each in self.made])

    def test_what_failed_is_closed(self) -> None:
        for before in ((UNAVAILABLE,), (LIST, ConnectionResetError())):
            self.list_anew(*before)
            self.assertEqual([True, False],
                             [each.is_closed for each in self.made])

    def test_what_was_aborted_is_closed(self) -> None:
        self.will_answer(LIST)
        self.list_nodes()
        self.client.abort()
        self.client.close()
        self.assertTrue(self.made[0].is_closed)

    def test_connections_are_idle_for_a_while_only(self) -> None:
        for seconds, is_closed in ((29.9, False), (0.1, True)):
            if not is_closed:
                self.will_answer(LIST)
                self.list_nodes()
                self.client.close()
            self.clock.now += seconds
            idle.SESSIONS.close_old()
            self.assertIs(is_closed, self.made[0].is_closed)

    def test_authorities_are_read_again_however_often_it_lists(self) -> None:
        for seconds, made in ((0, 1), (29, 1), (1, 2), (29, 2), (29, 3)):
            self.clock.now += seconds
            self.client = self.make_client()
            self.will_answer(LIST)
            self.list_nodes()
            self.client.close()
            self.assertEqual(made, len(self.made))

    def test_another_login_or_server_has_others(self) -> None:
        self.logins.answers = [Login('one'), Login('two')]
        self.list_anew(LIST)
        self.assertEqual([False, False],
                         [each.is_closed for each in self.made])
        self.logins.answers = [Login('two')]
        self.client.close()
        self.client = api_client.Client('c', make_endpoint(
            'c', 'https://another', self.logins), 60)
        self.will_answer(LIST)
        self.list_nodes()
        self.assertEqual(3, len(self.made))


class ForkTest(ListTestCase):

    def test_child_has_no_connection_and_no_lock_of_its_parent(self) -> None:
        self.will_answer(LIST)
        self.list_nodes()
        self.client.close()
        with idle.SESSIONS._lock:
            child = os.fork()
            if not child:
                is_free = idle.SESSIONS._lock.acquire(blocking=False)
                os._exit(0 if is_free and not idle.SESSIONS._left else 1)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        self.assertTrue(idle.SESSIONS._left)


class AbortTest(ListTestCase):

    def test_client_may_be_closed_meanwhile(self) -> None:
        class Closing(api_client.Client):
            # Closed by another thread as soon as somebody has looked.
            @property
            def _session(self) -> Any:
                session, self._session = self.__dict__['of'], None
                return session

            @_session.setter
            def _session(self, session: Any) -> None:
                self.__dict__['of'] = session

        self.will_answer(LIST)
        self.list_nodes()
        client = Closing('c', make_endpoint('c', 'https://h', self.logins), 60)
        client._session = self.client._session
        client.abort()
        self.assertTrue(client.is_aborted)
        self.assertTrue(self.made[0].is_aborted)

    def test_ends_what_is_under_way_and_all_that_comes(self) -> None:
        self.assertFalse(self.client.is_aborted)
        self.will_answer(LIST, LIST)
        self.list_nodes()
        self.assertFalse(self.made[0].is_aborted)

        self.client.abort()

        self.assertTrue(self.client.is_aborted)
        self.assertTrue(self.made[0].is_aborted)
        self.logins.answers = [Login('Bearer two')]
        self.list_nodes()
        self.assertTrue(self.made[1].is_aborted)


class FailureTest(ListTestCase):

    def test_connection_that_fails(self) -> None:
        for problem, said in (
                (ConnectionRefusedError(111, 'Connection refused'),
                 'Connection refused'),
                (urllib3.exceptions.ProtocolError('broken'), 'broken'),
                (TimeoutError('no complete answer within 3 s'),
                 'no complete answer within 3 s'),
                (urllib3.exceptions.ReadTimeoutError(
                    None, 'u', 'timed out'), 'timed out')):  # type: ignore
            error = self.error_of(problem)
            self.assertIs(errors.ConnectionFailedError, type(error))
            self.assertIn(said, error.problem)
            self.assertIn('cannot read from the API server at '
                          'https://host:6443: ', error.problem)
            self.assertIs(problem, error.__cause__)

    def test_body_that_breaks_off(self) -> None:
        error = self.error_of(Answer((BODY[:5], ConnectionResetError(
            104, 'Connection reset by peer'))))
        self.assertIs(errors.ConnectionFailedError, type(error))

    def test_tls_that_fails(self) -> None:
        for problem in (ssl.SSLError(1, 'certificate verify failed'),
                        urllib3.exceptions.SSLError('x')):
            problem.__cause__ = ssl.SSLCertVerificationError('unknown CA')
            error = self.error_of(problem)
            self.assertIs(errors.TlsFailedError, type(error))
            self.assertIn('no safe connection to the API server at '
                          'https://host:6443: ', error.problem)
            self.assertIn('certificate-authority', error.problem)

    def test_tls_that_the_server_refuses(self) -> None:
        # Reasons of OpenSSL 1.1 to 3.5 (crypto/err/openssl.txt).
        for reason in ('SSLV3_ALERT_BAD_CERTIFICATE', 'TLSV1_ALERT_UNKNOWN_CA',
                       'SSLV3_ALERT_CERTIFICATE_EXPIRED',
                       'TLSV1_ALERT_ACCESS_DENIED',
                       'SSL/TLS_ALERT_CERTIFICATE_UNKNOWN',
                       'TLSV13_ALERT_CERTIFICATE_REQUIRED'):
            error = self.error_of(ssl.SSLError(1, f'[SSL: {reason}] alert'))
            self.assertIs(errors.TlsFailedError, type(error))
            self.assertIn('client-certificate of its user', error.problem)
            self.assertNotIn('authority', error.problem)

    def test_what_statuses_mean(self) -> None:
        for code, kind, said in (
                (401, Kind.LOGIN, 'renew them in the kubeconfig'),
                (403, Kind.FORBIDDEN, 'may not list nodes; bind'),
                (429, Kind.BUSY, ''), (500, Kind.PASSING, ''),
                (302, Kind.PASSING, 'set server to'), (410, Kind.PASSING, '')):
            self.logins.is_renewed = [False]
            error: Any = self.error_of(*[status(code, 'the message')] * 11)
            self.assertIsInstance(error, errors.ApiError)
            self.assertEqual(code == 410,
                             isinstance(error, errors.ExpiredError))
            self.assertEqual((code, kind, None), (
                error.status, error.kind, error.retry_after))
            self.assertTrue(error.problem.startswith(
                f'the API server at https://host:6443 answered {code} '
                '(the message)'), error.problem)
            self.assertIn(said, error.problem)
            self.assertEqual(bool(said), ': ' in error.problem.replace(
                'https:', ''))
            self.assertIsNone(error.__cause__)
            self.assertNotIn('asks to wait', error.problem)

    def test_what_a_server_says_is_made_safe_and_cut(self) -> None:
        for answer, said in (
                (status(500), '(its reason)'),
                (Answer((b'<html>',), 502, {}, 'Bad\nGateway'),
                 '(Bad?Gateway)'),
                (Answer((b'\xff',), 500, {}, ''), '()'),
                (status(500, 'x' * 400), f'({"x" * 400})'),
                (status(500, 'x' * 401), f'({"x" * 397}...)')):
            self.assertIn(f'answered {answer.status} {said}',
                          self.error_of(answer).problem)

    def test_how_long_a_server_asks_to_wait(self) -> None:
        for value, seconds in (('5', 5), ('0', 0), ('soon', None)):
            error = self.error_of(status(403, Retry_After=value))
            self.assertEqual(seconds, error.retry_after)
            self.assertEqual(bool(seconds), ' and asks to wait for 5 s: '
                             in error.problem)
