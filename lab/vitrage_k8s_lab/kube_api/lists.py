# SPDX-License-Identifier: Apache-2.0
"""Lists of nodes: pages, versions and continue tokens.

k8s.io/docs/reference/using-api/api-concepts says what a version means.
"""

import base64
import bisect
from collections.abc import Mapping
import contextlib
import dataclasses
import json
from typing import Any

from vitrage_k8s_lab.kube_api import answers
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import RefusedError
from vitrage_k8s_lab.kube_api import nodes
from vitrage_k8s_lab.kube_api import selectors

# How long the API server waits for a version that has not come.
FUTURE_SECONDS = 3.0


def list_nodes(store: nodes.Nodes, query: Mapping[str, str],
               ) -> tuple[dict[str, Any], list[bytes]]:
    """Return the metadata of a list, and its items.

    :raises RefusedError: the query is wrong, or its version too old or too new
    """
    limit = max(answers.number(query, 'limit'), 0)
    selector = selectors.Selector(query)
    version, start = _wanted(query)
    # Without a match, a limit means that exactly this version is wanted.
    is_exact = query.get('resourceVersionMatch', '') in (
        'Exact', '' if limit or start else 'Exact')
    if version > store.version():
        raise RefusedError(dataclasses.replace(
            faults.gateway_timeout(str(version), str(store.version())),
            delay=FUTURE_SECONDS))
    try:
        snapshot = store.backup(version if version > 0 and is_exact else None)
    except nodes.TooOldError as error:
        raise RefusedError(
            faults.expired(with_token=_token_of(-1, start)) if start
            else answers.failure(
                410, 'Expired', 'The resourceVersion for the provided list '
                'is too old.')) from error
    names = list(snapshot.items)
    del names[:bisect.bisect_left(names, start)]
    if selector:
        names = [name for name in names
                 if selector.matches(snapshot.items[name])]
    metadata: dict[str, Any] = {'resourceVersion': str(snapshot.version)}
    # Version 0 ignores the limit.
    if version and limit and limit < len(names):
        metadata['continue'] = _token_of(
            snapshot.version, names[limit - 1] + '\0')
        if not selector:
            metadata['remainingItemCount'] = len(names) - limit
        del names[limit:]
    return metadata, [snapshot.items[name] for name in names]


def _wanted(query: Mapping[str, str]) -> tuple[int, str]:
    """Return the version that a list is of, -1 for none, and its first name.

    :raises RefusedError: the query is wrong
    """
    version = query.get('resourceVersion', '')
    match = query.get('resourceVersionMatch', '')
    if (match, version) == ('Exact', '0') or (match and not version) or (
            match not in ('', 'Exact', 'NotOlderThan')):
        raise RefusedError(answers.failure(
            422, 'Invalid', 'ListOptions.meta.k8s.io "" is invalid: '
            'resourceVersionMatch: it does not go with the resourceVersion'))
    if query.get('continue'):
        if version not in ('', '0'):
            raise answers.bad_request('specifying resource version is not '
                                      'allowed when using continue')
        return _parsed(query['continue'])
    if version and not version.isdecimal():
        raise answers.bad_request(
            'invalid resource version: resourceVersion: Invalid value: '
            f'"{version}": strconv.ParseUint: parsing "{version}": invalid '
            'syntax')
    return int(version or -1), ''


def _token_of(version: int, start: str) -> str:
    """Make a continue token; the version -1 is the newest at its use."""
    return base64.urlsafe_b64encode(answers.encode({
        'v': 'meta.k8s.io/v1', 'rv': version, 'start': start,
    })).decode().rstrip('=')


def _parsed(token: str) -> tuple[int, str]:
    with contextlib.suppress(ValueError):
        match json.loads(base64.urlsafe_b64decode(token + '==')):
            case {'v': 'meta.k8s.io/v1', 'rv': int(version),
                  'start': str(start)} if version and start:
                return version, start
    raise answers.bad_request(
        'invalid continue token: continue key is not valid')
