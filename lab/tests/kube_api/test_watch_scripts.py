# SPDX-License-Identifier: Apache-2.0
"""Scripts of the simulator's watches, and those that are ready-made."""

import http.client
import json
import time

from testtools import matchers

from lab.tests.kube_api.watches import WatchTest
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import RESET
from vitrage_k8s_lab.kube_api.http import Stream

LINE = faults.event('ADDED', {'metadata': {
    'name': 'node', 'resourceVersion': '7', 'uid': '8'}})


class ScriptTest(WatchTest):

    def statuses(self, count: int) -> list[int]:
        statuses = []
        for _ in range(count):
            stream = self.watch(resourceVersion=self.version())
            statuses.append(stream.response.status)
            stream.close()
        return statuses

    def test_answers_watches_in_turn_and_then_normally(self) -> None:
        self.simulator.script_watch(
            Answer(410), lambda request: Answer(429), None, Answer(500),
            lambda request: None)
        self.assertEqual([410, 429, 200, 500, 200, 200], self.statuses(6))

    def test_leaves_lists_alone_and_their_script_the_watches(self) -> None:
        self.simulator.script(Answer(503, b'{"code":503}'))
        self.simulator.script_watch(Stream(LINE))
        self.assertEqual(LINE, self.watch().rest())
        self.assertEqual(503, self.list()['code'])
        self.assertEqual(3, len(self.list()['items']))

    def test_can_close_and_delay_as_for_lists(self) -> None:
        self.simulator.script_watch(Answer(CLOSE), Answer(200, delay=0.3))
        self.assertRaises(http.client.RemoteDisconnected, self.watch)
        began = time.monotonic()
        self.watch()
        self.assertThat(time.monotonic() - began, matchers.GreaterThan(0.29))

    def test_waits_while_something_intercepts(self) -> None:
        self.simulator.script_watch(Answer(500))
        self.simulator.intercept = lambda request: Answer(502)
        self.assertEqual(502, self.watch().response.status)
        self.simulator.intercept = None
        self.assertEqual(500, self.watch().response.status)

    def test_callable_sees_the_request_and_may_give_a_stream(self) -> None:
        def step(request: Request) -> Stream:
            return Stream(request.query['resourceVersion'].encode())

        self.simulator.script_watch(step)
        self.assertEqual(b'17', self.watch(resourceVersion=17).rest())
        self.assertEqual('17', self.simulator.requests[-1].query[
            'resourceVersion'])

    def test_can_be_used_again_and_again(self) -> None:
        self.simulator.script_watch(*[Stream(LINE)] * 3)
        self.assertEqual([LINE] * 3, [self.watch().rest() for _ in range(3)])


class StreamTest(WatchTest):

    def test_sends_parts_as_they_are_and_is_silent_in_between(self) -> None:
        self.simulator.script_watch(Stream(LINE[:5], 0.3, LINE[5:] + b'x'))
        stream = self.watch()
        self.assertEqual('chunked',
                         stream.response.headers['Transfer-Encoding'])
        self.assertEqual(LINE[:5], stream.response.read1(100))
        began = time.monotonic()
        self.assertEqual(LINE[5:] + b'x', stream.rest())
        self.assertThat(time.monotonic() - began, matchers.GreaterThan(0.25))

    def test_calls_what_can_be_called_when_its_turn_comes(self) -> None:
        called: list[str] = []
        self.simulator.script_watch(Stream(
            b'a', lambda: called.append('x'), lambda: b'b', 0.5,
            lambda: called.append('y')))
        stream = self.watch()
        self.assertEqual((b'a', b'b', ['x']), (
            stream.response.read1(1), stream.response.read1(1), called))
        self.assertEqual((b'', ['x', 'y']), (stream.rest(), called))

    def test_breaks_off(self) -> None:
        self.simulator.script_watch(Stream(LINE, CLOSE, b'never'),
                                    Stream(LINE, RESET, b'never'))
        error = self.assertRaises(
            http.client.IncompleteRead, self.watch().rest)
        self.assertEqual(LINE, error.partial)
        self.assertRaises(ConnectionResetError, self.watch().rest)

    def test_stays_open_until_the_client_leaves(self) -> None:
        self.simulator.script_watch(Stream(LINE, end=False))
        stream = self.watch()
        self.assertEqual(LINE, stream.response.readline())
        self.assertTrue(stream.is_silent())
        self.assertEqual(1, self.simulator.watching)
        stream.close()
        self.wait_for(lambda: not self.simulator.watching, 1)

    def test_stop_ends_silence(self) -> None:
        for step in (Stream(60.0), Stream(end=False)):
            self.simulator.script_watch(step)
            stream = self.watch()
            self.wait_for(lambda: self.simulator.watching)
            began = time.monotonic()
            self.simulator.stop()
            self.assertThat(time.monotonic() - began, matchers.LessThan(10))
            self.assertRaises(http.client.IncompleteRead, stream.rest)
            self.assertEqual(0, self.simulator.watching)
            self.simulator.start()


class FreezeTest(WatchTest):

    def test_frozen_watches_get_nothing_until_the_thaw(self) -> None:
        self.simulator.bookmark_interval = 0.5
        start = self.version()
        stream = self.watch(resourceVersion=start)
        other = self.watch(resourceVersion=start, timeoutSeconds=1,
                           allowWatchBookmarks='true')
        self.simulator.freeze()
        version = self.put('n')
        # Past the bookmark and the timeout.
        self.assertTrue(other.is_silent(1.5))
        self.assertEqual(2, self.simulator.watching)
        self.simulator.thaw()
        self.assertEqual([('ADDED', 'n', version)], stream.events(1))

    def test_lists_are_as_ever_while_new_watches_wait(self) -> None:
        self.simulator.script_watch(Answer(500))
        self.simulator.freeze()
        waiting = [self.connect() for _ in range(2)]
        self.assertEqual(3, len(self.list()['items']))
        for stream in waiting:
            stream.connection.sock.settimeout(0.2)
            self.assertRaises(TimeoutError, stream.connection.sock.recv, 1)
            stream.connection.sock.settimeout(5)
        self.simulator.thaw()
        self.assertEqual([200, 500], sorted(
            stream.open().response.status for stream in waiting))

    def test_scripted_streams_are_frozen_too(self) -> None:
        self.simulator.script_watch(
            Stream(self.simulator.freeze, b'x'), Stream(b'y'))
        stream = self.watch()
        self.assertTrue(stream.is_silent())
        self.simulator.thaw()
        self.assertEqual(b'y', self.watch().rest())

    def test_stop_and_leaving_clients_end_frozen_watches(self) -> None:
        stream, other = self.watch(), self.watch()
        self.wait_for(lambda: self.simulator.watching == 2)
        self.simulator.freeze()
        stream.close()
        self.wait_for(lambda: self.simulator.watching == 1, 1)
        began = time.monotonic()
        self.simulator.stop()
        self.assertThat(time.monotonic() - began, matchers.LessThan(10))
        self.assertEqual(0, self.simulator.watching)
        other.close()


class FaultsTest(WatchTest):
    """Ready-made scripts, as a client reads them."""

    def read(self, stream: Stream) -> bytes:
        self.simulator.script_watch(stream)
        return self.watch().rest()

    def test_expired_in_either_word_or_none(self) -> None:
        for reason in ('Expired', 'Gone', None):
            event = json.loads(self.read(faults.watch_expired(reason)))
            status = event['object']
            self.assertEqual(
                ('ERROR', 'Status', 410, reason),
                (event['type'], status['kind'], status['code'],
                 status.get('reason')))
            self.assertThat(status['message'], matchers.StartsWith(
                'too old resource version: '))

    def test_error_without_reason(self) -> None:
        event = json.loads(self.read(faults.watch_error_without_reason()))
        self.assertEqual(('ERROR', 500), (event['type'],
                                          event['object']['code']))
        self.assertNotIn('reason', event['object'])

    def test_junk_and_unknown_types_are_lines(self) -> None:
        junk = self.read(faults.watch_junk())
        self.assertThat(junk, matchers.EndsWith(b'\n'))
        self.assertRaises(ValueError, json.loads, junk)
        unknown = self.read(faults.watch_unknown_type())
        self.assertThat(unknown, matchers.EndsWith(b'}\n'))
        self.assertNotIn(json.loads(unknown)['type'], (
            'ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'))

    def test_cut_in_a_line(self) -> None:
        self.simulator.script_watch(faults.watch_cut(LINE))
        error = self.assertRaises(
            http.client.IncompleteRead, self.watch().rest)
        self.assertEqual(LINE[:len(LINE) // 2], error.partial)
        self.assertEqual(LINE[:len(LINE) // 2], self.read(
            faults.watch_cut(LINE, in_order=True)))

    def test_bookmark_is_an_empty_node_at_a_version(self) -> None:
        line = self.read(Stream(faults.bookmark('99')))
        self.assertThat(line, matchers.EndsWith(b'}\n'))
        event = json.loads(line)
        self.assertEqual(('BOOKMARK', 'Node', 'v1', '99'), (
            event['type'], event['object']['kind'],
            event['object']['apiVersion'],
            event['object']['metadata']['resourceVersion']))
