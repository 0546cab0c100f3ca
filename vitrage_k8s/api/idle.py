# SPDX-License-Identifier: Apache-2.0
"""Connections that a list has left for the next one, or for the watch.

To connect with TLS costs as much as to list 50 nodes.
"""

import threading
import time
from typing import NamedTuple
import weakref

from vitrage_k8s.api import credentials
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import logins
from vitrage_k8s.api import transport

# How long connections may be idle: a third of what kube-apiserver gives them.
# The certificates of authorities are read for each, so again after this time.
SECONDS = 30.0


class _Left(NamedTuple):
    since: float
    place: endpoints.Place
    login: logins.Login
    connections: transport.Connections


class Idle:
    """Connections in use by nobody. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the credentials, and gone with them.
        self._left: weakref.WeakKeyDictionary[
            credentials.Credentials, _Left] = weakref.WeakKeyDictionary()

    def leave(self, endpoint: endpoints.Endpoint, login: logins.Login,
              connections: transport.Connections) -> None:
        """Leave connections to whoever takes them."""
        with self._lock:
            before = self._left.pop(endpoint.credentials, None)
            self._left[endpoint.credentials] = _Left(
                time.monotonic(), endpoint.place, login, connections)
        if before:
            before.connections.close()

    def take(self, endpoint: endpoints.Endpoint,
             login: logins.Login) -> transport.Connections | None:
        """Return connections to an endpoint, for a login, if there are any."""
        self.close_old()
        with self._lock:
            left = self._left.get(endpoint.credentials)
            if left and (left.place, left.login) == (endpoint.place, login):
                return self._left.pop(endpoint.credentials).connections
        return None

    def close_old(self) -> None:
        """Close those that were idle for too long."""
        now = time.monotonic()
        with self._lock:
            for key, left in list(self._left.items()):
                if now - left.since >= SECONDS:
                    left.connections.close()
                    del self._left[key]


CONNECTIONS = Idle()
