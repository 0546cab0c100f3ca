# SPDX-License-Identifier: Apache-2.0
"""Runs a command of which nothing is left, however it ends.

When SIGTERM comes, or the parent of this process ends in whatever way, the
command is killed with all that it has started, in whatever session that is.
What it was making is removed, and so are its temporary files, at any end.

The scripts run with it what takes long: a shell does not know what its
children start in their turn, and has no locks. It must work with every Python
that the scripts admit, and nothing else.
"""

import argparse
from collections.abc import Iterator
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

# How often to look whether the parent is there, in seconds.
LOOK = 0.5
# How often to say that it goes on, in seconds.
SAY = 15

AWAITED = (signal.SIGCHLD, signal.SIGTERM)
# What Python and the shell ignore, and the command shall not.
RESTORED = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)

# From linux/prctl.h.
PR_SET_CHILD_SUBREAPER = 36


class StoppedError(Exception):
    """The end is wanted."""


def say(text: str) -> None:
    # Where nobody listens, what is to be done is still to be done.
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def pauses(parent: int, progress: str) -> Iterator[None]:
    """Yield when a child has ended, and else when some time has gone by.

    :param parent: the process whose end is the end of this one
    :param progress: what to say now and then; empty for nothing
    :raises StoppedError: if the end is wanted
    """
    said = time.monotonic()
    while True:
        came = signal.sigtimedwait(AWAITED, LOOK)
        if (came and came.si_signo == signal.SIGTERM
                or os.getppid() != parent):
            raise StoppedError
        if progress and time.monotonic() - said >= SAY:
            say(progress)
            said = time.monotonic()
        yield


def take(descriptor: int) -> bool:
    """Take a directory; return False if somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(directory: str, parent: int) -> None:
    """Wait until nobody else has the directory, and take it.

    The kernel gives it back when this process ends. What is started does not
    hold it.

    :raises StoppedError: if the end is wanted
    """
    descriptor = os.open(directory, os.O_RDONLY)
    if not take(descriptor):
        say(f'Waiting: another run is at work in {os.path.abspath(directory)}')
        waiting = pauses(parent, '... still waiting')
        while not take(descriptor):
            next(waiting)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose parents end."""
    # There are Pythons without ctypes. With them, what has made itself a
    # session of its own is not found.
    with contextlib.suppress(ImportError):
        import ctypes
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap(command: int) -> int | None:
    """Take note of the children that have ended.

    :returns: the exit status of the command, as a shell has it; None if it
        has not ended
    """
    pid = -1
    while pid:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == command:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
    return None


def children() -> Iterator[int]:
    for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # Before it is the program's name, which may hold anything.
            fields = stat.read_text(errors='replace').rpartition(')')[2]
            if int(fields.split()[1]) == os.getpid():
                yield int(stat.parent.name)


def kill(command: int) -> None:
    """Kill the command and all its descendants, and wait for their end."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(command, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            # Their children are then children of this process.
            for child in children():
                with contextlib.suppress(PermissionError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def run(command: list[str], parent: int, progress: str, gently: bool) -> int:
    """Run the command, and return its exit status.

    :param gently: whether to wait for its end, also if that of this process
        is wanted, and to leave what it has started
    :raises StoppedError: if the end is wanted; the command has ended by then
    """
    if not gently:
        adopt_orphans()
    with tempfile.TemporaryDirectory(prefix='vitrage-k8s-',
                                     ignore_cleanup_errors=True) as directory:
        pid = os.posix_spawnp(
            command[0], command, {**os.environ, 'TMPDIR': directory},
            setsid=True, setsigmask=(), setsigdef=RESTORED)
        running = pauses(parent, progress)
        try:
            while (status := reap(pid)) is None:
                next(running)
            return status
        except StoppedError:
            if gently:
                say('Waiting for the end of what must not be interrupted')
                os.waitpid(pid, 0)
            raise
        finally:
            if not gently:
                kill(pid)


def main() -> int:
    parent = os.getppid()
    parser = argparse.ArgumentParser(description='Run a command.')
    parser.add_argument(
        '--lock', metavar='DIRECTORY', required=True,
        help='where one command is run at a time, and the others wait')
    parser.add_argument(
        '--makes', metavar='DIRECTORY',
        help='what is removed unless the command succeeds')
    parser.add_argument(
        '--progress', metavar='TEXT', default='',
        help='what to say now and then')
    parser.add_argument(
        '--gently', action='store_true', help='do not kill the command')
    parser.add_argument('command', nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    # What is sent to the group of the script, the script decides upon.
    os.setsid()
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    status = 128 + signal.SIGTERM
    with contextlib.suppress(StoppedError):
        lock(arguments.lock, parent)
        try:
            status = run(arguments.command, parent, arguments.progress,
                         arguments.gently)
        finally:
            if status != 0 and arguments.makes:
                shutil.rmtree(arguments.makes, ignore_errors=True)
    return status


sys.exit(main())
