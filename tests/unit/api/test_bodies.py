# SPDX-License-Identifier: Apache-2.0
"""Bodies that are packed with gzip, piece by piece."""

from collections.abc import Iterator
import contextlib
import gzip
import random
from unittest import mock
import zlib

import fixtures
import testtools
from testtools import matchers

from tests.support import memory
from vitrage_k8s.api import bodies

MEBIBYTE = 1 << 20


def cut(packed: bytes, size: int) -> list[bytes]:
    return [packed[at:at + size] for at in range(0, len(packed), size)]


def inflate(*packed: bytes) -> bytes:
    return b''.join(bodies.inflate(iter(packed)))


def inflate_all(packed: bodies.Packed, largest: int) -> bytes | bytearray:
    return bodies.inflate_all(packed, largest, lambda: None)


class InflateTest(testtools.TestCase):

    def test_bodies_of_any_size_cut_anywhere(self) -> None:
        rng = random.Random(1)
        for size in (0, 1, 1000, bodies.PIECE - 1, bodies.PIECE,
                     bodies.PIECE + 1, 3 * bodies.PIECE):
            for body in (b'x' * size, rng.randbytes(size)):
                packed = gzip.compress(body, 1)
                for pieces in (cut(packed, 1), cut(packed, 7777), [packed]):
                    self.assertEqual(body, inflate(*pieces))

    def test_members_follow_one_another(self) -> None:
        packed = gzip.compress(b'one ') + gzip.compress(b'') + gzip.compress(
            b'two')
        for size in (1, 5, len(packed)):
            self.assertEqual(b'one two', inflate(*cut(packed, size)))

    def test_passes_over_what_follows_the_last_member(self) -> None:
        for garbage in (b'\0', b'\0' * 512, b'junk', b'junk' + gzip.compress(
                b'not this')):
            packed = gzip.compress(b'one') + garbage
            for size in (1, 5, len(packed)):
                self.assertEqual(b'one', inflate(*cut(packed, size)))

    def test_end_within_a_member_is_an_error(self) -> None:
        packed = gzip.compress(b'one')
        for end in range(len(packed)):
            self.assertRaises(EOFError, inflate, packed[:end])
            if end:
                self.assertRaises(EOFError, inflate, packed + packed[:end])

    def test_what_is_not_gzip_is_an_error(self) -> None:
        packed = gzip.compress(b'one')
        for junk in (b'{}', packed[:10] + b'\xff', zlib.compress(b'one'),
                     packed[:-5] + b'junk!', packed + packed[:2] + b'junk'):
            self.assertRaises(zlib.error, inflate, junk)

    def test_yields_what_is_there_before_more_comes(self) -> None:
        packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        asked = []

        def packed() -> Iterator[bytes]:
            for line in (b'one\n', b'two\n', b'three\n'):
                asked.append(line)
                yield packer.compress(line) + packer.flush(zlib.Z_SYNC_FLUSH)

        pieces = filter(None, bodies.inflate(packed()))

        self.assertEqual(b'one\n', next(pieces))
        self.assertEqual(b'two\n', next(pieces))
        self.assertEqual([b'one\n', b'two\n'], asked)

    def test_yields_all_of_what_is_there(self) -> None:
        # Even where zlib has taken all of it in, and has more to give.
        packed = gzip.compress(b'x' * (3 * bodies.PIECE))
        for end in range(len(packed)):
            inflated = b''
            pieces = bodies.inflate(iter([packed[:end]]))
            with contextlib.suppress(EOFError):
                for piece in pieces:
                    inflated += piece
            self.assertEqual(zlib.decompressobj(16 + zlib.MAX_WBITS)
                             .decompress(packed[:end]), inflated)

    def test_yields_before_it_asks_for_more(self) -> None:
        # It is how a watch notices that nothing comes of what arrives.
        packed = cut(gzip.compress(b''), 1) + [b'junk', b'more', b'more']
        asked: list[bytes] = []

        def arrive() -> Iterator[bytes]:
            for piece in packed:
                asked.append(piece)
                yield piece

        asked_then = [len(asked) for _ in bodies.inflate(arrive())]

        self.assertEqual([*range(1, len(packed) + 1)],
                         sorted(set(asked_then)))

    def test_holds_little_of_what_is_large(self) -> None:
        packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
        bomb = b''.join([*(packer.compress(b' ' * MEBIBYTE)
                           for _ in range(64)), packer.flush()])
        traced = self.useFixture(memory.Memory())
        size = 0
        for piece in bodies.inflate(iter([bomb])):
            size += len(piece)

        self.assertEqual(64 * MEBIBYTE, size)
        self.assertThat(traced.peak, matchers.LessThan(MEBIBYTE))


    def test_refuses_very_many_members(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.bodies._MOST_MEMBERS', 3))
        member = gzip.compress(b'x')
        for size in (1, 9999):
            self.assertEqual(b'xxx', inflate(*cut(member * 3, size)))
            self.assertRaises(zlib.error, inflate, *cut(member * 4, size))

    def test_bounds_the_members(self) -> None:
        self.assertEqual(10_000, bodies._MOST_MEMBERS)


class SplitLinesTest(testtools.TestCase):

    def split(self, *pieces: bytes, longest: int = 9) -> list[list[bytes]]:
        return [[line for line in lines if line]
                for lines, _ in bodies.split_lines(iter(pieces), longest)]

    def test_lines_end_where_their_last_piece_does(self) -> None:
        for pieces, lines in (
                ((b'one\ntwo\n', b'three\n'), [[b'one', b'two'], [b'three']]),
                ((b'on', b'e\nt', b'w', b'o\n'),
                 [[], [b'one'], [], [b'two']]),
                ((b'one', b'\n', b'two', b' \n'),
                 [[], [b'one'], [], [b'two']]),
                ((b'one', b'\n\n\n', b'two\n'), [[], [b'one'], [b'two']]),
                ((b'', b'one\n', b''), [[], [b'one'], []]),
                ((b'one', b' ', b'two\n'), [[], [], [b'one two']]),
                ((b'one\ncut off',), [[b'one']])):
            self.assertEqual(lines, self.split(*pieces))

    def test_empty_lines_are_few_however_many_there_are(self) -> None:
        for piece in (b'\n' * 1000, b' \r\n' * 1000):
            [(lines, _)] = bodies.split_lines(iter([piece]), 9)
            self.assertThat(len(lines), matchers.LessThan(10))

    def test_line_that_is_too_long_is_an_error(self) -> None:
        self.assertEqual([[], [b'123456789']],
                         self.split(b'123456789', b'\n'))
        for pieces in ((b'1234567890',), (b'12345', b'', b'67890')):
            self.assertRaises(bodies.TooLargeError, self.split, *pieces)


class PackedTest(testtools.TestCase):

    def test_many_members_are_inflated_piece_by_piece(self) -> None:
        # All at once, each member would copy all that follow it.
        packed = bodies.Packed(gzip.compress(b'') * 9_999, True)
        largest = 0
        inflate = bodies.inflate

        def noted(pieces: Iterator[bytes]) -> Iterator[bytes]:
            nonlocal largest
            taken = list(pieces)
            largest = max(map(len, taken))
            return inflate(iter(taken))

        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.bodies.inflate', noted))

        self.assertEqual(b'', inflate_all(packed, 10))
        self.assertEqual(bodies.PIECE, largest)

    def test_holds_one_copy_of_a_body(self) -> None:
        body = b' ' * 16 * MEBIBYTE
        packed = bodies.Packed(gzip.compress(body), True)
        traced = self.useFixture(memory.Memory())

        inflated = inflate_all(packed, len(body))

        self.assertEqual(body, inflated)
        self.assertThat(traced.peak, matchers.LessThan(20 * MEBIBYTE))

    def test_can_be_ended_before_each_piece(self) -> None:
        packed = gzip.compress(random.Random(1).randbytes(3 * bodies.PIECE))
        for before in range(3):
            heed = mock.Mock(side_effect=[None] * before + [TimeoutError()])
            self.assertRaises(TimeoutError, bodies.inflate_all,
                              bodies.Packed(packed, True), 1 << 30, heed)

    def test_nothing_is_there_twice(self) -> None:
        # zlib keeps a copy of what follows the first member.
        data = gzip.compress(b'') + gzip.compress(
            random.Random(1).randbytes(8 * MEBIBYTE), 0) + b'\0' * 9
        traced = self.useFixture(memory.Memory())

        inflate_all(bodies.Packed(data, True), 9 * MEBIBYTE)

        self.assertThat(traced.peak, matchers.LessThan(10 * MEBIBYTE))
