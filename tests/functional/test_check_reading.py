# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: files of configuration that cannot be read."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys
from unittest import mock

import fixtures
from oslo_config import cfg

from tests.support.checks import CheckTest
from vitrage_k8s import cli


class ReadingTest(CheckTest):

    def test_no_configuration(self) -> None:
        for each in ('files', 'dirs'):
            self.useFixture(fixtures.MonkeyPatch(
                f'oslo_config.cfg.find_config_{each}',
                lambda *names, **options: []))
        status, output = self.run_check()
        self.assertEqual(2, status)
        self.assertIn('ERROR    vitrage.conf: there is none in ~/.vitrage, ~,',
                      output)

    def test_a_configuration_that_is_no_file(self) -> None:
        path = self.directory / 'fifo'
        os.mkfifo(path)
        # Nobody writes to it: to open it would wait for ever.
        for each in (path, '/dev/zero', self.directory):
            good = self.write()
            status, output = self.run_check(
                '--config-file', good, '--config-file', str(each))
            self.assertEqual(2, status)
            self.assertIn(f'ERROR    {good}, {each}: there is no file {each}',
                          output)
            cfg.CONF.reset()

    def test_prints_no_line_that_cannot_be_parsed(self) -> None:
        path = pathlib.Path(self.write())
        good = path.read_text()
        for content in (f'{good}password secret\n', f'\ufeff{good}secret\n',
                        f'{good}[x]\n\ty = secret\n', 'x:\n  y: secret\n',
                        good.encode('utf-16').decode('latin-1')):
            path.write_text(content, 'utf-8')
            status, output = self.run_check('--config-file', str(path))
            self.assertEqual(2, status)
            self.assertEqual([f'ERROR    {path}'], [
                line[:9 + len(str(path))] for line in output.splitlines()
                if '->' not in line])
            self.assertNotIn('secret', output)
            cfg.CONF.reset()

    def test_a_file_that_is_not_there(self) -> None:
        status, output = self.run_check('--config-file', '/no/such/file')
        self.assertEqual(2, status)
        self.assertIn('/no/such/file', output)

    def test_prints_no_warnings_of_libraries(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('PYTHONWARNINGS'))
        done = subprocess.run(
            (sys.executable, '-m', 'vitrage_k8s.cli', 'check',
             '--config-file', '/no/such/file'), capture_output=True)
        self.assertEqual((2, b''), (done.returncode, done.stderr))

    def test_a_file_that_this_user_may_not_read(self) -> None:
        path = pathlib.Path(self.write())
        refuse = mock.Mock(side_effect=PermissionError(13, 'denied'))
        with fixtures.MonkeyPatch('oslo_config.cfg.ConfigParser.parse',
                                  refuse):
            status, output = self.run_check('--config-file', str(path))
        self.assertEqual(2, status)
        self.assertIn('-> correct it, let this user read it, or', output)

    def test_a_file_that_is_not_utf_8(self) -> None:
        path = self.directory / 'vitrage.conf'
        path.write_bytes(b'# \xfc')
        status, output = self.run_check('--config-file', str(path))
        self.assertEqual(2, status)
        self.assertIn(f'ERROR    {path}: ', output)

    def test_a_terminal_that_knows_ascii_alone(self) -> None:
        for form, name in (('table', '\\xfc'), ('json', '\\u00fc')):
            terminal = io.TextIOWrapper(io.BytesIO(), 'ascii')
            with contextlib.redirect_stdout(terminal):
                status = cli.main(['check', '--config-file', '/no/\xfc',
                                   '--format', form])
                terminal.seek(0)
                self.assertIn(f'/no/{name}', terminal.read())
            self.assertEqual(2, status)
