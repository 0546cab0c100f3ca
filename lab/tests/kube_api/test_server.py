# SPDX-License-Identifier: Apache-2.0

import base64
import contextlib
import gzip
import http.client
import io
import json
import socket
import struct
import threading
import time
from unittest import mock
import urllib.error

from lab.tests.kube_api.simulators import node
from lab.tests.kube_api.simulators import NODES
from lab.tests.kube_api.simulators import SimulatorTest
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api import nodes
from vitrage_k8s_lab.kube_api import server


class ServerTest(SimulatorTest):

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
        for phase in ('changed', 'changed again'):
            self.simulator.put(node('d', phase=phase))
        second = self.list(**self.next(first))
        self.assertEqual(['c', 'd'], self.names(second))
        self.assertEqual({}, second['items'][1]['status'])
        self.assertEqual(first['metadata']['resourceVersion'],
                         second['metadata']['resourceVersion'])

    def test_refuses_broken_tokens(self) -> None:
        zero = base64.urlsafe_b64encode(
            b'{"v":"meta.k8s.io/v1","rv":0,"start":"b"}').decode()
        for token in ('junk', 'e30', '\xe9', zero):
            self.assertEqual((400, 'BadRequest'),
                             self.refusal(**{'continue': token}), token)

    def test_selects_what_is_unschedulable(self) -> None:
        self.simulator.put({**node('c'), 'spec': {'unschedulable': True}})
        for value, found in (('true', ['c']), ('false', list('abde'))):
            self.assertEqual(found, self.names(self.list(
                fieldSelector=f'spec.unschedulable={value}')))

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
            self.simulator.stopping.wait(60)
            time.sleep(0.1)

        self.simulator.intercept = delay
        self.connect().request('GET', NODES)
        delayed.wait(10)
        began = time.monotonic()
        self.simulator.stop()
        self.simulator.stop()
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(threads, set(threading.enumerate()))
        self.assertEqual(b'', connection.sock.recv(1))
        self.assertRaises(urllib.error.URLError, self.get)

    def test_restarted_server_goes_on_where_it_was(self) -> None:
        url, first = self.simulator.url, self.list(limit=2)
        self.simulator.stop()
        self.simulator.start()
        self.assertEqual(url, self.simulator.url)
        self.assertEqual(first['metadata'], self.list(limit=2)['metadata'])
