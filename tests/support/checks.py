# SPDX-License-Identifier: Apache-2.0
"""Runs ``vitrage-k8s check`` with a configuration and a cluster."""

import contextlib
import io
import json
import pathlib
import shutil
import tempfile
from typing import Any

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

from tests.support import base
from vitrage_k8s import cli
from vitrage_k8s import install_files
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
