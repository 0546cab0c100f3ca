# SPDX-License-Identifier: Apache-2.0
"""What we rely on in watches of an API server's nodes.

As for lists, the same tests run against the simulator and a real server. On
that, those that need changes run only where the second variable below is 1:
they create a node of their own, which no machine is behind, and delete it.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import json
import os
import time
from typing import Any
from typing import TYPE_CHECKING
import uuid

from kubernetes import client
from kubernetes import config
import testtools
from testtools import matchers

from tests.support import contract
from vitrage_k8s_lab.kube_api import nodes
from vitrage_k8s_lab.kube_api import server

WRITE_VARIABLE = 'VITRAGE_K8S_TEST_WRITE'

# Discovery shall find the two classes at the end, and not what they share.
if TYPE_CHECKING:
    from testtools import TestCase as _TestCase
else:
    _TestCase = object


def version_of(document: dict[str, Any]) -> int:
    # Opaque to us; but on what is stored in etcd, the order can be seen.
    return int(document['metadata']['resourceVersion'])


class WatchContract(_TestCase):

    # Seconds in which a bookmark has to come.
    bookmark_seconds: int

    def kubeconfig(self) -> str:
        """The path of the server's kubeconfig."""
        raise NotImplementedError

    def create(self, name: str) -> None:
        """Create a node, which is deleted in the end."""
        raise NotImplementedError

    def label(self, name: str) -> None:
        """Change the node's label `changed` to `yes`."""
        raise NotImplementedError

    def delete(self, name: str) -> None:
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.api_client = config.new_client_from_config(
            self.kubeconfig(), persist_config=False)
        self.addCleanup(self.api_client.rest_client.pool_manager.clear)
        self.api = client.CoreV1Api(self.api_client)
        self.name = f'vitrage-k8s-contract-{uuid.uuid4().hex[:8]}'

    def list(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.api.list_node(
            _preload_content=False, _request_timeout=(10, 60)).data)
        return document

    def open(self, version: int | None, **options: Any) -> Any:
        """The response to a request to watch, unread."""
        if version is not None:
            options['resource_version'] = str(version)
        response = self.api.list_node(
            watch=True, **options, _preload_content=False,
            _request_timeout=(10, self.bookmark_seconds + 10))
        # What is left unread is of no use to another request.
        self.addCleanup(response.close)
        return response

    def events(self, response: Any) -> Iterator[dict[str, Any]]:
        """The events until the stream ends, which has to be in good order."""
        rest = b''
        for data in response.stream(amt=65536):
            *lines, rest = (rest + data).split(b'\n')
            for line in lines:
                event = json.loads(line)
                self.assertEqual({'type', 'object'}, set(event))
                yield event
        self.assertEqual(b'', rest)

    def watch(self, version: int | None,
              **options: Any) -> Iterator[dict[str, Any]]:
        return self.events(self.open(version, **options))

    def next(self, events: Iterator[dict[str, Any]], kind: str,
             label: str | None = None) -> dict[str, Any]:
        """The next event of a kind of our node, which is then returned.

        :param label: what its label `changed` has to be, because controllers
            change new nodes too
        """
        for event in events:
            node = event['object']
            if (event['type'] == kind
                    and node['metadata']['name'] == self.name
                    and label in (None, node['metadata'].get(
                        'labels', {}).get('changed'))):
                return node
        return self.fail(f'the stream has ended without {kind}')

    def test_is_json_in_chunks_and_never_compressed(self) -> None:
        self.api_client.set_default_header('Accept-Encoding', 'gzip')
        response = self.open(None, timeout_seconds=1)
        self.assertEqual(
            (200, 'application/json', 'chunked', None),
            (response.status, *(response.headers.get(name) for name in (
                'Content-Type', 'Transfer-Encoding', 'Content-Encoding'))))

    def test_starts_with_all_nodes_without_a_version(self) -> None:
        listed = {item['metadata']['name'] for item in self.list()['items']}
        for version in (None, 0):
            added = set()
            for event in self.watch(version, timeout_seconds=2):
                node = event['object']
                self.assertEqual(('Node', 'v1'),
                                 (node['kind'], node['apiVersion']))
                if event['type'] == 'ADDED':
                    added.add(node['metadata']['name'])
            self.assertEqual(set(), listed - added)

    def test_starts_behind_the_version_of_a_list(self) -> None:
        version = version_of(self.list())
        for event in self.watch(version, timeout_seconds=2):
            self.assertThat(version_of(event['object']),
                            matchers.GreaterThan(version))

    def test_ends_in_good_order_after_the_timeout(self) -> None:
        began = time.monotonic()
        for _ in self.watch(version_of(self.list()), timeout_seconds=1):
            pass
        passed = time.monotonic() - began
        self.assertThat(passed, matchers.GreaterThan(0.9))
        self.assertThat(passed, matchers.LessThan(5))

    def test_old_version_is_gone_or_all_since_it_is_told(self) -> None:
        listed = self.list()
        try:
            events = list(self.watch(1, timeout_seconds=5))
        except client.ApiException as error:
            self.assertEqual(410, error.status)
            self.assert_is_gone(json.loads(error.body))
            return
        if [event['type'] for event in events] == ['ERROR']:
            self.assert_is_gone(events[0]['object'])
        else:
            # A server that is young has forgotten nothing yet.
            self.assert_tells_all(events, listed)

    def assert_is_gone(self, status: dict[str, Any]) -> None:
        self.assertEqual(('Status', 'v1', 'Failure', 410), (
            status['kind'], status['apiVersion'], status['status'],
            status['code']))
        self.assertIn(status['reason'], ('Expired', 'Gone'))

    def assert_tells_all(self, events: Iterable[dict[str, Any]],
                         listed: dict[str, Any]) -> None:
        """See that events from the very beginning lead to a list."""
        told = {}
        for event in events:
            node = event['object']
            if version_of(node) > version_of(listed):
                break
            told[node['metadata']['uid']] = event['type'] != 'DELETED'
        self.assertEqual(
            {item['metadata']['uid'] for item in listed['items']},
            {uid for uid, is_there in told.items() if is_there})

    def test_future_version_is_silent(self) -> None:
        future = version_of(self.list()) + 1_000_000
        response = self.open(future, timeout_seconds=3)
        self.assertEqual(200, response.status)
        self.assertEqual([], list(self.events(response)))

    def test_bookmarks_come_where_they_are_allowed(self) -> None:
        start = version_of(self.list())
        for event in self.watch(start, allow_watch_bookmarks=True,
                                timeout_seconds=self.bookmark_seconds):
            if event['type'] == 'BOOKMARK':
                break
        else:
            self.fail('no bookmark has come')
        node = event['object']
        self.assertEqual(('Node', 'v1'), (node['kind'], node['apiVersion']))
        self.assertNotIn('name', node['metadata'])
        self.assertThat(version_of(node), matchers.GreaterThan(start))
        # It can be gone on from.
        for event in self.watch(version_of(node), timeout_seconds=1):
            self.assertNotEqual('ERROR', event['type'])

    def test_changes_come_in_order_and_at_once(self) -> None:
        start = version_of(self.list())
        events = self.watch(start, timeout_seconds=60)
        began = time.monotonic()
        self.create(self.name)
        added = self.next(events, 'ADDED')
        self.label(self.name)
        modified = self.next(events, 'MODIFIED', 'yes')
        self.delete(self.name)
        deleted = self.next(events, 'DELETED')
        self.assertThat(time.monotonic() - began, matchers.LessThan(20))
        versions = [start, *map(version_of, (added, modified, deleted))]
        self.assertEqual(sorted(set(versions)), versions)
        for node in (added, modified, deleted):
            self.assertEqual(
                ('Node', 'v1', added['metadata']['uid']),
                (node['kind'], node['apiVersion'], node['metadata']['uid']))
        # What was deleted comes as it was last.
        self.assertEqual('yes', deleted['metadata']['labels']['changed'])

    def test_changes_before_the_watch_are_caught_up_with(self) -> None:
        start = version_of(self.list())
        self.create(self.name)
        self.label(self.name)
        self.delete(self.name)
        events = self.watch(start, timeout_seconds=20)
        self.next(events, 'ADDED')
        self.next(events, 'MODIFIED', 'yes')
        self.next(events, 'DELETED')

    def test_version_of_a_deletion_is_past_it(self) -> None:
        start = version_of(self.list())
        self.create(self.name)
        self.delete(self.name)
        deleted = self.next(self.watch(start, timeout_seconds=20), 'DELETED')
        self.assertThat(version_of(self.list()), matchers.Not(
            matchers.LessThan(version_of(deleted))))
        self.assertNotIn(self.name, [
            event['object']['metadata'].get('name') for event in self.watch(
                version_of(deleted), timeout_seconds=2)])

    def test_recreated_node_has_another_uid(self) -> None:
        events = self.watch(version_of(self.list()), timeout_seconds=60)
        uids = []
        for _ in range(2):
            self.create(self.name)
            uids.append(self.next(events, 'ADDED')['metadata']['uid'])
            self.delete(self.name)
            self.next(events, 'DELETED')
        self.assertNotEqual(*uids)

    def test_future_version_is_silent_about_changes_before_it(self) -> None:
        future = version_of(self.list()) + 1_000_000
        response = self.open(future, timeout_seconds=3)
        self.create(self.name)
        self.delete(self.name)
        self.assertEqual([], list(self.events(response)))


class SimulatorWatchTest(WatchContract, testtools.TestCase):

    bookmark_seconds = 5

    def kubeconfig(self) -> str:
        self.simulator = server.Simulator(
            [{'metadata': {'name': name}} for name in 'abc'])
        self.simulator.bookmark_interval = 0.2
        return contract.start(self, self.simulator)

    def create(self, name: str) -> None:
        self.simulator.put({'metadata': {'name': name}})

    def label(self, name: str) -> None:
        self.simulator.put(
            {'metadata': {'name': name, 'labels': {'changed': 'yes'}}})

    def delete(self, name: str) -> None:
        self.simulator.delete(name)

    def test_young_server_tells_all_since_an_old_version(self) -> None:
        self.simulator.restore(nodes.Snapshot(1, [], []))
        for name in 'abcd':
            self.create(name)
        self.label('a')
        self.delete('d')
        self.test_old_version_is_gone_or_all_since_it_is_told()


class ApiServerWatchTest(WatchContract, testtools.TestCase):

    # They come about every minute.
    bookmark_seconds = 100

    def kubeconfig(self) -> str:
        return contract.kubeconfig_of_environment(self)

    def create(self, name: str) -> None:
        if os.environ.get(WRITE_VARIABLE) != '1':
            self.skipTest(f'{WRITE_VARIABLE} IS NOT 1: no changes are made '
                          'to the real API server')
        self.addCleanup(self.forget, name)
        # Cordoned, so that nothing is ever placed on it.
        self.api.create_node({
            'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': name},
            'spec': {'unschedulable': True}}, _request_timeout=(10, 60))

    def forget(self, name: str) -> None:
        try:
            self.delete(name)
        except client.ApiException as error:
            # The test has deleted it itself, if all went well.
            if error.status != 404:
                raise

    def label(self, name: str) -> None:
        self.api.patch_node(
            name, {'metadata': {'labels': {'changed': 'yes'}}},
            _request_timeout=(10, 60))

    def delete(self, name: str) -> None:
        self.api.delete_node(name, _request_timeout=(10, 60))
