# SPDX-License-Identifier: Apache-2.0
"""Lists of nodes and events of a watch, from their bytes."""

import json
from typing import Any

import testtools

from vitrage_k8s.api import decoding
from vitrage_k8s_lab import samples

VERSION = {'resourceVersion': '9'}
DEEP = '[' * 200_000 + ']' * 200_000


def body(*items: Any, kind: Any = 'NodeList', **metadata: Any) -> bytes:
    return json.dumps({
        'kind': kind, 'apiVersion': 'v1',
        'metadata': {**VERSION, **metadata}, 'items': items}).encode()


def decode(*items: Any, **metadata: Any) -> decoding.Page:
    return decoding.decode_page(body(*items, **metadata))


def node(name: str = 'n', version: Any = '7', **metadata: Any) -> Any:
    made = samples.node(name)
    made['metadata'].update(resourceVersion=version, **metadata)
    return made


def names(page: decoding.Page) -> list[str | None]:
    return [item.node.name for item in page.items]


class ListTest(testtools.TestCase):

    def refuses(self, answer: bytes, reason: str) -> None:
        error = self.assertRaises(ValueError, decoding.decode_page, answer)
        self.assertIn(reason, str(error))

    def test_is_of_a_version(self) -> None:
        page = decode(node())

        self.assertEqual('9', page.resource_version)
        self.assertEqual(['n'], names(page))
        self.assertEqual((None, [], [], False),
                         (page.continue_token, page.problems, page.hidden,
                          page.has_unidentified))
        self.assertEqual([], decode().items)

    def test_only_a_node_list_with_a_version_is_one(self) -> None:
        for answer, reason in (
                ({'items': [], 'total': 0}, "'' came, not a NodeList"),
                ({'items': [], 'metadata': VERSION},
                 "'' came, not a NodeList"),
                ({'items': [], 'metadata': VERSION, 'kind': 'PodList'},
                 "'PodList' came, not a NodeList"),
                ({'items': [], 'metadata': VERSION, 'kind': 'x' * 999},
                 f"'{'x' * 80}' came, not"),
                ({'items': [], 'metadata': VERSION, 'kind': None}, 'kind'),
                ({'items': [], 'kind': 'NodeList'}, 'no resourceVersion'),
                ({'items': [], 'kind': 'NodeList', 'metadata': {}},
                 'no resourceVersion'),
                ({'items': [], 'kind': 'NodeList', 'metadata': None},
                 'no resourceVersion'),
                ({'items': [], 'kind': 'NodeList',
                  'metadata': {'resourceVersion': ''}}, 'no resourceVersion'),
                ({'items': [], 'kind': 'NodeList',
                  'metadata': {'resourceVersion': 9}}, 'resourceVersion'),
                ({'kind': 'NodeList', 'metadata': VERSION}, 'items'),
                ({'kind': 'NodeList', 'metadata': VERSION, 'items': None},
                 'items'),
                (samples.node('n'), 'items'),
                ([], 'object'), (None, 'object')):
            self.refuses(json.dumps(answer).encode(), reason)

    def test_what_is_no_json_is_no_list(self) -> None:
        for answer in (b'', b'{', b'<html>', b'\xff\xfe', b'{"items": [',
                       body(node('\xff')).replace(b'\\u00ff', b'\xff')):
            self.assertRaises(ValueError, decoding.decode_page, answer)

    def test_next_page_has_a_token(self) -> None:
        for metadata, token in (
                ({'continue': 'abc', 'remainingItemCount': 5}, 'abc'),
                ({'continue': 'abc'}, 'abc'), ({'continue': ''}, None),
                ({'continue': None}, None), ({}, None),
                ({'remainingItemCount': 0}, None)):
            self.assertEqual(token, decode(**metadata).continue_token)

    def test_nodes_that_remain_without_a_token_are_missed(self) -> None:
        for token in ({}, {'continue': ''}):
            self.refuses(body(remainingItemCount=1, **token),
                         '1 nodes remain, but no token')

    def test_node_is_at_a_version(self) -> None:
        page = decode(node('a', '7'), node('b', '12a'), node('c', None),
                      samples.node('d'))

        self.assertEqual([7, None, None, None],
                         [item.version for item in page.items])

    def test_deep_json_is_no_list(self) -> None:
        for where in ('status.images', 'metadata.labels', 'x'):
            deep = node()
            part = deep
            *path, last = where.split('.')
            for step in path:
                part = part[step]
            part[last] = 'DEEP'
            self.refuses(body(deep).replace(b'"DEEP"', DEEP.encode()),
                         'recursion')


class OddNodeTest(testtools.TestCase):

    def test_odd_field_costs_itself(self) -> None:
        odd = node('odd')
        odd['status']['nodeInfo'] = {'osImage': 1}

        page = decode(node('even'), odd)

        self.assertEqual([('odd', 'status.nodeInfo.osImage')], page.problems)
        self.assertEqual(['even', 'odd'], names(page))
        self.assertEqual([7, 7], [item.version for item in page.items])
        self.assertFalse(page.has_unidentified)

    def test_value_that_is_none_costs_no_other_node(self) -> None:
        for value in ('1e999', '"\\ud800"', 'NaN'):
            odd = node('odd')
            odd['metadata']['annotations'] = {'x': 'VALUE'}
            odd['metadata']['creationTimestamp'] = 'VALUE'
            page = decoding.decode_page(body(node('even'), odd).replace(
                b'"VALUE"', value.encode()))

            self.assertEqual(['even', 'odd'], names(page))

    def test_node_without_a_uid_is_not_identified(self) -> None:
        for item, problems in (
                (node(uid=None), [('n', 'metadata.uid')]),
                (node(uid=''), [('n', 'metadata.uid')]),
                (node(uid=5), [('n', 'metadata.uid')] * 2),
                ({'metadata': None}, [('(no name)', 'metadata.uid')]),
                ({}, [('(no name)', 'metadata.uid')]),
                (None, [('(no name)', '(the whole node)'),
                        ('(no name)', 'metadata.uid')])):
            page = decode(item, node('other'))
            self.assertTrue(page.has_unidentified)
            self.assertEqual(problems, page.problems)
            self.assertEqual(['other'], names(page))

    def test_node_that_cannot_be_shown_is_left_out(self) -> None:
        page = decode(node('even'), node('a\nb', uid='u1'),
                      node('odd', uid='\x00'), node('', uid='x' * 254))

        self.assertEqual([('u1', 'a\nb', 'metadata.name'),
                          ('\x00', 'odd', 'metadata.uid'),
                          ('x' * 254, '(no name)', 'metadata.uid')],
                         page.hidden)
        self.assertEqual('u1', page.hidden[0].uid)
        self.assertEqual(['even'], names(page))
        self.assertFalse(page.has_unidentified)

    def test_all_odd_keys_are_named(self) -> None:
        [hidden] = decode(node('\x00', uid='\x00')).hidden

        self.assertEqual('metadata.uid, metadata.name', hidden.fields)


class WatchEventTest(testtools.TestCase):

    def decode(self, event: Any, /,
               **part: Any) -> decoding.WatchEvent | None:
        return decoding.decode_watch_event(json.dumps(
            {'type': event, 'object': {'kind': 'Node', **part}}).encode())

    def event(self, event: str, /, **part: Any) -> decoding.WatchEvent:
        found = self.decode(event, **part)
        assert found is not None
        return found

    def test_is_of_a_node_at_a_version(self) -> None:
        for kind, is_deletion in (('ADDED', False), ('MODIFIED', False),
                                  ('DELETED', True)):
            event = self.event(kind, **node('n', '7'))
            assert event.node is not None
            self.assertEqual(('n', '7', is_deletion, [], None), (
                event.node.name, event.resource_version, event.is_deletion,
                event.problems, event.hidden))

    def test_bookmark_is_a_version_alone(self) -> None:
        for metadata, version in (
                (VERSION, '9'), ({}, None), (None, None),
                ({'resourceVersion': ''}, None)):
            event = self.event('BOOKMARK', metadata=metadata)
            self.assertEqual((version, None, False, [], None), (
                event.resource_version, event.node, event.is_deletion,
                event.problems, event.hidden))

    def test_event_without_a_version_is_one(self) -> None:
        for version in ('', None):
            for name in ('n', '\x00'):
                event = self.event('ADDED', **node(name, version))
                self.assertIsNone(event.resource_version)

    def test_event_of_another_kind_is_no_node(self) -> None:
        for event in ('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'):
            for kind, reason in (('Status', "an event of a 'Status'"),
                                 ('Pod', "an event of a 'Pod'"),
                                 ('x' * 99, f"'{'x' * 80}'"), ('', "''"),
                                 (None, "'None'"), (5, "'5'")):
                error = self.assertRaises(
                    ValueError, self.decode, event,
                    **{**node(), 'kind': kind})
                self.assertIn(reason, str(error))

    def test_unknown_type_is_passed_over(self) -> None:
        for kind in ('SYNCED', '', 'added'):
            self.assertIsNone(self.decode(kind, **node()))

    def test_what_is_no_event_is_refused(self) -> None:
        for line in (b'', b'{}', b'[]', b'null', b'<html>',
                     b'{"type": "ADDED"}', b'\xff',
                     b'{"type": 5, "object": {}}',
                     b'{"type": "ADDED", "object": 5}',
                     b'{"type": "ADDED", "object": {"metadata": 5}}',
                     b'{"type": "ERROR", "object": 5}',
                     f'{{"type": "ADDED", "object": {DEEP}}}'.encode(),
                     f'{{"type": "X", "object": {DEEP}}}'.encode()):
            self.assertRaises(ValueError, decoding.decode_watch_event, line)

    def test_deep_node_is_refused(self) -> None:
        line = json.dumps({'type': 'ADDED', 'object': {
            **node(), 'spec': 'DEEP'}}).replace('"DEEP"', DEEP)

        self.assertRaises(ValueError, decoding.decode_watch_event,
                          line.encode())

    def test_event_of_a_node_without_a_uid_is_refused(self) -> None:
        for part in (node(uid=''), node(uid=None), node(uid=5),
                     {'metadata': None}, {}):
            error = self.assertRaises(ValueError, self.decode, 'ADDED', **part)
            self.assertIn('without a uid', str(error))

    def test_odd_field_costs_itself(self) -> None:
        event = self.event('MODIFIED', **node(labels=5))

        self.assertEqual([('n', 'metadata.labels')], event.problems)
        self.assertIsNotNone(event.node)

    def test_node_that_cannot_be_shown_is_left_out(self) -> None:
        for kind in ('ADDED', 'MODIFIED'):
            event = self.event(kind, **node('a\nb', '7', uid='u', labels=5))
            self.assertEqual(
                decoding.WatchEvent(
                    '7', problems=[('a\nb', 'metadata.labels')],
                    hidden=decoding.Hidden('u', 'a\nb', 'metadata.name')),
                event)

    def test_deletion_of_what_cannot_be_shown_is_one(self) -> None:
        event = self.event('DELETED', **node('a\nb', uid='u'))

        assert event.node is not None
        self.assertEqual(('u', True, None), (
            event.node.id, event.is_deletion, event.hidden))

    def test_error_ends_the_watch(self) -> None:
        for part, status, message in (
                ({'code': 410, 'reason': 'Expired', 'message': 'too old'},
                 410, 'too old'),
                ({'reason': 'Expired'}, 410, 'Expired'),
                ({'reason': 'Gone', 'message': 'm'}, 410, 'm'),
                ({'code': 0, 'reason': 'Gone'}, 410, 'Gone'),
                ({'code': 500, 'reason': 'Expired'}, 500, 'Expired'),
                ({'code': 403, 'reason': 'Forbidden'}, 403, 'Forbidden'),
                ({'reason': 'InternalError'}, 0, 'InternalError'),
                ({'message': 'x' * 999}, 0, 'x' * 300),
                ({}, 0, 'no reason')):
            error = self.assertRaises(
                decoding.WatchError, self.decode, 'ERROR', **part)
            self.assertEqual((status, message), (error.status, str(error)))


class MessageTest(testtools.TestCase):

    def test_message_of_a_status_object(self) -> None:
        for body, message in (
                (b'{"kind": "Status", "message": "no"}', 'no'),
                (b'{"message": null}', None), (b'{}', None), (b'', None),
                (None, None), (b'<html>', None), (b'{"message": 5}', None),
                (b'"no"', None), (b'{"message": "\xff"}', None),
                (DEEP.encode(), None)):
            self.assertEqual(message, decoding.decode_message(body), body)
