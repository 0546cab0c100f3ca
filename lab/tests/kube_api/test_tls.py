# SPDX-License-Identifier: Apache-2.0
"""The simulator's TLS, as other clients see it."""

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time

from testtools import matchers

from lab.tests.kube_api.simulators import AccessTest
from tests.support import certificates
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import RESET


class TlsTest(AccessTest):

    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.start(self.authority.server().server_context())

    def test_serves_those_who_trust_the_authority(self) -> None:
        self.assertThat(self.simulator.url,
                        matchers.StartsWith('https://127.0.0.1:'))
        for _ in range(2):
            self.assertEqual(200, self.get()[0])
            # A restarted server speaks TLS too.
            self.simulator.stop()
            self.simulator.start()

    def test_bad_certificates_are_refused_for_what_is_wrong(self) -> None:
        for certificate, reason in (
                (self.authority.wrong_host(), 'IP address mismatch'),
                (self.authority.expired(), 'certificate has expired'),
                (self.authority.not_yet_valid(), 'not yet valid'),
                (self.authority.self_signed(), 'self.signed certificate'),
                (self.useFixture(certificates.Authority()).server(),
                 'unable to get local issuer certificate')):
            self.simulator = self.start(certificate.server_context())
            with contextlib.redirect_stderr(io.StringIO()) as stderr:
                error = self.assertRaises(
                    ssl.SSLCertVerificationError, self.get)
                self.simulator.stop()
            self.assertRegex(str(error), reason)
            self.assertEqual('', stderr.getvalue())

    def test_silent_client_does_not_keep_others_waiting(self) -> None:
        address = self.simulator.url.removeprefix('https://').split(':')
        self.simulator.stop()
        threads = threading.active_count()
        self.simulator.start()
        with socket.create_connection((address[0], int(address[1]))):
            self.assertEqual(200, self.get()[0])
            began = time.monotonic()
            self.simulator.stop()
            self.assertThat(time.monotonic() - began, matchers.LessThan(10))
            self.assertEqual(threads, threading.active_count())

    def test_cut_answer_ends_early(self) -> None:
        self.simulator.script(Answer(body=b'0123456789', cut=4))
        error = self.assertRaises(http.client.IncompleteRead, self.get)
        self.assertEqual(b'0123', error.partial)

    def test_closes_and_resets_without_a_byte(self) -> None:
        self.simulator.script(Answer(CLOSE), Answer(RESET), None)
        self.assertRaises(http.client.RemoteDisconnected, self.get)
        # Python's ssl may take a reset for an end: then it is the above, a
        # subclass of this.
        self.assertRaises(ConnectionResetError, self.get)
        self.assertEqual(200, self.get()[0])


class CertificateTest(AccessTest):

    def serve(self, required: bool) -> None:
        self.simulator = self.start(self.authority.server().server_context(
            clients=self.authority, required=required))
        self.simulator.authenticate = self.simulator.by_certificate

    def test_user_is_the_common_name(self) -> None:
        self.serve(required=False)
        self.simulator.forbidden = {'list'}
        for certificate in (self.authority.client('jane'),
                            self.authority.client('jane', 'vitrage')):
            code, document = self.get(client_certificate=certificate)
            self.assertEqual(403, code)
            self.assertIn('User "jane" cannot list', document['message'])
            self.assertEqual('jane',
                             self.simulator.requests[-1].certificate_name)

    def test_client_without_a_certificate_is_anonymous(self) -> None:
        self.serve(required=False)
        self.simulator.allow_anonymous = False
        self.assertEqual(403, self.get()[0])
        self.assertIsNone(self.simulator.requests[-1].certificate_name)

    def test_required_certificate_is_missed_in_the_handshake(self) -> None:
        self.serve(required=True)
        self.assertEqual(200, self.get(
            client_certificate=self.authority.client('jane'))[0])
        self.assertRaises(OSError, self.get)

    def test_certificates_of_others_break_the_handshake_off(self) -> None:
        self.serve(required=False)
        other = self.useFixture(certificates.Authority('other'))
        for certificate in (other.client('jane'), self.authority.client(
                'jane', ends=-certificates.HOUR / 2)):
            self.assertRaises(OSError, self.get,
                              client_certificate=certificate)
        self.assertEqual(0, len(self.simulator.requests))
