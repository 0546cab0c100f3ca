# SPDX-License-Identifier: Apache-2.0
"""The simulator's watches."""

import json
import shutil
import subprocess
import tempfile
import threading

from testtools import matchers

from lab.tests.kube_api.watches import brief
from lab.tests.kube_api.watches import WatchTest


class ChangesTest(WatchTest):

    def test_sends_what_is_added_modified_and_deleted(self) -> None:
        start = self.version()
        stream = self.watch(resourceVersion=start)
        self.put('n')
        self.put('b', phase='changed')
        self.simulator.delete('a')
        self.assertEqual([('ADDED', 'n', start + 1),
                          ('MODIFIED', 'b', start + 2),
                          ('DELETED', 'a', start + 3)], stream.events(3))

    def test_sends_whole_nodes_with_their_kind(self) -> None:
        deleted = self.list()['items'][0]
        stream = self.watch(resourceVersion=self.version())
        added = self.simulator.put({'metadata': {'name': 'é'}, 'spec': None})
        self.simulator.delete('a')
        kind = {'kind': 'Node', 'apiVersion': 'v1'}
        self.assertEqual({**kind, **added}, stream.event()['object'])
        deleted['metadata']['resourceVersion'] = str(self.version())
        self.assertEqual({**kind, **deleted}, stream.event()['object'])

    def test_recreated_node_is_added_anew(self) -> None:
        stream = self.watch(resourceVersion=self.version())
        self.simulator.delete('a')
        self.put('a')
        first, second = stream.event(), stream.event()
        self.assertEqual(['DELETED', 'ADDED'],
                         [first['type'], second['type']])
        self.assertNotEqual(first['object']['metadata']['uid'],
                            second['object']['metadata']['uid'])

    def test_starts_behind_the_version_asked_for(self) -> None:
        versions = [self.put('n'), self.put('n'), self.put('n')]
        self.assertEqual(
            [('MODIFIED', 'n', version) for version in versions[1:]],
            self.watch(resourceVersion=versions[0]).events(2))

    def test_starts_with_the_nodes_without_a_version(self) -> None:
        present = [('ADDED', 'a', 1001), ('ADDED', 'b', 1002),
                   ('ADDED', 'c', 1003)]
        streams = [self.watch(), self.watch(resourceVersion=''),
                   self.watch(resourceVersion='0')]
        version = self.put('b')
        for stream in streams:
            self.assertEqual([*present, ('MODIFIED', 'b', version)],
                             stream.events(4))

    def test_sends_each_event_at_once_in_a_chunk_of_its_own(self) -> None:
        stream = self.connect(resourceVersion=self.version())
        sock = stream.connection.sock
        head = sock.recv(4096)
        self.assertThat(head, matchers.StartsWith(b'HTTP/1.1 200 OK\r\n'))
        self.assertThat(head, matchers.EndsWith(b'\r\n\r\n'))
        lines = head.decode().lower().splitlines()
        self.assertIn('transfer-encoding: chunked', lines)
        self.assertIn('content-type: application/json', lines)
        for header in ('content-length', 'content-encoding'):
            self.assertNotIn(header, head.decode().lower())
        for name in 'xy':
            self.put(name)
            size, line, rest = sock.recv(4096).split(b'\r\n')
            self.assertEqual((int(size, 16), b''), (len(line), rest))
            self.assertThat(line, matchers.EndsWith(b'}\n'))
            self.assertEqual(1, line.count(b'\n'))
            self.assertEqual(name,
                             json.loads(line)['object']['metadata']['name'])

    def test_never_compresses(self) -> None:
        stream = self.watch(resourceVersion=self.version())
        self.put('big', text='x' * 1_000_000)
        self.assertNotIn('Content-Encoding', stream.response.headers)
        self.assertEqual(1_000_000,
                         len(stream.event()['object']['status']['text']))

    def test_is_silent_until_a_future_version_is_passed(self) -> None:
        self.simulator.bookmark_interval = 0.05
        start = self.version()
        query = {'resourceVersion': start + 2, 'allowWatchBookmarks': 'true'}
        stream, silent = self.watch(**query), self.watch(**query)
        self.put('x')
        self.assertTrue(silent.is_silent())
        self.put('y')
        self.simulator.bookmark_interval = 60
        self.put('z')
        self.assertEqual(('ADDED', 'z'), next(
            one for one in (brief(stream.event())[:2] for _ in range(9))
            if one[0] != 'BOOKMARK'))

    def test_watches_one_node_by_its_name(self) -> None:
        query = {'fieldSelector': 'metadata.name=b'}
        fresh = self.watch(**query)
        later = self.watch(**query, resourceVersion=self.version())
        unknown = self.watch(fieldSelector='metadata.name=z')
        self.put('a')
        version = self.put('b')
        self.put('z')
        self.assertEqual([('ADDED', 'b', 1002), ('MODIFIED', 'b', version)],
                         fresh.events(2))
        self.assertEqual([('MODIFIED', 'b', version)], later.events(1))
        self.assertEqual([('ADDED', 'z', version + 1)], unknown.events(1))

    def test_touched_node_has_a_newer_heartbeat_and_nothing_else(
            self) -> None:
        old = {'type': 'Ready', 'status': 'True',
               'lastHeartbeatTime': '2001-01-01T00:00:00Z',
               'lastTransitionTime': '2001-01-01T00:00:00Z'}
        before = self.simulator.put({
            'metadata': {'name': 'n'},
            'status': {'conditions': [old, 7], 'x': 'y'}})
        stream = self.watch(resourceVersion=self.version())
        self.simulator.touch('n')
        event = stream.event()
        after = event['object']
        heartbeat = after['status']['conditions'][0].pop('lastHeartbeatTime')
        self.assertThat(heartbeat, matchers.GreaterThan('2020'))
        self.assertEqual('MODIFIED', event['type'])
        del before['status']['conditions'][0]['lastHeartbeatTime']
        before['metadata']['resourceVersion'] = str(self.version())
        self.assertEqual({'kind': 'Node', 'apiVersion': 'v1', **before},
                         after)

    def test_odd_nodes_can_be_touched_and_unknown_ones_raise(self) -> None:
        for status in (None, 5, {}, {'conditions': None}):
            version = self.simulator.put(
                {'metadata': {'name': 'odd'}, 'status': status})
            self.simulator.touch('odd')
            self.assertEqual(
                int(version['metadata']['resourceVersion']) + 1,
                self.version())
        self.assertRaises(KeyError, self.simulator.touch, 'unknown')

    def test_every_watch_sees_every_change_in_order(self) -> None:
        streams = [self.watch(resourceVersion=self.version())
                   for _ in range(4)]
        threads = [threading.Thread(target=lambda: [
            self.put('n') for _ in range(300)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        first = self.version()
        for stream in streams:
            versions = [version for *_, version in stream.events(900)]
            self.assertEqual(list(range(1004, 1904)), versions, first)
        for thread in threads:
            thread.join()

    def test_refuses_what_it_does_not_understand(self) -> None:
        for query in ({'resourceVersion': 'x'}, {'timeoutSeconds': 'x'},
                      {'labelSelector': 'a b'},
                      {'fieldSelector': 'spec.podCIDR=x'}):
            self.assertEqual((400, 'BadRequest'), self.refusal(**query)[:2])
        # client-go lists and watches instead, when it sees this.
        self.assertEqual((422, 'Invalid'),
                         self.refusal(sendInitialEvents='true')[:2])

    def test_can_forbid_the_watch_alone(self) -> None:
        self.simulator.forbidden = {'watch'}
        code, reason, message = self.refusal()
        self.assertEqual((403, 'Forbidden'), (code, reason))
        self.assertIn('cannot watch resource "nodes"', message)
        self.assertEqual(3, len(self.list()['items']))

    def test_kubectl_watches(self) -> None:
        if not shutil.which('kubectl'):
            self.skipTest('KUBECTL IS NOT INSTALLED: nothing has shown that '
                          'kubectl understands the watches')
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        with open(f'{directory}/config', 'w') as file:
            file.write(self.simulator.kubeconfig())
        with subprocess.Popen(
                ['kubectl', '--kubeconfig', file.name, '--cache-dir',
                 directory, 'get', 'nodes', '--watch'],
                stdout=subprocess.PIPE, text=True) as process:
            self.addCleanup(process.kill)
            assert process.stdout
            names = [process.stdout.readline().split()[0] for _ in range(4)]
            self.wait_for(lambda: self.simulator.watching)
            self.put('n')
            names.append(process.stdout.readline().split()[0])
            process.kill()
        self.assertEqual(['NAME', 'a', 'b', 'c', 'n'], names)
