# SPDX-License-Identifier: Apache-2.0
"""What the server sends in a watch, as the API server's watch cache does.

apiserver/pkg/storage/cacher decides what, and
apiserver/pkg/endpoints/handlers/watch.go sends it.
"""

import math
import time

from vitrage_k8s_lab.kube_api import answers
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import LOOK_SECONDS
from vitrage_k8s_lab.kube_api.http import Outlet
from vitrage_k8s_lab.kube_api.http import RefusedError
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api import nodes
from vitrage_k8s_lab.kube_api.selectors import Selector
from vitrage_k8s_lab.kube_api import tables

# Of the API server, for requests without a timeout: --min-request-timeout.
TIMEOUT = 1800
# The last bookmark comes so many seconds before the deadline.
_LAST_BOOKMARK = 2


class Watch:
    """The stream of a watch.

    :raises RefusedError: the request is wrong
    :raises TooOldError: changes are not known from that version on
    """

    def __init__(self, store: nodes.Nodes, request: Request) -> None:
        query = request.query
        if query.get('sendInitialEvents'):
            # As an API server without WatchList: clients know that.
            raise RefusedError(answers.failure(
                422, 'Invalid', 'ListOptions.meta.k8s.io "" is invalid: '
                'sendInitialEvents: Forbidden: sendInitialEvents is '
                'forbidden for watch unless the WatchList feature gate is '
                'enabled'))
        self._nodes = store
        self._is_table = answers.wants_table(request)
        self._selector = Selector(query)
        self._bookmarks = answers.is_set(query, 'allowWatchBookmarks')
        self._timeout = answers.number(query, 'timeoutSeconds') or TIMEOUT
        self._start, self._epoch = store.begin_watch(
            answers.number(query, 'resourceVersion'))

    def __call__(self, outlet: Outlet) -> None:
        end = time.monotonic() + self._timeout
        due = self._next_bookmark(end)
        # The head, before there is anything to send.
        outlet.send(b'')
        for item in self._start.items.values():
            if self._selector.matches(item):
                self._send(outlet, 'ADDED', item)
        # With a version of the future (etcd was restored, and the client does
        # not know) there is nothing to send until then.
        position = self._start.version
        while (now := time.monotonic()) < end:
            read = self._nodes.read(
                self._epoch, position,
                max(min(end, due, now + LOOK_SECONDS) - now, 0))
            if read is None:
                # A client that cannot keep up is ended, in good order.
                return
            for change in read:
                self._send_change(outlet, change)
                position = change.version
            outlet.check()
            if time.monotonic() >= due:
                version = self._nodes.bookmark(self._epoch, position)
                if version is None:
                    # There are changes to be sent first.
                    continue
                due = self._next_bookmark(end)
                if version > self._start.version:
                    outlet.send(faults.bookmark(str(version)))
                    position = version

    def _next_bookmark(self, end: float) -> float:
        # cache_watcher.go, nextBookmarkTime
        now = time.monotonic()
        due = min(now + self._nodes.bookmark_interval, end - _LAST_BOOKMARK)
        return due if self._bookmarks and due >= now else math.inf

    def _send_change(self, outlet: Outlet, change: nodes.Change) -> None:
        """Send a change, as it is for those who see some nodes only."""
        was = self._selector.matches(change.before)
        if change.kind != 'DELETED' and self._selector.matches(change.item):
            self._send(outlet, 'MODIFIED' if was else 'ADDED', change.item)
        elif was and change.before is not None:
            # As it was when it was last seen.
            self._send(outlet, 'DELETED', nodes.set_version(
                change.before, change.version))

    def _send(self, outlet: Outlet, kind: str, item: bytes) -> None:
        outlet.send(b'{"type":"%b","object":%b}\n' % (
            kind.encode(), tables.make_table({}, [item]) if self._is_table
            else b'{"kind":"Node","apiVersion":"v1",' + item[1:]))
