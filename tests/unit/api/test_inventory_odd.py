# SPDX-License-Identifier: Apache-2.0
"""Nodes that cannot be shown or named, and more nodes than are allowed."""

import itertools

from tests.support import inventories
from tests.support.inventories import item
from vitrage_k8s.api import errors
from vitrage_k8s.api import inventory


class HiddenTest(inventories.InventoryTestCase):
    """A node that cannot be shown is there; it stays as it was."""

    def setUp(self) -> None:
        super().setUp()
        self.list_nodes(30, item(10, 'a', 'x'))
        self.inventory.take_changed()

    def test_stays_as_it_was(self) -> None:
        self.list_nodes(40, hidden=('a', 'b'))

        self.assertEqual({'a': 'x'}, self.shown())
        self.assertIn('a', self.inventory)
        self.assertIn('b', self.inventory)
        self.assertEqual(['a', 'b'], self.inventory.uids())
        self.assertIsNone(self.inventory.get('b'))
        self.assertEqual(set(), self.inventory.take_changed())

    def test_stays_as_it_was_when_a_watch_says_so(self) -> None:
        self.assertTrue(self.blur(31, 'a'))
        self.assertTrue(self.blur(32, 'b'))

        self.assertEqual({'a': 'x'}, self.shown())
        self.assertIn('b', self.inventory)
        self.assertEqual(set(), self.inventory.take_changed())

    def test_is_shown_when_it_can_be(self) -> None:
        self.list_nodes(40, hidden=('a', 'b'))
        self.put(41, 'b', 'y')
        self.assertEqual({'a': 'x', 'b': 'y'}, self.shown())
        self.assertEqual(['a', 'b'], self.inventory.uids())
        self.list_nodes(50, item(45, 'a', 'z'), item(41, 'b', 'y'))
        self.assertEqual({'a': 'z', 'b': 'y'}, self.shown())

    def test_goes_with_its_deletion(self) -> None:
        self.list_nodes(40, hidden=('a', 'b'))
        self.delete(41, 'a')
        self.delete(42, 'b')

        self.assertEqual([], self.inventory.uids())
        self.assertNotIn('b', self.inventory)

    def test_goes_with_a_list(self) -> None:
        self.list_nodes(40, hidden=('a', 'b'))
        self.list_nodes(50)

        self.assertEqual([], self.inventory.uids())
        self.assertNotIn('b', self.inventory)

    def test_what_is_deleted_meanwhile_stays_deleted(self) -> None:
        self.list_nodes(40, hidden=('a', 'b'))
        listing = self.inventory.begin_list()
        listing.add([], ['a', 'b'])
        self.delete(51, 'a')
        self.delete(52, 'b')
        self.inventory.replace(listing, '50')

        self.assertNotIn('a', self.inventory)
        self.assertNotIn('b', self.inventory)

    def test_what_a_watch_says_counts_if_it_is_newer(self) -> None:
        for version, is_there in ((49, False), (50, False), (51, True)):
            self.list_nodes(30)
            listing = self.inventory.begin_list()
            self.blur(version, 'b')
            self.inventory.replace(listing, '50')
            self.assertIs(is_there, 'b' in self.inventory)
            self.inventory = inventory.Inventory(3)

    def test_list_that_knows_it_shows_it(self) -> None:
        listing = self.inventory.begin_list()
        self.blur(51, 'b')
        listing.add([item(20, 'b', 'x')])
        self.inventory.replace(listing, '50')

        self.assertEqual({'b': 'x'}, self.shown())
        self.delete(52, 'b')
        self.assertNotIn('b', self.inventory)

    def test_is_shown_again_after_the_server_went_back(self) -> None:
        self.put(35, 'a', 'y')
        self.list_nodes(20, hidden=('a',))
        self.put(21, 'a', 'z')

        self.assertEqual({'a': 'z'}, self.shown())


class UnidentifiedTest(inventories.InventoryTestCase):
    """A list with an item without a uid says nothing of absence."""

    def test_absent_nodes_stay(self) -> None:
        self.list_nodes(30, item(10, 'a', 'x'), item(20, 'b', 'x'))
        self.list_nodes(40, item(35, 'b', 'y'), item(36, 'c', 'y'),
                        has_unidentified=True)

        self.assertEqual({'a': 'x', 'b': 'y', 'c': 'y'}, self.shown())

    def test_any_page_may_have_it(self) -> None:
        self.list_nodes(30, item(10, 'a'))
        for pages in itertools.permutations((True, False, False)):
            listing = self.inventory.begin_list()
            for has_unidentified in pages:
                listing.add([], (), has_unidentified)
            self.inventory.replace(listing, '40')
            self.assertIn('a', self.inventory)

    def test_what_is_deleted_meanwhile_stays_deleted(self) -> None:
        self.list_nodes(30, item(10, 'a'))
        listing = self.inventory.begin_list()
        self.delete(31, 'a')
        listing.add([item(10, 'a')], (), True)
        self.inventory.replace(listing, '30')

        self.assertNotIn('a', self.inventory)

    def test_next_list_says_it(self) -> None:
        self.list_nodes(30, item(10, 'a'))
        self.list_nodes(40, has_unidentified=True)
        self.list_nodes(50)

        self.assertNotIn('a', self.inventory)


class TooManyTest(inventories.InventoryTestCase):
    """Three nodes are allowed."""

    def test_list_may_have_as_many_as_are_allowed(self) -> None:
        self.list_nodes(30, item(1, 'a'), item(2, 'b'), hidden=('c',))

        self.assertEqual(['a', 'b', 'c'], self.inventory.uids())

    def test_list_ends_with_the_page_that_is_too_much(self) -> None:
        for hidden in ((), ('c', 'd')):
            listing = self.inventory.begin_list()
            listing.add([item(1, 'a'), item(2, 'b')])
            listing.add([], hidden[:1])
            error = self.assertRaises(
                errors.TooManyNodesError, listing.add,
                [] if hidden else [item(3, 'c'), item(4, 'd')], hidden[1:])
            self.assertEqual(
                'there are more than 3 nodes; if that is right, raise '
                '[kubernetes] max_nodes', str(error))

    def test_same_node_on_two_pages_is_one(self) -> None:
        listing = self.inventory.begin_list()
        for _ in range(3):
            listing.add([item(1, 'a'), item(2, 'b')])
        self.inventory.replace(listing, '9')

        self.assertEqual(['a', 'b'], self.inventory.uids())

    def test_watch_adds_as_many_as_are_allowed(self) -> None:
        for blurs, change in itertools.product((0, 1, 2, 3), (
                lambda: self.put(50, 'e'), lambda: self.blur(50, 'e'))):
            self.inventory = inventory.Inventory(3)
            self.list_nodes(30)
            for number, uid in enumerate('abc', 31):
                (self.blur if number < 31 + blurs else self.put)(number, uid)
            shown = self.shown()

            self.assertRaises(errors.TooManyNodesError, change)

            self.assertEqual(['a', 'b', 'c'], sorted(self.inventory.uids()))
            self.assertEqual(shown, self.shown())
            self.assertEqual('33', self.inventory.resource_version)
            self.assertNotIn('e', self.inventory)

    def test_there_is_place_for_what_is_there_already(self) -> None:
        self.list_nodes(30, item(1, 'a'), item(2, 'b'), hidden=('c',))
        self.put(31, 'a', 'x')
        self.blur(32, 'b')
        self.blur(33, 'c')
        self.put(34, 'c', 'x')
        self.assertEqual({'a': 'x', 'b': None, 'c': 'x'}, self.shown())

    def test_there_is_place_after_a_deletion(self) -> None:
        self.list_nodes(30, item(1, 'a'), item(2, 'b'), hidden=('c',))
        self.delete(31, 'c')
        self.blur(32, 'd')
        self.delete(33, 'a')
        self.put(34, 'e')
        self.assertEqual(['b', 'd', 'e'], sorted(self.inventory.uids()))

    def test_late_event_needs_no_place(self) -> None:
        self.list_nodes(30, item(1, 'a'), item(2, 'b'), item(3, 'c'))
        self.put(29, 'd')
        self.blur(28, 'e')
        self.assertEqual(['a', 'b', 'c'], self.inventory.uids())

    def test_what_is_deleted_while_a_list_is_read_has_a_bound(self) -> None:
        self.list_nodes(30)
        self.inventory.begin_list()
        for number in range(3):
            self.put(31, f'n{number}')
            self.delete(31, f'n{number}')
            # Nobody knew it.
            self.delete(31, f'other{number}')
        self.put(31, 'n4')
        self.assertRaises(errors.TooManyNodesError, self.delete, 31, 'n4')
        self.assertIn('n4', self.inventory)
        # A new list begins to count anew.
        self.inventory.begin_list()
        self.delete(31, 'n4')
