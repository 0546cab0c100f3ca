# SPDX-License-Identifier: Apache-2.0
"""A standalone Vitrage in a process of its own, and the `vitrage` client."""

from collections.abc import Callable
from collections.abc import Mapping
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any

from keystoneauth1 import loading
from keystoneauth1 import session
import requests
import testtools
from vitrageclient import client

# Seconds that a step may take on a busy machine.
PATIENCE = 60


def spawn(script: str, directory: str) -> subprocess.Popen[str]:
    """Start a Python with a script; it is killed if it takes too long.

    :param directory: what the script finds in sys.argv
    """
    process = subprocess.Popen(
        [sys.executable, '-c', script, directory], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def guard() -> None:
        try:
            process.wait(15 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()

    threading.Thread(target=guard, daemon=True).start()
    return process


def environment(process: subprocess.Popen[str]) -> dict[str, str]:
    """Wait for a standalone Vitrage, and return what it prints."""
    assert process.stdout and process.stderr
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.stderr.read())
    printed: dict[str, str] = json.loads(line)
    return printed


def run_client(variables: Mapping[str, str],
               *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the `vitrage` client as an operator would."""
    return subprocess.run(
        [str(pathlib.Path(sys.executable).with_name('vitrage')), *arguments],
        env={**os.environ, **variables}, text=True, capture_output=True,
        timeout=PATIENCE, check=False)


def eventually(expected: object, ask: Callable[[], object]) -> object:
    """Ask until the answer is as expected; return the last answer."""
    deadline = time.monotonic() + PATIENCE
    while (answer := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


class ClientTest(testtools.TestCase):
    """Asks a Vitrage that all tests of the class share.

    :ivar process: where it runs; begin() starts it
    :ivar variables: with which the client finds it
    :ivar api: the client as a library, which takes less time than its command
    """

    process: subprocess.Popen[str]
    variables: dict[str, str]
    api: Any

    @classmethod
    def begin(cls, script: str, directory: str) -> None:
        """Start a Vitrage; see spawn()."""
        cls.process = spawn(script, directory)
        cls.addClassCleanup(cls.process.communicate)
        cls.addClassCleanup(cls.process.kill)
        cls.connect(environment(cls.process))

    @classmethod
    def connect(cls, variables: dict[str, str]) -> None:
        """Ask the Vitrage that the client finds with these variables."""
        cls.variables = variables
        connection = requests.Session()
        connection.trust_env = False
        cls.api = client.Client('1', session.Session(
            loading.get_plugin_loader('vitrage-noauth').load_from_options(
                user_id='admin', project_id='admin', roles='admin',
                endpoint=cls.variables['VITRAGE_ENDPOINT']), connection))

    def client(self, *arguments: str, **variables: str) -> str:
        """Return what the client prints; it must succeed."""
        done = run_client({**self.variables, **variables}, *arguments)
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        return done.stdout

    def table(self, *arguments: str, **variables: str) -> Any:
        return json.loads(
            self.client(*arguments, '-f', 'json', **variables))

    def eventually(self, expected: object, ask: Callable[[], object]) -> None:
        self.assertEqual(expected, eventually(expected, ask))
