# SPDX-License-Identifier: Apache-2.0
"""What we rely on in watches of an API server's nodes."""

from collections.abc import Iterable
from collections.abc import Iterator
import json
import time
from typing import Any

from kubernetes import client
import testtools
from testtools import matchers

from tests.support import contract
from tests.support.contract import version_of
from vitrage_k8s_lab.kube_api import nodes


class WatchContract(contract.Contract):

    def open(self, version: int | None, **options: Any) -> Any:
        """The response to a request to watch, unread."""
        if version is not None:
            options['resource_version'] = str(version)
        response = self.fetch(watch=True, **options)
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
        self.accept('Accept-Encoding', 'gzip')
        response = self.open(None, timeout_seconds=1)
        self.assertEqual(
            (200, 'application/json', 'chunked', None),
            (response.status, *(response.headers.get(name) for name in (
                'Content-Type', 'Transfer-Encoding', 'Content-Encoding'))))

    def test_starts_with_all_nodes_without_a_version(self) -> None:
        listed = {item['metadata']['name'] for item in self.read()['items']}
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
        version = version_of(self.read())
        for event in self.watch(version, timeout_seconds=2):
            self.assertThat(version_of(event['object']),
                            matchers.GreaterThan(version))

    def test_ends_in_good_order_after_the_timeout(self) -> None:
        began = time.monotonic()
        for _ in self.watch(version_of(self.read()), timeout_seconds=1):
            pass
        passed = time.monotonic() - began
        self.assertThat(passed, matchers.GreaterThan(0.9))
        self.assertThat(passed, matchers.LessThan(5))

    def test_old_version_is_gone_or_all_since_it_follows(self) -> None:
        listed = self.read()
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
            self.assert_leads_to(events, listed)

    def assert_is_gone(self, status: dict[str, Any]) -> None:
        self.assertEqual(('Status', 'v1', 'Failure', 410), (
            status['kind'], status['apiVersion'], status['status'],
            status['code']))
        self.assertIn(status['reason'], ('Expired', 'Gone'))

    def assert_leads_to(self, events: Iterable[dict[str, Any]],
                         listed: dict[str, Any]) -> None:
        """See that events from the very beginning lead to a list."""
        is_there = {}
        for event in events:
            node = event['object']
            if version_of(node) > version_of(listed):
                break
            is_there[node['metadata']['uid']] = event['type'] != 'DELETED'
        self.assertEqual(
            {item['metadata']['uid'] for item in listed['items']},
            {uid for uid, is_left in is_there.items() if is_left})

    def test_future_version_is_silent(self) -> None:
        future = version_of(self.read()) + 1_000_000
        response = self.open(future, timeout_seconds=3)
        self.assertEqual(200, response.status)
        self.assertEqual([], list(self.events(response)))

    def bookmarks(self, version: int | None,
                  **options: Any) -> list[dict[str, Any]]:
        """Return the nodes of the bookmarks of a watch, which has others."""
        return [event['object'] for event in self.watch(version, **options)
                if event['type'] == 'BOOKMARK']

    def test_idle_watch_gets_no_bookmark(self) -> None:
        start = version_of(self.read())
        bookmarks = self.bookmarks(start, timeout_seconds=4,
                                   allow_watch_bookmarks=True)
        # Somebody else may have changed something.
        for node in bookmarks:
            self.assertThat(version_of(node), matchers.GreaterThan(start))
        if version_of(self.read()) == start:
            self.assertEqual([], bookmarks)

    def test_bookmark_comes_before_the_end_if_the_version_has_moved(
            self) -> None:
        start = version_of(self.read())
        for is_seen in (True, False):
            response = self.open(
                start, timeout_seconds=5, allow_watch_bookmarks=True,
                field_selector='metadata.name' + (
                    '!=' if is_seen else '=') + 'no-such-node')
            self.create(self.name)
            self.delete(self.name)
            listed = version_of(self.read())
            *events, last = self.events(response)
            self.assertEqual('BOOKMARK', last['type'])
            node = last['object']
            self.assertEqual(('Node', 'v1'),
                             (node['kind'], node['apiVersion']))
            self.assertNotIn('name', node['metadata'])
            self.assertThat(version_of(node), matchers.Not(
                matchers.LessThan(listed)))
            self.assertEqual(is_seen, bool(events))
            # It can be gone on from.
            for event in self.watch(version_of(node), timeout_seconds=1):
                self.assertNotEqual('ERROR', event['type'])
            start = version_of(node)

    def test_no_bookmark_comes_where_none_is_allowed(self) -> None:
        response = self.open(version_of(self.read()), timeout_seconds=4)
        self.create(self.name)
        self.assertNotIn('BOOKMARK', [
            event['type'] for event in self.events(response)])

    def test_watch_of_a_label_sees_nodes_come_and_go(self) -> None:
        events = self.watch(version_of(self.read()), timeout_seconds=60,
                            label_selector='changed=yes')
        self.create(self.name)
        self.label(self.name)
        node = self.next(events, 'ADDED')
        self.assertEqual('yes', node['metadata']['labels']['changed'])
        self.delete(self.name)
        self.next(events, 'DELETED')

    def test_changes_come_in_order_and_at_once(self) -> None:
        start = version_of(self.read())
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
        start = version_of(self.read())
        self.create(self.name)
        self.label(self.name)
        self.delete(self.name)
        events = self.watch(start, timeout_seconds=20)
        self.next(events, 'ADDED')
        self.next(events, 'MODIFIED', 'yes')
        self.next(events, 'DELETED')

    def test_version_of_a_deletion_is_past_it(self) -> None:
        start = version_of(self.read())
        self.create(self.name)
        self.delete(self.name)
        deleted = self.next(self.watch(start, timeout_seconds=20), 'DELETED')
        self.assertThat(version_of(self.read()), matchers.Not(
            matchers.LessThan(version_of(deleted))))
        self.assertNotIn(self.name, [
            event['object']['metadata'].get('name') for event in self.watch(
                version_of(deleted), timeout_seconds=2)])

    def test_recreated_node_has_another_uid(self) -> None:
        events = self.watch(version_of(self.read()), timeout_seconds=60)
        uids = []
        for _ in range(2):
            self.create(self.name)
            uids.append(self.next(events, 'ADDED')['metadata']['uid'])
            self.delete(self.name)
            self.next(events, 'DELETED')
        self.assertNotEqual(*uids)

    def test_future_version_is_silent_about_changes_before_it(self) -> None:
        future = version_of(self.read()) + 1_000_000
        response = self.open(future, timeout_seconds=3)
        self.create(self.name)
        self.delete(self.name)
        self.assertEqual([], list(self.events(response)))


class LabWatchTest(contract.Lab, WatchContract, testtools.TestCase):

    def test_nothing_changes_in_an_idle_server(self) -> None:
        self.simulator.bookmark_interval = 0.1
        start = version_of(self.read())
        self.assertEqual([], list(self.watch(
            start, timeout_seconds=1, allow_watch_bookmarks=True)))
        self.assertEqual(start, version_of(self.read()))

    def test_young_server_knows_all_since_an_old_version(self) -> None:
        self.simulator.restore(nodes.Snapshot(1, {}))
        for name in 'abcd':
            self.create(name)
        self.label('a')
        self.delete('d')
        self.test_old_version_is_gone_or_all_since_it_follows()


class RealWatchTest(contract.Real, WatchContract, testtools.TestCase):
    pass
