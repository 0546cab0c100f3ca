# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Sources that are read at a time."""

from collections.abc import Iterator
import functools
import threading
import time

import testtools

from vitrage_k8s import interleaving


class InterleaveTest(testtools.TestCase):

    def test_tells_all_items_of_all_sources_and_their_ends(self) -> None:
        told = list(interleaving.interleave(
            {name: functools.partial(iter, name) for name in ('abc', 'de')},
            2, threading.Event()))

        for name in ('abc', 'de'):
            self.assertEqual(
                [*name, None],
                [what.item for what in told if what.source == name])

    def test_tells_what_ended_a_source_and_goes_on_with_the_others(
            self) -> None:
        def fail() -> Iterator[str]:
            yield 'x'
            raise ValueError('no more')

        told = list(interleaving.interleave(
            {'bad': fail, 'good': lambda: iter('yz')}, 1, threading.Event()))

        self.assertEqual(['x', None, 'y', 'z', None],
                         [what.item for what in told])
        self.assertIsInstance(told[1].error, ValueError)
        self.assertIsNone(told[4].error)

    def test_slow_reader_does_not_slow_a_source(self) -> None:
        done = threading.Event()

        def source() -> Iterator[int]:
            yield from range(1000)
            done.set()

        told = interleaving.interleave({'a': source}, 1, threading.Event())
        next(told)

        self.assertTrue(done.wait(10))

    def test_sources_end_when_the_reader_goes_away(self) -> None:
        cancelled = threading.Event()
        ended = threading.Event()

        def source() -> Iterator[int]:
            try:
                while True:
                    yield 1
                    time.sleep(0.01)
            finally:
                ended.set()

        told = interleaving.interleave({'a': source}, 1, cancelled)
        next(told)
        told.close()  # type: ignore[attr-defined]

        self.assertTrue(cancelled.is_set())
        self.assertTrue(ended.wait(10))
