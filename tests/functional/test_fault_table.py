# SPDX-License-Identifier: Apache-2.0
"""What API servers do to us, a row each: what the graph shows meanwhile.

Every row goes through the same story, with Vitrage's own code and real HTTP:
a cluster is watched; the fault begins, and the watch is cut; no node leaves
the graph, nobody waits, and the cluster comes to show its state; the fault
ends, and the graph comes to be the truth again.
"""

from collections.abc import Callable
import re
import time
from typing import NamedTuple

from tests.support import watching
from tests.support.watching import NAMES
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import RESET
from vitrage_k8s_lab import samples

READY = frozenset({'Ready'})
UNREACHABLE = frozenset({'Unreachable'})
UNREADABLE = frozenset({'Unreadable'})

EMPTY = b'{"kind":"NodeList","metadata":{"resourceVersion":"9"},"items":[]}'


class Row(NamedTuple):
    """A fault.

    :ivar answer: what the API server answers to every request
    :ivar states: what the cluster may come to show
    :ivar reason: what its reason holds then
    """

    name: str
    answer: Callable[[Request], Answer]
    states: frozenset[str]
    reason: str


def body(content: bytes) -> Callable[[Request], Answer]:
    return lambda request: Answer(200, content)


ROWS = [
    Row('closes the connection', lambda request: Answer(CLOSE), UNREACHABLE,
        'cannot read from the API server'),
    Row('resets the connection', lambda request: Answer(RESET), UNREACHABLE,
        'cannot read from the API server'),
    Row('500', lambda request: faults.internal_error(), UNREADABLE, '500'),
    Row('503', lambda request: faults.unavailable(), UNREADABLE, '503'),
    Row('504', lambda request: faults.gateway_timeout(), UNREADABLE, '504'),
    Row('502 of a proxy', lambda request: Answer(502, b'<html>'), UNREADABLE,
        '502'),
    Row('429 in plain text', lambda request: Answer(
        429, b'Too many requests', {'Retry-After': '0',
                                    'Content-Type': 'text/plain'}),
        UNREADABLE, '429'),
    Row('429 until the year 9999999', lambda request: faults.too_many_requests(
        'Fri, 31 Dec 9999999 23:59:59 GMT'), UNREADABLE, '429'),
    Row('401', lambda request: faults.unauthorized(), UNREADABLE, '401'),
    Row('403', lambda request: faults.forbidden('me'), UNREADABLE, '403'),
    Row('302', lambda request: faults.redirect('http://127.0.0.1:1/'),
        UNREADABLE, '302'),
    Row('410 for ever', lambda request: faults.expired(), UNREADABLE, '410'),
    Row('a login page', lambda request: faults.html_page(), UNREADABLE,
        'not JSON'),
    Row('no gzip', lambda request: faults.not_gzip(),
        UNREACHABLE | UNREADABLE, ''),
    Row('half a list', lambda request: Answer(200, EMPTY, cut=20),
        UNREACHABLE, 'cannot read from the API server'),
    Row('a chunk of size -5', lambda request: Answer(
        200, b'-5\r\nxxxxx\r\n', {'Transfer-Encoding': 'chunked'}),
        UNREACHABLE, 'cannot read from the API server'),
    Row('no JSON', body(b'{"kind":"NodeList",'), UNREADABLE,
        'not a list of nodes'),
    Row('JSON that is 200,000 deep', body(
        b'{"kind":"NodeList","items":' + b'[' * 200_000), UNREADABLE,
        'not a list of nodes'),
    Row('no kind and no version', body(b'{"items":[],"total":0}'), UNREADABLE,
        'not a NodeList'),
    Row('no version', body(b'{"kind":"NodeList","items":[],"metadata":{}}'),
        UNREADABLE, 'no resourceVersion'),
    Row('a list of pods', body(
        b'{"kind":"PodList","metadata":{"resourceVersion":"9"},"items":[]}'),
        UNREADABLE, 'not a NodeList'),
    Row('pages without end', body(
        b'{"kind":"NodeList","items":[],'
        b'"metadata":{"resourceVersion":"9","continue":"x"}}'), UNREADABLE,
        'round in circles'),
    Row('a page that says that others follow', body(
        b'{"kind":"NodeList","items":[],"metadata":'
        b'{"resourceVersion":"9","remainingItemCount":5}}'), UNREADABLE,
        'nodes remain'),
]


class FaultTableTest(watching.WatchingTest):

    def setUp(self) -> None:
        super().setUp()
        self.set_waits(BUSY=0.2, LONGEST_WAIT=0.2, LONGEST_BUSY_WAIT=0.2)
        self.set_options(max_retries=0, request_timeout=2, list_timeout=3,
                         poll_interval=10_000)
        self.host.get_changes()
        # Not only as it was watched with the options before.
        self.wait_for(lambda: self.watches() > 0
                      and self.simulator.watching == 1)
        self.simulator.requests.clear()
        self.longest = 0.0

    def ask(self, *, snapshot: bool = False) -> None:
        """Ask for changes or for a snapshot, and note how long that takes."""
        began = time.monotonic()
        if snapshot:
            self.host.poll()
        else:
            self.host.get_changes()
        self.longest = max(self.longest, time.monotonic() - began)

    def cluster(self) -> dict[str, str]:
        self.ask()
        [cluster] = self.host.vertices('kubernetes.cluster').values()
        return cluster

    def assert_row(self, row: Row) -> None:
        self.simulator.intercept = row.answer
        self.simulator.hang_up()

        self.wait_for(lambda: self.cluster()['state'] in row.states)

        self.assertIn(row.reason, self.cluster()['reason'], row.name)
        self.ask(snapshot=True)
        self.host.check_consistency()
        self.assertEqual(NAMES, self.host.node_names(), row.name)

        self.simulator.intercept = None
        self.wait_for(lambda: self.cluster()['state'] == 'Ready')
        self.assertNotIn('reason', self.cluster())

    def test_every_fault_is_shown_survived_and_forgotten(self) -> None:
        failures = []
        for row in ROWS:
            try:
                self.assert_row(row)
            except AssertionError as error:
                failures.append(f'{row.name}: {error}, {self.cluster()}')
                self.simulator.intercept = None
                self.wait_for(lambda: self.cluster()['state'] == 'Ready')
        self.assertEqual([], failures)

        self.change()
        self.assert_shows_the_truth()
        self.assertNotIn('Traceback', self.log.output)
        self.assertNotIn('a defect of this datasource', self.log.output)

    def test_a_fault_is_a_few_lines_of_the_log(self) -> None:
        self.set_notices(5)
        self.simulator.intercept = ROWS[2].answer
        self.simulator.hang_up()
        self.wait_for(lambda: self.cluster()['state'] == 'Unreadable')
        before = len(self.simulator.requests)
        self.wait_for(lambda: len(self.simulator.requests) > before + 10)

        # One of the watch, and one of the list after it.
        self.assertEqual(
            ['; listing again', '. Its nodes stay in the graph as last known'],
            re.findall(r'answered 500 \(.*?\)(.*)', self.log.output))

    def test_watch_that_lives_hides_a_list_that_fails(self) -> None:
        self.set_options(poll_interval=1)
        self.host.get_changes()
        self.wait_for(lambda: self.lists() > 0
                      and self.simulator.watching == 1)
        self.simulator.intercept = lambda request: \
            None if 'watch' in request.query else faults.internal_error()
        before = self.lists()
        self.wait_for(lambda: self.lists() > before + 1)

        self.assertEqual('Ready', self.cluster()['state'])
        self.simulator.put(samples.node('node-7'))
        self.wait_until_shown(lambda: 'node-7' in self.host.node_names())
