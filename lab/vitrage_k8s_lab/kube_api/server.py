# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server for nodes, on loopback, for the demo and tests.

It answers as kube-apiserver 1.36 does, over real HTTP, so that any client
(ours, the official one, kubectl) can be tried against it without a cluster.
It is made of the standard library only, and must know nothing of Vitrage or
of our client: a server that shares code with the client under test would
share its mistakes too.
"""

import collections
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import gzip
import json
import ssl
import threading
from typing import Any

from vitrage_k8s_lab.kube_api import access
from vitrage_k8s_lab.kube_api.answers import as_table
from vitrage_k8s_lab.kube_api.answers import DISCOVERY
from vitrage_k8s_lab.kube_api.answers import encode
from vitrage_k8s_lab.kube_api.answers import failure
from vitrage_k8s_lab.kube_api.answers import Refused
from vitrage_k8s_lab.kube_api.answers import selected_name
from vitrage_k8s_lab.kube_api.answers import table
from vitrage_k8s_lab.kube_api.changes import TooOld
from vitrage_k8s_lab.kube_api.faults import watch_expired
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import next_answer
from vitrage_k8s_lab.kube_api.http import Outlet
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import Step
from vitrage_k8s_lab.kube_api.listener import Server
from vitrage_k8s_lab.kube_api.nodes import Nodes
from vitrage_k8s_lab.kube_api.nodes import Snapshot
from vitrage_k8s_lab.kube_api.nodes import token_of
from vitrage_k8s_lab.kube_api.watch import Watch

# As in kube-apiserver: a body of more bytes is compressed, at this level.
GZIP_THRESHOLD = 128 * 1024
GZIP_LEVEL = 1
_NODES = access.NODES


class Simulator(access.Access):
    """A cluster's API server; its nodes outlive stop() and start().

    `intercept` is asked before the normal answer, in the thread of the
    connection, and an Answer that it returns is sent instead; it may call
    answer() and alter that. To delay, it waits on `stopping`.

    :param nodes: as in the API; a name is needed, and nothing else
    :param cluster: its name, and that of the kubeconfig's context and user
    :param port: 0 is any free port; it stays the same after a restart
    :param tls: with it the server speaks TLS; to ask for the clients'
        certificates, CERT_OPTIONAL in it comes closest to kube-apiserver,
        which however answers 401 where this breaks off the handshake

    :ivar bookmark_interval: seconds between the bookmarks of a watch
    :ivar gone_as_http: whether a version too old to watch from is answered
        410, as by older servers, instead of 200 and an ERROR event
    :ivar watching: the watches that are open
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]] = (), *,
                 cluster: str = 'simulator', port: int = 0,
                 tls: ssl.SSLContext | None = None) -> None:
        super().__init__(cluster)
        self.requests: collections.deque[Request] = collections.deque(
            maxlen=10_000)
        self.intercept: Callable[[Request], Answer | None] | None = None
        self.stopping = threading.Event()
        self.bookmark_interval = 60.0
        self.gone_as_http = False
        self._script: collections.deque[Step] = collections.deque()
        self._watch_script: collections.deque[Step] = collections.deque()
        self._streams: set[Outlet] = set()
        self._thawed = threading.Event()
        self._thawed.set()
        self._nodes = Nodes(nodes)
        self._tls = tls
        self._server: Server | None = self._bind(port)
        self._port = self._server.server_port
        scheme = 'https' if tls else 'http'
        self.url = f'{scheme}://127.0.0.1:{self._port}'

    def _bind(self, port: int) -> Server:
        return Server(self._respond, port, self.stopping, self._tls)

    def start(self) -> 'Simulator':
        self.stopping.clear()
        self.note_start()
        self._server = self._server or self._bind(self._port)
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection and free the port; again is harmless."""
        self.stopping.set()
        self._nodes.wake()
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
        served: dict[str, Any] = json.loads(self._nodes.put(node))
        return served

    def touch(self, name: str) -> None:
        """Let a node report that it is well, as the kubelet does."""
        self._nodes.touch(name)

    def delete(self, name: str) -> None:
        self._nodes.delete(name)

    def names(self) -> list[str]:
        return self._nodes.names()

    def expire(self) -> None:
        """Forget all that is past, as compaction does.

        Every continue token so far, and every version to watch from, is then
        answered 410; watches that go on are up to date and stay.
        """
        self._nodes.expire()

    def backup(self) -> Snapshot:
        """The nodes and their version, for restore()."""
        return self._nodes.backup()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a backup, as when etcd is restored.

        All watches are cut, and continue tokens and changes forgotten.
        """
        self._nodes.restore(snapshot)

    def hang_up(self, in_order: bool = False) -> None:
        """Cut every watch; each may go on from where it was.

        :param in_order: end them as their timeouts do, instead
        """
        self._nodes.hang_up(in_order)

    def freeze(self) -> None:
        """Send nothing in watches any more, but keep and accept them."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Send what the watches have waited for."""
        self._thawed.set()

    @property
    def watching(self) -> int:
        return len(self._streams)

    def script(self, *answers: Step) -> None:
        """Set what answers the next requests to list nodes, each in turn.

        After the last, and in the place of a None, the normal answers go
        on. What is left of an earlier script is forgotten, and what
        `intercept` answers is not counted. Watches have a script of their
        own.
        """
        self._script = collections.deque(answers)

    def script_watch(self, *answers: Step) -> None:
        """Set what answers the next requests to watch nodes, likewise."""
        self._watch_script = collections.deque(answers)

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        watch = access.is_watch(request)
        answer = self.intercept(request) if self.intercept else None
        if answer is None and request.path == _NODES:
            answer = next_answer(
                self._watch_script if watch else self._script, request)
        answer = answer or self.answer(request)
        if not watch:
            return answer
        return dataclasses.replace(
            answer, gate=self._thawed,
            stream=answer.stream and self._counted(answer.stream))

    def _counted(self, stream: Callable[[Outlet], None]
                 ) -> Callable[[Outlet], None]:
        def write(outlet: Outlet) -> None:
            self._streams.add(outlet)
            try:
                stream(outlet)
            finally:
                self._streams.remove(outlet)

        return write

    def answer(self, request: Request) -> Answer:
        """The normal answer, compressed if the client accepts that."""
        refusal = self.refuse(request)
        if refusal:
            return refusal
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
            raise Refused(failure(
                405, 'MethodNotAllowed', 'the server does not allow this '
                'method on the requested resource'))
        if access.is_watch(request):
            return self._watch(request)
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
        raise Refused(failure(
            404, 'NotFound', 'the server could not find the requested '
            'resource'))

    def _get(self, request: Request, name: str) -> bytes:
        item = self._nodes.find(name)
        if item is None:
            raise Refused(failure(404, 'NotFound', f'nodes "{name}" not found',
                                  details={'name': name, 'kind': 'nodes'}))
        if as_table(request):
            return table({}, [item])
        return b'{"kind":"Node","apiVersion":"v1",' + item[1:]

    def _watch(self, request: Request) -> Answer:
        try:
            return Answer(stream=Watch(
                self._nodes, request, lambda: self.bookmark_interval))
        except TooOld as error:
            if self.gone_as_http:
                raise Refused(failure(410, 'Gone', str(error))) from error
            return Answer(stream=watch_expired(message=str(error)))

    def _list(self, request: Request) -> bytes:
        name = selected_name(request.query)
        snapshot, first, last = self._nodes.page(request.query)
        metadata: dict[str, Any] = {'resourceVersion': str(snapshot.version)}
        if name is not None:
            found = snapshot.find(name)
            items = [found] if found else []
        else:
            items = snapshot.items[first:last]
        if name is None and last < len(snapshot.names):
            metadata['continue'] = token_of(
                snapshot.version, snapshot.names[last - 1] + '\0')
            metadata['remainingItemCount'] = len(snapshot.names) - last
        if as_table(request):
            return table(metadata, items)
        return b''.join((
            b'{"kind":"NodeList","apiVersion":"v1","metadata":',
            encode(metadata), b',"items":[', b','.join(items), b']}'))
