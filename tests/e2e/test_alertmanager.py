# SPDX-License-Identifier: Apache-2.0
"""From a real Alertmanager to the nodes in Vitrage's graph.

Two clusters have nodes of the same name. Whatever happens, an alert is on the
one that it names, or on nothing.
"""

import contextlib
import http.server
import json
import os
import pathlib
import queue
import sys
import threading
from typing import Any
import unittest

import fixtures

from tests.support import alertmanager
from tests.support import end_to_end
from tests.support import processes
from tests.support import services
from vitrage_k8s import install_files
from vitrage_k8s_lab import samples

WORKER = 'uid-of-worker'
GREEN_WORKER = 'uid-of-green-worker'
BLUE = {'cluster': 'blue', 'node': 'worker'}
GREEN = {'cluster': 'green', 'node': 'worker'}
BROKEN = {'cluster': 'blue', 'node': 'broken'}

ALERT = 'KubeNodeNotReady'
UNMAPPED = 'KubePodCrashLooping'

FULL = 'NodeFilesystemAlmostOutOfSpace'
ON_FILESYSTEM = {'cluster': 'green', 'job': 'node-exporter',
                 'instance': 'worker'}


class TestAlertmanager(end_to_end.ServicesTest):

    alertmanager: alertmanager.Alertmanager

    @classmethod
    def setUpClass(cls) -> None:
        missing = alertmanager.what_is_missing()
        if missing:
            print(f'\nSKIPPED, the tests with Alertmanager: {missing}',
                  file=sys.stderr)
            raise unittest.SkipTest(missing)
        super().setUpClass()
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        stack.enter_context(cls.alertmanager.running(cls.vitrage.url))

    @classmethod
    def _options(cls, directory: pathlib.Path) -> services.Options:
        cls.alertmanager = alertmanager.Alertmanager(directory / 'alerts')
        options = super()._options(directory)
        return {
            **options,
            'DEFAULT': {'notifiers': 'webhook'},
            'datasources': {**options['datasources'],
                            'types': (*end_to_end.TYPES, 'prometheus')},
            'prometheus': {
                'config_file': install_files.ETC / install_files.ALERTS,
                'alertmanager_url':
                    f'{cls.alertmanager.url}/api/v2/alerts'
                    '?silenced=false&inhibited=false',
                'receiver': 'vitrage'}}

    def setUp(self) -> None:
        super().setUp()
        self.fired: list[tuple[str, dict[str, str]]] = []
        self.green.put(samples.node('worker', GREEN_WORKER))
        self.eventually(True, lambda: {WORKER, GREEN_WORKER} <= {
            vertex['id'] for vertex in self.topology()['nodes']})
        self.addCleanup(self.expect)
        self.addCleanup(self.resolve_all)

    def fire(self, name: str, **labels: str) -> None:
        self.fired.append((name, labels))
        self.alertmanager.fire(name, **labels)

    def resolve(self, name: str, **labels: str) -> None:
        self.fired.remove((name, labels))
        self.alertmanager.resolve(name, **labels)

    def resolve_all(self) -> None:
        for name, labels in list(self.fired):
            self.resolve(name, **labels)

    def expect(self, *expected: tuple[str, str]) -> None:
        """Wait until alerts are on these vertices, and on no other."""
        self.eventually(sorted(expected), self.on)

    def on(self) -> list[tuple[str, str]]:
        """Return each edge of an alert: its name, and the vertex's id."""
        graph = self.topology()
        vertices = graph['nodes']
        return sorted(
            (vertices[edge['source']]['name'], vertices[edge['target']]['id'])
            for edge in graph['links']
            if vertices[edge['source']]['vitrage_type'] == 'prometheus'
            and edge['relationship_type'] == 'on')

    def alerts(self) -> list[str]:
        """Return the names of the alerts that are alarms."""
        return sorted(vertex['name'] for vertex in self.topology()['nodes']
                      if vertex['vitrage_type'] == 'prometheus')

    def webhooks(self) -> int:
        """Count the webhooks that have arrived."""
        return self.vitrage.graph.log.read_text(errors='replace').count(
            '[prometheus.alarm]')

    def start_receiver(self) -> tuple[str, queue.Queue[dict[str, Any]]]:
        """Start what a webhook calls; return its URL, and what arrives."""
        received: queue.Queue[dict[str, Any]] = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):

            def do_POST(self) -> None:
                received.put(json.loads(self.rfile.read(
                    int(self.headers['Content-Length']))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        return f'http://127.0.0.1:{server.server_port}/', received

    def test_fires_again_and_resolves(self) -> None:
        self.fire(ALERT, **BLUE)
        self.expect((ALERT, WORKER))
        self.fire(ALERT, **GREEN)
        self.expect((ALERT, WORKER), (ALERT, GREEN_WORKER))
        self.fire(ALERT, **BROKEN)
        expected = ((ALERT, WORKER), (ALERT, GREEN_WORKER),
                    (ALERT, 'uid-of-broken'))
        self.expect(*expected)
        alarms = {(alarm['name'], alarm['vitrage_resource_type'],
                   alarm['vitrage_operational_severity'])
                  for alarm in self.api.alarm.list('all', all_tenants=True)
                  if alarm['vitrage_type'] == 'prometheus'}
        self.assertEqual({(ALERT, 'kubernetes.node', 'WARNING')}, alarms)

        # Each is sent again.
        enough = self.webhooks() + 2 * len(expected)
        self.eventually(True, lambda: self.webhooks() >= enough)
        self.assertEqual(sorted(expected), self.on())
        self.await_snapshots(1)
        self.assertEqual(sorted(expected), self.on())

        self.resolve(ALERT, **BLUE)
        self.expect(*expected[1:])

    def test_unmapped_is_on_nothing(self) -> None:
        self.fire('Watchdog', severity='none')
        self.fire(UNMAPPED, cluster='blue', pod='worker', namespace='broken')
        self.fire(UNMAPPED, node='worker')
        self.fire(ALERT, **BLUE)

        # Those of a name without a node are one alarm for each cluster.
        self.eventually([ALERT, UNMAPPED, UNMAPPED, 'Watchdog'], self.alerts)
        self.await_snapshots(1)
        self.assertEqual([(ALERT, WORKER)], self.on())

        self.resolve_all()
        self.eventually([], self.alerts)

    def test_is_the_effect_of_our_alarm(self) -> None:
        self.fire(ALERT, **BROKEN)
        self.expect((ALERT, 'uid-of-broken'))

        def causes() -> list[tuple[str, str]]:
            [alarm] = [alarm['vitrage_id'] for alarm
                       in self.api.alarm.list('all', all_tenants=True)
                       if alarm['name'] == ALERT]
            graph = json.loads(
                self.client('rca', 'show', alarm, '--all-tenants'))
            return [(graph['nodes'][link['source']]['name'],
                     graph['nodes'][link['target']]['name'])
                    for link in graph['links']]

        self.eventually([('Kubernetes node is not ready', ALERT)], causes)

    def test_node_is_made_anew(self) -> None:
        self.fire(ALERT, **GREEN)
        self.fire(ALERT, **BLUE)
        self.expect((ALERT, WORKER), (ALERT, GREEN_WORKER))
        self.green.delete('worker')
        self.expect((ALERT, WORKER))

        self.green.put(samples.node('worker', 'uid-of-another'))
        self.expect((ALERT, WORKER), (ALERT, 'uid-of-another'))
        self.green.delete('worker')
        self.expect((ALERT, WORKER))

    def test_vitrage_is_restarted(self) -> None:
        self.fire(ALERT, **BLUE)
        self.fire('NodeClockSkewDetected', cluster='green',
                  job='node-exporter', instance='worker')
        self.expect((ALERT, WORKER), ('NodeClockSkewDetected', GREEN_WORKER))

        self.vitrage.graph.stop()
        self.resolve(ALERT, **BLUE)
        self.fire(ALERT, **GREEN)
        self.vitrage.graph.start()
        self.vitrage.await_ready()

        self.expect((ALERT, GREEN_WORKER),
                    ('NodeClockSkewDetected', GREEN_WORKER))
        self.await_snapshots(1)
        self.assertEqual([(ALERT, GREEN_WORKER),
                          ('NodeClockSkewDetected', GREEN_WORKER)], self.on())

    def test_silenced_is_no_alarm(self) -> None:
        self.fire(ALERT, **BLUE)
        self.fire('NodeClockSkewDetected', **GREEN)
        self.expect((ALERT, WORKER), ('NodeClockSkewDetected', GREEN_WORKER))

        silence = self.alertmanager.silence(ALERT)
        self.expect(('NodeClockSkewDetected', GREEN_WORKER))

        self.alertmanager.speak(silence)
        self.expect((ALERT, WORKER), ('NodeClockSkewDetected', GREEN_WORKER))

    def fire_of_two_filesystems(self) -> None:
        for mountpoint in ('/', '/var'):
            self.fire(FULL, mountpoint=mountpoint, **ON_FILESYSTEM)
        self.expect((FULL, GREEN_WORKER))

    def test_two_filesystems_of_a_node(self) -> None:
        self.fire_of_two_filesystems()

        # Its end ends the alarm; a snapshot finds that the other one fires.
        self.resolve(FULL, mountpoint='/var', **ON_FILESYSTEM)
        self.await_snapshots(1)
        self.expect((FULL, GREEN_WORKER))

    def test_each_alert_is_posted_by_itself(self) -> None:
        """One that Vitrage cannot take costs no other."""
        url, received = self.start_receiver()
        another = alertmanager.Alertmanager(pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'alerts'))
        with another.running(url.rstrip('/')):
            for mountpoint in ('/', '/var'):
                another.fire('Full', mountpoint=mountpoint, **GREEN)
            posted = [received.get(timeout=processes.PATIENCE)['alerts']
                      for _ in range(2)]

        self.assertEqual(['/', '/var'], sorted(
            alert['labels']['mountpoint'] for [alert] in posted))

    def test_both_filesystems_of_a_node_end(self) -> None:
        self.fire_of_two_filesystems()

        # Vitrage fails at the second end, and hears what comes then.
        failures = self.failures()
        self.resolve_all()
        self.expect()
        self.eventually(True, lambda: self.failures() > failures)
        self.fire(ALERT, **BLUE)
        self.expect((ALERT, WORKER))

    def failures(self) -> int:
        """Count the webhooks that Vitrage could not take."""
        return self.vitrage.graph.log.read_text(errors='replace').count(
            "TypeError: argument of type 'NoneType'")

    def test_amtool_accepts_what_is_documented(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'a.yml')
        path.write_text(alertmanager.documented('route:'))

        processes.run(['amtool', 'check-config', str(path)], os.environ)
        for name, receivers in ((ALERT, 'vitrage,default'),
                                ('NodeClockSkewDetected', 'vitrage,default'),
                                ('Watchdog', 'default')):
            processes.run(['amtool', 'config', 'routes', 'test',
                           f'--config.file={path}',
                           f'--verify.receivers={receivers}',
                           f'alertname={name}'], os.environ)

    def test_webhook_out_of_vitrage_leads_to_the_cluster(self) -> None:
        name = 'Kubernetes node is not ready'
        url, received = self.start_receiver()
        self.vitrage.notifier.start()
        self.addCleanup(self.vitrage.notifier.stop)
        # Not in its tail: the alarms of before may be many lines.
        log = self.vitrage.notifier.log
        self.vitrage.notifier.await_ready(
            lambda: 'Service - Started!' in log.read_text(errors='replace'))
        webhook = self.table(
            'webhook', 'add', '--url', url, '--regex_filter',
            json.dumps({'vitrage_type': 'vitrage', 'name': f'{name}$'}))
        self.addCleanup(self.client, 'webhook', 'delete', webhook['id'])

        self.green.put(samples.node('worker', GREEN_WORKER, ready='False'))
        while True:
            posted = received.get(timeout=processes.PATIENCE)
            resource = posted['payload']['resource']
            if resource['id'] == GREEN_WORKER:
                break
        self.assertEqual('vitrage.alarm.activate', posted['notification'])
        self.assertEqual((name, 'CRITICAL', 'worker', 'kubernetes.node'), (
            posted['payload']['name'],
            posted['payload']['vitrage_operational_severity'],
            resource['name'], resource['vitrage_type']))
        self.assertNotIn('cluster', resource)

        shown = self.table('resource', 'show', resource['vitrage_id'])

        self.assertEqual('green', shown['cluster'])
        self.green.put(samples.node('worker', GREEN_WORKER))
