# SPDX-License-Identifier: Apache-2.0
"""The command ``vitrage-k8s``."""

import argparse
from collections.abc import Sequence
import importlib.metadata
import os
import pathlib
import sys
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command's; None for those of the process
    :returns: the exit status
    """
    options = _parse(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print('Interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would write what is
        # left at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _demo(options: argparse.Namespace) -> int:
    if options.context and not options.kubeconfig:
        options.parser.error('--context goes with --kubeconfig')
    if options.dot and not options.scenario:
        options.parser.error('--dot goes with --scenario')
    if options.scenario and (options.kubeconfig or options.serve):
        options.parser.error('--scenario has a cluster of its own, and comes '
                             'to an end: --kubeconfig and --serve do not go '
                             'with it')
    try:
        from vitrage_k8s_lab.demo import run
    except ImportError as error:
        print(f'ERROR: {error}. The demo needs more than the datasource: '
              "pip install 'vitrage-k8s[demo]'", file=sys.stderr)
        return 1
    if options.scenario:
        return run.run_scenario(options.dot, options.port)
    return run.run(options.kubeconfig, options.context, options.serve,
                   options.interval, options.port)


def _install_files(options: argparse.Namespace) -> int:
    from vitrage_k8s import install_files
    return install_files.run(options.directory, options.force)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='vitrage-k8s',
        description='Kubernetes nodes in OpenStack Vitrage.')
    parser.add_argument('--version', action=_PrintVersion, nargs=0,
                        help='print the version and exit')
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    _add_demo(commands.add_parser(
        'demo', help='show nodes in a Vitrage of its own',
        description='Start all of Vitrage in one process, on loopback; poll '
        'the nodes of a simulated Kubernetes cluster, or of a real one; and '
        'run `vitrage topology show`, whose JSON alone goes to stdout. Or '
        'play a scenario, and show what the client tells of it.'))
    _add_install_files(commands.add_parser(
        'install-files', help="put the datasource's files in place",
        description='Copy to a directory what Vitrage needs beside the code: '
        'the state mappings, the templates, the role for Kubernetes, and a '
        'sample configuration. Files that are there with other content are '
        'left as they are, and the exit status is 1.'))
    return parser.parse_args(arguments)


class _PrintVersion(argparse.Action):
    """Looks the version up when it is asked for, and not in every run."""

    def __call__(self, parser: argparse.ArgumentParser,
                 *arguments: object) -> NoReturn:
        print(f'{parser.prog} {importlib.metadata.version("vitrage-k8s")}')
        parser.exit()


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_demo, parser=parser)
    parser.add_argument(
        '--kubeconfig', metavar='FILE',
        help='poll the real cluster of this kubeconfig instead')
    parser.add_argument(
        '--context', metavar='NAME', action='append', default=[],
        help='a context of the kubeconfig (default: the current one); may be '
        'given several times')
    parser.add_argument(
        '--scenario', choices=['node-failure'],
        help='node-failure: a compute host fails, and with it a node of the '
        'cluster that runs on its servers; its alarm and the cause of that '
        'are shown, and clear when the host is back')
    parser.add_argument(
        '--dot', metavar='FILE', type=pathlib.Path,
        help='where to write the topology as it is during the failure, for '
        'Graphviz')
    parser.add_argument(
        '--serve', action='store_true',
        help='stay up until Ctrl-C, and print the environment variables for '
        'the vitrage client instead of a topology')
    parser.add_argument(
        '--interval', metavar='SECONDS', type=_positive, default=10,
        help='time between two polls with --serve (default: %(default)s)')
    parser.add_argument(
        '--port', type=int, default=0,
        help='port of the REST API on 127.0.0.1 (default: a free one)')


def _add_install_files(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_install_files)
    parser.add_argument(
        'directory', metavar='DIRECTORY', type=pathlib.Path,
        help="Vitrage's directory of configuration, typically /etc/vitrage")
    parser.add_argument(
        '--force', action='store_true',
        help='overwrite files that are there with other content')


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError('must be at least 1')
    return value


if __name__ == '__main__':
    sys.exit(main())
