# SPDX-License-Identifier: Apache-2.0
"""Which sessions are left for whom, and for how long."""

from typing import Any
from unittest import mock

import fixtures
import testtools

from tests.support import answers
from vitrage_k8s.api import credentials
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import idle
from vitrage_k8s.api import logins

LOGIN = logins.Login('Bearer one')
OTHER = logins.Login('Bearer two')


class IdleTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.clock = answers.Clock()
        self.useFixture(fixtures.MonkeyPatch(
            'time.monotonic', lambda: self.clock.now))
        self.idle = idle.Idle()
        self.endpoint = self.make_endpoint()

    @staticmethod
    def make_endpoint(server: str = 'https://one') -> endpoints.Endpoint:
        return answers.make_endpoint(
            'c', server, mock.Mock(credentials.Credentials))

    def leave(self) -> Any:
        session = idle.Session(LOGIN, mock.Mock(), None, self.clock.now)
        self.idle.leave(self.endpoint, session)
        return session

    def take(self, login: logins.Login = LOGIN) -> Any:
        return self.idle.take(self.endpoint, login)

    def test_is_taken_once(self) -> None:
        session = self.leave()

        self.assertIs(session, self.take())
        self.assertIsNone(self.take())
        session.connections.close.assert_not_called()

    def test_is_for_the_same_login_and_server_only(self) -> None:
        session = self.leave()

        self.assertIsNone(self.take(OTHER))
        moved = self.make_endpoint('https://two')
        self.assertIsNone(self.idle.take(endpoints.Endpoint(
            'c', moved.place, self.endpoint.credentials), LOGIN))
        self.assertIsNone(self.idle.take(self.make_endpoint(), LOGIN))
        self.assertIs(session, self.take())

    def test_is_taken_until_it_is_too_old(self) -> None:
        for age, is_taken in ((0, True), (29.9, True), (30, False)):
            session = self.leave()
            self.clock.now += age
            self.assertIs(session if is_taken else None, self.take())

    def test_one_that_is_too_old_is_closed(self) -> None:
        session = self.leave()
        for wait, closed in ((29.9, 0), (0.1, 1), (10, 1)):
            self.clock.now += wait
            self.idle.close_old()
            self.assertEqual(closed, session.connections.close.call_count)

    def test_there_is_one_of_an_endpoint(self) -> None:
        before, after = self.leave(), self.leave()

        self.assertEqual((1, 0), (before.connections.close.call_count,
                                  after.connections.close.call_count))
        self.assertIs(after, self.take())
