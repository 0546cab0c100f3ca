# SPDX-License-Identifier: Apache-2.0
"""Lists of many nodes: what is measured, and the tables of that."""

from collections.abc import Iterable
import statistics
from typing import Any

import runs

# Of more nodes than this, the slow ones are not read.
MOST_TYPED = 20_000
# What the ratios need is always measured.
ALWAYS = ('floor', 'ours')
_FAST = ('read', 'floor', 'ours', 'graph')
_SLOW = ('in-tree', 'typed')
SUBJECTS = (*_FAST, *_SLOW)
# (subject, step): what it is called.
ROWS = {
    ('read', 'all'): '(a) read and inflate all pages',
    ('floor', 'all'): '(b) and decode: the floor',
    ('ours', 'all'): '(c) our list',
    ('graph', 'first'): '(d) get_all into a graph, first',
    ('graph', 'unchanged'): '    unchanged',
    ('graph', 'changed'): '    10 % changed',
    ('in-tree', 'all'): '(e) in-tree datasource',
    ('typed', 'all'): '(f) official typed client, in pages',
}

# A subject's results, one for each round.
Rounds = list[dict[str, Any]]
Results = dict[str, Rounds]


def run(count: int, rounds: int, tls: bool, kubeconfig: str | None,
        only: Iterable[str]) -> dict[str, Results]:
    """Measure lists of so many nodes.

    :param kubeconfig: of a real API server, which has the nodes that it has
    :param only: what is measured
    :returns: results by count
    """
    with runs.serving(count, tls) as (large, small, *_):
        results = _run(count, rounds, kubeconfig or large, small,
                       is_lab=not kubeconfig, only=set(only))
    count = count or results['ours'][0]['all']['count']
    for subject, each in results.items():
        counted = {step['count'] for one in each for step in one.values()
                   if isinstance(step, dict)}
        if subject != 'read' and counted != {count}:
            raise RuntimeError(f'{subject} read {counted} nodes of {count}')
    return {str(count): results}


def _run(count: int, rounds: int, kubeconfig: str, small: str,
         is_lab: bool, only: set[str]) -> Results:
    results: Results = {}
    options: dict[str, Any] = {'kubeconfig': kubeconfig, 'small': small}
    # The small server is asked to change, too, and takes no notice.
    state = {'state_url': f'{runs.url_of(kubeconfig)}/benchmark/state'} \
        if is_lab else {}
    for number in range(1, rounds + 1):
        # The slow ones take minutes: every other round will do.
        has_slow = number % 2 and count <= MOST_TYPED
        for subject in _FAST + (_SLOW if has_slow else ()):
            if subject not in only:
                continue
            result = runs.measure(subject, **options,
                                  **(state if subject == 'graph' else {}))
            results.setdefault(subject, []).append(result)
            cost = ', '.join(f'{step["cpu"]:.2f}' for step in result.values()
                             if isinstance(step, dict))
            runs.say(f'round {number} of {rounds}, {count or "its"} nodes, '
                     f'{subject}: {cost} s of CPU')
    return results


def spread(values: Iterable[float], form: str = '.2f') -> str:
    """Return the median, and the least and the most."""
    found = sorted(values)
    if not found:
        return '-'
    return (f'{statistics.median(found):{form}} '
            f'({found[0]:{form}}-{found[-1]:{form}})')


def ratio(results: Results, one: str, other: str) -> float:
    """Return the median of the ratios of CPU, round by round."""
    # The slow ones are measured in every other round.
    step = 1 if len(results[one]) == len(results[other]) else 2
    return statistics.median(
        a['all']['cpu'] / b['all']['cpu'] for a, b in zip(
            results[one][::step], results[other], strict=False))


def own(result: dict[str, Any], step: str) -> float:
    """Return the seconds of CPU that are ours in a step of the graph."""
    return result[step]['list'] + result[step]['feed']


def per_node(results: Results, count: int) -> dict[str, float]:
    """Return microseconds of CPU for a node: of (c), and ours of (d)."""
    median = statistics.median
    costs = {'(c) our list': median(
        each['all']['cpu'] for each in results['ours'])}
    for step in results.get('graph', [{}])[0]:
        if step not in ('held', 'kept'):
            costs[f'ours of (d), {step}'] = median(
                own(each, step) for each in results['graph'])
    return {name: cost / count * 1e6 for name, cost in costs.items()}


def kept_per_node(results: Results, count: int, subject: str) -> float:
    """Return the KB that we keep of a node."""
    return results[subject][0]['kept'] * 1e6 / 1024 / count


def passing(results: Results, count: int) -> float:
    """Return the MB at the peak of a list less what the inventory keeps."""
    return statistics.median(
        each['all']['peak'] - each['kept'] for each in results['ours'])


def table(found: dict[str, Results]) -> str:
    """Return the tables, by count, and how the goals are met."""
    return '\n\n'.join([
        *(_table(int(count), results) for count, results in sorted(
            found.items(), key=lambda item: int(item[0]))),
        *filter(None, [_by_size(found)])]) + '\n'


def _table(count: int, results: Results) -> str:
    rounds = len(results['ours'])
    lines = [f'{count:,} nodes; {rounds} rounds: median (least-most)',
             f'{"":36}{"CPU s":18}{"wall s":18}{"peak MB":>8}{"read MB":>8}'
             f'{"CPU/(b)":>8}']
    floor = statistics.median(each['all']['cpu'] for each in results['floor'])
    for (subject, step), name in ROWS.items():
        each = [one[step] for one in results.get(subject, ()) if step in one]
        if not each:
            continue
        middle = {figure: statistics.median(one[figure] for one in each)
                  for figure in ('cpu', 'peak', 'bytes')}
        lines.append(
            f'{name:36}{spread(one["cpu"] for one in each):18}'
            f'{spread(one["wall"] for one in each):18}'
            f'{middle["peak"]:8.1f}{middle["bytes"]:8.1f}'
            f'{middle["cpu"] / floor:8.1f}')
        if subject == 'graph':
            shares = {share: statistics.median(one[share] for one in each)
                      for share in ('list', 'feed', 'vitrage')}
            lines.append(f'{"":4}of it the list {shares["list"]:.2f}, events '
                         f'and vertices {shares["feed"]:.2f}, Vitrage '
                         f'{shares["vitrage"]:.2f}')
    lines += ['', *_goals(count, results)]
    return '\n'.join(lines)


def goal(text: str, value: float, most: float, form: str = '.2f') -> str:
    """Return how a goal is met."""
    return (f'{text}: {value:{form}}, at most {most:g}: '
            f'{"met" if value <= most else "NOT MET"}')


def _goals(count: int, results: Results) -> list[str]:
    lines = [goal('CPU of (c) / (b)', ratio(results, 'ours', 'floor'), 1.3)]
    if 'in-tree' in results:
        lines.append(goal('CPU of (c) / (e), in sixteenths', 16 * ratio(
            results, 'ours', 'in-tree'), 1))
    lines += [
        goal('MB of (c) at its peak, without the inventory',
              passing(results, count), 40, '.1f'),
        goal('KB kept of a node', kept_per_node(
            results, count, 'graph' if 'graph' in results else 'ours'),
              1.6) + ' (the inventory alone '
        f'{kept_per_node(results, count, "ours"):.2f})']
    return lines


def _by_size(found: dict[str, Results]) -> str:
    if len(found) < 2:
        return ''
    costs = {count: per_node(found[str(count)], count)
             for count in sorted(map(int, found))}
    base = 5000 if 5000 in costs else min(costs)
    lines = ['Microseconds of CPU for a node, by how many there are:',
             f'{"":36}' + ''.join(f'{count:>10,}' for count in costs)]
    for name in costs[base]:
        lines.append(f'{name:36}' + ''.join(
            f'{each[name]:10.1f}' if name in each else f'{"-":>10}'
            for each in costs.values()))
        most = costs[max(costs)].get(name)
        if most and max(costs) > base:
            lines.append(goal(f'    {max(costs):,} / {base:,}',
                               most / costs[base][name], 1.3))
    return '\n'.join(lines)
