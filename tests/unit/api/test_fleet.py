# SPDX-License-Identifier: Apache-2.0
"""Which clusters there are, and what is read of them."""

import functools

import fixtures
import msgspec

from tests.support import clusters as made
from tests.support import fleets
from tests.support import reflectors
from vitrage_k8s.api import clusters
from vitrage_k8s.api import errors

READY = ('Ready', None)
CONNECTING = ('Connecting', None)


class ThreadTest(fleets.FleetTestCase):

    def test_one_thread_reads_the_kubeconfig(self) -> None:
        self.assertEqual([], self.threads)
        self.use('a')
        self.use('b')
        [thread] = self.threads
        self.assertTrue(thread.is_started)
        self.assertEqual('vitrage-k8s', thread.name)
        self.assertEqual(4, self.semaphores[-1])

    def test_thread_that_cannot_start_starts_later(self) -> None:
        threads = self.threads
        failures = [RuntimeError("can't start new thread")]

        def start(thread: reflectors.Thread) -> None:
            if failures:
                raise failures.pop()
            thread.is_started = True

        self.useFixture(fixtures.MonkeyPatch(
            'tests.support.reflectors.Thread.start', start))
        self.assertRaises(RuntimeError, self.fleet.use, self.settings())
        self.use('a')
        self.assertEqual([False, True],
                         [thread.is_started for thread in threads])
        self.assertEqual({'a': CONNECTING}, self.health())

    def test_settings_are_read_anew_if_they_are_others_or_shall_be(
            self) -> None:
        self.use('a', anew=False)
        self.reflectors[0].health = made.READY
        for options, anew, reads in (({}, False, 0), ({}, True, 1),
                                     ({'contexts': ('z',)}, False, 1),
                                     ({'contexts': ('z',)}, False, 0)):
            settings = self.settings(**options)
            self.asked.clear()
            # While it waits for the next time to read.
            self.run_thread(functools.partial(
                self.fleet.use, settings, anew=anew))
            self.assertEqual(1 + reads, len(self.asked))
        [_] = self.threads

    def test_thread_is_woken_for_other_settings(self) -> None:
        self.fleet.use(self.settings())
        notified = self.news.notified
        for options, more in (({}, 0), ({'contexts': ('z',)}, 1)):
            self.fleet.use(self.settings(**options))
            self.assertEqual(notified + more, self.news.notified)

    def test_end_of_a_read_is_news(self) -> None:
        for found in (self.endpoint('a'), KeyError('x')):
            self.found = [found] if not isinstance(found, KeyError) else found
            self.fleet.use(self.settings(), anew=True)
            notified = self.news.notified
            self.run_thread()
            self.assertEqual(notified + 1, self.news.notified)

    def test_nothing_is_known_before_the_first_read(self) -> None:
        view = self.fleet.view()
        self.assertFalse(view.is_whole)
        self.assertEqual({}, view.clusters)
        self.found = KeyError('x')
        self.use()
        self.assertFalse(self.fleet.view().is_whole)

    def test_forked_child_begins_anew(self) -> None:
        self.use('a')
        self.pid = 2

        self.use('b', max_concurrent_lists=7)

        self.assertEqual(2, len(self.threads))
        self.assertEqual({'b': CONNECTING}, self.health())
        self.assertFalse(self.reflectors[0].is_stopped)
        self.assertEqual(('slots', 7), self.reflectors[1].slots)

    def test_all_ends_when_it_is_stopped(self) -> None:
        self.use('a', 'b')
        notified = self.news.notified
        self.fleet.stop()
        self.assertEqual(notified + 1, self.news.notified)
        self.threads[0].run()
        self.assertEqual([True, True],
                         [each.is_stopped for each in self.reflectors])

    def test_what_begins_meanwhile_ends_too(self) -> None:
        self.use('a')
        self.found = [self.endpoint('a'), self.endpoint('b')]
        self.when_asked = self.fleet.stop
        self.threads[0].run()
        self.assertEqual([True, True],
                         [each.is_stopped for each in self.reflectors])


class MembersTest(fleets.FleetTestCase):

    def test_one_that_cannot_start_is_started_later(self) -> None:
        fails = [True]

        def start(reflector: fleets.Reflector) -> None:
            if reflector.name == 'b' and fails:
                raise RuntimeError(fails.pop())
            reflector.is_started = True

        self.useFixture(fixtures.MonkeyPatch(
            'tests.support.fleets.Reflector.start', start))
        self.use('a', 'b', 'c')
        a, b, c = self.reflectors
        self.assertEqual([True, False, False], [
            a.is_started, b.is_started, c.is_started])
        self.assertEqual(['a', 'b', 'c'], list(self.fleet.view().clusters))
        self.run_thread()
        self.assertEqual([a, b, c], self.reflectors)
        self.assertTrue(b.is_started and c.is_started)

    def test_each_cluster_has_a_reflector(self) -> None:
        self.found = found = [self.endpoint('b'), self.endpoint('a')]
        self.use()

        for endpoint, reflector in zip(found, self.reflectors, strict=True):
            self.assertEqual(
                (endpoint.name, endpoint, fleets.READING, ('slots', 4)),
                (reflector.name, reflector.endpoint, reflector.options,
                 reflector.slots))
            self.assertIs(self.news, reflector.news)
            self.assertTrue(reflector.is_started)
        shown = self.fleet.view()
        self.assertEqual(['b', 'a'], list(shown.clusters))
        self.assertTrue(shown.is_whole)
        self.assertIs(self.reflectors[0].inventory,
                      shown.clusters['b'].inventory)
        self.reflectors[0].health = made.READY
        self.assertEqual({'b': READY, 'a': CONNECTING}, self.health())

    def test_kubeconfig_is_asked_for_what_the_options_say(self) -> None:
        self.use('a')
        self.use()
        asked = '/k', ['x', 'y'], 'kubernetes'
        seconds = self.reflectors[0].options.request_timeout
        self.assertEqual([(*asked, {}, seconds), (
            *asked, {'a': self.reflectors[0].endpoint.credentials},
            seconds)], self.asked)

    def test_settings_are_those_of_the_cluster(self) -> None:
        self.use('a', 'b', projects=('a:p',),
                 link_by_system_uuid=True,
                 ignored_conditions=frozenset(('X',)))
        self.assertEqual(
            [clusters.ClusterSettings('a', 'p', True, frozenset(('X',))),
             clusters.ClusterSettings('b', None, True, frozenset(('X',)))],
            self.fleet.view().settings[1])
        self.use()
        self.assertIsNone(self.fleet.view().settings[1][0].project_id)
        self.assertEqual(2, len(self.reflectors))

    def test_reflector_reads_on_from_the_endpoint_of_now(self) -> None:
        self.use('a')
        endpoint = self.endpoint('a')
        self.found = [endpoint]
        self.use()
        [reflector] = self.reflectors
        self.assertEqual([endpoint], reflector.used)
        self.assertFalse(reflector.is_stopped)

    def test_other_options_are_for_another_reflector(self) -> None:
        self.use('a')
        self.use(reading=msgspec.structs.replace(
            fleets.READING, page_size=1))
        old, new = self.reflectors
        self.assertTrue(old.is_stopped)
        self.assertFalse(new.is_stopped)
        self.assertEqual(1, new.options.page_size)

    def test_cluster_that_is_not_configured_any_more_is_not_read(self) -> None:
        self.use('a', 'b')
        self.use('b')
        self.assertEqual([True, False],
                         [each.is_stopped for each in self.reflectors])
        self.assertEqual({'b': CONNECTING}, self.health())

    def test_misconfigured_cluster_says_so(self) -> None:
        self.found = [errors.MisconfiguredError('a', 'wrong')]
        self.use(projects=('a:p',))
        self.assertEqual({'a': ('Misconfigured', 'wrong')}, self.health())
        self.assertEqual([], self.reflectors)
        view = self.fleet.view()
        self.assertEqual('p', view.settings[1][0].project_id)
        self.assertEqual(0, len(view.clusters['a'].inventory))
        self.assertTrue(view.is_whole)
        self.use('a')
        self.assertEqual({'a': CONNECTING}, self.health())

    def test_misconfigured_cluster_keeps_its_nodes(self) -> None:
        self.use('a')
        made.list_nodes(self.reflectors[0].inventory, [made.make_node('n')])
        self.found = [errors.MisconfiguredError('a', 'wrong')]
        self.use()
        self.assertEqual({'a': ('Misconfigured', 'wrong')}, self.health())
        self.assertIn('n', self.fleet.view().clusters['a'].inventory)
        self.assertFalse(self.reflectors[0].is_stopped)


class WholeTest(fleets.FleetTestCase):

    def test_what_could_not_be_read_may_have_the_clusters_of_before(
            self) -> None:
        for problem, is_whole in (
                (errors.ConfigurationError('no file'), False),
                (errors.UnusableEntryError('of z'), True)):
            for is_raised in (False, True):
                if is_raised and is_whole:
                    continue
                self.use('a', 'b')
                self.found = problem if is_raised \
                    else [self.endpoint('c'), problem]
                self.use()
                view = self.fleet.view()
                self.assertIs(is_whole, view.is_whole)
                self.assertEqual(
                    ['c'] if is_whole else ['a', 'b'] if is_raised
                    else ['c', 'a', 'b'], list(view.clusters))

    def test_each_error_is_logged_once(self) -> None:
        one, two = map(errors.ConfigurationError, ('one', 'two'))
        for found, said in (([one], ['one']), ([one], []),
                            ([two, one], ['two']), ([], []),
                            ([two, one], ['one', 'two'])):
            self.found = found
            self.use()
            self.assertEqual([f'ERROR {each}' for each in said],
                             self.logged())

    def test_defect_is_logged_once_and_changes_nothing(self) -> None:
        self.use('a')
        for error, said in ((KeyError('x'), 1), (KeyError('x'), 0),
                            (KeyError('y'), 1)):
            self.found = error
            self.use()
            self.assertEqual(said, self.logged().count(
                'ERROR A defect of this datasource'))
            view = self.fleet.view()
            self.assertEqual(['a'], list(view.clusters))
            self.assertFalse(view.is_whole)
        self.use('a')
        self.assertTrue(self.fleet.view().is_whole)

    def test_what_names_no_cluster_is_said_once(self) -> None:
        for projects, said in (
                (('a:p',), []), (('u:p',), ['u']), (('u:p',), []), ((), []),
                (('u:p',), ['u'])):
            self.use('a', projects=projects)
            self.assertEqual([
                f'WARNING [kubernetes] projects names what is not read: '
                f'{each}. It takes the names of clusters in the graph'
                for each in said], self.logged())
        # What could not be read may have it.
        self.found = [errors.ConfigurationError('no file')]
        self.use(projects=('t:p',))
        self.assertEqual(['ERROR no file'], self.logged())

    def test_settings_that_cannot_be_change_nothing(self) -> None:
        self.use('c')
        self.use('d', projects=('a',))
        self.assertEqual(['ERROR [kubernetes] projects: "a" is not '
                          'cluster:project_id'], self.logged())
        self.assertFalse(self.fleet.view().is_whole)
        self.assertEqual(['c'], list(self.fleet.view().clusters))
