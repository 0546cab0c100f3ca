# SPDX-License-Identifier: Apache-2.0
"""Tests of credentials: what they share."""

import base64
from collections.abc import Callable
import pathlib
import time
import traceback
from typing import Any

import fixtures
import testtools

from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.credentials import User
from vitrage_k8s.api.errors import CredentialsError
from vitrage_k8s.api.logins import Login

# Not as one literal: tracebacks quote the tests.
SECRET = '-'.join(('never', 'to', 'be', 'shown'))


def pem(kind: str, content: str = SECRET) -> bytes:
    """Return a block of PEM."""
    lines = base64.encodebytes(content.encode()).decode()
    return f'-----BEGIN {kind}-----\n{lines}-----END {kind}-----\n'.encode()


CERTIFICATE = pem('CERTIFICATE')
KEY = pem('PRIVATE KEY')


def soon() -> float:
    """A deadline for what answers at all."""
    return time.monotonic() + 60


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


class CredentialsTestCase(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file beside the kubeconfig, and return its path."""
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes)
                         else content.encode())
        return str(path)

    def credentials(self, **user: Any) -> Credentials:
        return Credentials(User(**user), self.directory)

    def fails(self, expected: str, call: Callable[[], object]) -> None:
        """Assert that there is an error, and that no secret is with it."""
        error = self.assertRaises(CredentialsError, call)
        self.assertRegex(str(error), expected)
        self.assertNotIn(SECRET, ''.join(
            traceback.format_exception(error)) + repr(error))

    def fails_to_log_in(self, expected: str, **user: Any) -> None:
        logs_in = self.credentials(**user)
        self.fails(expected, lambda: logs_in.login(soon()))

    def fails_to_be_made(self, expected: str, **user: Any) -> None:
        self.fails(expected, lambda: self.credentials(**user))

    def presents(self, expected: Login, **user: Any) -> None:
        logs_in = self.credentials(**user)
        self.assertEqual(expected, logs_in.login(soon()))
