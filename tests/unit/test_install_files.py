# SPDX-License-Identifier: Apache-2.0
"""The command `vitrage-k8s install-files`: what it writes, and what not."""

import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from oslo_config import cfg
import testtools
from vitrage import datasources

import vitrage_k8s
from vitrage_k8s import cli

CHECKOUT = pathlib.Path(__file__).parents[2]
SAMPLE = 'vitrage-k8s.conf.sample'
NODE_VALUES = 'datasources_values/kubernetes.node.yaml'
TEMPLATE = 'templates/kubernetes_of_a_test.yaml'


def expected() -> dict[str, bytes]:
    """Read what is to be copied, by its path below the directory."""
    etc = CHECKOUT / 'vitrage_k8s/etc'
    return {str(path.relative_to(etc)).removeprefix('vitrage/'):
            path.read_bytes() for path in etc.rglob('*') if path.is_file()}


class FilesTestBase(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch)
        self.directory = self.scratch / 'not/there yet'

    def install(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command; return its status and what it prints."""
        with contextlib.redirect_stdout(io.StringIO()) as output, \
                contextlib.redirect_stderr(io.StringIO()) as errors:
            status = cli.main(
                ['install-files', str(self.directory), *arguments])
        return status, output.getvalue(), errors.getvalue()

    def installed(self) -> dict[str, bytes]:
        """Read what is there, less the sample configuration."""
        return {str(path.relative_to(self.directory)): path.read_bytes()
                for path in self.directory.rglob('*')
                if path.is_file() and path.name != SAMPLE}


class InstallFilesTest(FilesTestBase):

    def test_copies_all_files_into_directories_that_it_makes(self) -> None:
        self.assertEqual(0, self.install()[0])

        self.assertEqual(expected(), self.installed())

    def test_says_what_it_wrote(self) -> None:
        _, output, errors = self.install()

        self.assertEqual(
            sorted(f'wrote {self.directory / name}'
                   for name in (*expected(), SAMPLE)),
            sorted(output.partition('\n\n')[0].splitlines()))
        self.assertEqual('', errors)

    def test_leaves_what_is_there_already(self) -> None:
        self.install()
        path = self.directory / NODE_VALUES
        before = path.stat()

        status, output, _ = self.install()

        self.assertEqual(0, status)
        self.assertNotIn('wrote', output)
        self.assertIn(f'unchanged {path}\n', output)
        self.assertEqual(before.st_ino, path.stat().st_ino)

    def test_keeps_what_differs_and_copies_the_others(self) -> None:
        path = self.directory / NODE_VALUES
        path.parent.mkdir(parents=True)
        path.write_text('mine')

        status, output, errors = self.install()

        self.assertEqual(1, status)
        self.assertEqual({**expected(), NODE_VALUES: b'mine'},
                         self.installed())
        self.assertNotIn(NODE_VALUES, output)
        [line] = errors.splitlines()
        self.assertIn(str(path), line)
        self.assertIn('--force', line)

    def test_overwrites_what_differs_when_forced(self) -> None:
        self.install()
        (self.directory / NODE_VALUES).write_text('mine')

        status, output, errors = self.install('--force')

        self.assertEqual((0, ''), (status, errors))
        self.assertEqual(expected(), self.installed())
        self.assertEqual(1, output.count('wrote'))

    def test_never_overwrites_what_is_of_another_datasource(self) -> None:
        for name in ('prometheus_conf.yaml',
                     'datasources_values/prometheus.yaml'):
            mine = self.directory / name
            beside = mine.with_name(f'{mine.name}.vitrage-k8s')
            mine.parent.mkdir(parents=True, exist_ok=True)
            for arguments in ((), ('--force',)):
                mine.write_text('mine')
                beside.write_text('of an earlier version')

                status, output, errors = self.install(*arguments)

                self.assertEqual((0, ''), (status, errors))
                self.assertEqual('mine', mine.read_text())
                self.assertEqual(expected()[name], beside.read_bytes())
                self.assertIn(f'wrote {beside}\n', output)
                self.assertIn(f'{mine} stays as it is: copy into it what '
                              f'{beside} has', output)

    def test_says_nothing_of_alerts_whose_files_are_ours(self) -> None:
        self.install()

        self.assertNotIn('stays as it is', self.install()[1])

    def test_vitrage_can_read_them_whatever_the_umask_is(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))

        self.install()

        modes = {(path.is_dir(), path.stat().st_mode & 0o777)
                 for path in (self.directory, *self.directory.rglob('*'))}
        self.assertEqual({(True, 0o755), (False, 0o644)}, modes)

    def test_fails_clearly_where_it_cannot_write(self) -> None:
        in_the_way = self.scratch / 'not'
        in_the_way.write_text('a file')

        status, output, errors = self.install()

        self.assertEqual((1, ''), (status, output))
        self.assertRegex(errors, rf'^ERROR: cannot write {in_the_way}/.*: '
                                 'Not a directory\n$')

    def test_leaves_no_temporary_file_where_it_cannot_write(self) -> None:
        path = self.directory / NODE_VALUES
        path.mkdir(parents=True)

        status, _, errors = self.install('--force')

        self.assertEqual(1, status)
        self.assertIn(f'cannot write {path}: Is a directory', errors)
        self.assertEqual([], [name for name in self.installed()
                              if name not in expected()])

    def test_says_what_to_do_next(self) -> None:
        output = self.install()[1].partition('\nNext:\n')[2]

        for step in (
                'default.yaml',
                f'vitrage.conf what {self.directory / SAMPLE}',
                f"kubectl apply -f '{self.directory}/kubernetes/rbac.yaml'",
                'Make a kubeconfig', 'Run: vitrage-k8s check',
                'Restart vitrage-graph', 'vitrage template add'):
            before, _, output = output.partition(step)
            self.assertIn('* ', before, step)

    def test_loads_all_templates_with_one_command(self) -> None:
        for _ in range(2):
            self.assertEqual(
                [f"vitrage template add --path '{self.directory}/templates' "
                 '--overwrite'],
                re.findall('vitrage template .*', self.install()[1]))

    def test_does_not_ask_for_what_is_there(self) -> None:
        self.install()
        (self.directory / 'datasources_values/default.yaml').touch()

        self.assertNotIn('default.yaml', self.install()[1])


class SampleTest(FilesTestBase):

    def read(self, text: str) -> cfg.ConfigOpts:
        """Read a configuration as Vitrage would."""
        path = self.scratch / 'vitrage.conf'
        path.write_text(text)
        conf = cfg.ConfigOpts()
        conf.register_opts(datasources.OPTS, group='datasources')
        for group, options in vitrage_k8s.list_opts():
            conf.register_opts(options, group=group)
        conf([], default_config_files=[str(path)], default_config_dirs=[])
        return conf

    def test_sample_enables_the_datasource(self) -> None:
        self.install()

        conf = self.read((self.directory / SAMPLE).read_text())

        self.assertEqual(['vitrage_k8s', 'vitrage.datasources'],
                         conf.datasources.path)
        [types] = [option.default for option in datasources.OPTS
                   if option.name == 'types']
        self.assertEqual([*types, 'kubernetes'], conf.datasources.types)

    def test_sample_shows_every_option_with_its_default(self) -> None:
        self.install()
        sample = (self.directory / SAMPLE).read_text()
        shown = re.findall(r'^#(\w+) =', sample, re.MULTILINE)

        conf = self.read(re.sub(r'^#(\w+ =)(?! <None>)', r'\1', sample,
                                flags=re.MULTILINE))

        [(_, options)] = vitrage_k8s.list_opts()
        self.assertEqual([option.dest for option in options], shown)
        self.assertEqual({option.dest: option.default for option in options},
                         dict(conf.kubernetes))


class ArgumentsTest(testtools.TestCase):

    def test_refuses_what_is_no_directory(self) -> None:
        # As an unset variable of a shell makes the first, which would be the
        # current directory.
        for argument, why in (('', 'is empty'),
                              (__file__, f'{__file__} is a file')):
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                exited = self.assertRaises(
                    SystemExit, cli.main, ['install-files', argument])
            self.assertEqual(2, exited.code)
            self.assertIn(f'argument DIRECTORY: {why}', errors.getvalue())


class CheckoutTest(FilesTestBase):
    """Run from a checkout of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.checkout = self.scratch / 'checkout'
        shutil.copytree(CHECKOUT / 'vitrage_k8s',
                        self.checkout / 'vitrage_k8s',
                        ignore=shutil.ignore_patterns('__pycache__'))

    def run_python(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, '-B', '-c', f'import sys\n{code}',
             'install-files', str(self.directory)], check=False,
            cwd=self.checkout, capture_output=True, text=True)

    def test_copies_a_new_template(self) -> None:
        etc = self.checkout / 'vitrage_k8s/etc'
        (etc / 'vitrage' / TEMPLATE).write_text('a template')

        done = self.run_python('from vitrage_k8s import cli\n'
                               'sys.exit(cli.main(sys.argv[1:]))')

        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertEqual({**expected(), TEMPLATE: b'a template'},
                         self.installed())

    def test_fails_clearly_when_the_files_are_missing(self) -> None:
        etc = self.checkout / 'vitrage_k8s/etc'
        shutil.rmtree(etc)

        done = self.run_python('from vitrage_k8s import cli\n'
                               'sys.exit(cli.main(sys.argv[1:]))')

        self.assertEqual((1, ''), (done.returncode, done.stdout))
        [line] = done.stderr.splitlines()
        self.assertIn(f'are not in {etc.resolve()}', line)
        self.assertFalse(self.directory.exists())

    def test_needs_neither_the_lab_nor_the_client_library(self) -> None:
        done = self.run_python(
            'for name in ("kubernetes", "msgspec", "networkx", "urllib3",'
            ' "vitrage_k8s_lab", "vitrageclient", "werkzeug"):\n'
            '    sys.modules[name] = None\n'
            'from vitrage_k8s import cli\n'
            'sys.exit(cli.main(sys.argv[1:]))')

        self.assertEqual((0, ''), (done.returncode, done.stderr))
