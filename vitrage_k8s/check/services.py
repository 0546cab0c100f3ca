# SPDX-License-Identifier: Apache-2.0
"""Rules about Vitrage's API, and about clusters as the driver reads them."""

import collections
import contextlib
import email.utils
import io
import logging
import os
import re
import threading
import time
from typing import Any

import msgspec
from oslo_utils import importutils
from vitrage.evaluator.template_loading import equivalence_loader as loader
from vitrage.evaluator.template_loading import props_converter as converter
import yaml

from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import clusters
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet
from vitrage_k8s.api import nodes
from vitrage_k8s.api import watch_policy
from vitrage_k8s.check import configuration
from vitrage_k8s.check.configuration import Findings
from vitrage_k8s.graph import properties
from vitrage_k8s import install_files
from vitrage_k8s import settings

# Seconds. A token is not valid before the second in which it was issued.
MOST_SKEW = 60.0
# Servers and proxies may answer anything; old official clients lack a method.
_UNKNOWN = (errors.ClusterError, AttributeError, LookupError, TypeError)


def _check_templates() -> Findings:
    shell = importutils.try_import('vitrageclient.shell')
    # Other OS_* variables are not the client's: oslo.config reads some.
    if not shell or not {'OS_AUTH_URL', 'OS_AUTH_TYPE'} & os.environ.keys():
        yield ('INFO', 'templates', 'not looked at: that needs '
               'python-vitrageclient and its OS_* environment', '')
        return
    try:
        # The client prints what it does not understand.
        with contextlib.redirect_stdout(io.StringIO()):
            app = shell.VitrageShell()
            # Seconds; else ten minutes.
            app.options = app.build_option_parser('', '').parse_args(
                ['--timeout', '10'])
            found = list(_compare_templates(app.client.template))
    except Exception as problem:  # noqa: BLE001 whatever the libraries raise
        found = [('WARNING', 'templates', "not looked at: Vitrage's API "
                  f'cannot be asked: {type(problem).__name__}: {problem}',
                  'try: vitrage template list')]
    yield from found


def _compare_templates(templates: Any) -> Findings:
    loaded = {row['name']: row for row in templates.list()}
    add = 'run: vitrage template add --overwrite --path'
    directory = install_files.ETC / install_files.TEMPLATES
    entities, missing = set(), []
    for file in sorted(directory.glob('*.yaml')):
        # As Vitrage's client reads it: all scalars are strings.
        content = yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506
        entities |= {frozenset(converter.PropsConverter.convert_props_with_set(
            each.items())) for each in content['entities'].values()}
        name = content['metadata']['name']
        row = loaded.get(name)
        if row is None:
            missing.append(name)
        elif row['status'] != 'ACTIVE':
            yield ('ERROR', name, f'this template is in {row["status"]}: '
                   f'{row["status details"]}', f'{add} {file}')
        elif templates.show(row['uuid']) != content:
            yield ('WARNING', name, 'this template is not that of this '
                   'version: older, or changed by hand', f'{add} {file}')
    if missing:
        yield ('WARNING', ', '.join(missing), 'not loaded',
               f'{add} {directory}')
    for name, row in loaded.items():
        # It matches what has the same properties, and no others.
        if (row['type'], row['status']) == ('equivalence', 'ACTIVE') and any(
                entities & each for each in loader.EquivalenceLoader(
                    templates.show(row['uuid'])).equivalences):
            yield ('ERROR', name, 'this equivalence template stops every '
                   'template of version 3 that it matches, without a word',
                   f'run: vitrage template delete {row["uuid"]}')


def _check_clusters() -> Findings:
    wanted, found = settings.read(), fleet.Fleet()
    # One list of each, as update_method = none has it.
    found.use(msgspec.structs.replace(wanted, reading=msgspec.structs.replace(
        wanted.reading, is_watching=False)))
    try:
        # A 403 counts only when it lasts.
        found.list_all(wanted.reading.list_timeout + watch_policy.DOUBT)
        for problem, level in sorted(found.problems.items()):
            yield ('ERROR' if level == logging.ERROR else 'WARNING',
                   '[kubernetes]', problem.removeprefix('[kubernetes] '), '')
        view = found.view()
        if not view.clusters and not found.problems:
            yield ('WARNING', '[kubernetes] contexts', 'no cluster is read',
                   'name the contexts of the kubeconfig, or *')
        for name, reason in view.left_out.items():
            endpoint = found.endpoint(name)
            yield ('WARNING' if endpoint and endpoint.is_named else 'INFO',
                   name, reason, '')
        # Side by side, since some may hang. An interrupt would wait for the
        # threads of concurrent.futures.
        answers: dict[str, list[configuration.Finding]] = {}
        threads = {name: threading.Thread(
            target=lambda name=name, each=each: answers.update({name: list(
                configuration.apply(_check_cluster, found, each))}),
            daemon=True) for name, each in view.clusters.items()}
        for thread in threads.values():
            thread.start()
        for name, thread in threads.items():
            thread.join()
            yield from answers[name]
    finally:
        found.stop()
        # One that runs while Python ends can crash it.
        for thread in threading.enumerate():
            if thread.name.startswith('vitrage-k8s'):
                thread.join(1.0)


def _check_cluster(found: fleet.Fleet, cluster: clusters.Cluster) -> Findings:
    name, project = cluster.settings.name, cluster.settings.project_id
    if project and not re.fullmatch('[0-9a-f-]{32,36}', project):
        yield ('WARNING', '[kubernetes] projects',
               f'{project} does not look like the id of a project',
               'see: openstack project list')
    endpoint, health = found.endpoint(name), cluster.health
    if endpoint is None:
        # One of the problems of the fleet.
        return
    if not cluster.inventory.is_complete:
        yield ('ERROR', name, f'{health.state}: {health.reason}',
               f'see whether it runs, and {endpoint.place.field}.server'
               if health.state == watch_policy.UNREACHABLE else '')
        return
    if endpoint.server.startswith('https:') and \
            endpoint.place.cluster.insecure_skip_tls_verify:
        yield ('WARNING', name, 'its certificate is not verified; anyone on '
               'the way can read the credentials', 'set certificate-authority '
               'in the kubeconfig instead of insecure-skip-tls-verify')
    version, user, date = '(unknown)', '(unknown)', ''
    timeout = configuration.CONF.kubernetes.request_timeout
    with contextlib.closing(api_client.Client(
            name, endpoint, timeout)) as client:
        with contextlib.suppress(*_UNKNOWN):
            answer, _ = client.ask(
                'AuthenticationV1Api', 'create_self_subject_review', body={
                    'apiVersion': 'authentication.k8s.io/v1',
                    'kind': 'SelfSubjectReview'})
            user = answer['status']['userInfo']['username']
        try:
            if settings.read().reading.is_watching:
                _, since = cluster.inventory.begin_watch()
                with client.watch_nodes(since or '', 1, timeout):
                    pass
        except errors.ClusterError as problem:
            yield ('WARNING', name, 'its nodes cannot be watched, and change '
                   f'every poll_interval only: {problem.problem}', '')
        # Last, or what the others took would count as a difference of clocks.
        with contextlib.suppress(*_UNKNOWN):
            answer, date = client.ask('VersionApi', 'get_code')
            version = answer['gitVersion']
    shown = cluster.inventory.all_nodes().values()
    yield ('INFO', name, f'{len(shown)} nodes at {endpoint.server}, '
           f'Kubernetes {version}, as {user}', '')
    for reason, count in collections.Counter(
            _tie(cluster.settings, node) for node in shown).most_common():
        yield 'INFO', name, f'{count} of {len(shown)} nodes {reason}', ''
    with contextlib.suppress(ValueError, OverflowError):
        skew = time.time() - email.utils.parsedate_to_datetime(
            date).timestamp()
        if abs(skew) > MOST_SKEW:
            yield ('WARNING', name, 'its clock and ours differ by '
                   f'{abs(skew):.0f} s, so that certificates and tokens may '
                   'not be valid', 'synchronize both (NTP)')


def _tie(settings: clusters.ClusterSettings, node: nodes.Node) -> str:
    """Return what a node can be tied to, or why to nothing."""
    if kind := 'nova.instance' if properties.server_of(settings, node) else \
            'nova.host' if settings.are_hosts else '':
        return f'are tied to their {kind} ' + (
            'if Nova has it' if kind in configuration.CONF.datasources.types
            else 'once that is in [datasources] types')
    return 'are tied to nothing: ' + (
        f'their providerID is of {node.provider or "an unknown form"}'
        if node.provider_id else 'they have no providerID')


RULES = (_check_templates, _check_clusters)
