# SPDX-License-Identifier: Apache-2.0
"""Random changes and faults, and the truth at their end."""

import json
import random
import threading

import fixtures
from vitrage.datasources import utils as datasource_utils

from tests.support import base
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab import samples

NAMES = [f'node-{i}' for i in range(6)]

# Changes are more frequent than these, as in life.
STEPS = ['touch', 'hang_up', 'expire', 'backup', 'restore', 'restart',
         'freeze', 'gone_as_http', 'script', 'script_watch', 'get_changes',
         'poll', 'pause']

ANSWERS = [None, faults.internal_error(), faults.expired('x'), Answer(CLOSE),
           faults.html_page(), faults.forbidden('me'), faults.unauthorized(),
           Answer(200, b'{"kind":"NodeList","items":[', cut=20)]

WATCHES = [None, faults.watch_expired(), faults.watch_junk(),
           faults.watch_ended(), faults.watch_error_without_reason(),
           faults.watch_unknown_type(), Answer(CLOSE),
           faults.forbidden('me', 'watch'), faults.unauthorized(),
           faults.too_many_requests('0', plain=True)]


class RandomTest(base.FunctionalTest):
    """Whatever happens, in whatever order: in the end the graph is right."""

    def setUp(self) -> None:
        super().setUp()
        self.set_options(update_method='pull', poll_interval=10_000,
                         page_size=2, request_timeout=5)
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.reflector.SILENCE', 0.4))
        self.set_waits(SHORT_WATCH=0.05, LONG_WATCH=0.1, FIRST_WAIT=0.01,
                       FIRST_RETRY=0.01, FORBIDDEN_WATCH_WAIT=0.1,
                       LONGEST_WAIT=0.1)
        self.simulator = self.start_simulator(
            *[samples.node(name) for name in NAMES])
        self.simulator.bookmark_interval = 0.1
        self.simulator.renews_leases = True
        self.backup = self.simulator.backup()

    def step(self, choose: random.Random) -> None:
        """Do one thing, of the cluster's, the server's or Vitrage's."""
        simulator = self.simulator
        name = choose.choice(NAMES)
        match choose.choice([*STEPS, *['put', 'delete', 'replace'] * 4]):
            case 'put':
                self.put(choose, name)
            case 'delete':
                self.delete(name)
            case 'replace':
                self.delete(name)
                self.put(choose, name)
            case 'touch' if name in simulator.names():
                simulator.touch(name)
            case 'hang_up':
                simulator.hang_up()
            case 'expire':
                simulator.expire()
            case 'backup':
                self.backup = simulator.backup()
            case 'restore':
                simulator.restore(self.backup)
                # The versions in between are few here, and soon made again;
                # that is no thing of the real world, and only a list shows it.
                self.relist()
            case 'restart':
                simulator.stop()
                simulator.rbac_delay = choose.choice([0, 0.02])
                simulator.start()
            case 'freeze':
                simulator.freeze()
                self.put(choose, name)
                simulator.thaw()
            case 'gone_as_http':
                simulator.gone_as_http = choose.random() < 0.5
            case 'script':
                simulator.script(*choose.choices(ANSWERS, k=2))
            case 'script_watch':
                simulator.script_watch(*choose.choices(WATCHES, k=2))
            case 'get_changes':
                self.host.get_changes()
            case 'poll':
                self.host.poll()
            case 'pause':
                threading.Event().wait(choose.random() / 20)

    def relist(self) -> None:
        """List as at the poll interval, until that has shown the truth."""
        self.simulator.script()

        def is_true() -> bool:
            [driver] = datasource_utils.get_drivers_by_name(['kubernetes'])
            driver._fleet._members['simulator'].reflector.request_list()
            return self.is_true()

        self.wait_for(is_true)

    def delete(self, name: str) -> None:
        if name in self.simulator.names():
            self.simulator.delete(name)

    def put(self, choose: random.Random, name: str) -> None:
        node = samples.node(
            name, f'uid-{choose.randrange(9)}-of-{name}',
            ready=choose.choice(['True', 'False', 'Unknown']),
            unschedulable=choose.random() < 0.3)
        if name in self.simulator.names():
            # A node keeps its uid for life.
            del node['metadata']['uid']
        self.simulator.put(node)

    def truth(self) -> dict[str, tuple[str, str]]:
        listed = map(json.loads, self.simulator.backup().items.values())
        return {node['metadata']['uid']: (
            node['metadata']['name'],
            node['status']['conditions'][0]['status'])
            for node in listed}

    def shown(self) -> dict[str, tuple[str, str]]:
        return {vertex['id']: (vertex['name'], vertex['ready'])
                for vertex in (each.properties for each
                               in self.host.graph.get_vertices({
                                   'vitrage_type': 'kubernetes.node',
                                   'vitrage_is_deleted': False}))}

    def run_random(self, seed: int) -> None:
        self.addDetail('seed', base.text(str(seed)))
        choose = random.Random(seed)
        self.host = self.make_host()
        self.host.start()
        for _ in range(60):
            self.step(choose)

        # Nothing more happens: no list is asked for here.
        self.simulator.script()
        self.simulator.script_watch()
        self.simulator.rbac_delay = 0

        self.wait_for(self.is_true)

    def is_true(self) -> bool:
        self.host.get_changes()
        return self.shown() == self.truth()

    def test_graph_is_right_in_the_end(self) -> None:
        for seed in range(12):
            self.run_random(seed)
            self._forget()
