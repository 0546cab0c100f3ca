# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server for nodes, on loopback, for the demo and tests.

To a client that lists and watches nodes it answers over real HTTP as
kube-apiserver 1.36 does: tests/contract asks both the same. It also has what
``kubectl get`` and ``describe`` of nodes need: discovery, and empty lists of
pods and events. Nothing can be written, there is no YAML or protobuf, and
HTTP is 1.1.
It uses the standard library only, and must know nothing of Vitrage or of our
client: a server that shares code with the client under test would share its
mistakes too. kmock has no limit, continue, versions or bookmarks.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import gzip
import ssl
import threading
import time
from typing import Any

from vitrage_k8s_lab.kube_api import access
from vitrage_k8s_lab.kube_api import answers
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Outlet
from vitrage_k8s_lab.kube_api.http import RefusedError
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import Step
from vitrage_k8s_lab.kube_api.http import Stream
from vitrage_k8s_lab.kube_api import listener
from vitrage_k8s_lab.kube_api import lists
from vitrage_k8s_lab.kube_api import nodes as stores
from vitrage_k8s_lab.kube_api import tables
from vitrage_k8s_lab.kube_api import watch

# As in kube-apiserver: a body of more bytes is compressed, at this level.
GZIP_THRESHOLD = 128 * 1024
GZIP_LEVEL = 1


class Simulator(stores.Nodes, access.Access, listener.Restartable):
    """A cluster's API server; its nodes outlive stop() and start().

    `intercept` is called first, in the thread of the connection. An Answer
    that it returns is sent instead of the normal one, which answer() returns.
    To delay, it waits on `stopping`.

    :param nodes: as in the API; a name is needed, and nothing else
    :param cluster: its name, and that of the kubeconfig's context and user
    :param tls: with it the server speaks TLS; CERT_OPTIONAL is closest to
        kube-apiserver, which answers 401 where this breaks off the handshake

    :ivar gone_as_http: whether a version too old to watch from is answered
        410, as by older servers, instead of 200 and an ERROR event
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]] = (), *,
                 cluster: str = 'simulator',
                 tls: ssl.SSLContext | None = None) -> None:
        stores.Nodes.__init__(self, nodes)
        access.Access.__init__(self, cluster, allow_anonymous=tls is None)
        listener.Restartable.__init__(self, tls)
        self.intercept: Callable[[Request], Answer | None] | None = None
        self.gone_as_http = False
        self._script: Iterator[Step] = iter(())
        self._watch_script: Iterator[Step] = iter(())
        self._streams: set[Outlet] = set()
        self._thawed = threading.Event()
        self._thawed.set()

    def start(self) -> 'Simulator':
        self.started = time.monotonic()
        return super().start()

    def stop(self) -> None:
        self.stopping.set()
        self.hang_up()
        super().stop()

    def freeze(self) -> None:
        """Keep and accept watches, but send nothing in them."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Send what the watches have waited for."""
        self._thawed.set()

    @property
    def watching(self) -> int:
        """The number of watches that are open."""
        return len(self._streams)

    def script(self, *answers: Step) -> None:
        """Set what answers the next requests to list nodes, each in turn.

        After the last, and in the place of a None, there are the normal
        answers. A new script replaces the old one. What `intercept` answers
        does not count. Watches have their own script.
        """
        self._script = iter(answers)

    def script_watch(self, *answers: Step) -> None:
        """Set what answers the next requests to watch nodes, likewise."""
        self._watch_script = iter(answers)

    def respond(self, request: Request) -> Answer:
        is_watch = answers.is_watch(request)
        answer = self.intercept(request) if self.intercept else None
        if answer is None and request.path == answers.NODES:
            answer = self._next_answer(request, is_watch)
        answer = answer or self.refuse(request) or self.answer(request)
        if not is_watch:
            return answer
        return dataclasses.replace(
            answer, gate=self._thawed,
            stream=answer.stream and self._counted(answer.stream))

    def _next_answer(self, request: Request, is_watch: bool) -> Answer | None:
        """Take the next step of a script; None if there is nothing in it."""
        step = next(self._watch_script if is_watch else self._script, None)
        if callable(step) and not isinstance(step, Stream):
            step = step(request)
        return Answer(stream=step) if isinstance(step, Stream) else step

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
        """Return the normal answer to a request that is allowed.

        :raises RefusedError: it is an error
        """
        answer = self._route(request)
        # apiserver/pkg/endpoints/handlers/responsewriters/writers.go
        accepted = request.headers.get('Accept-Encoding', '').split(',')
        if len(answer.body) > GZIP_THRESHOLD and 'gzip' in map(
                str.strip, accepted):
            return Answer(200, gzip.compress(answer.body, GZIP_LEVEL), {
                'Content-Encoding': 'gzip', 'Vary': 'Accept-Encoding'})
        return answer

    def _route(self, request: Request) -> Answer:
        path = request.path
        if request.method != 'GET':
            raise RefusedError(answers.failure(
                405, 'MethodNotAllowed', 'the server does not allow this '
                'method on the requested resource', details={}))
        resource = answers.find_resource(path)
        if resource is None:
            if path in ('/healthz', '/livez', '/readyz'):
                return Answer(body=b'ok', headers={
                    'Content-Type': 'text/plain; charset=utf-8'})
            # The official Python client asks with a slash at the end.
            if path.rstrip('/') not in answers.DISCOVERY:
                raise answers.not_found()
            return Answer(body=answers.encode(
                answers.DISCOVERY[path.rstrip('/')]))
        if answers.is_watch(request):
            return self._watch(request)
        is_table = answers.wants_table(request)
        if resource.name:
            item = self.find(resource.name)
            if item is None or resource.plural != 'nodes':
                raise answers.not_found(resource)
            return Answer(body=tables.make_table({}, [item]) if is_table
                          else b'{"kind":"Node","apiVersion":"v1",' + item[1:])
        if resource.plural == 'nodes':
            kind = 'Node'
            metadata, items = lists.list_nodes(self, request.query)
        else:
            kind = answers.EMPTY[resource.group, resource.plural]
            metadata, items = {'resourceVersion': str(self.version())}, []
        if is_table:
            return Answer(body=tables.make_table(metadata, items))
        version = '/'.join(filter(None, (resource.group, 'v1')))
        return Answer(body=b'{"kind":"%bList","apiVersion":"%b","metadata":%b,'
                      b'"items":[%b]}' % (
                          kind.encode(), version.encode(),
                          answers.encode(metadata), b','.join(items)))

    def _watch(self, request: Request) -> Answer:
        try:
            return Answer(stream=watch.Watch(self, request))
        except stores.TooOldError as error:
            if self.gone_as_http:
                raise RefusedError(answers.failure(
                    410, 'Gone', str(error))) from error
            return Answer(stream=faults.watch_expired(message=str(error)))
