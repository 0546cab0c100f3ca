# SPDX-License-Identifier: Apache-2.0
"""What doc/source/migration.rst says of the in-tree datasource."""

from oslo_config import cfg
from vitrage.datasources import kubernetes as in_tree

from tests.support import base
import vitrage_k8s
from vitrage_k8s_lab import samples

IN_TREE = ('vitrage.datasources',)
OURS = ('vitrage_k8s', 'vitrage.datasources')


class MigrationTest(base.FunctionalTest):

    paths = IN_TREE

    def setUp(self) -> None:
        super().setUp()
        self.nodes = [samples.node(
            name, providerID=f'openstack:///{name}', externalID=name)
            for name in ('a', 'b')]
        self.simulator = self.start_simulator(*self.nodes)
        self.host = self.make_host()
        self.host.start()

    def switch_to(self, *paths: str) -> None:
        """Restart Vitrage with another [datasources] path."""
        config_file = cfg.CONF.kubernetes.config_file
        cfg.CONF.unregister_opts([*vitrage_k8s.OPTS, *in_tree.OPTS],
                                 group='kubernetes')
        self.set_options('datasources', path=list(paths))
        self.load_datasource()
        self.set_options(config_file=config_file, update_method='none')
        if paths == OURS:
            self.set_options(max_retries=0)
        self.restart_vitrage()

    def shown(self) -> list[tuple[str, str]]:
        """Return the type and the name of what the graph has."""
        return sorted(
            (vertex['vitrage_type'], vertex.get('name') or vertex.get('id'))
            for vertex in self.host.graph.get_vertices(
                {'vitrage_is_deleted': False}))

    def test_in_tree_has_a_cluster_without_id_and_state(self) -> None:
        self.assertEqual([('kubernetes', 'simulator'), ('nova.instance', 'a'),
                          ('nova.instance', 'b')], self.shown())
        [cluster] = self.host.graph.get_vertices(
            {'vitrage_type': 'kubernetes'})
        self.assertNotIn('id', cluster.properties)
        self.assertNotIn('state', cluster.properties)
        self.assertEqual('undefined datasource',
                         cluster['vitrage_operational_state'])

    def test_in_tree_cluster_goes_with_our_first_complete_poll(self) -> None:
        self.switch_to(*OURS)
        self.assertIn(('kubernetes', 'simulator'), self.shown())

        self.host.poll()

        self.assertEqual([('kubernetes.cluster', 'simulator'),
                          ('kubernetes.node', 'a'), ('kubernetes.node', 'b'),
                          ('openstack.cluster', 'openstack.cluster')],
                         self.shown())

    def test_in_tree_cluster_stays_until_all_could_be_read(self) -> None:
        self.simulator.stop()
        self.switch_to(*OURS)

        for _ in range(4):
            self.host.poll()
            self.host.check_consistency()

        self.assertEqual([('kubernetes', 'simulator'),
                          ('kubernetes.cluster', 'simulator'),
                          ('openstack.cluster', 'openstack.cluster')],
                         self.shown())

    def test_ours_stay_when_the_in_tree_one_is_back(self) -> None:
        self.switch_to(*OURS)
        self.host.poll()
        ours = self.shown()
        self.switch_to(*IN_TREE)

        for _ in range(4):
            self.host.poll()
            self.host.check_consistency()

        self.assertEqual([('kubernetes', 'simulator'), *ours],
                         [each for each in self.shown()
                          if each[0] != 'nova.instance'])
