# SPDX-License-Identifier: Apache-2.0
"""Deadlines of requests, kept by one thread for all.

threading.Timer has a thread for each, which costs as much as to read ten
nodes.
"""

from collections.abc import Callable
import contextlib
import math
import os
import sched
import threading
import time

from oslo_log import log

LOG = log.getLogger(__name__)


class Deadlines:
    """Calls back when a time has come. Thread-safe."""

    def __init__(self) -> None:
        self._begin()
        # A forked child has no thread, and nobody who releases the lock.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._scheduler = sched.scheduler(time.monotonic)
        # Guards what follows, and is notified of an earlier deadline.
        self._changed = threading.Condition()
        self._has_thread = False
        self._wakes_at = math.inf

    def set(self, seconds: float, expire: Callable[[], None]) -> sched.Event:
        """Call back in some seconds; expire() must not wait.

        :returns: what cancel() takes
        :raises RuntimeError: there cannot be another thread now
        """
        with self._changed:
            if not self._has_thread:
                threading.Thread(target=self._run, daemon=True,
                                 name='kubernetes-deadlines').start()
                self._has_thread = True
            event = self._scheduler.enter(seconds, 0, expire)
            if event.time < self._wakes_at:
                self._changed.notify()
        return event

    def cancel(self, event: sched.Event) -> None:
        """Do not call back from now on; wait for a call that has begun."""
        with self._changed, contextlib.suppress(ValueError):
            self._scheduler.cancel(event)

    def _run(self) -> None:
        with self._changed:
            while True:
                try:
                    wait = self._scheduler.run(blocking=False)
                # The top of a thread: the other deadlines go on.
                except Exception:
                    LOG.exception('A defect of this datasource')
                    continue
                self._wakes_at = math.inf if wait is None \
                    else time.monotonic() + wait
                self._changed.wait(wait)


DEADLINES = Deadlines()
