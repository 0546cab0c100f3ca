# SPDX-License-Identifier: Apache-2.0
"""Logs each warning once, and a few lines a minute at most."""

import collections
from collections.abc import Callable
import threading
import time
import traceback
from typing import Any

from vitrage_k8s.api import text as texts

# The most warnings a minute; the rest is counted.
LINES = 5
MINUTE = 60.0
# How many warnings are remembered.
MOST_KNOWN = 200


class Notices:
    """Logs each thing once, and few things a minute. Thread-safe.

    :param about: what each line begins with
    :param clock: returns the time in seconds
    """

    def __init__(self, logger: Any, about: str,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._about = about
        self._clock = clock
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._defects: collections.Counter[str] = collections.Counter()
        # The minute, and the warnings in it so far.
        self._began = clock()
        self._count = 0

    def warn(self, text: str) -> None:
        """Log a warning, unless it was logged before."""
        text = texts.make_safe(text, texts.LONGEST_REASON)
        with self._lock:
            if text in self._known:
                return
            now = self._clock()
            if now - self._began >= MINUTE:
                if self._count > LINES:
                    self._logger.warning(
                        '%s: %d more warnings like these were left out',
                        self._about, self._count - LINES)
                self._began, self._count = now, 0
            self._count += 1
            if self._count <= LINES:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known.add(text)
                self._logger.warning('%s: %s', self._about, text)

    def warn_of_all(self, warnings: set[str]) -> None:
        """Log these, and forget all others: they are news if they return."""
        for each in sorted(warnings):
            self.warn(each)
        with self._lock:
            self._known &= {texts.make_safe(each, texts.LONGEST_REASON)
                            for each in warnings}

    def log_defect(self, error: Exception) -> None:
        """Log the traceback of an unexpected exception, once."""
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        key = f'{kind} {where.filename}:{where.lineno}'
        with self._lock:
            self._defects[key] += 1
            count = self._defects[key]
        if count == 1:
            self._logger.error('%s: a defect of this datasource', self._about,
                               exc_info=error)
        else:
            self._logger.debug('%s: a defect of this datasource (%s, %d '
                               'times)', self._about, kind, count)
