# SPDX-License-Identifier: Apache-2.0
"""Lists that do not go smoothly, and come to their end all the same."""

import dataclasses
import email.utils
import gzip
import json
import time

import fixtures
import testtools
from vitrage.datasources import utils as datasource_utils

from tests.support import base
from tests.support import memory
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab import samples

NODES = [samples.node(f'node-{i}') for i in range(5)]
NAMES = [f'node-{i}' for i in range(5)]


class ListTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_options(page_size=2)
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()
        self.host.start()
        self.simulator.requests.clear()
        self.log = self.useFixture(fixtures.FakeLogger())

    def limits(self) -> list[str | None]:
        """Return the limit of each request that began a list."""
        return [request.query.get('limit')
                for request in self.simulator.requests
                if 'continue' not in request.query]

    def resource_version(self) -> str | None:
        [driver] = datasource_utils.get_drivers_by_name(['kubernetes'])
        known = driver._fleet.view().clusters['simulator']
        return known.inventory.resource_version

    def change_between_pages(self) -> None:
        """Let the tokens expire, and nodes of the first page change."""
        self.simulator.put(samples.node('node-0', ready='False'))
        self.simulator.delete('node-1')
        self.simulator.put(samples.node('node-9'))
        self.simulator.expire()

    def test_begins_again_when_the_token_has_expired(self) -> None:
        def intercept(request: Request) -> None:
            if 'continue' in request.query:
                self.simulator.intercept = None
                self.change_between_pages()

        self.simulator.intercept = intercept

        self.host.poll()

        self.assertEqual(['2', '2'], self.limits())
        self.assertEqual(
            ['node-0', 'node-2', 'node-3', 'node-4', 'node-9'],
            self.host.node_names())
        self.assertEqual('NotReady', self.vertex('node-0')['state'])

    def test_never_goes_on_with_the_replacement_token(self) -> None:
        def intercept(request: Request) -> None:
            if 'continue' in request.query:
                self.simulator.intercept = None
                self.simulator.expire()

        self.simulator.intercept = intercept

        self.host.poll()

        # One refused, and then two of the new list.
        tokens = [request.query['continue']
                  for request in self.simulator.requests
                  if 'continue' in request.query]
        self.assertEqual(3, len(tokens))
        newest = json.loads(self.simulator.answer(Request(
            'GET', '/api/v1/nodes', {}, {})).body)['metadata']
        self.assertEqual(newest['resourceVersion'], self.resource_version())

    def test_does_not_page_when_tokens_keep_expiring(self) -> None:
        for fault in (faults.expired('replacement'), faults.expired(None)):
            self.simulator.requests.clear()
            self.simulator.intercept = lambda request, fault=fault: (
                fault if 'continue' in request.query else None)

            self.host.poll()

            self.assertEqual(['2', '2', None], self.limits())
            self.assertEqual(NAMES, self.host.node_names())
            [cluster] = self.host.vertices('kubernetes.cluster').values()
            self.assertEqual('Ready', cluster['state'])

    def test_asks_for_gzip_and_takes_a_node_of_20_mb(self) -> None:
        huge = samples.node('huge')
        huge['metadata']['annotations'] = {'x': 'y' * (20 << 20)}
        self.simulator.put(huge)

        self.host.poll()

        self.assertIn('huge', self.host.node_names())
        self.assertEqual({'gzip'}, {
            request.headers['Accept-Encoding']
            for request in self.simulator.requests})

    def test_keeps_the_version_that_a_watch_can_begin_at(self) -> None:
        def intercept(request: Request) -> None:
            if 'continue' in request.query:
                self.simulator.put(samples.node('node-0', ready='False'))

        before = self.resource_version()
        self.simulator.intercept = intercept
        self.host.poll()

        # The first page's, though nodes have changed since.
        self.assertEqual(before, self.resource_version())


class RetryTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_options(max_retries=2)
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()
        self.log = self.useFixture(fixtures.FakeLogger())

    def assert_succeeds_after(self, *answers: Answer) -> float:
        self.simulator.script(*answers)
        start = time.monotonic()

        self.host.start()

        self.assertEqual(NAMES, self.host.node_names())
        self.assertEqual(len(answers) + 1, len(self.simulator.requests))
        return time.monotonic() - start

    def test_passing_failures(self) -> None:
        for fault in (faults.internal_error(), faults.unavailable(),
                      faults.too_many_requests('0', plain=False),
                      faults.too_many_requests('0', plain=True),
                      faults.too_many_requests(None, plain=True),
                      Answer(502, b'<html>'), Answer(200, b'x' * 9, cut=3)):
            self.simulator.requests.clear()
            self.assert_succeeds_after(fault)

    def test_waits_as_long_as_the_server_asks(self) -> None:
        took = self.assert_succeeds_after(
            faults.too_many_requests('2', plain=False))

        self.assertThat(took, testtools.matchers.GreaterThan(1.9))

    def test_waits_until_the_date_that_the_server_names(self) -> None:
        took = self.assert_succeeds_after(faults.unavailable(
            email.utils.formatdate(time.time() + 3, usegmt=True)))

        self.assertThat(took, testtools.matchers.GreaterThan(1.9))

    def test_does_not_wait_for_longer_than_the_list_may_take(self) -> None:
        self.simulator.script(faults.too_many_requests('99999', plain=False))

        self.host.start()

        self.assertEqual(1, len(self.simulator.requests))
        self.assertIn('asks to wait for', self.log.output)
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('ERROR', cluster['vitrage_operational_state'])

    def test_gives_up_after_max_retries(self) -> None:
        self.simulator.intercept = lambda request: faults.internal_error()

        self.host.start()

        self.assertEqual(3, len(self.simulator.requests))
        self.assertIn('answered 500', self.log.output)

    def test_asks_a_cluster_that_is_failing_once_only(self) -> None:
        self.simulator.intercept = lambda request: faults.internal_error()
        self.host.start()
        self.simulator.requests.clear()

        self.host.poll()

        self.assertEqual(1, len(self.simulator.requests))

    def test_what_will_not_pass_is_not_tried_again(self) -> None:
        for fault in (faults.unauthorized(), faults.html_page(),
                      Answer(404, b'{}'),
                      faults.redirect('http://127.0.0.1:1/')):
            self.simulator.requests.clear()
            self.simulator.intercept = lambda request, fault=fault: fault

            self.host.start()

            self.assertEqual(1, len(self.simulator.requests))

    def test_list_ends_at_list_timeout_whatever_the_retries(self) -> None:
        self.set_options(list_timeout=2, max_retries=100)
        self.simulator.intercept = lambda request: faults.internal_error()
        start = time.monotonic()

        self.host.start()

        self.assertThat(time.monotonic() - start,
                        testtools.matchers.LessThan(20))
        self.assertIn('answered 500', self.log.output)

    def test_list_of_slow_pages_ends_at_list_timeout(self) -> None:
        self.set_options(page_size=1, list_timeout=1)

        def delay(request: Request) -> None:
            self.simulator.stopping.wait(0.4)

        self.simulator.intercept = delay

        self.host.start()

        self.assertThat(len(self.simulator.requests),
                        testtools.matchers.LessThan(5))
        self.assertIn('Cluster simulator: ', self.log.output)
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('Unreachable', cluster['state'])


class AnswerTest(base.FunctionalTest):
    """Answers that are none."""

    def setUp(self) -> None:
        super().setUp()
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()
        self.host.start()
        self.log = self.useFixture(fixtures.FakeLogger())

    def assert_refused(self, answer: Answer, reason: str) -> None:
        self.simulator.intercept = lambda request: answer

        self.host.poll()

        self.assertEqual(NAMES, self.host.node_names())
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('ERROR', cluster['vitrage_operational_state'])
        self.assertIn(reason, cluster['reason'])

    def test_html_page(self) -> None:
        self.assert_refused(faults.html_page(), 'is of the type text/html')

    def test_answer_that_is_not_compressed_as_it_says(self) -> None:
        self.assert_refused(faults.not_gzip(), 'decompressing')

    def test_compressed_answer_that_is_cut(self) -> None:
        whole = self.simulator.answer(Request(
            'GET', '/api/v1/nodes', {}, {}))
        self.assert_refused(faults.truncated_gzip(whole),
                            'the gzip stream breaks off')

    def test_compressed_answer_that_lacks_its_checksum_only(self) -> None:
        # All of its JSON is there, and says that there is no node.
        packed = gzip.compress(faults.not_gzip().body)
        for end in (-1, -4, -8):
            self.assert_refused(
                Answer(200, packed[:end], {'Content-Encoding': 'gzip'}),
                'the gzip stream breaks off')

    def test_answer_that_is_compressed_in_another_way(self) -> None:
        for coding in ('br', 'deflate', 'gzip, gzip'):
            self.assert_refused(
                Answer(200, b'...', {'Content-Encoding': coding}),
                f'has the content coding {coding}, not gzip')

    def test_compressed_answer_with_something_behind_it(self) -> None:
        packed = gzip.compress(self.simulator.answer(Request(
            'GET', '/api/v1/nodes', {}, {})).body)
        for tail in (bytes(512), b'junk'):
            self.simulator.intercept = lambda request, tail=tail: Answer(
                200, packed + tail, {'Content-Encoding': 'gzip'})

            self.host.poll()

            self.assertEqual(NAMES, self.host.node_names())
            [cluster] = self.host.vertices('kubernetes.cluster').values()
            self.assertEqual('Ready', cluster['state'])

    def test_connection_that_is_closed_without_an_answer(self) -> None:
        self.assert_refused(Answer(CLOSE), 'closed connection without')

    def test_answer_that_is_too_large(self) -> None:
        bomb = faults.huge(1 << 30)
        traced = self.useFixture(memory.Memory())

        self.assert_refused(bomb, 'is larger than 256 MiB')

        self.assertThat(traced.peak, base.at_most(400 << 20))

    def test_answer_of_very_many_objects(self) -> None:
        items = b'{},' * (8 << 20)
        traced = self.useFixture(memory.Memory())

        self.assert_refused(
            Answer(200, gzip.compress(b'{"items":[' + items + b'{}]}', 1),
                   {'Content-Encoding': 'gzip'}), 'JSON objects')

        self.assertThat(traced.peak, base.at_most(64 << 20))

    def test_failure_that_is_not_compressed_as_it_says(self) -> None:
        self.assert_refused(
            Answer(500, b'junk', {'Content-Encoding': 'gzip'}), 'answered 500')

    def test_failure_that_is_too_large(self) -> None:
        bomb = dataclasses.replace(
            faults.huge(300 << 20), status=500)
        traced = self.useFixture(memory.Memory())

        self.assert_refused(bomb, 'answered 500')

        self.assertThat(traced.peak, base.at_most(16 << 20))

    def test_answer_with_a_wrong_length(self) -> None:
        self.assert_refused(Answer(
            200, b'{"kind":"NodeList","items":[]}',
            {'Content-Length': '99'}, cut=30), 'cannot read')

    def test_reason_leaves_the_cluster_with_its_cause(self) -> None:
        self.assert_refused(faults.internal_error(), 'answered 500')
        self.simulator.intercept = None

        self.host.poll()

        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('Ready', cluster['state'])
        self.assertNotIn('reason', cluster)
