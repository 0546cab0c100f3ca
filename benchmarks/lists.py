# SPDX-License-Identifier: Apache-2.0
"""Lists of many nodes: what is measured, and the tables of that."""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
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


def run(counts: Iterable[int], rounds: int, tls: bool,
        kubeconfig: str | None, only: Iterable[str],
        ) -> Iterator[dict[str, Results]]:
    """Measure lists of so many nodes, all of them in each round.

    :param kubeconfig: of a real API server, which has the nodes that it has
    :param only: what is measured
    :yields: results by count, after each round
    """
    results: dict[int, Results] = {}
    with contextlib.ExitStack() as stack:
        servers = [(count, *stack.enter_context(runs.serving(count, tls))[:2])
                   for count in ([0] if kubeconfig else counts)]
        for number in range(1, rounds + 1):
            for count, large, small in servers:
                runs.say(f'round {number} of {rounds}, '
                         f'{count or "its"} nodes:')
                _measure(results.setdefault(count, {}), count,
                         kubeconfig or large, small, only,
                         with_slow=bool(number % 2),
                         with_changes=not kubeconfig)
            yield {str(_count(each)): each for each in results.values()}


def _count(results: Results) -> int:
    count: int = results['floor'][0]['all']['count']
    return count


def _measure(results: Results, count: int, kubeconfig: str, small: str,
             only: Iterable[str], with_slow: bool, with_changes: bool) -> None:
    """Measure each subject once.

    :param count: how many nodes there are; 0 if that is not known
    """
    # The small server is asked to change, too, and takes no notice.
    state = {'state_url': f'{runs.url_of(kubeconfig)}/benchmark/state'} \
        if with_changes else {}
    for subject in SUBJECTS:
        # The slow ones take minutes: every other round will do.
        if subject not in only or subject in _SLOW and not (
                with_slow and _count(results) <= MOST_TYPED):
            continue
        result = runs.measure(subject, kubeconfig=kubeconfig, small=small,
                              **(state if subject == 'graph' else {}))
        results.setdefault(subject, []).append(result)
        steps = [step for step in result.values() if isinstance(step, dict)]
        runs.say(f'    {subject}: ' + ', '.join(
            f'{step["cpu"]:.2f}' for step in steps) + ' s of CPU')
        counted = {step['count'] for step in steps}
        if subject != 'read' and counted != {count or _count(results)}:
            raise RuntimeError(f'{subject} read {counted} nodes of '
                               f'{count or _count(results)}')


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


def per_node(results: Results, count: int) -> dict[str, list[float]]:
    """Return microseconds of CPU for a node: of (c), and ours of (d)."""
    costs = {'(c) our list': [each['all']['cpu'] for each in results['ours']]}
    for subject, step in ROWS:
        if subject == 'graph' and subject in results:
            costs[f'ours of (d), {step}'] = [
                own(each, step) for each in results[subject] if step in each]
    return {name: [cost / count * 1e6 for cost in each]
            for name, each in costs.items() if each}


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
             f'{"":36}{"CPU s":20}{"wall s":20}{"peak MB":>8}{"read MB":>8}'
             f'{"CPU/(b)":>8}']
    floor = statistics.median(each['all']['cpu'] for each in results['floor'])
    for (subject, step), name in ROWS.items():
        each = [one[step] for one in results.get(subject, ()) if step in one]
        if not each:
            continue
        middle = {figure: statistics.median(one[figure] for one in each)
                  for figure in ('cpu', 'peak', 'bytes')}
        lines.append(
            f'{name:36}{spread(one["cpu"] for one in each):20}'
            f'{spread(one["wall"] for one in each):20}'
            f'{middle["peak"]:8.1f}{middle["bytes"]:8.1f}'
            f'{middle["cpu"] / floor:8.1f}')
        if subject == 'graph':
            shares = {share: statistics.median(one[share] for one in each)
                      for share in ('list', 'feed', 'vitrage', 'rows')}
            lines.append(f'{"":4}of it the list {shares["list"]:.2f}, events '
                         f'and vertices {shares["feed"]:.2f}, Vitrage '
                         f'{shares["vitrage"]:.2f}' + (
                             # Vitrage does not write its first snapshot.
                             f'; {shares["rows"]:,.0f} rows'
                             if step != 'first' else ''))
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
    base, largest = 5000 if 5000 in costs else min(costs), max(costs)
    lines = ['Microseconds of CPU for a node, by how many there are:',
             f'{"":36}' + ''.join(f'{count:>10,}' for count in costs)]
    for name in costs[base]:
        lines.append(f'{name:36}' + ''.join(
            f'{statistics.median(each[name]):10.1f}' if name in each
            else f'{"-":>10}' for each in costs.values()))
        if name in costs[largest] and largest > base:
            ratios = (many / few for many, few in zip(
                costs[largest][name], costs[base][name], strict=False))
            lines.append(goal(f'    {largest:,} / {base:,}, round by round',
                              statistics.median(ratios), 1.3))
    return '\n'.join(lines)
