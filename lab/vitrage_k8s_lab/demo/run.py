# SPDX-License-Identifier: Apache-2.0
"""The demo: nodes of a cluster in a Vitrage of its own, all in one process.

What it prints on stdout is for programs: the client's JSON, or the variables
of the client's environment. Progress and errors go to stderr.
"""

import contextlib
import logging
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from vitrage_k8s.api import fleet
from vitrage_k8s.api import fleet_settings
from vitrage_k8s_lab.demo.scenario import Say
from vitrage_k8s_lab.demo.scenario import ScenarioFailedError
from vitrage_k8s_lab.demo.scenarios import SCENARIOS
from vitrage_k8s_lab.kube_api import server
from vitrage_k8s_lab import samples
from vitrage_k8s_lab.standalone import standalone

# Without a watch: one list of each cluster.
READING = fleet_settings.Options(
    page_size=500, request_timeout=60, list_timeout=120, max_retries=0,
    max_nodes=200_000, poll_interval=600, is_watching=False)


def show_topology(config_file: str | None, contexts: list[str], serve: bool,
                  interval: int, port: int) -> int:
    """Show the nodes of a cluster.

    :param config_file: path of the kubeconfig whose clusters to show; None for
        a simulated cluster
    :param contexts: contexts of the kubeconfig; empty for the current one
    :param serve: whether to stay up until interrupted, instead of showing the
        topology once
    :param interval: seconds between two questions of Vitrage for changes
    :param port: where the REST API listens; 0 for a free port
    :returns: the exit status
    """
    with contextlib.ExitStack() as stack:
        say, directory = _begin(stack)
        if config_file is None:
            config_file = str(directory / 'kubeconfig')
            api_server = stack.enter_context(server.Simulator(
                samples.nodes()))
            pathlib.Path(config_file).write_text(api_server.kubeconfig(),
                                                encoding='utf-8')
            say(f'A simulated Kubernetes API server is at {api_server.url} '
                f'(kubeconfig: {config_file})')
        read, problems = _list_once(config_file, contexts)
        for line in read:
            say(line)
        for each in problems:
            say(f'ERROR: {_in_our_words(each)}')
        if problems:
            return 1
        say('Starting Vitrage; its first poll of the nodes is a part of it')
        vitrage = standalone.Standalone(
            directory / 'vitrage', port=port, kubernetes={
                'config_file': config_file, 'contexts': contexts,
                'changes_interval': interval})
        stack.enter_context(vitrage)
        say(f'Vitrage is at {vitrage.url} '
            f'(log: {directory / "vitrage/vitrage.log"})')
        if serve:
            return _serve(vitrage, interval, say)
        say('Running: vitrage topology show')
        return subprocess.run(  # noqa: S603
            [_client(), 'topology', 'show'],
            env=os.environ | vitrage.environment, check=False).returncode


def play_scenario(name: str, topology: pathlib.Path | None,
                  port: int) -> int:
    """Play a scenario.

    :param name: one of SCENARIOS
    :param topology: see ``Scenario.play``
    :param port: where the REST API listens; 0 for a free port
    :returns: the exit status
    """
    with contextlib.ExitStack() as stack:
        say, directory = _begin(stack)
        try:
            if topology is not None:
                # Rather now than when everything has been played.
                topology.touch()
        except OSError as error:
            say(f'ERROR: cannot write {topology}: {error.strerror}')
            return 1
        try:
            SCENARIOS[name]().play(
                directory, _client(), topology, port, say)
        except ScenarioFailedError as error:
            say(f'ERROR: {error}; Vitrage has logged to '
                f'{directory / "vitrage/vitrage.log"}')
            return 1
    return 0


def _begin(stack: contextlib.ExitStack) -> tuple[Say, pathlib.Path]:
    """Return what prints progress, and a temporary directory."""
    # SIGTERM is as Ctrl-C. SIGINT is ignored in the background of a script.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f'[{time.monotonic() - started:5.1f} s] {text}',
              file=sys.stderr, flush=True)

    # A thread that ends may still write to the log.
    return say, pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(
        prefix='vitrage-k8s-', ignore_cleanup_errors=True)))


def _list_once(config_file: str,
               contexts: list[str]) -> tuple[list[str], list[str]]:
    """Read all clusters, because Vitrage would only log a failure.

    :returns: what was read, and what could not be
    """
    # Without a handler, Python would print the warnings.
    logging.getLogger('vitrage_k8s').addHandler(logging.NullHandler())
    clusters = fleet.Fleet()
    clusters.use(fleet_settings.Settings(
        config_file=config_file, contexts=tuple(contexts), cluster_name=None,
        projects=(), host_contexts=frozenset(), link_by_system_uuid=False,
        ignored_conditions=frozenset(), max_concurrent_lists=4,
        reading=READING))
    try:
        clusters.list_all(READING.list_timeout)
        view = clusters.view()
        problems = sorted(problem for problem, level
                          in clusters.problems.items()
                          if level >= logging.ERROR)
    finally:
        clusters.stop()
    read = []
    for name, cluster in view.clusters.items():
        if cluster.inventory.is_complete:
            read.append(f'Cluster {name}: {len(cluster.inventory)} nodes')
        else:
            problems.append(f'Cluster {name}: {cluster.health.reason}')
    return read, problems


def _in_our_words(message: str) -> str:
    """Return a message of the datasource with the demo's own options."""
    for option, ours in (('[kubernetes] config_file:', '--kubeconfig'),
                         ('; set config_file to', '; set --kubeconfig to'),
                         ('[kubernetes] contexts:', '--context:'),
                         ('[kubernetes] contexts', '--context')):
        message = message.replace(option, ours)
    return message


def _client() -> str:
    """Find the `vitrage` command: the one beside this Python first."""
    return shutil.which('vitrage', path=os.pathsep.join(
        (str(pathlib.Path(sys.executable).parent), *os.get_exec_path()))
    ) or 'vitrage'


def _serve(vitrage: standalone.Standalone, interval: int, say: Say) -> int:
    for name, value in vitrage.environment.items():
        print(f'export {name}={shlex.quote(value)}')
    sys.stdout.flush()
    say(f'Asking for changes every {interval} s. Paste the lines above into '
        'another terminal, and try there:')
    for arguments in ('topology show -f dot', 'resource list',
                      'resource count'):
        say(f'    {_client()} {arguments}')
    say('Ctrl-C ends it')
    try:
        signal.pause()
    except KeyboardInterrupt:
        say('Stopping')
    return 0
