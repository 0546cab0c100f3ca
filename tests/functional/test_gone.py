# SPDX-License-Identifier: Apache-2.0
"""What leaves the graph, and what does not, whatever fails beside it."""

import json

import fixtures
import testtools
from vitrage.entity_graph.processor.processor import Processor

from tests.support import base
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples


class FailedEventTest(base.FunctionalTest):
    """Vitrage skips the rest of a list when the processing of one fails."""

    def setUp(self) -> None:
        super().setUp()
        self.set_options(page_size=50)
        self.names = sorted(f'node-{i}' for i in range(100))
        self.simulator = self.start_simulator(
            *[samples.node(name) for name in self.names])
        self.host = self.make_host()
        self.host.start()

    def poll_with_failing_event(self, number: int) -> None:
        """Poll once, and let the processing of one event raise."""
        process, count = Processor.process_event, iter(range(10000))

        def process_event(processor: Processor, event: object) -> None:
            if next(count) == number:
                raise ValueError('a bug somewhere in Vitrage')
            process(processor, event)

        with fixtures.MonkeyPatch(
                'vitrage.entity_graph.processor.processor.Processor.'
                'process_event', process_event):
            self.host.poll()

    def test_keeps_all_nodes_when_one_event_fails(self) -> None:
        self.poll_with_failing_event(12)

        self.assertEqual(self.names, self.host.node_names())

    def test_next_poll_deletes_what_a_failed_event_left(self) -> None:
        self.simulator.delete('node-7')
        # All that this poll sends fails at its first event, or is skipped.
        with fixtures.MonkeyPatch(
                'vitrage.entity_graph.processor.processor.Processor.'
                'process_event', _fail):
            self.host.poll()
        self.assertIn('node-7', self.host.node_names())

        self.host.poll()

        self.assertNotIn('node-7', self.host.node_names())
        self.assertEqual(99, len(self.host.node_names()))

    def test_deletes_nothing_when_the_graph_does_not_answer(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())

        with fixtures.MonkeyPatch(
                'vitrage.entity_graph.processor.processor.Processor.'
                '_enrich_event', lambda processor, event: None):
            self.host.poll()

        self.assertEqual(self.names, self.host.node_names())
        self.assertIn('did not say what its graph shows', log.output)


def _fail(processor: Processor, event: object) -> None:
    raise ValueError('a bug somewhere in Vitrage')


class RemovedClusterTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.simulators = {}
        for name in ('kept', 'removed'):
            self.simulators[name] = Simulator(
                [samples.node(f'a-{name}')], cluster=name).start()
            self.addCleanup(self.simulators[name].stop)
        self.kubeconfig = self.directory / 'config'
        self.kubeconfig.write_text(json.dumps(
            base.merge_kubeconfigs(self.simulators.values())))
        self.set_options(config_file=str(self.kubeconfig),
                         contexts=['kept', 'removed'])
        self.host = self.make_host()
        self.host.start()

    def clusters(self) -> list[str]:
        return sorted(self.host.vertices('kubernetes.cluster'))

    def test_leaves_the_graph_while_another_cluster_fails(self) -> None:
        self.simulators['kept'].stop()
        self.set_options(contexts=['kept'])

        self.host.poll()

        self.assertEqual(['kept'], self.clusters())
        self.assertEqual(['a-kept'], self.host.node_names())

    def test_no_context_empties_the_graph_of_ours(self) -> None:
        self.set_options(contexts=['none'])

        self.host.poll()

        self.assertEqual(([], []), (self.clusters(), self.host.node_names()))

    def test_stays_while_an_entry_of_contexts_is_wrong(self) -> None:
        self.set_options(contexts=['kept', 'remove'])

        self.host.poll()

        self.assertEqual(['kept', 'removed'], self.clusters())
        self.assertEqual(['a-kept', 'a-removed'], self.host.node_names())

    def test_stays_while_its_kubeconfig_is_half_written(self) -> None:
        whole = self.kubeconfig.read_text()
        self.set_options(contexts=['kept'])
        self.kubeconfig.write_text(whole[:len(whole) // 2])

        self.host.poll()
        self.assertThat(self.clusters(),
                        testtools.matchers.Contains('removed'))

        self.kubeconfig.write_text(whole)
        self.host.poll()
        self.assertEqual(['kept'], self.clusters())

    def test_leaves_the_graph_beside_an_entry_that_is_known_not_to_be_it(
            self) -> None:
        """Two contexts of one cluster say nothing of a third."""
        kubeconfig = json.loads(self.kubeconfig.read_text())
        [again] = [each for each in kubeconfig['contexts']
                   if each['name'] == 'kept']
        kubeconfig['contexts'].append({**again, 'name': 'again'})
        self.kubeconfig.write_text(json.dumps(kubeconfig))
        self.set_options(contexts=['kept', 'again'])

        self.host.poll()

        self.assertEqual(['kept'], self.clusters())
