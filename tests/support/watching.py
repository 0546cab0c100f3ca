# SPDX-License-Identifier: Apache-2.0
"""What tests of watched clusters share."""

from collections.abc import Callable
import json
from typing import Any

import fixtures

from tests.support import base
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab import samples

NODES = [samples.node(f'node-{i}') for i in range(5)]
NAMES = [f'node-{i}' for i in range(5)]


class WatchingTest(base.FunctionalTest):
    """Runs a Host that watches one simulated cluster.

    :cvar silence: see set_silence()
    """

    silence = 0.5

    def setUp(self) -> None:
        super().setUp()
        self.set_options(update_method='pull', changes_interval=1,
                         poll_interval=10_000)
        # What would take minutes on a real clock.
        self.set_silence(self.silence)
        self.set_waits(SHORT_WATCH=0.2, LONG_WATCH=0.5)
        self.log = self.useFixture(fixtures.FakeLogger())
        self.simulator = self.start_simulator(*NODES)
        self.simulator.bookmark_interval = 0.1
        self.simulator.renews_leases = True
        self.host = self.make_host()
        self.host.start()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.simulator.requests.clear()

    def set_silence(self, seconds: float) -> None:
        """Set after how many seconds of silence a watch is made anew."""
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.reflector.SILENCE', seconds))

    def lists(self) -> int:
        """Count the lists, and not the questions for the version."""
        return sum('watch' not in request.query
                   and 'continue' not in request.query
                   and request.query.get('limit') != '1'
                   for request in self.simulator.requests)

    def watches(self) -> int:
        return sum('watch' in request.query
                   for request in self.simulator.requests)

    def wait_until_shown(self, condition: Callable[[], Any]) -> None:
        """Ask for changes, as Vitrage does, until something is shown."""
        def is_shown() -> bool:
            self.host.get_changes()
            return bool(condition())
        self.wait_for(is_shown)

    def assert_shows_the_truth(self) -> None:
        """See that all that is there comes to be shown, and nothing else."""
        expected = {
            name: self.served(name)['metadata']['uid']
            for name in self.simulator.names()}
        self.wait_until_shown(lambda: expected == {
            name: vertex['id'] for name, vertex
            in self.host.vertices('kubernetes.node').items()})
        states = {name: self.state_of(self.served(name))
                  for name in expected}
        self.wait_until_shown(lambda: states == {
            name: vertex['state'] for name, vertex
            in self.host.vertices('kubernetes.node').items()})

    def served(self, name: str) -> dict[str, Any]:
        """Return a node as the API server serves it."""
        return json.loads(self.simulator.answer(Request(
            'GET', f'/api/v1/nodes/{name}', {}, {})).body)

    @staticmethod
    def state_of(node: dict[str, Any]) -> str:
        [condition] = node['status']['conditions']
        if condition['status'] != 'True':
            return 'NotReady' if condition['status'] == 'False' else 'Unknown'
        return 'SchedulingDisabled' if node['spec'].get('unschedulable') \
            else 'Ready'

    def change(self) -> None:
        """Make a change of each kind."""
        self.simulator.put(samples.node('node-0', ready='False'))
        self.simulator.put(samples.node('node-1', unschedulable=True))
        self.simulator.delete('node-2')
        self.simulator.delete('node-3')
        self.simulator.put(samples.node('node-3', 'another-uid'))
        self.simulator.put(samples.node('node-9'))
