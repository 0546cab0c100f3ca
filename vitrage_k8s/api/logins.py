# SPDX-License-Identifier: Apache-2.0
"""Logins: what is presented to an API server, wherever it is from.

And what they are made of: tokens, and the PEM of certificates and keys, which
a kubeconfig holds as data or in files.
"""

import base64
import pathlib

import msgspec

from vitrage_k8s.api import errors


class Discreet(msgspec.Struct, frozen=True):
    """Shows which of its fields are given, but not their values."""

    def __repr__(self) -> str:
        given = ', '.join(name for name in self.__struct_fields__
                          if getattr(self, name))
        return f'{type(self).__name__}({given})'


class Login(Discreet, frozen=True):
    """What to present to an API server; nothing at all is anonymous.

    :ivar authorization: the value of the header Authorization
    :ivar certificate: the client's certificate, or its chain, as PEM
    :ivar key: the certificate's private key, as PEM
    """

    authorization: str | None = None
    certificate: bytes | None = None
    key: bytes | None = None


def bearer(token: str, field: str) -> str:
    """Make the value of an Authorization header.

    :param token: the token; white space around it does not count
    :param field: where it is from, for the message
    :raises CredentialsError: a header cannot hold it
    """
    token = token.strip()
    if not token or not all('!' <= character <= '~' for character in token):
        raise errors.CredentialsError(
            f'{field}: is no token, which is one line of visible ASCII '
            'characters without white space')
    return f'Bearer {token}'


def load_pem(field: str, data: str | None, file: str | None,
             directory: pathlib.Path) -> bytes | None:
    """Load a certificate, a key or an authority of a kubeconfig.

    :param field: its name without -data, for the message
    :param data: base64, and may be wrapped, as base64(1) does; it comes first
    :param file: a path
    :param directory: what a relative path is relative to
    :returns: PEM; None where there is neither
    :raises PemError: it cannot be read, or is no PEM
    """
    if data:
        field = f'{field}-data'
        try:
            content = base64.b64decode(''.join(data.split()), validate=True)
        except ValueError as error:
            raise errors.PemError(f'{field}: is not base64') from error
        return _require_usable_pem(content, field)
    if file:
        path = directory / file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise errors.PemError(
                f'{field}: {path} cannot be read: {error.strerror}') from error
        return _require_usable_pem(content, f'{field} ({path})')
    return None


def _require_usable_pem(content: bytes, field: str) -> bytes:
    try:
        return require_pem(content, field)
    except errors.CredentialsError as error:
        raise errors.PemError(str(error)) from None


def require_pem(content: bytes, field: str) -> bytes:
    """Return what is PEM.

    :param field: where it is from, for the message
    :raises CredentialsError: it is not, or nobody can give its passphrase
    """
    if b'-----BEGIN ' not in content:
        raise errors.CredentialsError(
            f'{field}: is not PEM, which begins with -----BEGIN')
    if b'ENCRYPTED' in content:
        raise errors.CredentialsError(
            f'{field}: is encrypted; a service needs a key without a '
            'passphrase')
    return content
