# SPDX-License-Identifier: Apache-2.0
"""A listening socket and its connections."""

import collections
from collections.abc import Callable
from collections.abc import Mapping
import contextlib
import http.client
import http.server
import socket
import socketserver
import ssl
import sys
import threading
import time
from typing import Any
from typing import TypeVar
import urllib.parse

from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Outlet
from vitrage_k8s_lab.kube_api.http import RefusedError
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import RESET

_T = TypeVar('_T', bound='Restartable')

# A body of more bytes is sent in chunks, as Go's net/http does.
CHUNKED_ABOVE = 2048
_CHUNK = 65536
# How long stop() waits, in all, for handlers that sleep in `intercept`.
STOP_SECONDS = 1.0


class Server(socketserver.ThreadingTCPServer):
    """The listening socket, bound from the start, and its connections.

    :param answer: makes the answer to a request, in the connection's thread
    :param port: the port on 127.0.0.1; 0 for a free one
    :param stopping: set when answers are not to be waited for any longer
    :param tls: with it the server speaks TLS
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Request], Answer], port: int,
                 stopping: threading.Event,
                 tls: ssl.SSLContext | None = None) -> None:
        super().__init__(('127.0.0.1', port), _Handler, False)
        self.answer = answer
        self.stopping = stopping
        self._tls = tls
        self._accepting: threading.Thread | None = None
        # Written by the accepting thread only, and read when that is gone.
        self._connections: dict[socket.socket, threading.Thread] = {}
        self.server_bind()

    def start(self) -> None:
        if self._accepting is None:
            self.server_activate()
            self._accepting = threading.Thread(
                target=self.serve_forever, daemon=True)
            self._accepting.start()

    def stop(self) -> None:
        if self._accepting:
            # Wakes the accepting thread, which polls twice a second.
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.shutdown()
            self._accepting.join()
        self.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                # Not SSLSocket's: it drops the TLS state that the thread of
                # the connection uses.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._connections.values():
            # `intercept` may call stop(), for a server that dies just then.
            if thread is not threading.current_thread():
                thread.join(max(deadline - time.monotonic(), 0))

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:
            # stop() needs the socket that the thread reads from.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(target=self.process_request_thread,
                                  args=(request, client_address), daemon=True)
        self._connections = {connection: other for connection, other
                             in self._connections.items() if other.is_alive()}
        self._connections[request] = thread
        thread.start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake is in the connection's thread: a silent client would
        # make all others wait.
        try:
            if self._tls:
                request.do_handshake()
        except OSError:
            return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may go away at any time. An error in `intercept` is shown.
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


class Restartable:
    """What has a server, on a port that stays the same after a restart.

    :param tls: with it the server speaks TLS

    :ivar url: where the server is
    :ivar requests: the last requests
    :ivar stopping: is set when the server stops
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: collections.deque[Request] = collections.deque(
            maxlen=10_000)
        self.stopping = threading.Event()
        self._tls = tls
        self._server: Server | None = self._bind(0)
        self._port = self._server.server_address[1]
        scheme = 'https' if tls else 'http'
        self.url = f'{scheme}://127.0.0.1:{self._port}'

    def _bind(self, port: int) -> Server:
        return Server(self._respond, port, self.stopping, self._tls)

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        try:
            return self.respond(request)
        except RefusedError as refused:
            return refused.answer

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request, in the connection's thread.

        :raises RefusedError: the answer is an error
        """
        raise NotImplementedError

    def start(self: _T) -> _T:
        self.stopping.clear()
        self._server = self._server or self._bind(self._port)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection and free the port; again is harmless."""
        self.stopping.set()
        if self._server:
            self._server.stop()
            self._server = None

    def __enter__(self: _T) -> _T:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # An unread body would be read as the next request.
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        url = urllib.parse.urlsplit(self.path)
        self._send(self.server.answer(Request(
            self.command, urllib.parse.unquote(url.path),
            dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)),
            {name.title(): value for name, value in self.headers.items()},
            self._certificate_name(), body)))

    do_POST = do_GET

    def _certificate_name(self) -> str | None:
        if isinstance(self.connection, ssl.SSLSocket):
            subject: Any = (self.connection.getpeercert() or {}).get('subject')
            for (name, value), *_ in subject or ():
                if name == 'commonName':
                    return str(value)
        return None

    def _send(self, answer: Answer) -> None:
        given = {name.title(): text for name, text in answer.headers.items()}
        is_chunked = answer.stream or (
            len(answer.body) > CHUNKED_ABOVE
            and not given.keys() & {'Content-Length', 'Transfer-Encoding'})
        if is_chunked:
            given['Transfer-Encoding'] = 'chunked'
        elif 'Transfer-Encoding' not in given:
            given.setdefault('Content-Length', str(len(answer.body)))
        head = self._head(answer, given)
        outlet = Outlet(self.connection, self.wfile.write, head,
                        self.server.stopping, answer.gate)
        outlet.wait(answer.delay)
        if answer.status == RESET:
            outlet.reset()
        elif answer.status == CLOSE:
            raise ConnectionAbortedError
        elif answer.stream:
            answer.stream(outlet)
            outlet.end()
        else:
            self.wfile.write(head)
            self.wfile.write(_chunked(answer.body, answer.cut) if is_chunked
                             else answer.body[:answer.cut])
        if answer.cut is not None or given.get('Connection') == 'close':
            self.close_connection = True

    def _head(self, answer: Answer, given: Mapping[str, str]) -> bytes:
        phrase = answer.phrase
        if phrase is None:
            phrase = http.client.responses.get(answer.status, '')
        headers = {'Cache-Control': 'no-cache, private',
                   'Content-Type': 'application/json',
                   'Date': self.date_time_string(), **given}
        return ''.join((
            f'{self.protocol_version} {answer.status} {phrase}\r\n',
            *(f'{name}: {text}\r\n' for name, text in headers.items()),
            '\r\n')).encode('latin-1')

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _chunked(body: bytes, cut: int | None) -> bytes:
    """Return a body in chunks; one that is cut breaks off in its first."""
    if cut is not None:
        return b'%x\r\n%b' % (len(body), body[:cut])
    chunks = (body[at:at + _CHUNK] for at in range(0, len(body), _CHUNK))
    return b''.join(b'%x\r\n%b\r\n' % (len(chunk), chunk)
                    for chunk in (*chunks, b''))
