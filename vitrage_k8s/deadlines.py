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

"""Connections whose every wait ends at a deadline.

The timeouts of urllib3 bound one read each, so that a peer that sends a byte
now and then holds its reader for ever. Here a timer shuts the sockets down
when the deadline has passed, which ends a read in whatever state it is.
"""

from collections.abc import Iterator
import contextlib
import socket
import threading
import time
from typing import Any
import weakref

import urllib3


class Deadlines:
    """Puts deadlines on what goes through one urllib3 pool manager.

    Looking a host name up is not bounded by it (the resolver's configuration
    does that), nor is connecting (give urllib3 a connect timeout).

    :param pool_manager: the pool manager; it must not have connected yet
    """

    def __init__(self, pool_manager: urllib3.PoolManager) -> None:
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._expired = threading.Event()
        self._aborted = threading.Event()
        self._lock = threading.Lock()
        pool_manager.pool_classes_by_scheme = {
            scheme: self._watched(pool_class) for scheme, pool_class
            in pool_manager.pool_classes_by_scheme.items()}

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Run a block of calls, one block at a time.

        :param seconds: how long the block may take
        :raises TimeoutError: it took longer
        """
        self._expired.clear()
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        failure: Exception | None = None
        started = time.monotonic()
        try:
            yield
        except Exception as error:
            failure = error
        finally:
            timer.cancel()
        # A socket that was shut down reads as one that has come to its end,
        # and that may pass for the end of an answer.
        if self._aborted.is_set():
            raise TimeoutError('given up') from failure
        # The socket's own timeout may come before the timer gets its turn.
        is_late = failure is not None and \
            time.monotonic() - started >= seconds
        if self._expired.is_set() or is_late:
            raise TimeoutError(
                f'no complete answer within {seconds:g} s') from failure
        if failure is not None:
            raise failure

    def abort(self) -> None:
        """End every call that is under way, and all that come."""
        self._aborted.set()
        self._expire()

    def close(self) -> None:
        """Close the connections that were made, in use or not.

        The pool manager closes those that have come back to it; one that an
        error left behind would stay open until the error is forgotten.
        """
        for connection in list(self._connections):
            connection.close()

    def _expire(self) -> None:
        with self._lock:
            self._expired.set()
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _watch(self, sock: socket.socket) -> None:
        with self._lock:
            if self._expired.is_set() or self._aborted.is_set():
                raise TimeoutError('connected too late')
            self._sockets.add(sock)

    def _watched(self, pool_class: Any) -> Any:
        deadlines = self

        class Connection(pool_class.ConnectionCls):
            def _new_conn(self) -> socket.socket:
                # Before connect() returns it may talk to a proxy.
                deadlines._connections.add(self)
                sock: socket.socket = super()._new_conn()
                deadlines._watch(sock)
                return sock

            def connect(self) -> None:
                super().connect()
                # With TLS it is another socket than that of _new_conn().
                deadlines._watch(self.sock)

        return type(pool_class.__name__, (pool_class,),
                    {'ConnectionCls': Connection})
