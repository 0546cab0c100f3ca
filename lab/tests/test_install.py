# SPDX-License-Identifier: Apache-2.0
"""The lab, as pip packs it."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import testtools

LAB = pathlib.Path(__file__).parents[1]


class InstallTest(testtools.TestCase):

    def test_wheel_holds_the_lab_with_its_nodes(self) -> None:
        scratch = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, scratch)
        shutil.copytree(LAB, scratch / 'lab', ignore=shutil.ignore_patterns(
            '__pycache__', '*.egg-info', 'build'))

        # What builds it is in the tests' environment.
        done = subprocess.run(
            [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-index',
             '--no-build-isolation', '--wheel-dir', scratch, scratch / 'lab'],
            capture_output=True, text=True, check=False)

        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        [wheel] = scratch.glob('*.whl')
        with zipfile.ZipFile(wheel) as packed:
            names = {name for name in packed.namelist()
                     if '.dist-info/' not in name}
        package = LAB / 'vitrage_k8s_lab'
        self.assertEqual({
            str(path.relative_to(LAB)) for path in package.rglob('*')
            if path.suffix in ('.py', '.yaml', '.typed')}, names)
