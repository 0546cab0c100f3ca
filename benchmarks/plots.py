# SPDX-License-Identifier: Apache-2.0
"""The plots of the documentation, if matplotlib is installed."""

import statistics
from typing import Any

import lists
import runs

_IMAGES = runs.FIGURES.parents[1] / 'images'
_PLOTS = {
    'cpu': ('CPU of reading all nodes, in seconds', lambda step: step['cpu']),
    'memory': ('memory at the peak above idle, in MB',
               lambda step: step['peak']),
}


def draw(figures: dict[str, Any]) -> None:
    """Write the plots."""
    try:
        import matplotlib
    except ImportError:
        runs.say('There is no matplotlib: the plots stay as they are')
        return
    matplotlib.use('svg')
    # Text stays text, and the same figures make the same file.
    matplotlib.rcParams |= {'svg.fonttype': 'none', 'svg.hashsalt': 'x'}
    for kind, found in figures.get('lists', {}).items():
        if len(found) < 2:
            continue  # No line.
        for name, (title, figure) in _PLOTS.items():
            _draw(f'benchmark-{name}-{kind}', title, figure, found)


def _draw(name: str, title: str, figure: Any,
          found: dict[str, lists.Results]) -> None:
    from matplotlib import pyplot
    plot, axes = pyplot.subplots(figsize=(7, 4.5))
    for (subject, step), label in lists.ROWS.items():
        if step == 'changed':
            continue
        points = sorted(
            (int(count), statistics.median(
                figure(each[step]) for each in results[subject]))
            for count, results in found.items()
            if step in results.get(subject, [{}])[0])
        if not points:
            continue
        axes.plot(*zip(*points, strict=True), 'o-',
                  label=label.strip() if step != 'unchanged'
                  else '(d) unchanged')
    axes.set(xscale='log', yscale='log', xlabel='nodes', title=title)
    axes.set_xticks(sorted(map(int, found)),
                    [f'{count:,}' for count in sorted(map(int, found))])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize='small')
    plot.savefig(_IMAGES / f'{name}.svg', metadata={'Date': None},
                 bbox_inches='tight')
    pyplot.close(plot)
