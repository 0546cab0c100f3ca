# SPDX-License-Identifier: Apache-2.0
"""Programs that are run for what they print, within bounds.

Whatever a program does, run() comes to an end, and leaves neither a process
nor a file descriptor behind. Thread-safe; starts no thread.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import select
import signal
import subprocess
import time

# Seconds from one look at whether a program has ended to the next. Its end
# cannot be told from that of its output: others may hold the pipe.
_TICK = 0.01
# What was killed is gone at once, unless the kernel cannot let go of it.
_REAP_LIMIT = 5.0


class ProgramError(Exception):
    """The program did not do what it is for. Tells nothing of its output."""


def run(program: str, arguments: Sequence[str],
        environment: Mapping[str, str], until: float, limit: int) -> bytes:
    """Run a program that needs no input.

    It gets a session of its own. What it started is killed when it has
    ended, as nobody else would: it would have to leave that session to stay.

    :param program: the path of its file
    :param arguments: how it is called, and its arguments
    :param environment: all of its environment
    :param until: when to kill it (time.monotonic())
    :param limit: how many bytes it may print
    :returns: what it printed on its standard output; the standard error is
        not read
    :raises ProgramError: it could not be run, took longer, printed more or
        failed
    """
    began = time.monotonic()
    read_end, write_end = os.pipe()
    try:
        try:
            process = subprocess.Popen(  # noqa: S603 what is for callers
                arguments, executable=program, env=environment,
                stdin=subprocess.DEVNULL, stdout=write_end,
                stderr=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise ProgramError(f'cannot be run: {error.strerror}') from error
        except ValueError:
            # The cause may quote them.
            raise ProgramError('cannot be run: its arguments or environment '
                               'hold what no program can be given') from None
        finally:
            os.close(write_end)
        try:
            output = _read(read_end, process.pid, until, limit)
        finally:
            _end(process)
    finally:
        os.close(read_end)
    if output is None:
        raise ProgramError(f'did not end within {until - began:.3g} s, and '
                           'was killed')
    if len(output) > limit:
        raise ProgramError(f'printed more than {limit} bytes, and was killed')
    if process.returncode > 0:
        raise ProgramError(f'ended with status {process.returncode}')
    if process.returncode < 0:
        raise ProgramError(f'was ended by signal {-process.returncode}')
    return output


def _read(pipe: int, pid: int, until: float, limit: int) -> bytes | None:
    """Return what a process wrote until it ended; None if it did not end.

    What is longer than the limit is not complete.
    """
    os.set_blocking(pipe, False)
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    output = bytearray()
    is_open = True
    while True:
        # Before reading: what it wrote is in the pipe when it has ended.
        ended = _has_ended(pid)
        with contextlib.suppress(BlockingIOError):
            while is_open and len(output) <= limit:
                chunk = os.read(pipe, 1 << 16)
                output += chunk
                is_open = bool(chunk)
        if ended or len(output) > limit:
            return bytes(output)
        if (left := until - time.monotonic()) <= 0:
            return None
        if not is_open:
            poll = select.poll()
        poll.poll(min(left, _TICK) * 1000)


def _has_ended(pid: int) -> bool:
    # It stays a zombie, and so keeps the number of its process group.
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG
                         | os.WNOWAIT) is not None
    except ChildProcessError:
        # Someone in this process waits for any child, or ignores SIGCHLD.
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_LIMIT)
