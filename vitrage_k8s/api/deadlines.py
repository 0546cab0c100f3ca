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
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf

    def set(self, seconds: float, expire: Callable[[], None]) -> sched.Event:
        """Call back in some seconds; expire() must not wait.

        :returns: what cancel() takes
        """
        with self._changed:
            event = self._scheduler.enter(seconds, 0, expire)
            # An exception in expire() ends the thread, after it is printed.
            if not self._thread or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, daemon=True, name='kubernetes-deadlines')
                self._thread.start()
            elif event.time < self._wakes_at:
                self._changed.notify()
        return event

    def cancel(self, event: sched.Event) -> None:
        """Do not call back, if that has not happened yet."""
        with contextlib.suppress(ValueError):
            self._scheduler.cancel(event)

    def _run(self) -> None:
        with self._changed:
            while True:
                wait = self._scheduler.run(blocking=False)
                self._wakes_at = math.inf if wait is None \
                    else time.monotonic() + wait
                self._changed.wait(wait)


DEADLINES = Deadlines()
