# SPDX-License-Identifier: Apache-2.0
"""Vitrage as it is in service: vitrage-graph, RabbitMQ and MariaDB.

The templates are loaded. What a step costs is the CPU of vitrage-graph with
all its workers; how long others wait is how long our get_all() or
get_changes() runs with the processing of what it yields, as the log says.
"""

from collections.abc import Iterator
import contextlib
import datetime
import os
import pathlib
import re
import sys
import tempfile
import time
from typing import Any
import urllib.parse
import urllib.request

import runs

# Seconds between two snapshots: the changes come between them.
_INTERVAL = 120
# Nothing more comes when there was no new row for so long.
_QUIET = 15.0
_LINE = re.compile(
    r'^(\S+ \S+) .*run driver (get_\w+): kubernetes( done|$)', re.MULTILINE)
_TICKS = os.sysconf('SC_CLK_TCK')
STEPS = {
    'first': 'first snapshot',
    'unchanged': 'unchanged snapshot',
    'one': 'one node changed',
    'changed': '10 % changed',
    'down': 'all NotReady at once',
    'up': 'all back',
}
_MOST_UNCHANGED = 2.0

Results = dict[str, dict[str, Any]]


class _Vitrage:
    """The running services, and what they have done so far."""

    def __init__(self, graph: Any, database: Any) -> None:
        self._graph = graph
        self._database = database
        self._rows = 0

    def rows(self) -> int:
        """Return how many rows there have ever been."""
        # vitrage-persistor deletes them in time.
        [[last]] = self._database.query('SELECT MAX(id) FROM events')
        self._rows = max(self._rows, last or 0)
        return self._rows

    def cpu(self) -> float:
        """Return the seconds of CPU of vitrage-graph and its workers."""
        ticks = 0
        for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(')')[2].split()
                if int(fields[2]) == self._graph._process.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def calls(self, name: str) -> list[float]:
        """Return how long each call of our driver took that has ended."""
        calls, began = [], None
        log = self._graph.log.read_text(errors='replace')
        for at, method, done in _LINE.findall(log):
            moment = datetime.datetime.fromisoformat(at)
            if method == name and not done:
                began = moment
            elif method == name and began:
                calls.append((moment - began).total_seconds())
        return calls


@contextlib.contextmanager
def _running(kubeconfig: str) -> Iterator[_Vitrage]:
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    from tests.support import processes
    from tests.support import services

    from vitrage_k8s import install_files
    from vitrage_k8s_lab.standalone import standalone
    # With so many nodes on a busy machine.
    processes.PATIENCE = 900
    processes.await_true.__defaults__ = (processes.PATIENCE,)
    with tempfile.TemporaryDirectory() as name, services.running(
            pathlib.Path(name), {
                'datasources': {
                    'types': ['kubernetes'],
                    'path': ['vitrage_k8s', 'vitrage.datasources'],
                    'snapshots_interval': _INTERVAL},
                'kubernetes': {'config_file': kubeconfig,
                               'changes_interval': 1}},
            ) as (vitrage, _, database):
        processes.run(
            [processes.beside_python('vitrage'), 'template', 'add', '--path',
             str(install_files.ETC / install_files.TEMPLATES)],
            {**os.environ, **standalone.environment(vitrage.url)})
        yield _Vitrage(vitrage.graph, database)


def run(count: int) -> dict[str, Results]:
    """Measure each step once."""
    results: Results = {}
    with runs.serving(count) as (kubeconfig, *_), \
            _running(kubeconfig) as vitrage:
        url = f'{runs.url_of(kubeconfig)}/benchmark/beats'
        results['first'] = {
            'wall': vitrage.calls('get_all')[0], 'cpu': vitrage.cpu(),
            'rows': vitrage.rows()}
        runs.say(f'first: {results["first"]}')
        # The first of them comes with the templates.
        for _ in range(2):
            results['unchanged'] = _snapshot(vitrage)
            runs.say(f'unchanged: {results["unchanged"]}')
        for step, wanted in {
                'one': {'changes': 1}, 'changed': {'changes': count / 10},
                'down': {'downs': count}, 'up': {'ups': count}}.items():
            results[step] = _changes(vitrage, url, wanted)
            runs.say(f'{step}: {results[step]}')
    return {str(count): results}


def _snapshot(vitrage: _Vitrage) -> dict[str, Any]:
    """Wait for the next snapshot."""
    calls = len(vitrage.calls('get_all'))
    cpu, rows = vitrage.cpu(), vitrage.rows()
    idle = [cpu]
    while len(vitrage.calls('get_all')) == calls:
        time.sleep(1)
        idle.append(vitrage.cpu())
    # What it costs while there is nothing to do, in a second.
    rate = sorted(b - a for a, b in zip(idle, idle[1:], strict=False))
    usual = rate[len(rate) // 2]
    began = len(idle)
    time.sleep(10)
    return {'wall': vitrage.calls('get_all')[calls],
            'cpu': vitrage.cpu() - cpu - usual * (began + 9),
            'rows': vitrage.rows() - rows}


def _changes(vitrage: _Vitrage, url: str,
             wanted: dict[str, float]) -> dict[str, Any]:
    """Let nodes change within a second; wait until that is done."""
    calls, cpu, rows = (len(vitrage.calls('get_changes')), vitrage.cpu(),
                        vitrage.rows())
    began = changed = time.monotonic()
    urllib.request.urlopen(f'{url}?' + urllib.parse.urlencode(
        {'seconds': 1, **wanted})).close()
    seen = rows
    while time.monotonic() - changed < _QUIET:
        time.sleep(0.2)
        now = vitrage.rows()
        if now != seen:
            seen, changed = now, time.monotonic()
    return {'wall': max(vitrage.calls('get_changes')[calls:]),
            'cpu': vitrage.cpu() - cpu, 'rows': seen - rows,
            'until': changed - began}


def table(found: dict[str, Results]) -> str:
    """Return the tables, by count, and how the goals are met."""
    return '\n\n'.join(_table(int(count), results)
                       for count, results in found.items()) + '\n'


def _table(count: int, results: Results) -> str:
    lines = [
        f'{count:,} nodes in vitrage-graph, with RabbitMQ and MariaDB, once:',
        f'{"":26}{"CPU s":>8}{"others wait s":>15}{"rows":>9}'
        f'{"all done after s":>18}']
    for step, name in STEPS.items():
        each = results[step]
        until = f'{each["until"]:18.1f}' if 'until' in each else ''
        lines.append(f'    {name:22}{each["cpu"]:8.1f}{each["wall"]:15.2f}'
                     f'{each["rows"]:9,}{until}')
    unchanged = results['unchanged']
    is_met = unchanged['wall'] <= _MOST_UNCHANGED and not unchanged['rows']
    return '\n'.join([
        *lines, '', f'An unchanged snapshot: {unchanged["wall"]:.2f} s and '
        f'{unchanged["rows"]} rows, at most {_MOST_UNCHANGED:g} s and none: '
        f'{"met" if is_met else "NOT MET"}'])
