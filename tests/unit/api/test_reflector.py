# SPDX-License-Identifier: Apache-2.0
"""Lists of a reflector: their pages, their ends and what they leave behind."""

import functools
from typing import Any

import fixtures

from tests.support import reflectors
from tests.support.reflectors import EXPIRED
from tests.support.reflectors import page
from tests.support.reflectors import REFUSED
from tests.support.reflectors import UNAVAILABLE


class PagesTest(reflectors.ReflectorTestCase):

    def asked(self) -> list[tuple[Any, ...]]:
        """Return the limits and tokens that were asked for."""
        [client] = self.clients
        return [(limit, token) for limit, token, _ in client.asked]

    def test_list_has_all_pages(self) -> None:
        wait = self.lists(
            page('a', 'b', version='10', token='x'),
            page('c', version='12', token='y'), page(version='13'))

        self.assertEqual(600, wait)
        self.assertEqual({'a', 'b', 'c'}, self.nodes())
        self.assertEqual([(2, None), (2, 'x'), (2, 'y')], self.asked())
        # All pages are of the version of the first.
        self.assertEqual('10', self.reflector.inventory.resource_version)
        self.assertEqual(('Ready', None), self.health())
        self.assertTrue(self.clients[0].is_closed)

    def test_list_that_expires_begins_anew_and_is_not_paged_in_the_end(
            self) -> None:
        first = page('old', token='x')
        for steps, asked in (
                ((first, EXPIRED), [(2, None), (2, 'x'), (2, None)]),
                ((EXPIRED, EXPIRED), [(2, None)] * 2 + [(None, None)])):
            self.lists(*steps, page('a', version='20'))
            self.assertEqual({'a'}, self.nodes())
            self.assertEqual(asked, self.asked())
            self.reflector.request_list()

        wait = self.lists(EXPIRED, EXPIRED, EXPIRED)

        self.assertEqual(1, wait)
        self.assertEqual(('Unreadable', 'expired'), self.health())
        self.assertEqual({'a'}, self.nodes())

    def test_pages_that_go_round_in_circles_are_none(self) -> None:
        for steps in ((page('a', token='x'), page('b', token='x')),
                      (page('a', token='x'), page('b', token='y'),
                       page('c', token='x'))):
            self.lists(*steps)
            self.assertEqual(
                ('Unreadable', 'the list of nodes goes round in circles'),
                self.health())
            self.assertEqual(set(), self.nodes())
            self.reflector.request_list()

    def test_what_is_no_list_is_none(self) -> None:
        self.lists(b'{"kind": "Status"}')

        state, reason = self.health()
        self.assertEqual('Unreadable', state)
        self.assertIn('the answer is not a list of nodes: ', str(reason))
        self.assertFalse(self.reflector.inventory.is_complete)

    def test_too_many_nodes_are_not_shown(self) -> None:
        self.lists(page('a', 'b', token='x'), page('c', 'd', 'e'))
        self.assertEqual(5, len(self.nodes()))
        self.reflector.request_list()

        self.lists(page(*'uvw', token='x'), page(*'xyz'))

        state, reason = self.health()
        self.assertEqual('Unreadable', state)
        self.assertIn('more than 5 nodes', str(reason))
        self.assertEqual(set('abcde'), self.nodes())

    def test_list_has_its_time(self) -> None:
        for seconds, state in ((120, 'Ready'), (121, 'Unreachable')):
            self.reflector.request_list()
            self.lists(self.pass_time(seconds), page('a'))
            [client] = self.clients
            self.assertEqual((2, None, self.clock.now - seconds + 120),
                             client.asked[0])
            self.assertEqual(state, self.health()[0])
        self.assertEqual('the list was not complete within list_timeout',
                         self.health()[1])

    def test_failing_cluster_is_asked_once_in_an_attempt(self) -> None:
        for steps, most in (((page(),), 3), ((UNAVAILABLE,), 3),
                            ((UNAVAILABLE,), 0), ((page(),), 0),
                            ((page(),), 3)):
            self.reflector.request_list()
            self.lists(*steps)
            self.assertEqual(most, self.clients[0].max_retries)

    def test_client_is_the_clusters(self) -> None:
        self.lists(page())

        [client] = self.clients
        self.assertEqual(('c', self.endpoint, 60), (
            client.name, client.endpoint, client.request_timeout))


class EndsTest(reflectors.ReflectorTestCase):

    def test_each_end_is_news(self) -> None:
        for number in (1, 2, 3):
            self.reflector.request_list()
            self.lists(REFUSED if number == 2 else page())
            self.assertEqual(number, self.news.notified)

    def test_next_list_is_the_policys(self) -> None:
        for step, wait in ((REFUSED, 1), (REFUSED, 2), (REFUSED, 4),
                           (page(), 600)):
            self.assertEqual(wait, self.lists(step))

    def test_defect_is_logged_once_and_passes(self) -> None:
        for logged in (['ERROR Cluster c: a defect of this datasource'], []):
            self.reflector.request_list()
            self.lists(KeyError('x'))
            self.assertEqual(('Unreadable', 'a defect of this datasource, '
                              'see the log: KeyError'), self.health())
            self.assertEqual(logged, self.logged('ERROR'))
        self.reflector.request_list()
        self.lists(page('a'))
        self.assertEqual(('Ready', None), self.health())

    def test_server_that_went_back_ends_the_watch(self) -> None:
        self.lists(page('a', version='20'))
        for version, is_aborted in (('20', False), ('21', False),
                                    ('19', True)):
            self.watches(self.list_beside(page('a', version=version)))
            self.assertEqual([is_aborted, False], [
                client.is_aborted for client in self.clients[:2]])

    def test_list_comes_in_the_place_of_a_watch_without_numbers(self) -> None:
        self.lists(page('a', version='x'))

        self.watches(self.list_beside(page('b', version='y')))

        self.assertEqual([True, False], [
            client.is_aborted for client in self.clients[:2]])
        self.assertEqual({'b'}, self.nodes())

    def test_no_watch_begins_beside_a_list_without_numbers(self) -> None:
        self.lists(page('a', version='x'))
        self.clock.now += 600
        waits: list[float | None] = []

        def watch() -> None:
            waits.append(self.watches_beside())

        self.lists(watch, page('b', version='y'))

        self.assertEqual([None], waits)

    def test_list_without_numbers_ends_a_watch_that_began_meanwhile(
            self) -> None:
        # It was due already when the list began.
        for version, is_aborted in (('x', True), ('9', True), ('10', False)):
            late = self.client('c', self.endpoint, 60)
            self.reflector.request_list()
            self.lists(functools.partial(
                self.reflector._clients.update, watch=late),
                page('a', version=version))
            self.assertIs(is_aborted, late.is_aborted)


class OnRequestTest(reflectors.ReflectorTestCase):

    is_watching = False

    def test_lists_on_request_only(self) -> None:
        self.assertEqual(1, len(self.threads))
        self.assertIsNone(self.lists())
        self.assertFalse(self.reflector.is_listing)
        for step in (page('a'), REFUSED):
            self.reflector.request_list()
            self.assertTrue(self.reflector.is_listing)
            under_way: list[bool] = []

            def look(found: list[bool] = under_way) -> None:
                found.append(self.reflector.is_listing)

            self.lists(look, step)
            self.assertEqual([True], under_way)
            self.assertFalse(self.reflector.is_listing)


class StopTest(reflectors.ReflectorTestCase):

    def test_has_a_thread_that_lists_and_one_that_watches(self) -> None:
        self.assertEqual(['vitrage-k8s-c'] * 2,
                         [thread.name for thread in self.threads])
        self.assertTrue(all(thread.is_started for thread in self.threads))

    def test_thread_that_cannot_start_starts_later(self) -> None:
        each = type(self.reflector)(
            self.endpoint, self.reflector.options,
            self.slots, self.news, lambda: False)  # type: ignore
        made: list[object] = []
        failures = [None, RuntimeError("can't start new thread")]

        def make(target: object, **options: object) -> Any:
            failure = failures.pop(0) if failures else None
            if failure:
                raise failure
            made.append(target)
            return self.threads[0]

        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.reflector.threading.Thread', make))
        self.assertRaises(RuntimeError, each.start)
        for _ in range(2):
            each.start()
        self.assertEqual([each._list_again, each._watch_again], made)

    def test_threads_end(self) -> None:
        self.reflector.request_list()
        self.reflector.stop()
        # Nobody waits for it.
        self.assertFalse(self.reflector.is_listing)
        for thread in self.threads:
            thread.run()

    def test_ends_what_is_under_way(self) -> None:
        self.steps[:] = [self.reflector.stop, REFUSED]
        self.threads[0].run()
        self.assertTrue(self.clients[0].is_aborted)
        # Nobody asked for that end.
        self.assertEqual(('Connecting', None), self.health())
        self.assertEqual(0, self.news.notified)

    def test_ends_what_begins_meanwhile(self) -> None:
        self.client.when_made = self.reflector.stop
        self.steps[:] = [REFUSED]
        self.threads[0].run()
        self.assertTrue(self.clients[0].is_aborted)


class UseTest(reflectors.ReflectorTestCase):

    def test_same_endpoint_changes_nothing(self) -> None:
        self.lists(page('a'))
        self.reflector.use(self.endpoint)
        self.assertEqual(600, self.lists())

    def test_another_endpoint_is_listed_at_once(self) -> None:
        other = self.make_endpoint('https://two')
        self.lists(page('a'))
        self.assertEqual(600, self.lists())
        self.reflector.request_list()

        self.lists(functools.partial(self.reflector.use, other), REFUSED,
                   page('a'))

        self.assertEqual([(self.endpoint, True), (other, False)], [
            (client.endpoint, client.is_aborted) for client in self.clients])
        self.assertIs(other, self.reflector.endpoint)
        self.assertEqual(('Ready', None), self.health())

    def test_threads_that_wait_are_woken(self) -> None:
        self.lists(page('a'))
        for wake in (self.reflector.request_list, functools.partial(
                self.reflector.use, self.make_endpoint('https://two')),
                self.reflector.stop):
            woken = self.woken()
            wake()
            self.assertEqual(woken + 1, self.woken())
