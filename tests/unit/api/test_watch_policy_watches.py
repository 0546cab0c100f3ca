# SPDX-License-Identifier: Apache-2.0
"""When a cluster is watched, and what the end of a watch means."""

from tests.support import policies
from tests.support.policies import failure
from vitrage_k8s.api.watch_policy import Health
from vitrage_k8s.api.watch_policy import Kind

READY = Health('Ready')
NO_ANSWER = failure(Kind.PASSING, 'Unreachable')
BUSY = failure(Kind.BUSY)
FORBIDDEN = failure(Kind.FORBIDDEN)
LOGIN = failure(Kind.LOGIN)
MISCONFIGURED = failure(Kind.MISCONFIGURED, 'Misconfigured')
TOO_MANY = failure(Kind.TOO_MANY)
DEFECT = failure(Kind.DEFECT)


class WatchTest(policies.WatchTestCase):

    def test_watches_after_the_first_list_only(self) -> None:
        self.begin()
        self.assertIsNone(self.policy.watch_due())
        self.policy.list_failed(self.now, NO_ANSWER)
        self.assertIsNone(self.policy.watch_due())
        self.policy.list_succeeded(self.now)
        self.assertGreaterEqual(self.now, self.policy.watch_due())

    def test_relist_that_is_due_or_fails_ends_no_watch(self) -> None:
        self.policy.watch_began(self.now)
        self.now += 600
        self.assertIsNotNone(self.policy.watch_due())
        self.policy.list_failed(self.now, BUSY)
        self.assertIsNotNone(self.policy.watch_due())

    def test_requested_list_comes_before_the_next_watch(self) -> None:
        self.policy.request_list(self.now)
        self.assertEqual(self.now, self.policy.list_due())
        self.assertIsNone(self.policy.watch_due())
        self.policy.list_failed(self.now, NO_ANSWER)
        self.assertIsNone(self.policy.watch_due())

    def test_goes_on_without_a_list_after_its_time(self) -> None:
        for seconds, how in ((1, {}), (20, {}), (300, {}),
                             (0, {'has_progressed': True}),
                             (75, {'is_silent': True})):
            due = self.policy.list_due()
            self.assertEqual(0, self.watch(seconds, **how))
            self.assertEqual(due, self.policy.list_due())

    def test_cuts_for_ever_cost_no_list_and_no_wait(self) -> None:
        due = self.policy.list_due()
        for _ in range(25):
            self.assertEqual(0, self.watch(20))
        self.assertEqual(due, self.policy.list_due())
        self.assertEqual(READY, self.policy.health(self.now))

    def test_waits_after_watches_that_end_at_once(self) -> None:
        waits = [self.watch(0.75) for _ in range(7)]
        self.assertEqual([1, 2, 4, 8, 16, 30, 30], waits)
        self.assertEqual(0, self.watch(1))
        self.assertEqual(1, self.watch(0.75))
        self.assertEqual(0, self.watch(0.75, has_progressed=True))
        self.assertEqual(1, self.watch(0.75))

    def test_some_in_a_row_that_end_at_once_are_a_doubt(self) -> None:
        for seconds, kept in ((0.75, [False] * 3 + [True] * 2),
                              (1, [False] * 5)):
            self.begin()
            self.policy.list_succeeded(self.now)
            doubts = []
            for _ in kept:
                self.policy.watch_began(self.now)
                self.now += seconds
                doubts.append(self.policy.is_in_vain(self.now, False))
                self.assertFalse(self.policy.is_in_vain(self.now, True))
                self.watch_ends(NO_ANSWER if doubts[-1] else None)
            self.assertEqual(kept, doubts)
            # Nor is one that ends at once after one that lasted.
            self.watch(1)
            self.policy.watch_began(self.now)
            self.assertFalse(self.policy.is_in_vain(self.now, False))

    def test_end_of_none_is_an_end_at_once(self) -> None:
        self.watch(5)
        self.assertEqual(1, self.watch_ends())


class DoubtTest(policies.WatchTestCase):

    def test_failure_asks_for_a_list_before_the_next_watch(self) -> None:
        for problem in (NO_ANSWER, BUSY, LOGIN, MISCONFIGURED):
            self.begin()
            self.policy.list_succeeded(self.now)
            self.assertIsNone(self.watch(5, problem=problem))
            self.assertEqual(0, self.list_wait())
            self.assertEqual(READY, self.policy.health(self.now))

    def test_doubts_in_a_row_wait_ever_longer(self) -> None:
        waits = []
        for _ in range(8):
            self.watch(5, problem=NO_ANSWER)
            waits.append(self.next_list())
        self.assertEqual([0, 1, 2, 4, 8, 16, 30, 30], waits)

    def test_long_watch_ends_the_row(self) -> None:
        for seconds, waits in ((9.9, [0, 1, 2]), (10, [0, 0, 0])):
            self.begin()
            self.policy.list_succeeded(self.now)
            row = []
            for _ in waits:
                self.watch(seconds, problem=NO_ANSWER)
                row.append(self.next_list())
            self.assertEqual(waits, row)

    def test_list_waits_as_long_as_the_server_asks_for(self) -> None:
        for kind, asked, waited in (
                (Kind.BUSY, 0, 0), (Kind.BUSY, 7, 7), (Kind.BUSY, 60, 60),
                (Kind.BUSY, 61, 60), (Kind.PASSING, 31, 30)):
            self.begin()
            self.policy.list_succeeded(self.now)
            self.watch(5, problem=failure(kind, retry_after=asked))
            self.assertEqual(waited, self.list_wait())

    def test_too_many_nodes_are_shown_until_a_list(self) -> None:
        self.assertIsNone(self.watch(5, problem=TOO_MANY))
        self.assertEqual(Health('Unreadable', TOO_MANY.reason),
                         self.policy.health(self.now))
        waits = [self.next_list()]
        self.assertEqual(READY, self.policy.health(self.now))
        for _ in range(7):
            self.watch(5, problem=TOO_MANY)
            waits.append(self.next_list())
        self.assertEqual([0, 1, 2, 4, 8, 16, 30, 30], waits)


class SilenceTest(policies.WatchTestCase):

    def silence(self) -> bool:
        self.assertEqual(0, self.watch(75, is_silent=True))
        return self.policy.is_check_due()

    def test_three_silent_watches_ask_for_the_version(self) -> None:
        self.assertFalse(self.policy.is_check_due())
        self.assertEqual([False, False, True],
                         [self.silence() for _ in range(3)])

    def test_watch_that_comes_further_breaks_the_silence(self) -> None:
        self.silence()
        self.silence()
        self.watch(75, has_progressed=True)
        self.assertFalse(self.silence())

    def test_cuts_are_no_silence(self) -> None:
        for _ in range(5):
            self.watch(20)
        self.assertFalse(self.policy.is_check_due())

    def test_silence_after_news_counts(self) -> None:
        self.watch(300, has_progressed=True, is_silent=True)
        self.assertEqual([False, True], [self.silence() for _ in range(2)])

    def test_same_version_begins_a_new_count(self) -> None:
        for _ in range(3):
            self.silence()
        due = self.policy.list_due()
        self.policy.version_checked(self.now, is_older=False)
        self.assertEqual(due, self.policy.list_due())
        self.assertEqual([False, False, True],
                         [self.silence() for _ in range(3)])

    def test_older_version_asks_for_a_list(self) -> None:
        for _ in range(3):
            self.silence()
        self.policy.version_checked(self.now, is_older=True)
        self.assertFalse(self.policy.is_check_due())
        self.assertEqual(self.now, self.policy.list_due())
        self.assertIsNone(self.policy.watch_due())


class LivingWatchTest(policies.WatchTestCase):
    """What is shown while lists fail and a watch lives."""

    def setUp(self) -> None:
        super().setUp()
        self.policy.watch_began(self.now)

    def test_keeps_the_cluster_ready_where_lists_fail(self) -> None:
        for _ in range(8):
            self.list_fails(NO_ANSWER)
        self.assertEqual(READY, self.policy.health(self.now))

    def test_keeps_the_cluster_ready_for_a_minute_of_429(self) -> None:
        self.policy.list_failed(self.now, BUSY)
        self.assertEqual(READY, self.policy.health(self.now + 59.9))
        self.assertEqual(Health(BUSY.state, BUSY.reason),
                         self.policy.health(self.now + 60))

    def test_is_no_proof_of_what_a_list_alone_shows(self) -> None:
        for problem in (FORBIDDEN, LOGIN, MISCONFIGURED, TOO_MANY,
                        DEFECT):
            self.policy.list_succeeded(self.now)
            for _ in range(6):
                self.list_fails(problem)
            self.assertEqual(Health(problem.state, problem.reason),
                             self.policy.health(self.now + 20))

    def test_end_that_is_none_for_the_cluster_changes_nothing(self) -> None:
        self.now += 300
        self.policy.list_failed(self.now, NO_ANSWER)
        for is_silent in (False, True):
            self.assertEqual(0, self.watch_ends(is_silent=is_silent))
            self.assertEqual(READY, self.policy.health(self.now))
            self.policy.watch_began(self.now)
            self.now += 80

    def test_cluster_shows_the_failure_when_it_is_over(self) -> None:
        for how in ({'problem': NO_ANSWER}, {'problem': FORBIDDEN}, {}):
            self.begin()
            self.policy.list_succeeded(self.now)
            self.policy.watch_began(self.now)
            self.policy.list_failed(self.now, NO_ANSWER)
            # Not even a second.
            self.watch_ends(**how)
            self.assertEqual('Unreachable',
                             self.policy.health(self.now).state)

    def test_list_that_is_wanted_first_makes_it_the_last(self) -> None:
        self.policy.list_failed(self.now, NO_ANSWER)
        self.policy.request_list(self.now)
        self.assertEqual(READY, self.policy.health(self.now))
        self.now += 5
        self.watch_ends()
        self.assertEqual('Unreachable', self.policy.health(self.now).state)

    def test_failure_of_old_is_no_state_before_a_new_one(self) -> None:
        self.list_fails(NO_ANSWER)
        self.list_fails(FORBIDDEN)
        self.assertEqual(READY, self.policy.health(self.now))


class ForbiddenWatchTest(policies.WatchTestCase):

    def refused(self) -> float | None:
        return self.watch_ends(problem=FORBIDDEN)

    def test_one_list_says_whether_it_is_the_credentials(self) -> None:
        self.assertIsNone(self.refused())
        self.assertEqual(0, self.next_list())
        for _ in range(8):
            self.assertIsNotNone(self.refused())
            self.assertEqual(600, self.list_wait())
            self.policy.list_succeeded(self.now)

    def test_is_asked_for_every_minute_after_a_doubt(self) -> None:
        self.refused()
        self.next_list()
        due = self.policy.watch_due()
        assert due is not None
        self.assertGreaterEqual(self.now, due)
        self.assertEqual([1, 2, 4, 8, 60, 60],
                         [self.refused() for _ in range(6)])

    def test_reason_says_so_when_it_lasts(self) -> None:
        for _ in range(5):
            self.refused()
            self.policy.list_succeeded(self.now)
            self.assertEqual(READY, self.policy.health(self.now + 1000))
        self.refused()
        said = Health('Ready', FORBIDDEN.reason)
        self.assertEqual(said, self.policy.health(self.now))
        self.policy.list_succeeded(self.now)
        self.assertEqual(said, self.policy.health(self.now))

    def test_is_no_watch_that_lives(self) -> None:
        self.watch(300)
        for _ in range(2):
            self.refused()
            self.policy.list_succeeded(self.now)
        self.refused()
        self.policy.list_failed(self.now, NO_ANSWER)
        self.assertEqual('Unreachable', self.policy.health(self.now).state)

    def test_refusals_between_watches_are_doubts(self) -> None:
        waits = []
        for _ in range(4):
            self.policy.watch_began(self.now)
            self.refused()
            waits.append(self.next_list())
        self.assertEqual([0, 1, 2, 4], waits)

    def test_watch_that_begins_ends_it(self) -> None:
        for _ in range(6):
            self.refused()
            self.policy.list_succeeded(self.now)
        self.policy.watch_began(self.now)
        self.assertEqual(READY, self.policy.health(self.now))
        self.now += 100
        self.assertIsNone(self.refused())
        self.assertEqual(0, self.next_list())
