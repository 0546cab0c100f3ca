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
import calendar
import collections
from collections.abc import Callable, Iterable, Mapping
import contextlib
import dataclasses
import gzip
import http.server
import json
import re
import socket
import socketserver
import sys
import threading
import time
from typing import Any, NamedTuple
import urllib.parse
import uuid

# As in kube-apiserver: a body of more bytes is compressed, at this level.
GZIP_THRESHOLD = 128 * 1024
GZIP_LEVEL = 1
# Lists that can be paged through at a time; beyond that the oldest expires.
SNAPSHOTS = 32
# How long stop() waits, in all, for handlers that sleep in `intercept`.
STOP_SECONDS = 1.0

_NODES = '/api/v1/nodes'
_TIME = '%Y-%m-%dT%H:%M:%SZ'
_DISCOVERY: dict[str, dict[str, Any]] = {
    '/api': {'kind': 'APIVersions', 'versions': ['v1'],
             'serverAddressByClientCIDRs': []},
    '/apis': {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': []},
    '/api/v1': {'kind': 'APIResourceList', 'groupVersion': 'v1', 'resources': [
        {'name': 'nodes', 'singularName': 'node', 'namespaced': False,
         'kind': 'Node', 'verbs': ['get', 'list', 'watch'],
         'shortNames': ['no']}]},
    '/version': {'major': '1', 'minor': '36', 'gitVersion': 'v1.36.0',
                 'gitCommit': '', 'gitTreeState': 'clean', 'compiler': 'gc',
                 'buildDate': '2026-04-22T00:00:00Z', 'goVersion': 'go1.26',
                 'platform': 'linux/amd64'}}
# printNode of k8s.io/kubernetes/pkg/printers/internalversion.
_COLUMNS = [
    {'name': name, 'type': 'string', 'priority': 0, 'description': '',
     'format': 'name' if name == 'Name' else ''}
    for name in ('Name', 'Status', 'Roles', 'Age', 'Version')]
# UTF-8 as Go writes it; and NaN, which is not JSON, is refused.
_encoder = json.JSONEncoder(
    separators=(',', ':'), ensure_ascii=False, allow_nan=False)


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


class _Refused(Exception):
    def __init__(self, code: int, reason: str, message: str,
                 **fields: Any) -> None:
        self.answer = Answer(code, _encode({
            'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, **fields,
            'status': 'Failure', 'message': message, 'reason': reason,
            'code': code}))


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
        self._server: _Server | None = _Server(self, port)
        self._port = self._server.server_port
        self.url = f'http://127.0.0.1:{self._port}'

    def start(self) -> 'Simulator':
        self.stopping.clear()
        self._server = self._server or _Server(self, self._port)
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
                'creationTimestamp': time.strftime(_TIME, time.gmtime())}
            # Items of a list carry neither kind nor apiVersion.
            item = _encode({
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

    def answer(self, request: Request) -> Answer:
        """The normal answer, compressed if the client accepts that."""
        try:
            answer = self._route(request)
        except _Refused as refused:
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
            raise _Refused(405, 'MethodNotAllowed', 'the server does not '
                           'allow this method on the requested resource')
        if path == _NODES:
            return Answer(body=self._list(request))
        if path.startswith(_NODES + '/'):
            return Answer(body=self._get(request, path[len(_NODES) + 1:]))
        if path in ('/healthz', '/livez', '/readyz'):
            return Answer(body=b'ok', headers={
                'Content-Type': 'text/plain; charset=utf-8'})
        # The official Python client asks for these with a slash at the end.
        if path.rstrip('/') in _DISCOVERY:
            return Answer(body=_encode(_DISCOVERY[path.rstrip('/')]))
        raise _Refused(404, 'NotFound', 'the server could not find the '
                       'requested resource')

    def _get(self, request: Request, name: str) -> bytes:
        with self._lock:
            item = self._now.find(name)
        if item is None:
            raise _Refused(404, 'NotFound', f'nodes "{name}" not found',
                           details={'name': name, 'kind': 'nodes'})
        if _as_table(request):
            return _table({}, [item])
        return b'{"kind":"Node","apiVersion":"v1",' + item[1:]

    def _list(self, request: Request) -> bytes:
        query = request.query
        if query.get('watch', 'false') not in ('false', '0'):
            # Watching plugs in here: an answer that streams events.
            raise _Refused(501, 'NotImplemented', 'watch is not simulated')
        selector = query.get('fieldSelector', '')
        named = re.fullmatch('metadata[.]name==?([^=!,]+)', selector)
        if query.get('labelSelector') or (selector and not named):
            raise _bad_request('this selector is not simulated')
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
            return _table(metadata, items)
        return b''.join((
            b'{"kind":"NodeList","apiVersion":"v1","metadata":',
            _encode(metadata), b',"items":[', b','.join(items), b']}'))

    def _snapshot(self, query: Mapping[str, str],
                  limit: int) -> tuple[_Snapshot, str]:
        """The nodes to list, and the name to begin at."""
        wanted, start = -1, ''
        listed_at = query.get('resourceVersion') or '0'
        if query.get('continue'):
            if listed_at != '0':
                raise _bad_request('specifying resource version is not '
                                   'allowed when using continue')
            wanted, start = _parsed(query['continue'])
        elif listed_at != '0':
            raise _bad_request('a list at a version is not simulated')
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
            raise _Refused(
                410, 'Expired', 'The provided continue parameter is too old '
                'to display a consistent list result. You can start a new '
                'list without the continue parameter, or use the continue '
                'token in this response to retrieve the remainder.',
                metadata={'continue': _token(-1, start)})
        return found, start


class _Server(http.server.ThreadingHTTPServer):
    """The listening socket, bound from the start, and its connections."""

    request_queue_size = 128

    def __init__(self, simulator: Simulator, port: int) -> None:
        super().__init__(('127.0.0.1', port), _Handler, False)
        self.simulator = simulator
        self._accepting: threading.Thread | None = None
        # Written by the accepting thread only, and read when that is gone.
        self._connections: dict[socket.socket, threading.Thread] = {}
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        # HTTPServer looks the name of the address up, which can take long.
        socketserver.TCPServer.server_bind(self)
        self.server_port = int(self.server_address[1])

    def start(self) -> None:
        if self._accepting is None:
            self.server_activate()
            self._accepting = threading.Thread(
                target=self.serve_forever, daemon=True)
            self._accepting.start()

    def stop(self) -> None:
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
    server: _Server
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
        simulator = self.server.simulator
        simulator.requests.append(request)
        intercept = simulator.intercept
        self._send(intercept and intercept(request)
                   or simulator.answer(request))

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


def _encode(value: Any) -> bytes:
    return _encoder.encode(value).encode()


def _bad_request(message: str) -> _Refused:
    return _Refused(400, 'BadRequest', message)


def _limit(query: Mapping[str, str]) -> int:
    try:
        limit = int(query.get('limit') or 0)
    except ValueError as error:
        raise _bad_request('limit is not a number') from error
    whole = query.get('resourceVersion') == '0' and not query.get('continue')
    return sys.maxsize if whole or limit <= 0 else limit


def _token(version: int, start: str) -> str:
    return base64.urlsafe_b64encode(_encode({
        'v': 'meta.k8s.io/v1', 'rv': version, 'start': start,
    })).decode().rstrip('=')


def _parsed(token: str) -> tuple[int, str]:
    with contextlib.suppress(ValueError):
        match json.loads(base64.urlsafe_b64decode(token + '==')):
            case {'v': 'meta.k8s.io/v1', 'rv': int(version),
                  'start': str(start)} if version and start:
                return version, start
    raise _bad_request('invalid continue token: continue key is not valid')


def _as_table(request: Request) -> bool:
    return 'as=Table' in request.headers.get('Accept', '')


def _table(metadata: Mapping[str, Any], items: Iterable[bytes]) -> bytes:
    rows = []
    for node in map(json.loads, items):
        rows.append({'cells': _cells(node), 'object': {
            'kind': 'PartialObjectMetadata', 'apiVersion': 'meta.k8s.io/v1',
            'metadata': node['metadata']}})
    return _encode({'kind': 'Table', 'apiVersion': 'meta.k8s.io/v1',
                    'metadata': metadata, 'columnDefinitions': _COLUMNS,
                    'rows': rows})


def _cells(node: dict[str, Any]) -> list[str]:
    labels = _mapping(node['metadata'].get('labels'))
    status = _mapping(node.get('status'))
    state = 'Unknown'
    conditions = status.get('conditions')
    for condition in conditions if isinstance(conditions, list) else ():
        match condition:
            case {'type': 'Ready', 'status': ready}:
                state = 'Ready' if ready == 'True' else 'NotReady'
    if _mapping(node.get('spec')).get('unschedulable') is True:
        state += ',SchedulingDisabled'
    prefix = 'node-role.kubernetes.io/'
    roles = {label.removeprefix(prefix) for label in labels
             if label.startswith(prefix)}
    roles.add(str(labels.get('kubernetes.io/role') or ''))
    version = _mapping(status.get('nodeInfo')).get('kubeletVersion')
    return [node['metadata']['name'], state,
            ','.join(sorted(roles - {''})) or '<none>',
            _age(node['metadata']['creationTimestamp']), str(version or '')]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _age(created: Any) -> str:
    try:
        seconds = time.time() - calendar.timegm(
            time.strptime(str(created), _TIME))
    except ValueError:
        return '<unknown>'
    for size, unit in ((86400, 'd'), (3600, 'h'), (60, 'm')):
        if seconds >= 2 * size:
            return f'{seconds // size:.0f}{unit}'
    return f'{max(seconds, 0):.0f}s'
