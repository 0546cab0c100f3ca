# SPDX-License-Identifier: Apache-2.0
"""What the simulator sends in a watch, as the API server's watch cache does.

apiserver/pkg/storage/cacher is where that is decided, and
apiserver/pkg/endpoints/handlers/watch.go where it is sent.
"""

from collections.abc import Callable
import math
import time

from vitrage_k8s_lab.kube_api.answers import as_table
from vitrage_k8s_lab.kube_api.answers import failure
from vitrage_k8s_lab.kube_api.answers import is_set
from vitrage_k8s_lab.kube_api.answers import number
from vitrage_k8s_lab.kube_api.answers import Refused
from vitrage_k8s_lab.kube_api.answers import selected_name
from vitrage_k8s_lab.kube_api.answers import table
from vitrage_k8s_lab.kube_api.faults import bookmark
from vitrage_k8s_lab.kube_api.http import LOOK_SECONDS
from vitrage_k8s_lab.kube_api.http import Outlet
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.nodes import Nodes

# Of the API server, for requests without a timeout: --min-request-timeout.
TIMEOUT = 1800


class Watch:
    """The stream of a watch.

    :param interval: gives the seconds between two bookmarks
    :raises Refused: for a request that is wrong
    :raises TooOld: for a version that changes are not known from
    """

    def __init__(self, nodes: Nodes, request: Request,
                 interval: Callable[[], float]) -> None:
        query = request.query
        if query.get('sendInitialEvents'):
            # As an API server without WatchList: clients know that.
            raise Refused(failure(
                422, 'Invalid', 'ListOptions.meta.k8s.io "" is invalid: '
                'sendInitialEvents: Forbidden: sendInitialEvents is '
                'forbidden for watch unless the WatchList feature gate is '
                'enabled'))
        self._nodes = nodes
        self._interval = interval
        self._table = as_table(request)
        self._name = selected_name(query)
        self._bookmarks = is_set(query, 'allowWatchBookmarks')
        self._timeout = number(query, 'timeoutSeconds') or TIMEOUT
        present, self._ring, self._place = nodes.watch(
            number(query, 'resourceVersion'))
        # The newest that the client has seen, or says that it has.
        self._version = present.version
        self._initial = present.items
        if self._name is not None:
            found = present.find(self._name)
            self._initial = [found] if found else []

    def __call__(self, outlet: Outlet) -> None:
        end = time.monotonic() + self._timeout
        due = self._next_bookmark()
        # The head, before there is anything to tell.
        outlet.send(b'')
        for item in self._initial:
            self._send(outlet, 'ADDED', item)
        self._initial = []
        while (now := time.monotonic()) < end:
            changes = self._ring.read(
                self._place, max(min(end, due, now + LOOK_SECONDS) - now, 0))
            if changes is None:
                # Who cannot keep up is ended, in good order.
                return
            for change in changes:
                self._place += 1
                # Of a version yet to come, there is nothing to tell until
                # then: etcd was restored, and the client does not know.
                if change.version > self._version:
                    self._version = change.version
                    if self._name in (None, change.name):
                        self._send(outlet, change.kind, change.item)
            outlet.check()
            if time.monotonic() >= due and self._send_bookmark(outlet):
                due = self._next_bookmark()

    def _next_bookmark(self) -> float:
        return time.monotonic() + self._interval() if self._bookmarks else (
            math.inf)

    def _send(self, outlet: Outlet, kind: str, item: bytes) -> None:
        outlet.send(b'{"type":"%b","object":%b}\n' % (
            kind.encode(), table({}, [item]) if self._table
            else b'{"kind":"Node","apiVersion":"v1",' + item[1:]))

    def _send_bookmark(self, outlet: Outlet) -> bool:
        version = self._nodes.version_at(
            self._ring, self._place, self._version)
        if version is None:
            # There are changes to be sent first.
            return False
        if version > self._version:
            self._version = version
            outlet.send(bookmark(str(version)))
        return True
