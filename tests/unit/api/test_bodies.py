# SPDX-License-Identifier: Apache-2.0
"""Bodies that are packed with gzip, piece by piece."""

from collections.abc import Iterator
import gzip
import random
import zlib

import testtools
from testtools import matchers

from tests.support import memory
from vitrage_k8s.api import bodies

MEBIBYTE = 1 << 20


def cut(packed: bytes, size: int) -> list[bytes]:
    return [packed[at:at + size] for at in range(0, len(packed), size)]


def inflate(*packed: bytes) -> bytes:
    return b''.join(bodies.inflate(packed))


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

    def test_yields_for_each_packed_piece(self) -> None:
        # It is how a watch notices that nothing comes of them.
        packed = [*cut(gzip.compress(b''), 1), b'junk', b'more']
        self.assertThat(len(list(bodies.inflate(packed))),
                        matchers.GreaterThan(len(packed) - 1))

    def test_holds_little_of_what_is_large(self) -> None:
        packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
        bomb = b''.join([*(packer.compress(b' ' * MEBIBYTE)
                           for _ in range(64)), packer.flush()])
        traced = self.useFixture(memory.Memory())
        size = 0
        for piece in bodies.inflate([bomb]):
            size += len(piece)

        self.assertEqual(64 * MEBIBYTE, size)
        self.assertThat(traced.peak, matchers.LessThan(MEBIBYTE))
