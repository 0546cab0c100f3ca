# SPDX-License-Identifier: Apache-2.0
"""The options, as operators meet them."""

import itertools
import pathlib
import subprocess
import sys

import fixtures
from oslo_config import cfg
import testtools

import vitrage_k8s


class OptsTest(testtools.TestCase):

    def test_names_and_defaults_are_those_that_are_documented(self) -> None:
        [(group, options)] = vitrage_k8s.list_opts()

        self.assertEqual('kubernetes', group)
        self.assertEqual({
            'transformer': 'vitrage_k8s.transformer.KubernetesTransformer',
            'driver': 'vitrage_k8s.driver.KubernetesDriver',
            'update_method': 'pull',
            'changes_interval': 10,
            'entities': ['kubernetes.cluster', 'kubernetes.node'],
            'poll_interval': 600,
            'config_file': None,
            'contexts': [],
            'cluster_name': None,
            'projects': [],
            'host_contexts': [],
            'ignored_conditions': ['EtcdIsVoter'],
            'node_labels': [],
            'link_by_system_uuid': False,
            'page_size': 500,
            'request_timeout': 60,
            'list_timeout': 120,
            'max_retries': 3,
            'max_nodes': 200000,
            'max_concurrent_lists': 8,
        }, {option.dest: option.default for option in options})

    def test_every_option_explains_itself(self) -> None:
        [(_, options)] = vitrage_k8s.list_opts()

        for option in options:
            self.assertTrue(option.help)

    def test_values_out_of_bounds_are_refused(self) -> None:
        conf = cfg.ConfigOpts()
        for group, options in vitrage_k8s.list_opts():
            conf.register_opts(options, group=group)
        for name in ('changes_interval', 'poll_interval', 'page_size',
                     'request_timeout', 'list_timeout', 'max_nodes',
                     'max_concurrent_lists'):
            self.assertRaises(ValueError, conf.set_override, name, 0,
                              group='kubernetes')

    def test_what_is_no_number_is_refused_by_the_name_of_the_option(
            self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for name, value in itertools.product(
                ('request_timeout', 'list_timeout'),
                ('nan', '-NaN', 'inf', '-inf', '1e999')):
            conf = cfg.ConfigOpts()
            for group, options in vitrage_k8s.list_opts():
                conf.register_opts(options, group=group)
            (directory / 'conf').write_text(
                f'[kubernetes]\n{name} = {value}\n')
            conf(['--config-file', str(directory / 'conf')])
            error = self.assertRaises(
                cfg.ConfigFileValueError, getattr, conf.kubernetes, name)
            self.assertIn(f'option {name} from', str(error))

    def test_sample_configuration_is_generated(self) -> None:
        generated = subprocess.run(
            [sys.executable, '-m', 'oslo_config.generator',
             '--namespace', 'vitrage_k8s'],
            capture_output=True, text=True, check=True).stdout

        self.assertIn('[kubernetes]', generated)
        for line in ('#poll_interval = 600', '#config_file = <None>',
                     '#page_size = 500', '#update_method = pull'):
            self.assertIn(line, generated)
        for option in vitrage_k8s.list_opts()[0][1]:
            self.assertIn(f'#{option.dest} =', generated)

    def test_datasource_is_found_without_the_client_library(self) -> None:
        # Vitrage swallows an ImportError where it reads OPTS, and takes the
        # in-tree datasource instead.
        imported = subprocess.run(
            [sys.executable, '-c',
             'import sys, vitrage_k8s.kubernetes;'
             'print([name for name in ("kubernetes", "msgspec", "urllib3")'
             ' if name in sys.modules])'],
            capture_output=True, text=True, check=True).stdout

        self.assertEqual('[]', imported.strip())
