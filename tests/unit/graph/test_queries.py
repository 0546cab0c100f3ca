# SPDX-License-Identifier: Apache-2.0
"""What the graph shows, and whether it took what was sent."""

import testtools

from tests.support import graph as graphs
from vitrage_k8s.graph import events
from vitrage_k8s.graph import queries


class ShownTest(testtools.TestCase):

    def test_vertices_are_by_their_types_and_ids(self) -> None:
        node = {'vitrage_type': 'kubernetes.node', 'id': 'x', 'name': 'n'}
        cluster = {'vitrage_type': 'kubernetes.cluster', 'id': 'x'}

        shown = queries.Shown([('v1', node), ('v2', cluster)])

        self.assertEqual({'x': ('v1', node)}, shown.of('kubernetes.node'))
        self.assertEqual({'x': ('v2', cluster)},
                         shown.of('kubernetes.cluster'))
        self.assertEqual({}, shown.of('nova.instance'))
        self.assertEqual('v1', shown.vitrage_id('kubernetes.node', 'x'))
        self.assertEqual(node, shown.properties('kubernetes.node', 'x'))

    def test_what_is_not_shown_has_no_properties(self) -> None:
        shown = queries.Shown()

        self.assertIsNone(shown.vitrage_id('kubernetes.node', 'x'))
        self.assertEqual({}, shown.properties('kubernetes.node', 'x'))

    def test_what_was_deleted_is_not_shown(self) -> None:
        node = {'vitrage_type': 'kubernetes.node', 'id': 'x',
                'vitrage_is_deleted': True}
        before, after = {**node, 'zone': 'y'}, {**node, 'zone': 'z'}

        shown = queries.Shown([('v1', before), ('v2', after)])

        self.assertEqual({}, shown.of('kubernetes.node'))
        self.assertEqual({}, shown.properties('kubernetes.node', 'x'))
        # The last one is what Vitrage makes a vertex of again.
        self.assertEqual(after, shown.deleted('kubernetes.node', 'x'))
        self.assertEqual({}, shown.deleted('kubernetes.node', 'y'))
        self.assertEqual({}, shown.deleted('kubernetes.cluster', 'x'))

    def test_what_has_no_id_is_known_by_its_name(self) -> None:
        # So it is with Vitrage's own Kubernetes datasource; without a
        # kubeconfig it has no name either.
        shown = queries.Shown([
            ('v1', {'vitrage_type': 'kubernetes', 'name': 'c'}),
            ('v2', {'vitrage_type': 'kubernetes'})])

        self.assertEqual(['c'], list(shown.of('kubernetes')))


class QuestionTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.graph = graphs.Graph(self.useFixture(graphs.Configuration()))

    def ids(self, *types: str) -> dict[str, list[str]]:
        """Return the ids of all that a question is answered with."""
        question = queries.question(types)
        self.graph.take([[question]])
        shown = queries.answer(question)
        return {kind: list(shown.of(kind)) for kind in (
            'kubernetes', 'kubernetes.cluster', 'kubernetes.node',
            'nova.instance', 'openstack.cluster') if shown.of(kind)}

    def put(self, kind: str, *links: events.Link) -> None:
        self.graph.take([events.updates(
            kind, {'id': f'id of {kind}', 'name': 'n'}, (), list(links))])

    def test_the_answer_is_all_that_concerns_us(self) -> None:
        self.put('kubernetes')
        self.put('kubernetes.cluster', events.ROOT)
        self.put('kubernetes.node')
        self.graph.put_server('s')
        ours = {'kubernetes': ['id of kubernetes'],
                'kubernetes.cluster': ['id of kubernetes.cluster'],
                'kubernetes.node': ['id of kubernetes.node'],
                'openstack.cluster': ['OpenStack Cluster']}

        self.assertEqual(ours, self.ids())
        self.assertEqual({**ours, 'nova.instance': ['s']},
                         self.ids('nova.instance'))

    def test_the_answer_has_no_placeholder(self) -> None:
        self.put('kubernetes.node', events.machine_link('nova.instance', 's'),
                 events.cluster_link('c'))

        self.assertEqual({'kubernetes.node': ['id of kubernetes.node']},
                         self.ids('nova.instance'))

    def test_the_answer_has_nothing_that_is_deleted(self) -> None:
        self.put('kubernetes.node')
        self.graph.take([[events.deletion('kubernetes.node',
                                          'id of kubernetes.node')]])

        self.assertEqual({}, self.ids())

    def test_a_question_changes_nothing(self) -> None:
        self.put('kubernetes.node')
        before = self.graph.graph.write_gpickle()
        self.graph.advance(1)

        self.ids('nova.instance')

        self.assertEqual(before, self.graph.graph.write_gpickle())

    def test_the_answer_has_properties_and_vitrage_ids(self) -> None:
        self.graph.put_server('s', 'p')
        question = queries.question(['nova.instance'])
        self.graph.take([[question]])

        shown = queries.answer(question)

        [vertex] = self.graph.graph.get_vertices({'id': 's'})
        self.assertEqual(vertex.vertex_id,
                         shown.vitrage_id('nova.instance', 's'))
        self.assertEqual('p', shown.properties(
            'nova.instance', 's')['project_id'])

    def test_no_answer_is_not_an_empty_one(self) -> None:
        self.assertRaises(queries.NoAnswerError, queries.answer,
                          queries.question([]))
        self.assertEqual({}, self.ids())

    def test_the_answer_is_kept_once_only(self) -> None:
        question = queries.question([])
        self.graph.take([[question]])
        queries.answer(question)

        self.assertRaises(queries.NoAnswerError, queries.answer, question)


class ReceiptTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.graph = graphs.Graph(self.useFixture(graphs.Configuration()))
        self.receipt = queries.receipt()
        self.batch = [
            *events.updates('kubernetes.node', {'id': 'n'}, (), []),
            self.receipt]

    def test_a_receipt_knows_that_vitrage_came_to_it(self) -> None:
        self.assertFalse(queries.is_processed(self.receipt))

        self.graph.take([self.batch])

        self.assertTrue(queries.is_processed(self.receipt))
        self.assertEqual(1, self.graph.graph.num_vertices())

    def test_a_receipt_knows_that_vitrage_skipped_it(self) -> None:
        self.useFixture(graphs.quiet())
        self.graph.take([self.batch], failing=[True])

        self.assertFalse(queries.is_processed(self.receipt))
        self.assertEqual(0, self.graph.graph.num_vertices())
