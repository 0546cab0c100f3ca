# SPDX-License-Identifier: Apache-2.0
"""Whether credentials are others, and what a 401 is for them."""

import pathlib
from typing import Any

import fixtures
import testtools

from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.credentials import User
from vitrage_k8s.api.exec_plugin import Exec
from vitrage_k8s.api.logins import Login


def info(deadline: float) -> dict[str, Any]:
    return {}


class SameTest(testtools.TestCase):

    def test_user_place_and_cluster_count(self) -> None:
        here = pathlib.Path('/here')
        one = Credentials(User(token='t'), here, info)
        for other, is_same in (
                (Credentials(User(token='t'), here, info), True),
                (Credentials(User(token='u'), here, info), False),
                (Credentials(User(token='t'), pathlib.Path('/'), info), False),
                (Credentials(User(token='t'), here), False)):
            self.assertIs(is_same, one.is_same(other))
            self.assertIs(other if is_same else one, one.or_same(other))
        self.assertIs(one, one.or_same(None))


class RefusedTest(testtools.TestCase):

    def test_plugin_is_asked_for_others(self) -> None:
        refused: list[Login] = []

        def note(plugin: object, login: Login) -> None:
            refused.append(login)

        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.exec_plugin.Plugin.refused', note))
        login = Login('Bearer t')
        for user, may_help, count in (
                (User(exec=Exec('client.authentication.k8s.io/v1', 'x')),
                 True, 1),
                # It is still the same, and there is no plugin.
                (User(token='t'), False, 0), (User(token='u'), True, 0)):
            refused.clear()
            self.assertIs(may_help, Credentials(
                user, pathlib.Path('/')).refused(login, float('inf')))
            self.assertEqual([login] * count, refused)
