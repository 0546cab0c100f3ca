# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The command ``vitrage-k8s``."""

import argparse
from collections.abc import Sequence
import sys


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command's; None for those of the process
    :returns: the exit status
    """
    options = _parse(arguments)
    try:
        from vitrage_k8s import demo
    except ImportError as error:
        print(f'ERROR: {error}. The demo needs more than the datasource: '
              "pip install 'vitrage-k8s[demo]'", file=sys.stderr)
        return 1
    try:
        return demo.run(options.kubeconfig, options.context, options.serve,
                        options.interval, options.port)
    except KeyboardInterrupt:
        print('Interrupted', file=sys.stderr)
        return 130


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='vitrage-k8s',
        description='Kubernetes nodes in OpenStack Vitrage.')
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    demo = commands.add_parser(
        'demo', help='show nodes in a Vitrage of its own',
        description='Start all of Vitrage in one process, on loopback; poll '
        'the nodes of a simulated Kubernetes cluster, or of a real one; and '
        'run `vitrage topology show`, whose JSON alone goes to stdout.')
    demo.add_argument(
        '--kubeconfig', metavar='FILE',
        help='poll the real cluster of this kubeconfig instead')
    demo.add_argument(
        '--context', metavar='NAME', action='append', default=[],
        help='a context of the kubeconfig (default: the current one); may be '
        'given several times')
    demo.add_argument(
        '--serve', action='store_true',
        help='stay up until Ctrl-C, and print the environment variables for '
        'the vitrage client instead of a topology')
    demo.add_argument(
        '--interval', metavar='SECONDS', type=_positive, default=10,
        help='time between two polls with --serve (default: %(default)s)')
    demo.add_argument(
        '--port', type=int, default=0,
        help='port of the REST API on 127.0.0.1 (default: a free one)')
    options = parser.parse_args(arguments)
    if options.context and not options.kubeconfig:
        demo.error('--context goes with --kubeconfig')
    return options


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError('must be at least 1')
    return value


if __name__ == '__main__':
    sys.exit(main())
