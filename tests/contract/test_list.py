# SPDX-License-Identifier: Apache-2.0
"""What we rely on in the node lists of an API server.

The same tests run against the simulator and, where the variable below names
a kubeconfig, against a real API server, so that the simulator cannot drift
from it unseen. They only read, and need not more than to get and list nodes.
The official client asks, not ours: its mistakes would hide the server's.
"""

import json
from typing import Any
from typing import TYPE_CHECKING

from kubernetes import client
from kubernetes import config
import testtools
from testtools import matchers

from tests.support.contract import kubeconfig_of_environment
from tests.support.contract import start
from vitrage_k8s_lab.kube_api import server

# Discovery shall find the two classes at the end, and not what they share.
if TYPE_CHECKING:
    from testtools import TestCase as _TestCase
else:
    _TestCase = object


class ListContract(_TestCase):

    def kubeconfig(self) -> str:
        """The path of the server's kubeconfig."""
        raise NotImplementedError

    def change_nodes(self) -> None:
        """Change nodes, if they are ours to change."""

    def setUp(self) -> None:
        super().setUp()
        api_client = config.new_client_from_config(
            self.kubeconfig(), persist_config=False)
        self.addCleanup(api_client.rest_client.pool_manager.clear)
        self.api_client = api_client
        self.api = client.CoreV1Api(api_client)

    def fetch(self, **options: Any) -> Any:
        """The response to a request for a list, unread."""
        return self.api.list_node(
            **options, _preload_content=False, _request_timeout=(10, 60))

    def read(self, **options: Any) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.fetch(**options).data)
        return document

    def status(self, code: int, method: Any, *arguments: Any,
               **options: Any) -> dict[str, Any]:
        """The Status of a request that is refused, checked for its form."""
        error = self.assertRaises(
            client.ApiException, method, *arguments, **options)
        status: dict[str, Any] = json.loads(error.body)
        self.assertEqual(
            (code, code, 'Status', 'v1', 'Failure', {}),
            (error.status, status['code'], status['kind'],
             status['apiVersion'], status['status'], status['metadata']))
        self.assertThat(error.headers['Content-Type'],
                        matchers.StartsWith('application/json'))
        return status

    def names(self, *documents: dict[str, Any]) -> list[str]:
        return [item['metadata']['name']
                for document in documents for item in document['items']]

    def two_pages(self) -> list[dict[str, Any]]:
        """A page of one node, and one of all others."""
        first = self.read(limit=1)
        if 'continue' not in first['metadata']:
            self.skipTest('one page holds all nodes: two nodes are needed')
        self.change_nodes()
        return [first, self.read(_continue=first['metadata']['continue'])]

    def test_list_tells_its_kind_and_its_items_do_not(self) -> None:
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

    def test_compresses_large_lists_when_asked_to(self) -> None:
        plain = self.fetch()
        self.assertNotIn('Content-Encoding', plain.headers)
        if len(plain.data) <= server.GZIP_THRESHOLD:
            self.skipTest('the list is too short to be compressed: some ten '
                          'nodes are needed')
        self.api_client.set_default_header('Accept-Encoding', 'gzip')
        packed = self.fetch()
        self.assertEqual('gzip', packed.headers['Content-Encoding'])
        self.assertThat(int(packed.headers.get('Content-Length', 0)),
                        matchers.LessThan(len(plain.data)))
        self.assertEqual(self.names(json.loads(plain.data)),
                         self.names(json.loads(packed.data)))

    def test_does_not_compress_short_lists(self) -> None:
        self.api_client.set_default_header('Accept-Encoding', 'gzip')
        response = self.fetch(limit=1)
        if len(response.data) > server.GZIP_THRESHOLD:
            self.skipTest('the first node is large by itself')
        self.assertNotIn('Content-Encoding', response.headers)

    def test_tells_of_an_unknown_node_with_a_status(self) -> None:
        name = 'no-such-node.vitrage-k8s.invalid'
        status = self.status(404, self.api.read_node, name,
                             _preload_content=False)
        self.assertEqual('NotFound', status['reason'])
        self.assertEqual(f'nodes "{name}" not found', status['message'])
        self.assertEqual({'name': name, 'kind': 'nodes'}, status['details'])


class SimulatorListTest(ListContract, testtools.TestCase):

    def kubeconfig(self) -> str:
        # Names whose order differs from that of their creation, and large
        # enough in all to be compressed, but for the first.
        self.simulator = server.Simulator([
            {'metadata': {'name': name},
             'status': {'images': [{'names': [name]}] * 3000 * (name != 'a')}}
            for name in ('b10', 'a', 'b-2', 'b.3', 'b2', 'z')])
        return start(self, self.simulator)

    def change_nodes(self) -> None:
        self.simulator.delete('b2')
        self.simulator.put({'metadata': {'name': 'c'}})


class ApiServerListTest(ListContract, testtools.TestCase):

    def kubeconfig(self) -> str:
        return kubeconfig_of_environment(self)

    def no_watch_cache(self) -> None:
        self.skipTest('this server has no watch cache for nodes, or it is '
                      'only filling it: version 0 is listed by pages')
