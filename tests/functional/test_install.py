# SPDX-License-Identifier: Apache-2.0
"""The wheel, as its user meets it: pip installs it, and the command runs."""

import configparser
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import venv
import zipfile

from oslo_config import cfg
import testtools

from tests.support import pages
import vitrage_k8s

CHECKOUT = pathlib.Path(__file__).parents[2]

# What the wheel is made of. Not the whole checkout, for pbr and setuptools
# leave behind what they make; and without git, as in an unpacked archive.
SOURCES = ('LICENSE', 'README.rst', 'pyproject.toml', 'requirements.txt',
           'setup.cfg', 'setup.py')

TEMPLATE = 'vitrage/templates/kubernetes_of_a_test.yaml'

# What may be too slow on a busy machine, and never is on an idle one.
PATIENCE = 300


def run(*command: str | pathlib.Path,
        **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # Nothing that leads to the checkout, which has another package.
        command, cwd=tempfile.gettempdir(),
        env={**os.environ, 'PYTHONPATH': '', **environment},
        capture_output=True, text=True, timeout=PATIENCE, check=False)


def version() -> str:
    """Read the version in setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(CHECKOUT / 'setup.cfg')
    return parser['metadata']['version']


def contents(directory: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes()
            for path in directory.rglob('*') if path.is_file()}


class InstallTest(testtools.TestCase):

    scratch: pathlib.Path
    sources: pathlib.Path
    wheel: pathlib.Path
    package: dict[str, bytes]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.scratch = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        sources = cls.scratch / 'sources'
        for name in ('lab', 'tests', 'vitrage_k8s'):
            shutil.copytree(CHECKOUT / name, sources / name,
                            ignore=shutil.ignore_patterns('__pycache__'))
        for name in SOURCES:
            shutil.copy(CHECKOUT / name, sources)
        # A new file must not have to be named anywhere.
        (sources / 'vitrage_k8s/etc' / TEMPLATE).write_text('a template')
        cls.package = contents(sources / 'vitrage_k8s')
        # What builds it is in the tests' environment; nothing is downloaded.
        cls.pip('wheel', '--no-build-isolation', '--wheel-dir', cls.scratch,
                sources)
        [cls.wheel] = cls.scratch.glob('*.whl')
        cls.sources = sources

    @classmethod
    def pip(cls, command: str, *arguments: str | pathlib.Path,
            **environment: str) -> None:
        done = run(sys.executable, '-m', 'pip', command,
                   '--disable-pip-version-check', '--no-deps', '--no-index',
                   *arguments, **environment)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)

    @classmethod
    def install(cls, *where: str | pathlib.Path) -> None:
        # Else pip would remove what it finds in the tests' environment.
        cls.pip('install', '--ignore-installed', *where, cls.wheel)

    def setUp(self) -> None:
        super().setUp()
        self.place = pathlib.Path(tempfile.mkdtemp(dir=self.scratch))
        self.directory = self.place / 'etc-vitrage'

    def assert_installs_files(self, *command: str | pathlib.Path,
                              **environment: str) -> None:
        done = run(*command, 'install-files', self.directory, **environment)

        self.assertEqual((0, ''), (done.returncode, done.stderr))
        installed = contents(self.directory)
        self.read_sample(installed.pop('vitrage-k8s.conf.sample'))
        self.assertEqual({
            name.removeprefix('etc/').removeprefix('vitrage/'): content
            for name, content in self.package.items()
            if name.startswith('etc/')}, installed)

    def read_sample(self, sample: bytes) -> None:
        path = self.place / 'vitrage.conf'
        path.write_bytes(sample)
        conf = cfg.ConfigOpts()
        conf.register_opts([cfg.ListOpt('types'), cfg.ListOpt('path')],
                           group='datasources')
        for group, options in vitrage_k8s.list_opts():
            conf.register_opts(options, group=group)
        conf([], default_config_files=[str(path)], default_config_dirs=[])
        self.assertEqual('vitrage_k8s', conf.datasources.path[0])
        self.assertIn('kubernetes', conf.datasources.types)
        self.assertEqual(600, conf.kubernetes.poll_interval)

    def site_packages(self) -> pathlib.Path:
        """Find where pip has put the package."""
        [package] = self.place.rglob('vitrage_k8s')
        return package.parent

    def test_wheel_holds_the_product_alone(self) -> None:
        with zipfile.ZipFile(self.wheel) as wheel:
            names = [name for name in wheel.namelist()
                     if '.dist-info/' not in name]

        self.assertEqual(sorted(f'vitrage_k8s/{name}'
                                for name in self.package), sorted(names))
        self.assertIn('vitrage_k8s/py.typed', names)

    def test_installs_files_from_a_virtual_environment(self) -> None:
        venv.create(self.place / 'venv')
        self.install('--prefix', self.place / 'venv')
        # What it needs is in the tests' environment.
        (self.site_packages() / 'others.pth').write_text('\n'.join(
            path for path in sys.path if path.endswith('-packages')))

        self.assert_installs_files(self.place / 'venv/bin/python',
                                   self.place / 'venv/bin/vitrage-k8s')

    def test_installs_files_from_a_prefix(self) -> None:
        # As with --user, what Python takes for the data path is elsewhere.
        self.install('--prefix', self.place / 'prefix')

        self.assert_installs_files(
            sys.executable, self.place / 'prefix/bin/vitrage-k8s',
            PYTHONPATH=str(self.site_packages()))

    def test_installs_files_from_a_target(self) -> None:
        self.install('--target', self.place / 'target')

        self.assert_installs_files(
            sys.executable, self.place / 'target/bin/vitrage-k8s',
            PYTHONPATH=str(self.place / 'target'))

    def test_says_its_version(self) -> None:
        self.install('--target', self.place / 'target')

        done = run(sys.executable, self.place / 'target/bin/vitrage-k8s',
                   '--version', PYTHONPATH=str(self.place / 'target'))

        self.assertEqual((0, f'vitrage-k8s {version()}\n', ''),
                         (done.returncode, done.stdout, done.stderr))

    def test_requires_a_networkx_that_vitrage_works_with(self) -> None:
        self.install('--target', self.place / 'target')

        [installed] = importlib.metadata.distributions(
            path=[str(self.place / 'target')])
        self.assertIn('networkx<3.6', installed.requires or [])

    def test_install_page_does_what_it_says(self) -> None:
        """Run doc/source/install.rst: its shell blocks, in their order.

        pip installs, in an environment of its own; kubectl, systemctl and
        the client only say how they were called.
        """
        called = self.place / 'called'
        etc = self.place / 'etc'
        venv.create(self.place / 'venv', symlinks=True)
        programs = self.place / 'venv/bin'
        for name in ('kubectl', 'systemctl', 'vitrage'):
            self.write_program(programs / name,
                               f'echo {name} "$@" >>{called}')
        self.write_program(programs / 'pip',
                           f'exec {sys.executable} -m pip "$@" '
                           f'--prefix {self.place / "venv"}')
        (self.place / 'others.txt').touch()

        for block in pages.shell_blocks('install'):
            done = subprocess.run(
                ['sh', '-eu'], cwd=self.sources, text=True,
                input=block.replace('/etc/vitrage', str(etc)).replace(
                    'upper-constraints.txt', str(self.place / 'others.txt')),
                env={**os.environ, 'PATH': f'{programs}:{os.environ["PATH"]}',
                     'PYTHONPATH': os.pathsep.join(map(str, (
                         *self.place.glob('venv/lib/python*/site-packages'),
                         *(path for path in sys.path
                           if path.endswith('-packages'))))),
                     'PIP_NO_INDEX': '1', 'PIP_NO_DEPS': '1',
                     'PIP_NO_BUILD_ISOLATION': '0',
                     'PIP_IGNORE_INSTALLED': '1'},
                capture_output=True, timeout=PATIENCE, check=False)
            self.assertEqual(0, done.returncode,
                             block + done.stdout + done.stderr)

        self.assertTrue((etc / 'datasources_values').is_dir())
        self.assertEqual([
            f'kubectl apply -f {etc}/kubernetes/rbac.yaml',
            'systemctl restart vitrage-graph',
            'vitrage resource list --all-tenants --type kubernetes.node',
            f'vitrage template add --path {etc}/templates --overwrite',
            ], called.read_text().splitlines())
        for path in called.read_text().split():
            if path.startswith(str(etc)):
                self.assertTrue(pathlib.Path(path).exists(), path)

    def write_program(self, path: pathlib.Path, does: str) -> None:
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\n{does}\n')
        path.chmod(0o755)

    def test_metadata_says_what_it_is(self) -> None:
        self.install('--target', self.place / 'target')

        [installed] = importlib.metadata.distributions(
            path=[str(self.place / 'target')])
        metadata = installed.metadata
        self.assertIn('vitrage', metadata['Keywords'].split(','))
        self.assertIn('Development Status :: 5 - Production/Stable',
                      metadata.get_all('Classifier') or [])
        self.assertTrue(metadata['Summary'])
        self.assertIn('Apache-2.0', (metadata['License'],
                                     metadata['License-Expression']))

    def build_with_git(self, **environment: str) -> str:
        """Build a wheel of a repository without tags; return its version."""
        repository = self.place / 'repository'
        shutil.copytree(self.sources, repository)
        run('git', '-C', repository, 'init')
        run('git', '-C', repository, 'add', '.')
        run('git', '-C', repository, '-c', 'user.name=x', '-c',
            'user.email=x@example.com', 'commit', '--message', 'All')
        self.status = run('git', '-C', repository, 'status', **environment)
        self.pip('wheel', '--no-build-isolation', '--wheel-dir', self.place,
                 repository, **environment)
        [wheel] = self.place.glob('*.whl')
        return wheel.name.split('-')[1]

    @unittest.skipUnless(shutil.which('git'), 'there is no git')
    def test_version_is_the_same_with_git_and_without(self) -> None:
        self.assertEqual(version(), self.wheel.name.split('-')[1])
        self.assertEqual(version(), self.build_with_git())

    @unittest.skipUnless(shutil.which('git'), 'there is no git')
    def test_version_is_the_same_in_a_tree_of_another_owner(self) -> None:
        built = self.build_with_git(
            GIT_TEST_ASSUME_DIFFERENT_OWNER='1', GIT_CONFIG_GLOBAL=os.devnull,
            GIT_CONFIG_SYSTEM=os.devnull)

        self.assertIn('dubious ownership', self.status.stderr)
        self.assertEqual(version(), built)
