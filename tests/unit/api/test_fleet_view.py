# SPDX-License-Identifier: Apache-2.0
"""What a fleet hands out, and how long somebody waits for it."""

import fixtures

from tests.support import clusters as made
from tests.support import fleets
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet


class ViewTest(fleets.FleetTestCase):

    def fill(self, **nodes: str) -> None:
        for reflector in self.reflectors:
            made.list_nodes(reflector.inventory, map(
                made.make_node, nodes[reflector.name]))

    def test_cluster_is_left_out_if_all_its_nodes_are_others(self) -> None:
        for nodes, shown in (
                ({'a': '', 'b': '', 'c': ''}, 'abc'),
                ({'a': 'xy', 'b': 'xy', 'c': ''}, 'ac'),
                ({'a': 'xy', 'b': 'x', 'c': 'y'}, 'a'),
                ({'a': 'x', 'b': 'xy', 'c': 'y'}, 'ab'),
                ({'a': 'x', 'b': 'y', 'c': 'xy'}, 'ab'),
                ({'a': 'x', 'b': 'xz', 'c': 'xw'}, 'abc')):
            self.use('a', 'b', 'c')
            self.fill(**nodes)
            view = self.fleet.view()
            self.assertEqual(list(shown), list(view.clusters))
            self.assertEqual(set('abc') - set(shown), view.left_out.keys())

    def test_that_is_said_once(self) -> None:
        self.use('a', 'b', 'c')
        for nodes, said in (
                ({'a': 'x', 'b': 'x', 'c': 'y'}, ['b']),
                ({'a': 'x', 'b': 'x', 'c': 'y'}, []),
                ({'a': 'x', 'b': 'x', 'c': 'x'}, ['c']),
                ({'a': 'x', 'b': 'y', 'c': 'x'}, []),
                ({'a': 'x', 'b': 'x', 'c': 'x'}, ['b'])):
            self.fill(**nodes)
            self.fleet.view()
            lines = self.logged()
            self.assertEqual(len(said), len(lines))
            for name, line in zip(said, lines, strict=True):
                self.assertTrue(line.startswith(
                    f'WARNING Cluster {name}: all of its nodes are nodes of '
                    'cluster a too, so it is left out.'), line)

    def test_changes_of_all_clusters_are_taken_once(self) -> None:
        self.assertEqual(set(), self.fleet.take_changed())
        self.use('a', 'b')
        self.fill(a='x', b='yz')
        self.assertEqual(set('xyz'), self.fleet.take_changed())
        self.assertEqual(set(), self.fleet.take_changed())


class WaitTest(fleets.FleetTestCase):

    def test_kubeconfig_is_read_again_after_the_poll_interval(self) -> None:
        self.use('a')
        self.reflectors[0].health = made.READY
        self.asked.clear()
        self.run_thread(*[lambda: None] * 59)
        self.assertEqual(1, len(self.asked))
        self.run_thread(*[lambda: None] * 60)
        self.assertEqual(3, len(self.asked))
        self.assertEqual([10] * 61, self.news.waits)

    def test_it_is_read_again_soon_where_something_is_wrong(self) -> None:
        self.use('a', 'b')
        ready, other = self.reflectors
        ready.health = made.READY
        for health, found, reads in (
                (made.READY, None, 1), (made.UNREACHABLE, None, 2),
                (made.CONNECTING, None, 2),
                (made.READY, errors.ConfigurationError('no file'), 2)):
            other.health = health
            self.found = found or [self.endpoint('a'), self.endpoint('b')]
            self.asked.clear()
            self.run_thread(lambda: None)
            self.assertEqual(reads, len(self.asked), health)

    def wait_settled(self, *meanwhile: object) -> list[float]:
        """Wait, and return for how long."""
        self.news.waits.clear()
        self.news.meanwhile[:] = meanwhile or [lambda: None]  # type: ignore
        self.fleet.wait_settled(30)
        return self.news.waits

    def test_first_snapshot_waits_until_all_clusters_have_settled(
            self) -> None:
        self.fleet.use(self.settings())
        # The kubeconfig has not been read.
        self.assertEqual([30], self.wait_settled())
        # It holds none.
        self.use(anew=False)
        self.assertEqual([], self.wait_settled())
        self.use('a', 'b')
        for healths, waits in (
                ((made.CONNECTING, made.CONNECTING), [30]),
                ((made.READY, made.CONNECTING), [30]),
                ((made.READY, made.UNREACHABLE), [])):
            for reflector, health in zip(self.reflectors, healths,
                                         strict=True):
                reflector.health = health
            self.assertEqual(waits, self.wait_settled())
        self.reflectors[0].health = made.CONNECTING
        self.fleet.stop()
        self.assertEqual([], self.wait_settled())

    def test_snapshot_without_watches_lists_all_clusters(self) -> None:
        self.found = [self.endpoint('a'), self.endpoint('b'),
                      errors.MisconfiguredError('m', 'wrong')]
        self.use()
        requested: list[bool] = []

        def look() -> None:
            requested.extend(each.is_listing for each in self.reflectors)

        self.news.waits.clear()
        self.news.meanwhile[:] = [look]
        self.fleet.list_all(120)
        self.assertEqual([True, True], requested)
        self.assertEqual([122], self.news.waits)

    def test_it_waits_no_longer_than_it_takes(self) -> None:
        self.use('a', 'b')

        def end() -> None:
            self.reflectors[0].is_listing = False

        def end_all() -> None:
            self.reflectors[1].is_listing = False

        for meanwhile in (end, end_all):
            self.news.waits.clear()
            self.news.meanwhile[:] = [meanwhile]
            self.fleet.list_all(120)
            self.assertEqual([122], self.news.waits)
        self.use('a')
        self.reflectors[0].request_list = lambda: None  # type: ignore
        self.reflectors[0].is_listing = False
        self.news.waits.clear()
        self.fleet.list_all(120)
        self.assertEqual([], self.news.waits)

    def test_it_waits_for_the_kubeconfig_first(self) -> None:
        self.use('a')
        self.fleet.use(self.settings(), anew=True)
        self.news.waits.clear()
        self.news.meanwhile[:] = [lambda: None, lambda: None]
        self.fleet.list_all(120)
        # All the time is spent, and none is left for the lists.
        self.assertEqual([122, 0], self.news.waits)

    def test_misconfigured_cluster_is_not_listed(self) -> None:
        self.use('a')
        self.found = [errors.MisconfiguredError('a', 'wrong')]
        self.use()
        self.fleet.list_all(120)
        self.assertFalse(self.reflectors[0].is_listing)

    def test_some_begin_at_once_and_others_soon_after(self) -> None:
        self.use(*'abcdefg')
        self.news.waits.clear()
        begun: list[int] = []

        def note(ended: int) -> None:
            begun.append(sum(each.is_listing for each in self.reflectors))
            for each in self.reflectors[:ended]:
                each.is_listing = False

        # The first does not answer, the others do.
        self.news.meanwhile[:] = [
            lambda: note(0), lambda: note(7), lambda: note(7)]
        self.fleet.list_all(120)

        self.assertEqual([3, 4, 3], begun)
        self.assertEqual([0.02, 0.02], [
            round(wait, 2) for wait in self.news.waits[:2]])

    def test_those_who_do_not_answer_delay_no_others_for_long(self) -> None:
        self.use(*map(str, range(100)))
        begun: list[float] = []

        def begin(reflector: fleets.Reflector) -> None:
            reflector.is_listing = True
            begun.append(self.clock.now)

        self.useFixture(fixtures.MonkeyPatch(
            'tests.support.fleets.Reflector.request_list', begin))
        self.news.meanwhile[:] = [lambda: None] * 100
        started = self.clock.now
        self.fleet.list_all(120)
        self.assertEqual(100, len(begun))
        self.assertGreater(begun[-1], started)
        self.assertLessEqual(begun[-1], started + fleet.GRACE / 2)
        # The last one has all of its time, too.
        self.assertAlmostEqual(begun[-1] + 122, self.clock.now)

    def test_idle_connections_are_closed_meanwhile(self) -> None:
        closed: list[float] = []
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.idle.SESSIONS.close_old',
            lambda: closed.append(self.clock.now)))
        self.use('a')
        self.run_thread(lambda: None)
        self.assertEqual(2, len(set(closed)))
