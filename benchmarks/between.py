# SPDX-License-Identifier: Apache-2.0
"""Between polls: heartbeats, changes and reboots, and the table of that."""

import statistics
from typing import Any

from lists import spread
import runs

_SUBJECTS = {'watch-floor': 'reading and decoding its line',
             'watch-ours': 'our watch',
             'watch-typed': "the official client's watch"}
_STEPS = {'heartbeats': 'heartbeats, one a node in five minutes',
          'changes': 'the same, with 500 changes',
          'reboots': 'the same, all nodes reboot in ten minutes'}
# Of the heartbeats whose cost is compared.
_RATE, _SECONDS = 333, 10
# How long each step of the changes is.
_STEP_SECONDS = 30

Results = dict[str, list[dict[str, Any]]]


def run(count: int, rounds: int) -> dict[str, Results]:
    """Measure what watching so many nodes costs."""
    results: Results = {}
    with runs.serving(count) as (kubeconfig, *_):
        url = runs.url_of(kubeconfig)
        for number in range(1, rounds + 1):
            for subject in _SUBJECTS:
                result = runs.measure(
                    subject, kubeconfig=kubeconfig, url=url, beats=_RATE,
                    seconds=_SECONDS)
                results.setdefault(subject, []).append(result)
                runs.say(f'round {number} of {rounds}, {subject}: '
                         f'{_cost(result):.3f} ms for a heartbeat')
        runs.say(f'{count} nodes, into the graph: {len(_STEPS)} steps of '
                 f'{_STEP_SECONDS} s, after the first list')
        results['changes'] = [runs.measure(
            'changes', kubeconfig=kubeconfig, url=url, nodes=count,
            seconds=_STEP_SECONDS)]
    return {str(count): results}


def _cost(result: dict[str, Any]) -> float:
    return result['all']['cpu'] / result['all']['count'] * 1000


def table(found: dict[str, Results]) -> str:
    """Return the tables, by count, and how the goals are met."""
    return '\n\n'.join(_table(int(count), results) for count, results in
                       sorted(found.items(), key=lambda item: int(item[0]))
                       ) + '\n'


def _table(count: int, results: Results) -> str:
    rounds = len(results['watch-ours'])
    lines = [f'{count:,} nodes; ms of CPU for a heartbeat, {rounds} rounds: '
             'median (least-most)']
    lines += [f'    {name:34}{spread(map(_cost, results[subject]), ".3f")}'
              for subject, name in _SUBJECTS.items()]
    ratio = statistics.median(
        _cost(ours) / _cost(floor) for ours, floor in zip(
            results['watch-ours'], results['watch-floor'], strict=True))
    lines += [f'    ours / reading and decoding: {ratio:.2f}, at most 3: '
              f'{"met" if ratio <= 3 else "NOT MET"}', '',
              'Into the graph, with changes_interval 1: part of a core, and '
              'seconds to the graph',
              f'{"":46}{"core":>7}{"median":>8}{"99 %":>7}{"most":>7}'
              f'{"longest question":>18}']
    [result] = results['changes']
    for step, name in _STEPS.items():
        each = result[step]
        late = ''.join(f'{each[figure]:{width}.2f}' if figure in each
                       else f'{"-":>{width}}' for figure, width in (
                           ('median', 8), ('p99', 7), ('most', 7)))
        lines.append(f'    {name:42}{each["cpu"] / each["wall"]:7.1%}{late}'
                     f'{each["longest"]:18.2f}')
    return '\n'.join(lines)
