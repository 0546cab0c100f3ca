# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: files that a configuration names, and libraries."""

import importlib.metadata
import json
import os
import shlex
import subprocess
from typing import Any
from unittest import mock

import fixtures
from oslo_config import cfg
from vitrage.datasources.prometheus import driver as prometheus

from tests.support.checks import ALERTMANAGER
from tests.support.checks import CheckTest
from vitrage_k8s.check import configuration
from vitrage_k8s.check import report
from vitrage_k8s import driver
from vitrage_k8s import install_files


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
        _, found = self.check()
        cfg.CONF.reset()
        subprocess.run(shlex.split(found[0]['mend'].removeprefix('run: ')),
                       check=True)
        self.assertEqual((0, []), self.check())
        cfg.CONF.reset()
        node.unlink()
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
                ('/no/such', 'No such file or directory -> correct it, or '
                 "take Vitrage's"), ('', 'No such file'),
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
                              "not understood -> take Vitrage's etc/vitrage/"
                              'datasources_values, and let the user')

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
                ([], 'no entry has key: {}'),
                ([known, part], 'no entry has key: {}'),
                ([part, {**last, 'resource': {}}], 'length >= 1 - at '
                 '`$.alerts[1].resource`'),
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
