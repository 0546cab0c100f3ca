# SPDX-License-Identifier: Apache-2.0
"""Logins: what is presented to an API server, wherever it is from.

For credentials.py, which is where others get these from, and exec_plugin.py.
"""

import msgspec

from vitrage_k8s.api import errors


class CredentialsError(errors.KubernetesDatasourceError):
    """There is nothing to log in with.

    The message names the field of the kubeconfig and what to do, and holds
    no secret.
    """


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
        raise CredentialsError(
            f'{field}: is no token, which is one line of visible ASCII '
            'characters without white space')
    return f'Bearer {token}'


def require_pem(content: bytes, field: str) -> bytes:
    """Return what is PEM.

    :param field: where it is from, for the message
    :raises CredentialsError: it is not, or nobody can give its passphrase
    """
    if b'-----BEGIN ' not in content:
        raise CredentialsError(
            f'{field}: is not PEM, which begins with -----BEGIN')
    if b'ENCRYPTED' in content:
        raise CredentialsError(
            f'{field}: is encrypted; a service needs a key without a '
            'passphrase')
    return content
