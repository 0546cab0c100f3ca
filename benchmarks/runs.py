# SPDX-License-Identifier: Apache-2.0
"""Servers and measurements in processes of their own, and their figures."""

from collections.abc import Iterator
import contextlib
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from typing import Any

HERE = pathlib.Path(__file__).parent
FIGURES = HERE.parent / 'doc/source/benchmarks/figures.json'
_PACKAGES = ('vitrage', 'kubernetes', 'urllib3', 'msgspec')


def say(text: str, end: str = '\n') -> None:
    """Report progress."""
    print(text, end=end, file=sys.stderr, flush=True)


@contextlib.contextmanager
def serving(nodes: int, tls: bool = False, clusters: int = 0,
            ) -> Iterator[list[str]]:
    """Run a server; give its kubeconfigs, the second of which is small."""
    with tempfile.TemporaryDirectory() as directory:
        server = subprocess.Popen(
            [sys.executable, HERE / 'server.py', json.dumps(
                {'nodes': nodes, 'tls': tls, 'clusters': clusters})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdin and server.stdout
        try:
            line = server.stdout.readline()
            say('')
            paths = []
            for number, text in enumerate(json.loads(line)):
                path = pathlib.Path(directory) / f'{number}.kubeconfig'
                path.write_text(text)
                paths.append(str(path))
            yield paths
        finally:
            server.stdin.close()
            server.wait()


def url_of(kubeconfig: str) -> str:
    """Return the URL of the server of one of these kubeconfigs."""
    return json.loads(pathlib.Path(kubeconfig).read_text()
                      )['clusters'][0]['cluster']['server']


def measure(what: str, **options: Any) -> dict[str, Any]:
    """Measure something once, in a process of its own."""
    return json.loads(subprocess.run(
        [sys.executable, '-W', 'ignore', HERE / 'measure.py',
         json.dumps({'what': what, **options})],
        stdout=subprocess.PIPE, check=True).stdout)


def machine() -> str:
    """Describe what this runs on."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, IndexError):
        model = pathlib.Path('/proc/cpuinfo').read_text().split(
            'model name')[1].split(':')[1].split('\n')[0].strip()
    versions = ', '.join(f'{name} {importlib.metadata.version(name)}'
                         for name in _PACKAGES)
    return (f'{os.cpu_count()} x {model}; Python '
            f'{platform.python_version()}, {versions}')


def load() -> dict[str, Any]:
    """Return all figures that were measured so far on this machine."""
    figures: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError):
        figures = json.loads(FIGURES.read_text())
    if figures.get('machine') != machine():
        figures = {'machine': machine()}
    return figures


def store(figures: dict[str, Any]) -> None:
    """Keep the figures, with what they are made into."""
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + '\n')
