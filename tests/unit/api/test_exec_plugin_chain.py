# SPDX-License-Identifier: Apache-2.0
"""A plugin that issues a certificate with those that vouch for it."""

from tests.support.credentials import CERTIFICATE
from tests.support.credentials import KEY
from tests.support.credentials import pem
from tests.support.plugins import ExecTestCase
from tests.support.plugins import prints
from vitrage_k8s.api.logins import Login


class ChainTest(ExecTestCase):

    def test_all_certificates_are_presented(self) -> None:
        chain = CERTIFICATE + pem('CERTIFICATE', 'another')
        self.issues(Login(None, chain, KEY), self.plugin(prints(
            clientCertificateData=chain.decode(),
            clientKeyData=KEY.decode())))
