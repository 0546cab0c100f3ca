# SPDX-License-Identifier: Apache-2.0
"""What a reflector logs of its lists: each thing once."""

from tests.support import reflectors
from tests.support.reflectors import event
from tests.support.reflectors import FORBIDDEN
from tests.support.reflectors import page
from tests.support.reflectors import REFUSED
from tests.support.reflectors import UNAVAILABLE
from vitrage_k8s.api import errors

BUSY = errors.ApiError('c', 'busy', 429)
LOGIN = errors.LoginFailedError('c', 'no token')
STAY = '. Its nodes stay in the graph as last known'
CAN_BE_READ = 'INFO Cluster c can be read: 1 nodes'
AGAIN = 'INFO Cluster c can be read again: 1 nodes'


class ListsTest(reflectors.ReflectorTestCase):

    def test_each_thing_is_said_once(self) -> None:
        for step, said in (
                (page('a'), [CAN_BE_READ]), (page('a'), []),
                (REFUSED, [f'WARNING Cluster c: refused{STAY}']),
                (REFUSED, []),
                # Another failure is news, and so is its end.
                (UNAVAILABLE, [f'WARNING Cluster c: unavailable{STAY}']),
                (REFUSED, []), (page('a'), [AGAIN]), (page('a'), []),
                (LOGIN, [f'WARNING Cluster c: no token{STAY}']),
                (page('a'), [AGAIN]),
                # A refusal is none yet.
                (FORBIDDEN, []), (page('a'), []), (BUSY, []), (page('a'), []),
                (REFUSED, [f'WARNING Cluster c: refused{STAY}'])):
            self.reflector.request_list()
            self.lists(step)
            self.assertEqual(said, self.logged(), step)

    def test_failure_beside_another_cluster_is_no_news(self) -> None:
        self.is_beside = True
        self.lists(REFUSED)
        self.assertEqual(['DEBUG Cluster c: refused'],
                         self.logged('DEBUG', 'WARNING'))

    def test_doubt_after_a_failure_is_no_news(self) -> None:
        for step, said in (
                (REFUSED, [f'WARNING Cluster c: refused{STAY}']),
                (FORBIDDEN, []), (BUSY, []), (page('a'), [AGAIN])):
            self.reflector.request_list()
            self.lists(step)
            self.assertEqual(said, self.logged(), step)

    def test_too_many_nodes_of_a_watch_are_said_at_once(self) -> None:
        self.lists(page('a'))
        self.logged()
        self.watches(*[event('ADDED', f'n{i}', 11 + i) for i in range(5)])
        [line] = self.logged()
        self.assertIn('more than 5 nodes', line)
        self.assertTrue(line.endswith(STAY), line)
        self.lists(page('a'))
        self.assertEqual([AGAIN], self.logged())

    def test_refusal_that_lasts_is_said(self) -> None:
        self.lists(page('a'))
        self.logged()
        for seconds, said in ((0, []), (19, []), (2, [
                f'WARNING Cluster c: forbidden{STAY}']), (30, [])):
            self.clock.now += seconds
            self.reflector.request_list()
            self.lists(FORBIDDEN)
            self.assertEqual(said, self.logged())
        self.lists(page('a'))
        self.assertEqual([AGAIN], self.logged())

    def test_doubts_are_for_who_looks_for_them(self) -> None:
        self.lists(page('a'))
        self.logged()
        self.reflector.request_list()
        self.lists(BUSY)
        self.assertEqual(['DEBUG Cluster c: busy; trying again'],
                         self.logged('DEBUG'))

    def test_list_that_ends_wakes_the_watch(self) -> None:
        self.lists(page('a'))
        for step in (page('a'), REFUSED):
            self.reflector.request_list()
            woken = self.woken()
            self.lists(step)
            self.assertEqual(woken + 1, self.woken())

    def test_watch_that_ends_wakes_the_list(self) -> None:
        self.lists(page('a'))
        woken = self.woken()
        self.watches(REFUSED)
        self.assertEqual(woken + 1, self.woken())

    def test_failure_while_a_watch_lives_is_a_doubt(self) -> None:
        for step, said in (
                (UNAVAILABLE, ['WARNING Cluster c: unavailable; listing '
                               'again']), (REFUSED, [])):
            self.reflector.request_list()
            self.lists(page('a'))
            self.logged()
            self.watches(self.pass_time(1), self.list_beside(step))
            self.assertEqual(said, self.logged('INFO', 'WARNING'))


class OddNodesTest(reflectors.ReflectorTestCase):

    def test_what_is_odd_again_is_news(self) -> None:
        odd = {'metadata': {'name': 'b', 'uid': 'b', 'labels': 5}}
        said = ['WARNING Cluster c: node b: metadata.labels is not of the '
                'expected type or missing; the node is shown without it']
        for items, lines in (([odd], said), ([odd], []), ([], []),
                             ([odd], said)):
            self.reflector.request_list()
            self.lists(page('a', odd=items))
            self.assertEqual(lines, self.logged('WARNING'))

    def test_list_that_fails_says_nothing_of_its_nodes(self) -> None:
        odd = {'metadata': {'name': 'b', 'uid': 'b', 'labels': 5}}
        for step, lines in ((REFUSED, 1), (page('c'), 1)):
            self.reflector.request_list()
            self.lists(page('a', odd=[odd], token='x'), step)
            self.assertEqual(lines, len(self.logged('WARNING')))
        self.assertEqual({'a', 'b', 'c'}, self.nodes())

    def test_node_that_is_left_out_is_named_once(self) -> None:
        odd = {'metadata': {'name': 'b' * 999, 'uid': 'b', 'labels': 5}}
        self.lists(page('a', odd=[odd]))

        [line] = self.logged('WARNING')
        self.assertIn(f'node {"b" * 253}...: metadata.name cannot be shown',
                      line)
        self.assertIn(odd['metadata']['uid'], self.reflector.inventory)
        self.assertEqual({'a'}, self.nodes())

    def test_without_a_uid_no_node_is_taken_for_gone(self) -> None:
        self.lists(page('a', 'b'))
        self.logged()
        for lines in (2, 1):
            # Of the odd one itself, it is said once.
            self.reflector.request_list()
            self.lists(page('a', odd=[{'metadata': {'name': 'x'}}]))
            said = self.logged('WARNING')
            self.assertEqual(lines, len(said), said)
            self.assertIn('there are nodes without a uid; no node is taken '
                          'for gone', said[-1])
            self.assertEqual({'a', 'b'}, self.nodes())
