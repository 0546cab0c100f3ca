# SPDX-License-Identifier: Apache-2.0
"""How the scripts set themselves up, and that nothing is left of it."""

import os
import pathlib
import signal

import testtools

from tests.support.checkout import Checkout
from tests.support.checkout import PATIENCE
from tests.support.checkout import Script

# The signals that end a script, and its exit status.
SIGNALS = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}


class SetupTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.checkout = self.useFixture(Checkout())

    def ends(self, script: Script) -> str:
        """Check that a script ends well, and leaves nothing.

        :returns: what it has printed on stdout
        """
        status, stdout, stderr = script.end()
        self.assertEqual((0, []), (status, self.checkout.what_is_left()),
                         stderr)
        return stdout


class SetUpTest(SetupTest):

    def test_runs_the_demo_with_its_arguments(self) -> None:
        script = self.checkout.start('run_demo.sh', '--dot', 'a b')
        self.assertEqual('vitrage-k8s-demo --dot a b\n', self.ends(script))

    def test_is_set_up_once(self) -> None:
        self.ends(self.checkout.start('run_demo.sh'))
        self.ends(self.checkout.start('run_demo.sh'))
        self.assertEqual(['venv', 'pip'], self.checkout.passed())

    def test_is_set_up_again_when_the_requirements_change(self) -> None:
        self.ends(self.checkout.start('run_demo.sh'))
        with (self.checkout.path / 'requirements.txt').open('a') as file:
            file.write('another\n')
        self.ends(self.checkout.start('run_demo.sh'))
        self.assertEqual(['venv', 'pip'] * 2, self.checkout.passed())

    def test_runs_tox_with_its_arguments(self) -> None:
        script = self.checkout.start('run_tests.sh', '-e', 'py3', '--', 'a b')
        self.assertEqual('tox run -e py3 -- a b\n', self.ends(script))

    def test_ends_as_tox_does(self) -> None:
        script = self.checkout.start('run_tests.sh', TOX_DOES='exit 3')
        self.assertEqual(3, script.end()[0])

    def test_tests_may_interrupt_what_they_start(self) -> None:
        script = self.checkout.start(
            'run_tests.sh', TOX_DOES="sh -c 'kill -s INT $$; echo ignored'")
        self.assertEqual((130, 'tox run\n'), script.end()[:2])

    def test_what_tox_leaves_is_ended(self) -> None:
        script = self.checkout.start('run_tests.sh', stops_at='tox')
        self.checkout.await_moment('tox')
        self.checkout.go_on()
        self.ends(script)

    def test_installs_servers_whose_services_do_not_start(self) -> None:
        self.ends(self.checkout.start('run_tests.sh', MISSING='no-server'))
        self.assertEqual(
            ['venv', 'pip', 'download', 'policy', 'unpack', 'disable', 'tox'],
            self.checkout.passed())
        self.assertFalse(self.checkout.policy.exists())

    def test_policy_of_the_machine_stays(self) -> None:
        self.checkout.policy.touch()
        self.ends(self.checkout.start('run_tests.sh', MISSING='no-server'))
        self.assertTrue(self.checkout.policy.exists())


class InterruptedTest(SetupTest):

    def interrupt(self, script_name: str, moment: str, number: signal.Signals,
                  group: bool, **environment: str) -> None:
        script = self.checkout.start(script_name, stops_at=moment,
                                     **environment)
        self.checkout.await_moment(moment)
        self.send(script, number, group)
        script.process.wait(PATIENCE)
        # What looks for Python does not wait for what ends with it.
        if moment != 'python':
            self.assertEqual([], self.checkout.what_runs())
        self.assert_ends(script, number, f'{number!r}, group: {group}')

    def send(self, script: Script, number: int, group: bool) -> None:
        pid = script.process.pid
        (os.killpg if group else os.kill)(pid, number)

    def assert_ends(self, script: Script, number: signal.Signals,
                    message: str) -> None:
        status, stdout, stderr = script.end()
        self.assertEqual(
            (SIGNALS[number], '', []),
            (status, stdout, self.checkout.what_is_left()), message)
        self.assertNotIn('ERROR', stderr, message)

    def assert_nothing_is_left(self, script_name: str, moment: str,
                               **environment: str) -> None:
        before = self.files()
        for number in SIGNALS:
            for group in (False, True):
                self.interrupt(script_name, moment, number, group,
                               **environment)
        self.assertEqual(before, self.files())

    def files(self) -> set[pathlib.Path]:
        return set(self.checkout.path.rglob('*'))

    def test_while_it_looks_for_python(self) -> None:
        self.assert_nothing_is_left('run_demo.sh', 'python')

    def test_while_it_makes_an_environment(self) -> None:
        self.assert_nothing_is_left('run_demo.sh', 'venv')

    def test_while_it_installs(self) -> None:
        self.assert_nothing_is_left('run_demo.sh', 'pip')

    def test_while_it_installs_tox(self) -> None:
        self.assert_nothing_is_left('run_tests.sh', 'pip')

    def test_while_it_downloads_servers(self) -> None:
        self.ends(self.checkout.start('run_tests.sh'))
        self.assert_nothing_is_left('run_tests.sh', 'download',
                                    MISSING='no-server')

    def test_while_it_runs_tox(self) -> None:
        self.ends(self.checkout.start('run_tests.sh'))
        self.assert_nothing_is_left('run_tests.sh', 'tox')

    def test_while_it_waits_for_another(self) -> None:
        first = self.checkout.start('run_demo.sh', stops_at='pip')
        self.checkout.await_moment('pip')
        for number, status in SIGNALS.items():
            second = self.checkout.start('run_demo.sh')
            second.await_line('Waiting: another run is at work')
            self.send(second, number, True)
            self.assertEqual(status, second.end()[0])
        self.checkout.go_on()
        self.ends(first)
        self.ends(self.checkout.start('run_demo.sh'))
        self.assertEqual(['venv', 'pip'], self.checkout.passed())

    def test_dpkg_is_not_interrupted(self) -> None:
        script = self.checkout.start('run_tests.sh', stops_at='unpack',
                                     MISSING='no-server')
        self.checkout.await_moment('unpack')
        self.send(script, signal.SIGINT, True)
        script.await_line('must not be interrupted')
        self.checkout.go_on()
        self.assertEqual(130, script.end()[0])
        self.assertFalse(self.checkout.policy.exists())
        self.assertEqual(['venv', 'pip', 'download', 'policy', 'unpack',
                          'disable'],
                         self.checkout.passed())

    def test_next_run_sets_up_again(self) -> None:
        self.interrupt('run_demo.sh', 'pip', signal.SIGINT, True)
        self.ends(self.checkout.start('run_demo.sh'))
        self.assertEqual(['venv', 'pip'] * 2, self.checkout.passed())

    def test_killed_script_holds_nobody_up(self) -> None:
        for group in (False, True):
            script = self.checkout.start('run_demo.sh', stops_at='pip')
            self.checkout.await_moment('pip')
            self.send(script, signal.SIGKILL, group)
            self.assertEqual(137, script.end()[0])
        self.ends(self.checkout.start('run_demo.sh'))

    def test_killed_processes_leave_no_environment(self) -> None:
        script = self.checkout.start('run_demo.sh', stops_at='pip')
        self.checkout.await_moment('pip')
        self.checkout.kill_all()
        script.end()
        self.assertTrue((self.checkout.path / '.venv').exists())
        script = self.checkout.start('run_demo.sh')
        self.assertEqual('vitrage-k8s-demo\n', script.end()[1])
        self.assertEqual(['venv', 'pip'] * 2, self.checkout.passed())

    def test_what_tox_had_half_made_is_made_anew(self) -> None:
        for environment, file in (('py3', 'METADATA'), ('mypy', 'INSTALLER')):
            package = (self.checkout.path / '.tox' / environment
                       / 'lib/python3.12/site-packages/a-1.0.dist-info')
            package.mkdir(parents=True)
            (package / file).touch()
        self.ends(self.checkout.start('run_tests.sh'))
        self.assertEqual(['mypy'], os.listdir(self.checkout.path / '.tox'))


class TwoRunsTest(SetupTest):

    def assert_second_waits(self, script: str, moment: str,
                            passed: list[str]) -> None:
        first = self.checkout.start(script, stops_at=moment)
        self.checkout.await_moment(moment)
        second = self.checkout.start(script)
        second.await_line('Waiting: another run is at work')
        self.checkout.go_on()
        for run in (first, second):
            status, _, stderr = run.end()
            self.assertEqual(0, status, stderr)
        self.assertEqual([], self.checkout.what_is_left())
        self.assertEqual(passed, self.checkout.passed())

    def test_two_first_demos(self) -> None:
        self.assert_second_waits('run_demo.sh', 'venv', ['venv', 'pip'])

    def test_two_first_runs_of_the_tests(self) -> None:
        self.assert_second_waits('run_tests.sh', 'tox',
                                 ['venv', 'pip', 'tox', 'tox'])

    def test_both_say_that_they_go_on(self) -> None:
        supervisor = self.checkout.path / 'tools/supervise.py'
        text = supervisor.read_text()
        self.assertIn('SAY = 15', text)
        supervisor.write_text(text.replace('SAY = 15', 'SAY = 0'))
        first = self.checkout.start('run_demo.sh', stops_at='pip')
        first.await_line('... still installing')
        second = self.checkout.start('run_demo.sh')
        second.await_line('... still waiting')
        self.checkout.go_on()
        self.assertEqual([0, 0], [run.end()[0] for run in (first, second)])


class PythonTest(SetupTest):

    def assert_names(self, python: str | pathlib.Path, reason: str) -> None:
        script = self.checkout.start('run_demo.sh', PYTHON=str(python))
        status, stdout, stderr = script.end()
        self.assertEqual((1, ''), (status, stdout), stderr)
        [error] = [line for line in stderr.splitlines() if 'ERROR' in line]
        self.assertIn(f'PYTHON={python} ', error)
        self.assertIn(reason, error)
        self.assertEqual([], self.checkout.passed())

    def test_that_is_not_there(self) -> None:
        self.assert_names('/nowhere/python3', 'no such command')

    def test_that_is_not_in_the_path(self) -> None:
        self.assert_names('python3.12345', 'no such command')

    def test_that_is_not_executable(self) -> None:
        path = self.checkout.write_script('its name', 'exit 0')
        path.chmod(0o644)
        self.assert_names(path, 'cannot be executed')

    def test_that_is_a_directory(self) -> None:
        self.assert_names(self.checkout.path, 'cannot be executed')

    def test_that_fails(self) -> None:
        self.assert_names(self.checkout.write_script('fails', 'exit 42'),
                          'status 42')

    def test_that_is_something_else(self) -> None:
        self.assert_names('true', 'no Python 3')

    def test_that_is_too_old_or_too_new(self) -> None:
        for version in ('3.9', '3.14'):
            first, second = version.split('.')
            path = self.checkout.write_script(
                f'python{version}', 'exec "$REAL_PYTHON" -c "import sys\n'
                f'sys.version_info = ({first}, {second}, 0)\n'
                'exec(sys.argv[2])" "$@"')
            self.assert_names(path, f'it is Python {version}')

    def test_that_will_do_is_used_whatever_its_name(self) -> None:
        self.ends(self.checkout.start(
            'run_demo.sh', PYTHON=str(self.checkout.write_script(
                'a python', 'exec "$STUBS/bin/python" "$@"'))))
        self.assertEqual(['venv', 'pip'], self.checkout.passed())
