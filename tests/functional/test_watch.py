# SPDX-License-Identifier: Apache-2.0
"""Changes that are seen by watching, between the lists."""

import logging
import os
import re
import threading
import time
from typing import Any
import zlib

import fixtures
from vitrage.datasources import utils as datasource_utils

from tests.support import base
from tests.support import memory
from tests.support import watching
from tests.support.watching import NAMES
from tests.support.watching import NODES
from vitrage_k8s.api import reflector
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Stream
from vitrage_k8s_lab import samples


class WatchTest(watching.WatchingTest):

    def test_shows_every_kind_of_change_without_a_list(self) -> None:
        self.change()

        self.assert_shows_the_truth()

        self.assertEqual(0, self.lists())
        self.assertEqual('another-uid', self.vertex('node-3')['id'])

    def test_heartbeats_are_no_events(self) -> None:
        rows = len(self.host.rows)
        versions = [request.query.get('resourceVersion')
                    for request in self.simulator.requests]
        for _ in range(20):
            for name in NAMES:
                self.simulator.touch(name)
        self.simulator.put(samples.node('node-0', ready='False'))
        self.wait_until_shown(
            lambda: self.vertex('node-0')['state'] == 'NotReady')

        self.assertEqual(1, len(self.host.rows) - rows, versions)
        # The node, and the receipt that each list of events has.
        self.assertEqual(2, self.host.batches[-1])

    def test_changes_between_two_questions_arrive_as_one(self) -> None:
        for ready in ('False', 'True', 'Unknown', 'True', 'False'):
            self.simulator.put(samples.node('node-0', ready=ready))
        self.simulator.put(samples.node('fleeting'))
        self.simulator.delete('fleeting')
        self.simulator.put(samples.node('last'))
        self.host.batches.clear()
        [driver] = datasource_utils.get_drivers_by_name(['kubernetes'])
        known = driver._fleet.view().clusters['simulator'].inventory
        self.wait_for(lambda: 'uid-of-last' in known)
        self.host.get_changes()

        self.assertEqual('NotReady', self.vertex('node-0')['state'])
        self.assertIn('last', self.host.node_names())
        # node-0, last and the receipt.
        self.assertEqual([3], self.host.batches)

    def test_idle_cluster_has_no_events(self) -> None:
        self.host.batches.clear()

        for _ in range(10):
            self.host.get_changes()

        self.assertEqual([], self.host.batches)

    def test_watches_again_after_a_clean_end(self) -> None:
        self.simulator.hang_up()
        self.change()

        self.assert_shows_the_truth()

        self.assertEqual(0, self.lists())

    def assert_recovers_after(self, *steps: Any) -> None:
        """Break the watch, let the next ones go wrong, and see the truth."""
        self.simulator.script_watch(*steps)
        self.simulator.hang_up()
        self.change()

        self.assert_shows_the_truth()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.simulator.put(samples.node('node-4', ready='False'))
        self.assert_shows_the_truth()

    def test_expired_version_in_every_form(self) -> None:
        for step in (faults.watch_expired('Expired'),
                     faults.watch_expired('Gone'),
                     faults.watch_expired(None),
                     faults.expired(None)):
            self.simulator.requests.clear()
            for name in self.simulator.names():
                self.simulator.delete(name)
            for node in NODES:
                self.simulator.put(node)
            self.assert_recovers_after(step)
            self.assertEqual(1, self.lists())

    def test_error_without_a_reason(self) -> None:
        self.assert_recovers_after(faults.watch_error_without_reason())

    def test_junk_lines(self) -> None:
        self.assert_recovers_after(faults.watch_junk(), faults.watch_junk())

    def test_unknown_type_of_event_is_passed_over(self) -> None:
        self.assert_recovers_after(faults.watch_unknown_type())

        self.assertIn('an event of an unknown type', self.log.output)

    def test_cut_in_the_middle_of_a_line_and_of_a_character(self) -> None:
        whole = faults.event('MODIFIED', self.served('node-0'))
        line = (b'{"type":"ADDED","object":{"metadata":{"name":"f\xc3\xbcr",'
                b'"uid":"cut"}}}\n')
        self.assert_recovers_after(
            Stream(whole + line[:20], CLOSE),
            Stream(whole + line[:line.index(b'\xbc')], CLOSE))

        self.assertEqual(0, self.lists())

    def test_watch_without_one_whole_line_is_doubt(self) -> None:
        line = faults.event('ADDED', samples.node('cut'))
        self.assert_recovers_after(
            faults.watch_cut(line), faults.watch_cut(line, in_order=True))

        self.assertEqual(2, self.lists())
        self.assertIn('without a whole line', self.log.output)

    def packed(self, *parts: bytes) -> Answer:
        """Answer with a compressed stream, each part sent as it is made."""
        packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        return Answer(headers={'Content-Encoding': 'gzip'}, stream=Stream(
            *(packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)
              for part in parts), end=False))

    def test_compressed_lines_are_seen_at_once(self) -> None:
        self.simulator.script_watch(self.packed(
            faults.event('MODIFIED', samples.node('node-0', ready='False')),
            faults.event('ADDED', samples.node('node-8'))[:100],
            faults.event('ADDED', samples.node('node-8'))[100:]))
        self.simulator.hang_up()

        self.wait_until_shown(lambda: 'node-8' in self.host.node_names())

        self.assertEqual('NotReady', self.vertex('node-0')['state'])
        self.assertEqual(0, self.lists())

    def test_line_that_arrives_in_the_middle_of_a_chunk(self) -> None:
        line = faults.event('ADDED', samples.node('node-8'))
        # The other half of the chunk never comes.
        self.simulator.script_watch(Answer(
            200, b'%x\r\n%b' % (2 * len(line), line),
            {'Transfer-Encoding': 'chunked'}))
        self.simulator.hang_up()

        self.wait_until_shown(lambda: 'node-8' in self.host.node_names())

    def test_line_that_is_too_long_when_it_is_inflated(self) -> None:
        self.set_silence(600)
        bomb = self.packed(b'{"type":"', *[b'x' * (16 << 20)] * 8)
        traced = self.useFixture(memory.Memory())

        self.assert_recovers_after(bomb)

        self.assertIn('a line of the watch is longer than 32 MiB',
                      self.log.output)
        self.assertThat(traced.peak, base.at_most(100 << 20))

    def test_compressed_stream_that_is_no_more_than_empty_lines(self) -> None:
        self.assert_recovers_after(self.packed(
            *[b'\n' * (32 << 20)] * 4,
            faults.event('MODIFIED', samples.node('node-0', ready='False'))))

    def test_refusals(self) -> None:
        self.assert_recovers_after(
            faults.too_many_requests('0', plain=True), Answer(CLOSE),
            faults.internal_error(), faults.unavailable(),
            faults.html_page(), faults.unauthorized())

    def test_ends_at_once_are_answered_with_few_requests(self) -> None:
        self.set_waits(FIRST_WAIT=0.2)
        self.simulator.script_watch(*[faults.watch_ended()] * 10_000)
        self.simulator.hang_up()
        self.wait_for(lambda: self.watches() > 1)
        time.sleep(1)

        # Without a pause in between there would be hundreds.
        self.assertThat(self.watches(), base.at_most(30))
        self.simulator.script_watch()
        self.change()
        self.assert_shows_the_truth()

    def test_line_that_never_ends_is_silence(self) -> None:
        drips: list[bytes | float] = [b' ', 0.1] * 1000
        self.assert_recovers_after(Stream(*drips))

    def test_silent_connection_is_given_up(self) -> None:
        self.simulator.freeze()
        self.change()
        self.wait_for(lambda: self.watches() >= 1)
        self.simulator.thaw()

        self.assert_shows_the_truth()

    def go_back_in_time(self) -> None:
        """Change all nodes, and restore what was before."""
        before = self.simulator.backup()
        for name in NAMES:
            self.simulator.put(samples.node(name, ready='False'))
        self.assert_shows_the_truth()
        self.simulator.restore(before)

    def test_silence_of_a_version_of_the_future_ends_with_a_list(
            self) -> None:
        self.go_back_in_time()

        # Nothing happens in the cluster from here on.
        self.assert_shows_the_truth()
        self.simulator.put(samples.node('node-9'))
        self.assert_shows_the_truth()

    def test_list_of_a_server_that_has_gone_back_in_time_is_the_truth(
            self) -> None:
        self.set_silence(600)
        self.set_options(poll_interval=1)
        self.host.get_changes()
        self.wait_for(lambda: self.lists() > 0
                      and self.simulator.watching == 1)

        self.go_back_in_time()

        self.assert_shows_the_truth()
        # The watch is made anew too: one of the future would say nothing.
        restored = self.simulator.backup().version
        self.wait_for(lambda: restored == self.watched_version())
        self.wait_for(lambda: self.simulator.watching == 1)

    def watched_version(self) -> int:
        """Return where the last watch began."""
        return [int(request.query['resourceVersion'])
                for request in self.simulator.requests
                if 'watch' in request.query][-1]

    def test_restart_of_the_api_server(self) -> None:
        self.simulator.stop()
        self.change()
        self.wait_until_shown(lambda: 'ERROR' in [
            vertex['vitrage_operational_state'] for vertex in
            self.host.vertices('kubernetes.cluster').values()])
        self.assertEqual(NAMES, self.host.node_names())

        self.simulator.start()

        self.assert_shows_the_truth()
        self.wait_until_shown(lambda: [
            vertex['vitrage_operational_state'] for vertex in
            self.host.vertices('kubernetes.cluster').values()] == ['OK'])

    def test_list_at_the_same_moment(self) -> None:
        stopped = threading.Event()
        self.addCleanup(stopped.set)

        def churn() -> None:
            number = 0
            while not stopped.wait(0.001):
                number += 1
                name = f'node-{number % 5}'
                if number % 7:
                    self.simulator.put(samples.node(
                        name, ready=str(bool(number % 2))))
                elif name in self.simulator.names():
                    self.simulator.delete(name)

        thread = threading.Thread(target=churn)
        thread.start()
        for _ in range(10):
            self.host.poll()
            self.host.get_changes()
        stopped.set()
        thread.join()

        self.assert_shows_the_truth()

    def test_forbidden_watch_leaves_the_lists(self) -> None:
        self.set_waits(FORBIDDEN_WATCH_WAIT=0.1)
        self.set_options(poll_interval=1)
        self.simulator.forbidden.add('watch')
        self.simulator.hang_up()
        self.wait_until_shown(
            lambda: 'may not watch nodes' in self.log.output)
        self.change()

        self.assert_shows_the_truth()
        self.assertEqual(0, self.simulator.watching)
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('Ready', cluster['state'])
        self.assertIn('may not watch nodes', cluster['reason'])

    def test_update_method_none_does_not_watch(self) -> None:
        self.set_options(update_method='none')
        self.host.poll()
        self.wait_for(lambda: self.simulator.watching == 0)
        self.simulator.put(samples.node('node-9'))

        self.assertEqual(0, self.host.get_changes())
        self.host.poll()

        self.assertIn('node-9', self.host.node_names())

    def test_cluster_that_is_no_longer_named_is_not_watched(self) -> None:
        self.start_simulator(cluster='other')

        self.host.poll()

        self.wait_for(lambda: self.simulator.watching == 0)
        self.wait_until_shown(lambda: not self.host.node_names())
        self.assertEqual(
            ['other'], list(self.host.vertices('kubernetes.cluster')))

    def test_forked_child_watches_nothing_unless_it_asks(self) -> None:
        # Vitrage forks its workers again when one of them dies.
        child = os.fork()
        if not child:
            try:
                time.sleep(0.5)
                os._exit(sum(thread.name.startswith('vitrage-k8s')
                             for thread in threading.enumerate()))
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)

        self.assertEqual(0, os.waitstatus_to_exitcode(status))
        self.assertEqual(1, self.simulator.watching)
        self.change()
        self.assert_shows_the_truth()
        self.assertEqual(0, self.lists())

    def test_story_is_told_in_a_line_for_each_turn(self) -> None:
        story = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG, format='%(levelname)s %(message)s'))
        for name in NAMES:
            self.simulator.touch(name)
        self.simulator.expire()
        self.simulator.hang_up()

        def turns() -> list[str]:
            # The line of the first watch may be a moment late.
            return re.findall('can be read|watching 5 nodes|watching again'
                              '|listing again',
                              story.output[story.output.find('again'):])

        self.wait_for(lambda: turns().count('watching 5 nodes') == 2)
        self.assertEqual(['watching 5 nodes', 'listing again',
                          'watching 5 nodes'], turns())
        self.assertNotIn('WARNING', story.output)


class UnpatchedTest(base.FunctionalTest):

    def test_silence_is_longer_than_the_bookmarks_are_apart(self) -> None:
        # kube-apiserver sends one a minute.
        self.assertThat(60, base.at_most(reflector.SILENCE))
        self.assertThat(reflector.SILENCE, base.at_most(75))
