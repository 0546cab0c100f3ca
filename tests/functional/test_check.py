# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: broken configurations, and what it says of them."""

import contextlib
import dataclasses
import importlib.metadata
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any
from unittest import mock

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools
from vitrage.datasources.prometheus import driver as prometheus
from vitrage.evaluator import scenario_repository
import yaml

from tests.support import base
from tests.support import certificates
from vitrage_k8s.check import configuration
from vitrage_k8s.check import report
from vitrage_k8s import cli
from vitrage_k8s import driver
from vitrage_k8s import install_files
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

UUID = '3a0c8f8e-4a4b-4e11-9e0c-2f3a1d1c9b11'
GOOD: dict[str, dict[str, Any]] = {
    'datasources': {'types': 'nova.host,nova.instance,kubernetes',
                    'path': 'vitrage_k8s,vitrage.datasources'},
    'entity_graph': {},
    'kubernetes': {'request_timeout': 20, 'max_retries': 0,
                   'list_timeout': 40},
}
ALERTMANAGER = {'alertmanager_url': 'http://host:9093/api/v2/alerts',
                'receiver': 'vitrage'}


class CheckTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(config_fixture.Config(cfg.CONF))
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        with contextlib.redirect_stdout(io.StringIO()):
            install_files.run(self.directory, False)
        self.values = self.directory / 'datasources_values'
        (self.values / 'default.yaml').write_text(base.DEFAULT_VALUES)
        self.simulator = Simulator(
            [samples.node('a', providerID=f'openstack:///{UUID}'),
             samples.node('b')]).start()
        self.addCleanup(self.simulator.stop)
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.watch_policy.DOUBT_STEPS', (0.0,)))
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.watch_policy.DOUBT', 0.0))
        self.kubeconfig = self.directory / 'kubeconfig'
        self.kubeconfig.write_text(self.simulator.kubeconfig())

    def write(self, **changes: dict[str, Any]) -> str:
        path = self.directory / 'vitrage.conf'
        sections = {**GOOD, **{each: {} for each in changes
                               if each not in GOOD}}
        lines = []
        for section, options in sections.items():
            lines.append(f'[{section}]')
            options = {**options, **changes.get(section, {})}
            if section == 'kubernetes':
                options.setdefault('config_file', self.kubeconfig)
            if section == 'entity_graph':
                options.setdefault('datasources_values_dir', self.values)
            lines += [f'{name} = {value}' for name, value in options.items()
                      if value is not None]
        path.write_text('\n'.join(lines) + '\n')
        return str(path)

    def run_check(self, *arguments: str) -> tuple[int, str]:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            status = cli.main(['check', *arguments])
        return status, output.getvalue()

    def check(self, **changes: dict[str, Any]) -> tuple[int, list[Any]]:
        status, output = self.run_check(
            '--config-file', self.write(**changes), '--format', 'json')
        found = json.loads(output)
        return status, [each for each in found if each['level'] != 'INFO']

    def assert_found(self, level: str, subject: str, text: str,
                     **changes: dict[str, Any]) -> None:
        status, found = self.check(**changes)
        self.assertEqual([(level, subject)], [
            (each['level'], each['subject']) for each in found], found)
        self.assertIn(text, f'{found[0]["text"]} -> {found[0]["mend"]}')
        self.assertEqual({'WARNING': 1, 'ERROR': 2}[level], status)
        cfg.CONF.reset()


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

    def test_no_configuration(self) -> None:
        for each in ('files', 'dirs'):
            self.useFixture(fixtures.MonkeyPatch(
                f'oslo_config.cfg.find_config_{each}',
                lambda *names, **options: []))
        status, output = self.run_check()
        self.assertEqual(2, status)
        self.assertIn('ERROR    vitrage.conf: there is none in ~/.vitrage, ~,',
                      output)

    def test_a_configuration_that_is_no_file(self) -> None:
        path = self.directory / 'fifo'
        os.mkfifo(path)
        # Nobody writes to it: to open it would wait for ever.
        for each in (path, '/dev/zero', self.directory):
            good = self.write()
            status, output = self.run_check(
                '--config-file', good, '--config-file', str(each))
            self.assertEqual(2, status)
            self.assertIn(f'ERROR    {good}, {each}: there is no file {each}',
                          output)
            cfg.CONF.reset()

    def test_options(self) -> None:
        for name, value, level, text in (
                ('context', 'a', 'ERROR',
                 '-> did you mean contexts?'),
                ('zzz', '1', 'ERROR', 'take it out'),
                ('config_file', '$HOME/x', 'ERROR', '$$ is a $'),
                ('config_file', '$config_file', 'ERROR', '$$ is a $'),
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

    def test_a_kubeconfig_at_home(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable(
            'HOME', str(self.directory)))
        self.assertEqual((0, []), self.check(
            kubernetes={'config_file': '~/kubeconfig'}))

    def test_a_slow_list_without_a_watch(self) -> None:
        self.assert_found(
            'WARNING', '[kubernetes] list_timeout', 'snapshots_interval',
            kubernetes={'update_method': 'none', 'list_timeout': 700})

    def test_options_in_other_sections(self) -> None:
        for section, text in (('kubernets', 'config_file, contexts'),
                              (' kubernetes ', 'config_file, contexts'),
                              ('DEFAULT', 'config_file, contexts'),
                              ('datasources', 'config_file, contexts')):
            self.assert_found(
                'ERROR', f'[{section}]', f'nothing reads {text} there',
                **{section: {'contexts': 'a', 'x': 'y', 'config_file': '/x'}})
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
            self.assert_found('ERROR', f'[{section}] {name}', '$$ is a $',
                              **{section: {name: '$nothing'}})
        self.assert_found('ERROR', '[prometheus] config_file', '$$ is a $',
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

    def test_prints_no_line_that_cannot_be_parsed(self) -> None:
        path = pathlib.Path(self.write())
        good = path.read_text()
        for content in (f'{good}password secret\n', f'\ufeff{good}secret\n',
                        f'{good}[x]\n\ty = secret\n', 'x:\n  y: secret\n',
                        good.encode('utf-16').decode('latin-1')):
            path.write_text(content, 'utf-8')
            status, output = self.run_check('--config-file', str(path))
            self.assertEqual(2, status)
            self.assertEqual([f'ERROR    {path}'], [
                line[:9 + len(str(path))] for line in output.splitlines()
                if '->' not in line])
            self.assertNotIn('secret', output)
            cfg.CONF.reset()

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

    def test_a_file_that_is_not_there(self) -> None:
        status, output = self.run_check('--config-file', '/no/such/file')
        self.assertEqual(2, status)
        self.assertIn('/no/such/file', output)

    def test_a_file_that_is_not_utf_8(self) -> None:
        path = self.directory / 'vitrage.conf'
        path.write_bytes(b'# \xfc')
        status, output = self.run_check('--config-file', str(path))
        self.assertEqual(2, status)
        self.assertIn(f'ERROR    {path}: ', output)

    def test_modules_that_fail(self) -> None:
        (self.directory / 'fails_here.py').write_text('1 / 0')
        self.useFixture(fixtures.MonkeyPatch(
            'sys.path', [*sys.path, str(self.directory)]))
        for each in ('fails_here', '.vitrage'):
            self.assert_found(
                'ERROR', '[datasources] path', f'no module {each!r}',
                datasources={'path': f'{each},vitrage_k8s,vitrage.datasources'
                             })

    def test_a_terminal_that_knows_ascii_alone(self) -> None:
        for form, name in (('table', '\\xfc'), ('json', '\\u00fc')):
            terminal = io.TextIOWrapper(io.BytesIO(), 'ascii')
            with contextlib.redirect_stdout(terminal):
                status = cli.main(['check', '--config-file', '/no/\xfc',
                                   '--format', form])
                terminal.seek(0)
                self.assertIn(f'/no/{name}', terminal.read())
            self.assertEqual(2, status)

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


class StartTest(CheckTest):

    def log(self, path: str) -> str:
        log = self.useFixture(fixtures.FakeLogger())
        report._load([path])
        driver._warn_of_setup()
        return log.output

    def test_what_is_well_is_not_logged(self) -> None:
        self.assertEqual('', self.log(self.write()))

    def test_what_is_wrong_is_logged_once(self) -> None:
        (self.values / 'kubernetes.node.yaml').write_text('category: [')
        (self.values / 'other.yaml').write_text('category: [')
        (self.values / 'kubernetes.cluster.yaml').unlink()
        lines = self.log(self.write()).splitlines()
        self.assertEqual(2, len(lines), lines)
        for number, text in enumerate(('cluster.yaml: it is missing',
                                       'node.yaml: Vitrage cannot read it')):
            self.assertIn(f'/kubernetes.{text}: its states are not understood.'
                          ' To mend it, run: install -D', lines[number])

    def test_what_has_no_mend_is_logged_without_one(self) -> None:
        def fails() -> None:
            raise ZeroDivisionError('why')

        with fixtures.MonkeyPatch(
                'vitrage_k8s.check.configuration.AT_START', (fails,)):
            self.assertEqual(
                'fails: this rule failed: ZeroDivisionError: why\n',
                self.log(self.write()))


class FilesTest(CheckTest):

    def test_values_files(self) -> None:
        node = self.values / 'kubernetes.node.yaml'
        node.write_text(node.read_text() + '# mine\n')
        put = f'{install_files.ETC}/vitrage/datasources_values/{node.name}'
        self.assert_found('WARNING', str(node), 'compare, then run: '
                          f'install -D -m 644 {put} {node}')
        node.write_text('category: RESOURCE\n')
        # install-files leaves the mode of a file that is ours.
        self.assert_found('ERROR', str(node), 'Vitrage cannot read it: its '
                          'states are not understood -> run: install -D -m '
                          f'644 {put} {node}')
        node.unlink()
        self.assert_found('ERROR', str(node), 'it is missing: its states are '
                          f'not understood -> run: install -D -m 644 {put}')
        node.mkdir()
        self.assert_found('ERROR', str(node), 'cannot read it')

    def test_values_files_in_a_directory_of_another_name(self) -> None:
        # install-files would put them elsewhere.
        path = self.directory / 'values/kubernetes.node.yaml'
        self.values.rename(path.parent)
        path.unlink()
        self.assert_found(
            'ERROR', str(path), 'it is missing: its states are not understood '
            '-> run: install -D', entity_graph={
                'datasources_values_dir': path.parent})

    def test_values_that_this_user_may_not_read(self) -> None:
        listdir = os.listdir

        def refuse(path: Any) -> Any:
            if str(path).startswith(str(self.values)):
                raise PermissionError(13, 'Permission denied', str(path))
            return listdir(path)

        with fixtures.MonkeyPatch('os.listdir', refuse):
            self.assert_found(
                'ERROR', '[entity_graph] datasources_values_dir',
                f'this user cannot read {self.values}: Permission denied')

    def test_values_directories_that_are_none(self) -> None:
        for path, problem in (
                ('/no/such', 'No such file'), ('', 'No such file'),
                (self.values / 'default.yaml', 'Not a directory')):
            self.assert_found(
                'ERROR', '[entity_graph] datasources_values_dir', problem,
                entity_graph={'datasources_values_dir': path})

    def test_no_default_values(self) -> None:
        for content in ('', 'category: [', None):
            if content is None:
                (self.values / 'default.yaml').unlink()
            else:
                (self.values / 'default.yaml').write_text(content)
            self.assert_found('ERROR', str(self.values / 'default.yaml'),
                              "not understood -> take Vitrage's etc")

    def test_alerts_that_do_not_last(self) -> None:
        prometheus = {**ALERTMANAGER,
                      'config_file': self.directory / 'prometheus_conf.yaml'}
        self.assert_found(
            'WARNING', '[datasources] types', 'on nothing',
            datasources={'types': 'prometheus,kubernetes'},
            prometheus=prometheus)
        for name in ALERTMANAGER:
            self.assert_found(
                'WARNING', f'[prometheus] {name}', 'each snapshot deletes',
                datasources={'types': 'kubernetes,prometheus'},
                prometheus={**prometheus, name: None})

    def enabled(self, path: Any) -> dict[str, dict[str, Any]]:
        return {'datasources': {'types': 'kubernetes,prometheus'},
                'prometheus': {**ALERTMANAGER, 'config_file': path}}

    def test_alerts_that_are_mapped(self) -> None:
        path = self.directory / 'alerts.yaml'
        known = {'key': {'a': '1', 'b': '2'}, 'resource': {'x': 'y'}}
        part = {**known, 'key': {'a': '1'}}
        last = {**known, 'key': {}}
        for alerts, text in (
                ([last], None),
                ([{**known, 'key': {'a': 1, 'b': True}}, part, last], None),
                ([{**part, 'comment': ['x']}, {**part, 'key': {'a': '2'}},
                  last], None),
                ([], 'every vertex'),
                ([known, part], 'every vertex'),
                ([part, {**last, 'resource': {}}], 'an entry has no resource'),
                ([last, part], 'entry 2 is not used'),
                ([part, known, last], 'entry 2 is not used'),
                ([known, part, part, last], 'entry 3 is not used')):
            path.write_text(json.dumps({'alerts': alerts}))
            if text is None:
                self.assertEqual((0, []), self.check(**self.enabled(path)))
                cfg.CONF.reset()
            else:
                self.assert_found('ERROR', '[prometheus] config_file', text,
                                  **self.enabled(path))

    def test_vitrage_takes_the_first_entry(self) -> None:
        part = {'key': {'a': '1'}, 'resource': {'x': 'part'}}
        whole = {'key': {'a': '1', 'b': '2'}, 'resource': {'x': 'whole'}}
        for labels, entries, taken in (
                ({'a': '1', 'b': '2', 'c': '3'}, [part, whole], 'part'),
                ({'a': '1', 'b': '2', 'c': '3'}, [whole, part], 'whole'),
                ({'a': '2'}, [part, whole], None)):
            self.assertEqual(
                {'x': taken} if taken else {},
                prometheus.PrometheusDriver._get_conf_resource(
                    mock.Mock(conf_map=entries), {'labels': labels}))

    def test_alerts_that_cannot_be_read(self) -> None:
        path = self.directory / 'alerts.yaml'
        ours = str(install_files.ETC / install_files.ALERTS)
        for content in (
                'alerts: [', '[]', 'alerts:', 'alerts: \xff', 'alerts: {}',
                'password: secret\xff', 'alerts: secret',
                'alerts: &a [*a]',
                'alerts: [{key: {}}]', 'alerts: [{resource: {a: b}}]',
                'alerts: [{key: , resource: {a: b}}]',
                'alerts: [{key: {}, resource: secret}]',
                'alerts: [{key: {}, resource: {a: [secret]}}]'):
            path.write_text(content, 'latin-1')
            self.assert_found('ERROR', '[prometheus] config_file', ours,
                              **self.enabled(path))
            # It is not ours: it may hold passwords.
            _, found = self.check(**self.enabled(path))
            self.assertNotIn('secret', str(found))
            cfg.CONF.reset()

    def test_a_file_of_alerts_that_is_none(self) -> None:
        fifo = self.directory / 'fifo'
        # Nobody writes to it: to open it would wait for ever.
        os.mkfifo(fifo)
        for path in (fifo, self.directory, '/no/such', ''):
            self.assert_found('ERROR', '[prometheus] config_file',
                              'there is no such file', **self.enabled(path))

    def test_severities_of_alerts(self) -> None:
        enabled = self.enabled(self.directory / 'prometheus_conf.yaml')
        path = self.values / 'prometheus.yaml'
        path.write_text(f'{path.read_text()}# mine\n')
        self.assertEqual((0, []), self.check(**enabled))
        cfg.CONF.reset()
        path.unlink()
        self.assert_found('ERROR', str(path), 'it is missing', **enabled)

    def install(self, requires: list[str], **versions: str | None) -> None:
        """Let the package require these, and libraries have these versions."""
        found = importlib.metadata.distributions

        def distributions(**context: Any) -> Any:
            name = context.get('name')
            if name == 'vitrage-k8s':
                return [mock.Mock(requires=requires)]
            if name in versions:
                return [mock.Mock(version=versions[name])]
            return found(**context)

        self.useFixture(fixtures.MonkeyPatch(
            'importlib.metadata.distributions', distributions))

    def test_libraries(self) -> None:
        for requires, versions, name, text in (
                ('networkx<3.6', {'networkx': '3.6.1'}, 'networkx',
                 "topology show fails -> pip install 'networkx<3.6'"),
                ('kubernetes>=24.2.0,!=36.0.0', {'kubernetes': '36.0.0'},
                 'kubernetes', '36.0.0 is installed; '),
                ('msgspec>=2', {'msgspec': None}, 'msgspec', 'no version is'),
                ('not-installed>=2', {}, 'not-installed',
                 'no version is installed; >=2 is needed')):
            self.install([requires], **versions)
            self.assert_found('ERROR', name, text)
        for requires in ("not-installed; python_version < '3'", 'msgspec>=0'):
            self.install([requires], msgspec='0.18')
            self.assertEqual((0, []), self.check())
            cfg.CONF.reset()

    def test_setuptools(self) -> None:
        # As if this were Python 3.12.
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.check.configuration._SETUPTOOLS',
            configuration._SETUPTOOLS.replace('3.12', '3')))
        self.assertEqual((0, []), self.check())
        cfg.CONF.reset()
        self.install([], setuptools=None)
        self.assert_found('ERROR', 'setuptools', 'vitrage-api does not start '
                          "-> pip install 'setuptools<82'")


class TemplatesTest(CheckTest):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.EnvironmentVariable('OS_AUTH_URL', 'x'))
        self.shown: dict[str, Any] = {}
        for path, file in install_files.find().items():
            if path.parent == install_files.TEMPLATES:
                content = yaml.load(file.read_text(), yaml.BaseLoader)
                self.shown[content['metadata']['name']] = content
        self.name = sorted(self.shown)[0]
        self.rows: Any = [
            {'name': name, 'uuid': name, 'status': 'ACTIVE',
             'type': 'standard', 'status details': 'why'}
            for name in self.shown]
        self.useFixture(fixtures.MonkeyPatch(
            'vitrageclient.shell.VitrageShell.client', self))
        self.template = self

    def list(self) -> Any:
        if isinstance(self.rows, Exception):
            raise self.rows
        print('a line of the library')
        return self.rows

    def show(self, uuid: str) -> Any:
        return self.shown[uuid]

    def test_templates_that_are_well(self) -> None:
        self.assertEqual((0, []), self.check())

    def test_templates_that_are_not(self) -> None:
        for changes, level, text in (
                ({'name': 'x'}, 'WARNING', 'not loaded -> run: vitrage'),
                ({'status': 'ERROR'}, 'ERROR', 'in ERROR: why -> run: ')):
            row = next(each for each in self.rows
                       if each['name'] == self.name)
            before = dict(row)
            row.update(changes)
            self.assert_found(level, self.name, text)
            row.update(before)
        self.shown[self.name] = {}
        self.assert_found('WARNING', self.name, 'not that of this version')

    def test_equivalences(self) -> None:
        ours = {'category': 'ALARM', 'type': 'vitrage',
                'name': 'Kubernetes node is not ready'}
        other = {**ours, 'name': 'Kubernetes is not liked'}
        node = {'category': 'RESOURCE', 'type': 'kubernetes.node'}
        for entities, is_harmful in (
                ((ours, other), True), ((other, ours), True),
                # As the field is named in the graph, too.
                ((node, {**node, 'type': 'x'}), True),
                (({'vitrage_category': 'RESOURCE',
                   'vitrage_type': 'nova.instance'}, other), True),
                ((other, {**other, 'name': 'x'}), False),
                ((other, {**node, 'name': 'x'}), False),
                ((other, {**ours, 'type': 'zabbix'}), False)):
            self.shown['x'] = {
                'metadata': {'name': 'x', 'type': 'equivalence', 'description':
                             'This is about kubernetes.node'},
                'equivalences': [{'equivalence': [
                    {'entity': each} for each in entities]}]}
            self.assertEqual(is_harmful, self.stops_ours())
            for status in ('ACTIVE', 'ERROR'):
                self.rows.append({'name': 'x', 'uuid': 'x', 'status': status,
                                  'type': 'equivalence'})
                if is_harmful and status == 'ACTIVE':
                    self.assert_found('ERROR', 'x', 'stops every template')
                else:
                    self.assertEqual((0, []), self.check())
                    cfg.CONF.reset()
                self.rows.pop()

    def stops_ours(self) -> bool:
        """Return whether Vitrage cannot load ours beside the equivalence."""
        contents = [self.shown[row['name']] for row in self.rows]
        database = mock.Mock()
        database.templates.query.side_effect = lambda **wanted: [
            mock.Mock(uuid=content['metadata']['name'], file_content=content,
                      status='ACTIVE')
            for content in ([self.shown['x']] if wanted['template_type']
                            == 'equivalence' else contents if
                            wanted['template_type'] == 'standard' else [])]
        with fixtures.MonkeyPatch('vitrage.storage.get_connection_from_config',
                                  lambda: database):
            try:
                scenario_repository.ScenarioRepository()
            except TypeError:
                return True
        return False

    def test_options_in_the_environment_are_no_login(self) -> None:
        self.rows = None
        self.useFixture(fixtures.EnvironmentVariable('OS_AUTH_URL'))
        self.useFixture(fixtures.EnvironmentVariable(
            'OS_KUBERNETES__CONTEXTS', 'simulator'))
        self.assertEqual((0, []), self.check())

    def test_an_api_that_does_not_answer_so(self) -> None:
        rows: Any
        for rows in (None, {'x': 1}, [{}], OSError('no file'),
                     Exception('HTTP 500')):
            self.rows = rows
            self.assert_found('WARNING', 'templates', 'not looked at')


class ClusterTest(CheckTest):

    def infos(self, **changes: dict[str, Any]) -> list[str]:
        _, output = self.run_check(
            '--config-file', self.write(**changes), '--format', 'json')
        return [each['text'] for each in json.loads(output)
                if each['subject'] == 'simulator']

    def test_says_what_it_found(self) -> None:
        self.assertIn(f'2 nodes at {self.simulator.url}, Kubernetes v1.36.0, '
                      'as (unknown)', self.infos())
        self.assertIn('1 of 2 nodes are tied to their nova.instance if Nova '
                      'has it', self.infos())
        self.assertIn('1 of 2 nodes are tied to nothing: they have no '
                      'providerID', self.infos())

    def test_clocks_that_differ(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.check.services.MOST_SKEW', -1.0))
        self.assert_found('WARNING', 'simulator', 'its clock')

    def test_says_which_version_and_whether_its_clock_differs(self) -> None:
        said = f'2 nodes at {self.simulator.url}, Kubernetes v1.36.0, as ' \
            '(unknown)'
        for date in ('Thu, 01 Jan 1970 00:00:00 GMT', 'junk'):
            self.simulator.intercept = lambda request, date=date: \
                dataclasses.replace(self.simulator.answer(request), headers={
                    'Date': date}) if request.path == '/version/' else None
            if date == 'junk':
                self.assertIn(said, self.infos())
            else:
                self.assert_found('WARNING', 'simulator', 'clock')

    def test_says_who_we_are(self) -> None:
        review = json.dumps({'status': {'userInfo': {'username': 'vitrage'}}})
        self.simulator.intercept = lambda request: \
            Answer(201, review.encode()) \
            if request.path.endswith('/v1/selfsubjectreviews') else None
        self.assertIn(f'2 nodes at {self.simulator.url}, Kubernetes v1.36.0, '
                      'as vitrage', self.infos())

    def test_a_version_that_is_none(self) -> None:
        self.simulator.intercept = lambda request: \
            dataclasses.replace(self.simulator.answer(request), body=b'[]') \
            if request.path == '/version/' else None
        self.assertEqual((0, []), self.check())

    def test_odd_versions_hide_nothing_else(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.client._LONGEST_LINE', 1 << 16))
        for change in ({'body': b'[' * 10000 + b']' * 10000},
                       {'body': b' ' * (1 << 17)},
                       {'headers': {'Date': f'Thu, 01 Jan {"9" * 18} '
                                            '00:00:00 GMT'}}):
            self.simulator.intercept = lambda request, change=change: \
                dataclasses.replace(self.simulator.answer(request), **change) \
                if request.path == '/version/' else None
            self.assertIn('1 of 2 nodes are tied to nothing: they have no '
                          'providerID', self.infos())
            cfg.CONF.reset()

    def test_needs_no_semaphores(self) -> None:
        def refuse(*arguments: Any) -> None:
            # As where /dev/shm may not be written.
            raise PermissionError

        self.useFixture(fixtures.MonkeyPatch(
            'multiprocessing.synchronize.SemLock.__init__', refuse))
        self.assertEqual((0, []), self.check())

    def test_interrupted_while_a_cluster_is_silent(self) -> None:
        asked = threading.Event()

        def never_answer(request: Request) -> None:
            asked.set()
            self.simulator.stopping.wait()

        self.simulator.intercept = never_answer
        with subprocess.Popen(
                (sys.executable, '-W', 'ignore', '-m', 'vitrage_k8s.cli',
                 'check', '--config-file', self.write()),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            self.assertTrue(asked.wait(60))
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate()
        self.assertEqual((130, b'Interrupted\n'),
                         (process.returncode, complaints))

    def test_a_watch_that_begins_late(self) -> None:
        def answer_late(request: Request) -> None:
            if 'watch' in request.query:
                self.simulator.stopping.wait(1.2)

        self.simulator.intercept = answer_late
        self.assertEqual((0, []), self.check())

    def test_a_watch_that_does_not_begin(self) -> None:
        def never_answer(request: Request) -> None:
            if 'watch' in request.query:
                self.simulator.stopping.wait()

        self.simulator.intercept = never_answer
        self.assert_found('WARNING', 'simulator', 'no complete answer within '
                          '1 s', kubernetes={'request_timeout': 1})

    def test_a_refusal_that_outlasts_the_list(self) -> None:
        for name, value in (('watch_policy.DOUBT_STEPS', (0.5,) * 5),
                            ('watch_policy.DOUBT', 2.5), ('fleet.GRACE', 0)):
            self.useFixture(fixtures.MonkeyPatch(f'vitrage_k8s.api.{name}',
                                                 value))
        self.simulator.intercept = lambda request: faults.forbidden('u')
        self.assert_found('ERROR', 'simulator', 'may not list nodes',
                          kubernetes={'request_timeout': 1.5,
                                      'list_timeout': 1.5})

    def test_clusters_are_asked_side_by_side(self) -> None:
        both = threading.Barrier(2, timeout=30)

        def wait_for_both(request: Request) -> None:
            if request.path == '/version/':
                both.wait()

        simulators = [self.simulator, Simulator(
            [samples.node('c')], cluster='another').start()]
        self.addCleanup(simulators[1].stop)
        kubeconfigs = []
        for simulator in simulators:
            kubeconfigs.append(json.loads(simulator.kubeconfig()))
            simulator.intercept = wait_for_both
        for section in ('clusters', 'users', 'contexts'):
            kubeconfigs[0][section] += kubeconfigs[1][section]
        self.kubeconfig.write_text(json.dumps(kubeconfigs[0]))
        _, output = self.run_check('--format', 'json', '--config-file',
                                   self.write(kubernetes={
                                       'contexts': 'simulator,another'}))
        self.assertEqual(['simulator', 'another'], [
            each['subject'] for each in json.loads(output)
            if 'Kubernetes v1' in each['text']])

    def test_contexts_that_are_left_out(self) -> None:
        kubeconfig = json.loads(self.simulator.kubeconfig(user={}))
        kubeconfig['users'].append({'name': 'viewer', 'user': {'as': 'v'}})
        kubeconfig['contexts'].append({'name': 'viewer', 'context': {
            'cluster': 'simulator', 'user': 'viewer'}})
        self.kubeconfig.write_text(json.dumps(kubeconfig))
        self.simulator.intercept = lambda request: faults.forbidden('v') \
            if 'Impersonate-User' in request.headers else None
        self.assertEqual((0, []), self.check(kubernetes={'contexts': '*'}))
        cfg.CONF.reset()
        _, output = self.run_check('--config-file', self.write(
            kubernetes={'contexts': '*'}))
        self.assertIn('INFO     viewer: its user cannot list nodes', output)

    def test_a_certificate_that_is_not_verified(self) -> None:
        authority = self.useFixture(certificates.Authority())
        simulator = Simulator([samples.node('a')], cluster='simulator', tls=(
            authority.server().server_context())).start()
        self.addCleanup(simulator.stop)
        kubeconfig = json.loads(simulator.kubeconfig())
        kubeconfig['clusters'][0]['cluster'] = {
            'server': simulator.url, 'insecure-skip-tls-verify': True}
        self.kubeconfig.write_text(json.dumps(kubeconfig))
        self.assert_found('WARNING', 'simulator', 'not verified')

    def test_says_that_no_servers_are_shown(self) -> None:
        self.assertIn(
            '1 of 2 nodes are tied to their nova.instance once that is in '
            '[datasources] types',
            self.infos(datasources={'types': 'kubernetes'}))

    def test_an_api_server_that_refuses(self) -> None:
        for fault, text in ((faults.internal_error(), 'answered 500'),
                            (faults.forbidden('u'), 'may not list nodes')):
            self.simulator.intercept = lambda request, fault=fault: fault
            self.assert_found('ERROR', 'simulator', text)

    def test_watches_that_are_refused(self) -> None:
        self.simulator.intercept = lambda request: \
            faults.forbidden('u') if 'watch' in request.query else None
        self.assert_found('WARNING', 'simulator', 'may not watch nodes')

    def test_watches_that_are_refused_and_not_wanted(self) -> None:
        self.simulator.intercept = lambda request: \
            faults.forbidden('u') if 'watch' in request.query else None
        self.assertEqual((0, []), self.check(
            kubernetes={'update_method': 'None'}))

    def test_kubeconfigs(self) -> None:
        good = self.kubeconfig.read_text()
        self.kubeconfig.unlink()
        self.assert_found('ERROR', '[kubernetes]', 'no such file')
        self.kubeconfig.mkdir()
        self.assert_found('ERROR', '[kubernetes]', 'Is a directory')
        self.kubeconfig.rmdir()
        for content, text in (
                ('{', str(self.kubeconfig)), ('', 'has no current-context'),
                ('[clusters]\ntoken = secret\n', 'is no kubeconfig'),
                ('clusters:\n\tsecret: x\n', 'not YAML in line 2'),
                (good.replace('"server": "http', '"server": ["secret'),
                 'not YAML in line 1'),
                (good.replace('"server"', '"Server"'), 'server: is missing'),
                (good.replace('"server"', '"insecure-skip-tls-verify": '
                              '"secret", "server"'), 'Expected `bool`')):
            self.kubeconfig.write_text(content)
            self.assert_found('ERROR', '[kubernetes]', text)
            _, output = self.run_check('--config-file', self.write())
            self.assertNotIn('secret', output)
            cfg.CONF.reset()

    def test_contexts_that_are_written_wrongly(self) -> None:
        for contexts in ('[simulator]', 'simulator other', 'all', 'None',
                         'Simulator'):
            self.assert_found('ERROR', '[kubernetes]',
                              f'has no context {contexts}; it has simulator',
                              kubernetes={'contexts': contexts})

    def test_proxies_that_are_none(self) -> None:
        for proxy in ('proxy:3128', 'http://me:secret@[::1', 'ftp://proxy'):
            kubeconfig = json.loads(self.simulator.kubeconfig())
            kubeconfig['clusters'][0]['cluster']['proxy-url'] = proxy
            self.kubeconfig.write_text(json.dumps(kubeconfig))
            self.assert_found('ERROR', 'simulator', 'proxy-url')
            _, output = self.run_check('--config-file', self.write())
            self.assertNotIn('secret', output)
            cfg.CONF.reset()

    def test_a_token_over_plain_http(self) -> None:
        self.kubeconfig.write_text(self.simulator.kubeconfig(
            user={'token': 't'}))
        self.assert_found('WARNING', '[kubernetes]', 'Use https://')

    def test_a_misconfigured_cluster_is_found_once(self) -> None:
        self.kubeconfig.write_text(self.simulator.kubeconfig().replace(
            self.simulator.url, 'https://host:port'))
        self.assert_found('ERROR', '[kubernetes]', 'Cluster simulator: ')
        self.kubeconfig.write_text(self.simulator.kubeconfig(
            user={'client-certificate': '/no/such', 'client-key': '/no/key'},
            ).replace('http://', 'https://'))
        self.assert_found('ERROR', 'simulator', 'Misconfigured: ')

    def test_no_context(self) -> None:
        self.assert_found('WARNING', '[kubernetes] contexts', 'no cluster',
                          kubernetes={'contexts': 'none'})

    def test_a_context_that_is_not_there(self) -> None:
        status, found = self.check(kubernetes={'contexts': 'other'})
        self.assertEqual(2, status)
        self.assertIn('other', str(found))

    def test_more_nodes_than_are_allowed(self) -> None:
        self.assert_found('ERROR', 'simulator', 'max_nodes',
                          kubernetes={'max_nodes': 1})
