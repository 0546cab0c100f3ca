# SPDX-License-Identifier: Apache-2.0
"""Whether credentials are others."""

import pathlib
from typing import Any

import testtools

from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.credentials import User


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
