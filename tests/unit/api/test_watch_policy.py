# SPDX-License-Identifier: Apache-2.0
"""When a cluster is listed, and what it shows: the table, row by row."""

from collections.abc import Iterable
from collections.abc import Iterator
import itertools

from tests.support import policies
from tests.support.policies import failure
from vitrage_k8s.api import watch_policy
from vitrage_k8s.api.watch_policy import Health
from vitrage_k8s.api.watch_policy import Kind

CONNECTING = Health('Connecting')
READY = Health('Ready')

NO_ANSWER = failure(Kind.PASSING, 'Unreachable')
MALFORMED = failure(Kind.PASSING)
BUSY = failure(Kind.BUSY)
FORBIDDEN = failure(Kind.FORBIDDEN)
LOGIN = failure(Kind.LOGIN)
MISCONFIGURED = failure(Kind.MISCONFIGURED, 'Misconfigured')
TOO_MANY = failure(Kind.TOO_MANY)
ALL = (NO_ANSWER, MALFORMED, BUSY, FORBIDDEN, LOGIN, MISCONFIGURED, TOO_MANY)

# The seconds between attempts, and for how many of them the state stays.
TABLE = (
    (NO_ANSWER, (1, 2, 4, 8, 16, 30, 30), 0),
    (MALFORMED, (1, 2, 4, 8, 16, 30, 30), 0),
    (TOO_MANY, (1, 2, 4, 8, 16, 30, 30), 0),
    (BUSY, (1, 2, 4, 8, 16, 32, 60, 60), 60),
    (FORBIDDEN, (0, 1, 2, 4, 8, 30, 30), 20),
    (LOGIN, (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600), 0),
    (MISCONFIGURED, (10, 10, 10, 10, 10, 10, 10), 0),
)


def shown(problem: watch_policy.Failure) -> Health:
    return Health(problem.state, problem.reason)


class TableTest(policies.PolicyTestCase):

    def test_lists_at_once_to_begin_with(self) -> None:
        self.assertGreater(self.now, self.policy.list_due())
        self.assertEqual(CONNECTING, self.policy.health(self.now))

    def test_lists_every_poll_interval_where_all_is_well(self) -> None:
        self.policy.list_succeeded(self.now)

        self.assertEqual(READY, self.policy.health(self.now))
        self.assertEqual(self.now + 600, self.policy.list_due())

    def test_waits_between_attempts(self) -> None:
        for problem, waits, _ in TABLE:
            self.begin()
            self.assertEqual(
                list(waits), [self.list_fails(problem) for _ in waits],
                problem)

    def test_state_stays_until_the_failure_is_a_verdict(self) -> None:
        for (problem, _, patience), before in itertools.product(
                TABLE, (CONNECTING, READY)):
            self.begin()
            if before == READY:
                self.policy.list_succeeded(self.now)
            since = self.now
            while self.now <= since + patience:
                self.list_fails(problem)
            if patience:
                self.assertEqual(before, self.policy.health(since), problem)
                self.assertEqual(
                    before, self.policy.health(since + patience - 0.1))
            self.assertEqual(
                shown(problem), self.policy.health(since + patience))

    def test_success_ends_it(self) -> None:
        for problem, waits, _ in TABLE:
            self.begin()
            for _ in waits:
                self.list_fails(problem)
            self.policy.list_succeeded(self.now)

            self.assertEqual(READY, self.policy.health(self.now))
            self.assertEqual(self.now + 600, self.policy.list_due())
            self.assertEqual(waits[0], self.list_fails(problem))

    def test_waits_as_long_as_a_busy_server_asks_for(self) -> None:
        for asked, waited in ((0, 1), (0.5, 1), (7, 7), (60, 60), (61, 60),
                              (9_999_999, 60)):
            self.begin()
            self.assertEqual(waited, self.list_fails(
                failure(Kind.BUSY, retry_after=asked)))

    def test_leaves_a_server_alone_that_is_busy_for_long(self) -> None:
        for asked, waits in ((0, (1,) * 60 + (10,) * 5),
                             (1, (1,) * 60 + (10,) * 5),
                             (30, (30,) * 5)):
            self.begin()
            problem = failure(Kind.BUSY, retry_after=asked)
            self.assertEqual(
                list(waits), [self.list_fails(problem) for _ in waits])

    def test_waits_for_a_server_that_fails_and_asks_to_wait(self) -> None:
        for asked, waited in ((0, 1), (12, 12), (31, 30)):
            self.begin()
            self.assertEqual(waited, self.list_fails(
                failure(Kind.PASSING, retry_after=asked)))

    def test_other_failures_wait_by_the_table_whatever_is_asked(self) -> None:
        for kind, waits in ((Kind.LOGIN, [1, 2, 4]),
                            (Kind.FORBIDDEN, [0, 1, 2])):
            self.begin()
            problem = failure(kind, retry_after=300)
            self.assertEqual(waits, [self.list_fails(problem) for _ in waits])
            self.policy.list_succeeded(self.now)
            self.policy.watch_ended(self.now, problem)
            self.assertEqual(self.now, self.policy.list_due())

    def test_login_waits_no_longer_than_a_short_poll_interval(self) -> None:
        self.begin(poll_interval=5)

        self.assertEqual([1, 2, 4, 5, 5], [
            self.list_fails(LOGIN) for _ in range(5)])

    def test_waits_are_jittered_but_for_those_of_doubt(self) -> None:
        for problem, waits in ((NO_ANSWER, (0.5, 1, 2, 4, 8, 15, 15)),
                               (BUSY, (0.5, 1, 2, 4, 8, 16, 30, 30)),
                               (LOGIN, (0.5, 1, 2)),
                               (FORBIDDEN, (0, 1, 2, 4, 8, 30))):
            self.begin(jitter=0.5)
            self.assertEqual(
                list(waits), [self.list_fails(problem) for _ in waits])

    def test_jitter_shortens_by_up_to_a_quarter(self) -> None:
        waits: set[float] = set()
        for _ in range(50):
            policy = watch_policy.WatchPolicy(600)
            policy.list_failed(0, NO_ANSWER)
            waits.add(policy.list_due() or 0)

        self.assertGreater(len(waits), 1)
        self.assertTrue(all(0.75 <= wait <= 1 for wait in waits), waits)

    def test_what_threads_share_stays_as_it_is(self) -> None:
        for shared in (READY, NO_ANSWER):
            self.assertRaises(AttributeError, setattr, shared, 'state', '')


class SeveralFailuresTest(policies.PolicyTestCase):

    def test_outage_makes_no_doubt_shorter(self) -> None:
        # A server that comes back forbids everything in its first second.
        for _ in range(20):
            self.list_fails(NO_ANSWER)

        self.assertEqual([0, 1, 2, 4, 8, 30], [
            self.list_fails(FORBIDDEN) for _ in range(6)])

    def test_outage_makes_no_login_late(self) -> None:
        for _ in range(20):
            self.list_fails(NO_ANSWER)

        self.assertEqual([1, 2, 4], [
            self.list_fails(LOGIN) for _ in range(3)])

    def test_doubt_shows_what_was_shown_before(self) -> None:
        for problem in (NO_ANSWER, LOGIN, MISCONFIGURED):
            for doubtful in (FORBIDDEN, BUSY):
                self.begin()
                self.list_fails(problem)
                self.list_fails(doubtful)
                self.assertEqual(
                    shown(problem), self.policy.health(self.now))

    def test_new_failure_is_shown(self) -> None:
        for first, second in itertools.permutations(
                (NO_ANSWER, MALFORMED, LOGIN, MISCONFIGURED), 2):
            self.begin()
            self.list_fails(first)
            self.list_fails(second)
            self.assertEqual(shown(second), self.policy.health(self.now))

    def test_two_doubts_in_turn_are_a_verdict(self) -> None:
        self.policy.list_succeeded(self.now)
        since = self.now
        for problem in itertools.islice(
                itertools.cycle((FORBIDDEN, BUSY)), 30):
            self.policy.list_failed(self.now, problem)
            if self.now >= since + 61:
                self.assertEqual(
                    shown(problem), self.policy.health(self.now))
            self.list_fails(problem)
        self.assertGreater(self.now, since + 61)

    def attempts(self, problems: Iterable[watch_policy.Failure],
                 until: float) -> Iterator[float]:
        began = self.now
        for problem in problems:
            if self.now - began >= until:
                return
            yield self.now - began
            self.list_fails(problem)

    def test_attempts_are_few_after_the_first_minute(self) -> None:
        problems = (*ALL, failure(Kind.BUSY, retry_after=0),
                    failure(Kind.BUSY, retry_after=1),
                    failure(Kind.PASSING, retry_after=0))
        for turn in itertools.product(problems, repeat=2):
            # The least that chance makes of a wait.
            self.begin(jitter=0.75)
            times = list(self.attempts(itertools.cycle(turn), 400))
            self.assertTrue(times)
            for at in times:
                # Two faults in turn are one that takes twice as long.
                if at >= 60 * len(set(turn)):
                    self.assertLessEqual(
                        len([each for each in times if at <= each < at + 60]),
                        6, (turn, times))


class OnRequestTest(policies.PolicyTestCase):
    """Without watches (update_method = none)."""

    def setUp(self) -> None:
        super().setUp()
        self.begin(is_watching=False)

    def test_lists_when_asked_to(self) -> None:
        self.assertIsNone(self.policy.list_due())
        self.policy.request_list(self.now)
        self.assertEqual(self.now, self.policy.list_due())
        self.policy.list_succeeded(self.now)
        self.assertIsNone(self.policy.list_due())
        self.assertEqual(READY, self.policy.health(self.now))

    def test_never_watches(self) -> None:
        self.policy.list_succeeded(self.now)
        self.assertIsNone(self.policy.watch_due())

    def test_failure_is_shown_at_once_and_is_the_end(self) -> None:
        for problem in ALL:
            if problem is not FORBIDDEN:
                self.begin(is_watching=False)
                self.policy.request_list(self.now)
                self.policy.list_failed(self.now, problem)
                self.assertIsNone(self.policy.list_due(), problem)
                self.assertEqual(shown(problem), self.policy.health(self.now))

    def test_forbidden_is_asked_again_until_it_is_a_verdict(self) -> None:
        self.policy.request_list(self.now)
        for wait in (0, 1, 2, 4, 8):
            self.assertEqual(wait, self.list_fails(FORBIDDEN))
            self.assertEqual(CONNECTING, self.policy.health(self.now))
        self.policy.list_failed(self.now, FORBIDDEN)
        self.assertIsNone(self.policy.list_due())
        self.assertEqual(shown(FORBIDDEN), self.policy.health(self.now))
