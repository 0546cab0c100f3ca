# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""How the simulator writes an answer that goes on and on."""

from collections.abc import Callable
import select
import socket
import struct
import threading
import time
from typing import Any

# Seconds between two looks at whether a client that is sent nothing is there.
LOOK_SECONDS = 0.2
# Where poll() cannot tell that (macOS), the next write does.
_LEFT = getattr(select, 'POLLRDHUP', 0)
# Linger for no time: close() then resets the connection.
_NO_LINGER = struct.pack('ii', 1, 0)


class Outlet:
    """Where a stream is written to, for as long as somebody reads it.

    Each method raises a ConnectionError once the server stops or the client
    has left, and waits first while the gate is shut.

    :param connection: to the client, only to see whether that is there
    :param write: sends bytes through that
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
        if self._stopping.is_set() or self._poll.poll(0):
            raise ConnectionAbortedError
        while self._gate and not self._gate.wait(LOOK_SECONDS):
            if self._stopping.is_set() or self._poll.poll(0):
                raise ConnectionAbortedError

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
        """Reset the connection, and break off."""
        self.check()
        reset(self._connection)
        raise ConnectionAbortedError


def reset(connection: socket.socket) -> None:
    """Close a connection as a process does that dies."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    # Ahead of socketserver, which would send a FIN first.
    connection.close()
