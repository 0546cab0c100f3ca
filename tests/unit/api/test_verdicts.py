# SPDX-License-Identifier: Apache-2.0
"""What failures come to, and when to ask again, by table."""

import testtools
from testtools import matchers

from vitrage_k8s.api import errors
from vitrage_k8s.api import verdicts

FORBIDDEN = errors.Refused('c', 'answered 403', 403)
UNKNOWN = errors.Refused('c', 'answered 401', 401)
AWAY = errors.ConnectionFailed('c', 'Connection refused')
BROKEN = errors.ApiError('c', 'answered 500', 500)
BUSY = errors.ApiError('c', 'answered 429', 429, 40.0)
OLD = errors.Expired('c', 'answered 410', 410)


class Clock:
    """Stands still but where it is moved on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class RefusalsTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.refusals = verdicts.Refusals(self.clock)

    def ask(self, takes: float) -> list[float]:
        """Ask until the 403 is believed.

        :param takes: how many seconds each answer takes
        :returns: when the answers have come, from the first one on
        """
        answers = []
        first = self.clock.now + takes
        wait: float | None = 0.0
        while wait is not None:
            self.clock.now += wait + takes
            answers.append(self.clock.now - first)
            self.assertFalse(self.refusals.is_believed)
            wait = self.refusals.add()
        self.assertTrue(self.refusals.is_believed)
        return answers

    def test_asks_at_once_and_after_1_2_4_8_s_for_20_s(self) -> None:
        self.assertEqual([0, 0, 1, 3, 7, 15, 20], self.ask(0))

    def test_asks_as_often_as_there_is_time_for(self) -> None:
        self.assertEqual([0, 3, 7, 12, 19, 23], self.ask(3))
        self.refusals.forget()
        self.assertEqual([0, 60], self.ask(60))

    def test_believes_until_something_else_is_answered(self) -> None:
        self.ask(0)
        for _ in range(3):
            self.clock.now += 30
            self.assertIsNone(self.refusals.add())

        self.refusals.forget()

        self.assertFalse(self.refusals.is_believed)
        self.assertEqual([0, 0, 1, 3, 7, 15, 20], self.ask(0))

    def test_doubts_anew_after_any_other_answer(self) -> None:
        self.assertEqual([0, 1, 2], [self.refusals.add() for _ in range(3)])
        self.clock.now += 19
        self.refusals.forget()
        self.clock.now += 2
        self.assertEqual([0, 1, 2], [self.refusals.add() for _ in range(3)])


class ListsTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.lists = verdicts.Lists(self.clock)

    def note(self, *outcomes: tuple[
            float, errors.ClusterError | None]) -> None:
        """Let lists come to this, at these times; None is a complete one."""
        began = self.clock.now
        for at, error in outcomes:
            self.clock.now = began + at
            if error is None:
                self.lists.succeed()
            else:
                is_shown = self.lists.fail(error)
                self.assertEqual(is_shown, self.lists.pause is None)

    def assert_comes_to(
            self, failure: errors.ClusterError | None,
            pause: float | None,
            *outcomes: tuple[float, errors.ClusterError | None]) -> None:
        self.lists = verdicts.Lists(self.clock)
        self.note(*outcomes)
        self.assertEqual((failure, pause),
                         (self.lists.failure, self.lists.pause), outcomes)

    def test_doubt_shows_what_was_shown_before(self) -> None:
        for before in (None, AWAY, UNKNOWN, BROKEN):
            start = (0, before)
            self.assert_comes_to(before, 0, start, (5, FORBIDDEN))
            self.assert_comes_to(before, 1, start, (5, FORBIDDEN),
                                 (5, FORBIDDEN))
            self.assert_comes_to(before, 0.25, start, (5, FORBIDDEN),
                                 (5, FORBIDDEN), (24.75, FORBIDDEN))
        # Nothing was known before.
        self.assert_comes_to(None, 0, (5, FORBIDDEN))

    def test_verdict_comes_after_20_s_and_stays(self) -> None:
        for start in ([], [(0.0, None)], [(0.0, AWAY)]):
            self.assert_comes_to(FORBIDDEN, None, *start, (5, FORBIDDEN),
                                 (25, FORBIDDEN))
            self.assert_comes_to(FORBIDDEN, None, *start, (5, FORBIDDEN),
                                 (25, FORBIDDEN), (55, FORBIDDEN))

    def test_any_other_outcome_ends_doubt_and_verdict(self) -> None:
        for outcome in (None, AWAY, UNKNOWN, BROKEN, BUSY, OLD):
            for verdict in ([], [(20.0, FORBIDDEN)]):
                start = [(0.0, FORBIDDEN), *verdict, (20.5, outcome)]
                self.assert_comes_to(outcome, None, *start)
                self.assert_comes_to(outcome, 0, *start, (21, FORBIDDEN))

    def test_all_but_a_403_is_shown_at_once(self) -> None:
        for error in (AWAY, UNKNOWN, BROKEN, BUSY, OLD):
            self.assert_comes_to(error, None, (0, error))
            self.assert_comes_to(error, None, (0, None), (1, error))

    def test_another_login_is_doubted_anew(self) -> None:
        self.note((0, FORBIDDEN), (20, FORBIDDEN))
        self.lists.doubt_again()
        self.note((21, FORBIDDEN))
        self.assertEqual((FORBIDDEN, 0),
                         (self.lists.failure, self.lists.pause))

    def waits(self, error: errors.ClusterError,
              poll_interval: float) -> list[float]:
        """Return the waits after each of many failures in a row."""
        self.lists = verdicts.Lists(self.clock)
        self.note((0, error), (20, error))
        return [self.lists.wait(poll_interval) for _ in range(10)]

    def test_verdict_is_asked_again_every_30_s(self) -> None:
        self.assertEqual([30] * 10, self.waits(FORBIDDEN, 600))
        self.assertEqual([7] * 10, self.waits(FORBIDDEN, 7))

    def test_other_failures_are_asked_again_at_growing_intervals(
            self) -> None:
        for error, poll_interval, longest in (
                (UNKNOWN, 600, 30), (AWAY, 600, 375), (BROKEN, 600, 375),
                (AWAY, 100, 100), (UNKNOWN, 20, 20)):
            waits = self.waits(error, poll_interval)
            self.assertThat(waits[0], matchers.LessThan(11))
            self.assertThat(waits[-1], matchers.GreaterThan(longest * 0.59))
            self.assertFalse([each for each in waits if each > longest])

    def test_waits_as_long_as_the_server_asks_for(self) -> None:
        self.assertThat(self.waits(BUSY, 600)[0],
                        matchers.GreaterThan(39.9))
        self.assertEqual(20, self.waits(BUSY, 20)[0])

    def test_success_begins_the_intervals_anew(self) -> None:
        self.waits(AWAY, 600)
        self.note((0, None), (1, AWAY))
        self.assertThat(self.lists.wait(600), matchers.LessThan(11))
