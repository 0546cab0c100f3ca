# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: our templates in Vitrage, and what stops them."""

from typing import Any
from unittest import mock

import fixtures
from oslo_config import cfg
from vitrage.evaluator import scenario_repository
import yaml

from tests.support.checks import CheckTest
from vitrage_k8s import install_files

TEMPLATES = install_files.ETC / install_files.TEMPLATES


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
                ({'name': 'x'}, 'WARNING', 'not loaded -> run: vitrage '
                 f'template add --overwrite --path {TEMPLATES}'),
                ({'status': 'ERROR'}, 'ERROR', 'in ERROR: why -> run: ')):
            row = next(each for each in self.rows
                       if each['name'] == self.name)
            before = dict(row)
            row.update(changes)
            self.assert_found(level, self.name, text)
            row.update(before)
        self.shown[self.name] = {}
        self.assert_found('WARNING', self.name, 'not that of this version')

    def test_templates_that_are_not_loaded_are_one_finding(self) -> None:
        self.rows = []
        self.assert_found('WARNING', ', '.join(sorted(self.shown)),
                          'not loaded -> run: vitrage')
        _, found = self.check()
        self.assertEqual(str(TEMPLATES), found[0]['mend'].split()[-1])

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
