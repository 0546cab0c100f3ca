# SPDX-License-Identifier: Apache-2.0
"""Decodes the answers of an API server: pages of a list, lines of a watch.

Pure. A node loses only a field that is not of its type. A node with a key that
cannot be shown is left out.
"""

import contextlib
import json
import random
from typing import Any
from typing import Generic
from typing import NamedTuple
from typing import TypeVar

import msgspec

from vitrage_k8s.api import nodes
from vitrage_k8s.api import salvage


# How many marks of JSON an answer or a line may have. A node has 100 to 300
# objects, and some 500 commas and lists. Decoding takes up to 400 bytes for
# an object, and up to 100 for another value.
_MOST = (('objects', b'{', 1_000_000), ('values', b'[,', 3_000_000))
# Bytes that cannot have as many.
_FEW = 1 << 20

_Part = TypeVar('_Part')
_AnyNode = TypeVar('_AnyNode', bound=nodes.ApiNode)


class _ListMetadata(msgspec.Struct, rename='camel'):
    resource_version: str | None = None
    continue_token: str | None = msgspec.field(name='continue', default=None)
    remaining_item_count: int | None = None


class _NodeList(msgspec.Struct, Generic[_Part]):
    items: list[_Part]
    kind: str = ''
    metadata: _ListMetadata | None = None


class _Event(msgspec.Struct, Generic[_Part]):
    type: str
    object: _Part


class _EventNode(nodes.ApiNode, gc=False):
    kind: Any = 'Node'


class _Status(msgspec.Struct):
    code: int | None = None
    reason: str | None = None
    message: str | None = None


class Hidden(NamedTuple):
    """A node that exists and cannot be shown (``nodes.odd_keys``).

    :ivar fields: the keys that cannot be shown
    """

    uid: str
    name: str
    fields: str


class Page(msgspec.Struct, frozen=True):
    """A page of a list of nodes.

    :ivar items: the nodes of the page
    :ivar resource_version: the version that the page is of
    :ivar continue_token: asks for the next page; None after the last
    :ivar problems: pairs of a node's name and the field of it that could not
        be read, and is missing from ``items``
    :ivar hidden: nodes that cannot be shown; they are not in ``items``
    :ivar has_unidentified: whether the page has a node without a uid, so that
        no node can be taken for absent
    """

    items: list[nodes.Item]
    resource_version: str
    continue_token: str | None
    problems: list[tuple[str, str]]
    hidden: list[Hidden]
    has_unidentified: bool


def decode_page(body: bytes | bytearray,
                chosen: tuple[str, ...] = ()) -> Page:
    """Decode the answer to a list request.

    :param chosen: see ``nodes.to_node``
    :raises ValueError: this is not a list of nodes, or an incomplete one
    """
    odd: list[tuple[str, str]] = []
    try:
        node_list = _decode(body, odd)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if node_list.kind != 'NodeList':
        raise ValueError(
            f'a {node_list.kind[:80]!r} came, not a NodeList')
    metadata = node_list.metadata or _ListMetadata()
    if not metadata.resource_version:
        raise ValueError('the list has no resourceVersion')
    if not metadata.continue_token and metadata.remaining_item_count:
        raise ValueError(f'{metadata.remaining_item_count} nodes remain, but '
                         'no token to continue with')
    items, hidden = [], []
    has_unidentified = False
    for api_node in node_list.items:
        identity = api_node.metadata or _NO_METADATA
        if not identity.uid:
            if not has_unidentified:
                odd.append((identity.name or _NO_NAME, 'metadata.uid'))
            has_unidentified = True
            continue
        node = nodes.to_node(api_node, chosen)
        if fields := nodes.odd_keys(node):
            hidden.append(_hide(node, fields))
        else:
            items.append(nodes.Item(
                nodes.number(identity.resource_version), node))
    return Page(items, metadata.resource_version,
                metadata.continue_token or None, odd, hidden,
                has_unidentified)


def _hide(node: nodes.Node, fields: list[str]) -> Hidden:
    return Hidden(node.id, node.name or _NO_NAME, ', '.join(fields))


_NO_NAME = '(no name)'
_NO_METADATA = nodes.Metadata()
_DECODER = msgspec.json.Decoder(_NodeList[nodes.ApiNode])


def _check_size(body: bytes | bytearray) -> None:
    if len(body) < _FEW:
        return
    # A sample is enough, and costs next to nothing. It is of 256 places that
    # nobody can foresee.
    places = random.choices(range(len(body)), k=256)  # noqa: S311
    sample = b''.join(body[at:at + 256] for at in places)
    for kind, marks, most in _MOST:
        share = 1 - len(sample.translate(None, marks)) / len(sample)
        if share * len(body) > most:
            raise ValueError(f'it has more than {most} JSON {kind}; see '
                             '[kubernetes] page_size')


def _decode(body: bytes | bytearray,
            odd: list[tuple[str, str]]) -> _NodeList[nodes.ApiNode]:
    _check_size(body)
    with contextlib.suppress(msgspec.DecodeError):
        return _DECODER.decode(body)
    # json.loads takes what msgspec does not: half a surrogate, 1e999, NaN.
    found = msgspec.convert(json.loads(body), _NodeList[Any])
    items: list[Any] = [
        item for item in found.items if isinstance(item, dict)]
    if len(items) < len(found.items):
        # One stands for all that are no objects.
        items.append(None)
    return _NodeList([_salvage_node(item, nodes.ApiNode, odd)
                      for item in items], found.kind, found.metadata)


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch.

    :ivar resource_version: the version of the event, if it has one
    :ivar node: the node that was added, modified or deleted, if any
    :ivar is_deletion: whether it was deleted
    :ivar problems: see ``Page.problems``
    :ivar hidden: the node that was added or modified, if it cannot be shown
    """

    resource_version: str | None = None
    node: nodes.Node | None = None
    is_deletion: bool = False
    problems: list[tuple[str, str]] = []
    hidden: Hidden | None = None


class WatchError(ValueError):
    """The server ends a watch with an error.

    :ivar status: the HTTP status code of the error; 0 if it has none
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def decode_watch_event(line: bytes,
                       chosen: tuple[str, ...] = ()) -> WatchEvent | None:
    """Decode one line of a watch.

    :param chosen: see ``nodes.to_node``
    :returns: None for an event of a type that is not known
    :raises WatchError: it is an ERROR event
    :raises ValueError: it is not an event, or one of a node without a uid
    """
    odd: list[tuple[str, str]] = []
    try:
        event = _decode_event(line, odd)
        if event.type == 'ERROR':
            failure = msgspec.json.decode(
                line, type=_Event[_Status]).object
            # Servers have left out the code, or the reason (client-go's
            # IsResourceExpired and IsGone look at the reason).
            gone = failure.reason in ('Expired', 'Gone')
            raise WatchError(
                (failure.message or failure.reason or 'no reason')[:300],
                failure.code or (410 if gone else 0))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if event.type not in ('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'):
        return None
    api_node = event.object
    if api_node.kind != 'Node':
        raise ValueError(f'an event of a {str(api_node.kind)[:80]!r}')
    identity = api_node.metadata or _NO_METADATA
    version = identity.resource_version or None
    if event.type == 'BOOKMARK':
        return WatchEvent(version)
    if not identity.uid:
        raise ValueError('an event of a node without a uid')
    node = nodes.to_node(api_node, chosen)
    is_deletion = event.type == 'DELETED'
    if not is_deletion and (fields := nodes.odd_keys(node)):
        return WatchEvent(version, problems=odd,
                          hidden=_hide(node, fields))
    return WatchEvent(version, node, is_deletion, odd)


_EVENT_DECODER = msgspec.json.Decoder(_Event[_EventNode])


def _decode_event(line: bytes,
                  odd: list[tuple[str, str]]) -> _Event[_EventNode]:
    _check_size(line)
    with contextlib.suppress(msgspec.DecodeError):
        return _EVENT_DECODER.decode(line)
    event = msgspec.convert(json.loads(line), _Event[Any])
    return _Event(event.type, _salvage_node(event.object, _EventNode, odd))


def _salvage_node(item: Any, kind: type[_AnyNode],
                  problems: list[tuple[str, str]]) -> _AnyNode:
    unfit: list[str] = []
    node = salvage.salvage(item, kind, unfit) or kind()
    name = (node.metadata and node.metadata.name) or _NO_NAME
    if len(problems) < salvage.MOST_UNFIT:
        problems.extend((name, field or '(the whole node)')
                        for field in unfit)
    return node


def decode_message(body: bytes | None) -> str | None:
    """Return the message of a Status object; None where it is none."""
    try:
        return msgspec.json.decode(body or b'', type=_Status).message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
