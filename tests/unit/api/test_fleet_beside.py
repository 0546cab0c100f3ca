# SPDX-License-Identifier: Apache-2.0
"""Contexts of one server that nobody has named, and what a fleet is asked."""

import logging

import msgspec

from tests.support import clusters as made
from tests.support import fleets
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet


class BesideTest(fleets.FleetTestCase):

    def use_contexts(self, *, is_named: bool, others: str = 'https://one',
                     ) -> None:
        """Read a, which is listed, and b, which is not."""
        first, second = self.endpoint('a'), self.endpoint('b')
        self.found = [first, msgspec.structs.replace(
            second, is_named=is_named, place=endpoints.Place(
                others, endpoints.ClusterEntry(others), second.place.directory,
                'x'))]
        self.use()
        reader, other = self.reflectors[-2:]
        made.list_nodes(reader.inventory, [made.make_node('n')])
        reader.health = made.READY
        other.health = made.UNREACHABLE

    def test_user_who_may_not_list_is_left_out(self) -> None:
        for is_named, others, shown in (
                (False, 'https://one', ['a']),
                (True, 'https://one', ['a', 'b']),
                (False, 'https://two', ['a', 'b'])):
            self.reflectors.clear()
            self.fleet = fleet.Fleet()
            self.use_contexts(is_named=is_named, others=others)
            view = self.fleet.view()
            self.assertEqual(shown, list(view.clusters))
            # What is left out is no news to its reflector.
            self.assertIs('b' not in shown, self.reflectors[1].is_beside())
            self.assertEqual(
                [] if 'b' in shown else [
                    'WARNING Cluster b: its user cannot list nodes, so it is '
                    'left out; cluster a of the same address is read'],
                self.logged())

    def test_user_who_has_listed_is_not(self) -> None:
        self.use_contexts(is_named=False)
        made.list_nodes(self.reflectors[1].inventory, [made.make_node('m')])
        self.assertEqual(['a', 'b'], list(self.fleet.view().clusters))

    def test_user_is_not_where_nobody_has_listed(self) -> None:
        self.found = [msgspec.structs.replace(
            self.endpoint(name), is_named=False) for name in 'ab']
        self.use()
        self.assertEqual(['a', 'b'], list(self.fleet.view().clusters))

    def test_misconfigured_one_is_shown(self) -> None:
        self.use_contexts(is_named=False)
        self.found = [self.endpoint('a'),
                      errors.MisconfiguredError('b', 'wrong')]
        self.use()
        self.assertEqual(['a', 'b'], list(self.fleet.view().clusters))


class HostsTest(fleets.FleetTestCase):

    def test_kubeconfig_says_which_context_a_cluster_is_of(self) -> None:
        for found in (msgspec.structs.replace(self.endpoint('x'),
                                              context='a'),
                      errors.MisconfiguredError('x', 'wrong', 'a')):
            for host, expected in (('a', True), ('b', False)):
                self.found = [found]
                self.use(host_contexts=frozenset(host))
                settings = self.fleet.view().clusters['x'].settings
                self.assertIs(expected, settings.are_hosts)


class QuestionsTest(fleets.FleetTestCase):

    def test_problems_are_those_of_the_last_read(self) -> None:
        self.assertEqual({}, self.fleet.problems)
        for found, said in (
                ([errors.ConfigurationError('one')], {'one': logging.ERROR}),
                ([errors.AdviceError('two'),
                  errors.MisconfiguredError('a', 'wrong')],
                 {'two': logging.WARNING,
                  'Cluster a: wrong': logging.ERROR}), ([], {})):
            self.found = found
            self.use()
            self.assertEqual(said, self.fleet.problems)

    def test_endpoint_is_that_in_use(self) -> None:
        endpoint = self.endpoint('a')
        self.found = [endpoint, errors.MisconfiguredError('b', 'wrong')]
        self.use()
        self.assertIs(endpoint, self.fleet.endpoint('a'))
        for name in 'bc':
            self.assertIsNone(self.fleet.endpoint(name))
