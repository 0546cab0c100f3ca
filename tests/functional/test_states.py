# SPDX-License-Identifier: Apache-2.0
"""Every state of a node, as Vitrage's mapping takes it."""

import itertools
from typing import Any

from tests.support import base
from vitrage_k8s_lab import samples

CORDONED: list[dict[str, Any]] = [{}, {'unschedulable': True}]
READY = ['True', 'False', 'Unknown', None]
PRESSURE = ['False', 'True']
DEADLOCK = ['False', 'True']
DELETION = [{}, {'deletionTimestamp': '2026-01-02T03:04:06Z'}]


class StateTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.start_simulator()
        self.host = self.make_host()

    def test_operational_state_of_every_combination(self) -> None:
        expected = {}
        for number, (spec, ready, pressure, deadlock, deletion) in enumerate(
                itertools.product(CORDONED, READY, PRESSURE, DEADLOCK,
                                  DELETION)):
            node = samples.node(f'node-{number}', **spec)
            node['metadata'].update(deletion)
            conditions = [{'type': 'DiskPressure', 'status': pressure},
                          {'type': 'KernelDeadlock', 'status': deadlock}]
            if ready:
                conditions.append({'type': 'Ready', 'status': ready})
            node['status']['conditions'] = conditions
            self.simulator.put(node)
            # The first that holds.
            state, operational = next(row[1:] for row in (
                (ready is None, 'Unknown', 'ERROR'),
                (ready != 'True', 'NotReady', 'ERROR'),
                (deletion, 'Terminating', 'TRANSIENT'),
                (deadlock == 'True', 'Degraded', 'SUBOPTIMAL'),
                (pressure == 'True', 'UnderPressure', 'SUBOPTIMAL'),
                (spec, 'SchedulingDisabled', 'SUBOPTIMAL'),
                (True, 'Ready', 'OK')) if row[0])
            status = {'True': 'Ready', None: 'Unknown'}.get(ready, 'NotReady')
            if spec:
                status += ',SchedulingDisabled'
            expected[f'node-{number}'] = state, operational, status, None

        self.host.start()

        self.assertEqual(
            expected, {name: tuple(map(vertex.get, (
                'state', 'vitrage_operational_state', 'status',
                'vitrage_state'))) for name, vertex
                in self.host.vertices('kubernetes.node').items()})

    def test_state_recovers_when_its_cause_has_gone(self) -> None:
        self.simulator.put(samples.node('n'))
        self.host.start()
        for condition in ('MemoryPressure', 'KernelDeadlock'):
            afflicted = samples.node('n')
            afflicted['status']['conditions'].append(
                {'type': condition, 'status': 'True'})

            self.simulator.put(afflicted)
            self.host.poll()
            self.assertEqual('SUBOPTIMAL',
                             self.vertex('n')['vitrage_operational_state'])
            # That is what templates set.
            self.assertNotIn('vitrage_state', self.vertex('n'))
            self.simulator.put(samples.node('n'))
            self.host.poll()

            self.assertEqual('OK',
                             self.vertex('n')['vitrage_operational_state'])
            self.assertNotIn('vitrage_state', self.vertex('n'))
            self.assertNotIn('abnormal_conditions', self.vertex('n'))

    def test_state_that_a_template_sets_outlives_ours(self) -> None:
        self.simulator.put(samples.node('n'))
        self.host.start()
        self.host.set_state('n', 'SUBOPTIMAL')
        afflicted = samples.node('n')
        afflicted['status']['conditions'].append(
            {'type': 'MemoryPressure', 'status': 'True'})

        for state in (samples.node('n'), afflicted, samples.node('n')):
            self.simulator.put(state)
            self.host.poll()
            self.assertEqual('SUBOPTIMAL', self.vertex('n')['vitrage_state'])

    def test_ours_shows_when_a_template_takes_its_state_back(self) -> None:
        afflicted = samples.node('n')
        afflicted['status']['conditions'].append(
            {'type': 'MemoryPressure', 'status': 'True'})
        self.simulator.put(afflicted)
        self.host.start()
        for go_on in (lambda: None, self.host.poll):
            self.host.set_state('n', 'ERROR')
            go_on()
            self.assertEqual(('UnderPressure', 'ERROR', 'ERROR'),
                             self.states('n'))

            self.host.set_state('n', None)
            # At once: nobody has to send ours again.
            self.assertEqual(('UnderPressure', None, 'SUBOPTIMAL'),
                             self.states('n'))
            go_on()
            self.assertEqual(('UnderPressure', None, 'SUBOPTIMAL'),
                             self.states('n'))

    def test_worse_of_ours_and_a_templates_shows(self) -> None:
        self.simulator.put(samples.node('n', ready='False'))
        self.host.start()
        self.host.set_state('n', 'SUBOPTIMAL')
        self.assertEqual(('NotReady', 'SUBOPTIMAL', 'ERROR'),
                         self.states('n'))

        self.simulator.put(samples.node('n'))
        self.host.poll()

        self.assertEqual(('Ready', 'SUBOPTIMAL', 'SUBOPTIMAL'),
                         self.states('n'))

    def states(self, name: str) -> tuple[str | None, ...]:
        vertex = self.vertex(name)
        return (vertex['state'], vertex.get('vitrage_state'),
                vertex['vitrage_operational_state'])

    def test_state_that_a_template_sets_meanwhile_stays(self) -> None:
        node = samples.node('n')
        self.simulator.put(node)
        self.host.start()
        node['status']['conditions'].append(
            {'type': 'MemoryPressure', 'status': 'True'})
        self.simulator.put(node)

        # Between any two lists of our events; the evaluator sends it once.
        self.host.between = lambda: self.host.set_state('n', 'ERROR')
        self.host.poll()
        self.host.between = None
        self.host.poll()

        self.assertEqual(('UnderPressure', 'ERROR', 'ERROR'),
                         self.states('n'))

    def test_alarm_while_our_events_wait_costs_none_of_them(self) -> None:
        def meanwhile() -> None:
            self.host.advance(1)
            # Vitrage dates the node, too.
            self.host.raise_alarm('n')

        self.simulator.put(samples.node('n'))
        self.host.start()
        self.host.before = meanwhile

        self.simulator.put(samples.node('n', ready='False'))
        self.host.poll()

        self.assertEqual('NotReady', self.vertex('n')['state'])

        self.simulator.delete('n')
        self.host.poll()

        self.assertNotIn('n', self.host.node_names())

    def test_deletion_shows_whatever_a_template_sets(self) -> None:
        node = samples.node('n')
        self.simulator.put(node)
        self.host.start()
        self.host.set_state('n', 'SUBOPTIMAL')

        node['metadata']['deletionTimestamp'] = '2026-01-02T03:04:06Z'
        self.simulator.put(node)
        self.host.poll()

        self.assertEqual('TRANSIENT',
                         self.vertex('n')['vitrage_operational_state'])

    def test_operator_says_which_conditions_are_never_abnormal(self) -> None:
        node = samples.node('n')
        node['status']['conditions'] += [
            {'type': kind, 'status': 'True'}
            for kind in ('EtcdIsVoter', 'GresIsCompatible')]
        self.simulator.put(node)
        self.host.start()
        self.assertEqual('GresIsCompatible',
                         self.vertex('n')['abnormal_conditions'])

        self.set_options(ignored_conditions=['EtcdIsVoter',
                                             'GresIsCompatible'])
        self.host.poll()

        self.assertNotIn('abnormal_conditions', self.vertex('n'))
        self.assertEqual('OK', self.vertex('n')['vitrage_operational_state'])

    def test_state_that_a_template_sets_outlives_a_restart(self) -> None:
        for name in ('suspect', 'under-pressure', 'relieved'):
            self.simulator.put(samples.node(name))
        for name in ('under-pressure', 'relieved'):
            afflicted = samples.node(name)
            afflicted['status']['conditions'].append(
                {'type': 'MemoryPressure', 'status': 'True'})
            self.simulator.put(afflicted)
        self.host.start()
        self.host.set_state('suspect', 'SUBOPTIMAL')

        self.simulator.put(samples.node('relieved'))
        self.restart_vitrage()
        self.host.poll()

        self.assertEqual(
            {'suspect': ('Ready', 'SUBOPTIMAL', 'SUBOPTIMAL'),
             'under-pressure': ('UnderPressure', None, 'SUBOPTIMAL'),
             'relieved': ('Ready', None, 'OK')},
            {name: self.states(name) for name in self.host.node_names()})
