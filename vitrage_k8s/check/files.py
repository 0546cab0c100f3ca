# SPDX-License-Identifier: Apache-2.0
"""Rules about what the code needs: files, libraries, Prometheus' mapping."""

from collections.abc import Iterator
import importlib.metadata
import importlib.util
import os
import pathlib
import sys

from oslo_config import cfg
from packaging import requirements
from vitrage.entity_graph.mappings.datasource_info_mapper import \
    DatasourceInfoMapper
import yaml

from vitrage_k8s.check.findings import error
from vitrage_k8s.check.findings import Finding
from vitrage_k8s.check.findings import warning
from vitrage_k8s import install_files

CONF = cfg.CONF
_INSTALL = 'run: vitrage-k8s install-files'


def check_values_files() -> Iterator[Finding]:
    """Check that Vitrage reads the state mappings of this version."""
    directory = pathlib.Path(CONF.entity_graph.datasources_values_dir)
    read = DatasourceInfoMapper().datasources_value_confs \
        if directory.is_dir() else {}
    if 'default' not in read:
        yield error(str(directory), 'it has no default.yaml that Vitrage can '
                    'read; without one, it computes no state',
                    "take it from Vitrage's sources "
                    '(etc/vitrage/datasources_values)')
    for name, ours in install_files.find().items():
        # prometheus.yaml belongs to the datasource of Prometheus.
        if name.parent != install_files.VALUES or \
                not name.name.startswith('kubernetes.'):
            continue
        path = directory / name.name
        try:
            is_ours = path.read_bytes() == ours.read_bytes()
        except FileNotFoundError:
            yield error(str(path), 'it is missing: states of nodes and '
                        'clusters are not understood',
                        f'{_INSTALL} {directory.parent}')
        except OSError as problem:
            yield error(str(path), f'it cannot be read: {problem.strerror}',
                        'let the user of vitrage-graph read it')
        else:
            if path.stem not in read:
                yield error(str(path), 'Vitrage cannot read it: states of '
                            'nodes and clusters are not understood',
                            f'{_INSTALL} --force {directory.parent}')
            elif not is_ours:
                yield warning(str(path), 'it is not that of this version: '
                              'older, or changed by hand', 'compare, then '
                              f'{_INSTALL} --force {directory.parent}')


def check_libraries() -> Iterator[Finding]:
    """Check that this version and Vitrage work with the libraries."""
    try:
        lines = importlib.metadata.requires('vitrage-k8s') or ()
    except importlib.metadata.PackageNotFoundError:
        # A checkout, or this user may not read what pip installed.
        return
    for line in lines:
        wanted = requirements.Requirement(line)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            version = None
        if version is None or not wanted.specifier.contains(
                version, prereleases=True):
            yield error(wanted.name, f'{version or "no version"} is '
                        f'installed; {wanted.specifier} is needed'
                        + (', or topology show fails'
                           if wanted.name == 'networkx' else ''),
                        f"pip install '{wanted.name}{wanted.specifier}'")
    if sys.version_info >= (3, 12) and \
            importlib.util.find_spec('setuptools') is None:
        yield error('setuptools', 'it is missing, and vitrage-api does not '
                    'start without it on Python 3.12 and newer',
                    "pip install 'setuptools<82'")


def check_prometheus() -> Iterator[Finding]:
    """Check that an unmapped alert of Prometheus is tied to no vertex."""
    if 'prometheus' not in CONF.datasources.types:
        return
    values = pathlib.Path(CONF.entity_graph.datasources_values_dir,
                          'prometheus.yaml')
    if not values.is_file():
        yield warning(str(values), 'it is missing: the severities of alerts '
                      'are not understood',
                      f'{_INSTALL} {values.parent.parent}')
    for name in ('alertmanager_url', 'receiver'):
        if not CONF.prometheus[name]:
            yield warning(f'[prometheus] {name}', 'it is missing, and each '
                          'snapshot deletes all alerts until Alertmanager '
                          'repeats them', 'set it to that of Alertmanager')
    path = CONF.prometheus.config_file
    mend = f'copy ours, prometheus_conf.yaml, into it ({_INSTALL} ' \
           f'{os.path.dirname(path)})'
    try:
        with open(path, encoding='utf-8') as file:
            entries = yaml.safe_load(file)['alerts']
        is_bounded = entries[-1]['key'] == {} and all(
            dict(entry['resource']) for entry in entries)
    except OSError as problem:
        yield error(path, f'it cannot be read: {problem.strerror}', mend)
    except (yaml.YAMLError, ValueError, LookupError, TypeError):
        yield error(path, 'it is no mapping of alerts', mend)
    else:
        if not is_bounded:
            yield error(path, 'its last entry does not catch what the others '
                        'do not map, or one has no resource, and Vitrage ties '
                        'such an alert to every vertex', mend)


RULES = (check_values_files, check_libraries, check_prometheus)
