# SPDX-License-Identifier: Apache-2.0
"""The demo: nodes of a cluster in a Vitrage of its own, all in one process.

What it prints on stdout is for programs: the client's JSON, or the variables
of the client's environment. Progress and errors go to stderr.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from vitrage_k8s.api import client as k8s_client
from vitrage_k8s.api import decoding
from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import kubeconfig
from vitrage_k8s_lab.demo import scenario
from vitrage_k8s_lab.kube_api import server
from vitrage_k8s_lab import samples
from vitrage_k8s_lab.standalone import standalone

Say = Callable[[str], None]

PAGE_SIZE = 500
REQUEST_TIMEOUT = 60.0
LIST_TIMEOUT = 120.0


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
            # kubectl sends no credentials without TLS.
            api_server.allow_anonymous = True
            pathlib.Path(config_file).write_text(api_server.kubeconfig(),
                                                encoding='utf-8')
            say(f'A simulated Kubernetes API server is at {api_server.url} '
                f'(kubeconfig: {config_file})')
        try:
            for name, count in _count_nodes(config_file, contexts):
                say(f'Cluster {name}: {count} nodes')
        except errors.KubernetesDatasourceError as error:
            say(f'ERROR: {_in_our_words(str(error))}')
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


def play_scenario(topology: pathlib.Path | None, port: int) -> int:
    """Play the scenario.

    :param topology: see ``scenario.play``
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
            scenario.play(directory, _client(), topology, port, say)
        except scenario.ScenarioFailed as error:
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


def _count_nodes(config_file: str,
                 contexts: list[str]) -> list[tuple[str, int]]:
    """List all nodes once: Vitrage would only log a failure."""
    counts = []
    for cluster in kubeconfig.load(config_file, contexts, '', {}):
        if not isinstance(cluster, endpoint.Endpoint):
            raise cluster
        with contextlib.closing(k8s_client.Client(
                cluster.name, cluster, REQUEST_TIMEOUT)) as client:
            counts.append((cluster.name, sum(_list_pages(client))))
    return counts


def _in_our_words(message: str) -> str:
    """Return a message of the datasource with the demo's own options."""
    for option, ours in (('[kubernetes] config_file:', '--kubeconfig'),
                         ('; set config_file to', '; set --kubeconfig to'),
                         ('[kubernetes] contexts:', '--context:'),
                         ('[kubernetes] contexts', '--context')):
        message = message.replace(option, ours)
    return message


def _list_pages(client: k8s_client.Client) -> Iterator[int]:
    """Yield how many nodes each page of a list has."""
    deadline = time.monotonic() + LIST_TIMEOUT
    token = None
    while True:
        packed = client.list_nodes(PAGE_SIZE, token, deadline)
        try:
            page = decoding.decode_page(client.inflate(packed))
        except ValueError as error:
            raise client.malformed(
                f'the answer is not a list of nodes: {error}') from error
        yield len(page.items)
        token = page.continue_token
        if token is None:
            return


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
