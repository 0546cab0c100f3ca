# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for tests, and what it issues, good and bad."""

from collections.abc import Sequence
import dataclasses
import datetime
import ipaddress
import pathlib
import shutil
import ssl
import tempfile

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.oid import NameOID
import fixtures

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

    Keys are of elliptic curves: RSA's take long to make.

    :param name: the authority's; two of the same name are two authorities
    """

    certificate_path: pathlib.Path

    def __init__(self, name: str = 'kubernetes') -> None:
        super().__init__()
        self._name = _name(name)

    def _setUp(self) -> None:
        self._directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self._directory)
        self._count = 0
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate_path = self._issue(
            self._name, self._key, authority=True).certificate_path

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate: what clients are to trust."""
        return self.certificate_path.read_bytes()

    def server(self, hosts: Sequence[str] = HOSTS, *,
               starts: datetime.timedelta = -HOUR,
               ends: datetime.timedelta = HOUR,
               self_signed: bool = False) -> Certificate:
        """Issue a server's certificate.

        :param hosts: names and addresses
        :param starts: when it begins to be valid, from now
        :param ends: when it ends to be valid, from now
        """
        return self._issue(
            _name('kube-apiserver'), hosts=hosts, starts=starts, ends=ends,
            usage=ExtendedKeyUsageOID.SERVER_AUTH, self_signed=self_signed)

    def wrong_host(self) -> Certificate:
        """Issue one for a host that no test runs on."""
        return self.server(['192.0.2.1', 'kubernetes.invalid'])

    def expired(self) -> Certificate:
        """Issue one that was valid until an hour ago."""
        return self.server(starts=-2 * HOUR, ends=-HOUR)

    def not_yet_valid(self) -> Certificate:
        """Issue one that will be valid in an hour."""
        return self.server(starts=HOUR, ends=2 * HOUR)

    def self_signed(self) -> Certificate:
        """Make one that this authority has nothing to do with."""
        return self.server(self_signed=True)

    def client(self, name: str, organization: str | None = None, *,
               starts: datetime.timedelta = -HOUR,
               ends: datetime.timedelta = HOUR) -> Certificate:
        """Issue a client's certificate.

        :param name: the user's (CN), as Kubernetes has it
        :param organization: a group of the user's (O)
        """
        return self._issue(_name(name, organization), starts=starts, ends=ends,
                           usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(self, subject: x509.Name,
               key: ec.EllipticCurvePrivateKey | None = None, *,
               hosts: Sequence[str] = (), authority: bool = False,
               self_signed: bool = False,
               usage: x509.ObjectIdentifier | None = None,
               starts: datetime.timedelta = -HOUR,
               ends: datetime.timedelta = HOUR) -> Certificate:
        key = key or ec.generate_private_key(ec.SECP256R1())
        signer = key if self_signed else self._key
        now = datetime.datetime.now(datetime.timezone.utc)
        # Python 3.13 verifies strictly: it wants the identifiers, the usage,
        # and critical constraints.
        builder = x509.CertificateBuilder(
            issuer_name=subject if self_signed else self._name,
            subject_name=subject, public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now + starts, not_valid_after=now + ends,
        ).add_extension(
            x509.BasicConstraints(ca=authority, path_length=None), True,
        ).add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False,
        ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                signer.public_key()), False,
        ).add_extension(x509.KeyUsage(
            digital_signature=True, key_cert_sign=authority,
            crl_sign=authority, content_commitment=False,
            key_encipherment=False, data_encipherment=False,
            key_agreement=False, encipher_only=False, decipher_only=False,
        ), True)
        if usage:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([usage]), False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [_general_name(host) for host in hosts]), False)
        certificate = builder.sign(signer, hashes.SHA256())
        self._count += 1
        made = Certificate(self._directory / f'{self._count}.crt',
                           self._directory / f'{self._count}.key')
        made.certificate_path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM))
        made.key_path.touch(0o600)
        made.key_path.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return made


def _name(name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization is not None:
        attributes.insert(0, x509.NameAttribute(
            NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
