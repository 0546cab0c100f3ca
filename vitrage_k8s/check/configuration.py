# SPDX-License-Identifier: Apache-2.0
"""Rules about vitrage.conf: the datasource is loaded, its options are right.

``load`` reads it as vitrage-graph does.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import difflib
import os
import pathlib
import re
import shlex

from oslo_config import cfg
from oslo_utils import importutils
from vitrage.common.constants import DatasourceOpts as DSOpts
from vitrage.common.constants import UpdateMethod
from vitrage.datasources.nova.host import NOVA_HOST_DATASOURCE
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE
from vitrage import opts as vitrage_opts

from vitrage_k8s.api import text
from vitrage_k8s.check.findings import error
from vitrage_k8s.check.findings import Finding
from vitrage_k8s.check.findings import warning
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import KUBERNETES_NODE
from vitrage_k8s import OPTS

CONF = cfg.CONF
_PATH = 'vitrage_k8s,vitrage.datasources'
_PROJECT_ID = re.compile('[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-'
                         '[0-9a-f]{12}')


def load(config_files: Sequence[str]) -> None:
    """Read the configuration as vitrage-graph does.

    Vitrage's own function is not used: it sets up the log and messaging.

    :param config_files: paths; none for those that oslo.config finds
    :raises cfg.Error, ValueError: a file is missing, or cannot be parsed
    """
    for path in config_files:
        # To open a FIFO may take for ever.
        if not os.path.isfile(path):
            raise ValueError('there is no such file')
    for group, options in vitrage_opts.list_opts():
        CONF.register_opts(list(options),
                           group=None if group == 'DEFAULT' else group)
    CONF([], project='vitrage', prog='vitrage-graph',
         default_config_files=list(config_files) or None)
    # Whichever datasource of this name is loaded, the options are ours.
    CONF.register_opts(OPTS, group=KUBERNETES_DATASOURCE)
    # If these are wrong, check_values finds it.
    with contextlib.suppress(cfg.Error):
        for each in set(CONF.datasources.types) - {KUBERNETES_DATASOURCE}:
            vitrage_opts.register_opts(each, [
                path for path in CONF.datasources.path
                if _find(f'{path}.{each}')])


def _find(name: str) -> bool:
    """Return whether Python finds a module, and it can be imported."""
    try:
        return bool(name) and importutils.try_import(name) is not None
    except Exception:  # noqa: BLE001 what a module of others does
        return False


def check_files() -> Iterator[Finding]:
    """Check that there is a configuration at all."""
    if not CONF.default_config_files and not CONF.default_config_dirs:
        yield error('vitrage.conf', 'there is none where oslo.config looks '
                    '(~/.vitrage, ~, /etc/vitrage, /etc), so these are the '
                    'defaults', 'name it with --config-file')


def check_path() -> Iterator[Finding]:
    """Check that Vitrage loads this datasource, and none of the same name."""
    paths = CONF.datasources.path
    loaded = None
    for each in paths:
        if not _find(each):
            yield error('[datasources] path', 'Python finds no module '
                        f'{each or "of an empty name"}', f'path = {_PATH}')
        elif loaded is None and _find(f'{each}.{KUBERNETES_DATASOURCE}'):
            loaded = each
    if loaded != 'vitrage_k8s':
        yield error('[datasources] path',
                    "Vitrage loads another datasource named kubernetes, from "
                    f'{loaded}' if loaded else 'Vitrage does not find the '
                    'datasource kubernetes', f'path = {_PATH}, in this order')


def check_types() -> Iterator[Finding]:
    """Check that the datasource is enabled, once."""
    types = CONF.datasources.types
    subject = '[datasources] types'
    if KUBERNETES_DATASOURCE not in types:
        yield error(subject, 'kubernetes is not enabled',
                    'add kubernetes to it')
    for each in sorted(set(types)):
        if types.count(each) > 1:
            yield warning(subject, f'{each} is enabled twice',
                          'leave one of them')
    if 'prometheus' in types[:types.index(KUBERNETES_DATASOURCE)
                             if KUBERNETES_DATASOURCE in types else 0]:
        yield warning(subject, 'prometheus is before kubernetes; an alert '
                      'that is read before its node is on nothing',
                      'put prometheus behind kubernetes')
    lost = set()
    for each in sorted(set(types) - {KUBERNETES_DATASOURCE}):
        if each in (KUBERNETES_CLUSTER, KUBERNETES_NODE):
            yield error(subject, f'{each} is no datasource but an entity type '
                        'of kubernetes', 'take it out; kubernetes serves it')
        elif not any(_find(f'{path}.{each}')
                     for path in CONF.datasources.path):
            lost.add(each or 'of an empty name')
    if lost:
        yield error(subject, 'in path there is no datasource '
                    f'{", ".join(sorted(lost))}',
                    f'correct types, or path = {_PATH}')


def check_names() -> Iterator[Finding]:
    """Check that there is an option of each name in [kubernetes]."""
    known = {opt.dest for opt in OPTS}
    for path in (*CONF.default_config_files, *(
            str(path) for directory in CONF.default_config_dirs
            for path in sorted(pathlib.Path(directory).glob('*.conf')))):
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        for section, names in sections.items():
            if section != KUBERNETES_DATASOURCE and difflib.get_close_matches(
                    section.lower(), [KUBERNETES_DATASOURCE], cutoff=0.8):
                yield error(f'[{section}]', f'{path} has this section, which '
                            'nothing reads', 'name it [kubernetes]')
            if section in ('DEFAULT', 'datasources'):
                for name in sorted(known & names.keys()):
                    yield error(f'[{section}] {name}', 'nothing reads it '
                                f'there ({path})', 'move it to [kubernetes]')
        for name in sections.get(KUBERNETES_DATASOURCE, {}):
            if name not in known:
                similar = difflib.get_close_matches(name.lower(), known, 1)
                yield error(f'[kubernetes] {name}', 'there is no such option '
                            f'({path})', f'did you mean {similar[0]}?'
                            if similar else 'take it out')


def check_values() -> Iterator[Finding]:
    """Check that the value of each option is valid."""
    for group in sorted(CONF.keys() & {'datasources', 'entity_graph',
                                       'prometheus', KUBERNETES_DATASOURCE}):
        for name in CONF[group]:
            try:
                CONF[group][name]
            except (cfg.Error, ValueError, RecursionError) as problem:
                yield error(f'[{group}] {name}',
                            str(problem).rpartition(' is not valid: ')[2],
                            'see its help in the sample configuration; $$ is '
                            'a $')


def check_defaults() -> Iterator[Finding]:
    """Check that driver, transformer and entity types are of this package."""
    mend = 'take the option out; the default is right'
    lost = {KUBERNETES_CLUSTER, KUBERNETES_NODE} - {*CONF.kubernetes.entities}
    if lost:
        yield error('[kubernetes] entities', f'{", ".join(sorted(lost))} is '
                    'missing, so that Vitrage rejects its events', mend)
    for opt in OPTS:
        if opt.dest in (DSOpts.DRIVER, DSOpts.TRANSFORMER) and \
                CONF.kubernetes[opt.dest] != opt.default:
            yield error(f'[kubernetes] {opt.dest}', 'it is not that of '
                        'vitrage-k8s', mend)


def check_update_method() -> Iterator[Finding]:
    """Check that update_method is supported."""
    method = CONF.kubernetes.update_method
    if method.lower() not in (UpdateMethod.PULL, UpdateMethod.NONE):
        yield error('[kubernetes] update_method', f'update_method = {method} '
                    'is not supported; nodes are listed in the snapshots of '
                    'Vitrage only',
                    'set it to pull, or to none if that is what you want')


def check_intervals() -> Iterator[Finding]:
    """Check that the intervals make sense together."""
    options, snapshots = CONF.kubernetes, CONF.datasources.snapshots_interval
    is_watching = options.update_method.lower() == UpdateMethod.PULL
    if options.list_timeout < options.request_timeout:
        yield warning('[kubernetes] list_timeout', 'it is shorter than '
                      'request_timeout, which has no effect then',
                      'set it to twice request_timeout or more')
    if is_watching:
        if options.poll_interval < 60:
            yield warning('[kubernetes] poll_interval', 'all nodes are listed '
                          f'every {options.poll_interval} s, beside a watch '
                          'that shows changes in seconds', 'set it to 600')
        if options.changes_interval > options.poll_interval:
            yield warning('[kubernetes] changes_interval', 'it is longer than '
                          'poll_interval; a change shows that late',
                          'set it to 10')
    elif options.list_timeout > snapshots:
        yield warning('[kubernetes] list_timeout', 'it is longer than '
                      '[datasources] snapshots_interval, and with '
                      'update_method = none a snapshot waits for it',
                      'set update_method = pull, or a shorter list_timeout')


def check_ties() -> Iterator[Finding]:
    """Check that the types are enabled to which nodes are to be tied."""
    for name, each in (('host_contexts', NOVA_HOST_DATASOURCE),
                       ('link_by_system_uuid', NOVA_INSTANCE_DATASOURCE)):
        if CONF.kubernetes[name] and each not in CONF.datasources.types:
            yield warning(f'[kubernetes] {name}', 'it has no effect without '
                          f'{each}', f'add {each} to [datasources] types')


def check_projects() -> Iterator[Finding]:
    """Check that projects are ids; the fleet checks the names of clusters."""
    for pair in CONF.kubernetes.projects:
        project = pair.rpartition(':')[2].strip()
        if len(project) <= text.LONGEST_PROJECT_ID \
                and not _PROJECT_ID.fullmatch(project):
            yield warning('[kubernetes] projects', f'{project} does not look '
                          "like a project's id, and no user is of a project "
                          'by its name', 'openstack project show -f value -c '
                          f'id {shlex.quote(project)}')


RULES = (check_files, check_values, check_path, check_types, check_names,
         check_defaults, check_update_method, check_intervals, check_ties,
         check_projects)
