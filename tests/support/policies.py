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


class WatchTestCase(PolicyTestCase):
    """Has the policy of a cluster that has been listed."""

    def setUp(self) -> None:
        super().setUp()
        self.policy.list_succeeded(self.now)

    def watch(self, seconds: float = 0, **end: Any) -> float | None:
        """Watch for so long, and return how long to wait for the next."""
        self.policy.watch_began(self.now)
        self.now += seconds
        return self.watch_ends(**end)

    def watch_ends(self, problem: watch_policy.Failure | None = None,
                   **how: Any) -> float | None:
        self.policy.watch_ended(self.now, problem, **how)
        due = self.policy.watch_due()
        return None if due is None else max(due - self.now, 0)

    def list_wait(self) -> float:
        due = self.policy.list_due()
        assert due is not None
        return due - self.now

    def next_list(self) -> float:
        """Wait for the next list, which succeeds; return for how long."""
        wait = self.list_wait()
        self.now += wait
        self.policy.list_succeeded(self.now)
        return wait
