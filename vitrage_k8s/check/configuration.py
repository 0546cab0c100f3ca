# SPDX-License-Identifier: Apache-2.0
"""Rules about this machine: vitrage.conf, the files it names, the libraries.

``load`` reads vitrage.conf as vitrage-graph does.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import difflib
import importlib.metadata
import os
import pathlib
from types import ModuleType
from typing import Any
from typing import Literal

import msgspec
from oslo_config import cfg
from packaging import requirements
from vitrage.common.constants import UpdateMethod
from vitrage.datasources import prometheus
from vitrage.entity_graph.mappings import datasource_info_mapper
from vitrage import opts as vitrage_opts
import yaml

from vitrage_k8s.check import Finding
from vitrage_k8s import install_files
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_NODE
from vitrage_k8s import OPTS

CONF = cfg.CONF
_PATH = 'path = vitrage_k8s,vitrage.datasources'
_INSTALL = 'run: vitrage-k8s install-files'
_PATHS = ('config_file', 'datasources_values_dir')
# What vitrage-api needs, and Vitrage does not require.
_SETUPTOOLS = "setuptools<82; python_version >= '3.12'"


def load(config_files: Sequence[str]) -> None:
    """Read the configuration as vitrage-graph does.

    Vitrage's own function is not used: it sets up the log and messaging.

    :param config_files: paths; none for those that oslo.config finds
    :raises cfg.Error, ValueError: a file is missing, or cannot be parsed
    """
    for path in config_files:
        # To open a FIFO may take for ever.
        if not pathlib.Path(path).is_file():
            raise ValueError(f'there is no file {path}')
    # Whichever datasource of the name kubernetes is loaded.
    for group, options in (
            *vitrage_opts.list_opts(), ('prometheus', prometheus.OPTS),
            ('kubernetes', OPTS)):
        CONF.register_opts(list(options),
                           group=None if group == 'DEFAULT' else group)
    CONF([], project='vitrage', prog='vitrage-graph',
         default_config_files=list(config_files) or None)
    if not CONF.default_config_files and not CONF.default_config_dirs:
        raise ValueError('there is none in ~/.vitrage, ~, /etc/vitrage, /etc')


def check_values() -> Iterator[Finding]:
    """Check that the value of each option is valid."""
    for group in ('datasources', 'entity_graph', 'kubernetes', 'prometheus'):
        # Types that are not valid have been reported before that.
        if group == 'prometheus' and group not in CONF.datasources.types:
            return
        for name in CONF[group]:
            try:
                value = CONF[group][name]
            except (cfg.Error, ValueError, RecursionError) as problem:
                # What is behind a $ may be of a password.
                yield ('ERROR', f'[{group}] {name}',
                       'its $ names no option'
                       if isinstance(problem, cfg.NoSuchOptError)
                       else str(problem).rpartition(' is not valid: ')[2],
                       'see the sample configuration; $$ is a $')
                continue
            # A service runs in another directory than this.
            if name in _PATHS and value and value[0] not in '/~':
                yield ('WARNING', f'[{group}] {name}', f'{value} is relative '
                       'to whatever directory vitrage-graph is started in',
                       'write an absolute path')


def check_names() -> Iterator[Finding]:
    """Check that our options are in [kubernetes], and have these names."""
    known = {opt.dest for opt in OPTS}
    for path in (*CONF.default_config_files, *(
            str(path) for directory in CONF.default_config_dirs
            for path in sorted(pathlib.Path(directory).glob('*.conf')))):
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        for name in sorted(sections.pop('kubernetes', {}).keys() - known):
            similar = difflib.get_close_matches(name.lower(), known, 1)
            yield ('ERROR', f'[kubernetes] {name}',
                   f'there is no such option ({path})',
                   f'did you mean {similar[0]}?' if similar else 'take it out')
        for section, names in sections.items():
            if section in ('DEFAULT', 'datasources') or \
                    difflib.get_close_matches(
                        section.lower(), ['kubernetes'], 1, 0.8):
                for name in sorted(known & names.keys()):
                    yield ('ERROR', f'[{section}] {name}', 'nothing reads it '
                           f'there ({path})', 'move it to [kubernetes]')


def check_path() -> Iterator[Finding]:
    """Check that Vitrage loads this datasource, and none of the same name."""
    paths = CONF.datasources.path
    for each in paths:
        if not _find(each):
            yield ('ERROR', '[datasources] path',
                   f'Python finds no module {each!r}', _PATH)
    loaded = [each for each in paths if _find(f'{each}.kubernetes')]
    if loaded[:1] != ['vitrage_k8s']:
        yield ('ERROR', '[datasources] path', 'Vitrage takes the datasource '
               f'kubernetes from {loaded[0] if loaded else "nowhere"}',
               f'{_PATH}, in this order')


def check_types() -> Iterator[Finding]:
    """Check that the datasource is enabled, once, and all others are found."""
    subject, types = '[datasources] types', CONF.datasources.types
    for each in sorted({each for each in types if types.count(each) > 1}):
        yield 'WARNING', subject, f'{each} is enabled twice', 'take one out'
    lost = [repr(each) for each in sorted(set(types) - {'kubernetes'})
            if not any(hasattr(_find(f'{path}.{each}'), 'OPTS')
                       for path in CONF.datasources.path)]
    if lost:
        yield ('ERROR', subject, 'in path there is no datasource '
               f'{", ".join(lost)}', f'{_PATH}; take out what is no '
               'datasource, such as the entity type kubernetes.node')
    if 'kubernetes' not in types:
        yield 'ERROR', subject, 'kubernetes is not enabled', 'add kubernetes'
    elif 'prometheus' in types[:types.index('kubernetes')]:
        yield ('WARNING', subject, 'prometheus is before kubernetes; an alert '
               'that is read before its node is on nothing',
               'put prometheus behind kubernetes')


def _find(module: str) -> ModuleType | None:
    """Return a module, if it can be imported."""
    try:
        return importlib.import_module(module)
    except Exception:  # noqa: BLE001 what a module of others does
        return None


def check_options() -> Iterator[Finding]:
    """Check that the values of [kubernetes] are supported."""
    options = CONF.kubernetes
    for opt in OPTS:
        value = options[opt.dest]
        if opt.dest in ('driver', 'transformer', 'entities') and opt.default \
                != (sorted(value) if opt.dest == 'entities' else value):
            yield ('ERROR', f'[kubernetes] {opt.dest}', 'nothing else works '
                   f'than {opt.default}', 'take the option out')
    method = options.update_method.lower()
    if method not in (UpdateMethod.PULL, UpdateMethod.NONE):
        yield ('ERROR', '[kubernetes] update_method',
               f'update_method = {method} is not supported; nodes are listed '
               'in the snapshots of Vitrage only',
               'set it to pull, or to none if that is what you want')


def check_together() -> Iterator[Finding]:
    """Check that options of [kubernetes] make sense together."""
    options, datasources = CONF.kubernetes, CONF.datasources
    is_watching = options.update_method.lower() == UpdateMethod.PULL
    if options.list_timeout < options.request_timeout:
        yield ('WARNING', '[kubernetes] list_timeout',
               'it is shorter than request_timeout',
               'set it to twice request_timeout or more')
    if is_watching and options.poll_interval < 60:
        yield ('WARNING', '[kubernetes] poll_interval',
               'all nodes are listed that often, beside a watch',
               'set it to 600')
    if is_watching and options.changes_interval > options.poll_interval:
        yield ('WARNING', '[kubernetes] changes_interval',
               'it is longer than poll_interval; a change shows that late',
               'set it to 10')
    if not is_watching and \
            options.list_timeout > datasources.snapshots_interval:
        yield ('WARNING', '[kubernetes] list_timeout', 'it is longer than '
               '[datasources] snapshots_interval, and a snapshot waits for it',
               'set update_method = pull, or a shorter list_timeout')
    for name, each in (('host_contexts', 'nova.host'),
                       ('link_by_system_uuid', 'nova.instance')):
        if options[name] and each not in datasources.types:
            yield ('WARNING', f'[kubernetes] {name}',
                   f'it has no effect without {each}',
                   f'add {each} to [datasources] types')


def check_values_files() -> Iterator[Finding]:
    """Check that Vitrage reads the state mappings of this version."""
    directory = CONF.entity_graph.datasources_values_dir
    try:
        # With the dot, this needs the right to search it, too.
        os.listdir(directory and f'{directory}/.')
    except OSError as problem:
        yield ('ERROR', '[entity_graph] datasources_values_dir', 'this user '
               f'cannot read {directory}: {problem.strerror}',
               "take Vitrage's etc/vitrage/datasources_values, and let the "
               'user of vitrage-graph read it')
        return
    for name in ('default', KUBERNETES_CLUSTER, KUBERNETES_NODE, *(
            {'prometheus'} & set(CONF.datasources.types))):
        path = pathlib.Path(directory, f'{name}.yaml')
        ours = install_files.ETC / install_files.VALUES / path.name
        # install-files leaves modes, and knows one name of the directory.
        put = f'run: install -D -m 644 {ours} {path}' if name != 'default' \
            else f"take Vitrage's etc/vitrage/datasources_values/{path.name}"
        if not _is_read(path):
            yield ('ERROR', str(path),
                   ('Vitrage cannot read it' if os.path.exists(path)
                    else 'it is missing') + ': its states are not understood',
                   put)
        # Vitrage's own are as its operators want them.
        elif name in (KUBERNETES_CLUSTER, KUBERNETES_NODE) and \
                path.read_bytes() != ours.read_bytes():
            yield ('WARNING', str(path), 'it is not that of this version: '
                   'older, or changed by hand', f'compare, then {put}')


class _Mapper(datasource_info_mapper.DatasourceInfoMapper):

    def _load_value_configurations(self) -> dict[str, Any]:
        # Vitrage has done so, and logged what is wrong with any file.
        return {}


def _is_read(path: pathlib.Path) -> bool:
    try:
        return os.path.isfile(path) and bool(
            _Mapper()._retrieve_values_and_priorities_from_file(str(path)))
    except Exception:  # noqa: BLE001 Vitrage catches that, too
        return False


class _Entry(msgspec.Struct):
    key: dict[str, str]
    resource: dict[str, str]


def check_prometheus() -> Iterator[Finding]:
    """Check that alerts last, and that one without a node is on no vertex."""
    if 'prometheus' not in CONF.datasources.types:
        return
    for name in ('alertmanager_url', 'receiver'):
        if not CONF.prometheus[name]:
            yield ('WARNING', f'[prometheus] {name}', 'it is missing, and '
                   'each snapshot deletes all alerts until Alertmanager '
                   'repeats them', 'set it to that of Alertmanager')
    path, subject = CONF.prometheus.config_file, '[prometheus] config_file'
    mend = f'see ours: {install_files.ETC / install_files.ALERTS}'
    try:
        # To open a FIFO may take for ever.
        if not os.path.isfile(path or ''):
            raise ValueError('there is no such file')
        with open(path, encoding='utf-8') as file:
            # As Vitrage reads it: all scalars are strings.
            entries = msgspec.convert(
                yaml.load(file, yaml.BaseLoader),  # noqa: S506
                dict[Literal['alerts'], list[_Entry]])['alerts']
    except (OSError, yaml.YAMLError, ValueError, RecursionError,
            msgspec.ValidationError) as defect:
        yield 'ERROR', subject, f'{path} is no list of alerts: {defect}', mend
        return
    # The first entry counts whose key is in the labels of an alert.
    useless = [str(number) for number, entry in enumerate(entries, 1)
               if any(before.key.items() <= entry.key.items()
                      for before in entries[:number - 1])]
    if useless:
        yield ('ERROR', subject, f'{path}: entries before {", ".join(useless)}'
               ' map the same alerts, and the first counts',
               'put an entry with fewer labels in key behind the others')
    for number, entry in enumerate(entries, 1):
        if not entry.resource:
            yield ('ERROR', subject, f'{path}: entry {number} has no resource;'
                   ' Vitrage ties its alerts to every vertex', mend)
    if not all(entry.key for entry in entries):
        return
    yield ('ERROR', subject, f'{path} has no entry with key: {{}}, and Vitrage'
           ' ties those that no entry maps to every vertex', mend)


def check_libraries() -> Iterator[Finding]:
    """Check that this version and Vitrage work with the libraries."""
    reasons = {'networkx': ', or topology show fails',
               'setuptools': ', or vitrage-api does not start'}
    try:
        lines = importlib.metadata.requires('vitrage-k8s') or ()
    except importlib.metadata.PackageNotFoundError:
        # A checkout, or this user may not read what pip installed.
        return
    for wanted in map(requirements.Requirement, (*lines, _SETUPTOOLS)):
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            version = ''
        if not version or not wanted.specifier.contains(version, True):
            yield ('ERROR', wanted.name, f'{version or "no version"} is '
                   f'installed; {wanted.specifier} is needed'
                   + reasons.get(wanted.name, ''),
                   f"pip install '{wanted.name}{wanted.specifier}'")


RULES = (check_values, check_names, check_path, check_types, check_options,
         check_together, check_values_files, check_prometheus, check_libraries)
