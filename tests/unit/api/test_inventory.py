# SPDX-License-Identifier: Apache-2.0
"""Lists of nodes, taken as a whole."""

from collections.abc import Callable
import gc
import weakref

from tests.support import inventories
from tests.support.inventories import item
from tests.support.inventories import node


class ListTest(inventories.InventoryTestCase):

    def test_nothing_is_known_before_the_first_list(self) -> None:
        self.assertFalse(self.inventory.is_complete)
        self.assertIsNone(self.inventory.resource_version)
        self.assertEqual({}, self.inventory.all_nodes())
        self.assertEqual(0, len(self.inventory))
        self.assertNotIn('a', self.inventory)
        self.assertIsNone(self.inventory.get('a'))
        self.assertEqual(set(), self.inventory.take_changed())
        self.assertIsNone(self.inventory.begin_watch()[1])

    def test_list_counts_when_it_is_complete(self) -> None:
        listing = self.inventory.begin_list()
        listing.add([item(1, 'a', 'x')])
        listing.add([item(2, 'b', 'y')])
        self.assertFalse(self.inventory.is_complete)
        self.assertEqual({}, self.inventory.all_nodes())

        self.assertTrue(self.inventory.replace(listing, '5'))

        self.assertTrue(self.inventory.is_complete)
        self.assertEqual({'a': 'x', 'b': 'y'}, self.shown())
        self.assertEqual(['a', 'b'], self.inventory.uids())
        self.assertEqual(2, len(self.inventory))
        self.assertIn('a', self.inventory)
        self.assertEqual(node('a', 'x'), self.inventory.get('a'))
        self.assertEqual('5', self.inventory.resource_version)
        self.assertEqual('5', self.inventory.begin_watch()[1])

    def test_next_list_is_the_truth(self) -> None:
        self.list_nodes(5, item(1, 'a', 'x'), item(2, 'b', 'x'))
        self.list_nodes(9, item(7, 'b', 'y'), item(8, 'c', 'z'))

        self.assertEqual({'b': 'y', 'c': 'z'}, self.shown())
        self.assertNotIn('a', self.inventory)

    def test_empty_list_is_a_list(self) -> None:
        self.list_nodes(5, item(1, 'a'))
        self.list_nodes(9)

        self.assertEqual({}, self.shown())
        self.assertTrue(self.inventory.is_complete)

    def test_list_that_fails_leaves_nothing_behind(self) -> None:
        self.list_nodes(5, item(1, 'a', 'x'))
        self.inventory.take_changed()
        failed = self.inventory.begin_list()
        failed.add([item(6, 'a', 'y'), item(7, 'b')], ['c'], True)
        self.assertEqual({'a': 'x'}, self.shown())
        self.assertNotIn('c', self.inventory)
        self.assertEqual(set(), self.inventory.take_changed())

        self.list_nodes(8)

        self.assertEqual({}, self.shown())

    def test_what_a_failed_list_read_is_not_kept(self) -> None:
        listing = self.inventory.begin_list()
        listing.add([item(6, 'a')])
        kept = weakref.ref(listing)
        del listing
        gc.collect()

        self.assertIsNone(kept())

    def test_list_that_another_one_overtook_does_not_count(self) -> None:
        late = self.inventory.begin_list()
        late.add([item(3, 'a')])
        self.list_nodes(9, item(1, 'b'))

        self.assertFalse(self.inventory.replace(late, '10'))

        self.assertEqual(['b'], self.inventory.uids())
        self.assertEqual('9', self.inventory.resource_version)

    def test_list_counts_once(self) -> None:
        listing = self.inventory.begin_list()
        listing.add([item(3, 'a')])
        self.inventory.replace(listing, '5')
        self.epoch, _ = self.inventory.begin_watch()
        self.put(6, 'a')

        self.assertIs(False, self.inventory.replace(listing, '7'))

        self.assertEqual('6', self.inventory.resource_version)


class ServerWentBackTest(inventories.InventoryTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.list_nodes(50, item(10, 'a', 'old'), item(40, 'b', 'new'))
        self.inventory.take_changed()

    def test_list_of_an_older_version_is_the_truth(self) -> None:
        self.put(60, 'c')
        self.delete(61, 'a')
        self.assertTrue(self.list_nodes(
            45, item(10, 'a', 'old'), item(20, 'b', 'old')))

        self.assertEqual({'a': 'old', 'b': 'old'}, self.shown())
        self.assertEqual('45', self.inventory.resource_version)
        self.assertEqual({'a', 'b', 'c'}, self.inventory.take_changed())

    def test_what_was_deleted_meanwhile_is_there_again(self) -> None:
        listing = self.inventory.begin_list()
        self.delete(61, 'a')
        listing.add([item(10, 'a', 'old')])
        self.assertTrue(self.inventory.replace(listing, '49'))

        self.assertEqual({'a': 'old'}, self.shown())

    def test_events_from_before_do_not_count(self) -> None:
        before = self.epoch
        self.assertTrue(self.is_current(before))
        self.list_nodes(45, item(10, 'a', 'old'))

        self.assertFalse(self.is_current(before))
        self.assertTrue(self.is_current(self.epoch))
        self.epoch = before
        self.assertIs(False, self.put(70, 'c'))
        self.assertFalse(self.delete(71, 'a'))
        self.assertFalse(self.blur(72, 'd'))
        self.assertEqual({'a': 'old'}, self.shown())
        self.assertNotIn('d', self.inventory)
        self.assertEqual('45', self.inventory.resource_version)

    def test_events_from_then_on_count(self) -> None:
        self.list_nodes(45, item(20, 'b', 'old'))
        self.put(46, 'b', 'other')

        self.assertEqual({'b': 'other'}, self.shown())

    def test_what_counts_is_what_was_known_when_the_list_began(self) -> None:
        listing = self.inventory.begin_list()
        self.put(60, 'c')
        listing.add([item(10, 'a', 'old'), item(40, 'b', 'new')])

        self.assertFalse(self.inventory.replace(listing, '50'))

        self.assertTrue(self.is_current(self.epoch))
        self.assertIn('c', self.inventory)
        self.assertEqual('60', self.inventory.resource_version)

    def test_list_that_contradicts_a_watch_is_the_truth(self) -> None:
        # A list of version 70 has what was at 60, unless the server went back
        # and has overtaken what was known.
        self.put(60, 'b', 'lost')
        self.list_nodes(70, item(20, 'b', 'restored'))

        self.assertEqual({'b': 'restored'}, self.shown())

    def test_lists_whose_versions_are_none_are_the_truth(self) -> None:
        self.list_nodes('x', item(45, 'a', 'y'))
        self.assertEqual({'a': 'y'}, self.shown())
        self.assertEqual('x', self.inventory.resource_version)
        for version in ('z', '46'):
            before = self.epoch
            listing = self.inventory.begin_list()
            self.put('v60', 'c')
            listing.add([item(None, 'b', version)])
            self.assertTrue(self.inventory.replace(listing, version))
            self.epoch, _ = self.inventory.begin_watch()

            self.assertEqual({'b': version}, self.shown())
            self.assertEqual(version, self.inventory.resource_version)
            self.assertFalse(self.is_current(before))


class ChangesTest(inventories.InventoryTestCase):

    def changed(self) -> set[str]:
        return self.inventory.take_changed()

    def test_lists_what_differs(self) -> None:
        self.list_nodes(5, item(1, 'a'), item(2, 'b'), item(3, 'c'))
        self.assertEqual({'a', 'b', 'c'}, self.changed())
        self.assertEqual(set(), self.changed())

        self.list_nodes(9, item(1, 'a'), item(8, 'b', 'x'))

        self.assertEqual({'b', 'c'}, self.changed())

    def test_adds_up(self) -> None:
        self.list_nodes(5, item(1, 'a'))
        self.list_nodes(6, item(1, 'b'))
        self.put(7, 'c')
        self.delete(8, 'b')

        self.assertEqual({'a', 'b', 'c'}, self.changed())

    def test_events_that_change_a_node(self) -> None:
        self.list_nodes(5, item(1, 'a'), item(2, 'b'))
        self.changed()
        changes: tuple[tuple[Callable[[], bool], set[str]], ...] = (
            (lambda: self.put(6, 'a', 'x'), {'a'}),
            (lambda: self.put(7, 'a', 'x'), set()),
            (lambda: self.put(8, 'c', 'x'), {'c'}),
            (lambda: self.delete(9, 'b'), {'b'}),
            (lambda: self.delete(10, 'b'), set()),
            (lambda: self.put(8, 'a', 'x'), set()),
            (lambda: self.blur(11, 'a'), set()))
        for change, uids in changes:
            change()
            self.assertEqual(uids, self.changed())

    def test_equal_nodes_are_one_object(self) -> None:
        self.list_nodes(5, item(1, 'a', 'x'))
        held = self.inventory.get('a')
        self.list_nodes(6, item(1, 'a', 'x'))
        self.assertIs(held, self.inventory.get('a'))
        self.list_nodes(7, item(7, 'a', 'x'))
        self.assertIs(held, self.inventory.get('a'))
        self.put(8, 'a', 'x')
        self.assertIs(held, self.inventory.get('a'))
        self.put(9, 'a', 'y')
        self.assertIsNot(held, self.inventory.get('a'))

    def test_what_is_handed_out_stays_as_it_is(self) -> None:
        self.list_nodes(5, item(1, 'a'))
        handed_out = self.inventory.all_nodes()
        self.put(6, 'b')

        self.assertEqual(['a'], list(handed_out))
