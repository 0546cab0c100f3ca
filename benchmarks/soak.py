# SPDX-License-Identifier: Apache-2.0
"""Thousands of polls of three clusters that are never left in peace.

    .tox/py3/bin/python benchmarks/soak.py [--polls N] [--seed N]

Vitrage's own code polls, from its DriverExec to its graph; a simulated API
server each has the clusters, in a process of its own, where nodes come, go and
change with each poll, watches are cut, servers are out of reach, fail, forget
what is past and are restored from a backup. In the beginning, in the middle
and in the end they are left in peace: then the graph must come to equal the
truth, and what the process takes is measured. It must not grow.

The waits of the product are shorter than in service, and so are its intervals.
It needs the requirements of the tests.
"""

import argparse
from collections.abc import Callable
import gc
import json
import logging
import multiprocessing
from multiprocessing.connection import Connection
import os
import pathlib
import random
import sys
import threading
import time
from typing import Any
from typing import NamedTuple

CHECKOUT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT))

from tests.support import base  # noqa: E402
from vitrage_k8s_lab.kube_api import faults  # noqa: E402
from vitrage_k8s_lab.kube_api.http import Answer  # noqa: E402
from vitrage_k8s_lab.kube_api.http import Request  # noqa: E402
from vitrage_k8s_lab.kube_api.http import RESET  # noqa: E402
from vitrage_k8s_lab.kube_api.server import Simulator  # noqa: E402
from vitrage_k8s_lab import samples  # noqa: E402

CLUSTERS = ('a', 'b', 'c')
NODES = 100
# Seconds between polls; and until the graph must equal the truth.
PAUSE, PATIENCE = 0.1, 60
# A cluster is out of reach for so many polls, or fails for so many.
OUTAGE = (10, 60)
# What memory may grow by from the middle to the end, which is noise.
NOISE = 1.05

FAULTS: tuple[Callable[[], Answer], ...] = (
    lambda: Answer(RESET), faults.internal_error, faults.unavailable,
    lambda: faults.too_many_requests('0'), lambda: faults.forbidden('me'),
    faults.unauthorized, faults.html_page, faults.expired,
    lambda: Answer(200, b'{"kind": "NodeList"'))

# Name and state of each node, by cluster and uid.
Truth = dict[str, dict[str, tuple[str, str]]]


class Cluster:
    """An API server, and what happens to it."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self._chance = chance
        self._count = 0
        self._left = 0
        self._name = name
        self.simulator = Simulator(cluster=name).start()
        self.simulator.bookmark_interval = 0.5
        for _ in range(NODES):
            self._create()
        self._backup = self.simulator.backup()

    def _create(self) -> None:
        self._count += 1
        name = f'{self._name}-{self._count % (2 * NODES)}'
        self.simulator.put(samples.node(name, f'{name}-{self._count}'))

    def _change(self) -> None:
        names = self.simulator.names()
        match self._chance.randrange(4):
            case 0 if len(names) < NODES + 20:
                self._create()
            case 1 if len(names) > NODES - 20:
                self.simulator.delete(self._chance.choice(names))
            case 2:
                self.simulator.touch(self._chance.choice(names))
            case _:
                name = self._chance.choice(names)
                # A uid that is kept.
                self.simulator.put({
                    **samples.node(name, unschedulable=bool(
                        self._chance.randrange(2)), ready=self._chance.choice(
                            ('True', 'False', 'Unknown'))),
                    'metadata': {'name': name}})

    def happen(self) -> str | None:
        """Let something happen; return what, if it is rare."""
        for _ in range(3):
            self._change()
        if self._left:
            self._left -= 1
            if not self._left:
                self.recover()
            return None
        number = self._chance.random()
        if number < 0.01:
            self._left = self._chance.randint(*OUTAGE)
            self.simulator.stop()
            return 'outages'
        if number < 0.02:
            self._left = self._chance.randint(*OUTAGE)
            fault = self._chance.choice(FAULTS)
            self.simulator.intercept = lambda request: fault()
            self.simulator.hang_up()
            return 'faults'
        if number < 0.07:
            self.simulator.hang_up(bool(self._chance.randrange(2)))
            return 'cuts'
        if number < 0.08:
            self.simulator.expire()
            self.simulator.hang_up()
            return 'expired'
        if number < 0.085:
            self._backup = self.simulator.backup()
            return 'backups'
        if number < 0.09:
            self.simulator.restore(self._backup)
            return 'restores'
        return None

    def recover(self) -> None:
        self._left = 0
        self.simulator.intercept = None
        self.simulator.start()

    def truth(self) -> dict[str, tuple[str, str]]:
        """Return the name and state of each node by uid."""
        nodes = json.loads(self.simulator.answer(Request(
            'GET', '/api/v1/nodes', {}, {})).body)['items']
        return {node['metadata']['uid']: (
            node['metadata']['name'], state_of(node)) for node in nodes}


def state_of(node: dict[str, Any]) -> str:
    [condition] = node['status']['conditions']
    if condition['status'] != 'True':
        return 'NotReady'
    return 'SchedulingDisabled' if node['spec'].get('unschedulable') \
        else 'Ready'


def serve(connection: Connection, seed: int) -> None:
    """Be all API servers, until the connection ends."""
    chance = random.Random(seed)  # noqa: S311
    clusters = [Cluster(name, chance) for name in CLUSTERS]
    connection.send(base.merge_kubeconfigs(
        cluster.simulator for cluster in clusters))
    try:
        while connection.recv() == 'go on':
            connection.send([cluster.happen() for cluster in clusters])
            while connection.recv() == 'peace':
                for cluster in clusters:
                    cluster.recover()
                connection.send({name: cluster.truth() for name, cluster
                                 in zip(CLUSTERS, clusters, strict=True)})
    except EOFError:
        for cluster in clusters:
            cluster.simulator.stop()


class Figures(NamedTuple):
    """What the process takes."""

    polls: int
    memory: float
    threads: int
    files: int
    vertices: int

    def __str__(self) -> str:
        return (f'{self.polls:6} {self.memory:10.1f} {self.threads:8} '
                f'{self.files:6} {self.vertices:9}')


class Moment(NamedTuple):
    """A time.

    :ivar waited: how long this thread has neither run nor waited for a
        processor, which others may have taken
    """

    clock: float
    waited: float

    @classmethod
    def now(cls) -> 'Moment':
        clock = time.monotonic()
        ran, delayed = map(int, pathlib.Path(
            '/proc/thread-self/schedstat').read_text().split()[:2])
        return cls(clock, clock - (ran + delayed) / 1e9)


class Soak(base.FunctionalTest):
    """Polls, and compares."""

    polls = 2000
    seed = 1

    def setUp(self) -> None:
        super().setUp()
        logging.disable()
        context = multiprocessing.get_context('spawn')
        self.connection, other = context.Pipe()
        context.Process(target=serve, args=(other, self.seed),
                        daemon=True).start()
        other.close()
        self.addCleanup(self.connection.close)
        path = self.directory / 'kubeconfig'
        path.write_text(json.dumps(self.connection.recv()))
        self.set_waits(BUSY=0.2, LONGEST_WAIT=0.5, LONGEST_BUSY_WAIT=0.5,
                       MISCONFIGURED_WAIT=0.5, FORBIDDEN_WATCH_WAIT=0.5,
                       SHORT_WATCH=0.1, LONG_WATCH=0.5)
        self.set_options(
            config_file=str(path), contexts=list(CLUSTERS),
            update_method='pull', changes_interval=1, poll_interval=2,
            request_timeout=2, list_timeout=3, max_retries=1)
        self.host = self.make_host()

    def happen(self) -> None:
        self.connection.send('go on')
        for what in filter(None, self.connection.recv()):
            self.happened[what] = self.happened.get(what, 0) + 1
        self.connection.send('')

    def truth(self) -> Truth:
        """Leave the clusters in peace, and return what they have."""
        self.connection.send('go on')
        self.connection.recv()
        self.connection.send('peace')
        truth: Truth = self.connection.recv()
        self.connection.send('')
        return truth

    def soak(self) -> None:
        self.happened: dict[str, int] = {}
        self.longest = {'get_all': 0.0, 'get_changes': 0.0}
        self.waited = self.longest.copy()
        figures = []
        print(' polls  memory MB  threads  files  vertices', flush=True)
        for poll in range(self.polls + 1):
            self.poll(poll)
            if poll in (self.polls // 10, self.polls // 2, self.polls):
                figures.append(self.measure(poll))
                print(figures[-1], flush=True)
            elif poll % 100 == 0:
                print(f'{poll:6}', file=sys.stderr, flush=True)
        _, middle, end = figures
        print('Happened: ' + ', '.join(
            f'{what} {count}' for what, count
            in sorted(self.happened.items())))
        for name, seconds in self.longest.items():
            print(f'Longest {name}: {seconds:.2f} s, of which at most '
                  f'{self.waited[name]:.2f} s not for a processor')
        self.assertThat(end.memory, base.at_most(middle.memory * NOISE))
        self.assertThat(end.threads, base.at_most(middle.threads))
        self.assertThat(end.files, base.at_most(middle.files + 5))

    def poll(self, number: int) -> None:
        began = Moment.now()
        if number == 0:
            self.host.start()
        elif number % 10 == 0:
            self.host.poll()
            self.note('get_all', began)
        else:
            self.host.get_changes()
            self.note('get_changes', began)
        # What Vitrage would write to its database.
        self.host.rows.clear()
        if number % 50 == 0:
            self.host.check_consistency()
        self.happen()
        time.sleep(PAUSE)

    def note(self, name: str, began: 'Moment') -> None:
        now = Moment.now()
        for longest, seconds in (
                (self.longest, now.clock - began.clock),
                (self.waited, now.waited - began.waited)):
            longest[name] = max(longest[name], seconds)

    def measure(self, poll: int) -> Figures:
        """Return figures, when the graph has come to equal the truth."""
        truth = self.truth()
        until = time.monotonic() + PATIENCE
        while self.shown() != truth:
            if time.monotonic() > until:
                self.fail(f'{difference(truth, self.shown())} at poll {poll}')
            time.sleep(PAUSE)
            self.host.get_changes()
        self.host.check_consistency()
        self.host.rows.clear()
        gc.collect()
        looks = []
        for _ in range(20):
            # Lists come and go, each with a timer and a connection.
            looks.append((threading.active_count(), base.open_files()))
            time.sleep(PAUSE / 2)
        threads, files = map(min, zip(*looks, strict=True))
        pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
        return Figures(
            poll, pages * os.sysconf('SC_PAGE_SIZE') / 2 ** 20,
            threads, files, len(self.host.graph.get_vertices()))

    def shown(self) -> Truth:
        """Return what the graph shows, in the place of the truth.

        A cluster that is not ready is not shown, nor is a node that does not
        hang on its cluster.
        """
        shown: Truth = {
            name: {} for name, cluster
            in self.host.vertices('kubernetes.cluster').items()
            if cluster['state'] == 'Ready'}
        for vertex in self.host.graph.get_vertices(
                {'vitrage_type': 'kubernetes.node',
                 'vitrage_is_deleted': False}):
            [cluster] = self.host.graph.neighbors(
                vertex.vertex_id, vertex_attr_filter={
                    'vitrage_type': 'kubernetes.cluster'})
            shown.setdefault(cluster['name'], {})[vertex['id']] = (
                vertex['name'], vertex['state'])
        return shown


def difference(truth: Truth, shown: Truth) -> str:
    """Return what is too little and too much in each cluster."""
    found = []
    for name, nodes in truth.items():
        there = shown.get(name, {}).items()
        found.append(
            f'{name}: missing {dict(nodes.items() - there) or None}, '
            f'too much {dict(there - nodes.items()) or None}')
    return '; '.join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--polls', type=int, default=Soak.polls)
    parser.add_argument('--seed', type=int, default=Soak.seed)
    arguments = parser.parse_args()
    Soak.polls, Soak.seed = arguments.polls, arguments.seed
    began = time.monotonic()
    Soak('soak').debug()
    print(f'{time.monotonic() - began:.0f} s; the graph equals the truth')


if __name__ == '__main__':
    main()
