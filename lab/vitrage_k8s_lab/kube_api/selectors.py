# SPDX-License-Identifier: Apache-2.0
"""Label and field selectors of nodes."""

from collections.abc import Callable
from collections.abc import Mapping
import json
import re
from typing import Any

from vitrage_k8s_lab.kube_api import answers

# What a selector asks of the labels, or of the fields.
_Requirement = Callable[[Mapping[str, Any]], bool]
# apimachinery/pkg/labels: without `gt` and `lt`.
_LABEL = re.compile(
    r'\s*(?:!\s*(?P<absent>[\w./-]+)|(?P<key>[\w./-]+)\s*'
    r'(?:(?P<operator>==|=|!=)\s*(?P<value>[\w.-]*)'
    r'|(?<=\s)(?P<set>in|notin)\s*\((?P<values>[\w\s.,-]*)\))?)\s*(?:,|$)')
_FIELD = re.compile(r'([\w.]+)(==|=|!=)([^=!,]*)(?:,|$)')
_FIELDS = ('metadata.name', 'spec.unschedulable')


class Selector:
    """The nodes that a request is about.

    :raises RefusedError: a selector cannot be read
    """

    def __init__(self, query: Mapping[str, str]) -> None:
        self._labels = [_label_requirement(match) for match in _parse(
            _LABEL, query.get('labelSelector', ''))]
        self._fields = [_field_requirement(match) for match in _parse(
            _FIELD, query.get('fieldSelector', ''))]

    def __bool__(self) -> bool:
        """Return whether it leaves out any node."""
        return bool(self._labels or self._fields)

    def matches(self, item: bytes | None) -> bool:
        """Return whether a node, as JSON, is one of them; None is none."""
        if not self or item is None:
            return item is not None
        node = json.loads(item)
        labels = node['metadata'].get('labels')
        spec = node.get('spec')
        is_unschedulable = isinstance(spec, dict) and spec.get(
            'unschedulable') is True
        fields = {'metadata.name': node['metadata']['name'],
                  'spec.unschedulable': str(is_unschedulable).lower()}
        return (all(holds(labels if isinstance(labels, dict) else {})
                    for holds in self._labels)
                and all(holds(fields) for holds in self._fields))


def _parse(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while at < len(text):
        match = pattern.match(text, at)
        if not match:
            raise answers.bad_request(
                f'unable to parse requirement: {text[at:]}')
        found.append(match)
        at = match.end()
    return found


def _label_requirement(match: re.Match[str]) -> _Requirement:
    key = match['key'] or match['absent']
    if match['operator']:
        values, is_negated = [match['value']], match['operator'] == '!='
    elif match['set']:
        values = [value.strip() for value in match['values'].split(',')]
        is_negated = match['set'] == 'notin'
    else:
        return lambda labels: (key in labels) is bool(match['key'])
    # A missing label has no value, so it differs from every one.
    return lambda labels: (labels.get(key) in values) is not is_negated


def _field_requirement(match: re.Match[str]) -> _Requirement:
    field, operator, value = match.groups()
    if field not in _FIELDS:
        raise answers.bad_request(f'field label not supported: {field}')
    return lambda fields: (fields[field] == value) is (operator != '!=')
