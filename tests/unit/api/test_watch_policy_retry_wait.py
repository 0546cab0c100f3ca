# SPDX-License-Identifier: Apache-2.0
"""When a request is made again within one attempt at a list."""

import testtools

from tests.support.policies import failure
from vitrage_k8s.api.watch_policy import Failure
from vitrage_k8s.api.watch_policy import Kind
from vitrage_k8s.api.watch_policy import retry_wait


def waits(problem: Failure, max_retries: int = 3,
          jitter: float = 1.0) -> list[float]:
    """Return the waits until the request is not made again."""
    found: list[float] = []
    while (wait := retry_wait(problem, len(found), max_retries,
                              lambda: jitter)) is not None:
        found.append(round(wait, 6))
    return found


def again(kind: Kind, retry_after: float | None = None) -> Failure:
    return failure(kind, is_retried=True, retry_after=retry_after)


class RetryWaitTest(testtools.TestCase):

    def test_doubles_up_to_the_number_of_retries(self) -> None:
        for max_retries, expected in ((0, []), (1, [0.8]),
                                      (3, [0.8, 1.6, 3.2]),
                                      (5, [0.8, 1.6, 3.2, 5, 5])):
            self.assertEqual(
                expected, waits(again(Kind.PASSING), max_retries))

    def test_jitter_shortens_a_wait(self) -> None:
        self.assertEqual([0.4, 0.8, 1.6],
                         waits(again(Kind.PASSING), jitter=0.5))

    def test_jitter_shortens_by_up_to_a_quarter(self) -> None:
        found = {retry_wait(again(Kind.PASSING), 0, 3) or 0
                 for _ in range(50)}
        self.assertGreater(len(found), 1)
        self.assertTrue(all(0.6 <= wait <= 0.8 for wait in found), found)

    def test_any_number_of_retries_is_survived(self) -> None:
        self.assertEqual(5, retry_wait(
            again(Kind.PASSING), 4999, 5000, lambda: 1))

    def test_busy_server_is_asked_ten_times_again(self) -> None:
        for max_retries in (0, 3, 20):
            self.assertEqual([1] * 10,
                             waits(again(Kind.BUSY, 1), max_retries))
            self.assertEqual([0.8, 1.6, 3.2] + [5] * 7,
                             waits(again(Kind.BUSY), max_retries))

    def test_waits_as_long_as_the_server_asks_for(self) -> None:
        for asked, waited in ((0, 0.2), (0.1, 0.2), (0.3, 0.3), (10, 10)):
            for kind in (Kind.PASSING, Kind.BUSY):
                self.assertEqual(
                    waited, retry_wait(
                        again(kind, asked), 0, 3, lambda: 0.5))

    def test_long_wait_is_left_to_the_policy(self) -> None:
        for kind in (Kind.PASSING, Kind.BUSY):
            for asked in (10.1, 9_999_999):
                self.assertIsNone(retry_wait(again(kind, asked), 0, 3))

    def test_what_no_retry_mends_is_not_asked_again(self) -> None:
        for kind in Kind:
            self.assertEqual([], waits(failure(kind, retry_after=1)))
