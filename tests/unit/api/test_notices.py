# SPDX-License-Identifier: Apache-2.0
"""What is logged of what happens again and again."""

import logging
from typing import Any

import testtools

from vitrage_k8s.api import notices


class Records(logging.Handler):

    def __init__(self) -> None:
        super().__init__()
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)

    def take(self) -> list[tuple[str, str]]:
        """Return levels and messages since the last call."""
        taken = [(each.levelname, each.getMessage()) for each in self.found]
        self.found.clear()
        return taken


class NoticesTestCase(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        self.records = Records()
        logger = logging.Logger('of the test')  # noqa: LOG001
        logger.addHandler(self.records)
        self.notices = notices.Notices(logger, 'Cluster x', lambda: self.now)

    def logged(self, *texts: str) -> list[tuple[str, str]]:
        for text in texts:
            self.notices.warn(text)
        return self.records.take()


def warnings(*texts: str) -> list[tuple[str, str]]:
    return [('WARNING', f'Cluster x: {text}') for text in texts]


class WarnTest(NoticesTestCase):

    def test_warns_once(self) -> None:
        self.assertEqual(warnings('a', 'b'), self.logged('a', 'b', 'a', 'a'))
        self.now += 1000
        self.assertEqual([], self.logged('b', 'a'))

    def test_warns_again_of_what_is_news_again(self) -> None:
        self.logged('a')
        self.notices.warn_of_all(set())
        self.assertEqual(warnings('a'), self.logged('a', 'a'))

    def test_warns_of_all_and_of_others_again(self) -> None:
        for texts, said in (('ba', 'ab'), ('ab', ''), ('b', ''), ('ba', 'a')):
            self.notices.warn_of_all(set(texts))
            self.assertEqual(warnings(*said), self.records.take())
            self.now += 60

    def test_logs_five_lines_a_minute_and_counts_the_rest(self) -> None:
        flood = [f'node {number}' for number in range(1000)]
        self.assertEqual(warnings(*flood[:5]), self.logged(*flood))
        self.now += 59.9
        self.assertEqual([], self.logged('late'))
        self.now += 0.1
        self.assertEqual(
            warnings('996 more warnings like these were left out',
                     *flood[5:10]),
            self.logged(*flood))
        self.now += 60
        self.assertEqual(
            warnings('990 more warnings like these were left out', 'other'),
            self.logged('other'))

    def test_says_nothing_of_none_that_were_left_out(self) -> None:
        self.logged('a', 'b', 'c', 'd', 'e')
        self.now += 60
        self.assertEqual(warnings('f'), self.logged('f'))

    def test_minute_begins_with_its_first_line(self) -> None:
        self.now += 90
        self.logged('a', 'b', 'c', 'd', 'e')
        self.now += 59
        self.assertEqual([], self.logged('f'))

    def test_forgetting_brings_no_more_lines(self) -> None:
        for number in range(100):
            self.notices.warn_of_all(set())
            self.logged_now = self.logged('a', str(number))
        self.assertEqual([], self.logged_now)

    def test_text_forges_no_line_and_is_not_endless(self) -> None:
        [(_, logged)] = self.logged(
            'node a\n2026-01-02 CRITICAL: \x1b[2Jforged' + 'x' * 100_000)

        self.assertTrue(logged.startswith(
            'Cluster x: node a?2026-01-02 CRITICAL: ?[2Jforgedxxx'), logged)
        self.assertLess(len(logged), 1100)

    def test_does_not_remember_for_ever(self) -> None:
        self.logged('the first')
        for number in range(notices.MOST_KNOWN - 1):
            self.now += 60
            self.logged(str(number))
        self.assertEqual([], self.logged('the first', str(number)))
        self.logged('one too many')
        self.assertEqual(warnings('the first'), self.logged('the first'))
        self.assertEqual([], self.logged('the first', 'one too many'))


class DefectTest(NoticesTestCase):

    def raise_here(self) -> None:
        raise ValueError('of the test')

    def raise_there(self, error: Exception) -> None:
        raise error

    def log(self, work: Any, *args: Any) -> list[logging.LogRecord]:
        try:
            work(*args)
        except Exception as error:
            self.notices.log_defect(error)
        found = list(self.records.found)
        self.records.found.clear()
        return found

    def test_logs_a_traceback_once_and_counts(self) -> None:
        [record] = self.log(self.raise_here)
        self.assertEqual(
            ('ERROR', 'Cluster x: a defect of this datasource'),
            (record.levelname, record.getMessage()))
        assert record.exc_info is not None
        self.assertIsInstance(record.exc_info[1], ValueError)

        for count in (2, 3):
            [record] = self.log(self.raise_here)
            self.assertEqual(
                ('DEBUG', 'Cluster x: a defect of this datasource '
                 f'(ValueError, {count} times)'),
                (record.levelname, record.getMessage()))
            self.assertIsNone(record.exc_info)

    def test_recovery_makes_no_traceback_news(self) -> None:
        self.log(self.raise_here)
        self.notices.warn_of_all(set())

        self.assertEqual('DEBUG', self.log(self.raise_here)[0].levelname)

    def test_another_defect_is_news(self) -> None:
        levels = [self.log(self.raise_there, error)[0].levelname
                  for error in (ValueError('a'), ValueError('b'),
                                KeyError('a'))]
        levels.append(self.log(self.raise_here)[0].levelname)

        self.assertEqual(['ERROR', 'DEBUG', 'ERROR', 'ERROR'], levels)

    def test_keeps_nothing_of_what_was_raised(self) -> None:
        self.log(self.raise_there, ValueError('x' * 1000))

        self.assertNotIn('xxx', repr(vars(self.notices)))
