# SPDX-License-Identifier: Apache-2.0
"""Reads what vitrage-graph reads, and prints what all rules find.

As the user that runs it; nothing is changed.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import json
import logging

import msgspec
from oslo_config import cfg

from vitrage_k8s.api import text
from vitrage_k8s.check import clusters
from vitrage_k8s.check import configuration
from vitrage_k8s.check import files
from vitrage_k8s.check.findings import apply
from vitrage_k8s.check.findings import error
from vitrage_k8s.check.findings import Finding
from vitrage_k8s.check.findings import Level
from vitrage_k8s.check import templates


def run(config_files: Sequence[str], output_format: str) -> int:
    """Print what all rules find.

    :param config_files: paths; none for those that vitrage-graph would find
    :param output_format: table or json
    :returns: the exit status: 0, 1 with warnings, 2 with errors
    """
    # What the driver would log is among the findings.
    logging.getLogger().addHandler(logging.NullHandler())
    found = []
    for each in _find(config_files):
        # Some findings quote text from outside.
        each = Finding(each.level, *map(
            text.make_safe, (each.subject, each.text, each.mend)))
        found.append(each)
        if output_format == 'table':
            mend = f'\n         -> {each.mend}' if each.mend else ''
            print(f'{each.level.name:8} {each.subject}: {each.text}{mend}',
                  flush=True)
    if output_format == 'json':
        print(json.dumps(
            [{**msgspec.structs.asdict(each), 'level': each.level.name}
             for each in found], indent=2))
    return max((each.level for each in found), default=Level.INFO)


def _find(config_files: Sequence[str]) -> Iterator[Finding]:
    try:
        configuration.load(config_files)
    except (cfg.Error, OSError, ValueError) as problem:
        # Without the line that cannot be parsed: it may hold a password.
        line = getattr(problem.__context__, 'line', None)
        yield error(', '.join(config_files) or 'vitrage.conf',
                    str(problem).removesuffix(f': {line!r}'),
                    'mend it, or name another one with --config-file')
        return
    for rule in (*configuration.RULES, *files.RULES, *templates.RULES,
                 *clusters.RULES):
        yield from apply(rule)
