# SPDX-License-Identifier: Apache-2.0
"""Many clusters over TLS, beside one that has as many nodes."""

import json
import pathlib
import statistics
import tempfile
from typing import Any

from lists import goal
from lists import spread
import runs

CLUSTERS, NODES = 200, 5000

Results = dict[str, list[dict[str, Any]]]


def run(rounds: int, tls: bool) -> dict[str, Results]:
    """Measure lists of many clusters, and of one."""
    results: Results = {'one': [], 'many': []}
    with runs.serving(NODES, tls, CLUSTERS) as (one, small, *others), \
            tempfile.NamedTemporaryFile('w', suffix='.kubeconfig') as many:
        many.write(_merged(others))
        many.flush()
        for number in range(1, rounds + 1):
            for name, kubeconfig in (('one', one), ('many', many.name)):
                result = runs.measure('fleet', kubeconfig=kubeconfig,
                                      small=small)
                count = result['again']['count']
                if count != NODES:
                    raise RuntimeError(f'{count} nodes were read of {NODES}')
                results[name].append(result)
                runs.say(f'round {number} of {rounds}, {name}: '
                         f'{result["again"]["cpu"]:.2f} s of CPU')
    return {f'{CLUSTERS} x {NODES // CLUSTERS}': results}


def _merged(kubeconfigs: list[str]) -> str:
    merged: dict[str, Any] = {}
    for path in kubeconfigs:
        for part, value in json.loads(pathlib.Path(path).read_text()).items():
            if isinstance(value, list):
                merged.setdefault(part, []).extend(value)
            else:
                merged[part] = value
    return json.dumps(merged)


def table(found: dict[str, Results]) -> str:
    """Return the tables, and how the goals are met."""
    return '\n\n'.join(_table(name, results)
                       for name, results in found.items()) + '\n'


def _table(name: str, results: Results) -> str:
    one, many = results['one'], results['many']
    lines = [f'{name} nodes beside one cluster of {NODES:,}; {len(one)} '
             'rounds: median (least-most)',
             f'{"":24}{"CPU s, first":20}{"CPU s, again":20}'
             f'{"wall s, again":20}{"threads":>8}{"held MB":>8}']
    for label, each in (('one', one), (name, many)):
        lines.append(
            f'    {label:20}'
            f'{spread(result["first"]["cpu"] for result in each):20}'
            f'{spread(result["again"]["cpu"] for result in each):20}'
            f'{spread(result["again"]["wall"] for result in each):20}'
            f'{each[0]["watched"]["threads"]:8}'
            f'{statistics.median(result["held"] for result in each):8.1f}')
    memory = statistics.median(
        (b['held'] - a['held']) / (CLUSTERS - 1)
        for a, b in zip(one, many, strict=True))
    lines.append('')
    for step, which in (('again', 'on open connections'),
                        ('first', 'that connects')):
        cost = statistics.median(b[step]['cpu'] / a[step]['cpu'] for a, b
                                 in zip(one, many, strict=True))
        lines.append(goal(
            f'CPU of a round of lists {which}, many / one', cost, 2))
    return '\n'.join([*lines, goal(
        'MB of memory a cluster, beyond its nodes', memory, 0.4)])
