# SPDX-License-Identifier: Apache-2.0
"""The lab's API server with many nodes, in a process of its own.

    python benchmarks/server.py '{"nodes": 5000, "tls": false}'

It makes the pages of a list before it is asked, packed, so that it is not the
server that is measured, and so that 100,000 nodes need no gigabytes. What it
is to do next is asked for below /benchmark. It runs until its stdin ends.
"""

import collections
import gzip
import json
import ssl
import sys
import threading
import time
from typing import Any

from nodes import encode
from nodes import STEP
import trustme

from vitrage_k8s_lab.kube_api import answers
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Outlet
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.server import GZIP_LEVEL
from vitrage_k8s_lab.kube_api.server import Simulator

PAGE = 500
# For how many seconds a node that reboots is down.
_REBOOT = 10
_GZIP = {'Content-Encoding': 'gzip', 'Vary': 'Accept-Encoding'}


class Pages:
    """All nodes, in two states; in the second every tenth is cordoned.

    :param first: the number of the first node
    :ivar state: 0 or 1
    """

    def __init__(self, count: int, first: int = 0) -> None:
        self.state = 0
        self._first = first
        self.count = count
        self._packed: dict[tuple[int, int], bytes] = {}
        for start in range(0, count, PAGE):
            for state in (0, 1):
                self._packed[state, start] = gzip.compress(
                    self._page(state, start, PAGE), GZIP_LEVEL)
            if count > PAGE:
                print(f'\r{min(start + PAGE, count):,} nodes made', end='',
                      file=sys.stderr, flush=True)

    @property
    def version(self) -> int:
        return 1000 * (self.state + 1) * self.count

    def _page(self, state: int, start: int, limit: int) -> bytes:
        """Return the JSON of a page."""
        end = min(start + limit, self.count)
        metadata: dict[str, Any] = {
            'resourceVersion': str(1000 * (state + 1) * self.count)}
        if end < self.count:
            metadata |= {'continue': str(end),
                         'remainingItemCount': self.count - end}
        return b''.join((
            b'{"kind":"NodeList","apiVersion":"v1","metadata":',
            json.dumps(metadata, separators=(',', ':')).encode(),
            b',"items":[', b','.join(
                encode(self._first + number,
                       cordoned=bool(state) and number % STEP == 0)
                for number in range(start, end)), b']}'))

    def answer(self, request: Request) -> Answer:
        """Answer a request for a list, or a page of it."""
        limit = int(request.query.get('limit') or 0)
        start = int(request.query.get('continue') or 0)
        if not limit:
            return Answer(stream=self._stream)
        is_packed = 'gzip' in request.headers.get('Accept-Encoding', '')
        found = self._packed.get((self.state, start)) if limit == PAGE \
            else None
        if found is None:
            return Answer(body=self._page(self.state, start, limit))
        return Answer(body=found, headers=_GZIP) if is_packed \
            else Answer(body=gzip.decompress(found))

    def _stream(self, outlet: Outlet) -> None:
        """Send the whole list, not packed."""
        outlet.send(b'{"kind":"NodeList","apiVersion":"v1","metadata":'
                    b'{"resourceVersion":"%d"},"items":[' % self.version)
        for start in range(0, self.count, PAGE):
            page = gzip.decompress(self._packed[self.state, start])
            items = page[page.index(b'[', page.index(b'"items"')) + 1:-2]
            outlet.send(items if start == 0 else b',' + items)
        outlet.send(b']}')


class Beats:
    """What the kubelets of all nodes report, in a watch.

    :param pages: the nodes
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._version = 10 ** 9
        self._wanted: collections.deque[dict[str, float]] = \
            collections.deque()
        self._changed = threading.Condition()
        self._done = 0

    def run(self, **wanted: float) -> int:
        """Send what is wanted in the watch that is open.

        :param seconds: for how long
        :param beats: heartbeats in a second
        :param changes: nodes in a second that change otherwise
        :param downs: nodes in a second that turn to NotReady
        :param ups: nodes in a second that turn back; those that go down in
            the same step, _REBOOT seconds later
        :returns: the version of the last event
        """
        with self._changed:
            self._done = -1
            self._wanted.append(wanted)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._done >= 0)
            return self._done

    def __call__(self, outlet: Outlet) -> None:
        outlet.send(b'')
        while True:
            with self._changed:
                wanted = self._wanted.popleft() if self._wanted else None
                if wanted is None:
                    self._changed.wait(0.2)
            if wanted is None:
                outlet.check()
                continue
            self._send(outlet, **wanted)
            with self._changed:
                self._done = self._version
                self._changed.notify_all()

    def _send(self, outlet: Outlet, seconds: float, beats: float = 0,
              changes: float = 0, downs: float = 0,
              ups: float = 0) -> None:
        # (when it is due, what it is)
        due = sorted(
            (after + number / rate, kind) for kind, rate, after in (
                ('beat', beats, 0), ('change', changes, 0), ('down', downs, 0),
                ('up', ups, _REBOOT if downs else 0))
            if rate for number in range(int(rate * (seconds - after))))
        began = time.monotonic()
        counts: collections.Counter[str] = collections.Counter()
        first = {'beat': 0, 'change': 1, 'down': 0, 'up': 0}
        for at, kind in due:
            wait = began + at - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            number = (first[kind] + 7 * counts[kind]) % self._pages.count
            counts[kind] += 1
            self._version += 1
            differences: dict[str, Any] = {'beat': time.strftime(
                '%Y-%m-%dT%H:%M:%SZ', time.gmtime())}
            if kind != 'beat':
                # The clock is that of all processes of a machine.
                differences['kubelet'] = f'v1.36.1+{time.monotonic():.4f}'
            if kind == 'down':
                differences['ready'] = 'Unknown'
            outlet.send(
                b'{"type":"MODIFIED","object":{"kind":"Node",'
                b'"apiVersion":"v1",%b}\n'
                % encode(number, self._version, **differences)[1:])


def make_server(name: str, pages: Pages,
                tls: ssl.SSLContext | None) -> Simulator:
    """Make a cluster's server."""
    beats = Beats(pages)
    simulator = Simulator(tls=tls, cluster=name)

    def answer(request: Request) -> Answer | None:
        if request.path == '/benchmark/state':
            pages.state = int(request.query['state'])
            return Answer(body=b'{}')
        if request.path == '/benchmark/beats':
            return Answer(body=b'%d' % beats.run(**{
                name: float(value) for name, value in request.query.items()}))
        if request.path != answers.NODES:
            return None
        return Answer(stream=beats) if answers.is_watch(request) \
            else pages.answer(request)

    simulator.intercept = answer
    return simulator


def main(nodes: int, tls: bool, clusters: int = 0) -> None:
    """Serve; print the kubeconfigs of the servers.

    :param clusters: how many clusters there are to be beside, that share the
        nodes
    """
    authority = trustme.CA()
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert('127.0.0.1').configure_cert(context)
    trusted = authority.cert_pem.bytes() if tls else None
    # The second one is to warm up.
    simulators = [make_server('large', Pages(nodes), context),
                  make_server('small', Pages(20), context)]
    share = nodes // max(clusters, 1)
    simulators += [make_server(
        f'cluster-{number}', Pages(share, number * share), context)
        for number in range(clusters)]
    for each in simulators:
        each.start()
    print(json.dumps([each.kubeconfig(certificate_authority=trusted)
                      for each in simulators]), flush=True)
    sys.stdin.read()


if __name__ == '__main__':
    main(**json.loads(sys.argv[1]))
