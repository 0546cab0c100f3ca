# SPDX-License-Identifier: Apache-2.0
"""Watches, line by line, and how they end."""

import gzip
import zlib

import fixtures
import urllib3

from tests.support.answers import Answer
from tests.support.answers import ClientTestCase
from tests.support.answers import Piece
from vitrage_k8s.api import errors

GZIP = {'Content-Encoding': 'gzip'}
SILENCE = 75
RESET = ConnectionResetError(104, 'Connection reset by peer')


class WatchTestCase(ClientTestCase):

    def watch(self, *pieces: Piece, **headers: str) -> list[bytes]:
        """Return the lines of a watch; an error follows what it raises."""
        self.seen: list[bytes] = []
        self.will_answer(Answer(pieces, 200, {
            name.replace('_', '-'): value
            for name, value in headers.items()}))
        with self.client.watch_nodes('7', 400, SILENCE) as lines:
            for line in lines:
                self.seen.append(line)
        return self.seen

    def error_of(self, *pieces: Piece, **headers: str) -> errors.ClusterError:
        return self.assertRaises(
            errors.ClusterError, self.watch, *pieces, **headers)


class LinesTest(WatchTestCase):

    def test_asks_for_what_is_wanted(self) -> None:
        self.watch(b'{}\n')

        [request] = self.requests
        # Versions of the official client write True as it is.
        self.assertEqual({
            'watch': 'true', 'allowWatchBookmarks': 'true',
            'resourceVersion': '7', 'timeoutSeconds': '400'},
            {name: value.lower() for name, value in request.query.items()})
        # The bound is that of the beginning, and each read may be silent.
        self.assertEqual([60], self.bounds)
        self.assertEqual((10, SILENCE), (request.timeout.connect_timeout,
                                         request.timeout.read_timeout))
        self.assertEqual([self.clock.now + 60], self.logins.deadlines)

    def test_yields_whole_lines(self) -> None:
        for pieces, lines in (
                ((b'one\ntwo\n',), [b'one', b'two']),
                ((b'o', b'ne\ntw', b'o\n'), [b'one', b'two']),
                # A line that is cut off comes again with the next watch.
                ((b'one\ntw',), [b'one']),
                ((b'\n', b' \r\n', b'one\r\n\n'), [b'one\r']), ((), []),
                ((b'\n', b' '), [])):
            self.assertEqual(lines, self.watch(*pieces))
            packed = gzip.compress(b''.join(pieces))
            self.assertEqual(lines, self.watch(packed, **GZIP))

    def test_yields_lines_as_they_come(self) -> None:
        self.will_answer(Answer((b'one\n', RESET)))
        with self.client.watch_nodes('7', 400, SILENCE) as lines:
            self.assertEqual(b'one', next(lines))
            self.assertRaises(errors.ConnectionFailedError, next, lines)

    def test_gzip_that_ends_is_a_watch_that_ends(self) -> None:
        packed = gzip.compress(b'one\n' * 100)
        self.assertEqual([b'one'] * 100, self.watch(packed[:-2], **GZIP))

    def test_ends_when_it_is_aborted(self) -> None:
        self.will_answer(Answer((b'one\ntwo\n', b'three\n')))
        with self.client.watch_nodes('7', 400, SILENCE) as lines:
            next(lines)
            self.client.abort()
            self.assertEqual([b'two'], list(lines))

    def test_closes_the_answer(self) -> None:
        for piece in (b'one\n', RESET):
            self.will_answer(Answer((piece,)))
            with self.client.watch_nodes('7', 400, SILENCE):
                pass
            self.assertTrue(self.bodies[-1].closed)


class BeginTest(WatchTestCase):

    def test_watch_that_is_refused(self) -> None:
        for code, expected, said in (
                (403, errors.ApiError, 'may not watch nodes; bind them to a '
                 'role with the verb watch'),
                (410, errors.ExpiredError, '410'),
                (500, errors.ApiError, '500')):
            self.will_answer(Answer(status=code))
            error = self.assertRaises(
                errors.ApiError, self.client.watch_nodes('7', 1, 1).__enter__)
            self.assertIs(expected, type(error))
            self.assertIn(said, error.problem)
            # Nobody knows yet whether to ask again.
            self.assertEqual(1, len(self.requests))

    def test_watch_that_is_none(self) -> None:
        error = self.error_of(Content_Type='text/html')
        self.assertIs(errors.MalformedAnswerError, type(error))


class SilenceTest(WatchTestCase):

    def test_silence_ends_a_watch(self) -> None:
        # Of gzip, there are pieces of no bytes.
        packed = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        begin = packed.compress(b'one\n') + packed.flush(zlib.Z_SYNC_FLUSH)
        more = packed.compress(b'two\n') + packed.flush(zlib.Z_SYNC_FLUSH)
        for seconds, lines in ((SILENCE, [b'one', b'two']),
                               (SILENCE + 1, [b'one'])):
            pieces: list[Piece] = [begin, float(seconds), more[:1], more[1:]]
            if len(lines) == 2:
                self.assertEqual(lines, self.watch(*pieces, **GZIP))
            else:
                error = self.error_of(*pieces, **GZIP)
                self.assertIs(errors.WatchSilentError, type(error))
                self.assertIn('silent for 75 s', error.problem)
                self.assertEqual(lines, self.seen)

    def test_each_line_ends_a_silence(self) -> None:
        pieces: list[Piece] = []
        for _ in range(4):
            pieces += [50.0, b'x', 20.0, b'\n']
        self.assertEqual([b'x'] * 4, self.watch(*pieces))

    def test_part_of_a_line_ends_none(self) -> None:
        self.assertIs(errors.WatchSilentError, type(self.error_of(
            b'one\n', 50.0, b'x', 50.0, b'x', b'\n')))

    def test_no_answer_in_time_is_silence(self) -> None:
        for problem in (TimeoutError('timed out'),
                        urllib3.exceptions.ReadTimeoutError(
                            None, 'u', 'timed out')):  # type: ignore
            for pieces in ((), (b'one\n',), (b'on',)):
                error = self.error_of(*pieces, problem)
                self.assertIs(errors.WatchSilentError, type(error))
                self.assertEqual('the watch was silent', error.problem)


class EndTest(WatchTestCase):

    def test_connection_that_breaks_off(self) -> None:
        # Before anything came, or after a whole line.
        for pieces in ((), (b'\n \n',), (b'one\n',), (b'one\ntw',)):
            error = self.error_of(*pieces, RESET)
            self.assertIs(errors.ConnectionFailedError, type(error))
            self.assertIn('cannot read from the API server at '
                          'https://host:6443: ', error.problem)

    def test_end_without_a_whole_line_is_no_watch(self) -> None:
        for pieces, headers in (
                ((b'{"kind": "NodeList"}',), {}), ((b'<html>', RESET), {}),
                ((b'no gzip',), GZIP),
                ((gzip.compress(b'one\n') + gzip.compress(b'x')[:5]
                  + b'junk' * 9,), GZIP)):
            error = self.error_of(*pieces, **headers)
            self.assertIs(errors.MalformedAnswerError, type(error))
            self.assertIn(
                'the watch of https://host:6443 ended without a whole line',
                error.problem)

    def test_line_that_is_too_long(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.client._LONGEST_LINE', 2 << 20))
        self.watch(b'x' * (2 << 20), b'\n')

        error = self.error_of(b'x' * (2 << 20), b'x')

        self.assertIs(errors.MalformedAnswerError, type(error))
        self.assertEqual('a line of the watch is longer than 2 MiB',
                         error.problem)
