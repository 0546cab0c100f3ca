# SPDX-License-Identifier: Apache-2.0
"""What hostile answers may cost: values without end, and oddities."""

from collections.abc import Callable
import random
from typing import Any

import fixtures
import testtools
from testtools import matchers

from tests.support import memory
from vitrage_k8s.api import decoding

LIST = b'{"kind":"NodeList","metadata":{"resourceVersion":"1"},"items":[%s]}'
EVENT = b'{"type":"ADDED","object":{"metadata":{"uid":"u","labels":[%s]}}}'
READERS: tuple[tuple[bytes, Callable[[bytes], Any]], ...] = (
    (LIST, decoding.decode_page), (EVENT, decoding.decode_watch_event))


class ValuesTest(testtools.TestCase):

    def test_answer_and_line_of_very_many_values_are_refused(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.decoding._MOST',
            (('objects', b'{', 10_000), ('values', b'[,', 30_000))))
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.decoding._FEW', 20_000))
        for item, count, kind in (
                (b'{}', 15_000, 'objects'), (b'[]', 22_000, 'values'),
                (b'1.5', 40_000, 'values'), (b'""', 40_000, 'values'),
                # A sample of every 251st byte would have none of these.
                (b' ' + b'{},' * 83 + b'1', 200, 'objects')):
            for body, read in READERS:
                few, many = (body % b','.join([item] * n)
                             for n in (count // 2, count))
                error = self.assertRaises(ValueError, read, many)
                self.assertIn(f' JSON {kind}; see [kubernetes] page_size',
                              str(error))
                read(few)
                # What is between them does not hide them.
                self.assertRaises(ValueError, read, body % (
                    b' ' * (1 << 20) + b','.join([item] * (6 * count))))

    def test_bounds_are_those_of_some_thousand_nodes(self) -> None:
        self.assertEqual(
            {'objects': 1_000_000, 'values': 3_000_000},
            {kind: most for kind, _, most in decoding._MOST})
        self.assertEqual(1 << 20, decoding._FEW)

    def test_size_alone_is_no_reason(self) -> None:
        text = random.Random(1).randbytes(2 << 20).hex().encode()
        page = decoding.decode_page(LIST % (
            b'{"metadata":{"uid":"u","name":"n"},"x":"' + text + b'"}'))
        self.assertEqual('n', page.items[0].node.name)

    def test_items_that_are_no_objects_take_little(self) -> None:
        for item in (b'[]', b'1.5', b'""', b'null'):
            body = LIST % b','.join([item] * 30_000)
            traced = self.useFixture(memory.Memory())
            page = decoding.decode_page(body)
            self.assertThat(traced.peak, matchers.LessThan(4 << 20))
            self.assertEqual(
                [('(no name)', '(the whole node)'),
                 ('(no name)', 'metadata.uid')], page.problems)
            self.assertTrue(page.has_unidentified)


class ProblemsTest(testtools.TestCase):

    def test_oddities_are_reported_up_to_a_bound(self) -> None:
        one = b'{"metadata":{"uid":"u%d","labels":{%s}}}'
        for nodes, labels in ((1, 5000), (5000, 1), (999, 3)):
            page = decoding.decode_page(LIST % b','.join(
                one % (i, b','.join(b'"%d":1' % j for j in range(labels)))
                for i in range(nodes)))
            self.assertEqual(nodes, len(page.items))
            self.assertIn(len(page.problems), (1000, 1002))
