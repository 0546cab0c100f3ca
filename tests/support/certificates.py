# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for tests, and what it issues, good and bad."""

from collections.abc import Sequence
import dataclasses
import datetime
import pathlib
import ssl

import fixtures
import trustme

HOSTS = ('127.0.0.1', 'localhost')
HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate with its key, in files and as the PEM bytes of these."""

    certificate_path: pathlib.Path
    key_path: pathlib.Path

    @property
    def certificate(self) -> bytes:
        return self.certificate_path.read_bytes()

    @property
    def key(self) -> bytes:
        return self.key_path.read_bytes()

    def server_context(self, *, clients: 'Authority | None' = None,
                       required: bool = False) -> ssl.SSLContext:
        """The TLS of a server that shows this certificate.

        :param clients: ask clients for a certificate of this authority
        :param required: break off the handshake with those who have none
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_path, self.key_path)
        if clients:
            context.load_verify_locations(clients.certificate_path)
            context.verify_mode = (
                ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL)
        return context


class Authority(fixtures.Fixture):
    """A certificate authority in a directory of its own.

    :param name: the authority's; two of the same name are two authorities
    """

    certificate_path: pathlib.Path

    def __init__(self, name: str = 'kubernetes') -> None:
        super().__init__()
        self._name = name

    def _setUp(self) -> None:
        self._directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self._count = 0
        self._authority = trustme.CA(organization_name=self._name,
                                     organization_unit_name=self._name)
        self.certificate_path = self._directory / 'ca.crt'
        self._authority.cert_pem.write_to_path(self.certificate_path)

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, which clients trust."""
        return self.certificate_path.read_bytes()

    def server(self, hosts: Sequence[str] = HOSTS, *,
               starts: datetime.timedelta = -HOUR,
               ends: datetime.timedelta = HOUR) -> Certificate:
        """Issue a server's certificate.

        :param hosts: names and addresses
        :param starts: from now, when it begins to be valid
        :param ends: from now, when it ends to be valid
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        return self._write(self._authority.issue_cert(
            *hosts, common_name='kube-apiserver', not_before=now + starts,
            not_after=now + ends))

    def wrong_host(self) -> Certificate:
        """Issue one for a host that no test runs on."""
        return self.server(['192.0.2.1', 'kubernetes.invalid'])

    def expired(self) -> Certificate:
        return self.server(starts=-2 * HOUR, ends=-HOUR)

    def not_yet_valid(self) -> Certificate:
        return self.server(starts=HOUR, ends=2 * HOUR)

    def self_signed(self) -> Certificate:
        """Make one that this authority has nothing to do with."""
        return self._write(trustme.CA())

    def client(self, name: str, organization: str | None = None, *,
               ends: datetime.timedelta = HOUR) -> Certificate:
        """Issue a client's certificate.

        :param name: the user's (CN), as Kubernetes has it
        :param organization: a group of the user's (O)
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        return self._write(self._authority.issue_cert(
            common_name=name, organization_name=organization,
            not_before=now - HOUR, not_after=now + ends))

    def _write(self, issued: trustme.LeafCert | trustme.CA) -> Certificate:
        self._count += 1
        made = Certificate(self._directory / f'{self._count}.crt',
                           self._directory / f'{self._count}.key')
        pem = issued.cert_pem if isinstance(issued, trustme.CA) \
            else issued.cert_chain_pems[0]
        pem.write_to_path(made.certificate_path)
        made.key_path.touch(0o600)
        issued.private_key_pem.write_to_path(made.key_path)
        return made
