# SPDX-License-Identifier: Apache-2.0
"""Prints what this datasource costs, beside its peers, and the goals.

    python benchmarks/table.py [PART ...] [--nodes 1000,5000] [--help]

The tables and plots are also written into the documentation
(doc/source/benchmarks, doc/source/images), with the figures that they are
made of. Ratios are worth more than seconds: peers are measured in turns, so
that what else the machine does is the same for all.
"""

import argparse
from collections.abc import Iterator
import pathlib
import sys
from typing import Any

import between
import clusters
import lists
import live
import plots
import runs

PARTS = {'lists': lists, 'between': between, 'live': live,
         'clusters': clusters}


def main() -> None:
    options = _parse()
    figures = runs.load()
    kind = 'server' if options.kubeconfig else 'tls' if options.tls \
        else 'http'
    for part in options.parts:
        runs.say(f'{part}:')
        text = ''
        for found in _measure(part, options):
            text = PARTS[part].table(found)
            # One run only: what another one measured is not compared.
            figures.setdefault(part, {})[kind] = found
            if options.write:
                # Now, for what comes next takes longer.
                runs.store(figures)
                (runs.FIGURES.parent / f'{part}-{kind}.txt').write_text(
                    f'{figures["machine"]}\n\n{text}')
        print(text)
    if options.write:
        plots.draw(figures)


def _measure(part: str, options: argparse.Namespace) -> Iterator[Any]:
    """Yield what was measured so far, each time that there is more."""
    if part == 'clusters':
        yield clusters.run(options.rounds, options.tls)
    elif part == 'live':
        yield live.run(options.nodes[-1])
    elif part == 'between':
        found: dict[str, Any] = {}
        for count in options.nodes:
            found |= between.run(count, options.rounds)
            yield found
    else:
        yield from lists.run(options.nodes, options.rounds, options.tls,
                             options.kubeconfig, options.only)


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is less than 1')
    return number


def _numbers(text: str) -> list[int]:
    return [_number(each) for each in text.split(',')]


def _file(text: str) -> str:
    path = pathlib.Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f'there is no file {path}')
    return str(path)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('parts', nargs='*', metavar='PART', default=['lists'],
                        help=f'what to measure: {", ".join(PARTS)}')
    parser.add_argument(
        '--nodes', default='1000,5000', metavar='N,...', type=_numbers,
        help='how many nodes the simulated cluster has; live takes the last '
             'of these, and clusters has 5,000')
    parser.add_argument('--rounds', type=_number, default=5, metavar='N',
                        help='how often each thing is measured')
    parser.add_argument(
        '--only', default=','.join(lists.SUBJECTS), metavar='SUBJECT,...',
        type=lambda text: {*text.split(','), *lists.ALWAYS},
        help='what is measured of lists; the last two take minutes')
    parser.add_argument('--tls', action='store_true',
                        help='let the simulated API server speak TLS')
    parser.add_argument(
        '--kubeconfig', type=_file, metavar='FILE',
        help='measure lists of a real API server; it is only read')
    parser.add_argument('--no-write', dest='write', action='store_false',
                        help='print only, and leave the documentation alone')
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f'{part} is none of {", ".join(PARTS)}')
    if unknown := options.only - {*lists.SUBJECTS}:
        parser.error(f'--only: {", ".join(sorted(unknown))} is none of '
                     f'{", ".join(lists.SUBJECTS)}')
    for option, parts in (('kubeconfig', {'lists'}),
                          ('tls', {'lists', 'clusters'})):
        if getattr(options, option) and not parts.issuperset(options.parts):
            parser.error(f'--{option} is for {" and ".join(sorted(parts))}')
    return options


if __name__ == '__main__':
    sys.exit(main())
