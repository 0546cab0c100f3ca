# SPDX-License-Identifier: Apache-2.0
"""The command ``vitrage-k8s-demo``: nodes in a Vitrage of its own.

What it prints on stdout is for programs: the client's JSON, or the variables
of the client's environment. Progress and errors go to stderr.
"""

import argparse
from collections.abc import Sequence
import contextlib
import logging
import os
import pathlib
import shlex
import shutil
import signal
import socket
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

_INTERVAL = 10

# Without a watch: one list of each cluster.
READING = fleet_settings.Options(
    page_size=500, request_timeout=60, list_timeout=120, max_retries=0,
    max_nodes=200_000, poll_interval=600, is_watching=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command's; None for those of the process
    :returns: the exit status
    """
    options = _parse(arguments)
    try:
        with contextlib.ExitStack() as stack:
            say, directory = _begin(stack)
            run = _play_scenario if options.scenario else _show_topology
            return run(options, stack, directory, say)
    except KeyboardInterrupt:
        print('Interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has closed our output. Python would write the rest of it
        # at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _make_parser()
    options = parser.parse_args(arguments)
    if options.kubeconfig == '':
        parser.error('--kubeconfig is empty')
    if options.context and not options.kubeconfig:
        parser.error('--context goes with --kubeconfig')
    if options.dot and not options.scenario:
        parser.error('--dot goes with --scenario')
    if options.interval and not options.serve:
        parser.error('--interval goes with --serve')
    if options.scenario and (options.kubeconfig or options.serve):
        parser.error('--scenario has a cluster of its own, and ends by '
                     'itself: --kubeconfig and --serve do not go with it')
    try:
        if options.dot:
            # Found out now, and not after everything has been played.
            options.dot.open('a').close()
    except OSError as error:
        parser.error(f'--dot: {options.dot} cannot be written: '
                     f'{error.strerror}')
    return options


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='vitrage-k8s-demo',
        description='Start all of Vitrage in one process, on loopback; poll '
        'the nodes of a simulated Kubernetes cluster, or of a real one; and '
        'run `vitrage topology show`, whose JSON alone goes to stdout. Or '
        'play a scenario, and show what the client says about it.')
    parser.add_argument(
        '--kubeconfig', metavar='FILE',
        help='poll the real cluster of this kubeconfig instead')
    parser.add_argument(
        '--context', metavar='NAME', action='append', default=[],
        help='a context of the kubeconfig (default: the current one); may be '
        'given several times')
    parser.add_argument(
        '--scenario', choices=SCENARIOS,
        help='node-failure: a compute host fails, and with it a node of the '
        'cluster that runs on its servers; its alarm and the cause of that '
        'are shown, and clear when the host is back. node-alert: Prometheus '
        "sees a node's disk fill up; its alerts are shown as cause and effect "
        "of the node's alarm. host-failure: the host is itself a node, and a "
        'tenant sees why the server there is at risk')
    parser.add_argument(
        '--dot', metavar='FILE', type=pathlib.Path,
        help='where to write the topology as it is during the failure, for '
        'Graphviz')
    parser.add_argument(
        '--serve', action='store_true',
        help='stay up until Ctrl-C, and print the environment variables for '
        'the vitrage client instead of a topology')
    parser.add_argument(
        '--interval', metavar='SECONDS', type=_seconds,
        help='with --serve, seconds between two questions of Vitrage for '
        f'changes (default: {_INTERVAL})')
    parser.add_argument(
        '--port', type=_port, default=0,
        help='port of the REST API on 127.0.0.1 (default: a free one)')
    return parser


def _seconds(text: str) -> int:
    return _number(text, 1, 86400, 'a number of seconds')


def _port(text: str) -> int:
    port = _number(text, 0, 65535, 'a port')
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError as error:
            raise argparse.ArgumentTypeError(
                f'port {port} cannot be used: {error.strerror}') from error
    return port


def _number(text: str, lowest: int, highest: int, what: str) -> int:
    value = int(text) if text.isascii() and text.isdecimal() else -1
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(
            f'"{text}" is not {what} from {lowest} to {highest}')
    return value


def _show_topology(options: argparse.Namespace, stack: contextlib.ExitStack,
                   directory: pathlib.Path, say: Say) -> int:
    """Show the nodes of a cluster, and return the exit status."""
    config_file = options.kubeconfig
    if config_file is None:
        config_file = str(directory / 'kubeconfig')
        api_server = stack.enter_context(server.Simulator(samples.nodes()))
        pathlib.Path(config_file).write_text(api_server.kubeconfig(),
                                            encoding='utf-8')
        say(f'A simulated Kubernetes API server is at {api_server.url} '
            f'(kubeconfig: {config_file})')
    read, problems = _list_once(config_file, options.context)
    for line in read:
        say(line)
    for each in problems:
        say(f'ERROR: {_in_our_words(each)}')
    if problems:
        return 1
    say('Starting Vitrage; its first poll of the nodes is a part of it')
    interval = options.interval or _INTERVAL
    vitrage = stack.enter_context(standalone.Standalone(
        directory / 'vitrage', port=options.port, kubernetes={
            'config_file': config_file, 'contexts': options.context,
            'changes_interval': interval}))
    say(f'Vitrage is at {vitrage.url} '
        f'(log: {directory / "vitrage/vitrage.log"})')
    if options.serve:
        return _serve(vitrage, interval, say)
    say('Running: vitrage topology show')
    return subprocess.run(  # noqa: S603
        [_client(), 'topology', 'show'],
        env=os.environ | vitrage.environment, check=False).returncode


def _play_scenario(options: argparse.Namespace, stack: contextlib.ExitStack,
                   directory: pathlib.Path, say: Say) -> int:
    """Play a scenario, and return the exit status."""
    try:
        SCENARIOS[options.scenario]().play(
            directory, _client(), options.dot, options.port, say)
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
                         ('the user of this service can', 'you can'),
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


if __name__ == '__main__':
    sys.exit(main())
