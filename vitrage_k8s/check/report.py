# SPDX-License-Identifier: Apache-2.0
"""Prints what all rules find, as the user that runs it; changes nothing."""

from collections.abc import Sequence
import json
import logging
import os

from oslo_config import cfg
from vitrage.datasources import prometheus
from vitrage import opts as vitrage_opts

from vitrage_k8s.api import text
from vitrage_k8s.check import configuration
from vitrage_k8s.check import services
from vitrage_k8s import OPTS

# The index is the exit status.
_LEVELS = ('INFO', 'WARNING', 'ERROR')


def run(config_files: Sequence[str], output_format: str) -> int:
    """Print what all rules find.

    :param config_files: paths; none for those that vitrage-graph would find
    :param output_format: table or json
    :returns: the exit status: 0, 1 with warnings, 2 with errors
    """
    # What the driver would log is among the findings.
    logging.getLogger().addHandler(logging.NullHandler())
    found = []
    for finding in _find(config_files):
        # Some of it is from outside.
        level, subject, problem, mend = map(text.make_safe, finding)
        found.append({'level': level, 'subject': subject, 'text': problem,
                      'mend': mend})
        if output_format == 'table':
            print(f'{level:8} {subject}: {problem}'
                  + (mend and f'\n         -> {mend}'), flush=True)
    if output_format == 'json':
        print(json.dumps(found, indent=2))
    return max((_LEVELS.index(each['level']) for each in found), default=0)


def _find(config_files: Sequence[str]) -> configuration.Findings:
    try:
        _load(config_files)
    except (cfg.Error, OSError, ValueError) as problem:
        # Without the line that cannot be parsed: it may hold a password.
        line = getattr(problem.__context__, 'line', None)
        yield ('ERROR', ', '.join(config_files) or 'vitrage.conf',
               str(problem).removesuffix(f': {line!r}'),
               'correct it, let this user read it, or name another one with '
               '--config-file')
        return
    for rule in (*configuration.RULES, *services.RULES):
        yield from configuration.apply(rule)


def _load(config_files: Sequence[str]) -> None:
    """Read the configuration as vitrage-graph does.

    Vitrage's own function is not used: it sets up the log and messaging.
    """
    for path in config_files:
        # To open a FIFO may take for ever.
        if not os.path.isfile(path):
            raise ValueError(f'there is no file {path}')
    # Whichever datasource of the name kubernetes is loaded.
    for group, options in (*vitrage_opts.list_opts(), ('kubernetes', OPTS),
                           ('prometheus', prometheus.OPTS)):
        cfg.CONF.register_opts(list(options),
                               group=None if group == 'DEFAULT' else group)
    cfg.CONF([], project='vitrage', prog='vitrage-graph',
             default_config_files=list(config_files) or None)
    if not cfg.CONF.default_config_files + cfg.CONF.default_config_dirs:
        raise ValueError('there is none in ~/.vitrage, ~, /etc/vitrage, /etc')
