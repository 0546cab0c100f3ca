# SPDX-License-Identifier: Apache-2.0
"""Connections to an API server, and the deadlines on them.

The timeouts of urllib3 bound one read each, so that a peer that sends a byte
now and then holds its reader for ever. Here the sockets are shut down when
the deadline has passed, which ends a read in whatever state it is.
"""

from collections.abc import Iterator
import contextlib
import http.client
import socket
import ssl
import threading
import time
from typing import Any
import weakref

import urllib3
# urllib3 1.26 has it nowhere else.
from urllib3._collections import HTTPHeaderDict

from vitrage_k8s.api import bodies
from vitrage_k8s.api import deadlines
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import logins
from vitrage_k8s.api import pools


def is_tls_failure(error: BaseException | None) -> bool:
    """Return whether TLS failed, other than by a broken connection."""
    while error is not None and not isinstance(error, TimeoutError):
        if isinstance(error, ssl.SSLError):
            return not isinstance(error, ssl.SSLEOFError)
        error = error.__cause__ or error.__context__
    return False


def root_cause(error: BaseException) -> str:
    """Return what an error comes from, in a few words."""
    while not isinstance(error, TimeoutError):
        cause = error.__cause__ or error.__context__
        # urllib3 before 2.0 raises "from None" what a TypeError precedes.
        if not isinstance(cause, Exception) or (
                error.__suppress_context__ and error.__cause__ is None):
            break
        error = cause
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, ValueError):
        # http.client's and urllib3's way to say that a chunk has no length.
        return 'the connection broke off'
    return str(error).partition('\n')[0][:200] or type(error).__name__


def is_read_timeout(error: BaseException) -> bool:
    """Return whether an error is that nothing came for a while."""
    # With urllib3 before 2.2.0, bodies.py reads from the socket itself.
    return isinstance(error, (urllib3.exceptions.ReadTimeoutError,
                              TimeoutError))


class _Response(http.client.HTTPResponse):
    """Drops malformed header lines.

    urllib3 would log them, and all that follows them, at full length.
    """

    def begin(self) -> None:
        super().begin()
        self.msg.defects.clear()
        self.msg.set_payload('')


class Connections:
    """The connections to one API server, and the deadlines on them.

    The deadlines do not bound the resolver, which has a configuration of its
    own, nor connecting, for which urllib3 has a timeout.

    :param deadline: when files must have been read (time.monotonic())
    :raises ValueError, PemError: certificates or the proxy cannot be used
    """

    def __init__(self, endpoint: endpoints.Endpoint, login: logins.Login,
                 deadline: float) -> None:
        self.pool_manager = pools.make_pool_manager(endpoint, login, deadline)
        self.pool_manager.pool_classes_by_scheme = {
            scheme: self._watched(pool_class) for scheme, pool_class
            in self.pool_manager.pool_classes_by_scheme.items()}
        self._headers = list(login.headers)
        if login.authorization:
            self._headers.append(('Authorization', login.authorization))
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        # Guards the sockets, and whether they may be used.
        self._lock = threading.Lock()
        self._is_expired = self._is_aborted = False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Run a block of calls, one block at a time.

        :param seconds: how long the block may take
        :raises TimeoutError: it took longer
        """
        self._is_expired = False
        deadline = deadlines.DEADLINES.set(seconds, self._expire)
        failure: Exception | None = None
        started = time.monotonic()
        try:
            yield
        except Exception as error:
            failure = error
            # The socket's own timeout may come first.
            if time.monotonic() - started >= seconds:
                self._is_expired = True
        finally:
            deadlines.DEADLINES.cancel(deadline)
        # A socket that was shut down reads as one that has come to its end,
        # and that may pass for the end of an answer.
        if self._is_aborted or self._is_expired:
            raise TimeoutError(
                'given up' if self._is_aborted else
                f'no complete answer within {seconds:g} s') from failure
        if failure is not None:
            raise failure

    def abort(self) -> None:
        """End every call that is under way, and all later ones."""
        self._is_aborted = True
        self._expire()

    def close(self) -> None:
        """Close all connections, with those that an error left behind."""
        for connection in list(self._connections):
            connection.close()

    def _expire(self) -> None:
        with self._lock:
            self._is_expired = True
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _watch(self, sock: socket.socket) -> None:
        with self._lock:
            if self._is_expired or self._is_aborted:
                raise TimeoutError('connected too late')
            self._sockets.add(sock)

    def _watched(self, pool_class: Any) -> Any:
        # Made here, for urllib3 has no hook for a socket, and pools for TLS
        # and for SOCKS each have a connection class of their own.
        connections = self

        class Connection(pool_class.ConnectionCls):
            response_class = _Response

            def _new_conn(self) -> socket.socket:
                # Before connect() returns it may talk to a proxy.
                connections._connections.add(self)
                sock: socket.socket = super()._new_conn()
                connections._watch(sock)
                return sock

            def connect(self) -> None:
                super().connect()
                # If it is not verified, the kubeconfig asks for that, and
                # urllib3 would warn of each request.
                self.is_verified = True
                # With TLS it is another socket than that of _new_conn().
                connections._watch(self.sock)

        class Pool(pool_class):
            ConnectionCls = Connection

            def urlopen(self, *arguments: Any, headers: Any = None,
                        **options: Any) -> Any:
                # Not a dictionary: a name may come several times.
                headers = HTTPHeaderDict(headers)
                for name, value in connections._headers:
                    headers.add(name, value)
                response = super().urlopen(*arguments, headers=headers,
                                           **options)
                if 200 <= response.status <= 299:
                    return response
                # The official client would read and inflate all of its body.
                # No redirect is followed: the credentials are not for its
                # target, and its answers are not those of the API server.
                headers = HTTPHeaderDict(response.headers)
                headers.discard('Location')
                return urllib3.HTTPResponse(
                    bodies.read_error(response), headers=headers,
                    status=response.status, reason=response.reason,
                    preload_content=False)

        return Pool
