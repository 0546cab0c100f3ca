# SPDX-License-Identifier: Apache-2.0
"""The bodies of answers: read as they come, and inflated with a bound.

urllib3 can inflate, too. But its versions before 2.6.0 inflate all that has
come in one go, and a megabyte of gzip may be a gigabyte of spaces.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import http.client
from typing import Any
from typing import NamedTuple
import zlib

import urllib3

# No piece of a body is larger than this, packed or not.
PIECE = 64 * 1024

# gzip is what the client asks for, and x-gzip its old name (RFC 9110).
CODINGS = ('', 'identity', 'gzip', 'x-gzip')

WHO = 'is that the API server, or a proxy or login page before it?'

# A Status of the API server has some hundred bytes.
_LARGEST_ERROR = 64 * 1024

# The two bytes that each member of a gzip stream begins with (RFC 1952).
_MAGIC = b'\x1f\x8b'
_GZIP_ONLY = 16 + zlib.MAX_WBITS

# Each costs as much as a node. API servers send one.
_MOST_MEMBERS = 10_000


class TooLargeError(Exception):
    """A body, or a line of it, has more bytes than it may."""

    def __init__(self, largest: int) -> None:
        super().__init__(f'is larger than {largest >> 20} MiB')


def read_all(pieces: Iterable[bytes], largest: int) -> bytearray:
    """Return a whole body, by its pieces.

    :param largest: how many bytes it may have
    :raises TooLargeError: it has more
    """
    # Two copies of 10 MB at a time, as of bytes, are more than malloc keeps:
    # the kernel would have to give each page of memory anew, for each body.
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > largest:
            raise TooLargeError(largest)
    return body


def read_error(response: Any) -> bytes:
    """Read the body of an error; nothing where it is not readable."""
    with contextlib.closing(response):
        try:
            body = bytes(read_all(read_pieces(response), _LARGEST_ERROR))
        except (TooLargeError, EOFError, zlib.error):
            return b''
        # Another request can use the connection; closing is harmless then.
        response.release_conn()
    return body


class Packed(NamedTuple):
    """A whole body as it came.

    :ivar is_gzip: whether it is packed
    """

    data: bytes | bytearray
    is_gzip: bool


def read_packed(response: urllib3.HTTPResponse, largest: int) -> Packed:
    """Read a whole body without inflating it.

    :param largest: how many bytes it may have, packed
    :raises TooLargeError: it has more
    :raises urllib3.exceptions.HTTPError, OSError: the connection broke off
    """
    pieces = _read_packed(response, is_whole=True)
    return Packed(read_all(pieces, largest),
                  'gzip' in content_coding(response))


def inflate_all(packed: Packed, largest: int,
                heed: Callable[[], None]) -> bytes | bytearray:
    """Return what a body holds.

    :param largest: how many bytes that may be
    :param heed: is called now and then, and raises what ends this
    :raises TooLargeError: it is more
    :raises zlib.error: it is not gzip
    :raises EOFError: the gzip stream breaks off
    """
    if not packed.is_gzip:
        return packed.data
    return read_all(inflate(_cut(packed.data, heed)), largest)


def _cut(data: bytes | bytearray,
         heed: Callable[[], None]) -> Iterator[bytes | bytearray]:
    # In pieces, for zlib copies what is left of one for each member.
    for start in range(0, len(data), PIECE):
        heed()
        yield data[start:start + PIECE]


def content_coding(response: urllib3.HTTPResponse) -> str:
    """Return how a body is packed; CODINGS are those that can be read."""
    return response.headers.get('Content-Encoding', '').strip().lower()


def problem_of(response: urllib3.HTTPResponse) -> str | None:
    """Return why an answer cannot be JSON that can be read, if so."""
    content_type = response.headers.get('Content-Type', '')
    if content_type and 'json' not in content_type:
        return f'is of the type {content_type[:80]}, not JSON; {WHO}'
    coding = content_coding(response)
    return None if coding in CODINGS \
        else f'has the content coding {coding[:80]}, not gzip'


def read_pieces(response: urllib3.HTTPResponse) -> Iterator[bytes]:
    """Yield a body piece by piece, each as soon as it is there.

    A piece is empty where what came does not make a byte yet.

    :raises urllib3.exceptions.HTTPError, OSError: the connection broke off
    :raises zlib.error: the body is not gzip, though it should be
    :raises EOFError: the gzip stream breaks off
    """
    packed = _read_packed(response)
    return inflate(packed) if 'gzip' in content_coding(response) else packed


def _read_packed(response: urllib3.HTTPResponse,
                 is_whole: bool = False) -> Iterator[bytes]:
    if hasattr(response, 'read1'):
        # read() fills a piece; chunks of API servers have some 2 KB.
        read = response.read if is_whole else response.read1
        try:
            while piece := read(PIECE, decode_content=False):
                yield piece
        except ValueError as error:
            # A chunk of a size below 0.
            raise urllib3.exceptions.ProtocolError(str(error)) from error
        return
    # urllib3 before 2.2.0. Its read_chunked() waits for whole chunks, and
    # its read() for as many bytes as it is to return.
    body: Any = response._fp
    try:
        while piece := body.read1(PIECE):
            yield piece
        if body.length:
            raise http.client.IncompleteRead(b'', body.length)
    except http.client.HTTPException as error:
        raise urllib3.exceptions.ProtocolError(str(error)) from error


def inflate(packed: Iterator[bytes | bytearray]) -> Iterator[bytes]:
    """Yield what pieces of gzip hold, in pieces of at most PIECE bytes.

    A stream may have several members. What follows the last one and is no
    member is passed over.

    :param packed: the pieces; where they are cut does not matter
    :returns: at least one piece for each packed one, if only an empty one
    :raises zlib.error: it is not gzip, or has very many members
    :raises EOFError: it ends within a member
    """
    member = zlib.decompressobj(_GZIP_ONLY)
    members = 1
    for data in packed:
        yield b''
        is_full = False
        # After a full piece, zlib may have more of it.
        while data or is_full:
            if member.eof:
                if not _MAGIC.startswith(data[:2]):
                    for _ in packed:
                        yield b''
                    return
                if members >= _MOST_MEMBERS:
                    raise zlib.error('more members than any server sends')
                member = zlib.decompressobj(_GZIP_ONLY)
                members += 1
            piece = member.decompress(data, PIECE)
            yield piece
            is_full = len(piece) == PIECE and not member.eof
            data = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise EOFError('the gzip stream breaks off')


def split_lines(pieces: Iterator[bytes],
                longest: int) -> Iterator[tuple[list[bytes], bytearray]]:
    """Yield the lines that end in each piece of a body, and what follows.

    White space at the end of a line, and lines of white space only, may be
    left out.

    :param longest: how many bytes may come without an end of a line
    :raises TooLargeError: there are more
    """
    line = bytearray()
    for piece in pieces:
        if piece.isspace() and b'\n' in piece:
            # A gigabyte of line ends costs next to nothing.
            piece = b'\n'
        *lines, rest = piece.split(b'\n')
        if lines:
            lines[0] = bytes(line) + lines[0]
            line.clear()
        line += rest
        if len(line) > longest:
            raise TooLargeError(longest)
        yield lines, line
