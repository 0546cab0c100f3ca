# SPDX-License-Identifier: Apache-2.0
"""The command ``vitrage-k8s-demo``."""

import argparse
from collections.abc import Sequence
import os
import pathlib
import socket
import sys

from vitrage_k8s_lab.demo import run
from vitrage_k8s_lab.demo.scenarios import SCENARIOS

_INTERVAL = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command's; None for those of the process
    :returns: the exit status
    """
    options = _parse(arguments)
    try:
        if options.scenario:
            return run.play_scenario(options.scenario, options.dot,
                                     options.port)
        return run.show_topology(options.kubeconfig, options.context,
                                 options.serve,
                                 options.interval or _INTERVAL,
                                 options.port)
    except KeyboardInterrupt:
        print('Interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has seen enough. Python would write the
        # rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
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
    options = parser.parse_args(arguments)
    if options.context and not options.kubeconfig:
        parser.error('--context goes with --kubeconfig')
    if options.dot and not options.scenario:
        parser.error('--dot goes with --scenario')
    if options.dot and options.dot.is_dir():
        parser.error(f'--dot: {options.dot} is a directory; name a file')
    if options.interval and not options.serve:
        parser.error('--interval goes with --serve')
    if options.scenario and (options.kubeconfig or options.serve):
        parser.error('--scenario has a cluster of its own, and ends by '
                     'itself: --kubeconfig and --serve do not go with it')
    return options


def _seconds(text: str) -> int:
    return _number(text, 1, 86400, 'seconds')


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


if __name__ == '__main__':
    sys.exit(main())
