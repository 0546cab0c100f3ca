# SPDX-License-Identifier: Apache-2.0
"""How Vitrage finds the datasource."""

import fixtures
from oslo_config import cfg
from vitrage.datasources import kubernetes as in_tree
from vitrage.datasources.kubernetes.driver import \
    KubernetesDriver as InTreeDriver
from vitrage.datasources import utils as datasource_utils
from vitrage.entity_graph.processor.transformer_manager import \
    TransformerManager
from vitrage import opts as vitrage_opts

from tests.support import base
import vitrage_k8s
from vitrage_k8s.driver import KubernetesDriver
from vitrage_k8s.transformer import KubernetesTransformer


class LoadingTest(base.FunctionalTest):

    def test_options_are_ours_when_our_path_is_first(self) -> None:
        self.assertEqual({opt.dest for opt in vitrage_k8s.OPTS},
                         set(cfg.CONF.kubernetes))

    def test_driver_is_ours_when_our_path_is_first(self) -> None:
        self.set_options(update_method='pull')
        [driver] = datasource_utils.get_drivers_by_name(['kubernetes'])

        self.assertIsInstance(driver, KubernetesDriver)
        self.assertIn('kubernetes', datasource_utils.get_pull_drivers_names())

    def test_transformer_is_ours_for_all_our_entity_types(self) -> None:
        transformers = TransformerManager().transformers

        for name in ('kubernetes', 'kubernetes.cluster', 'kubernetes.node'):
            self.assertIsInstance(transformers[name], KubernetesTransformer)

    def test_leaves_the_other_datasources_to_vitrage(self) -> None:
        # Vitrage looks for vitrage_k8s.<type> first, for every type.
        names = ['nova.host', 'static', 'prometheus', 'zabbix', 'aodh',
                 'heat.stack', 'neutron.port', 'collectd', 'trove.instance']
        log = self.useFixture(fixtures.FakeLogger())
        for name in names:
            vitrage_opts.register_opts(name, cfg.CONF.datasources.path)

            self.assertEqual('', log.output)
            self.assertIn('vitrage.datasources', cfg.CONF[name].driver)

    def test_the_class_never_lets_nodes_age_out(self) -> None:
        # vitrage.entity_graph.consistency asks the class.
        driver_class = datasource_utils.get_driver_class('kubernetes')

        self.assertFalse(driver_class.should_delete_outdated_entities())


class OtherOrderTest(base.FunctionalTest):

    paths = ('vitrage.datasources', 'vitrage_k8s')

    def test_in_tree_datasource_is_loaded_when_its_path_is_first(self) -> None:
        [driver] = datasource_utils.get_drivers_by_name(['kubernetes'])

        self.assertIsInstance(driver, InTreeDriver)
        self.assertEqual(
            {opt.dest for opt in in_tree.OPTS},
            set(cfg.CONF.kubernetes))
