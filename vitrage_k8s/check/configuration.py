# SPDX-License-Identifier: Apache-2.0
"""Rules about this machine: vitrage.conf, its files, and the libraries."""

from collections.abc import Callable
from collections.abc import Iterator
import difflib
import importlib.metadata
import os
import pathlib
from typing import Annotated
from typing import Any
from typing import Literal

import msgspec
from oslo_config import cfg
from packaging import requirements
from vitrage.common.constants import UpdateMethod
from vitrage.entity_graph.mappings.datasource_info_mapper import \
    DatasourceInfoMapper
import yaml

from vitrage_k8s import install_files
from vitrage_k8s import OPTS

CONF = cfg.CONF
# How bad it is (WARNING: it works, but not as one would expect); an option, a
# file or a cluster; what is wrong with it; what to do, empty if that says it.
Finding = tuple[Literal['INFO', 'WARNING', 'ERROR'], str, str, str]
Findings = Iterator[Finding]
_PATH = 'path = vitrage_k8s,vitrage.datasources'
# What vitrage-api needs, and Vitrage does not require.
_SETUPTOOLS = "setuptools<82; python_version >= '3.12'"


def apply(rule: Callable[..., Findings], *arguments: Any) -> Findings:
    """Yield what a rule finds; if it fails, the other rules still count."""
    try:
        yield from rule(*arguments)
    except (cfg.Error, RecursionError):
        # It reads a value that is not valid, which _check_values reports.
        return
    except Exception as defect:  # noqa: BLE001
        yield ('ERROR', rule.__name__,
               f'this rule failed: {type(defect).__name__}: {defect}', '')


def _check_values() -> Findings:
    for group in ('datasources', 'entity_graph', 'kubernetes', 'prometheus'):
        # Types that are not valid have been reported before that.
        if group == 'prometheus' and group not in CONF.datasources.types:
            return
        for name in CONF[group]:
            subject = f'[{group}] {name}'
            try:
                value = CONF[group][name]
            except ValueError as problem:
                yield ('ERROR', subject,
                       str(problem).rpartition(' is not valid: ')[2],
                       'see its help in the sample configuration')
            except (cfg.Error, RecursionError):
                # What is behind a $ may be of a password.
                yield ('ERROR', subject, 'its $ names no other option',
                       'write what it stands for; $$ is a plain $')
            else:
                if name in ('config_file', 'datasources_values_dir') and \
                        os.path.exists(value or '') and value[0] not in '/~':
                    yield ('WARNING', subject, 'its path is relative to where '
                           'a service starts', 'write an absolute path')


def _check_names() -> Findings:
    known = {opt.dest for opt in OPTS}
    for path in (*CONF.default_config_files, *(
            str(path) for directory in CONF.default_config_dirs
            for path in sorted(pathlib.Path(directory).glob('*.conf')))):
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        for section, names in sections.items():
            # oslo.config takes the names of sections in any case.
            if section.lower() == 'kubernetes':
                for name in sorted(names.keys() - known):
                    near = difflib.get_close_matches(name.lower(), known, 1)
                    yield ('ERROR', f'[kubernetes] {name}',
                           f'there is no such option ({path})',
                           f'did you mean {near[0]}?' if near
                           else 'take it out')
            elif (ours := ', '.join(sorted(known & names.keys()))) and (
                    section in ('DEFAULT', 'datasources')
                    or difflib.get_close_matches(
                        section.lower(), ['kubernetes'], 1, 0.8)):
                yield ('ERROR', f'[{section}]', f'nothing reads {ours} there '
                       f'({path})', f'put {ours} under [kubernetes]')


def _check_datasources() -> Findings:
    path, types = CONF.datasources.path, CONF.datasources.types
    sources = {name: [each for each in path
                      if hasattr(_find(f'{each}.{name}'), 'OPTS')]
               for name in ('kubernetes', *types)}
    source = (sources.pop('kubernetes') or ['nowhere'])[0]
    lost = [repr(each) for each in path if not _find(each)]
    unknown = [repr(name) for name, found in sources.items() if not found]
    if lost:
        yield ('ERROR', '[datasources] path',
               f'Python finds no module {", ".join(lost)}', _PATH)
    elif source != 'vitrage_k8s':
        yield ('ERROR', '[datasources] path', 'Vitrage takes the datasource '
               f'kubernetes from {source}', _PATH)
    if unknown:
        yield ('ERROR', '[datasources] types', 'there is no datasource '
               f'{", ".join(unknown)} in path',
               _PATH if 'vitrage.datasources' not in path else 'write names '
               'such as nova.host,kubernetes, and not kubernetes.node')
    elif 'kubernetes' not in types:
        yield ('ERROR', '[datasources] types', 'kubernetes is not enabled',
               'add kubernetes')
    elif 'prometheus' in types[:types.index('kubernetes')]:
        yield ('WARNING', '[datasources] types', 'prometheus is before '
               'kubernetes, and an alert read before its node is on nothing',
               'put prometheus behind kubernetes')
    for name in sorted(each for each in {*types} if types.count(each) > 1):
        yield ('WARNING', '[datasources] types', f'{name} is enabled twice',
               'take one out')


def _find(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception:  # noqa: BLE001 what a module of others does
        return None


def _check_options() -> Findings:
    options, others = CONF.kubernetes, CONF.datasources
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
               'in the snapshots of Vitrage only', 'set it to pull or none')
    is_watching = method == UpdateMethod.PULL
    rows = (
        (options.list_timeout < options.request_timeout, 'list_timeout',
         'it is shorter than request_timeout', 'set it to twice that'),
        (not is_watching and options.list_timeout > others.snapshots_interval,
         'list_timeout', 'a snapshot waits for it, and it is longer than '
         '[datasources] snapshots_interval',
         f'lower it, or set that to {options.list_timeout:g}'),
        (is_watching and options.poll_interval < 60, 'poll_interval',
         'all nodes are listed that often, beside a watch', 'set it to 600'),
        (is_watching and options.changes_interval > max(
            options.poll_interval, 60), 'changes_interval',
         'it is longer than poll_interval', 'set it to 10'),
        (options.host_contexts and 'nova.host' not in others.types,
         'host_contexts', 'it has no effect without nova.host',
         'add nova.host to [datasources] types'),
        (options.link_by_system_uuid and 'nova.instance' not in others.types,
         'link_by_system_uuid', 'it has no effect without nova.instance',
         'add nova.instance to [datasources] types'))
    for is_wrong, name, problem, mend in rows:
        if is_wrong:
            yield 'WARNING', f'[kubernetes] {name}', problem, mend


def _check_values_files() -> Findings:
    directory = CONF.entity_graph.datasources_values_dir
    theirs = "take Vitrage's etc/vitrage/datasources_values, and let the " \
        'user of vitrage-graph read it'
    try:
        # With the dot, this needs the right to search it, too.
        os.listdir(directory and f'{directory}/.')
    except OSError as error:
        yield ('ERROR', '[entity_graph] datasources_values_dir', 'this user '
               f'cannot read {directory}: {error.strerror}',
               f'correct it, or {theirs}')
        return
    # Its __init__ reads all files, and logs what Vitrage has logged before.
    mapper = DatasourceInfoMapper.__new__(DatasourceInfoMapper)
    mapper.category_normalizer = mapper._init_category_normalizer()
    for name in ('default', 'kubernetes.cluster', 'kubernetes.node', *(
            {'prometheus'} & {*CONF.datasources.types})):
        path = pathlib.Path(directory, f'{name}.yaml')
        ours = install_files.ETC / install_files.VALUES / path.name
        # install-files leaves modes, and knows one name of the directory.
        put = theirs if name == 'default' else \
            f'run: install -D -m 644 {ours} {path}'
        problem = 'Vitrage cannot read it' if os.path.exists(path) else \
            'it is missing'
        try:
            if not path.is_file():
                raise ValueError
            mapper._retrieve_values_and_priorities_from_file(str(path))
        except Exception:  # noqa: BLE001 Vitrage catches that, too
            yield ('ERROR', str(path),
                   f'{problem}: its states are not understood', put)
        else:
            # The others are as their operators want them.
            if name.startswith('kubernetes.') and \
                    path.read_bytes() != ours.read_bytes():
                yield ('WARNING', str(path), 'it is not that of this version: '
                       'older, or changed by hand', f'compare, then {put}')


class _Entry(msgspec.Struct):
    key: dict[str, str]
    resource: Annotated[dict[str, str], msgspec.Meta(min_length=1)]


class _Alerts(msgspec.Struct):
    alerts: list[_Entry]


def _check_prometheus() -> Findings:
    if 'prometheus' not in CONF.datasources.types:
        return
    for name in ('alertmanager_url', 'receiver'):
        if not CONF.prometheus[name]:
            yield ('WARNING', f'[prometheus] {name}', 'it is missing, and '
                   'each snapshot deletes all alerts until Alertmanager '
                   'repeats them', 'set it to that of Alertmanager')
    path, subject = CONF.prometheus.config_file, '[prometheus] config_file'
    ours = install_files.ETC / install_files.ALERTS
    try:
        # To open a FIFO may take for ever.
        if not os.path.isfile(path or ''):
            raise ValueError('there is no such file')
        with open(path, encoding='utf-8') as file:
            # As Vitrage reads it: all scalars are strings.
            entries = msgspec.convert(
                yaml.load(file, yaml.BaseLoader), _Alerts).alerts  # noqa: S506
    except (OSError, yaml.YAMLError, ValueError, RecursionError,
            msgspec.ValidationError) as defect:
        yield ('ERROR', subject, f'{path} cannot be used, so that alerts are '
               f'tied to every vertex: {defect}',
               f'make it like {ours}, and let this user read it')
        return
    # Vitrage takes the first entry whose key is in the labels of an alert.
    for number, entry in enumerate(entries, 1):
        if any(before.key.items() <= entry.key.items()
               for before in entries[:number - 1]):
            yield ('ERROR', subject, f'{path}: entry {number} is not used; an '
                   'entry before it maps all of its alerts, and the first '
                   'counts', 'put entries with fewer labels in key last')
    if all(entry.key for entry in entries):
        yield ('ERROR', subject, f'{path}: no entry has key: {{}}; alerts '
               'that no entry maps are tied to every vertex',
               f'put the last entry of {ours} at its end')


def _check_libraries() -> Findings:
    reasons = {'networkx': ', or topology show fails',
               'setuptools': ', or vitrage-api does not start'}
    # None in a checkout, or if this user may not read what pip installed.
    lines = [line for each in importlib.metadata.distributions(
        name='vitrage-k8s') for line in each.requires or ()]
    for wanted in map(requirements.Requirement, (*lines, _SETUPTOOLS)):
        version = next((each.version for each in
                        importlib.metadata.distributions(name=wanted.name)),
                       None)
        if (not wanted.marker or wanted.marker.evaluate()) and not (
                version and wanted.specifier.contains(version, True)):
            yield ('ERROR', wanted.name, f'{version or "no version"} is '
                   f'installed; {wanted.specifier} is needed'
                   + reasons.get(wanted.name, ''),
                   f"pip install '{wanted.name}{wanted.specifier}'")


RULES = (_check_values, _check_names, _check_datasources, _check_options,
         _check_values_files, _check_prometheus, _check_libraries)
# What the driver logs, too.
AT_START = (_check_options, _check_values_files, _check_libraries)
