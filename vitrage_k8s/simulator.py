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

"""A Kubernetes API server for nodes, on loopback, for the demo and tests.

It answers as kube-apiserver 1.36 does, over real HTTP, so that any client
(ours, the official one, kubectl) can be tried against it without a cluster.
It is made of the standard library only, and must know nothing of Vitrage or
of our client: a server that shares code with the client under test would
share its mistakes too.
"""

import base64
import bisect
import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import gzip
import json
import re
import sys
import threading
import time
from typing import Any
from typing import NamedTuple
import uuid

from vitrage_k8s.simulator_answers import bad_request
from vitrage_k8s.simulator_answers import DISCOVERY
from vitrage_k8s.simulator_answers import encode
from vitrage_k8s.simulator_answers import Refused
from vitrage_k8s.simulator_answers import table
from vitrage_k8s.simulator_answers import TIME
from vitrage_k8s.simulator_http import Answer
from vitrage_k8s.simulator_http import Request
from vitrage_k8s.simulator_http import Server

# As in kube-apiserver: a body of more bytes is compressed, at this level.
GZIP_THRESHOLD = 128 * 1024
GZIP_LEVEL = 1
# Lists that can be paged through at a time; beyond that the oldest expires.
SNAPSHOTS = 32
_NODES = '/api/v1/nodes'


class _Snapshot(NamedTuple):
    """The nodes at one resource version, parallel and ordered by name."""

    version: int
    names: list[str]
    items: list[bytes]

    def find(self, name: str) -> bytes | None:
        at = bisect.bisect_left(self.names, name)
        return self.items[at] if self.names[at:at + 1] == [name] else None


class Simulator:
    """A cluster's API server; its nodes outlive stop() and start().

    `intercept` is asked before the normal answer, in the thread of the
    connection, and an Answer that it returns is sent instead; it may call
    answer() and alter that. To delay, it waits on `stopping`.

    :param nodes: as in the API; a name is needed, and nothing else
    :param cluster: its name, and that of the kubeconfig's context and user
    :param port: 0 is any free port; it stays the same after a restart
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]] = (), *,
                 cluster: str = 'simulator', port: int = 0) -> None:
        self.cluster = cluster
        self.requests: collections.deque[Request] = collections.deque(
            maxlen=10_000)
        self.intercept: Callable[[Request], Answer | None] | None = None
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._now = _Snapshot(1000, [], [])
        self._shared = False
        self._kept: dict[int, _Snapshot] = {}
        for node in nodes:
            self._put(node)
        self._server: Server | None = Server(self._respond, port)
        self._port = self._server.server_port
        self.url = f'http://127.0.0.1:{self._port}'

    def start(self) -> 'Simulator':
        self.stopping.clear()
        self._server = self._server or Server(
            self._respond, self._port)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection and free the port; again is harmless."""
        self.stopping.set()
        if self._server:
            self._server.stop()
            self._server = None

    def __enter__(self) -> 'Simulator':
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def put(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """Add a node, or replace the one of that name; give what is served.

        A replaced node's uid and creationTimestamp are kept unless given.

        :raises ValueError: without a metadata.name
        """
        served: dict[str, Any] = json.loads(self._put(node))
        return served

    def _put(self, node: Mapping[str, Any]) -> bytes:
        match node.get('metadata'):
            case {'name': str(name), **given}:
                pass
            case _:
                raise ValueError('a node needs a metadata.name')
        with self._lock:
            found = self._now.find(name)
            old = json.loads(found)['metadata'] if found else {
                'uid': str(uuid.uuid4()),
                'creationTimestamp': time.strftime(TIME, time.gmtime())}
            # Items of a list carry neither kind nor apiVersion.
            item = encode({
                'metadata': {
                    'name': name, 'uid': old['uid'],
                    'creationTimestamp': old['creationTimestamp'], **given,
                    'resourceVersion': str(self._now.version + 1)},
                **{key: value for key, value in node.items()
                   if key not in ('kind', 'apiVersion', 'metadata')}})
            self._change(name, item)
        return item

    def delete(self, name: str) -> None:
        with self._lock:
            if self._now.find(name) is None:
                raise KeyError(name)
            self._change(name, None)

    def _change(self, name: str, item: bytes | None) -> None:
        # Every change passes here, with the lock held: the place to feed a
        # ring of events from, once there are watches.
        version, names, items = self._now
        if self._shared:
            names, items = names.copy(), items.copy()
            self._shared = False
        at = bisect.bisect_left(names, name)
        known = slice(at, at + (names[at:at + 1] == [name]))
        names[known] = [] if item is None else [name]
        items[known] = [] if item is None else [item]
        self._now = _Snapshot(version + 1, names, items)

    def names(self) -> list[str]:
        with self._lock:
            return self._now.names.copy()

    def expire(self) -> None:
        """Let every continue token so far answer 410, as compaction does."""
        with self._lock:
            self._kept.clear()
            # As if an object of another kind was written: a new list at the
            # same version would bring the old tokens back to life.
            self._now = self._now._replace(version=self._now.version + 1)

    def kubeconfig(self) -> str:
        name = self.cluster
        return json.dumps({
            'apiVersion': 'v1', 'kind': 'Config', 'current-context': name,
            'clusters': [{'name': name, 'cluster': {'server': self.url}}],
            'users': [{'name': name, 'user': {}}],
            'contexts': [{'name': name,
                          'context': {'cluster': name, 'user': name}}]})

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        answer = self.intercept(request) if self.intercept else None
        return answer or self.answer(request)

    def answer(self, request: Request) -> Answer:
        """The normal answer, compressed if the client accepts that."""
        try:
            answer = self._route(request)
        except Refused as refused:
            return refused.answer
        accepted = request.headers.get('Accept-Encoding', '').split(',')
        if len(answer.body) > GZIP_THRESHOLD and any(
                coding.split(';')[0].strip() == 'gzip' for coding in accepted):
            return Answer(200, gzip.compress(answer.body, GZIP_LEVEL), {
                'Content-Encoding': 'gzip', 'Vary': 'Accept-Encoding'})
        return answer

    def _route(self, request: Request) -> Answer:
        path = request.path
        if request.method != 'GET':
            raise Refused(405, 'MethodNotAllowed', 'the server does not '
                           'allow this method on the requested resource')
        if path == _NODES:
            return Answer(body=self._list(request))
        if path.startswith(_NODES + '/'):
            return Answer(body=self._get(request, path[len(_NODES) + 1:]))
        if path in ('/healthz', '/livez', '/readyz'):
            return Answer(body=b'ok', headers={
                'Content-Type': 'text/plain; charset=utf-8'})
        # The official Python client asks for these with a slash at the end.
        if path.rstrip('/') in DISCOVERY:
            return Answer(body=encode(DISCOVERY[path.rstrip('/')]))
        raise Refused(404, 'NotFound', 'the server could not find the '
                       'requested resource')

    def _get(self, request: Request, name: str) -> bytes:
        with self._lock:
            item = self._now.find(name)
        if item is None:
            raise Refused(404, 'NotFound', f'nodes "{name}" not found',
                           details={'name': name, 'kind': 'nodes'})
        if _as_table(request):
            return table({}, [item])
        return b'{"kind":"Node","apiVersion":"v1",' + item[1:]

    def _list(self, request: Request) -> bytes:
        query = request.query
        if query.get('watch', 'false') not in ('false', '0'):
            # Watching plugs in here: an answer that streams events.
            raise Refused(501, 'NotImplemented', 'watch is not simulated')
        selector = query.get('fieldSelector', '')
        named = re.fullmatch('metadata[.]name==?([^=!,]+)', selector)
        if query.get('labelSelector') or (selector and not named):
            raise bad_request('this selector is not simulated')
        limit = _limit(query)
        snapshot, start = self._snapshot(query, limit)
        first = bisect.bisect_left(snapshot.names, start)
        last = min(first + limit, len(snapshot.names))
        metadata: dict[str, Any] = {'resourceVersion': str(snapshot.version)}
        if named:
            found = snapshot.find(named[1])
            items = [found] if found else []
        else:
            items = snapshot.items[first:last]
        if not named and last < len(snapshot.names):
            metadata['continue'] = _token(
                snapshot.version, snapshot.names[last - 1] + '\0')
            metadata['remainingItemCount'] = len(snapshot.names) - last
        if _as_table(request):
            return table(metadata, items)
        return b''.join((
            b'{"kind":"NodeList","apiVersion":"v1","metadata":',
            encode(metadata), b',"items":[', b','.join(items), b']}'))

    def _snapshot(self, query: Mapping[str, str],
                  limit: int) -> tuple[_Snapshot, str]:
        """The nodes to list, and the name to begin at."""
        wanted, start = -1, ''
        listed_at = query.get('resourceVersion') or '0'
        if query.get('continue'):
            if listed_at != '0':
                raise bad_request('specifying resource version is not '
                                   'allowed when using continue')
            wanted, start = _parsed(query['continue'])
        elif listed_at != '0':
            raise bad_request('a list at a version is not simulated')
        with self._lock:
            # -1 is now: a new list, or what is left of an expired one.
            found = self._kept.get(wanted) if wanted > 0 else self._now
            if found is self._now:
                self._shared = True
                if limit < len(found.names):
                    self._kept[found.version] = found
                if len(self._kept) > SNAPSHOTS:
                    del self._kept[min(self._kept)]
        if not found:
            raise Refused(
                410, 'Expired', 'The provided continue parameter is too old '
                'to display a consistent list result. You can start a new '
                'list without the continue parameter, or use the continue '
                'token in this response to retrieve the remainder.',
                metadata={'continue': _token(-1, start)})
        return found, start


def _limit(query: Mapping[str, str]) -> int:
    try:
        limit = int(query.get('limit') or 0)
    except ValueError as error:
        raise bad_request('limit is not a number') from error
    whole = query.get('resourceVersion') == '0' and not query.get('continue')
    return sys.maxsize if whole or limit <= 0 else limit


def _token(version: int, start: str) -> str:
    return base64.urlsafe_b64encode(encode({
        'v': 'meta.k8s.io/v1', 'rv': version, 'start': start,
    })).decode().rstrip('=')


def _parsed(token: str) -> tuple[int, str]:
    with contextlib.suppress(ValueError):
        match json.loads(base64.urlsafe_b64decode(token + '==')):
            case {'v': 'meta.k8s.io/v1', 'rv': int(version),
                  'start': str(start)} if version and start:
                return version, start
    raise bad_request('invalid continue token: continue key is not valid')


def _as_table(request: Request) -> bool:
    return 'as=Table' in request.headers.get('Accept', '')
