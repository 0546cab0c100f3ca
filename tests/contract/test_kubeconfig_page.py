# SPDX-License-Identifier: Apache-2.0
"""The commands of doc/source/kubeconfig.rst, with a real API server.

They make and delete a service account, so they run only where
VITRAGE_K8S_TEST_WRITE=1 says that they may, as an administrator. Some
controller must fill Secrets of the type service-account-token.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import testtools

from tests.support import contract
from tests.support import pages
from vitrage_k8s.api import client
from vitrage_k8s.api import decoding
from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import kubeconfig

CHECKOUT = pathlib.Path(__file__).parents[2]
TIMEOUT = 60.0


class KubeconfigPageTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.admin = os.environ.get(contract.VARIABLE, '')
        if not self.admin or os.environ.get(contract.WRITE_VARIABLE) != '1':
            self.skipTest(f'{contract.VARIABLE} and {contract.WRITE_VARIABLE} '
                          'give no real API server to write to')
        if not shutil.which('kubectl'):
            self.skipTest('THERE IS NO kubectl')
        self.place = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        (self.place / 'etc').mkdir()
        shutil.copytree(CHECKOUT / 'vitrage_k8s/etc/kubernetes',
                        self.place / 'etc/kubernetes')
        blocks = pages.shell_blocks('kubeconfig')
        self.account, self.secret, *self.stays = blocks[:5]
        self.end_token, self.role, self.expires, self.renew = blocks[5:9]
        [self.take_back] = blocks[9:]
        self.run_block(self.account)
        self.addCleanup(self.run_block, self.take_back)

    def run_block(self, block: str) -> str:
        """Run commands of the page, here and as this user."""
        for old, new in (('/etc/vitrage', f'{self.place}/etc'),
                         ('/var/lib/vitrage', f'{self.place}/var'),
                         ('sudo install', 'install'),
                         ('--owner=root', f'--owner={os.getuid()}'),
                         ('--owner=vitrage', f'--owner={os.getuid()}'),
                         ('--group=vitrage', f'--group={os.getgid()}')):
            block = block.replace(old, new)
        done = subprocess.run(
            ['sh', '-eu'], input=block, cwd=self.place, text=True,
            env={**os.environ, 'KUBECONFIG': self.admin},
            capture_output=True, timeout=TIMEOUT * 2, check=False)
        self.assertEqual(0, done.returncode, done.stderr + block)
        return done.stdout

    def list_nodes(self) -> str:
        """List nodes as the datasource does; return the list's version."""
        [found] = kubeconfig.load(
            str(self.installed), [], None, {}, TIMEOUT)
        assert isinstance(found, endpoint.Endpoint), found
        self.assertEqual('production', found.name)
        with contextlib.closing(client.Client(
                found.name, found, TIMEOUT)) as reader:
            deadline = time.monotonic() + TIMEOUT
            answer = reader.list_nodes(1, None, deadline)
            return decoding.decode_page(
                reader.inflate(answer, deadline)).resource_version

    def list_until_refused(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            self.list_nodes()

    @property
    def installed(self) -> pathlib.Path:
        return self.place / 'etc/kubeconfig'

    def test_token_of_a_secret_works_until_it_is_deleted(self) -> None:
        self.run_block(self.secret)
        printed = ''.join(self.run_block(block) for block in self.stays)

        self.assertIn('system:serviceaccount:kube-system:vitrage', printed)
        self.assertEqual(0o640, self.installed.stat().st_mode & 0o777)
        self.assertTrue(self.list_nodes())
        self.run_block(self.end_token)
        # The API server remembers for some seconds what it has accepted.
        error = self.assertRaises(errors.ApiError, self.list_until_refused)
        self.assertEqual(401, error.status)

    def test_token_in_a_file_renews_itself(self) -> None:
        self.run_block(self.role)
        self.run_block(self.expires)
        token = self.place / 'var/kubernetes/token'
        self.assertTrue(self.list_nodes())
        self.assertEqual(0o600, token.stat().st_mode & 0o777)
        first = token.read_text()

        # The API server writes the time into a token in whole seconds.
        while token.read_text() == first:
            self.run_block(self.renew)

        self.assertEqual(0o600, token.stat().st_mode & 0o777)
        self.assertTrue(self.list_nodes())
