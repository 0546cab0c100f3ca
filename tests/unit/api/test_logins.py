# SPDX-License-Identifier: Apache-2.0
"""What is presented to an API server, and why that is nobody."""

import os
import pathlib
import signal
import threading

import fixtures
import testtools

from vitrage_k8s.api import errors
from vitrage_k8s.api import logins
from vitrage_k8s.api.logins import Login

BLOCK = b'-----BEGIN %s-----\n%s\n-----END %s-----\n'


class AnonymousTest(testtools.TestCase):

    def test_who_is_nobody_and_why(self) -> None:
        for login, is_anonymous, why in (
                (Login(), True, 'no credentials were sent'),
                (Login(headers=(('Impersonate-User', 'x'),)), True,
                 'no credentials were sent'),
                (Login('Basic dTpw'), True,
                 'no API server takes a username and password'),
                (Login('Basic dTpw', b'x', b'y'), True,
                 'no API server takes a username and password'),
                (Login('Bearer x'), False,
                 'the credentials of the kubeconfig are not known there'),
                (Login(None, b'x', b'y'), False,
                 'the credentials of the kubeconfig are not known there')):
            self.assertIs(is_anonymous, login.is_anonymous)
            self.assertTrue(login.why_anonymous.startswith(why),
                            login.why_anonymous)

    def test_what_threads_share_stays_as_it_is(self) -> None:
        self.assertRaises(AttributeError, setattr, Login(), 'key', b'')


class FileTest(testtools.TestCase):

    def test_file_that_hangs_is_no_reason_to_go_on(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'fifo')
        os.mkfifo(path)
        for _ in range(2):
            error = self.assertRaises(TimeoutError, logins.read_file, path, 0)
            self.assertIn('did not answer within request_timeout',
                          str(error.strerror))
            # It does not keep the process alive, and there is one only.
            [thread] = [each for each in threading.enumerate()
                        if each.name == 'vitrage-k8s file']
            self.assertTrue(thread.daemon)
        path.write_bytes(b'x')
        thread.join()
        path.unlink()
        path.write_bytes(b'x')
        self.assertEqual(b'x', logins.read_file(path, float('inf')).content)

    def test_file_is_read_once_threads_can_start_again(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'file')
        path.write_bytes(b'x')

        def start(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with fixtures.MonkeyPatch('threading.Thread.start', start):
            error = self.assertRaises(OSError, logins.read_file, path, 0)
        self.assertEqual("can't start new thread", error.strerror)
        self.assertEqual(b'x', logins.read_file(path, float('inf')).content)

    def test_process_that_is_forked_meanwhile_reads_files(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'file')
        path.write_bytes(b'x')
        start = threading.Thread.start
        children: list[int] = []

        def fork_and_start(thread: threading.Thread) -> None:
            if not children:
                # As another thread may, at the worst moment.
                children.append(os.fork())
                if not children[0]:
                    signal.alarm(10)
                    try:
                        found = logins.read_file(path, float('inf'))
                        os._exit(found.content != b'x')
                    finally:
                        os._exit(2)
            start(thread)

        self.useFixture(fixtures.MonkeyPatch(
            'threading.Thread.start', fork_and_start))
        logins.read_file(path, float('inf'))
        self.assertEqual(0, os.waitpid(children[0], 0)[1])


class PemTest(testtools.TestCase):

    def test_what_is_not_asked_for_or_cannot_be_read_is_passed_over(
            self) -> None:
        certificate = BLOCK % (b'CERTIFICATE', b'eA==', b'CERTIFICATE')
        for before in (b'', b'junk\n', BLOCK % (
                b'PRIVATE KEY', b'eA==', b'PRIVATE KEY'), BLOCK % (
                b'CERTIFICATE', b'!', b'CERTIFICATE')):
            [found] = logins.find_pem(
                logins.CERTIFICATE, 'the field', before + certificate)
            self.assertEqual(b''.join(certificate.split()),
                             b''.join(found.split()))
        self.assertRaises(errors.PemError, logins.find_pem,
                          logins.PRIVATE_KEY, 'the field', certificate)
