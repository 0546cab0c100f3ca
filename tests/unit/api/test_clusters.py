# SPDX-License-Identifier: Apache-2.0
"""Which cluster a node is of."""

import itertools

import testtools

from tests.support.inventories import item
from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories


def cluster(name: str, *uids: str, hidden: str = '',
            is_complete: bool = True) -> clusters.Cluster:
    inventory = inventories.Inventory(10)
    if is_complete:
        listing = inventory.begin_list()
        listing.add([item(1, uid, name) for uid in uids], hidden)
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
        found = view(cluster('x', hidden='a'), cluster('y', *'ab'))

        owner = found.owner('a')
        assert owner is not None
        self.assertEqual('x', owner.settings.name)
        self.assertEqual({'x': set(), 'y': {'b'}}, owned(found))

    def test_configuration_is_whole_unless_it_is_said(self) -> None:
        self.assertTrue(view().is_whole)
        self.assertEqual({}, view().left_out)

    def test_what_threads_share_stays_as_it_is(self) -> None:
        one = cluster('x')
        for shared, field in ((one, 'health'), (one.settings, 'name'),
                              (one.health, 'state'), (view(), 'is_whole')):
            self.assertRaises(AttributeError, setattr, shared, field, None)

    def test_machines_firmware_is_not_asked_unless_it_is_said(self) -> None:
        settings = clusters.ClusterSettings('x')
        self.assertFalse(settings.link_by_system_uuid)
        self.assertFalse(settings.are_hosts)

    def test_owner_of_all_nodes_of_another_cluster(self) -> None:
        found = view(cluster('x', *'ab', hidden='c'), cluster('y', *'ad'))
        for uids, hidden, owner in (
                ('', '', None), ('a', '', 'x'), ('ba', 'c', 'x'),
                ('ad', '', 'y'), ('e', '', None), ('ea', '', None),
                ('ae', '', None), ('a', 'e', None)):
            other = cluster('z', *uids, hidden=hidden).inventory
            self.assertEqual(owner, found.owner_of_all(other), uids)
        self.assertIsNone(view().owner_of_all(other))


class GoneTest(testtools.TestCase):

    def test_cluster_is_removed_that_is_not_configured(self) -> None:
        for is_whole, left_out, name, is_removed in (
                (True, '', 'x', False), (True, '', 'y', True),
                (True, '', None, True), (True, 'z', 'z', True),
                # What could not be read may have it.
                (False, '', 'x', False), (False, '', 'y', False),
                (False, '', None, False), (False, 'z', 'z', True),
                (False, 'z', 'y', False)):
            found = clusters.View({'x': cluster('x')},
                                  dict.fromkeys(left_out, ''), is_whole)
            self.assertIs(is_removed, found.is_removed(name))

    def test_node_is_gone_that_no_cluster_has(self) -> None:
        listed = cluster('x', 'a', hidden='b')
        connecting = cluster('x', is_complete=False)
        for first, is_whole, uid, name, is_gone in (
                (listed, True, 'a', 'x', False),
                (listed, True, 'b', 'x', False),
                (listed, True, 'c', 'x', True),
                # Of y, which has d; of one that is not configured, and of
                # one that may be.
                (listed, True, 'd', 'x', False),
                (listed, True, 'c', 'gone', True),
                (listed, True, 'c', None, True),
                (listed, True, 'd', 'gone', False),
                (listed, False, 'c', 'gone', False),
                (listed, False, 'c', 'x', True),
                # Of one that has not been listed.
                (connecting, True, 'c', 'x', False),
                (connecting, True, 'd', 'x', False)):
            found = clusters.View(
                {'x': first, 'y': cluster('y', 'd')}, is_whole=is_whole)
            self.assertIs(is_gone, found.is_gone(uid, name), (uid, name))

    def test_list_that_comes_in_meanwhile_makes_no_node_gone(self) -> None:
        found = view(cluster('x', is_complete=False))
        inventory = found.clusters['x'].inventory

        class Late:
            """Is complete as soon as somebody has asked for that."""

            def __bool__(self) -> bool:
                listing = inventory.begin_list()
                listing.add([item(1, 'a')])
                inventory.replace(listing, '1')
                return True

        inventory.is_complete = Late()  # type: ignore[assignment]

        self.assertFalse(found.is_gone('a', 'x'))

    def test_settings_are_those_of_all_clusters_in_their_order(self) -> None:
        members = {name: cluster(name) for name in 'yx'}
        for is_whole in (True, False):
            self.assertEqual(
                (is_whole, [members['y'].settings, members['x'].settings]),
                clusters.View(members, is_whole=is_whole).settings)
