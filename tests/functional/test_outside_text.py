# SPDX-License-Identifier: Apache-2.0
"""Text of servers, nodes and kubeconfigs: in the graph, and in the log."""

import json
import logging
import socketserver
import threading
from typing import Any

import fixtures
import yaml

from tests.support import base
from tests.support import certificates
from tests.support import specimens
from vitrage_k8s_lab.kube_api.answers import failure
from vitrage_k8s_lab.kube_api.faults import watch_error
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Stream
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

# What the column events.payload of Vitrage's database holds.
LONGEST_ROW = 65_535

# A log line that is forged, and what else a terminal obeys.
FORGED = '2026-11-01 12:00:00.000 1 CRITICAL vitrage'
EVIL = f'x\x1b[2J\r\n{FORGED}\0\x9b\u2028\u202e\u2066\u200b'

# JSON escapes it with 12 characters.
LONG = '\U0001f600'

# JSON escapes two of these with three characters.
QUOTES = '"x'


class OutsideTextTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        # Vitrage logs whole vertices at the level of debug, and we do not.
        self.log = self.useFixture(fixtures.FakeLogger())
        self.ours = self.useFixture(fixtures.FakeLogger(
            'vitrage_k8s', logging.DEBUG, nuke_handlers=False))
        self.simulator = self.start_simulator(samples.node('even'))
        self.host = self.make_host()

    def write_kubeconfig(self, **parts: dict[str, Any]) -> None:
        """Write a kubeconfig with fields of its cluster, user and context."""
        kubeconfig = json.loads(self.simulator.kubeconfig())
        for part, fields in parts.items():
            kubeconfig[f'{part}s'][0].update(fields)
        self.write(kubeconfig)

    def write(self, kubeconfig: Any) -> None:
        path = self.directory / 'kubeconfig'
        # JSON would escape some characters as two of YAML's.
        path.write_text(yaml.safe_dump(kubeconfig, allow_unicode=True))
        self.set_options(config_file=str(path))

    def rows(self) -> list[str]:
        """Return the rows for the database, as Vitrage writes them."""
        return [json.dumps(row.payload) for row in self.host.rows]

    def assert_safe(self) -> None:
        """See that all that has come out can be printed, and stored."""
        lines = (self.log.output + self.ours.output).split('\n')
        self.assertEqual([], [ascii(line) for line in lines
                              if not line.isprintable()
                              or line.startswith(FORGED)])
        self.assertThat(max(map(len, lines)), base.at_most(5_000))
        vertices, _ = self.host.everything()
        self.assertEqual([], [
            (name, ascii(value)) for vertex in vertices.values()
            for name, value in vertex.items()
            if isinstance(value, str) and not value.isprintable()])
        self.assertThat(max(map(len, self.rows())),
                        base.at_most(LONGEST_ROW * 7 // 8))

    def cluster(self) -> dict[str, Any]:
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        return cluster


class GraphTest(OutsideTextTest):
    """What nodes say of themselves."""

    def show(self, **parts: Any) -> dict[str, Any]:
        self.simulator.put({**samples.node('n'), **parts})
        self.host.start()
        self.assert_safe()
        return self.vertex('n')

    def test_long_text_is_cut(self) -> None:
        for text, shown in (
                ('x' * 70_000, 'x' * 253 + '...'),
                ('x' * 257, 'x' * 253 + '...'),
                (QUOTES * 100, QUOTES * 84 + '...'),
                ('\xe9' * 100, '\xe9' * 42 + '...'),
                (LONG * 22, LONG * 21 + '...')):
            vertex = self.show(status={'nodeInfo': {'osImage': text}})

            self.assertEqual(shown, vertex['os_image'])

    def test_text_that_is_not_too_long_is_not_cut(self) -> None:
        for text in ('x' * 256, QUOTES * 85, '\xe9' * 42, LONG * 21):
            vertex = self.show(status={'nodeInfo': {'osImage': text}})

            self.assertEqual(text, vertex['os_image'])

    def test_lists_are_cut_as_a_whole(self) -> None:
        vertex = self.show(
            spec={'taints': [{'key': f'key-{i:04}', 'effect': 'NoSchedule'}
                             for i in range(100)]},
            status={'addresses': [
                        {'type': kind, 'address': f'10.0.0.{i}'}
                        for i in range(200)
                        for kind in ('InternalIP', 'ExternalIP', 'Hostname')],
                    'conditions': [{'type': f'Problem{i:04}',
                                    'status': 'True'} for i in range(100)]},
            metadata={'name': 'n', 'uid': 'n', 'labels': {
                f'node-role.kubernetes.io/role-{i:04}': ''
                for i in range(200)}})

        for name in ('addresses', 'internal_ip', 'external_ip', 'hostname',
                     'abnormal_conditions', 'roles', 'taints'):
            self.assertEqual(1024, len(vertex[name]), name)
            self.assertEqual('...', vertex[name][-3:])
        self.assertIn('Problem0000', vertex['abnormal_conditions'])

    def test_what_cannot_be_printed_is_replaced(self) -> None:
        vertex = self.show(
            spec={'taints': [{'key': 'a\r\n', 'effect': 'NoExecute'}]},
            status={'nodeInfo': {'osImage': EVIL, 'kernelVersion': '\x7f'},
                    'addresses': [{'type': 'Hostname', 'address': '\x1bc'}]},
            metadata={'name': 'n', 'uid': 'n', 'labels': {
                'topology.kubernetes.io/zone': 'z\u061c\u2069'}})

        self.assertEqual(f'x?[2J??{FORGED}???????'[:-1], vertex['os_image'])
        self.assertEqual('?', vertex['kernel_version'])
        self.assertEqual('a??:NoExecute', vertex['taints'])
        self.assertEqual('?c', vertex['hostname'])
        self.assertEqual('z??', vertex['zone'])

    def test_ignored_condition_is_ignored_behind_many(self) -> None:
        conditions = [f'Problem{i:04}' for i in range(200)]
        self.set_options(ignored_conditions=conditions)

        vertex = self.show(status={'conditions': [
            {'type': kind, 'status': 'True'} for kind in conditions]})

        self.assertNotIn('abnormal_conditions', vertex)

    def test_worst_node_is_far_from_what_a_row_can_hold(self) -> None:
        self.set_options(contexts=[f'{LONG * 253}=simulator'],
                         projects=[f'{LONG * 253}:{LONG * 64}'],
                         node_labels=['*'])
        self.simulator.put(specimens.worst_node(LONG))
        self.host.start()

        vertex = self.vertex(LONG * 253)
        self.assertEqual(LONG * 253, vertex['id'])
        self.assertEqual(1024, len(vertex['provider_id']))
        self.assertEqual(LONG * 999, vertex['instance_id'])
        self.assertEqual(LONG * 64, vertex['project_id'])
        self.assertEqual(LONG * 253, vertex['cluster'])
        # Whatever we show has its worst value, but what Kubernetes and we
        # have a fixed set of values for, or a form.
        fixed = {'state', 'vitrage_state', 'unschedulable', 'maintenance',
                 'system_uuid'}
        node = {name: value for name, value in vertex.items()
                if name in specimens.NODE_PROPERTIES and name not in fixed}
        self.assertEqual(specimens.NODE_PROPERTIES - fixed, node.keys())
        self.assertEqual([], [name for name, value in node.items()
                              if LONG * 20 not in value])
        self.assert_safe()


class NoHttp(socketserver.StreamRequestHandler):

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(EVIL.encode())


class MessageTest(OutsideTextTest):
    """What servers and kubeconfigs say where something is wrong."""

    def setUp(self) -> None:
        super().setUp()
        self.host.start()

    def assert_says(self, *messages: str) -> None:
        """Poll twice, and see that it is said safely."""
        self.host.poll()
        self.host.poll()
        self.assert_safe()
        for message in messages:
            self.assertIn(message, self.log.output)
        self.assertEqual(['even'], self.host.node_names())

    def test_reason_phrase_of_escapes(self) -> None:
        for status, advice in ((403, 'an anonymous user may not list nodes'),
                               (401, 'renew them in the kubeconfig'),
                               (500, 'answered 500')):
            for phrase in ('\x1b' * 12_000, '\xe9' * 12_000, 'a\rb\x1b[2J',
                           'x' * 60_000):
                self.simulator.intercept = lambda request: Answer(
                    status, phrase=phrase)  # noqa: B023

                self.assert_says(advice)

                self.assertIn(advice, self.cluster()['reason'])

    def test_message_of_a_status(self) -> None:
        self.simulator.intercept = lambda request: failure(
            500, None, EVIL + LONG * 12_000)

        self.assert_says('answered 500 (x?[2J')

        self.assertIn('answered 500 (x?[2J', self.cluster()['reason'])

    def test_message_of_a_status_that_is_no_text(self) -> None:
        self.simulator.intercept = lambda request: Answer(
            500, b'{"kind":"Status","message":"\xff"}')

        self.assert_says('answered 500 (Internal Server Error)')

    def test_answer_that_is_no_http(self) -> None:
        server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), NoHttp)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.write_kubeconfig(cluster={'cluster': {
            'server': f'http://127.0.0.1:{server.server_address[1]}'}})

        self.assert_says('cannot read from the API server', ': x?[2J')

    def test_error_of_a_watch(self) -> None:
        self.set_options(update_method='pull')
        self.simulator.script_watch(watch_error(500, None, EVIL), None)
        self.host.poll()
        self.wait_for(lambda: self.simulator.watching == 1)

        self.assert_says('the watch ended with 500 (x?[2J')

    def test_names_in_a_kubeconfig(self) -> None:
        for parts in (
                {'context': {'name': EVIL}},
                {'cluster': {'name': EVIL}},
                {'user': {'name': EVIL}},
                {'context': {'context': {'cluster': EVIL}}},
                {'context': {'context': {'cluster': 'simulator',
                                         'user': EVIL}}},
                {'cluster': {'cluster': {'server': EVIL}}},
                {'cluster': {'cluster': {
                    'server': self.simulator.url,
                    'certificate-authority': EVIL}}},
                {'user': {'user': {'exec': {
                    'apiVersion': 'client.authentication.k8s.io/v1',
                    'command': EVIL}}}},
                {'user': {'user': {'exec': {'apiVersion': EVIL}}}},
                {'user': {'user': {'auth-provider': {'name': EVIL}}}},
                {'user': {'user': {'client-certificate': EVIL,
                                   'client-key': EVIL}}}):
            self.write_kubeconfig(**parts)

            self.assert_says('x?[2J')

    def test_paths_and_names_in_options(self) -> None:
        kubeconfig = str(self.directory / 'simulator.kubeconfig')
        cases: list[dict[str, Any]] = [
            {'config_file': f'/{EVIL}'}, {'config_file': '/\udcff'},
            {'contexts': [EVIL]}, {'projects': [f'{EVIL}:p']},
            {'projects': [f'{EVIL}:p', f'{EVIL}:q']}, {'projects': [EVIL]}]
        for options in cases:
            self.set_options(**{'config_file': kubeconfig, 'contexts': [],
                                'projects': [], **options})

            self.assert_says()
        self.assertIn('projects names what is not read', self.log.output)

    def test_file_of_a_token_that_is_lost(self) -> None:
        path = self.directory / 'token\n\x1bx'
        path.write_text('abc')
        authority = self.useFixture(certificates.Authority())
        simulator = Simulator(
            [samples.node('even')],
            tls=authority.server().server_context()).start()
        self.addCleanup(simulator.stop)
        self.write_kubeconfig(
            user={'user': {'tokenFile': str(path)}},
            cluster={'cluster': {
                'server': simulator.url,
                'certificate-authority': str(authority.certificate_path)}})
        self.assert_says()
        path.write_text('')

        self.assert_says('token??x) is empty. The token before it is used')

        path.write_text('abc')
        self.assert_says('token??x) holds a token again')

    def test_context_that_is_passed_over(self) -> None:
        kubeconfig = json.loads(self.simulator.kubeconfig())
        kubeconfig['contexts'] += [
            {'name': EVIL, 'context': {'cluster': 'simulator'}}]
        self.write(kubeconfig)
        self.set_options(contexts='*')

        self.assert_says()
        self.assertIn('give the cluster another name', self.ours.output)

    def test_fields_of_a_node(self) -> None:
        node = samples.node('odd')
        node['metadata']['labels'] = {EVIL: 7, 'x' * 70_000: 7}
        self.simulator.put(node)
        self.host.poll()

        self.assert_safe()
        self.assertIn('node odd: metadata.labels[x?[2J', self.log.output)

    def test_line_of_a_watch_that_is_no_event(self) -> None:
        self.set_options(update_method='pull')
        self.simulator.script_watch(
            Stream(json.dumps({'type': EVIL, 'object': {}}).encode() + b'\n',
                   json.dumps({EVIL: EVIL}).encode() + b'\n'), None)
        self.host.poll()
        self.wait_for(lambda: self.simulator.watching == 1)

        self.assert_says('an event of an unknown type')
