# SPDX-License-Identifier: Apache-2.0
"""What ends the simulator's watches, and what is past then."""

import http.client
import json
import threading
import time
from unittest import mock

from testtools import matchers

from lab.tests.kube_api.watches import brief
from lab.tests.kube_api.watches import Stream
from lab.tests.kube_api.watches import WatchTest
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api import nodes
from vitrage_k8s_lab.kube_api import watch


class PastTest(WatchTest):
    """What has been forgotten."""

    def gone(self, version: int, since: int) -> None:
        stream = self.watch(resourceVersion=version)
        self.assertEqual(200, stream.response.status)
        event = json.loads(stream.rest())
        self.assertEqual({'type': 'ERROR', 'object': {
            'kind': 'Status', 'apiVersion': 'v1', 'metadata': {},
            'status': 'Failure', 'reason': 'Expired', 'code': 410,
            'message': f'too old resource version: {version} ({since})',
        }}, event)

    def test_version_before_the_start_is_too_old(self) -> None:
        start = self.version()
        self.gone(1, start)
        self.gone(start - 1, start)

    def test_keeps_so_many_changes_and_no_more(self) -> None:
        start = self.version()
        with mock.patch.object(nodes, 'KEPT', 3):
            versions = [self.put('n') for _ in range(4)]
            self.gone(start, versions[0])
            stream = self.watch(resourceVersion=versions[0])
            self.assertEqual(versions[1:], [
                version for *_, version in stream.events(3)])

    def test_expires_versions_but_not_watches(self) -> None:
        stream = self.watch(resourceVersion=self.version())
        self.put('n')
        stream.event()
        start = self.version()
        self.simulator.expire()
        self.gone(start, start + 1)
        self.assertEqual([], self.watch(
            resourceVersion=start + 1, timeoutSeconds=1).rest().split())
        version = self.put('n')
        self.assertEqual([('MODIFIED', 'n', version)], stream.events(1))

    def test_older_servers_answer_410(self) -> None:
        self.simulator.gone_as_http = True
        start = self.version()
        self.assertEqual(
            (410, 'Gone', f'too old resource version: 1 ({start})'),
            self.refusal(resourceVersion=1))

    def test_slow_watch_is_ended_and_keeps_nobody_waiting(self) -> None:
        with mock.patch.object(nodes, 'KEPT', 200):
            slow = self.watch(resourceVersion=self.version())
            quick = self.watch(resourceVersion=self.version())
            text = 'x' * 100_000
            began = time.monotonic()
            for _ in range(400):
                version = self.put('n', text=text)
                self.assertEqual([('n', version)], [
                    one[1:] for one in quick.events(1)])
            self.assertThat(time.monotonic() - began, matchers.LessThan(10))
            events = slow.rest().splitlines()
        self.assertThat(len(events), matchers.LessThan(400))
        for line in events:
            self.assertEqual('n', json.loads(line)['object']['metadata'][
                'name'])

    def test_restore_goes_back_and_forgets(self) -> None:
        self.put('n', phase='old')
        start, backup = self.version(), self.simulator.backup()
        nodes = self.list()
        token = self.list(limit=1)['metadata']['continue']
        self.put('n', phase='new')
        self.simulator.delete('a')
        future = self.put('z')
        stream = self.watch(resourceVersion=future)
        self.simulator.restore(backup)
        self.assertRaises(http.client.IncompleteRead, stream.rest)
        self.assertEqual(nodes, self.list())
        self.assertEqual(nodes['items'][1:], self.list(
            **{'continue': token})['items'])
        self.gone(start - 1, start)
        again = self.watch(resourceVersion=start)
        silent = self.watch(resourceVersion=future)
        self.assertEqual(start + 1, self.put('a'))
        self.assertEqual([('MODIFIED', 'a', start + 1)], again.events(1))
        self.assertTrue(silent.is_silent())

    def test_backup_can_be_restored_again(self) -> None:
        self.put('n')
        backup = self.simulator.backup()
        # Lists would be in the way: what they show is kept anyhow.
        for name in 'xyz':
            self.simulator.delete('a')
            self.put(name)
            self.simulator.restore(backup)
            self.assertEqual(list('abcn'), self.simulator.names())

    def test_goes_on_after_every_watch_was_cut(self) -> None:
        start = self.version()
        stream = self.watch(resourceVersion=start)
        self.put('n')
        stream.event()
        self.simulator.hang_up()
        self.assertRaises(http.client.IncompleteRead, stream.rest)
        self.put('m')
        self.assertEqual(
            [('ADDED', 'n', start + 1), ('ADDED', 'm', start + 2)],
            self.watch(resourceVersion=start).events(2))


class EndTest(WatchTest):

    def test_ends_in_good_order_after_its_timeout(self) -> None:
        began = time.monotonic()
        stream = self.watch(resourceVersion=self.version(), timeoutSeconds=1)
        self.assertEqual(b'', stream.rest())
        self.assertThat(time.monotonic() - began, matchers.GreaterThan(0.99))
        self.assertThat(time.monotonic() - began, matchers.LessThan(10))
        # The connection is still good.
        stream.connection.request('GET', '/healthz')
        self.assertEqual(b'ok', stream.connection.getresponse().read())

    def test_all_are_ended_in_good_order_and_go_on(self) -> None:
        start = self.version()
        streams = [self.watch(resourceVersion=start) for _ in range(2)]
        self.simulator.hang_up(in_order=True)
        for stream in streams:
            self.assertEqual(b'', stream.rest())
        version = self.put('n')
        self.assertEqual([('ADDED', 'n', version)],
                         self.watch(resourceVersion=start).events(1))

    def test_stop_cuts_watches_at_once(self) -> None:
        # So that they do not find out by themselves.
        with mock.patch.object(watch, 'LOOK_SECONDS', 30):
            streams = [self.watch(),
                       self.watch(resourceVersion=self.version())]
            streams[0].events(3)
            time.sleep(0.1)  # until they wait for changes
        began = time.monotonic()
        self.simulator.stop()
        self.assertThat(time.monotonic() - began, matchers.LessThan(10))
        self.assertEqual(0, self.simulator.watching)
        for stream in streams:
            self.assertRaises(http.client.IncompleteRead, stream.rest)

    def test_stop_cuts_a_watch_that_nobody_reads(self) -> None:
        self.watch(resourceVersion=self.version())
        for _ in range(200):
            self.put('n', text='x' * 100_000)
        self.simulator.stop()
        self.assertEqual(0, self.simulator.watching)

    def test_counts_watches_until_their_clients_leave(self) -> None:
        self.assertEqual(0, self.simulator.watching)
        threads = threading.active_count()
        streams = [self.watch(resourceVersion=self.version())
                   for _ in range(2)]
        self.wait_for(lambda: self.simulator.watching == 2)
        streams[0].close()
        self.wait_for(lambda: self.simulator.watching == 1, 1)
        streams[1].reset()
        self.wait_for(lambda: self.simulator.watching == 0, 1)
        self.wait_for(lambda: threading.active_count() == threads, 1)

    def test_goes_on_after_a_restart(self) -> None:
        version = self.version()
        self.simulator.stop()
        self.simulator.start()
        self.put('n')
        self.assertEqual([('ADDED', 'n', version + 1)],
                         self.watch(resourceVersion=version).events(1))


class BookmarkTest(WatchTest):

    def bookmark(self, stream: Stream) -> int:
        """Return the version of the next event, a bookmark."""
        kind, _, version = brief(stream.event())
        self.assertEqual('BOOKMARK', kind)
        return version

    def test_says_how_far_the_watch_has_come(self) -> None:
        self.simulator.bookmark_interval = 0.2
        stream = self.watch(allowWatchBookmarks='true')
        stream.events(3)
        version = self.put('n')
        stream.event()
        # As the API server does, which does not look at what it has sent.
        for _ in range(2):
            self.assertEqual(version, self.bookmark(stream))

    def test_is_an_empty_node(self) -> None:
        event = json.loads(faults.bookmark('7'))
        self.assertEqual(
            ('Node', 'v1', {'creationTimestamp': None,
                            'resourceVersion': '7'}, {}),
            tuple(event['object'][field] for field in (
                'kind', 'apiVersion', 'metadata', 'spec')))

    def test_does_not_come_while_nothing_happens(self) -> None:
        self.simulator.bookmark_interval = 0.05
        for query in ({}, {'resourceVersion': self.version()}):
            stream = self.watch(allowWatchBookmarks='true', **query)
            stream.events(0 if query else 3)
            self.assertTrue(stream.is_silent())

    def test_is_newer_each_time_where_leases_are_renewed(self) -> None:
        self.simulator.bookmark_interval = 0.05
        self.simulator.renews_leases = True
        stream = self.watch(resourceVersion=self.version(),
                            allowWatchBookmarks='true')
        versions = [self.bookmark(stream) for _ in range(3)]
        self.assertEqual(sorted(set(versions)), versions)

    def test_comes_two_seconds_before_the_deadline(self) -> None:
        for query, expected in (({'allowWatchBookmarks': 'true'}, 1), ({}, 0)):
            stream = self.watch(resourceVersion=self.version(),
                                timeoutSeconds=3, **query)
            began = time.monotonic()
            self.put('n')
            stream.event()
            for _ in range(expected):
                self.bookmark(stream)
                self.assertThat(time.monotonic() - began,
                                matchers.LessThan(2.5))
            self.assertEqual(b'', stream.rest())

    def test_spares_a_quiet_watch_a_new_list(self) -> None:
        self.simulator.bookmark_interval = 0.3
        start = self.version()
        stream = self.watch(resourceVersion=start, allowWatchBookmarks='true')
        self.simulator.expire()
        version = self.bookmark(stream)
        self.assertIn(b'ERROR', self.watch(resourceVersion=start).rest())
        self.put('n')
        self.assertEqual('ADDED', brief(self.watch(
            resourceVersion=version).event())[0])

    def test_comes_only_where_it_is_allowed(self) -> None:
        self.simulator.bookmark_interval = 0.05
        self.simulator.renews_leases = True
        for query in ({}, {'allowWatchBookmarks': 'false'}):
            self.assertTrue(self.watch(
                resourceVersion=self.version(), **query).is_silent())

    def test_never_overtakes_a_change(self) -> None:
        self.simulator.bookmark_interval = 0.001
        self.simulator.renews_leases = True
        stream = self.watch(resourceVersion=self.version(),
                            allowWatchBookmarks='true')
        for _ in range(300):
            self.put('n')
        version, changes = 0, 0
        for _ in range(5000):
            kind, _, newer = brief(stream.event())
            self.assertThat(newer, matchers.GreaterThan(version))
            version = newer
            changes += kind != 'BOOKMARK'
            if changes == 300:
                break
        self.assertEqual(300, changes)
