# SPDX-License-Identifier: Apache-2.0
"""What is left of odd JSON, and of odd nodes."""

from typing import Any

import testtools

from vitrage_k8s.api import nodes
from vitrage_k8s.api import salvage as salvages


def salvage(value: Any, wanted: Any) -> tuple[Any, list[str]]:
    left_out: list[str] = []
    return salvages.salvage(value, wanted, left_out), left_out


class SalvageTest(testtools.TestCase):

    def test_odd_part_costs_itself(self) -> None:
        for wanted, value, left, left_out in (
                (dict[str, str] | None, {'a': 'x', 'b': 5, 'c': None},
                 {'a': 'x'}, ['[b]', '[c]']),
                (list[str] | None, ['x', 5, None, 'y'], ['x', 'y'],
                 ['[1]', '[2]']),
                (dict[str, str] | None, [], None, ['']),
                (list[str] | None, {}, None, ['']),
                (str | None, 5, None, ['']), (str | None, None, None, []),
                (dict[str, str] | None, {'a': 'x'}, {'a': 'x'}, []),
                (list[dict[str, str]], [{'a': 5}, {'b': 'x'}],
                 [{}, {'b': 'x'}], ['[0][a]'])):
            self.assertEqual((left, left_out), salvage(value, wanted))

    def test_node_keeps_all_that_is_not_odd(self) -> None:
        found, left_out = salvage({
            'metadata': {'name': 'n', 'uid': 5, 'labels': {'a': 5, 'b': 'x'},
                         'unknown': 5},
            'status': {'addresses': [{'type': 'x', 'address': 'y'}, 5]},
            'spec': 5}, nodes.ApiNode)

        self.assertEqual(
            ('n', None, {'b': 'x'}), (
                found.metadata.name, found.metadata.uid,
                found.metadata.labels))
        self.assertEqual(['y'], [each.address for each
                                 in found.status.addresses])
        self.assertIsNone(found.spec)
        self.assertEqual({'metadata.uid', 'metadata.labels[a]', 'spec',
                          'status.addresses[1]'}, set(left_out))
