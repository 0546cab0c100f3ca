# SPDX-License-Identifier: Apache-2.0
"""What we rely on in the node lists of an API server."""

import json
from typing import Any

import testtools
from testtools import matchers

from tests.support import contract
from vitrage_k8s_lab.kube_api import listener
from vitrage_k8s_lab.kube_api import server


class ListContract(contract.Contract):

    def change_nodes(self) -> None:
        """Change nodes, if they are ours to change."""

    def two_pages(self) -> list[dict[str, Any]]:
        """A page of one node, and one of all others."""
        first = self.read(limit=1)
        if 'continue' not in first['metadata']:
            self.skipTest('one page holds all nodes: two nodes are needed')
        self.change_nodes()
        return [first, self.read(_continue=first['metadata']['continue'])]

    def test_list_has_a_kind_and_its_items_have_none(self) -> None:
        response = self.fetch(limit=2)
        self.assertEqual('application/json', response.headers['Content-Type'])
        document = json.loads(response.data)
        self.assertEqual(('NodeList', 'v1'),
                         (document['kind'], document['apiVersion']))
        self.assertIsInstance(document['metadata']['resourceVersion'], str)
        self.assertThat(len(document['items']), matchers.GreaterThan(0))
        for item in document['items']:
            self.assertNotIn('kind', item)
            self.assertNotIn('apiVersion', item)
            for field in ('name', 'uid', 'creationTimestamp',
                          'resourceVersion'):
                self.assertIsInstance(item['metadata'][field], str)

    def test_list_is_ordered_by_name(self) -> None:
        names = self.names(self.read())
        self.assertEqual(sorted(names), names)
        self.assertEqual(len(set(names)), len(names))

    def test_pages_are_of_one_version_and_miss_no_node(self) -> None:
        names = self.names(self.read())
        pages = self.two_pages()
        self.assertEqual([1, len(names) - 1],
                         [len(page['items']) for page in pages])
        self.assertEqual(names, self.names(*pages))
        first, second = (page['metadata'] for page in pages)
        self.assertEqual(first['resourceVersion'], second['resourceVersion'])

    def test_nodes_remain_only_where_the_list_goes_on(self) -> None:
        first, second = self.two_pages()
        self.assertEqual(len(second['items']),
                         first['metadata']['remainingItemCount'])
        for page in (second, self.read(limit=0)):
            # Go writes an empty continue nowhere, but would be free to.
            self.assertFalse(page['metadata'].get('continue'))
            self.assertNotIn('remainingItemCount', page['metadata'])

    def test_pages_of_middling_size_join_too(self) -> None:
        names = self.names(self.read())
        if len(names) < 3:
            self.skipTest('three nodes are needed for three pages')
        limit = (len(names) + 2) // 3
        pages = [self.read(limit=limit)]
        while pages[-1]['metadata'].get('continue') and len(pages) < 4:
            pages.append(self.read(
                limit=limit, _continue=pages[-1]['metadata']['continue']))
        self.assertEqual(names, self.names(*pages))
        remaining = [page['metadata'].get('remainingItemCount')
                     for page in pages]
        self.assertEqual(
            [len(names) - limit * (at + 1) for at in range(len(pages) - 1)]
            + [None], remaining)
        self.assertEqual(1, len({page['metadata']['resourceVersion']
                                 for page in pages}))

    def test_no_limit_is_given_by_zero_as_by_none(self) -> None:
        self.assertEqual(self.names(self.read()),
                         self.names(self.read(limit=0)))

    def test_version_zero_ignores_the_limit(self) -> None:
        document = self.read(limit=1, resource_version='0')
        if document['metadata'].get('continue'):
            self.no_watch_cache()
        else:
            self.assertEqual(self.names(self.read()), self.names(document))

    def no_watch_cache(self) -> None:
        """Take note of a server that keeps to the limit nevertheless."""
        self.fail('version 0 is listed by pages')

    def test_refuses_a_version_beside_a_token(self) -> None:
        first = self.read(limit=1)['metadata']
        if 'continue' not in first:
            self.skipTest('one page holds all nodes: two nodes are needed')
        status = self.status(
            400, self.fetch, _continue=first['continue'],
            resource_version=first['resourceVersion'])
        self.assertEqual('BadRequest', status['reason'])

    def test_refuses_a_broken_token(self) -> None:
        for token in ('broken', 'e30'):
            status = self.status(400, self.fetch, limit=1, _continue=token)
            self.assertEqual('BadRequest', status['reason'])

    def test_sends_large_lists_in_chunks_and_short_ones_whole(self) -> None:
        response = self.fetch()
        if len(response.data) <= listener.CHUNKED_ABOVE:
            self.skipTest('the list is too short: some nodes are needed')
        self.assertEqual(('chunked', None), (
            response.headers.get('Transfer-Encoding'),
            response.headers.get('Content-Length')))
        response = self.fetch(field_selector='metadata.name=no-such-node')
        self.assertEqual((None, str(len(response.data))), (
            response.headers.get('Transfer-Encoding'),
            response.headers.get('Content-Length')))

    def test_compresses_large_lists_for_the_word_gzip_only(self) -> None:
        plain = self.fetch()
        self.assertNotIn('Content-Encoding', plain.headers)
        if len(plain.data) <= server.GZIP_THRESHOLD:
            self.skipTest('the list is too short to be compressed: some ten '
                          'nodes are needed')
        for accepted, coding in (
                ('gzip', 'gzip'), ('deflate, gzip', 'gzip'),
                ('gzip;q=1', None), ('GZIP', None), ('*', None),
                ('deflate', None)):
            self.accept('Accept-Encoding', accepted)
            response = self.fetch()
            self.assertEqual(
                (coding, 'chunked'),
                (response.headers.get('Content-Encoding'),
                 response.headers.get('Transfer-Encoding')), accepted)
            self.assertEqual(self.names(json.loads(plain.data)),
                             self.names(json.loads(response.data)))

    def test_does_not_compress_short_lists(self) -> None:
        self.accept('Accept-Encoding', 'gzip')
        response = self.fetch(limit=1)
        if len(response.data) > server.GZIP_THRESHOLD:
            self.skipTest('the first node is large by itself')
        self.assertNotIn('Content-Encoding', response.headers)

    def test_answers_an_unknown_node_with_a_status(self) -> None:
        name = 'no-such-node.vitrage-k8s.invalid'
        status = self.status(404, self.api.read_node, name,
                             _preload_content=False)
        self.assertEqual('NotFound', status['reason'])
        self.assertEqual(f'nodes "{name}" not found', status['message'])
        self.assertEqual({'name': name, 'kind': 'nodes'}, status['details'])

    def test_refuses_what_it_cannot_serve(self) -> None:
        for accepted in ('text/html', 'application/*', 'junk',
                         'application/json;as=Nothing'):
            self.accept('Accept', accepted)
            self.assertEqual('NotAcceptable', self.status(
                406, self.fetch)['reason'], accepted)

    def test_takes_what_it_can_serve_from_among_others(self) -> None:
        for accepted in ('*/*', 'text/html, application/json',
                         'text/html,*/*;q=0.1', 'application/json;charset=x'):
            self.accept('Accept', accepted)
            response = self.fetch(limit=1)
            self.assertEqual('NodeList', json.loads(response.data)['kind'])
            self.assertEqual('application/json',
                             response.headers['Content-Type'])


class LabListTest(contract.Lab, ListContract, testtools.TestCase):

    def change_nodes(self) -> None:
        self.simulator.delete('b2')
        self.simulator.put({'metadata': {'name': 'c'}})


class RealListTest(contract.Real, ListContract, testtools.TestCase):

    def no_watch_cache(self) -> None:
        self.skipTest('this server has no watch cache for nodes, or it is '
                      'only filling it: version 0 is listed by pages')
