# SPDX-License-Identifier: Apache-2.0
"""What is measured between polls: each watches all nodes of one cluster."""

from collections.abc import Iterator
import re
import threading
import time
from typing import Any
import urllib.parse
import urllib.request

import graphs
import subjects

_STAMP = re.compile(r'v1[.]36[.]1[+]([0-9.]+)')


class Orders:
    """Lets the server's watch send something, beside this thread.

    :param url: of the server
    :param wanted: see server.Beats.run
    :ivar count: how many events there will be
    """

    def __init__(self, url: str, **wanted: float) -> None:
        self.count = sum(
            int(rate * wanted['seconds'])
            for kind, rate in wanted.items() if kind != 'seconds')
        self._url = f'{url}/benchmark/beats?{urllib.parse.urlencode(wanted)}'
        self._version: str | None = None
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        with urllib.request.urlopen(self._url) as answer:
            self._version = answer.read().decode()

    @property
    def is_done(self) -> bool:
        """Whether all of it was sent."""
        return not self._thread.is_alive()

    def wait(self) -> str | None:
        """Wait until all was sent; return the version of the last event."""
        self._thread.join()
        return self._version


class Watch(subjects.Subject):
    """Reads the heartbeats of a watch, and decodes the wanted fields.

    :param url: of the server
    :param beats: heartbeats in a second
    :param seconds: for how long
    """

    def __init__(self, url: str, beats: float, seconds: float) -> None:
        super().__init__()
        self._url = url
        self._wanted = {'beats': beats, 'seconds': seconds}

    def run(self, kubeconfig: str) -> Iterator[str]:
        self.begin(kubeconfig)
        self.take(Orders(self._url, seconds=1, beats=100))
        yield subjects.READY
        orders = Orders(self._url, **self._wanted)
        self.take(orders)
        self.details = {'count': orders.count}
        yield 'all'

    def begin(self, kubeconfig: str) -> None:
        """Begin to watch."""
        self._events = self.events(kubeconfig)

    def take(self, orders: Orders) -> None:
        """Wait until all that is sent has been taken."""
        for _ in range(orders.count):
            next(self._events)
        orders.wait()

    def events(self, kubeconfig: str) -> Iterator[Any]:
        import msgspec
        import urllib3

        from vitrage_k8s.api import nodes

        class Event(msgspec.Struct):
            type: str
            object: nodes.ApiNode

        decode = msgspec.json.Decoder(Event).decode
        response = urllib3.PoolManager().request(
            'GET', f'{self._url}/api/v1/nodes',
            fields={'watch': 'true', 'resourceVersion': '1'},
            preload_content=False)
        for chunk in response.read_chunked():
            for line in chunk.splitlines():
                yield decode(line)


class TypedWatch(Watch):
    """The official client's watch."""

    def events(self, kubeconfig: str) -> Iterator[Any]:
        import kubernetes.client
        import kubernetes.watch
        api = kubernetes.client.CoreV1Api(subjects.api_client(kubeconfig))
        yield from kubernetes.watch.Watch().stream(
            api.list_node, resource_version='1')


class OurWatch(Watch):
    """Ours: a reflector's, into its inventory."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        subjects.configure()
        subjects.override('kubernetes', update_method='pull')

    def begin(self, kubeconfig: str) -> None:
        from vitrage_k8s.api import fleet
        from vitrage_k8s import settings
        subjects.override('kubernetes', config_file=kubeconfig)
        self._fleet = fleet.Fleet()
        self._fleet.use(settings.read())
        self._fleet.wait_settled(1000)

    def take(self, orders: Orders) -> None:
        [cluster] = self._fleet.view().clusters.values()
        version = orders.wait()
        while cluster.inventory.resource_version != version:
            time.sleep(0.01)


class Changes(graphs.Graph):
    """Our changes into Vitrage's graph, asked for every second.

    :param url: of the server
    :param nodes: how many there are
    :param seconds: how long each step is
    """

    def __init__(self, url: str, nodes: int, seconds: float) -> None:
        super().__init__()
        subjects.override('kubernetes', update_method='pull',
                          poll_interval=10 ** 6, changes_interval=1)
        self._url = url
        self._seconds = seconds
        # A kubelet reports every five minutes if nothing changes.
        beats = nodes / 300
        self._steps: dict[str, dict[str, float]] = {
            'heartbeats': {'beats': beats},
            'changes': {'beats': beats, 'changes': 500 / seconds},
            'reboots': {'beats': beats, 'downs': nodes / 600,
                        'ups': nodes / 600}}
        self._latencies: list[float] = []

    def run(self, kubeconfig: str) -> Iterator[str]:
        for _ in super().run(kubeconfig):
            break
        self._host.graph.subscribe(self._note)
        Orders(self._url, seconds=1, beats=1).wait()
        self._host.get_changes()
        yield subjects.READY
        for name, wanted in self._steps.items():
            self._latencies.clear()
            asked = self._watch(Orders(
                self._url, seconds=self._seconds, **wanted))
            took = sorted(self._latencies)
            self.details = {'longest': max(asked), 'count': len(took)}
            if took:
                self.details |= {
                    'median': took[len(took) // 2], 'most': took[-1],
                    'p99': took[int(len(took) * 0.99)]}
            yield name

    def _watch(self, orders: Orders) -> list[float]:
        """Ask every second; return how long each question took."""
        asked = []
        is_last = False
        due = time.monotonic()
        while not is_last:
            due += 1
            time.sleep(max(0, due - time.monotonic()))
            # What was sent last comes with the question after that.
            is_last = orders.is_done
            began = time.monotonic()
            self._host.get_changes()
            asked.append(time.monotonic() - began)
        return asked

    def _note(self, before: Any, now: Any, is_vertex: bool,
              graph: Any) -> None:
        stamp = is_vertex and _STAMP.fullmatch(
            now.get('kubelet_version') or '')
        if stamp and not (before and before.get('kubelet_version')
                          == now['kubelet_version']):
            self._latencies.append(time.monotonic() - float(stamp[1]))


SUBJECTS = {'watch-floor': Watch, 'watch-ours': OurWatch,
            'watch-typed': TypedWatch, 'changes': Changes}
