# SPDX-License-Identifier: Apache-2.0
"""Which node is which compute host, by their names."""

import testtools

from vitrage_k8s.graph import ties


class HostsTest(testtools.TestCase):

    def match(self, nova: tuple[str, ...],
              **found: str) -> tuple[dict[str, str], set[str]]:
        """Return the host of each node, and the warnings.

        :param found: the names of each node
        """
        known = ties.Hosts(nova)
        warnings = known.match({
            uid: (f'node {uid}', ties.names_in(names))
            for uid, names in found.items()})
        return known.of, warnings

    def test_names_are_compared_without_case_and_domain(self) -> None:
        for name, host, is_same in (
                ('c1', 'c1', True), ('c1', 'C1', True), ('C1', 'c1', True),
                ('c1', 'c1.example.org', True),
                ('c1.example.org', 'C1', True),
                ('c1.example.org', 'c1.Example.org', True),
                ('c1.example.org.', 'c1.example.org', True),
                ('c1.example.org', 'c1.other.org', False),
                ('x,c1', 'c1', True), ('c1', 'c10', False),
                ('c1', 'c', False), ('', 'c1', False), (',', 'c1', False)):
            self.assertEqual(({'n': host} if is_same else {}, set()),
                             self.match((host,), n=name), (name, host))

    def test_each_node_has_its_own_host(self) -> None:
        self.assertEqual(
            ({'n': 'c1', 'm': 'c2.a'}, set()),
            self.match(('c1', 'c2.a', 'c3'), n='c1.a', m='c2', o='c4'))

    def test_equal_full_names_leave_no_doubt(self) -> None:
        for names in ('c1.a', 'c1,c1.a', 'C1.A'):
            self.assertEqual(({'n': 'c1.a'}, set()),
                             self.match(('c1.a', 'c1.b', 'c1'), n=names))

    def test_a_node_that_may_be_several_hosts_is_none(self) -> None:
        for nova, names in ((('c1.a', 'c1.b'), 'c1'), (('c1', 'C1'), 'c1'),
                            (('c1', 'c1.a'), 'c1'), (('c1', 'c2'), 'c1,c2'),
                            (('c1.a', 'c1.b'), 'c1.a,c1.b')):
            self.assertEqual(
                ({}, {'node n may be each of the compute hosts '
                      + ', '.join(sorted(nova))}),
                self.match(nova, n=names))

    def test_a_host_that_may_be_several_nodes_is_none(self) -> None:
        self.assertEqual(
            ({'o': 'c2'}, {'the compute host c1 may be each of node m, '
                           'node n'}),
            self.match(('c1', 'c2'), n='c1.a', m='c1.b', o='c2'))

    def test_which_hosts_a_node_may_have_hung_on(self) -> None:
        known = ties.Hosts(('c1.a', 'c1.b', 'c2', 'C3'))
        for names, found in (('c1', {'c1.a', 'c1.b'}), ('c1.a', {'c1.a'}),
                             ('c2.a,c3', {'c2', 'C3'}), ('c4', set()),
                             ('', set())):
            self.assertEqual(found, known.named(ties.names_in(names)))
