# SPDX-License-Identifier: Apache-2.0
"""Bodies as they are read of an answer."""

import gzip
from typing import Any

import testtools
import urllib3

from tests.support import answers
from vitrage_k8s.api import bodies

RESET = ConnectionResetError(104, 'Connection reset by peer')


class ReadTest(testtools.TestCase):

    def answer(self, *pieces: answers.Piece, coding: str = '') -> Any:
        self.body = answers.Body(answers.Clock(), pieces)
        return urllib3.HTTPResponse(
            self.body, {'Content-Encoding': coding},  # type: ignore[arg-type]
            preload_content=False)

    def test_reads_all_up_to_a_bound(self) -> None:
        for pieces, coding in (
                ((b'12', b'34'), ''), ((gzip.compress(b'1234'),), 'gzip'),
                ((gzip.compress(b'1234'),), 'x-gzip')):
            for largest in 4, 3:
                found = bodies.read_pieces(
                    self.answer(*pieces, coding=coding))
                if largest == 4:
                    self.assertEqual(b'1234', bodies.read_all(found, largest))
                    continue
                self.assertRaises(bodies.TooLargeError, bodies.read_all,
                                  found, largest)

    def test_packed_body_is_bounded_as_it_came(self) -> None:
        packed = gzip.compress(b'x' * 1000)
        for coding, is_gzip in (('gzip', True), ('x-gzip', True),
                                ('', False), ('identity', False)):
            self.assertEqual((packed, is_gzip), bodies.read_packed(
                self.answer(packed, coding=coding), len(packed)))
            self.assertRaises(
                bodies.TooLargeError, bodies.read_packed,
                self.answer(packed, coding=coding), len(packed) - 1)

    def test_inflated_body_is_bounded(self) -> None:
        packed = bodies.Packed(gzip.compress(b'x' * 1000), True)
        self.assertEqual(b'x' * 1000, bodies.inflate_all(
            packed, 1000, lambda: None))
        self.assertRaises(bodies.TooLargeError, bodies.inflate_all, packed,
                          999, lambda: None)
        # It was bounded when it came.
        self.assertEqual(b'x' * 1000, bodies.inflate_all(
            bodies.Packed(b'x' * 1000, False), 0, lambda: None))

    def test_error_is_read_if_it_can_be(self) -> None:
        limit = 64 * 1024
        for pieces, coding, expected in (
                ((b'why',), '', b'why'), ((b'x' * limit,), '', b'x' * limit),
                ((b'x' * limit, b'x'), '', b''), ((b'junk',), 'gzip', b''),
                ((gzip.compress(b'why')[:-1],), 'gzip', b''),
                ((gzip.compress(b'why'),), 'gzip', b'why'), ((), '', b'')):
            self.assertEqual(expected, bodies.read_error(
                self.answer(*pieces, coding=coding)))
            self.assertTrue(self.body.closed)

    def test_connection_that_breaks_off_is_an_error(self) -> None:
        for read in (bodies.read_error,
                     lambda response: bodies.read_all(
                         bodies.read_pieces(response), 9),
                     lambda response: bodies.read_packed(response, 9)):
            # The latter with urllib3 1.26.
            self.assertRaises(
                (urllib3.exceptions.ProtocolError, ConnectionResetError),
                read, self.answer(b'1', RESET))

    def test_coding_is_read_without_regard_to_case(self) -> None:
        for value, coding in (('gzip', 'gzip'), (' GZip ', 'gzip'),
                              ('', ''), ('br', 'br')):
            self.assertEqual(coding, bodies.content_coding(
                self.answer(coding=value)))
        self.assertEqual('', bodies.content_coding(
            urllib3.HTTPResponse(b'')))
        self.assertEqual({'', 'identity', 'gzip', 'x-gzip'},
                         set(bodies.CODINGS))

    def test_says_what_cannot_be_read(self) -> None:
        for content_type, coding, problem in (
                ('', '', None), ('application/json', 'gzip', None),
                ('application/json; charset=utf-8', 'identity', None),
                ('text/html', '', 'is of the type text/html, not JSON; '
                 f'{bodies.WHO}'),
                ('application/json', 'br', 'has the content coding br, not '
                 'gzip')):
            answer = self.answer(coding=coding)
            answer.headers['Content-Type'] = content_type
            self.assertEqual(problem, bodies.problem_of(answer))

    def test_old_urllib3_is_read_around(self) -> None:
        class Old:
            """A response of urllib3 before 2.2.0."""

            def __init__(self, *pieces: answers.Piece, missing: int = 0,
                         ) -> None:
                self.headers: dict[str, str] = {}
                self._fp = answers.Body(answers.Clock(), pieces)
                self._fp.length = missing

        old: Any = Old(b'1', b'2')
        self.assertEqual(b'12', bodies.read_all(bodies.read_pieces(old), 9))
        old = Old(b'1', missing=5)
        self.assertRaises(urllib3.exceptions.ProtocolError,
                          bodies.read_all, bodies.read_pieces(old), 9)
