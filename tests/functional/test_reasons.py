# SPDX-License-Identifier: Apache-2.0
"""Why a node is as it is, its labels, and what heartbeats change of it."""

import functools
from typing import Any

from tests.support import base
from vitrage_k8s_lab import samples

PLEG = 'PLEG is not healthy: pleg was last seen active {}s ago; {} of 9'


def failing(message: str, **metadata: Any) -> dict[str, Any]:
    node = samples.node('n', providerID='kind://docker/k/n')
    node['metadata'].update(metadata)
    node['status']['conditions'] = [{
        'type': 'Ready', 'status': 'False', 'reason': 'KubeletNotReady',
        'message': message, 'lastTransitionTime': '2026-01-02T03:04:05Z'}]
    return node


class ReasonsTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_options(update_method='pull', changes_interval=1)
        self.simulator = self.start_simulator(failing(PLEG.format(1, 1)))
        self.host = self.make_host()

    def begin(self) -> None:
        self.host.start()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.host.get_changes()
        self.host.rows.clear()

    def await_node(self) -> None:
        """Wait until all that the watch was sent is in the graph."""
        self.simulator.put(samples.node('last'))
        self.wait_for(lambda: bool(self.host.get_changes())
                      and 'last' in self.host.node_names())
        self.simulator.delete('last')
        self.wait_for(lambda: bool(self.host.get_changes())
                      and 'last' not in self.host.node_names())

    def test_shows_why_and_since_when(self) -> None:
        self.begin()
        node = self.vertex('n')
        self.assertEqual(
            ('KubeletNotReady', PLEG.format(1, 1), '2026-01-02T03:04:05Z'),
            tuple(node[name] for name in (
                'ready_reason', 'ready_message', 'ready_since')))

    def test_heartbeats_with_other_numbers_cause_no_event(self) -> None:
        self.begin()
        for number in range(5000):
            self.simulator.put(failing(PLEG.format(number / 10, number)))
        self.await_node()
        self.host.poll()

        # But those of the node that came and went.
        self.assertEqual([], [
            row.payload for row in self.host.rows
            if row.payload.get('name') == 'n'])
        self.assertEqual(PLEG.format(1, 1), self.vertex('n')['ready_message'])

        self.simulator.put(failing('container runtime is down'))
        self.await_node()
        self.assertEqual('container runtime is down',
                         self.vertex('n')['ready_message'])

    def test_restart_keeps_what_says_the_same(self) -> None:
        self.begin()
        self.simulator.put(failing(PLEG.format(77, 7)))

        self.restart_vitrage()
        self.host.poll()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.host.get_changes()
        self.host.poll()

        self.assertEqual(PLEG.format(1, 1), self.vertex('n')['ready_message'])
        self.assertEqual([], [row.payload for row in self.host.rows
                              if row.payload.get('name') == 'n'])

    def test_chosen_labels_come_and_go(self) -> None:
        def has_labels(**expected: str) -> bool:
            self.host.poll()
            return expected == {
                name: value for name, value in self.vertex('n').items()
                if name.startswith('label') and value}

        self.simulator.put(failing('x', labels={
            'team': 'a', 'nvidia.com/gpu.count': '8', 'other': 'x'}))
        self.begin()
        self.assertTrue(has_labels())

        for globs, expected in (
                (['team', 'nvidia.com/*'],
                 {'label_team': 'a', 'label_nvidia_com_gpu_count': '8'}),
                (['team'], {'label_team': 'a'}), ([], {})):
            self.set_options(node_labels=globs)
            self.wait_for(functools.partial(has_labels, **expected))

        self.set_options(node_labels=['team'])
        self.wait_for(lambda: has_labels(label_team='a'))
        self.simulator.put(failing('x', labels={'team': 'b', 'other': 'y'}))
        self.await_node()
        self.assertTrue(has_labels(label_team='b'))
