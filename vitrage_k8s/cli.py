# SPDX-License-Identifier: Apache-2.0
"""The command ``vitrage-k8s``."""

import argparse
from collections.abc import Sequence
import importlib.metadata
import io
import os
import pathlib
import sys
from typing import NoReturn
import warnings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    :param arguments: the command's; None for those of the process
    :returns: the exit status
    """
    options = _parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # It may not know all characters of a name.
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print('Interrupted', file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has closed our output. Python would write the rest of it
        # at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _install_files(options: argparse.Namespace) -> int:
    from vitrage_k8s import install_files
    return install_files.run(options.directory, options.force)


def _check(options: argparse.Namespace) -> int:
    # Those of the libraries that Vitrage imports are not the operator's.
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from vitrage_k8s.check import report
        return report.run(options.config_file or (), options.format)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='vitrage-k8s',
        description='Kubernetes nodes in OpenStack Vitrage.')
    parser.add_argument('--version', action=_PrintVersion, nargs=0,
                        help='print the version and exit')
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    _add_install_files(commands.add_parser(
        'install-files', help="put the datasource's files in place",
        description='Copy to a directory what Vitrage needs beside the code: '
        'the state mappings, the templates, the role for Kubernetes, and a '
        'sample configuration. Files that are there with other content are '
        'left as they are, and the exit status is 1.'))
    _add_check(commands.add_parser(
        'check', help='say what is wrong with a configuration',
        description='Read what vitrage-graph reads, as the user that runs '
        'this, and say what is wrong with it, how bad that is, and the mend. '
        'Nothing is changed. The exit status is 0, 1 (warnings) or 2 '
        '(errors). Templates are looked at where the usual OS_* variables of '
        'the vitrage client are set.'))
    return parser.parse_args(arguments)


class _PrintVersion(argparse.Action):
    """Looks the version up when it is asked for, and not in every run."""

    def __call__(self, parser: argparse.ArgumentParser,
                 *arguments: object) -> NoReturn:
        print(f'{parser.prog} {importlib.metadata.version("vitrage-k8s")}')
        parser.exit()


def _add_install_files(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_install_files)
    parser.add_argument(
        'directory', metavar='DIRECTORY', type=_directory,
        help="Vitrage's directory of configuration, typically /etc/vitrage")
    parser.add_argument(
        '--force', action='store_true',
        help='overwrite files that are there with other content')


def _directory(path: str) -> pathlib.Path:
    if not path:
        # Or it would be the current one.
        raise argparse.ArgumentTypeError('is empty')
    if os.path.isfile(path):
        raise argparse.ArgumentTypeError(f'{path} is a file')
    return pathlib.Path(path)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_check)
    parser.add_argument(
        '--config-file', action='append', metavar='FILE',
        help='a file of the configuration; may be repeated. The default is '
        'what vitrage-graph would find, such as /etc/vitrage/vitrage.conf')
    parser.add_argument(
        '--format', choices=('table', 'json'), default='table',
        help='how to print (default: table)')


if __name__ == '__main__':
    sys.exit(main())
