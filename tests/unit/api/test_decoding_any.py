# SPDX-License-Identifier: Apache-2.0
"""Whatever an API server sends: it is decoded, or a ValueError."""

from collections.abc import Iterator
import copy
import json
from typing import Any

import hypothesis
from hypothesis import strategies
import testtools

from vitrage_k8s.api import decoding
from vitrage_k8s_lab import samples

_NODE = {
    **samples.node('n'), 'kind': 'Node',
    'metadata': {
        'name': 'n', 'uid': 'u', 'resourceVersion': '7',
        'creationTimestamp': '2026-01-02T03:04:05Z',
        'deletionTimestamp': '2026-01-02T03:04:05Z',
        'labels': {'kubernetes.io/role': 'edge', 'x': 'y'}},
    'spec': {'providerID': 'openstack:///x', 'unschedulable': True,
             'taints': [{'key': 'k', 'value': 'v', 'effect': 'NoSchedule'}]}}
_NODE['status'] = {
    **_NODE['status'], 'capacity': {'cpu': '2', 'memory': '1Ki', 'pods': 5},
    'nodeInfo': {'osImage': 'o', 'systemUUID': 's', 'kubeletVersion': 'v'}}
_LIST = {'kind': 'NodeList',
         'metadata': {'resourceVersion': '9', 'continue': 'c',
                      'remainingItemCount': 5},
         'items': [samples.SPECIFICATION_NODE, _NODE]}
_EVENTS = [{'type': kind, 'object': _NODE}
           for kind in ('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK')]
_ERROR = {'type': 'ERROR', 'object': {
    'kind': 'Status', 'code': 410, 'reason': 'Gone', 'message': 'm'}}

_ABSENT = ...
# What may stand anywhere.
_ANYTHING: strategies.SearchStrategy[Any] = strategies.sampled_from((
    _ABSENT, None, True, 0, -1, 5.5, 10 ** 30, 10 ** 4000, float('inf'), '',
    'x', '\x00', '\ud800', '\u202e', '9', 'Node', 'NodeList', 'ERROR',
    'openstack:///', 'aws:///z/i-0',
    'openstack:///8fc0f1b2-7e1a-4f43-8d17-4d7a6a2d1b9e', 'x' * 2000, [], [[]],
    [None], ['x'], {}, {'': None}, {'x': {}}, {'x': 'x'}))

_settings = hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, database=None)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Yield the paths of a document and of all its parts."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _paths(value[key], (*path, key))


def _replace(value: Any, path: tuple[Any, ...], part: Any) -> Any:
    """Return a document with another part at a path, if it still has that."""
    if not path:
        return value if part is _ABSENT else part
    try:
        inner = value[path[0]]
    except (LookupError, TypeError):
        return value
    if isinstance(value, str):
        return value
    if len(path) == 1 and part is _ABSENT:
        del value[path[0]]
    else:
        value[path[0]] = _replace(inner, path[1:], part)
    return value


@strategies.composite
def _odd(draw: Any, *documents: Any) -> Any:
    """Generate one of the documents with some odd parts."""
    made = copy.deepcopy(draw(strategies.sampled_from(documents)))
    paths = strategies.sampled_from(list(_paths(made)))
    for path, part in draw(strategies.lists(
            strategies.tuples(paths, _ANYTHING), min_size=1, max_size=3)):
        made = _replace(made, path, copy.deepcopy(part))
    return made


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(
        errors='surrogatepass')


class AnythingTest(testtools.TestCase):

    @_settings
    @hypothesis.given(_odd(_LIST))
    def test_list_is_decoded_or_refused(self, answer: Any) -> None:
        try:
            page = decoding.decode_page(_encode(answer))
        except ValueError:
            return
        self.assertEqual('NodeList', answer['kind'])
        self.assertTrue(page.resource_version)
        # Nothing gets lost without a word.
        known = len(page.items) + len(page.hidden)
        self.assertLessEqual(known, len(answer['items']))
        self.assertEqual(known < len(answer['items']), page.has_unidentified)
        if page.has_unidentified:
            self.assertTrue(page.problems)
        for item in page.items:
            self.assertTrue(item.node.id.isprintable())

    @_settings
    @hypothesis.given(_odd(*_EVENTS, _ERROR))
    def test_event_is_decoded_or_refused(self, answer: Any) -> None:
        try:
            event = decoding.decode_watch_event(_encode(answer))
        except ValueError:
            return
        if event is not None and event.node is not None:
            self.assertTrue(event.node.id)
            self.assertEqual('Node', answer['object'].get('kind', 'Node'))
            self.assertEqual(answer['type'] == 'DELETED', event.is_deletion)

    @_settings
    @hypothesis.given(strategies.binary(max_size=60))
    def test_bytes_are_refused(self, answer: bytes) -> None:
        self.assertRaises(ValueError, decoding.decode_page, answer)
        self.assertRaises(ValueError, decoding.decode_watch_event, answer)

    @_settings
    @hypothesis.given(strategies.data())
    def test_cut_answer_is_refused(self, data: Any) -> None:
        for whole, decode in (
                (_LIST, decoding.decode_page),
                (_EVENTS[0], decoding.decode_watch_event)):
            raw = _encode(whole)
            cut = data.draw(strategies.integers(0, len(raw) - 1))
            self.assertRaises(ValueError, decode, raw[:cut])


class SharedTest(testtools.TestCase):

    def test_what_threads_share_stays_as_it_is(self) -> None:
        page = decoding.decode_page(
            b'{"kind": "NodeList", "items": [],'
            b'"metadata": {"resourceVersion": "1"}}')
        for shared, field in ((page, 'items'),
                              (decoding.WatchEvent(), 'node')):
            self.assertRaises(AttributeError, setattr, shared, field, None)

    def test_event_without_a_kind_is_one_of_a_node(self) -> None:
        event = decoding.decode_watch_event(
            b'{"type": "ADDED", "object": {"metadata": {"uid": "u"}}}')
        assert event is not None and event.node is not None
        self.assertEqual('u', event.node.id)
