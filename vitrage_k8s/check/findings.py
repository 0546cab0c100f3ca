# SPDX-License-Identifier: Apache-2.0
"""What a rule of ``vitrage-k8s check`` finds."""

from collections.abc import Callable
from collections.abc import Iterator
import enum

import msgspec
from oslo_config import cfg


class Level(enum.IntEnum):
    """How bad it is: the exit status of the command."""

    INFO = 0
    WARNING = 1
    ERROR = 2


class Finding(msgspec.Struct, frozen=True):
    """One line of the report.

    :ivar subject: an option, a file or a cluster
    :ivar text: what was found
    :ivar mend: what to do; empty if the text says it, or nothing is wrong
    """

    level: Level
    subject: str
    text: str
    mend: str = ''


def info(subject: str, text: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(Level.INFO, subject, text)


def warning(subject: str, text: str, mend: str = '') -> Finding:
    """Return a finding about what works, but not as one would expect."""
    return Finding(Level.WARNING, subject, text, mend)


def error(subject: str, text: str, mend: str = '') -> Finding:
    """Return a finding about what does not work."""
    return Finding(Level.ERROR, subject, text, mend)


def apply(rule: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a rule finds; if it fails, the other rules still count."""
    try:
        yield from rule()
    except (cfg.Error, RecursionError):
        # It reads a value that is not valid, which check_values reports.
        return
    except Exception as problem:  # noqa: BLE001
        yield error(rule.__name__, 'this rule failed: '
                    f'{type(problem).__name__}: {problem}')
