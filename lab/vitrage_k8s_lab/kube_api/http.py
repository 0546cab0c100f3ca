# SPDX-License-Identifier: Apache-2.0
"""What goes over HTTP: requests, answers, and answers that go on and on."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import select
import socket
import struct
import threading
import time
from typing import Any
from typing import NamedTuple

# Seconds after which a silent stream checks that its client is still there.
LOOK_SECONDS = 0.2
# Where poll() does not notice (macOS), the next write does.
_LEFT = getattr(select, 'POLLRDHUP', 0)
# Linger for no time: close() then resets the connection.
_NO_LINGER = struct.pack('ii', 1, 0)


class Outlet:
    """Where a stream is written to, for as long as somebody reads it.

    Each method raises a ConnectionError once the server stops or the client
    has left, and waits first while the gate is shut.

    :param write: sends bytes through the connection
    :param head: the status line and the headers, sent before the first chunk
    """

    def __init__(self, connection: socket.socket,
                 write: Callable[[bytes], Any], head: bytes,
                 stopping: threading.Event,
                 gate: threading.Event | None) -> None:
        self._connection = connection
        self._write = write
        self._head = head
        self._stopping = stopping
        self._gate = gate
        self._poll = select.poll()
        self._poll.register(connection.fileno(), _LEFT)

    def check(self) -> None:
        while True:
            if self._stopping.is_set() or self._poll.poll(0):
                raise ConnectionAbortedError
            if not self._gate or self._gate.wait(LOOK_SECONDS):
                return

    def wait(self, seconds: float) -> None:
        """Be silent for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            self._stopping.wait(min(left, LOOK_SECONDS))
        self.check()

    def send(self, data: bytes) -> None:
        """Send a chunk at once; one of no bytes sends only the head."""
        self.check()
        chunk = b'%x\r\n%b\r\n' % (len(data), data) if data else b''
        if self._head or chunk:
            self._write(self._head + chunk)
            self._head = b''

    def end(self) -> None:
        """End the stream in good order."""
        self.check()
        self._write(self._head + b'0\r\n\r\n')

    def reset(self) -> None:
        """Close the connection as a process that dies does."""
        self.check()
        self._connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        # Ahead of socketserver, which would send a FIN first.
        self._connection.close()
        raise ConnectionAbortedError


# Instead of a status: end the connection without a byte, in good order (FIN)
# or as a process that dies does (RST).
CLOSE = 0
RESET = -1


class Request(NamedTuple):
    """A request.

    The path is decoded, and headers have their canonical form, such as
    `Accept-Encoding`. `certificate_name` is the common name of the client's
    certificate, if there is one.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    certificate_name: str | None = None
    body: bytes = b''


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer, and how it is sent.

    :ivar status: the HTTP status, or CLOSE or RESET
    :ivar headers: they replace the usual ones, Content-Length too; that is
        left out beside a Transfer-Encoding, which the body has to follow
    :ivar cut: the connection is closed after so many bytes of the body
    :ivar delay: seconds before the first byte
    :ivar stream: writes the body, in chunks, instead of what is said above;
        to break off in the middle, it raises a ConnectionError
    :ivar gate: nothing is sent while it is not set
    :ivar phrase: the reason phrase, of Latin-1; None for the usual one

    Waiting ends when the server stops, and what is left is not sent.
    """

    status: int = 200
    body: bytes = b''
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cut: int | None = None
    delay: float = 0
    stream: Callable[[Outlet], None] | None = None
    gate: threading.Event | None = None
    phrase: str | None = None


class RefusedError(Exception):
    """A request that is answered with an error, which is `answer`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


# What a stream is made of; of a callable, the bytes that it returns.
Part = bytes | float | Callable[[], bytes | None]


class Stream:
    """An answer of status 200 in chunks, sent part by part.

    :param parts: bytes, sent at once as they are; seconds of silence; CLOSE
        or RESET, which break off there; or what is called then
    :param end: whether the stream ends after the last, in good order; else
        it stays open and silent
    """

    def __init__(self, *parts: Part, end: bool = True) -> None:
        self.parts = parts
        self.end = end

    def __call__(self, outlet: Outlet) -> None:
        # As an API server does, before there is anything to send.
        outlet.send(b'')
        for part in self.parts:
            data = part() if callable(part) else part
            if isinstance(data, bytes):
                outlet.send(data)
            elif data == CLOSE:
                raise ConnectionAbortedError
            elif data == RESET:
                outlet.reset()
            elif data:
                outlet.wait(data)
        while not self.end:
            outlet.wait(LOOK_SECONDS)


# What a script is made of; None is the normal answer.
Step = (Answer | Stream | Callable[[Request], Answer | Stream | None]
        | None)
