# SPDX-License-Identifier: Apache-2.0
"""Exec plugins for tests: shell scripts beside the kubeconfig."""

from collections.abc import Callable
import datetime
import json
import pathlib
import shlex
import time
from typing import Any

import fixtures

from tests.support import credentials
from tests.support.credentials import soon
from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.credentials import User
from vitrage_k8s.api.exec_plugin import Exec
from vitrage_k8s.api.logins import Login

V1 = 'client.authentication.k8s.io/v1'
V1BETA1 = 'client.authentication.k8s.io/v1beta1'

# What a plugin does to print the number of its run as a token.
COUNT = '''
echo run >>runs
echo '{"kind": "ExecCredential", "apiVersion": "'$VERSION'", "status":' \\
    '{"token": "token-'$(wc -l <runs)'"}}'
'''


def prints(version: str = V1, **status: Any) -> str:
    """What a plugin does to print a credential."""
    printed = shlex.quote(json.dumps(credential(version, **status)))
    return f"echo run >>runs; printf '%s' {printed}"


def credential(version: str = V1, **status: Any) -> dict[str, Any]:
    return {'kind': 'ExecCredential', 'apiVersion': version, 'status': status}


def after(seconds: float) -> str:
    """Return a point in time as plugins write it."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
        seconds=seconds)).isoformat()


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = soon()
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def is_running(pid: int) -> bool:
    """Whether a process does anything still; a zombie does not."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(')')[2].split()[0] not in 'ZX'


class Later(fixtures.Fixture):
    """Puts the clock on."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def _setUp(self) -> None:
        clock = time.time
        self.useFixture(fixtures.MockPatch(
            'time.time', lambda: clock() + self._seconds))


class ExecTestCase(credentials.CredentialsTestCase):

    def plugin(self, does: str, version: str = V1, **spec: Any) -> Credentials:
        """Make the credentials of a plugin.

        :param does: its script, in the directory of the kubeconfig
        """
        self.script('plugin', does, version)
        return self.exec(version, './plugin', **spec)

    def script(self, name: str, does: str, version: str = V1) -> None:
        path = pathlib.Path(self.write(
            name, f'#!/bin/sh\ncd {self.directory}\nVERSION={version}\n'
            f'{does}\n'))
        path.chmod(0o700)

    def exec(self, version: str, command: str, *,
             cluster_info: dict[str, Any] | None = None,
             user: dict[str, Any] | None = None, **spec: Any) -> Credentials:
        return Credentials(
            User(exec=Exec(version, command, **spec), **user or {}),
            self.directory,
            None if cluster_info is None
            else lambda deadline: cluster_info)

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()

    def written(self, name: str) -> int:
        """The number that a plugin writes to a file, once it is there."""
        path = self.directory / name
        self.assertTrue(wait_until(
            lambda: path.exists() and path.read_text().endswith('\n')), name)
        return int(path.read_text())

    def runs(self) -> int:
        path = self.directory / 'runs'
        return len(path.read_text().splitlines()) if path.exists() else 0

    def issues(self, expected: Login, logs_in: Credentials) -> None:
        self.assertEqual(expected, logs_in.login(soon()))

    def issues_token(self, token: str, logs_in: Credentials) -> None:
        self.issues(Login(f'Bearer {token}'), logs_in)

    def fails_to_run(self, expected: str, logs_in: Credentials) -> None:
        self.fails(expected, lambda: logs_in.login(soon()))
