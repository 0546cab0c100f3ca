# SPDX-License-Identifier: Apache-2.0
"""Faulty answers of an API server or of a proxy.

The comments name where in k8s.io the texts and the codes come from.
"""

from collections.abc import Mapping
import gzip
from typing import Any
import zlib

from vitrage_k8s_lab.kube_api.answers import encode
from vitrage_k8s_lab.kube_api.answers import failure
from vitrage_k8s_lab.kube_api.answers import Resource
from vitrage_k8s_lab.kube_api.answers import retrying
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import CLOSE
from vitrage_k8s_lab.kube_api.http import Stream

_MEBIBYTE = 1 << 20
_GZIP = {'Content-Encoding': 'gzip', 'Vary': 'Accept-Encoding'}
_ALL_NODES = Resource('', None, 'nodes', None)
_LIST = (b'{"kind":"NodeList","apiVersion":"v1",'
         b'"metadata":{"resourceVersion":"1"},"items":[')


def expired(with_token: str | None = None) -> Answer:
    """Answer that a continue token is too old.

    :param with_token: the token for the rest at a newer version; it is
        missing where the server could not make one
    """
    # apiserver/pkg/storage/etcd3/errors.go
    old = 'The provided continue parameter is too old to display a ' \
          'consistent list result. You can start a new list without the ' \
          'continue parameter'
    if with_token is None:
        return failure(410, 'Expired', old + '.')
    return failure(410, 'Expired', old + (
        ', or use the continue token in this response to retrieve the '
        'remainder of the results. Continuing with the provided token '
        'results in an inconsistent list - objects that were created, '
        'modified, or deleted between the time the first chunk was returned '
        'and now may show up in the list.'),
        metadata={'continue': with_token})


def too_many_requests(retry_after: str | None = '1',
                      plain: bool = False) -> Answer:
    """Answer that the server has too much to do.

    :param plain: as text, of a server that shuts down and hangs up
    """
    if not plain:
        # apiserver/pkg/storage/cacher: a watch cache that is being filled
        return failure(429, 'TooManyRequests',
                       'storage is (re)initializing', retry_after=retry_after)
    # apiserver/pkg/server/filters/with_retry_after.go
    return Answer(
        429, b'The apiserver is shutting down, please try again later.\n', {
            'Content-Type': 'text/plain; charset=utf-8',
            'Connection': 'close', **retrying(retry_after)})


def internal_error() -> Answer:
    """Answer that etcd does not answer."""
    # An error that is no Status: without a reason, as of etcd's client.
    return failure(500, None, 'etcdserver: request timed out')


def unavailable(retry_after: str | None = None) -> Answer:
    """Answer as HAProxy does when no API server is up behind it."""
    return Answer(503, (
        b'<html><body><h1>503 Service Unavailable</h1>\n'
        b'No server is available to handle this request.\n'
        b'</body></html>\n'), {
            'Connection': 'close', 'Content-Type': 'text/html',
            **retrying(retry_after)})


def gateway_timeout(wanted: str = '2000', current: str = '1000') -> Answer:
    """Answer that the version asked for has not come."""
    # apiserver/pkg/storage/errors.go, NewTooLargeResourceVersionError
    return failure(
        504, 'Timeout', f'Timeout: Too large resource version: {wanted}, '
        f'current: {current}', retry_after='1', details={'causes': [
            {'reason': 'ResourceVersionTooLarge',
             'message': 'Too large resource version'}]})


def unauthorized() -> Answer:
    """Answer that the client is not known."""
    return failure(401, 'Unauthorized', 'Unauthorized')


def forbidden(user: str, verb: str = 'list', is_young: bool = False, *,
              resource: Resource = _ALL_NODES) -> Answer:
    """Answer that a user may not do this.

    :param is_young: the server does not know its roles yet, and says so
    :param resource: what it may not be done with
    """
    # apiserver/pkg/endpoints/handlers/responsewriters/errors.go
    where = 'at the cluster scope' if resource.namespace is None else (
        f'in the namespace "{resource.namespace}"')
    # plugin/pkg/auth/authorizer/rbac/rbac.go
    why = ': RBAC: clusterrole.rbac.authorization.k8s.io ' \
          '"vitrage-node-reader" not found' if is_young else ''
    return failure(
        403, 'Forbidden', f'{resource} is forbidden: User "{user}" cannot '
        f'{verb} resource "{resource.plural}" in API group '
        f'"{resource.group}" {where}{why}', details=resource.details())


def html_page() -> Answer:
    """Answer with the login page of a proxy."""
    return Answer(200, (
        b'<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>'
        b'<form method="post" action="/login"><input name="user">'
        b'<input name="password" type="password"></form></body></html>\n'),
        {'Content-Type': 'text/html; charset=utf-8'})


def redirect(location: str) -> Answer:
    """Answer that another server is to be asked."""
    # As net/http's Redirect, for a GET.
    return Answer(302, f'<a href="{location}">Found</a>.\n\n'.encode(), {
        'Content-Type': 'text/html; charset=utf-8', 'Location': location})


def not_gzip() -> Answer:
    """Answer with JSON that claims to be compressed."""
    return Answer(200, _LIST + b']}', _GZIP)


def truncated_gzip(answer: Answer) -> Answer:
    """Compress an answer, and send the first half as if it were all."""
    body = gzip.compress(answer.body)
    return Answer(200, body[:len(body) // 2], _GZIP)


def huge(size: int) -> Answer:
    """Answer with a list of one node, compressed to a thousandth.

    :param size: of the JSON, in bytes
    """
    start = _LIST + (b'{"metadata":{"name":"huge","uid":"huge",'
                     b'"annotations":{"padding":"')
    end = b'"}}}]}'
    # Piece by piece, to need no more memory here.
    whole, rest = divmod(size - len(start) - len(end), _MEBIBYTE)
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    packed = [packer.compress(piece) for piece in (
        start, *[b'x' * _MEBIBYTE] * whole, b'x' * rest, end)]
    return Answer(200, b''.join((*packed, packer.flush())), _GZIP)


def event(kind: str, node: Mapping[str, Any]) -> bytes:
    """Make a line of a watch.

    :param node: as in the API, or what else an event may be of
    """
    return encode({'type': kind, 'object': {
        'kind': 'Node', 'apiVersion': 'v1', **node}}) + b'\n'


def bookmark(version: str) -> bytes:
    """Make a line of a watch that says how far it has come."""
    # A node that is empty but for the version, as Go writes it.
    return event('BOOKMARK', {
        'metadata': {'resourceVersion': version, 'creationTimestamp': None},
        'spec': {}, 'status': {
            'daemonEndpoints': {'kubeletEndpoint': {'Port': 0}},
            'nodeInfo': dict.fromkeys((
                'machineID', 'systemUUID', 'bootID', 'kernelVersion',
                'osImage', 'containerRuntimeVersion', 'kubeletVersion',
                'kubeProxyVersion', 'operatingSystem', 'architecture'), '')}})


def watch_error(code: int, reason: str | None, message: str) -> Stream:
    """Send a failure in a watch, where the status was 200 already."""
    status = failure(code, reason, message).body
    return Stream(b'{"type":"ERROR","object":%b}\n' % status)


def watch_expired(
        reason: str | None = 'Expired',
        message: str = 'too old resource version: 1000 (2000)') -> Stream:
    """Send in a watch that the version to watch from is too old.

    :param reason: Gone is what servers before 1.16 or so say
    """
    # apiserver/pkg/storage/cacher/watch_cache.go
    return watch_error(410, reason, message)


def watch_error_without_reason() -> Stream:
    """Send in a watch that etcd does not answer, and end it."""
    return watch_error(500, None, 'etcdserver: request timed out')


def watch_junk() -> Stream:
    """Send a line that is not JSON."""
    return Stream(b'<html>junk\n')


def watch_unknown_type() -> Stream:
    """Send an event of an unknown type."""
    return Stream(event('REPLACED', {'metadata': {
        'name': 'unknown', 'uid': 'unknown', 'resourceVersion': '1'}}))


def watch_cut(line: bytes, in_order: bool = False) -> Stream:
    """Send one half of an event.

    :param line: of event()
    :param in_order: end the stream as if that were all, and not break off
    """
    half = line[:len(line) // 2]
    return Stream(half) if in_order else Stream(half, CLOSE)


def watch_ended() -> Stream:
    """End a watch at once, in good order."""
    return Stream()
