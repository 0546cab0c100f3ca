# SPDX-License-Identifier: Apache-2.0
"""What kubectl shows of an API server's nodes."""

import re
import shutil
import subprocess
import tempfile

import testtools

from tests.support import contract


class KubectlContract(contract.Contract):

    def kubectl(self, *arguments: str) -> str:
        if not shutil.which('kubectl'):
            self.skipTest('KUBECTL IS NOT INSTALLED: nothing has shown that '
                          'kubectl understands the server')
        cache = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, cache)
        return subprocess.run(
            ['kubectl', '--kubeconfig', self.path, '--cache-dir', cache,
             *arguments], check=True, capture_output=True, text=True,
            timeout=60).stdout

    def test_shows_wide_rows(self) -> None:
        heads, *rows = self.kubectl('get', 'nodes', '-o',
                                    'wide').splitlines()
        self.assertEqual(
            ['NAME', 'STATUS', 'ROLES', 'AGE', 'VERSION', 'INTERNAL-IP',
             'EXTERNAL-IP', 'OS-IMAGE', 'KERNEL-VERSION',
             'CONTAINER-RUNTIME'], heads.split())
        self.assertEqual(self.names(self.read()),
                         [row.split()[0] for row in rows])

    def test_selects_by_label(self) -> None:
        self.assertEqual(
            self.names(self.read()),
            [line.removeprefix('node/') for line in self.kubectl(
                'get', 'nodes', '-l', 'a!=no-such-value', '-o',
                'name').splitlines()])

    def test_describes_a_node(self) -> None:
        name = self.names(self.read(limit=1))[0]
        parts = re.findall(r'^(\S[^:]*):', self.kubectl(
            'describe', 'node', name), re.MULTILINE)
        for part in ('Name', 'Roles', 'Labels', 'CreationTimestamp', 'Taints',
                     'Unschedulable', 'Lease', 'System Info',
                     'Non-terminated Pods', 'Allocated resources', 'Events'):
            self.assertIn(part, parts)


class LabKubectlTest(contract.Lab, KubectlContract, testtools.TestCase):
    pass


class RealKubectlTest(contract.Real, KubectlContract, testtools.TestCase):
    pass
