# SPDX-License-Identifier: Apache-2.0
"""How long a server asks to be left alone."""

import email.utils
import time

import testtools

from vitrage_k8s.api import refusals


class RetryAfterTest(testtools.TestCase):

    def test_reads_seconds(self) -> None:
        for value, expected in (('0', 0), ('1', 1), (' 17 ', 17),
                                ('99999', 99999)):
            self.assertEqual(expected, refusals.parse_retry_after(value))

    def test_reads_a_date(self) -> None:
        in_a_minute = email.utils.formatdate(time.time() + 60, usegmt=True)
        past = 'Wed, 21 Oct 2015 07:28:00 GMT'

        left = refusals.parse_retry_after(in_a_minute)

        self.assertTrue(left is not None and 50 < left <= 60, left)
        self.assertEqual(0, refusals.parse_retry_after(past))

    def test_says_nothing_where_there_is_no_time(self) -> None:
        for value in (None, '', 'soon', '-1', '1.5', '1e3', 'inf', 'nan',
                      '9' * 5000,
                      'Fri, 31 Dec 9999999 23:59:59 GMT'):
            self.assertIsNone(refusals.parse_retry_after(value), value)
