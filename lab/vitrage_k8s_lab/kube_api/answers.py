# SPDX-License-Identifier: Apache-2.0
"""What the simulator's answers are made of, and what is asked for."""

import calendar
from collections.abc import Iterable
from collections.abc import Mapping
import json
import re
import time
from typing import Any

from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request

TIME = '%Y-%m-%dT%H:%M:%SZ'
DISCOVERY: dict[str, dict[str, Any]] = {
    '/api': {'kind': 'APIVersions', 'versions': ['v1'],
             'serverAddressByClientCIDRs': []},
    '/apis': {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': []},
    '/api/v1': {'kind': 'APIResourceList', 'groupVersion': 'v1', 'resources': [
        {'name': 'nodes', 'singularName': 'node', 'namespaced': False,
         'kind': 'Node', 'verbs': ['get', 'list', 'watch'],
         'shortNames': ['no']}]},
    '/version': {'major': '1', 'minor': '36', 'gitVersion': 'v1.36.0',
                 'gitCommit': '', 'gitTreeState': 'clean', 'compiler': 'gc',
                 'buildDate': '2026-04-22T00:00:00Z', 'goVersion': 'go1.26',
                 'platform': 'linux/amd64'}}
# printNode of k8s.io/kubernetes/pkg/printers/internalversion.
_COLUMNS = [
    {'name': name, 'type': 'string', 'priority': 0, 'description': '',
     'format': 'name' if name == 'Name' else ''}
    for name in ('Name', 'Status', 'Roles', 'Age', 'Version')]
# UTF-8 as Go writes it; and NaN, which is not JSON, is refused.
_encoder = json.JSONEncoder(
    separators=(',', ':'), ensure_ascii=False, allow_nan=False)


def encode(value: Any) -> bytes:
    """Write JSON as the API server does."""
    return _encoder.encode(value).encode()


def failure(code: int, reason: str | None, message: str, *,
            retry_after: str | None = None, **fields: Any) -> Answer:
    """Make a Status that tells of a failure.

    :param reason: as in metav1.StatusReason; None is Unknown
    :param retry_after: the header, and in seconds the detail too
    :param fields: further ones of the Status
    """
    headers = {} if retry_after is None else {'Retry-After': retry_after}
    if retry_after and retry_after.isdecimal() and int(retry_after):
        fields['details'] = {**fields.get('details', {}),
                             'retryAfterSeconds': int(retry_after)}
    status = {
        'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, **fields,
        'status': 'Failure', 'message': message, 'code': code}
    if reason:
        status['reason'] = reason
    return Answer(code, encode(status), headers)


class Refused(Exception):
    """A request that is answered with a Status.

    :ivar answer: the answer
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def bad_request(message: str) -> Refused:
    """Refuse a request that is not understood."""
    return Refused(failure(400, 'BadRequest', message))


def is_set(query: Mapping[str, str], name: str) -> bool:
    """Whether a truth value of a query is true, to Kubernetes."""
    return query.get(name, 'false') not in ('false', '0')


def number(query: Mapping[str, str], name: str) -> int:
    """A number of a query; 0 if there is none.

    :raises Refused: if it is not one
    """
    try:
        return int(query.get(name) or 0)
    except ValueError as error:
        raise bad_request(f'{name} is not a number') from error


def selected_name(query: Mapping[str, str]) -> str | None:
    """The name of the only node to show; None for all.

    :raises Refused: for other selectors
    """
    selector = query.get('fieldSelector', '')
    named = re.fullmatch('metadata[.]name==?([^=!,]+)', selector)
    if query.get('labelSelector') or (selector and not named):
        raise bad_request('this selector is not simulated')
    return named[1] if named else None


def as_table(request: Request) -> bool:
    """Whether a Table is wanted instead of nodes."""
    return 'as=Table' in request.headers.get('Accept', '')


def table(metadata: Mapping[str, Any], items: Iterable[bytes]) -> bytes:
    """Make a Table of a list's metadata and the JSON of its nodes.

    It is what ``kubectl get`` shows; kubectl only aligns the columns.
    """
    rows = []
    for node in map(json.loads, items):
        rows.append({'cells': _cells(node), 'object': {
            'kind': 'PartialObjectMetadata', 'apiVersion': 'meta.k8s.io/v1',
            'metadata': node['metadata']}})
    return encode({'kind': 'Table', 'apiVersion': 'meta.k8s.io/v1',
                    'metadata': metadata, 'columnDefinitions': _COLUMNS,
                    'rows': rows})


def _cells(node: dict[str, Any]) -> list[str]:
    labels = _mapping(node['metadata'].get('labels'))
    status = _mapping(node.get('status'))
    state = 'Unknown'
    conditions = status.get('conditions')
    for condition in conditions if isinstance(conditions, list) else ():
        match condition:
            case {'type': 'Ready', 'status': ready}:
                state = 'Ready' if ready == 'True' else 'NotReady'
    if _mapping(node.get('spec')).get('unschedulable') is True:
        state += ',SchedulingDisabled'
    prefix = 'node-role.kubernetes.io/'
    roles = {label.removeprefix(prefix) for label in labels
             if label.startswith(prefix)}
    roles.add(str(labels.get('kubernetes.io/role') or ''))
    version = _mapping(status.get('nodeInfo')).get('kubeletVersion')
    return [node['metadata']['name'], state,
            ','.join(sorted(roles - {''})) or '<none>',
            _age(node['metadata']['creationTimestamp']), str(version or '')]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _age(created: Any) -> str:
    try:
        seconds = time.time() - calendar.timegm(
            time.strptime(str(created), TIME))
    except ValueError:
        return '<unknown>'
    for size, unit in ((86400, 'd'), (3600, 'h'), (60, 'm')):
        if seconds >= 2 * size:
            return f'{seconds // size:.0f}{unit}'
    return f'{max(seconds, 0):.0f}s'
