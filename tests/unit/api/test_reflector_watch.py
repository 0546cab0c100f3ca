# SPDX-License-Identifier: Apache-2.0
"""Watches of a reflector: their events and their ends."""

from testtools import matchers

from tests.support import reflectors
from tests.support.reflectors import error_event
from tests.support.reflectors import event
from tests.support.reflectors import EXPIRED
from tests.support.reflectors import FORBIDDEN
from tests.support.reflectors import page
from tests.support.reflectors import REFUSED
from tests.support.reflectors import SILENT
from tests.support.reflectors import UNAVAILABLE


# An ERROR event that is no more than that.
NO_EVENT = b'{"type": "ADDED", "object": {"kind": "Pod"}}'


class WatchTestCase(reflectors.ReflectorTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.lists(page('a', 'b'))
        self.logged()


class BeginTest(reflectors.ReflectorTestCase):

    def test_list_comes_before_the_first_watch(self) -> None:
        self.assertIsNone(self.watches())
        self.assertEqual([], self.clients)
        self.lists(REFUSED)
        self.assertIsNone(self.watches())
        self.assertEqual([], self.clients)

        self.lists(page('a', version='7'))
        self.watches()

        [client] = self.clients
        # So many seconds by chance, and so many of silence.
        self.assertEqual([('7', (300, 600), 75)], client.asked)
        self.assertEqual(('c', self.endpoint, 60), (
            client.name, client.endpoint, client.request_timeout))
        self.assertTrue(client.is_closed)


class EventsTest(WatchTestCase):

    def test_events_are_applied(self) -> None:
        self.watches(event('ADDED', 'c', 11), event('DELETED', 'a', 12),
                     event('MODIFIED', 'b', 13), event('BOOKMARK', '', 15))

        self.assertEqual({'b', 'c'}, self.nodes())
        # The next one goes on from there.
        self.assertEqual(['10', '15'],
                         [client.asked[0][0] for client in self.clients])

    def test_next_watch_follows_where_this_one_came_further_or_lasted(
            self) -> None:
        for steps, wait in (
                ((self.pass_time(0),), 1), ((event('BOOKMARK', '', 10),), 2),
                ((event('BOOKMARK', '', 11),), 0),
                ((self.pass_time(0.9),), 1), ((self.pass_time(1),), 0),
                ((event('MODIFIED', 'a', 12),), 0)):
            self.assertEqual(wait, self.watches(*steps))

    def test_node_that_cannot_be_shown_stays_as_it_was(self) -> None:
        self.watches(event('MODIFIED', 'a', 11, name='a\nb'),
                     event('ADDED', 'c', 12, name='c\nd'))

        self.assertEqual({'a', 'b'}, self.nodes())
        self.assertEqual(3, len(self.reflector.inventory.uids()))
        self.assertEqual([
            f'WARNING Cluster c: node {name}: metadata.name cannot be shown, '
            'being too long or not printable; the node is left out, and '
            'stays as last known if it is shown already'
            for name in ('a?b', 'c?d')], self.logged())

    def test_odd_field_is_said_once(self) -> None:
        self.watches(*[event('MODIFIED', 'a', version, labels=5)
                       for version in (11, 12)])
        self.assertEqual([
            'WARNING Cluster c: node a: metadata.labels is not of the '
            'expected type or missing; the node is shown without it'],
            self.logged())

    def test_unknown_event_is_passed_over(self) -> None:
        self.assertEqual(1, self.watches(event('SYNCED', 'c', 20),
                                         event('', 'c', 20)))
        self.watches(event('ADDED', 'd', 11))

        self.assertEqual({'a', 'b', 'd'}, self.nodes())
        self.assertEqual(
            ['WARNING Cluster c: the watch sent an event of an unknown type; '
             'it is passed over'], self.logged())
        self.assertEqual('11', self.reflector.inventory.resource_version)

    def test_watch_of_a_server_that_went_back_ends(self) -> None:
        self.watches(self.list_beside(page('c', version='5')),
                     event('ADDED', 'd', 11))

        self.assertEqual({'c'}, self.nodes())
        # Beside it was the list.
        self.assertEqual(['10', 2],
                         [client.asked[0][0] for client in self.clients])
        self.watches(self.pass_time(0))
        self.assertEqual('5', self.clients[0].asked[0][0])


class HoursTest(WatchTestCase):

    def test_says_since_when_it_is_read(self) -> None:
        hour = '^20[0-9-]{8}T[0-9]{2}:00:00Z$'
        inventory = self.reflector.inventory
        self.assertThat(inventory.listed_at, matchers.MatchesRegex(hour))
        self.assertIsNone(inventory.watched_since)
        self.watches(event('ADDED', 'x', 7))
        self.assertThat(inventory.watched_since, matchers.MatchesRegex(hour))
        self.watches(b'junk')
        self.assertIsNone(inventory.watched_since)


class EndsTest(WatchTestCase):

    def test_failure_asks_for_a_list_before_the_next_watch(self) -> None:
        for step, said in (
                (REFUSED, []), (UNAVAILABLE, ['unavailable; listing again']),
                (b'junk', ['the watch sent no event: ']),
                (NO_EVENT, ['the watch sent no event: ']),
                (error_event(500, 'no'),
                 ['the watch ended with 500 (no); listing again']),
                (KeyError('x'), [
                    'a defect of this datasource',
                    'a defect of this datasource, see the log: KeyError'])):
            self.clock.now += 60
            self.assertIsNone(self.watches(step))
            lines = self.logged('WARNING', 'ERROR')
            self.assertEqual(len(said), len(lines), lines)
            for part, line in zip(said, lines, strict=True):
                self.assertIn(f'Cluster c: {part}', line)
            self.assertEqual(600, self.lists(page('a', 'b')))
            # It was due at once.
            self.assertEqual(('Ready', None), self.health())

    def test_watch_that_has_expired_is_no_fault(self) -> None:
        for step, said in (
                (EXPIRED, 'expired'), (error_event(410, 'too old'),
                                       'the watch ended with 410 (too old)')):
            self.assertIsNone(self.watches(step))
            self.assertEqual([f'INFO Cluster c: {said}; listing again'],
                             self.logged())
            self.lists(page('a', 'b'))

    def test_connection_that_is_cut_is_none_once_the_watch_has_begun(
            self) -> None:
        self.assertEqual(0, self.watches(self.pass_time(20), REFUSED))
        self.assertEqual([], self.logged())
        self.assertEqual(580, self.lists())

    def test_refused_event_is_a_refusal(self) -> None:
        # As if the watch had been refused.
        self.assertIsNone(self.watches(error_event(403, 'no')))
        self.lists(page('a', 'b'))
        self.assertEqual([], self.logged('WARNING'))

    def test_end_that_was_wanted_is_no_failure(self) -> None:
        other = self.make_endpoint('https://two')
        self.watches(lambda: self.reflector.use(other), REFUSED)
        self.assertEqual([], self.logged())
        self.lists(page('a'))
        self.watches(self.pass_time(0))
        self.assertIs(other, self.clients[0].endpoint)
        self.assertEqual(('Ready', None), self.health())

    def test_too_many_nodes(self) -> None:
        self.watches(*[event('ADDED', f'n{i}', 11 + i) for i in range(4)])

        self.assertEqual(5, len(self.nodes()))
        self.assertIn('more than 5 nodes', str(self.health()[1]))
        self.assertIsNone(self.watches())


class InVainTest(WatchTestCase):
    """Watches that end at once, each in its way."""

    def ends_are_a_doubt(self, *end: reflectors.Step) -> None:
        end = (self.pass_time(0), *end)
        self.assertEqual([1, 2, 4, None],
                         [self.watches(*end) for _ in range(4)])
        self.assertEqual(
            ['WARNING Cluster c: the watches end at once, without news; is '
             'that the API server, or a proxy or login page before it?; '
             'listing again'], self.logged())
        self.assertEqual(600, self.lists(page('a', 'b')))
        self.assertEqual(('Ready', None), self.health())
        self.assertIsNone(self.watches(*end))
        self.assertEqual(600, self.lists(page('a', 'b')))
        # One that is of use ends the doubt.
        self.watches(event('BOOKMARK', '', 12), *end)
        self.assertEqual(1, self.watches(*end))

    def test_without_a_line(self) -> None:
        self.ends_are_a_doubt()

    def test_with_a_line_that_is_no_news(self) -> None:
        self.ends_are_a_doubt(event('BOOKMARK', '', 10))

    def test_cut(self) -> None:
        self.ends_are_a_doubt(REFUSED)


class SilenceTest(WatchTestCase):

    def silence(self) -> float | None:
        return self.watches(self.pass_time(75), SILENT)

    def test_watch_goes_on(self) -> None:
        for _ in range(2):
            self.assertEqual(0, self.silence())
        self.assertEqual([], self.logged())

    def test_versions_are_compared_after_three_in_a_row(self) -> None:
        for version, wait in (('10', 0), ('11', 0), ('x', 0), ('9', None)):
            for _ in range(3):
                self.silence()
            self.assertEqual(wait, self.watches(page(version=version)))
            [client] = self.clients
            self.assertEqual((1, None, self.clock.now + 60), client.asked[0])
            self.assertEqual(1 if wait is None else 2, len(client.asked))
        self.assertEqual(600, self.lists(page('z', version='9')))
        self.assertEqual({'z'}, self.nodes())

    def test_version_that_cannot_be_asked_for_is_a_failure(self) -> None:
        for _ in range(3):
            self.silence()
        self.assertIsNone(self.watches(REFUSED))


class ForbiddenTest(WatchTestCase):

    def test_cluster_is_ready_and_says_that_it_is_not_watched(self) -> None:
        for wait in (None, 1, 2, 4, 8):
            self.assertEqual(wait, self.watches(FORBIDDEN))
            if wait is None:
                self.lists(page('a', 'b'))
            self.assertEqual(('Ready', None), self.health())
        self.assertEqual([], self.logged())

        self.assertEqual(60, self.watches(FORBIDDEN))

        self.assertEqual(('Ready', 'forbidden'), self.health())
        said = ['WARNING Cluster c: forbidden. Until it can be watched, it '
                'is listed every poll_interval']
        self.assertEqual(said, self.logged())
        self.assertEqual(60, self.watches(FORBIDDEN))
        self.lists(page('a', 'b'))
        self.assertEqual([], self.logged())

    def test_watch_that_begins_ends_it(self) -> None:
        self.watches(FORBIDDEN)
        self.lists(page('a', 'b'))
        for _ in range(5):
            self.watches(FORBIDDEN)
        self.watches(event('BOOKMARK', '', 11))
        self.assertEqual(('Ready', None), self.health())
