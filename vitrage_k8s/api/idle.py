# SPDX-License-Identifier: Apache-2.0
"""Sessions that a list leaves open for the next list, or for the watch.

To connect with TLS costs as much as to list 50 nodes.
"""

import os
import threading
import time
from typing import Any
from typing import NamedTuple
import weakref

from vitrage_k8s.api import credentials
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import logins
from vitrage_k8s.api import transport

# How old a session may be when it is taken: a third of how long kube-apiserver
# keeps idle connections. Each new one reads the certificates of authorities
# again.
SECONDS = 30.0


class Session(NamedTuple):
    """Connections to an API server.

    :ivar login: what they are logged in with
    :ivar api_client: that of the official client, which uses them
    :ivar made_at: when it was made (time.monotonic())
    """

    login: logins.Login
    connections: transport.Connections
    api_client: Any
    made_at: float


class Idle:
    """Sessions in use by nobody. Thread-safe."""

    def __init__(self) -> None:
        self._begin()
        # In a forked child, nobody is there to release the lock, and the
        # connections are its parent's.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        # By the credentials, which an entry does not outlive: with which
        # server, and the session.
        self._left: weakref.WeakKeyDictionary[
            credentials.Credentials, tuple[endpoints.Place, Session],
            ] = weakref.WeakKeyDictionary()

    def leave(self, endpoint: endpoints.Endpoint, session: Session) -> None:
        """Keep a session until it is taken, or too old."""
        with self._lock:
            before = self._left.pop(endpoint.credentials, None)
            self._left[endpoint.credentials] = endpoint.place, session
        if before:
            before[-1].connections.close()

    def take(self, endpoint: endpoints.Endpoint,
             login: logins.Login) -> Session | None:
        """Return a session of an endpoint with this login, if there is one."""
        with self._lock:
            left = self._left.get(endpoint.credentials)
            if left and not _is_old(left[1]) and \
                    (left[0], left[1].login) == (endpoint.place, login):
                return self._left.pop(endpoint.credentials)[1]
        return None

    def close_old(self) -> None:
        """Close those that are too old."""
        with self._lock:
            for key, (_, session) in list(self._left.items()):
                if _is_old(session):
                    session.connections.close()
                    del self._left[key]


def _is_old(session: Session) -> bool:
    return time.monotonic() - session.made_at >= SECONDS


SESSIONS = Idle()
