# SPDX-License-Identifier: Apache-2.0
"""What polls make of the graph."""

import contextlib
import os
import threading

import fixtures
from vitrage.datasources import utils as datasource_utils

from tests.support import base
from tests.support import specimens
from vitrage_k8s_lab import samples

NODES = [samples.node(f'node-{i}') for i in range(5)]


class PollTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_options(page_size=2)
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()

    def test_first_poll_shows_cluster_and_nodes_below_the_root(self) -> None:
        self.host.start()

        vertices, edges = self.host.everything()
        names = {vertex_id: (properties['vitrage_type'], properties['name'])
                 for vertex_id, properties in vertices.items()}
        cluster = ('kubernetes.cluster', 'simulator')
        self.assertEqual(
            {(('openstack.cluster', 'openstack.cluster'), 'contains',
              cluster)} |
            {(cluster, 'comprised', ('kubernetes.node', f'node-{i}'))
             for i in range(5)},
            {(names[source], label, names[target])
             for source, label, target in edges})
        self.assertEqual(7, len(vertices))
        self.assertEqual(
            {False}, {properties['vitrage_is_placeholder']
                      for properties in vertices.values()})

    def test_shows_the_sample_node_of_the_specification(self) -> None:
        self.simulator.put(samples.SPECIFICATION_NODE)

        self.host.start()

        vertex = self.host.vertices('kubernetes.node')['bcmt-control-01']
        ours = {name: value for name, value in vertex.items()
                if not name.startswith(('vitrage_', 'is_real'))
                and name != 'update_timestamp'}
        self.assertEqual(
            {**specimens.SPECIFICATION_PROPERTIES, 'cluster': 'simulator'},
            ours)
        self.assertEqual('OK', vertex['vitrage_operational_state'])
        self.assertEqual('kubernetes', vertex['vitrage_datasource_name'])

    def test_hands_over_lists_of_page_size(self) -> None:
        self.host.start()

        # The question; then the cluster and the nodes.
        self.assertEqual([1, 3, 3, 3], self.host.batches)

    def test_asks_for_pages_of_page_size(self) -> None:
        self.host.start()

        lists = [request.query for request in self.simulator.requests]
        self.assertEqual(['2', '2', '2'], [q['limit'] for q in lists])
        self.assertEqual([False, True, True],
                         ['continue' in q for q in lists])

    def test_unchanged_poll_changes_timestamps_only(self) -> None:
        self.simulator.put(samples.SPECIFICATION_NODE)
        self.host.start()
        before = self.host.everything()
        rows = len(self.host.rows)

        self.host.poll()

        self.assertEqual(before, self.host.everything())
        self.assertEqual(rows, len(self.host.rows))
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        for vertex in (cluster, *self.host.vertices(
                'kubernetes.node').values()):
            self.assertEqual(self.clock_time(),
                             vertex['vitrage_sample_timestamp'])

    def test_changed_node_changes_its_vertex_and_no_other(self) -> None:
        self.host.start()
        before = self.host.vertices('kubernetes.node')
        rows = len(self.host.rows)
        self.simulator.put(samples.node('node-3', ready='False',
                                        unschedulable=True))

        self.host.poll()

        after = self.host.vertices('kubernetes.node')
        self.assertEqual(
            {('node-3', 'state'), ('node-3', 'status'), ('node-3', 'ready'),
             ('node-3', 'unschedulable'),
             ('node-3', 'vitrage_aggregated_state'),
             ('node-3', 'vitrage_operational_state')},
            {(name, key) for name, vertex in after.items() for key in vertex
             if before[name].get(key) != vertex[key]
             and key not in base.TIMESTAMPS})
        self.assertEqual(
            ('NotReady', 'NotReady,SchedulingDisabled'),
            (after['node-3']['state'], after['node-3']['status']))
        self.assertEqual('ERROR', after['node-3']['vitrage_operational_state'])
        self.assertEqual(1, len(self.host.rows) - rows)

    def test_property_that_a_node_loses_leaves_its_vertex(self) -> None:
        self.simulator.put(samples.node('node-3', providerID='aws:///a/i-1'))
        self.host.start()
        self.assertEqual('aws', self.vertex('node-3')['provider'])
        self.simulator.put(samples.node('node-3'))

        self.host.poll()

        self.assertNotIn('provider', self.vertex('node-3'))
        self.assertNotIn('provider_id', self.vertex('node-3'))

    def test_property_lost_while_vitrage_was_down_leaves_too(self) -> None:
        self.simulator.put(samples.node('node-3', providerID='aws:///a/i-1'))
        self.host.start()
        self.simulator.put(samples.node('node-3'))

        self.restart_vitrage()
        self.host.poll()

        self.assertNotIn('provider', self.vertex('node-3'))
        self.assertEqual(5, len(self.host.node_names()))

    def test_added_node_appears_with_no_property_of_none(self) -> None:
        self.host.start()
        self.simulator.put(samples.node('node-9'))

        self.host.poll()

        self.assertIn('node-9', self.host.node_names())
        self.assertNotIn(None, self.vertex('node-9').values())

    def test_removed_node_disappears(self) -> None:
        self.host.start()
        self.simulator.delete('node-3')

        self.host.poll()

        self.assertEqual(['node-0', 'node-1', 'node-2', 'node-4'],
                         self.host.node_names())

    def test_node_removed_while_vitrage_was_down_disappears(self) -> None:
        self.host.start()
        self.simulator.delete('node-3')

        self.restart_vitrage()
        self.host.poll()

        self.assertEqual(['node-0', 'node-1', 'node-2', 'node-4'],
                         self.host.node_names())

    def test_node_made_again_under_its_name_is_another_node(self) -> None:
        self.host.start()
        before = self.vertex('node-3')['vitrage_id']
        self.simulator.delete('node-3')
        self.simulator.put(samples.node('node-3', 'another-uid'))

        self.host.poll()

        self.assertEqual(5, len(self.host.node_names()))
        self.assertEqual('another-uid', self.vertex('node-3')['id'])
        self.assertNotEqual(before, self.vertex('node-3')['vitrage_id'])

    def test_node_that_comes_back_is_shown_again(self) -> None:
        self.host.start()
        self.simulator.delete('node-3')
        self.host.poll()
        self.simulator.put(NODES[3])

        self.host.poll()

        self.assertIn('node-3', self.host.node_names())
        [cluster_edge] = self.host.graph.get_edges(
            self.vertex('node-3')['vitrage_id'])
        self.assertFalse(cluster_edge['vitrage_is_deleted'])

    def test_consistency_check_finds_nothing_to_do(self) -> None:
        self.host.start()
        before = self.host.everything()

        for _ in range(4):
            self.host.poll()
            self.host.check_consistency()

        self.assertEqual(before, self.host.everything())


class PollIntervalTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_options(update_method='pull')
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()

    def test_get_changes_asks_for_nothing(self) -> None:
        self.host.start()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.simulator.requests.clear()

        for _ in range(10):
            self.assertEqual(0, self.host.get_changes())

        self.assertEqual([], list(self.simulator.requests))

    def test_lists_after_poll_interval_without_watching_too(self) -> None:
        self.set_options(poll_interval=1)
        self.simulator.forbidden.add('watch')
        self.host.start()
        self.simulator.put(samples.node('node-9'))
        self.simulator.delete('node-0')
        self.simulator.put(samples.node('node-1', ready='Unknown'))

        self.wait_for(lambda: self.host.get_changes() > 0)

        self.assertEqual(['node-1', 'node-2', 'node-3', 'node-4', 'node-9'],
                         self.host.node_names())
        self.assertEqual('NotReady', self.vertex('node-1')['state'])

    def test_update_method_none_leaves_the_snapshots(self) -> None:
        self.set_options(update_method='none')

        self.assertEqual([], datasource_utils.get_pull_drivers_names())
        self.host.start()
        self.simulator.delete('node-0')
        self.host.poll()

        self.assertEqual(['node-1', 'node-2', 'node-3', 'node-4'],
                         self.host.node_names())

    def test_update_method_push_is_said_to_be_wrong_and_polls(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.set_options(update_method='push')

        self.host.start()

        self.assertEqual(5, len(self.host.node_names()))
        self.wait_for(lambda: self.checks() == [])
        self.host.poll()
        self.wait_for(lambda: self.checks() == [])
        self.assertEqual(
            1, log.output.count('update_method = push is not supported'))

    @staticmethod
    def checks() -> list[threading.Thread]:
        """Return what checks the configuration at the start."""
        return [thread for thread in threading.enumerate()
                if thread.name == 'vitrage-k8s-check']

    def test_values_file_that_hangs_holds_up_nobody(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        path = self.directory / 'values/kubernetes.node.yaml'
        path.unlink()
        os.mkfifo(path)

        def is_over() -> bool:
            # Nothing to read, for whoever waits.
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
            return not polling.is_alive() and not self.checks()

        polling = threading.Thread(target=self.host.start)
        polling.start()
        self.addCleanup(self.wait_for, is_over)

        self.wait_for(lambda: len(self.host.node_names()) == 5)

        self.wait_for(is_over)
        self.host.poll()
        self.assertEqual(1, log.output.count('Vitrage cannot read it'))
