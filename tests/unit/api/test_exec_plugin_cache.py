# SPDX-License-Identifier: Apache-2.0
"""For how long the credentials of an exec plugin serve, and whom."""

import concurrent.futures
import time

from tests.support.credentials import soon
from tests.support.plugins import after
from tests.support.plugins import COUNT
from tests.support.plugins import ExecTestCase
from tests.support.plugins import Later
from tests.support.plugins import prints
from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.errors import CredentialsError
from vitrage_k8s.api.logins import Login


class CacheTest(ExecTestCase):

    def test_keeps_what_does_not_expire(self) -> None:
        logs_in = self.plugin(COUNT)
        self.issues_token('token-1', logs_in)
        self.useFixture(Later(10 ** 8))
        self.issues_token('token-1', logs_in)

    def keeps(self, lifetime: float, *, until: float, after_it: float) -> None:
        logs_in = self.plugin(prints(
            token='t', expirationTimestamp=after(lifetime)))
        logs_in.login(soon())
        with Later(until):
            logs_in.login(soon())
        self.assertEqual(1, self.runs())
        # The expiration that it prints is still to come.
        with Later(after_it):
            logs_in.login(soon())
        self.assertEqual(2, self.runs())

    def test_renews_a_minute_before_it_expires(self) -> None:
        self.keeps(3600, until=3500, after_it=3550)

    def test_keeps_for_half_of_a_short_lifetime(self) -> None:
        self.keeps(80, until=30, after_it=50)

    def test_what_has_expired_already_serves_once(self) -> None:
        for lifetime in (0, -1, -10 ** 8):
            (self.directory / 'runs').unlink(missing_ok=True)
            logs_in = self.plugin(prints(
                token='t', expirationTimestamp=after(lifetime)))
            for runs in (1, 2):
                self.issues_token('t', logs_in)
                self.assertEqual(runs, self.runs())

    def test_asks_for_others_when_refused(self) -> None:
        logs_in = self.plugin(COUNT)
        for number in '123':
            self.issues_token(f'token-{number}', logs_in)
            self.assertIs(True, logs_in.refused(
                Login(f'Bearer token-{number}'), soon()))

    def test_refusal_of_older_ones_leaves_those_of_others(self) -> None:
        logs_in = self.plugin(COUNT)
        old = logs_in.login(soon())
        logs_in.refused(old, soon())
        logs_in.login(soon())
        # What has replaced them may be of help.
        self.assertIs(True, logs_in.refused(old, soon()))
        self.issues_token('token-2', logs_in)


class ParallelTest(ExecTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.threads = concurrent.futures.ThreadPoolExecutor(8)
        self.addCleanup(self.threads.shutdown)
        # What a plugin waits for that is to run until it may end.
        self.gate = self.directory / 'gate'
        self.addCleanup(self.gate.touch)

    def gated(self, does: str) -> Credentials:
        return self.plugin('echo $$ >pid\nwhile [ ! -e gate ]; do sleep 0.01;'
                           f' done\n{does}')

    def test_one_run_is_for_all_who_wait(self) -> None:
        logs_in = self.gated(COUNT)
        waiting = [self.threads.submit(logs_in.login, soon())
                   for _ in range(8)]
        self.gate.touch()
        self.assertEqual({'Bearer token-1'}, {
            each.result().authorization for each in waiting})
        self.assertEqual(1, self.runs())

    def test_one_failure_is_for_all_who_wait(self) -> None:
        logs_in = self.gated('echo run >>runs; exit 3')
        waiting = [self.threads.submit(logs_in.login, soon())
                   for _ in range(8)]
        self.written('pid')
        # For all to come to where they wait.
        time.sleep(0.5)
        self.gate.touch()
        for each in waiting:
            self.assertIn('ended with status 3', str(each.exception()))
        self.assertEqual(1, self.runs())

    def test_deadline_of_one_is_not_that_of_others(self) -> None:
        logs_in = self.gated(COUNT)
        hurried = self.threads.submit(logs_in.login, time.monotonic() + 1)
        self.written('pid')
        patient = self.threads.submit(logs_in.login, soon())
        self.assertIsInstance(hurried.exception(), CredentialsError)
        self.gate.touch()
        self.assertEqual('Bearer token-1', patient.result().authorization)

    def test_nobody_waits_beyond_the_deadline(self) -> None:
        logs_in = self.gated(COUNT)
        patient = self.threads.submit(logs_in.login, soon())
        self.written('pid')
        self.fails('is still running, for another request',
                   lambda: logs_in.login(time.monotonic() + 0.1))
        self.gate.touch()
        self.assertEqual('Bearer token-1', patient.result().authorization)

    def test_refusal_does_not_wait_for_a_run(self) -> None:
        logs_in = self.gated(COUNT)
        patient = self.threads.submit(logs_in.login, soon())
        self.written('pid')
        logs_in.refused(Login(), soon())
        self.assertFalse(patient.done())
