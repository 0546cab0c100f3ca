# SPDX-License-Identifier: Apache-2.0
"""Programs that tests run as processes of their own.

Each is found, watched while it starts, and ended with all that it has
started in its turn, even if the tests' own process is killed.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

# What may be too slow on a busy machine, and never is on an idle one.
PATIENCE = 120
# How long what is asked to end may take before it is killed.
GRACE = 10

# Debian's own rabbitmq-server, in /usr/sbin, becomes the user rabbitmq and
# reads its configuration: the original comes before it. And who is not root
# may not have the others in the PATH.
_FIRST = ('/usr/lib/rabbitmq/bin',)
_LAST = ('/usr/local/sbin', '/usr/sbin', '/sbin')

# As Linux has it by default, the kernel gives out those above to whoever
# asks for any, and there are many such between the choice and the use.
_PORTS = range(15_000, 32_000)

# Ends what the tests have left behind when its stdin ends, as it does when
# their process ends in whatever way.
_GUARD = """
import os, signal, sys
left = set()
for line in sys.stdin:
    left ^= {int(line)}
for group in left:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class FailedError(AssertionError):
    """A program has ended, or not become ready."""


def find(program: str) -> str | None:
    """Find a program; None if it is not installed."""
    return shutil.which(program, path=os.pathsep.join(
        (*_FIRST, os.environ.get('PATH', os.defpath), *_LAST)))


def beside_python(script: str) -> str:
    """Find a script of a package in the tests' environment."""
    return str(pathlib.Path(sys.executable).with_name(script))


def free_ports(count: int) -> list[int]:
    """Choose ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as bound:
        ports: list[int] = []
        for port in random.sample(_PORTS, len(_PORTS)):
            if len(ports) == count:
                break
            with contextlib.suppress(OSError):
                bound.enter_context(
                    socket.create_server(('127.0.0.1', port)))
                ports.append(port)
        return ports


def listens(port: int) -> bool:
    """Return whether a process listens at a port of 127.0.0.1."""
    try:
        with socket.create_connection(('127.0.0.1', port)):
            return True
    except OSError:
        return False


def await_true(is_done: Callable[[], bool], what: str,
               patience: float = PATIENCE) -> None:
    """Ask until it is so.

    :raises FailedError: if it takes too long
    """
    deadline = time.monotonic() + patience
    while not is_done():
        if time.monotonic() > deadline:
            raise FailedError(f'After {patience} s: not {what}')
        time.sleep(0.1)


class _Guard:
    """Knows which process groups there are; see _GUARD."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def toggle(self, group: int) -> None:
        """Watch a process group, or do so no longer."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, '-c', _GUARD], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, text=True, start_new_session=True)
        assert self._process.stdin
        self._process.stdin.write(f'{group}\n')
        self._process.stdin.flush()


_guard = _Guard()


class Process:
    """A program that runs until it is stopped, with what it has started.

    As a context manager it runs in the context, and may be stopped and
    started again there.

    :param command: the program and its arguments
    :param log: the file that takes what it prints
    :param environment: all its variables
    """

    def __init__(self, command: Sequence[str], log: pathlib.Path,
                 environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.log = log
        log.touch()

    def start(self) -> None:
        """Start it, at the head of a process group."""
        assert self._process is None
        with self.log.open('ab') as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        _guard.toggle(self._process.pid)

    def stop(self, asking: bool = True) -> None:
        """End it and what it has started; again is harmless.

        :param asking: whether it is asked to end before it is killed
        """
        if self._process is None:
            return
        process, self._process = self._process, None
        if asking:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(FailedError):
                await_true(lambda: _has_ended(process), 'ended', GRACE)
        # As long as nobody has waited for the process, there is no other
        # group of its number.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # When Python ends before this, the guard knows what to do.
        with contextlib.suppress(ValueError):
            _guard.toggle(process.pid)

    def __enter__(self) -> 'Process':
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def await_ready(self, is_ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        :raises FailedError: if it ends, or it takes too long
        """
        def is_done() -> bool:
            if self._process is None or _has_ended(self._process):
                raise FailedError(
                    f'{self._command[0]} has ended: {self.tail()}')
            return is_ready()

        try:
            await_true(is_done, 'ready')
        except FailedError as error:
            raise FailedError(
                f'{self._command}: {error}\n{self.tail()}') from error

    def tail(self) -> str:
        """Return the end of what it has printed."""
        return self.log.read_text(errors='replace')[-20_000:]


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended, without waiting for it."""
    return os.waitid(os.P_PID, process.pid,
                     os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run a program to its end.

    :raises FailedError: if it fails
    """
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE,
                          check=False)
    if done.returncode:
        raise FailedError(f'{command[0]}: {done.stdout[-5000:]}{done.stderr}')
