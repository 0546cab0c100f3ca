# SPDX-License-Identifier: Apache-2.0
"""What an API server answers: lists of nodes, and watches, from their bytes.

Pure functions. What is odd in one node costs that part of that node only:
msgspec takes a value whole or not at all, so that an odd one is decoded again
without types, and what fits its type is kept.
"""

import contextlib
from typing import Any
from typing import get_args
from typing import get_origin
from typing import NamedTuple

import msgspec

from vitrage_k8s.api import nodes
from vitrage_k8s.api import text

class _ListMetadata(msgspec.Struct, rename='camel'):
    resource_version: str | None = None
    continue_token: str | None = msgspec.field(name='continue', default=None)
    remaining_item_count: int | None = None


class _WatchEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Versioned(msgspec.Struct):
    metadata: _ListMetadata | None = None


class _Failure(msgspec.Struct):
    code: int | None = None
    reason: str | None = None
    message: str | None = None


class _NodeList(msgspec.Struct):
    items: list[nodes.ApiNode]
    kind: str = 'NodeList'
    metadata: _ListMetadata | None = None


class _OddNodeList(msgspec.Struct):
    items: list[Any]
    kind: str = 'NodeList'
    metadata: _ListMetadata | None = None


class LeftOut(NamedTuple):
    """A node that exists and cannot be shown.

    :ivar fields: those of its keys that cannot be shown as they are
    """

    uid: str
    name: str
    fields: str


class Page(msgspec.Struct, frozen=True):
    """A page of a list of nodes.

    :ivar nodes: the nodes of the page
    :ivar resource_version: the version that the page is of
    :ivar continue_token: asks for the next page; None after the last
    :ivar problems: pairs of a node's name and the field of it that could not
        be read, and is missing from ``nodes``
    :ivar left_out: the nodes that are missing from ``nodes``
    :ivar has_unidentified: whether the page holds something that is no known
        node for lack of a uid, so that nothing can be told of absence
    """

    nodes: list[nodes.Node]
    resource_version: str | None
    continue_token: str | None
    problems: list[tuple[str, str]]
    left_out: list[LeftOut]
    has_unidentified: bool


def decode_page(body: bytes) -> Page:
    """Decode the answer to a list request.

    A node with fields of unexpected types loses those fields, and nothing
    else; see ``Page.problems``.

    :raises ValueError: what came is not a list of nodes, or an incomplete one
    """
    odd: list[tuple[str, str]] = []
    try:
        node_list, api_nodes = _decode(body, odd)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if node_list.kind != 'NodeList':
        raise ValueError(f'a {node_list.kind[:80]!r} came, not a NodeList')
    metadata = node_list.metadata or _ListMetadata()
    if not metadata.continue_token and metadata.remaining_item_count:
        raise ValueError(f'{metadata.remaining_item_count} nodes remain, but '
                         'no token to continue with')
    found, left_out, has_unidentified = [], [], False
    for api_node in api_nodes:
        identity = api_node.metadata or nodes.Metadata()
        if not identity.uid:
            has_unidentified = True
            odd.append((identity.name or '(no name)', 'metadata.uid'))
        if identity.uid or identity.name:
            node = nodes.to_node(api_node)
            if unfit := _left_out(node):
                left_out.append(unfit)
            else:
                found.append(node)
    return Page(found, metadata.resource_version or None,
                metadata.continue_token or None, odd, left_out,
                has_unidentified)


def _left_out(node: nodes.Node) -> LeftOut | None:
    if text.is_key(f'{node.id}{node.name}{node.provider_id}'
                   f'{node.instance_id}', text.LONGEST_NAME):
        # As of nearly every node: so is each of them.
        return None
    # A key that is cut, or has characters replaced, may be another node's.
    fields = [field for field, key, longest in (
        ('metadata.uid', node.id, text.LONGEST_NAME),
        ('metadata.name', node.name, text.LONGEST_NAME),
        ('spec.providerID', node.provider_id, text.LONGEST_MACHINE_ID),
        ('the instance id in spec.providerID', node.instance_id,
         text.LONGEST_MACHINE_ID),
    ) if key and not text.is_key(key, longest)]
    return LeftOut(node.id, node.name or '(no name)', ', '.join(fields)) \
        if fields else None


_DECODER = msgspec.json.Decoder(_NodeList)
_ODD_DECODER = msgspec.json.Decoder(_OddNodeList)


def _decode(body: bytes, odd: list[tuple[str, str]],
            ) -> tuple[_NodeList | _OddNodeList, list[nodes.ApiNode]]:
    with contextlib.suppress(msgspec.ValidationError):
        node_list = _DECODER.decode(body)
        return node_list, node_list.items
    odd_list = _ODD_DECODER.decode(body)
    return odd_list, [_salvage_node(item, odd) for item in odd_list.items]


class WatchEvent(msgspec.Struct, frozen=True):
    """What one line of a watch tells.

    :ivar resource_version: the version that the watch has come to; None if it
        does not tell
    :ivar node: the node that was added, modified or deleted, if any
    :ivar is_deletion: whether it was deleted
    :ivar problems: see ``Page.problems``
    :ivar left_out: the node that was added or modified, if it is left out
    """

    resource_version: str | None = None
    node: nodes.Node | None = None
    is_deletion: bool = False
    problems: list[tuple[str, str]] = []
    left_out: LeftOut | None = None


class WatchError(ValueError):
    """The server says that it cannot go on with a watch.

    :ivar status: the HTTP status code that it would have; 0 if it is not said
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def decode_watch_event(line: bytes) -> WatchEvent | None:
    """Decode one line of a watch.

    :returns: None for an event of a type that is not known
    :raises WatchError: it is an ERROR event
    :raises ValueError: it is not an event, or one of a node without a uid
    """
    odd: list[tuple[str, str]] = []
    try:
        event = _EVENT_DECODER.decode(line)
        if event.type == 'ERROR':
            failure = msgspec.json.decode(event.object, type=_Failure)
            # Servers have left out the code, or the reason (client-go's
            # IsResourceExpired and IsGone look at the reason).
            gone = failure.reason in ('Expired', 'Gone')
            raise WatchError(
                (failure.message or failure.reason or 'no reason')[:300],
                failure.code or (410 if gone else 0))
        if event.type not in ('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'):
            return None
        versioned = _VERSIONED_DECODER.decode(event.object)
        version = versioned.metadata and versioned.metadata.resource_version
        if event.type == 'BOOKMARK':
            return WatchEvent(version or None)
        try:
            api_node = _NODE_DECODER.decode(event.object)
        except msgspec.ValidationError:
            api_node = _salvage_node(msgspec.json.decode(event.object), odd)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if not (api_node.metadata and api_node.metadata.uid):
        raise ValueError('an event of a node without a uid')
    node = nodes.to_node(api_node)
    is_deletion = event.type == 'DELETED'
    left_out = None if is_deletion else _left_out(node)
    return WatchEvent(version or None, None if left_out else node,
                      is_deletion, odd, left_out)


_EVENT_DECODER = msgspec.json.Decoder(_WatchEvent)
_VERSIONED_DECODER = msgspec.json.Decoder(_Versioned)
_NODE_DECODER = msgspec.json.Decoder(nodes.ApiNode)
def _salvage_node(item: Any, problems: list[tuple[str, str]]) -> nodes.ApiNode:
    node, unfit = salvage(item, nodes.ApiNode)
    node = node or nodes.ApiNode()
    name = (node.metadata and node.metadata.name) or '(no name)'
    problems.extend((name, field or '(the whole node)') for field in unfit)
    return node


def salvage(value: Any, wanted: Any) -> tuple[Any, list[str]]:
    """Leave out of a value what is not of its type.

    :param value: a value as decoded from JSON
    :param wanted: its type: a msgspec.Struct whose fields are all optional,
        or built of such, of dict, of list and of plain types
    :returns: the value as the wanted type, or None if nothing is left of it;
        and the paths, such as ``status.addresses[2]``, of what was left out
    """
    left_out: list[str] = []
    return _salvage(value, wanted, '', left_out), left_out


def _salvage(value: Any, wanted: Any, path: str, left_out: list[str]) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        pass
    for kind in _kinds(wanted):
        if isinstance(value, dict) and isinstance(kind, type) \
                and issubclass(kind, msgspec.Struct):
            return kind(**{
                field.name: _salvage(
                    value[field.encode_name], field.type,
                    f'{path}.{field.encode_name}'.lstrip('.'), left_out)
                for field in msgspec.structs.fields(kind)
                if field.encode_name in value})
        if isinstance(value, dict) and get_origin(kind) is dict:
            parts = ((key, _salvage(part, get_args(kind)[1], f'{path}[{key}]',
                                    left_out))
                     for key, part in value.items())
            return {key: part for key, part in parts if part is not None}
        if isinstance(value, list) and get_origin(kind) is list:
            items = (_salvage(part, get_args(kind)[0], f'{path}[{i}]',
                              left_out)
                     for i, part in enumerate(value))
            return [part for part in items if part is not None]
    left_out.append(path)
    return None


def _kinds(wanted: Any) -> tuple[Any, ...]:
    """Return the types of which one is wanted: those of a union, or it."""
    members = get_args(wanted)
    return members if type(None) in members else (wanted,)


class _Status(msgspec.Struct):
    message: str | None = None


def decode_message(body: bytes | None) -> str | None:
    """Return the message of a Status object; None where it is none."""
    try:
        return msgspec.json.decode(body or b'', type=_Status).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
