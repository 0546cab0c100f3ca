# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: broken configurations, and what it says of them."""

import os
import pathlib
import sys
from typing import Any

import fixtures
from oslo_config import cfg

from tests.support.checks import ALERTMANAGER
from tests.support.checks import CheckTest


class ConfigurationTest(CheckTest):

    def test_nothing_is_wrong(self) -> None:
        self.assertEqual((0, []), self.check())

    def test_datasources(self) -> None:
        for options, level, name, text in (
                ({'path': 'vitrage.datasources,vitrage_k8s'}, 'ERROR', 'path',
                 'from vitrage.datasources -> path = vitrage_k8s,'),
                ({'path': None}, 'ERROR', 'path',
                 'from vitrage.datasources -> path = vitrage_k8s,'),
                ({'path': 'vitrage_k8,vitrage_k8s,vitrage.datasources'},
                 'ERROR', 'path', "Python finds no module 'vitrage_k8' "),
                ({'path': 'vitrage_k8s,,vitrage.datasources'}, 'ERROR',
                 'path', "Python finds no module '' -> "),
                ({'path': 'vitrage_k8s'}, 'ERROR', 'types',
                 "no datasource 'nova.host', 'nova.instance' in path ->"),
                ({'types': 'kubernetes,nova.hots'}, 'ERROR', 'types',
                 "no datasource 'nova.hots' in path -> "),
                ({'snapshots_interval': '5'}, 'ERROR', 'snapshots_interval',
                 'greater than or equal to 10'),
                ({'types': 'nova.host'}, 'ERROR', 'types',
                 'not enabled -> add kubernetes'),
                ({'types': 'kubernetes,nova.host,kubernetes'}, 'WARNING',
                 'types', 'kubernetes is enabled twice'),
                ({'types': 'kubernetes,kubernetes.node'}, 'ERROR', 'types',
                 "no datasource 'kubernetes.node' in path -> "),
                ({'types': 'nova.host,k8s'}, 'ERROR', 'types',
                 "'k8s' in path -> "),
                ({'types': 'nova.host,Kubernetes'}, 'ERROR', 'types',
                 "'Kubernetes' in path -> "),
                ({'types': "'nova.host','kubernetes'"}, 'ERROR', 'types',
                 """"nova.host'", "'kubernetes" in path -> """),
                ({'types': '[nova.host, kubernetes]'}, 'ERROR', 'types',
                 "'[nova.host', 'kubernetes]' in path -> "),
                ({'types': 'nova.host kubernetes'}, 'ERROR', 'types',
                 "'nova.host kubernetes' in path -> "),
                ({'types': ''}, 'ERROR', 'types', 'not enabled'),
                # A package of Vitrage, with which it does not start.
                ({'types': 'kubernetes,nova'}, 'ERROR', 'types',
                 "no datasource 'nova' in path -> "),
        ):
            self.assert_found(level, f'[datasources] {name}', text,
                              datasources=options)

    def test_the_mend_of_path_is_a_line_that_works(self) -> None:
        for path in ('vitrage.datasources,vitrage_k8s',
                     'vitrage-k8s,vitrage.datasources', 'vitrage_k8s'):
            _, found = self.check(datasources={'path': path})
            name, _, value = found[0]['mend'].partition(' = ')
            cfg.CONF.reset()
            self.assertEqual((0, []), self.check(datasources={name: value}))
            cfg.CONF.reset()

    def test_options(self) -> None:
        for name, value, level, text in (
                ('context', 'a', 'ERROR',
                 '-> did you mean contexts?'),
                ('zzz', '1', 'ERROR', 'take it out'),
                ('config_file', '$HOME/x', 'ERROR', 'write what it'),
                ('config_file', '$config_file', 'ERROR',
                 'its $ names no other option -> write what it stands '
                 'for; $$ is a plain $'),
                ('request_timeout', 'inf', 'ERROR', 'less than or equal to'),
                ('driver', 'vitrage.datasources.kubernetes.driver.X', 'ERROR',
                 'take the option out'),
                ('driver', 'vitrage_k8s.driver.KuberentesDriver', 'ERROR',
                 'take the option out'),
                ('page_size', '0', 'ERROR', 'greater than or equal to 1'),
                ('page_size', 'many', 'ERROR', "int() with base 10: 'many'"),
                ('page-size', '5', 'ERROR', 'did you mean page_size?'),
                ('page_size', '500.0', 'ERROR', "int() with base 10: '500.0'"),
                ('max_nodes', '10,000', 'ERROR', 'see its help'),
                ('poll_interval', '10m', 'ERROR', "'10m' -> see its help"),
                ('poll_interval', '600 # s', 'ERROR', "'600 # s' -> see its"),
                ('poll_interval', '-1', 'ERROR', 'greater than or equal to 1'),
                ('request_timeout', '5s', 'ERROR', "to float: '5s'"),
                ('link_by_system_uuid', 'maybe', 'ERROR', "value 'maybe'"),
                ('entities', 'kubernetes.node', 'ERROR',
                 "['kubernetes.cluster', 'kubernetes.node'] -> take the "),
                ('update_method', 'push', 'ERROR', 'set it to pull'),
                ('poll_interval', '20', 'WARNING', 'set it to 600'),
                ('poll_interval', '5', 'WARNING', 'set it to 600'),
                ('changes_interval', '700', 'WARNING', 'longer than'),
                ('list_timeout', '1', 'WARNING', 'shorter than'),
        ):
            self.assert_found(level, f'[kubernetes] {name}', text,
                              kubernetes={name: value})

    def test_options_for_types_that_are_not_enabled(self) -> None:
        for option, value, enabled in (
                ('host_contexts', 'simulator', 'nova.instance'),
                ('link_by_system_uuid', 'true', 'nova.host')):
            self.assert_found(
                'WARNING', f'[kubernetes] {option}', 'to [datasources] types',
                datasources={'types': f'kubernetes,{enabled}'},
                kubernetes={option: value})

    def test_relative_paths(self) -> None:
        here = os.open('.', os.O_RDONLY)
        self.addCleanup(os.close, here)
        self.addCleanup(os.fchdir, here)
        os.chdir(self.directory)
        for section, name, path in (
                ('kubernetes', 'config_file', 'kubeconfig'),
                ('entity_graph', 'datasources_values_dir', 'datasources_values'
                 ), ('prometheus', 'config_file', 'prometheus_conf.yaml')):
            options: dict[str, dict[str, Any]] = {
                'datasources': {'types': 'kubernetes,prometheus'},
                'prometheus': {**ALERTMANAGER, 'config_file': (
                    self.directory / 'prometheus_conf.yaml')}}
            options[section] = {**options.get(section, {}), name: path}
            self.assert_found('WARNING', f'[{section}] {name}',
                              'write an absolute path', **options)
            # Then the rule that reads it says so.
            options[section][name] = 'none'
            _, found = self.check(**options)
            self.assertEqual(['ERROR'], [each['level'] for each in found])
            cfg.CONF.reset()

    def test_a_kubeconfig_at_home(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable(
            'HOME', str(self.directory)))
        self.assertEqual((0, []), self.check(
            kubernetes={'config_file': '~/kubeconfig'}))

    def test_a_slow_list_without_a_watch(self) -> None:
        self.assert_found(
            'WARNING', '[kubernetes] list_timeout', 'snapshots_interval',
            kubernetes={'update_method': 'none', 'list_timeout': 700})
        options: dict[str, dict[str, Any]] = {
            'kubernetes': {'update_method': 'none', 'list_timeout': None}}
        self.assert_found(
            'WARNING', '[kubernetes] list_timeout', 'or set that to 120',
            datasources={'snapshots_interval': 60}, **options)
        self.assertEqual((0, []), self.check(
            datasources={'snapshots_interval': 120}, **options))

    def test_options_in_other_sections(self) -> None:
        for section, text in (('kubernets', 'config_file, contexts'),
                              (' kubernetes ', 'config_file, contexts'),
                              ('DEFAULT', 'config_file, contexts'),
                              ('datasources', 'config_file, contexts')):
            self.assert_found(
                'ERROR', f'[{section}]', f'nothing reads {text} there',
                **{section: {'contexts': 'a', 'x': 'y', 'config_file': '/x'}})
            self.assert_found(
                'ERROR', f'[{section}]', '-> put config_file under [kubernetes'
                ']', **{section: {'config_file': '/x'}})
        self.assertEqual((0, []), self.check(
            DEFAULT={'debug': 'true'}, kube={'config_file': '/x'},
            database={'max_retries': 1}))

    def test_a_section_in_capitals_or_twice(self) -> None:
        # oslo.config reads it.
        self.assertEqual((0, []), self.check(
            Kubernetes={'contexts': 'simulator'}))
        cfg.CONF.reset()
        self.assert_found('ERROR', '[kubernetes] context', 'mean contexts?',
                          KUBERNETES={'context': 'simulator'})

    def test_a_value_that_is_not_there_is_found_once(self) -> None:
        for section, name in (('datasources', 'path'),
                              ('datasources', 'types'),
                              ('entity_graph', 'datasources_values_dir')):
            self.assert_found('ERROR', f'[{section}] {name}', 'is a plain $',
                              **{section: {name: '$nothing'}})
        self.assert_found('ERROR', '[prometheus] config_file', 'is a plain $',
                          datasources={'types': 'kubernetes,prometheus'},
                          prometheus={**ALERTMANAGER,
                                      'config_file': '$nothing'})

    def test_a_password_with_a_dollar_is_not_printed(self) -> None:
        _, found = self.check(
            datasources={'types': 'kubernetes,prometheus'},
            prometheus={**ALERTMANAGER, 'alertmanager_url': (
                'http://me:pa$secret@host'), 'config_file': (
                    self.directory / 'prometheus_conf.yaml')})
        self.assertEqual(['[prometheus] alertmanager_url'],
                         [each['subject'] for each in found])
        self.assertNotIn('secret', str(found))

    def test_options_of_prometheus_that_nothing_reads(self) -> None:
        self.assertEqual((0, []), self.check(
            prometheus={'config_file': '$nothing'}))

    def test_an_option_in_capitals(self) -> None:
        self.assert_found('ERROR', '[kubernetes] CONTEXTS', 'mean contexts?',
                          kubernetes={'CONTEXTS': 'a'})

    def test_what_is_odd_and_works(self) -> None:
        for changes in (
                {'datasources': {'types': ' nova.host , kubernetes, '}},
                {'datasources': {'types': '"nova.host,kubernetes"'}},
                {'kubernetes': {'contexts': '"*"'}},
                {'kubernetes': {'contexts': "'simulator' "}},
                {'kubernetes': {'config_file': f'"{self.kubeconfig}"'}},
                {'kubernetes': {'update_method': '"PULL"'}}):
            self.assertEqual((0, []), self.check(**changes), changes)
            cfg.CONF.reset()
        path = pathlib.Path(self.write())
        path.write_text(path.read_text().replace('\n', '\r\n'), newline='')
        self.assertEqual(0, self.run_check('--config-file', str(path))[0])

    def test_prints_no_control_characters(self) -> None:
        _, output = self.run_check('--config-file', self.write(
            kubernetes={'\x1b[31m': '1'}))
        self.assertIn('[kubernetes] ?[31m: there is no such', output)

    def test_a_project_that_nobody_can_have_is_found_once(self) -> None:
        self.assert_found('ERROR', '[kubernetes]', 'more than 64 characters',
                          kubernetes={'projects': f'simulator:{"a" * 65}'})

    def test_a_project_without_a_cluster_is_found_once(self) -> None:
        self.assert_found('ERROR', '[kubernetes]', 'not cluster:project_id',
                          kubernetes={'projects': 'demo'})

    def test_a_project_by_its_name(self) -> None:
        self.assert_found(
            'WARNING', '[kubernetes] projects', 'openstack project list',
            kubernetes={'projects': 'simulator:demo'})

    def test_a_project_in_capitals(self) -> None:
        # Keystone's ids have none, and Vitrage compares them as they are.
        self.assert_found(
            'WARNING', '[kubernetes] projects', 'look like the id',
            kubernetes={'projects': f'simulator:{"A" * 32}'})

    def test_names_of_clusters_that_are_not_read(self) -> None:
        for option, value in (('projects', f'other:{"a" * 32}'),
                              ('host_contexts', 'other')):
            self.assert_found(
                'WARNING', '[kubernetes]', f'{option} names what is not read',
                kubernetes={option: value})

    def test_modules_that_fail(self) -> None:
        (self.directory / 'fails_here.py').write_text('1 / 0')
        self.useFixture(fixtures.MonkeyPatch(
            'sys.path', [*sys.path, str(self.directory)]))
        for each in ('fails_here', '.vitrage'):
            self.assert_found(
                'ERROR', '[datasources] path', f'no module {each!r}',
                datasources={'path': f'{each},vitrage_k8s,vitrage.datasources'
                             })

    def test_rule_that_fails_hides_no_other(self) -> None:
        def fails() -> None:
            raise ZeroDivisionError

        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.check.configuration.RULES', (fails,)))
        status, found = self.check(kubernetes={'contexts': 'other'})
        self.assertEqual(2, status)
        self.assertIn('ZeroDivisionError', str(found))
        self.assertIn('has no context other', str(found))

    def test_prints_a_line_and_the_mend(self) -> None:
        status, output = self.run_check('--config-file', self.write(
            datasources={'types': 'nova.host'}))
        self.assertEqual(2, status)
        self.assertIn('ERROR    [datasources] types: kubernetes is not '
                      'enabled\n         -> add kubernetes\n', output)
