# SPDX-License-Identifier: Apache-2.0
"""A cluster's policy whose time is the test's."""

from typing import Any

import testtools

from vitrage_k8s.api import watch_policy


def failure(kind: watch_policy.Kind, state: str = 'Unreadable',
            **rest: Any) -> watch_policy.Failure:
    return watch_policy.Failure(kind, state, f'it is {kind.name}', **rest)


class PolicyTestCase(testtools.TestCase):
    """Has a policy.

    :ivar now: the time, in seconds
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin()

    def begin(self, poll_interval: float = 600, jitter: float = 1,
              is_watching: bool = True) -> None:
        """Begin anew."""
        self.now = 1000.0
        self.policy = watch_policy.WatchPolicy(
            poll_interval, is_watching, lambda: jitter)

    def list_fails(self, problem: watch_policy.Failure) -> float:
        """Let a list fail, and wait for the next; return for how long."""
        self.policy.list_failed(self.now, problem)
        due = self.policy.list_due()
        assert due is not None
        wait, self.now = due - self.now, due
        return wait
