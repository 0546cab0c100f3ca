# SPDX-License-Identifier: Apache-2.0
"""Events of a watch, and lists beside it."""

from tests.support import inventories
from tests.support.inventories import item
from tests.support.inventories import node
from vitrage_k8s.api import inventory


class EventTest(inventories.InventoryTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.list_nodes(30, item(10, 'a', 'x'), item(20, 'b', 'x'))

    def test_adds_modifies_and_deletes(self) -> None:
        self.put(31, 'c', 'new')
        self.put(32, 'a', 'y')
        self.delete(33, 'b')

        self.assertEqual({'a': 'y', 'c': 'new'}, self.shown())
        self.assertNotIn('b', self.inventory)

    def test_version_comes_with_the_event(self) -> None:
        for version, is_further in (
                ('31', self.put(31, 'a')), ('32', self.delete(32, 'a')),
                ('33', self.blur(33, 'c'))):
            self.assertTrue(is_further, version)
        self.assertEqual('33', self.inventory.resource_version)

    def test_bookmark_is_a_version_alone(self) -> None:
        for known, version, comes_to in (
                ('30', '31', '31'), ('30', '30', '30'), ('30', '29', '30'),
                ('9', '10', '10'), ('30', None, '30'), ('30', '', '30'),
                ('30', 'x', 'x'), ('x', '30', '30'), ('x', 'y', 'y'),
                ('x', 'x', 'x')):
            self.inventory = inventory.Inventory(3)
            self.list_nodes(known)
            self.assertIs(comes_to != known,
                          self.inventory.apply(self.epoch, version))
            self.assertEqual(comes_to, self.inventory.resource_version)

    def test_event_without_a_version_counts(self) -> None:
        self.assertFalse(
            self.inventory.apply(self.epoch, None, node('a', 'y')))
        self.put(15, 'a', 'z')
        self.assertFalse(self.inventory.apply(
            self.epoch, None, node('b'), is_deletion=True))

        self.assertEqual({'a': 'z'}, self.shown())
        self.assertEqual('30', self.inventory.resource_version)

    def test_node_does_not_go_back(self) -> None:
        for version, content in ((19, 'x'), (20, 'y'), (25, 'y'), (31, 'y')):
            self.list_nodes(30, item(20, 'b', 'x'))
            self.put(version, 'b', 'y')
            self.assertEqual({'b': content}, self.shown(), version)

    def test_late_deletion_of_what_is_newer_does_not_count(self) -> None:
        for version, is_there in ((19, True), (20, False), (25, False)):
            self.list_nodes(30, item(20, 'b', 'x'))
            self.delete(version, 'b')
            self.assertIs(is_there, 'b' in self.inventory, version)

    def test_what_a_list_does_not_have_does_not_come_back(self) -> None:
        # The watch is late: it comes to the deletion after all that, or ends
        # before, and then goes on from the version of the list.
        self.list_nodes(40, item(10, 'a', 'x'))
        self.put(39, 'b', 'y')
        self.blur(38, 'c')
        self.assertEqual({'a': 'x'}, self.shown())
        self.assertNotIn('c', self.inventory)

        self.put(41, 'd')
        self.assertEqual({'a', 'd'}, set(self.shown()))

    def test_what_counts_is_the_last_list(self) -> None:
        self.put(60, 'c')
        listing = self.inventory.begin_list()
        listing.add([item(10, 'a', 'x')])
        self.put(61, 'c', 'y')
        self.inventory.replace(listing, '60')
        self.put(60, 'b', 'y')
        self.assertIn('b', self.inventory)
        self.put(59, 'd', 'y')
        self.assertNotIn('d', self.inventory)

    def test_server_without_numbers_is_believed(self) -> None:
        self.inventory = inventory.Inventory(3)
        self.list_nodes('v3', item(None, 'a', 'x'))
        self.put('v1', 'a', 'y')
        self.put('v2', 'b', 'y')
        self.put('v2', 'c', 'y')
        self.assertEqual({'a', 'b', 'c'}, set(self.shown()))
        self.delete('v3', 'b')
        self.assertEqual({'a': 'y', 'c': 'y'}, self.shown())


class ListBesideWatchTest(inventories.InventoryTestCase):

    def test_list_and_watch_beside_each_other(self) -> None:
        # What is held, and what a list of version 50 has of it.
        for held, listed, shown in (
                (40, None, None), (50, None, None), (51, None, 'held'),
                (None, None, None), (None, 40, 'listed'),
                (51, 40, 'held'), (50, 50, 'listed'), (40, 45, 'listed'),
                (51, None, 'held'), (50, None, None)):
            self.inventory = inventory.Inventory(3)
            self.list_nodes(30, item(30, 'a', 'held'))
            listing = self.inventory.begin_list()
            self.inventory.apply(
                self.epoch, str(held) if held else None, node('a', 'held'))
            if listed:
                listing.add([item(listed, 'a', 'listed')])
            self.inventory.replace(listing, '50')
            self.assertEqual({'a': shown} if shown else {}, self.shown(),
                             (held, listed))

    def test_held_node_is_newer_than_an_item_without_a_version(self) -> None:
        self.list_nodes(30, item(30, 'a'))
        listing = self.inventory.begin_list()
        self.put(51, 'a', 'held')
        listing.add([item(None, 'a', 'listed')])
        self.inventory.replace(listing, '50')

        self.assertEqual({'a': 'held'}, self.shown())

    def test_what_is_deleted_meanwhile_stays_deleted(self) -> None:
        self.list_nodes(30, item(10, 'a'), item(20, 'b'))
        listing = self.inventory.begin_list()
        listing.add([item(10, 'a')])
        self.delete(41, 'a')
        self.delete(42, 'b')
        listing.add([item(20, 'b'), item(35, 'c')])
        self.inventory.replace(listing, '40')

        self.assertEqual(['c'], self.inventory.uids())
        self.assertEqual('42', self.inventory.resource_version)

    def test_deletion_from_before_the_list_says_nothing_of_it(self) -> None:
        self.list_nodes(30, item(10, 'a'))
        self.inventory.begin_list()
        self.delete(31, 'a')
        self.list_nodes(40, item(35, 'a'))

        self.assertEqual(['a'], self.inventory.uids())

    def test_version_of_a_list_that_is_ahead_counts(self) -> None:
        self.list_nodes(30)
        self.list_nodes(40)
        self.put(35, 'a')

        self.assertEqual('40', self.inventory.resource_version)

    def test_watch_goes_on_beside_a_list(self) -> None:
        self.list_nodes(30)
        epoch = self.epoch
        self.list_nodes(40)

        self.assertEqual(epoch, self.epoch)
