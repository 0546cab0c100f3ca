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

"""The simulator's HTTP: a server that can be stopped, and its requests."""

from collections.abc import Callable
from collections.abc import Mapping
import contextlib
import dataclasses
import http.server
import socket
import socketserver
import sys
import threading
import time
from typing import Any
from typing import NamedTuple
import urllib.parse

# How long stop() waits, in all, for handlers that sleep in `intercept`.
STOP_SECONDS = 1.0


class Request(NamedTuple):
    """A request: the decoded path, and headers named as Go names them.

    That is the canonical form, `Accept-Encoding`, whatever was sent.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer; its headers replace the usual ones, Content-Length too.

    With `cut`, the connection is closed after so many bytes of the body.
    """

    status: int = 200
    body: bytes = b''
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cut: int | None = None


class Server(http.server.ThreadingHTTPServer):
    """The listening socket, bound from the start, and its connections.

    :param answer: makes the answer to a request, in the connection's thread
    :param port: the port on 127.0.0.1; 0 for a free one
    """

    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Answer], port: int) -> None:
        super().__init__(('127.0.0.1', port), _Handler, False)
        self.answer = answer
        self._accepting: threading.Thread | None = None
        # Written by the accepting thread only, and read when that is gone.
        self._connections: dict[socket.socket, threading.Thread] = {}
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Bind as TCPServer does."""
        # HTTPServer looks the name of the address up, which can take long.
        socketserver.TCPServer.server_bind(self)
        self.server_port = int(self.server_address[1])

    def start(self) -> None:
        """Begin to listen; again is harmless."""
        if self._accepting is None:
            self.server_activate()
            self._accepting = threading.Thread(
                target=self.serve_forever, daemon=True)
            self._accepting.start()

    def stop(self) -> None:
        """Close every connection, and free the port."""
        if self._accepting:
            # Wakes the accepting thread, which otherwise polls at leisure.
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.shutdown()
            self._accepting.join()
        self.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._connections.values():
            # `intercept` may call stop(), for a server that dies just then.
            if thread is not threading.current_thread():
                thread.join(max(deadline - time.monotonic(), 0))

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread,
                                  args=(request, client_address), daemon=True)
        self._connections = {connection: other for connection, other
                             in self._connections.items() if other.is_alive()}
        self._connections[request] = thread
        thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is no error of ours; one in `intercept` is.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # Left unread, a body would be taken for the next request.
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        url = urllib.parse.urlsplit(self.path)
        request = Request(
            self.command, urllib.parse.unquote(url.path),
            dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)),
            {name.title(): value for name, value in self.headers.items()})
        self._send(self.server.answer(request))

    do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = do_GET

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        headers = {
            'Cache-Control': 'no-cache, private',
            'Content-Type': 'application/json',
            'Content-Length': str(len(answer.body)),
            'Date': self.date_time_string(),
            **{name.title(): answer.headers[name] for name in answer.headers}}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(answer.body[:answer.cut])
        if answer.cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass
