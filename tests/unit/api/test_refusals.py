# SPDX-License-Identifier: Apache-2.0
"""What is said of an answer with another status than 200, or of none."""

import json
import ssl

import kubernetes.client
import testtools
import urllib3

from vitrage_k8s.api import errors
from vitrage_k8s.api import logins
from vitrage_k8s.api import refusals

SERVER = 'https://host:6443'
TOKEN = logins.Login('Bearer x')
NOBODY = logins.Login()
ROLE = 'to a role with the verb list'
ANONYMOUS = 'an anonymous user may not list nodes'
REDIRECT = 'no redirect is followed'


class RefusalsTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.refusals = refusals.Refusals('c', SERVER)

    def error(self, status: int, message: str = '',
              login: logins.Login = TOKEN,
              retry_after: str | None = None) -> errors.ClusterError:
        failure = kubernetes.client.ApiException(status, 'its reason')
        failure.body = json.dumps({'message': message}) if message else ''
        failure.headers = {'Retry-After': retry_after} if retry_after else {}
        return self.refusals.of_status(failure, 'list', login)

    def test_each_has_the_advice_for_its_status(self) -> None:
        advice = {'renew them in the kubeconfig', REDIRECT, ROLE, ANONYMOUS}
        for status, message, login, expected in (
                (299, '', TOKEN, set()), (300, '', TOKEN, {REDIRECT}),
                (399, '', TOKEN, {REDIRECT}), (400, '', TOKEN, set()),
                (401, '', TOKEN, {'renew them in the kubeconfig'}),
                (403, '', TOKEN, {ROLE}), (404, '', TOKEN, set()),
                (403, 'User "u" cannot list', TOKEN, {ROLE}),
                (403, 'User "u" cannot list', NOBODY, {ROLE}),
                (403, 'no', NOBODY, {ANONYMOUS}),
                (403, 'User "system:anonymous" cannot', NOBODY, {ANONYMOUS}),
                (403, 'User "system:anonymous" cannot', TOKEN, {ANONYMOUS}),
                (500, '', NOBODY, set())):
            error = self.error(status, message, login)
            self.assertIsInstance(error, errors.ApiError)
            self.assertEqual(expected, {
                each for each in advice if each in error.problem},
                error.problem)
            self.assertIn(
                f'the API server at {SERVER} answered {status} '
                f'({message or "its reason"})', error.problem)

    def test_anonymous_user_is_told_why(self) -> None:
        for login in (NOBODY, logins.Login('Basic x')):
            self.assertIn(login.why_anonymous,
                          self.error(403, 'no', login).problem)

    def test_says_how_long_to_wait(self) -> None:
        for value, expected, said in ((None, None, ''), ('0', 0, ''),
                                      ('7', 7, ' and asks to wait for 7 s')):
            error = self.error(503, retry_after=value)
            self.assertEqual(expected, error.failure().retry_after)
            self.assertEqual(f'the API server at {SERVER} answered 503 '
                             f'(its reason){said}', error.problem)

    def test_version_that_is_gone_is_an_error_of_its_own(self) -> None:
        for status, kind in ((410, errors.ExpiredError),
                             (409, errors.ApiError)):
            self.assertIs(kind, type(self.error(status)))

    def test_long_message_is_cut(self) -> None:
        self.assertNotIn('x' * 400, self.error(500, 'x' * 900).problem)

    def test_no_answer_says_what_to_look_at(self) -> None:
        alert = ssl.SSLError(1, '[SSL: TLSV1_ALERT_UNKNOWN_CA] alert')
        for failure, kind, said in (
                (ConnectionRefusedError(111, 'Connection refused'),
                 errors.ConnectionFailedError,
                 f'cannot read from the API server at {SERVER}: Connection '
                 'refused'),
                (urllib3.exceptions.ProxyError('no', OSError(1, 'Gone')),
                 errors.ConnectionFailedError, 'see its proxy: proxy-url'),
                (ssl.SSLError(1, 'wrong'), errors.TlsFailedError,
                 'see certificate-authority'),
                (ssl.SSLError(1, 'certificate verify failed: certificate has '
                              'expired'), errors.TlsFailedError,
                 "Renew the server's certificate"),
                (alert, errors.TlsFailedError, 'see client-certificate')):
            error = self.refusals.of_connection(failure)
            self.assertIs(kind, type(error))
            self.assertIn(said, error.problem)

    def test_tls_failure_of_the_official_client_has_no_status(self) -> None:
        failure = kubernetes.client.ApiException(0, 'SSLError')
        failure.__cause__ = ssl.SSLError(1, 'wrong')

        self.assertIs(errors.TlsFailedError, type(
            self.refusals.of_status(failure, 'list', TOKEN)))
