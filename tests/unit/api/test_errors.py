# SPDX-License-Identifier: Apache-2.0
"""What each error is for the graph and for the next attempt."""

import testtools

from vitrage_k8s.api import errors
from vitrage_k8s.api.watch_policy import Failure
from vitrage_k8s.api.watch_policy import Kind

UNREACHABLE, UNREADABLE = 'Unreachable', 'Unreadable'

# What is raised, its kind, its state, and whether a request is made again.
TABLE = [
    (errors.ClusterError('c', 'p'), Kind.PASSING, UNREADABLE, False),
    (errors.MisconfiguredError('c', 'p'), Kind.MISCONFIGURED, 'Misconfigured',
     False),
    (errors.ConnectionFailedError('c', 'p'), Kind.PASSING, UNREACHABLE, True),
    (errors.WatchSilentError('c', 'p'), Kind.PASSING, UNREACHABLE, True),
    (errors.TlsFailedError('c', 'p'), Kind.PASSING, UNREACHABLE, False),
    (errors.LoginFailedError('c', 'p'), Kind.LOGIN, UNREADABLE, False),
    (errors.MalformedAnswerError('c', 'p'), Kind.PASSING, UNREADABLE, False),
    (errors.ApiError('c', 'p', 400), Kind.PASSING, UNREADABLE, False),
    (errors.ApiError('c', 'p', 401), Kind.LOGIN, UNREADABLE, False),
    (errors.ApiError('c', 'p', 403), Kind.FORBIDDEN, UNREADABLE, False),
    (errors.ApiError('c', 'p', 404), Kind.PASSING, UNREADABLE, False),
    (errors.ExpiredError('c', 'p', 410), Kind.PASSING, UNREADABLE, False),
    (errors.ApiError('c', 'p', 429), Kind.BUSY, UNREADABLE, True),
    (errors.ApiError('c', 'p', 500), Kind.PASSING, UNREADABLE, True),
    (errors.ApiError('c', 'p', 501), Kind.PASSING, UNREADABLE, False),
    (errors.ApiError('c', 'p', 502), Kind.PASSING, UNREADABLE, True),
    (errors.ApiError('c', 'p', 503), Kind.PASSING, UNREADABLE, True),
    (errors.ApiError('c', 'p', 504), Kind.PASSING, UNREADABLE, True),
]


class FailureTest(testtools.TestCase):

    def test_table(self) -> None:
        for error, kind, state, is_retried in TABLE:
            self.assertEqual(Failure(kind, state, 'p', None, is_retried),
                             error.failure(), repr(error))
            self.assertEqual(('c', 'p', 'Cluster c: p'),
                             (error.name, error.problem, str(error)))

    def test_too_many_nodes(self) -> None:
        error = errors.TooManyNodesError('there are more')
        self.assertEqual('there are more', str(error))
        self.assertEqual(Failure(Kind.TOO_MANY, UNREADABLE, 'there are more'),
                         error.failure())

    def test_knows_how_long_a_server_asks_to_wait(self) -> None:
        for kind in (errors.ApiError, errors.ExpiredError):
            error = kind('c', 'p', 410, 7.0)
            self.assertEqual((410, 7), (error.status, error.retry_after))
            self.assertEqual(7, error.failure().retry_after)


class MessageTest(testtools.TestCase):

    def test_is_made_safe(self) -> None:
        for error in (errors.ConfigurationError('a\nb'),
                      errors.UnusableEntryError('a\nb'),
                      errors.CredentialsError('a\nb')):
            self.assertEqual('a?b', str(error))
        failed = errors.TlsFailedError('c\n', 'a\nb')
        self.assertEqual(('Cluster c?: a?b', 'a?b'),
                         (str(failed), failed.problem))

    def test_is_cut(self) -> None:
        failed = errors.TlsFailedError('c', 'x' * 5000)
        for message in (str(failed), failed.problem):
            self.assertEqual(4096, len(message))

    def test_errors_of_the_configuration_are_one_kind(self) -> None:
        # Of an unusable entry, it is known which cluster it is not about.
        self.assertTrue(issubclass(errors.UnusableEntryError,
                                   errors.ConfigurationError))
        self.assertTrue(issubclass(errors.PemError, errors.CredentialsError))
