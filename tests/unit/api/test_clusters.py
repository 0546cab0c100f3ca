# SPDX-License-Identifier: Apache-2.0
"""Which cluster a node is of."""

import itertools

import testtools

from tests.support.inventories import item
from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories


def cluster(name: str, *uids: str, unclear: str = '',
            is_complete: bool = True) -> clusters.Cluster:
    inventory = inventories.Inventory(10)
    if is_complete:
        listing = inventory.begin_list()
        listing.add([item(1, uid, name) for uid in uids], unclear)
        inventory.replace(listing, '1')
    return clusters.Cluster(
        clusters.ClusterSettings(name), clusters.Health('Ready'), inventory)


def view(*members: clusters.Cluster) -> clusters.View:
    return clusters.View({each.settings.name: each for each in members})


def owned(clusters_now: clusters.View) -> dict[str, set[str]]:
    return {each.settings.name: set(nodes)
            for each, nodes in clusters_now.owned()}


class OwnerTest(testtools.TestCase):

    def test_node_is_of_the_first_cluster_that_has_it(self) -> None:
        for members, expected in (
                ([], {}),
                ([cluster('x')], {'x': ''}),
                ([cluster('x', *'ab')], {'x': 'ab'}),
                ([cluster('x', *'ab'), cluster('y', *'bc')],
                 {'x': 'ab', 'y': 'c'}),
                ([cluster('y', *'bc'), cluster('x', *'ab')],
                 {'y': 'bc', 'x': 'a'}),
                ([cluster('x'), cluster('y', *'ab')], {'x': '', 'y': 'ab'}),
                ([cluster('x', is_complete=False), cluster('y', *'ab')],
                 {'x': '', 'y': 'ab'}),
                ([cluster('x', 'a'), cluster('y'), cluster('z', *'ab')],
                 {'x': 'a', 'y': '', 'z': 'b'}),
                ([cluster('x', *'ab'), cluster('y', *'ab'),
                  cluster('z', *'ba')], {'x': 'ab', 'y': '', 'z': ''})):
            found = view(*members)
            self.assertEqual({name: set(uids)
                              for name, uids in expected.items()},
                             owned(found))
            for name, uids in expected.items():
                for uid in uids:
                    owner = found.owner(uid)
                    assert owner is not None
                    self.assertEqual(name, owner.settings.name)

    def test_node_that_nobody_has_is_of_no_cluster(self) -> None:
        self.assertIsNone(view().owner('a'))
        self.assertIsNone(view(cluster('x', 'b'), cluster('y')).owner('a'))

    def test_node_is_as_its_cluster_has_it(self) -> None:
        for found in itertools.permutations(
                (cluster('x', 'a'), cluster('y', 'a'))):
            [(_, nodes), (_, others)] = view(*found).owned()
            self.assertEqual(found[0].settings.name, nodes['a'].roles)
            self.assertEqual({}, others)

    def test_order_is_that_of_the_configuration(self) -> None:
        found = view(cluster('z'), cluster('a'), cluster('m'))

        self.assertEqual(['z', 'a', 'm'],
                         [each.settings.name for each, _ in found.owned()])

    def test_node_that_cannot_be_shown_is_of_its_cluster_too(self) -> None:
        found = view(cluster('x', unclear='a'), cluster('y', *'ab'))

        owner = found.owner('a')
        assert owner is not None
        self.assertEqual('x', owner.settings.name)
        self.assertEqual({'x': set(), 'y': {'b'}}, owned(found))

    def test_configuration_is_whole_unless_it_is_said(self) -> None:
        self.assertTrue(view().is_whole)
        self.assertEqual(frozenset(), view().left_out)

    def test_what_threads_share_stays_as_it_is(self) -> None:
        one = cluster('x')
        for shared, field in ((one, 'health'), (one.settings, 'name'),
                              (one.health, 'state'), (view(), 'is_whole')):
            self.assertRaises(AttributeError, setattr, shared, field, None)

    def test_machines_firmware_is_not_asked_unless_it_is_said(self) -> None:
        self.assertFalse(clusters.ClusterSettings('x').link_by_system_uuid)
