# SPDX-License-Identifier: Apache-2.0
"""Labels of nodes as properties. Pure.

The names are those that kube-state-metrics gives them in kube_node_labels
(its kubeMapToPrometheusLabels).
"""

import collections
from collections.abc import Mapping
import fnmatch
import functools
import re

from vitrage_k8s.api import text

PREFIX = 'label_'


@functools.cache
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile('|'.join(map(fnmatch.translate, globs)))


@functools.lru_cache(1000)
def _property(key: str) -> str:
    name = re.sub('[^a-zA-Z0-9_]', '_', key)
    return PREFIX + re.sub('([a-z0-9])([A-Z])', r'\1_\2', name).lower()


def choose(labels: Mapping[str, str],
           globs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the properties that labels become.

    :param globs: keys, or patterns of keys as ``nvidia.com/*``
    :returns: names and values, in the order of the keys; labels without a
        value are left out, and those for which there is no room
    """
    keys = collections.defaultdict(list)
    for key in sorted(labels) if globs else ():
        if len(key) <= text.LONGEST_QUALIFIED and _pattern(globs).match(key):
            keys[_property(key)].append(key)
    found = []
    room = text.LONGEST_LABELS
    for name, same in keys.items():
        for number, key in enumerate(same, 1):
            value = text.make_safe(labels[key], text.LONGEST_VALUE)
            full = f'{name}_conflict{number}' if len(same) > 1 else name
            room -= len(full) + text.escaped_length(value)
            if value and room >= 0:
                found.append((full, value))
    return tuple(found)
