# SPDX-License-Identifier: Apache-2.0
"""Who is called when, without waiting."""

from collections.abc import Callable
import os
import threading
from typing import Any

import fixtures
import testtools

from vitrage_k8s.api import deadlines

# More than any step of a test takes.
LONG = 30.0


class Thread:
    """A thread that the test steps through."""

    def __init__(self, made: list['Thread'], target: Callable[[], None],
                 **options: object) -> None:
        self.target, self.options = target, options
        made.append(self)

    def start(self) -> None:
        pass


class WaitsError(Exception):
    """The thread waits for so many seconds."""


def no_thread(_: Thread) -> None:
    raise RuntimeError("can't start new thread")


class DeadlinesTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.now = 100.0
        self.threads: list[Thread] = []
        self.expired: list[str] = []
        self.notified = 0
        self.is_held = False
        for name, value in (
                ('time.monotonic', lambda: self.now),
                ('threading.Thread', lambda **options: Thread(
                    self.threads, **options))):
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.deadlines.{name}', value))
        self.deadlines = deadlines.Deadlines()
        self.deadlines._changed = self

    # What the deadlines use of a condition.

    def __enter__(self) -> None:
        self.is_held = True

    def __exit__(self, *error: object) -> None:
        self.is_held = False

    def notify(self) -> None:
        self.notified += 1

    def wait(self, seconds: float | None) -> None:
        raise WaitsError(seconds)

    def run_thread(self) -> float | None:
        """Run the thread until it waits; return for how long."""
        error: Any = self.assertRaises(WaitsError, self.threads[-1].target)
        seconds: float | None = error.args[0]
        return seconds

    def set(self, seconds: float, name: str) -> Any:
        return self.deadlines.set(seconds, lambda: self.expired.append(name))

    def test_each_is_called_once_in_its_time(self) -> None:
        self.set(5, 'late')
        self.set(3, 'early')
        for seconds, wait, expired in (
                (0, 3, []), (2.5, 0.5, []), (0.5, 2, ['early']),
                (2, None, ['early', 'late']), (9, None, ['early', 'late'])):
            self.now += seconds
            self.assertEqual(wait, self.run_thread())
            self.assertEqual(expired, self.expired)
        self.assertEqual(1, len(self.threads))
        self.assertIs(True, self.threads[0].options['daemon'])

    def test_cancelled_is_not_called(self) -> None:
        one, two = self.set(3, 'one'), self.set(3, 'two')
        self.deadlines.cancel(one)
        self.now += 3
        self.assertIsNone(self.run_thread())
        self.assertEqual(['two'], self.expired)
        for each in (one, two):
            # It may have happened in between.
            self.deadlines.cancel(each)

    def test_thread_is_woken_for_earlier_ones_only(self) -> None:
        self.set(5, 'a')
        self.run_thread()
        self.notified = 0
        for seconds, notified in ((6, 0), (5, 0), (4, 1)):
            self.set(seconds, 'b')
            self.assertEqual(notified, self.notified)
        # One that waits for nothing is woken for all.
        self.now += 10
        self.run_thread()
        self.set(LONG, 'c')
        self.assertEqual(2, self.notified)

    def test_one_that_fails_delays_no_other(self) -> None:
        logger = self.useFixture(fixtures.FakeLogger())
        self.deadlines.set(1, lambda: self.fail('x'))
        self.set(2, 'b')
        self.now += 2
        self.assertIsNone(self.run_thread())
        self.assertEqual(['b'], self.expired)
        self.assertIn('AssertionError: x', logger.output)

    def test_what_cannot_be_kept_is_not_called(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.api.test_deadlines.Thread.start', no_thread))
        self.assertRaises(RuntimeError, self.set, 1, 'a')
        self.useFixture(fixtures.MonkeyPatch(
            'tests.unit.api.test_deadlines.Thread.start', lambda _: None))
        for name in 'bc':
            self.set(2, name)
        self.now += 2
        self.run_thread()
        self.assertEqual(['b', 'c'], self.expired)
        self.assertEqual(2, len(self.threads))

    def test_cancel_waits_for_a_call_that_has_begun(self) -> None:
        # The thread holds the condition while it calls back.
        held: list[bool] = []
        self.useFixture(fixtures.MonkeyPatch(
            'sched.scheduler.cancel',
            lambda *_: held.append(self.is_held)))
        self.deadlines.cancel(self.set(1, 'a'))
        self.deadlines.set(1, lambda: held.append(self.is_held))
        self.now += 1
        self.run_thread()
        self.assertEqual([True, True], held)


class RealTest(testtools.TestCase):
    """With real threads, and real processes."""

    def test_called_by_a_thread(self) -> None:
        expired = threading.Event()
        each = deadlines.Deadlines()
        each.set(LONG, expired.set)
        each.set(0.01, expired.set)
        self.assertTrue(expired.wait(LONG))

    def test_forked_child_has_its_own(self) -> None:
        each = deadlines.Deadlines()
        each.set(LONG, lambda: None)
        with each._changed:
            pid = os.fork()
            if not pid:
                expired = threading.Event()
                each.set(0.01, expired.set)
                os._exit(0 if expired.wait(LONG) else 1)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
