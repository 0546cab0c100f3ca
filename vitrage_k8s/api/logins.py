# SPDX-License-Identifier: Apache-2.0
"""What logins are made of: files, the PEM of certificates and keys, tokens.

A deadline is when to give up, by time.monotonic(). A field is what messages
name: a file, an entry and its field.
"""

import base64
import concurrent.futures
import contextlib
import os
import pathlib
import re
import threading
import time
from typing import NamedTuple

import msgspec

from vitrage_k8s.api import errors

# More than any kubeconfig, token or bundle of authorities has, in bytes.
_LARGEST_FILE = 16 * 1024 * 1024
_PIECE = 1024 * 1024

# The blocks that Go looks for. What is around them is passed over, in
# whatever encoding it is: crypto/x509 AppendCertsFromPEM, crypto/tls
# X509KeyPair.
_PEM = re.compile(
    rb'-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY|CERTIFICATE)-----(.*?)'
    rb'-----END \1-----', re.DOTALL)
CERTIFICATE = 'CERTIFICATE'
PRIVATE_KEY = 'PRIVATE KEY'


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
    :ivar headers: names and values of further headers, for impersonation
    """

    authorization: str | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_anonymous(self) -> bool:
        """Whether there is nothing in it that an API server takes."""
        return not (self.authorization or self.certificate) or \
            (self.authorization or '').startswith('Basic ')

    @property
    def why_anonymous(self) -> str:
        """Why an API server does not know who this is."""
        if not self.is_anonymous:
            return 'the credentials of the kubeconfig are not known there, ' \
                   'or a proxy on the way keeps them'
        if self.authorization:
            return 'no API server takes a username and password since ' \
                   'Kubernetes 1.19'
        return 'no credentials were sent, for the kubeconfig has none, or ' \
               'its server is not of https://'


class File(NamedTuple):
    """What was read of a file, and its mode."""

    content: bytes
    mode: int


# The reads under way: a file that never answers has one thread, however often
# it is asked for. By process too, for a forked child has no threads. Without a
# lock, which nobody would release in the child.
_reads: dict[tuple[int, str], concurrent.futures.Future[File]] = {}


def read_file(path: pathlib.Path, deadline: float) -> File:
    """Read a file in a thread: a dead mount or a FIFO has no end.

    :raises OSError: it cannot be read, is too large, or does not answer;
        its strerror says what to show
    """
    key = (os.getpid(), str(path))
    new: concurrent.futures.Future[File] = concurrent.futures.Future()
    read = _reads.setdefault(key, new)
    if read is new:
        try:
            threading.Thread(target=_read, args=(key, read),
                             name='vitrage-k8s file', daemon=True).start()
        except RuntimeError as error:
            # The next one who asks tries again.
            del _reads[key]
            read.set_exception(OSError(0, str(error)))
    try:
        file = read.result(min(max(deadline - time.monotonic(), 0.0),
                               threading.TIMEOUT_MAX))
    except concurrent.futures.TimeoutError:
        raise TimeoutError(0, 'it did not answer within request_timeout; is '
                           'that a FIFO, or on a dead mount?') from None
    except ValueError as error:
        # It has a character that no path can have.
        raise OSError(0, str(error)) from error
    if len(file.content) > _LARGEST_FILE:
        raise OSError(0, f'it has more than {_LARGEST_FILE >> 20} MiB')
    return file


def _read(key: tuple[int, str],
          read: concurrent.futures.Future[File]) -> None:
    found: File | Exception
    try:
        content = b''
        with open(key[1], 'rb') as file:
            # In pieces: for an endless file, one read would take all memory.
            while len(content) <= _LARGEST_FILE and (
                    piece := file.read(_PIECE)):
                content += piece
            found = File(content, os.fstat(file.fileno()).st_mode)
    except (OSError, ValueError) as error:
        found = error
    # Whoever asks after this gets a new read.
    del _reads[key]
    if isinstance(found, File):
        read.set_result(found)
    else:
        read.set_exception(found)


def bearer(token: str, field: str) -> str:
    """Make the value of an Authorization header.

    White space around the token does not count.

    :raises CredentialsError: a header cannot hold it
    """
    token = token.strip()
    if not token or not all('!' <= character <= '~' for character in token):
        raise errors.CredentialsError(
            f'{field}: is no token, which is one line of visible ASCII '
            'characters without white space')
    return f'Bearer {token}'


def load_pem(kind: str, field: str, data: str, directory: pathlib.Path,
             file: str, deadline: float) -> list[bytes]:
    """Load a certificate, a key or authorities of a kubeconfig.

    :param field: its name without -data
    :param data: base64, and may be wrapped, as base64(1) does; it comes first
    :param directory: what the file's path is relative to
    :param file: its path; empty if there is none
    :returns: see find_pem(); nothing where there is neither
    :raises PemError: it cannot be read, or is no PEM
    """
    path = directory / file
    try:
        content = base64.b64decode(''.join(data.split()), validate=True)
        if content:
            return find_pem(kind, f'{field}-data', content)
        return find_pem(kind, f'{field} ({path})', read_file(
            path, deadline).content) if file else []
    except ValueError as error:
        raise errors.PemError(
            f'{field}-data: is not base64; encode the PEM with base64'
        ) from error
    except OSError as error:
        raise errors.PemError(f'{field}: {path} cannot be read: '
                              f'{error.strerror}') from error


def find_pem(kind: str, field: str, content: bytes) -> list[bytes]:
    """Return the blocks of PEM that are of a kind, each in ASCII.

    :param kind: CERTIFICATE or PRIVATE_KEY
    :raises PemError: there is none, or nobody can give its passphrase
    """
    found = []
    for match in _PEM.finditer(content):
        if not match[1].endswith(kind.encode()):
            continue
        if b'ENCRYPTED' in match[0]:
            raise errors.PemError(f'{field}: is encrypted; a service needs a '
                                  'key without a passphrase')
        with contextlib.suppress(ValueError):
            der = base64.b64decode(b''.join(match[2].split()), validate=True)
            # OpenSSL takes no long lines.
            found.append(b'-----BEGIN %s-----\n%s-----END %s-----\n' % (
                match[1], base64.encodebytes(der), match[1]))
    if not found:
        raise errors.PemError(
            f'{field}: is not PEM with a block -----BEGIN {kind}-----; give '
            'one that is')
    return found
