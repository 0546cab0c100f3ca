# SPDX-License-Identifier: Apache-2.0
"""What becomes of text from outside."""

import json
import sys
import unicodedata

import testtools

from vitrage_k8s.api import text

EMOJI = '\U0001f600'

# What is given, how long it may be, what comes of it.
TABLE = [
    ('', 3, ''),
    ('abc', 3, 'abc'),
    ('abcd', 3, '...'),
    ('abcd', 4, 'abcd'),
    ('abcde', 4, 'a...'),
    ('a b', 3, 'a b'),
    # What JSON escapes with 2, 6 and 12 characters.
    ('"\\', 4, '"\\'),
    ('"\\"', 5, '"...'),
    ('"\\"', 4, '...'),
    ('\xe9', 6, '\xe9'),
    ('\xe9\xe9', 11, '\xe9...'),
    ('\xe9\xe9', 12, '\xe9\xe9'),
    (EMOJI, 12, EMOJI),
    (EMOJI, 11, '...'),
    (EMOJI + EMOJI, 23, EMOJI + '...'),
    (EMOJI + EMOJI, 14, '...'),
    ('a' + EMOJI, 13, 'a' + EMOJI),
    ('a' + EMOJI, 12, 'a...'),
    # What cannot be printed counts as what takes its place.
    ('\x1b\0\r\n', 4, '????'),
    ('\x1b\0\r\n\t', 4, '?...'),
    ('\x7f\x80\x9b\x9f\xa0\xad', 20, '??????'),
    ('\u2028\u2029', 20, '??'),
    ('\u202a\u202b\u202c\u202d\u202e', 20, '?????'),
    ('\u2066\u2067\u2068\u2069', 20, '????'),
    ('\u200e\u200f\u061c', 20, '???'),
    ('\u200b\u200c\u200d\u2060\ufeff', 20, '?????'),
    ('\ud800', 20, '?'),
    ('\ud83d\ude00', 20, '??'),
    ('\udcff\U000e0001\ue000\ufffe', 20, '????'),
    # Long enough to be worth a thought.
    ('x' * 70_000, 256, 'x' * 253 + '...'),
    (EMOJI * 70_000, 256, EMOJI * 21 + '...'),
    ('\x1b' * 70_000, 256, '?' * 253 + '...'),
]


def length(value: str) -> int:
    return len(json.dumps(value)) - 2


class MakeSafeTest(testtools.TestCase):

    def test_table(self) -> None:
        for given, longest, expected in TABLE:
            self.assertEqual(expected, text.make_safe(given, longest),
                             (ascii(given[:20]), longest))

    def test_is_never_too_long_nor_changed_again(self) -> None:
        for given, _, _ in TABLE:
            for longest in (*range(3, 40), 4096):
                safe = text.make_safe(given, longest)

                self.assertLessEqual(length(safe), longest)
                self.assertTrue(safe.isprintable())
                self.assertEqual(safe, text.make_safe(safe, longest))

    def test_cuts_as_little_as_it_can(self) -> None:
        for given in ('x' * 50, '"' * 50, '\xe9' * 50, EMOJI * 50,
                      '"x\xe9y' * 20 + EMOJI):
            for longest in range(3, 50):
                safe = text.make_safe(given, longest)

                kept = safe.removesuffix('...')
                self.assertEqual(given[:len(kept)] + '...', safe)
                self.assertGreater(
                    length(given[:len(kept) + 1] + '...'), longest)

    def test_message_has_room_for_the_longest_name_and_reason(self) -> None:
        name = EMOJI * text.LONGEST_NAME
        reason = 'x' * text.LONGEST_REASON
        message = f'Cluster {name}: {reason}'

        self.assertEqual(message, text.make_safe(message))

    def test_every_character_by_its_category(self) -> None:
        kept: dict[str, set[bool]] = {}
        for start in range(0, sys.maxunicode, 4096):
            given = ''.join(map(chr, range(start, start + 4096)))
            safe = text.make_safe(given, 12 * len(given))
            for character, shown in zip(given, safe, strict=True):
                kept.setdefault(unicodedata.category(character), set()).add(
                    shown == character)

        # '?' is what takes the place of others.
        self.assertEqual(
            {'Cc': {False}, 'Cf': {False}, 'Cn': {False}, 'Co': {False},
             'Cs': {False}, 'Zl': {False}, 'Zp': {False},
             # Of all kinds of space, that of ASCII.
             'Zs': {False, True}},
            {category: results for category, results in kept.items()
             if results != {True}})
        self.assertEqual(' ', text.make_safe(' '))

    def test_can_be_encoded_and_decoded(self) -> None:
        for code in range(0xd000, 0xe100):
            safe = text.make_safe(chr(code))

            self.assertEqual(safe, safe.encode().decode())


class BoundsTest(testtools.TestCase):

    def test_bounds_are_those_of_the_documentation(self) -> None:
        self.assertEqual((256, 1024, 1024, 4096), (
            text.LONGEST_VALUE, text.LONGEST_LIST, text.LONGEST_REASON,
            text.LONGEST_MESSAGE))
        self.assertEqual((253, 317, 1024, 64, 4096), (
            text.LONGEST_NAME, text.LONGEST_QUALIFIED,
            text.LONGEST_MACHINE_ID, text.LONGEST_PROJECT_ID,
            text.LONGEST_LABELS))


class IsKeyTest(testtools.TestCase):

    def test_counts_characters_and_wants_them_printable(self) -> None:
        for key, longest, expected in (
                ('abc', 3, True), ('abc', 2, False), ('', 0, True),
                (EMOJI * 3, 3, True), ('"""', 3, True), ('a b', 3, True),
                ('a\n', 3, False), ('\u202e', 3, False),
                ('\ud800', 3, False), ('\x1b', 3, False)):
            self.assertEqual(expected, text.is_key(key, longest), ascii(key))

    def test_odd_keys_are_named_once(self) -> None:
        self.assertEqual(['a', 'c'], text.odd_keys([
            ('a', 'long', 3), ('b', 'abc', 3), ('c', '\n', 3), ('a', '\n', 3),
            ('d', None, 3), ('e', '', 3)]))


class AllTest(testtools.TestCase):

    def test_each_has_its_bound_and_what_is_empty_is_left_out(self) -> None:
        long = 'x' * 257

        self.assertEqual(
            {'short': 'xx', 'cut': 'x' * 253 + '...', 'mine': 'xx...',
             'as it is': long + '\n'},
            text.make_all_safe(
                {'short': 'xx', 'cut': long, 'mine': long, 'none': None,
                 'as it is': long + '\n', 'empty': ''},
                {'mine': 5, 'as it is': None}))
