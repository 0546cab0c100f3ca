# SPDX-License-Identifier: Apache-2.0
"""Which requests the API server understands, and how it writes answers."""

from collections.abc import Mapping
import json
import re
from typing import Any
from typing import NamedTuple

from vitrage_k8s_lab.kube_api import http

TIME = '%Y-%m-%dT%H:%M:%SZ'
NODES = '/api/v1/nodes'
# Kinds beside nodes; their lists are empty.
EMPTY = {('', 'pods'): 'Pod', ('', 'events'): 'Event',
         ('coordination.k8s.io', 'leases'): 'Lease'}
DISCOVERY: dict[str, dict[str, Any]] = {
    '/api': {'kind': 'APIVersions', 'versions': ['v1'],
             'serverAddressByClientCIDRs': []},
    '/apis': {'kind': 'APIGroupList', 'apiVersion': 'v1', 'groups': []},
    '/api/v1': {'kind': 'APIResourceList', 'groupVersion': 'v1', 'resources': [
        {'name': f'{kind.lower()}s', 'singularName': kind.lower(),
         'namespaced': kind != 'Node', 'kind': kind, 'shortNames': [short],
         'verbs': ['get', 'list', 'watch'][:3 if kind == 'Node' else 2]}
        for kind, short in (('Node', 'no'), ('Pod', 'po'), ('Event', 'ev'))]},
    '/version': {'major': '1', 'minor': '36', 'gitVersion': 'v1.36.0',
                 'gitCommit': '', 'gitTreeState': 'clean', 'compiler': 'gc',
                 'buildDate': '2026-04-22T00:00:00Z', 'goVersion': 'go1.26',
                 'platform': 'linux/amd64'}}
_PATH = re.compile(r'/api(?:s/([^/]+))?/v1(?:/namespaces/([^/]+))?'
                   r'/([a-z]+)(?:/([^/]+))?')
# UTF-8 as Go writes it. NaN is not JSON, and is refused.
_encoder = json.JSONEncoder(
    separators=(',', ':'), ensure_ascii=False, allow_nan=False)


def encode(value: Any) -> bytes:
    """Write JSON as the API server does."""
    return _encoder.encode(value).encode()


def failure(code: int, reason: str | None, message: str, *,
            retry_after: str | None = None, **fields: Any) -> http.Answer:
    """Make a Status of a failure.

    :param reason: as in metav1.StatusReason; None is Unknown
    :param retry_after: the header, and in seconds the detail too
    :param fields: further ones of the Status
    """
    if retry_after and retry_after.isdecimal() and int(retry_after):
        fields['details'] = {**fields.get('details', {}),
                             'retryAfterSeconds': int(retry_after)}
    status = {
        'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, **fields,
        'status': 'Failure', 'message': message, 'code': code}
    if reason:
        status['reason'] = reason
    return http.Answer(code, encode(status), retrying(retry_after))


def retrying(after: str | None) -> dict[str, str]:
    """Return the header that says when to retry, unless it is None."""
    return {} if after is None else {'Retry-After': after}


def bad_request(message: str) -> http.RefusedError:
    return http.RefusedError(failure(400, 'BadRequest', message))


class Resource(NamedTuple):
    """What a path names: a kind, or one object of it."""

    group: str
    namespace: str | None
    plural: str
    name: str | None

    def __str__(self) -> str:
        name = f' "{self.name}"' if self.name else ''
        return '.'.join(filter(None, (self.plural, self.group))) + name

    def details(self) -> dict[str, str]:
        """Return what a Status says of it."""
        named = {'name': self.name, 'group': self.group, 'kind': self.plural}
        return {key: value for key, value in named.items() if value}


def not_found(resource: Resource | None = None) -> http.RefusedError:
    """Refuse a path that is unknown, or an object that does not exist."""
    return http.RefusedError(failure(
        404, 'NotFound', f'{resource} not found' if resource else
        'the server could not find the requested resource',
        details=resource.details() if resource else {}))


def find_resource(path: str) -> Resource | None:
    """Return what a path names; None if there is no such kind."""
    match = _PATH.fullmatch(path)
    if not match:
        return None
    resource = Resource(match[1] or '', match[2], match[3], match[4])
    if resource[:3] == ('', None, 'nodes'):
        return resource
    return resource if (resource.group, resource.plural) in EMPTY else None


def is_set(query: Mapping[str, str], name: str) -> bool:
    """Return whether a truth value of a query is true, to Kubernetes."""
    return query.get(name, 'false') not in ('false', '0')


def is_watch(request: http.Request) -> bool:
    return request.path == NODES and is_set(request.query, 'watch')


def number(query: Mapping[str, str], name: str) -> int:
    """Return a number of a query; 0 if there is none.

    :raises RefusedError: it is not a number
    """
    text = query.get(name) or '0'
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid '
                          'syntax') from error


def wants_table(request: http.Request) -> bool:
    """Return whether a Table is wanted, and not the objects.

    :raises RefusedError: nothing that the client accepts can be served
    """
    # apiserver/pkg/endpoints/handlers/negotiation. Of application/* the
    # real one serves nothing either.
    for clause in (request.headers.get('Accept') or '*/*').split(','):
        media_type, *parameters = map(str.strip, clause.split(';'))
        wanted = [text for text in parameters if text.startswith('as=')]
        if media_type in ('application/json', '*/*') and (
                wanted in ([], ['as=Table'])):
            return bool(wanted)
    raise http.RefusedError(failure(
        406, 'NotAcceptable', '406: Not Acceptable\n\nAvailable '
        'representations: application/json, application/json;stream=watch',
        details={}))
