# SPDX-License-Identifier: Apache-2.0

import base64
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
from email.message import Message
import gzip
import http.client
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from typing import Any
from unittest import mock
import urllib.error
import urllib.parse
import urllib.request

from kubernetes import client
from kubernetes import config
import testtools

from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api import nodes
from vitrage_k8s_lab.kube_api import server

NODES = '/api/v1/nodes'


def node(name: str, **status: Any) -> dict[str, Any]:
    return {'metadata': {'name': name}, 'spec': {}, 'status': status}


def ready(name: str, value: str = 'True', **spec: Any) -> dict[str, Any]:
    return {'metadata': {'name': name}, 'spec': spec, 'status': {
        'conditions': [{'type': 'Ready', 'status': value}],
        'nodeInfo': {'kubeletVersion': 'v1.36.0'}}}


class SimulatorTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.simulator = server.Simulator(
            [node(name) for name in 'ecadb'], cluster='east')
        self.addCleanup(self.simulator.stop)
        self.simulator.start()

    def get(self, path: str = NODES, method: str = 'GET',
            headers: Mapping[str, str] | None = None,
            **query: Any) -> tuple[int, Message, bytes]:
        """The status, the headers and the body of an answer."""
        url = f'{self.simulator.url}{path}?{urllib.parse.urlencode(query)}'
        request = urllib.request.Request(url, None, dict(headers or {}),
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def list(self, **query: Any) -> dict[str, Any]:
        status, _, body = self.get(**query)
        document: dict[str, Any] = json.loads(body)
        self.assertEqual(200, status, document)
        return document

    def names(self, document: dict[str, Any]) -> Sequence[str]:
        return [item['metadata']['name'] for item in document['items']]

    def refusal(self, path: str = NODES, **query: Any) -> tuple[int, str]:
        """The code and the reason of a Status that is one in full."""
        code, _, body = self.get(path, **query)
        status = json.loads(body)
        self.assertEqual(
            ('Status', 'v1', 'Failure', code),
            (status['kind'], status['apiVersion'], status['status'],
             status['code']))
        self.assertIn('metadata', status)
        self.assertTrue(status['message'])
        return code, status['reason']

    def next(self, document: dict[str, Any], **query: Any) -> dict[str, Any]:
        return {'limit': 2, 'continue': document['metadata']['continue'],
                **query}

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(
            self.simulator.url.removeprefix('http://'), timeout=10)
        self.addCleanup(connection.close)
        connection.connect()
        return connection

    def kubectl(self, *arguments: str) -> str:
        if not shutil.which('kubectl'):
            self.skipTest('KUBECTL IS NOT INSTALLED: nothing has shown that '
                          'kubectl understands the simulator')
        cache = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, cache)
        return subprocess.run(
            ['kubectl', '--kubeconfig', self.kubeconfig(),
             '--cache-dir', cache, *arguments],
            check=True, capture_output=True, text=True, timeout=60).stdout

    def kubeconfig(self) -> str:
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.remove, path)
        with open(handle, 'w') as file:
            file.write(self.simulator.kubeconfig())
        return path

    def test_lists_by_name_without_kind_of_items(self) -> None:
        self.simulator.put({'kind': 'Node', 'apiVersion': 'v1', **node('a')})
        document = self.list()
        self.assertEqual('NodeList', document['kind'])
        self.assertEqual(list('abcde'), self.names(document))
        self.assertEqual({'metadata', 'spec', 'status'},
                         set(document['items'][0]))

    def test_pages_until_no_token_is_left(self) -> None:
        first = self.list(limit=2)
        second = self.list(**self.next(first))
        third = self.list(**self.next(second))
        self.assertEqual([['a', 'b'], ['c', 'd'], ['e']],
                         [self.names(page) for page in (first, second, third)])
        self.assertEqual([3, 1, None], [
            page['metadata'].get('remainingItemCount')
            for page in (first, second, third)])
        self.assertNotIn('continue', third['metadata'])

    def test_later_pages_do_not_see_changes_after_the_first(self) -> None:
        first = self.list(limit=2)
        self.simulator.delete('c')
        self.simulator.put(node('aa'))
        self.simulator.put(node('aaa'))
        self.simulator.put(node('d', phase='changed'))
        second = self.list(**self.next(first))
        self.assertEqual(['c', 'd'], self.names(second))
        self.assertEqual({}, second['items'][1]['status'])
        self.assertEqual(first['metadata']['resourceVersion'],
                         second['metadata']['resourceVersion'])

    def test_version_zero_ignores_the_limit(self) -> None:
        self.assertEqual(
            list('abcde'), self.names(self.list(limit=2, resourceVersion=0)))

    def test_limit_zero_lists_all(self) -> None:
        self.assertEqual(list('abcde'), self.names(self.list(limit=0)))

    def test_refuses_a_version_beside_a_token(self) -> None:
        query = self.next(self.list(limit=2), resourceVersion=1001)
        self.assertEqual((400, 'BadRequest'), self.refusal(**query))

    def test_refuses_broken_tokens(self) -> None:
        zero = base64.urlsafe_b64encode(
            b'{"v":"meta.k8s.io/v1","rv":0,"start":"b"}').decode()
        for token in ('junk', 'e30', '\xe9', zero):
            self.assertEqual((400, 'BadRequest'),
                             self.refusal(**{'continue': token}), token)

    def test_selects_what_is_unschedulable(self) -> None:
        self.simulator.put(ready('c', unschedulable=True))
        for value, found in (('true', ['c']), ('false', list('abde'))):
            self.assertEqual(found, self.names(self.list(
                fieldSelector=f'spec.unschedulable={value}')))

    def test_selects_by_name(self) -> None:
        for name, found in (('c', ['c']), ('x', [])):
            document = self.list(fieldSelector=f'metadata.name={name}',
                                 limit=1)
            self.assertEqual(found, self.names(document))
            self.assertNotIn('continue', document['metadata'])

    def test_expired_token_is_replaced_by_one_for_the_rest(self) -> None:
        first = self.list(limit=2)
        self.simulator.expire()
        self.simulator.put(node('bb'))
        query = self.next(first)
        self.assertEqual((410, 'Expired'), self.refusal(**query))
        status = json.loads(self.get(**query)[2])
        second = self.list(**self.next(status))
        self.assertEqual(['bb', 'c'], self.names(second))
        self.assertGreater(int(second['metadata']['resourceVersion']),
                           int(first['metadata']['resourceVersion']))
        third = self.list(**self.next(second))
        self.assertEqual(['d', 'e'], self.names(third))

    def test_token_stays_expired_after_a_new_list(self) -> None:
        first = self.list(limit=2)
        self.simulator.expire()
        self.list(limit=2)
        self.assertEqual((410, 'Expired'), self.refusal(**self.next(first)))

    def test_list_expires_when_too_many_changes_have_followed(self) -> None:
        first = self.list(limit=2)
        with mock.patch.object(nodes, 'KEPT', 9):
            for name in 'abcdefghi':
                self.simulator.put(node(name, phase='changed'))
            self.assertEqual({}, self.list(**self.next(first))['items'][0][
                'status'])
            self.simulator.delete('c')
            self.assertEqual((410, 'Expired'),
                             self.refusal(**self.next(first)))

    def test_replaced_node_keeps_uid_under_a_new_version(self) -> None:
        before = self.simulator.put(node('n'))['metadata']
        after = self.simulator.put(node('n', phase='changed'))
        self.assertEqual(
            {**before, 'resourceVersion': str(
                int(before['resourceVersion']) + 1)}, after['metadata'])
        self.assertEqual(after, self.list()['items'][-1])

    def test_recreated_node_has_another_uid(self) -> None:
        before = self.simulator.put(node('n'))
        self.simulator.delete('n')
        after = self.simulator.put(node('n'))
        self.assertNotEqual(before['metadata']['uid'],
                            after['metadata']['uid'])

    def test_deleted_node_is_gone_and_unknown_ones_raise(self) -> None:
        self.simulator.delete('c')
        self.assertEqual(list('abde'), self.simulator.names())
        self.assertEqual((404, 'NotFound'), self.refusal(f'{NODES}/c'))
        self.assertRaises(KeyError, self.simulator.delete, 'c')

    def test_serves_odd_content_as_given(self) -> None:
        odd = {'metadata': {'name': 'o', 'uid': None, 'labels': [1]},
               'spec': None, 'status': {'conditions': 5, 'x': 'é\u2028'}}
        self.simulator.put(odd)
        self.assertIn('é\u2028'.encode(), self.get()[2])
        served = self.list(fieldSelector='metadata.name=o')['items'][0]
        self.assertEqual((odd['spec'], odd['status'], None, [1]), (
            served['spec'], served['status'], served['metadata']['uid'],
            served['metadata']['labels']))

    def test_compresses_only_above_the_threshold_and_when_asked(self) -> None:
        accept = {'Accept-Encoding': 'deflate, gzip'}
        self.assertNotIn('Content-Encoding', self.get(headers=accept)[1])
        self.simulator.put(node('big', text='x' * server.GZIP_THRESHOLD))
        _, headers, plain = self.get()
        self.assertNotIn('Content-Encoding', headers)
        _, headers, body = self.get(headers=accept)
        self.assertEqual(('gzip', 'Accept-Encoding'),
                         (headers['Content-Encoding'], headers['Vary']))
        self.assertEqual(plain, gzip.decompress(body))

    def test_refuses_what_it_does_not_know_with_a_status(self) -> None:
        for path, query, expected in (
                ('/api/v1/secrets', {}, (404, 'NotFound')),
                ('/api/v1/namespaces/x/nodes', {}, (404, 'NotFound')),
                ('/api/v1/leases', {}, (404, 'NotFound')),
                ('/api/v1/pods/x', {}, (404, 'NotFound')),
                ('/apis/coordination.k8s.io/v1/leases/x', {},
                 (404, 'NotFound')),
                (f'{NODES}/a/status', {}, (404, 'NotFound')),
                (NODES, {'method': 'POST'}, (405, 'MethodNotAllowed')),
                (NODES, {'limit': 'x'}, (400, 'BadRequest'))):
            self.assertEqual(expected, self.refusal(path, **query), path)

    def test_is_healthy(self) -> None:
        for path in ('/healthz', '/livez', '/readyz'):
            self.assertEqual((200, b'ok'), self.get(path)[::2])

    def test_intercepts_with_an_answer_and_records_every_request(self) -> None:
        self.simulator.intercept = lambda request: (
            Answer(429, b'slow down', {'content-type': 'text/plain'})
            if request.query.get('limit') == '1' else None)
        code, headers, body = self.get(limit=1, headers={'x-y': 'z'})
        self.assertEqual((429, 'text/plain', b'slow down'),
                         (code, headers['Content-Type'], body))
        self.assertEqual(200, self.get(limit=2)[0])
        self.assertEqual(['1', '2'], [
            request.query['limit'] for request in self.simulator.requests])
        self.assertEqual('z', self.simulator.requests[0].headers['X-Y'])

    def test_cut_answer_ends_before_its_announced_length(self) -> None:
        self.simulator.intercept = lambda _: Answer(
            body=b'0123456789', cut=4)
        # Kept alive, unlike urllib's: the server is the one to close it.
        connection = self.connect()
        connection.request('GET', NODES)
        error = self.assertRaises(http.client.IncompleteRead,
                                  connection.getresponse().read)
        self.assertEqual((b'0123', 6), (error.partial, error.expected))

    def test_connection_serves_several_requests(self) -> None:
        connection = self.connect()
        local = connection.sock.getsockname()
        for method, body, code in (('POST', b'{}', 405), ('GET', None, 200)):
            connection.request(method, NODES, body)
            response = connection.getresponse()
            response.read()
            self.assertEqual(code, response.status, method)
            self.assertEqual(local, connection.sock.getsockname())

    def test_is_silent_when_a_client_disconnects(self) -> None:
        self.simulator.put(node('big', text='x' * 10_000_000))
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            connection = self.connect()
            connection.request('GET', NODES)
            connection.sock.recv(1)
            # Without lingering, close() resets the connection.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack('ii', 1, 0))
            connection.close()
            self.simulator.stop()
        self.assertEqual('', stderr.getvalue())

    def test_can_be_stopped_by_what_intercepts(self) -> None:
        stopped = threading.Event()

        def stop(_: Request) -> None:
            self.simulator.stop()
            stopped.set()

        self.simulator.intercept = stop
        self.assertRaises(http.client.RemoteDisconnected, self.get)
        self.assertTrue(stopped.wait(10))
        self.simulator.intercept = None
        self.simulator.start()
        self.assertEqual(200, self.get()[0])

    def test_stop_ends_connections_and_threads_quickly(self) -> None:
        self.simulator.stop()
        threads = set(threading.enumerate())
        self.simulator.start()
        connection = self.connect()
        connection.request('GET', NODES)
        connection.getresponse().read()
        delayed = threading.Event()

        def delay(_: Request) -> None:
            delayed.set()
            self.simulator.stopping.wait(10)
            time.sleep(0.1)

        self.simulator.intercept = delay
        self.connect().request('GET', NODES)
        delayed.wait(10)
        began = time.monotonic()
        self.simulator.stop()
        self.simulator.stop()
        self.assertLess(time.monotonic() - began, 0.4)
        self.assertEqual(threads, set(threading.enumerate()))
        self.assertEqual(b'', connection.sock.recv(1))
        self.assertRaises(urllib.error.URLError, self.get)

    def test_restarted_server_goes_on_where_it_was(self) -> None:
        url, first = self.simulator.url, self.list(limit=2)
        self.simulator.stop()
        self.simulator.start()
        self.assertEqual(url, self.simulator.url)
        self.assertEqual(first['metadata'], self.list(limit=2)['metadata'])

    def test_official_client_lists_through_the_kubeconfig(self) -> None:
        path = self.kubeconfig()
        _, current = config.list_kube_config_contexts(path)
        self.assertEqual(('east', 'east'), (
            current['name'], current['context']['cluster']))
        with config.new_client_from_config(
                path, persist_config=False) as api_client:
            api = client.CoreV1Api(api_client)
            page = api.list_node(limit=3)
            rest = api.list_node(_continue=page.metadata._continue)
            version = client.VersionApi(api_client).get_code()
        self.assertEqual(list('abcde'), [
            item.metadata.name for item in page.items + rest.items])
        self.assertEqual('v1.36.0', version.git_version)

    def test_kubectl_shows_a_table_even_of_odd_nodes(self) -> None:
        self.simulator.put(ready('b'))
        self.simulator.put(ready('c', 'Unknown', unschedulable=True))
        self.simulator.put({
            'metadata': {'name': 'd', 'creationTimestamp': 7, 'labels': {
                'node-role.kubernetes.io/worker': '',
                'kubernetes.io/role': 'etcd'}},
            'spec': [1], 'status': {'conditions': 5, 'nodeInfo': None}})
        rows = [line.split() for line in self.kubectl(
            'get', 'nodes', '--chunk-size=2').splitlines()]
        self.assertEqual(['NAME', 'STATUS', 'ROLES', 'AGE', 'VERSION'],
                         rows[0])
        self.assertEqual(['b', 'Ready', '<none>', 'v1.36.0'],
                         rows[2][:3] + rows[2][4:])
        self.assertRegex(rows[2][3], r'^\d+s$')
        self.assertEqual('NotReady,SchedulingDisabled', rows[3][1])
        self.assertEqual(['d', 'Unknown', 'etcd,worker', '<unknown>'], rows[4])

    def test_kubectl_shows_wide_rows(self) -> None:
        for name in 'cde':
            self.simulator.delete(name)
        self.simulator.put(node(
            'b', addresses=[{'type': 'Hostname', 'address': 'b'},
                            {'type': 'InternalIP', 'address': '10.0.0.1'},
                            {'type': 'InternalIP', 'address': '10.0.0.2'},
                            {'type': 'ExternalIP', 'address': '192.0.2.1'}],
            nodeInfo={'osImage': 'Rocky', 'kernelVersion': '6.12',
                      'architecture': 'amd64',
                      'containerRuntimeVersion': 'containerd://2'}))
        rows = [line.split()[4:] for line in self.kubectl(
            'get', 'nodes', '-o', 'wide').splitlines()[1:]]
        self.assertEqual([
            ['<none>', '<none>', '<unknown>', '<unknown>', '<unknown>'],
            ['10.0.0.1', '192.0.2.1', 'Rocky', '6.12', '(amd64)',
             'containerd://2']], rows)

    def test_kubectl_finds_no_pods(self) -> None:
        self.assertEqual('', self.kubectl('get', 'pods', '-A'))

    def test_kubectl_gets_a_node_as_json(self) -> None:
        served = json.loads(self.kubectl('get', 'node', 'a', '-o', 'json'))
        self.assertEqual({'apiVersion': 'v1', 'kind': 'Node',
                          **self.list()['items'][0]}, served)
