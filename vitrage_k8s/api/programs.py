# SPDX-License-Identifier: Apache-2.0
"""Programs that are run for what they print, within bounds.

Whatever a program does, run() comes to an end, and leaves neither a process
nor a file descriptor behind. Thread-safe; starts no thread.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import os
import signal
import subprocess
import time

# Seconds from one look at whether a program has ended to the next.
_TICK = 0.01
# What was killed is gone at once, unless the kernel cannot let go of it.
_REAP_LIMIT = 5.0


class ProgramError(Exception):
    """The program did not do what it is for. Quotes nothing of its output."""


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
    # A file in memory: a pipe would have to be read while the program writes,
    # and ends only when everybody whom the program has started has closed it.
    with open(os.memfd_create('output'), 'rb') as output:
        try:
            process = subprocess.Popen(  # noqa: S603 what is for callers
                arguments, executable=program, env=environment,
                stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            raise ProgramError(f'cannot be run: {error.strerror}') from error
        except ValueError:
            # The cause may quote them.
            raise ProgramError('cannot be run: its arguments or environment '
                               'hold what no program can be given') from None
        try:
            while process.poll() is None and \
                    os.fstat(output.fileno()).st_size <= limit:
                if time.monotonic() >= until:
                    raise ProgramError(
                        f'did not end within {until - began:.3g} s, and was '
                        'killed')
                time.sleep(_TICK)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_REAP_LIMIT)
        # The program has moved the position that a read would begin at.
        content = os.pread(output.fileno(), limit + 1, 0)
    if len(content) > limit:
        raise ProgramError(f'printed more than {limit} bytes, and was killed')
    if process.returncode > 0:
        raise ProgramError(f'ended with status {process.returncode}')
    if process.returncode < 0:
        raise ProgramError(f'was ended by signal {-process.returncode}')
    return content
