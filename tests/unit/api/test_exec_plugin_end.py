# SPDX-License-Identifier: Apache-2.0
"""How exec plugins end, and that nothing is left of them."""

import json
import math
import os
import pathlib
import signal
import threading
import time

import fixtures

from tests.support.credentials import SECRET
from tests.support.plugins import COUNT
from tests.support.plugins import credential
from tests.support.plugins import ExecTestCase
from tests.support.plugins import is_running
from tests.support.plugins import prints
from tests.support.plugins import wait_until
from vitrage_k8s.api import exec_plugin


class EndTest(ExecTestCase):

    def setUp(self) -> None:
        super().setUp()
        before = self.state()
        self.addCleanup(lambda: self.assertEqual(before, self.state()))

    def state(self) -> tuple[set[str], set[threading.Thread]]:
        return (set(os.listdir('/proc/self/fd')), set(threading.enumerate()))

    def assert_is_gone(self, pid_file: str) -> None:
        """No zombie is left of a child."""
        self.assertFalse(
            pathlib.Path(f'/proc/{self.written(pid_file)}').exists())

    def assert_is_ended(self, pid_file: str) -> None:
        pid = self.written(pid_file)
        self.assertTrue(wait_until(lambda: not is_running(pid)))

    def is_killed(self, does: str, deadline: float = 1) -> None:
        logs_in = self.plugin(f'echo $$ >pid; {does}')
        self.fails('did not end within .* s, and was killed', lambda:
                   logs_in.login(time.monotonic() + deadline))
        self.assert_is_gone('pid')

    def test_is_killed_at_the_deadline(self) -> None:
        self.is_killed('exec sleep 600')

    def test_is_killed_with_its_children(self) -> None:
        self.is_killed('sleep 600 & echo $! >child; sleep 600')
        self.assert_is_ended('child')

    def test_is_killed_though_it_ignores_signals(self) -> None:
        self.is_killed('trap "" TERM INT HUP\n'
                       'for _ in $(seq 600); do sleep 1; done')

    def test_is_killed_though_it_has_closed_its_output(self) -> None:
        self.is_killed(f'{prints(token=SECRET)}; exec >&-; sleep 600')

    def test_is_killed_though_it_has_printed(self) -> None:
        self.is_killed(f'{prints(token=SECRET)}; sleep 600')

    def test_is_killed_though_it_goes_on_printing(self) -> None:
        self.is_killed('while :; do echo x; sleep 0.1; done')

    def test_is_killed_at_a_bound_without_deadline(self) -> None:
        self.useFixture(fixtures.MockPatchObject(
            exec_plugin, 'RUN_LIMIT', 1))
        self.is_killed('sleep 600', math.inf)

    def test_bound_is_half_a_minute(self) -> None:
        self.assertEqual(30, exec_plugin.RUN_LIMIT)

    def test_is_killed_when_it_prints_without_end(self) -> None:
        self.fails_to_run('printed more than', self.plugin(
            'echo $$ >pid; yes & echo $! >child; wait'))
        self.assert_is_gone('pid')
        self.assert_is_ended('child')

    def test_is_not_run_without_time(self) -> None:
        logs_in = self.plugin(COUNT)
        self.fails('no time left', lambda: logs_in.login(time.monotonic()))
        self.assertEqual(0, self.runs())

    def test_child_that_holds_the_pipe_holds_nobody_up(self) -> None:
        self.issues_token('abc', self.plugin(
            f'sleep 600 & echo $! >child; {prints(token="abc")}'))
        self.assert_is_ended('child')

    def test_child_in_another_session_holds_nobody_up(self) -> None:
        logs_in = self.plugin(
            """setsid sh -c 'echo $$ >child; exec sleep 600' &
            while [ ! -s child ]; do sleep 0.01; done
            """ + prints(token='abc'))
        self.issues_token('abc', logs_in)
        pid = self.written('child')
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.assertTrue(is_running(pid))

    def test_leaves_nothing_when_all_goes_well(self) -> None:
        self.issues_token('token-1', self.plugin(f'echo $$ >pid; {COUNT}'))
        self.assert_is_gone('pid')

    def test_leaves_nothing_when_it_fails(self) -> None:
        self.fails_to_run('status 1', self.plugin('echo $$ >pid; exit 1'))
        self.assert_is_gone('pid')

    def test_leaves_nothing_when_it_cannot_be_run(self) -> None:
        logs_in = self.plugin('')
        self.write('plugin', '#!/nowhere\n')
        self.fails_to_run('cannot be run', logs_in)

    def test_nobody_else_can_have_its_id_when_its_group_is_killed(
            self) -> None:
        kill, found = os.killpg, []

        def noted(group: int, number: int) -> None:
            found.append(pathlib.Path(f'/proc/{group}').exists())
            kill(group, number)

        self.useFixture(fixtures.MockPatch('os.killpg', noted))
        self.issues_token('token-1', self.plugin(COUNT))
        self.fails_to_run('status 1', self.plugin('exit 1'))
        self.assertEqual([True, True], found)

    def test_works_where_nobody_waits_for_children(self) -> None:
        handler = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGCHLD, handler)
        self.issues_token('token-1', self.plugin(COUNT))

    def test_takes_all_of_a_long_output(self) -> None:
        token = 'x' * 500_000
        self.write('long', json.dumps(credential(token=token)))
        self.issues_token(token, self.plugin('cat long'))
