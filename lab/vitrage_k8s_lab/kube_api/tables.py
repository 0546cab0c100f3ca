# SPDX-License-Identifier: Apache-2.0
"""Nodes as ``kubectl get`` shows them; kubectl only aligns the columns.

printNode of k8s.io/kubernetes/pkg/printers/internalversion.
"""

import calendar
from collections.abc import Iterable
from collections.abc import Mapping
import json
import time
from typing import Any

from vitrage_k8s_lab.kube_api import answers

# The second part is for ``-o wide``.
_COLUMNS = [
    {'name': name, 'type': 'string', 'description': '',
     'format': 'name' if name == 'Name' else '', 'priority': priority}
    for priority, names in enumerate((
        ('Name', 'Status', 'Roles', 'Age', 'Version'),
        ('Internal-IP', 'External-IP', 'OS-Image', 'Kernel-Version',
         'Container-Runtime')))
    for name in names]


def make_table(metadata: Mapping[str, Any], items: Iterable[bytes]) -> bytes:
    """Make a Table of a list's metadata and the JSON of its nodes."""
    return answers.encode({
        'kind': 'Table', 'apiVersion': 'meta.k8s.io/v1',
        'metadata': metadata, 'columnDefinitions': _COLUMNS,
        'rows': [{'cells': _cells(node), 'object': {
            'kind': 'PartialObjectMetadata', 'apiVersion': 'meta.k8s.io/v1',
            'metadata': node['metadata']}}
            for node in map(json.loads, items)]})


def _cells(node: dict[str, Any]) -> list[str]:
    labels = _mapping(node['metadata'].get('labels'))
    status = _mapping(node.get('status'))
    info = _mapping(status.get('nodeInfo'))
    ready = _find(status.get('conditions'), 'Ready', 'status')
    state = {None: 'Unknown', 'True': 'Ready'}.get(ready, 'NotReady')
    if _mapping(node.get('spec')).get('unschedulable') is True:
        state += ',SchedulingDisabled'
    prefix = 'node-role.kubernetes.io/'
    roles = {label.removeprefix(prefix) for label in labels
             if label.startswith(prefix)}
    roles.add(str(labels.get('kubernetes.io/role') or ''))
    image, kernel, runtime = (
        str(info.get(field) or '<unknown>') for field in (
            'osImage', 'kernelVersion', 'containerRuntimeVersion'))
    if info.get('architecture'):
        kernel += f' ({info["architecture"]})'
    return [node['metadata']['name'], state,
            ','.join(sorted(roles - {''})) or '<none>',
            _age(node['metadata']['creationTimestamp']),
            str(info.get('kubeletVersion') or ''),
            *(_find(status.get('addresses'), kind, 'address') or '<none>'
              for kind in ('InternalIP', 'ExternalIP')),
            image, kernel, runtime]


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _find(entries: Any, kind: str, field: str) -> str | None:
    """Return a field of the first entry of a type."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get('type') == kind:
            return str(entry.get(field))
    return None


def _age(created: Any) -> str:
    try:
        seconds = time.time() - calendar.timegm(
            time.strptime(str(created), answers.TIME))
    except ValueError:
        return '<unknown>'
    for size, unit in ((86400, 'd'), (3600, 'h'), (60, 'm')):
        if seconds >= 2 * size:
            return f'{seconds // size:.0f}{unit}'
    return f'{max(seconds, 0):.0f}s'
