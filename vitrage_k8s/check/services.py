# SPDX-License-Identifier: Apache-2.0
"""Rules about what answers: the clusters, and Vitrage's API.

The clusters are read by the code that the driver runs.
"""

import argparse
import collections
from collections.abc import Iterator
import contextlib
import email.utils
import io
import logging
import os
import re
import threading
import time
from typing import Any

from keystoneauth1 import loading
import msgspec
from oslo_config import cfg
from oslo_utils import importutils
from vitrage.evaluator.template_loading import equivalence_loader as loader
from vitrage.evaluator.template_loading import props_converter as converter
import yaml

from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import clusters
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet
from vitrage_k8s.api import nodes
from vitrage_k8s.api import watch_policy
from vitrage_k8s.check import apply
from vitrage_k8s.check import Finding
from vitrage_k8s.graph import properties
from vitrage_k8s import install_files
from vitrage_k8s import settings

CONF = cfg.CONF
# Seconds that one answer of Keystone or Vitrage may take.
_TIMEOUT = 10.0
# A token is not valid before the second in which it was issued.
MOST_SKEW = 60.0


def check_templates() -> Iterator[Finding]:
    """Check our templates in Vitrage, and that no other one stops them."""
    shell = importutils.try_import('vitrageclient.shell')
    # Other OS_* variables are not the client's: oslo.config reads some.
    if not shell or not {'OS_AUTH_URL', 'OS_AUTH_TYPE'} & os.environ.keys():
        yield ('INFO', 'templates', 'not looked at: that needs '
               'python-vitrageclient and its OS_* environment', '')
        return
    found: list[Finding] = []
    try:
        # The client prints what it does not understand.
        with contextlib.redirect_stdout(io.StringIO()):
            found += _check_templates(_client(shell).template)
    except Exception as problem:  # noqa: BLE001 whatever the libraries raise
        yield ('WARNING', 'templates', "not looked at: Vitrage's API cannot "
               f'be asked: {type(problem).__name__}: {problem}',
               'try: vitrage template list')
    yield from found


def _client(shell: Any) -> Any:
    parser = argparse.ArgumentParser()
    shell.VitrageShell.register_keyauth_argparse_arguments(parser)
    options = parser.parse_args([])
    session = loading.load_session_from_argparse_arguments(
        options, auth=loading.load_auth_from_argparse_arguments(options))
    # The client would wait for ten minutes.
    session.timeout = _TIMEOUT
    return importutils.import_module('vitrageclient.client').Client(
        '1', session=session,
        interface=options.interface, region_name=options.region_name,
        endpoint_override=os.environ.get('VITRAGE_ENDPOINT'))


def _check_templates(templates: Any) -> Iterator[Finding]:
    loaded = {row['name']: row for row in templates.list()}
    add = 'run: vitrage template add --overwrite --path'
    directory = install_files.ETC / install_files.TEMPLATES
    ours = set()
    for file in sorted(directory.glob('*.yaml')):
        # As Vitrage's client reads it: all scalars are strings.
        content = yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506
        ours |= {frozenset(converter.PropsConverter.convert_props_with_set(
            each.items())) for each in content['entities'].values()}
        name = content['metadata']['name']
        row = loaded.get(name)
        if row is None:
            yield ('WARNING', name, 'this template is not loaded',
                   f'{add} {directory} loads all of ours')
        elif row['status'] != 'ACTIVE':
            yield ('ERROR', name, f'this template is in {row["status"]}: '
                   f'{row["status details"]}', f'{add} {file}')
        elif templates.show(row['uuid']) != content:
            yield ('WARNING', name, 'this template is not that of this '
                   'version: older, or changed by hand', f'{add} {file}')
    for name, row in loaded.items():
        # An entity is expanded that has the same properties.
        if (row['type'], row['status']) == ('equivalence', 'ACTIVE') and \
                any(ours & each for each in loader.EquivalenceLoader(
                    templates.show(row['uuid'])).equivalences):
            yield ('ERROR', name, 'this equivalence template stops every '
                   'template of version 3 that it matches, without a word',
                   f'run: vitrage template delete {row["uuid"]}')


def check_clusters() -> Iterator[Finding]:
    """Read each cluster once, and find what of it is tied to OpenStack."""
    wanted = settings.read()
    # One list of each, as update_method = none has it.
    wanted = msgspec.structs.replace(wanted, reading=msgspec.structs.replace(
        wanted.reading, is_watching=False))
    found = fleet.Fleet()
    found.use(wanted)
    try:
        # A 403 counts only when it lasts.
        found.list_all(wanted.reading.list_timeout + watch_policy.DOUBT)
        for problem, level in sorted(found.problems.items()):
            yield ('ERROR' if level >= logging.ERROR else 'WARNING',
                   '[kubernetes]', problem.removeprefix('[kubernetes] '), '')
        view = found.view()
        if not view.clusters and not found.problems:
            yield ('WARNING', '[kubernetes] contexts', 'no cluster is read',
                   'name the contexts of the kubeconfig, or *')
        for name, reason in view.left_out.items():
            endpoint = found.endpoint(name)
            yield ('WARNING' if endpoint and endpoint.is_named else 'INFO',
                   name, reason, '')
        # Its threads keep nobody from interrupting it, as those of
        # concurrent.futures do; multiprocessing's need /dev/shm.
        answers: dict[str, list[Finding]] = {}
        threads = {name: threading.Thread(
            target=lambda name=name, each=each: answers.update({name: list(
                apply(_check_cluster, each, found.endpoint(name)))}),
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


def _check_cluster(cluster: clusters.Cluster,
                   endpoint: endpoints.Endpoint | None) -> Iterator[Finding]:
    name, health = cluster.settings.name, cluster.health
    if endpoint is None:
        # One of the problems of the fleet.
        return
    if not cluster.inventory.is_complete:
        yield 'ERROR', name, f'{health.state}: {health.reason}', ''
        return
    # The fleet reports one that is too long.
    project = cluster.settings.project_id
    if project and not re.fullmatch('[0-9a-f-]{32,36}', project):
        yield ('WARNING', '[kubernetes] projects',
               f'{project} does not look like the id of a project',
               'see: openstack project list')
    yield ('INFO', name,
           f'{len(cluster.inventory)} nodes at {endpoint.server}', '')
    if endpoint.server.startswith('https:') and \
            endpoint.place.cluster.insecure_skip_tls_verify:
        yield ('WARNING', name, 'its certificate is not verified, so that '
               'anyone on the way can read the credentials',
               'set certificate-authority in the kubeconfig, and take '
               'insecure-skip-tls-verify out')
    timeout = CONF.kubernetes.request_timeout
    with contextlib.closing(api_client.Client(
            name, endpoint, timeout)) as client:
        yield from _check_server(client)
        _, version = cluster.inventory.begin_watch()
        try:
            with client.watch_nodes(version or '', 1, timeout):
                pass
        except errors.ClusterError as problem:
            yield ('WARNING' if settings.read().reading.is_watching else
                   'INFO', name, 'its nodes cannot be watched, and change '
                   f'every poll_interval only: {problem.problem}', '')
    found = cluster.inventory.all_nodes().values()
    for reason, count in collections.Counter(
            _tie(cluster.settings, node) for node in found).most_common():
        yield 'INFO', name, f'{count} of {len(found)} nodes {reason}', ''


def _check_server(client: api_client.Client) -> Iterator[Finding]:
    version, date = _ask(client, 'VersionApi', 'get_code', 'gitVersion')
    user, _ = _ask(client, 'AuthenticationV1Api', 'create_self_subject_review',
                   'status', 'userInfo', 'username', body={
                       'apiVersion': 'authentication.k8s.io/v1',
                       'kind': 'SelfSubjectReview'})
    yield 'INFO', client.name, f'Kubernetes {version}, as {user}', ''
    with contextlib.suppress(ValueError, OverflowError):
        skew = time.time() - email.utils.parsedate_to_datetime(
            date).timestamp()
        if abs(skew) > MOST_SKEW:
            yield ('WARNING', client.name, 'its clock and ours differ by '
                   f'{abs(skew):.0f} s, so that certificates and tokens may '
                   'not be valid', 'synchronize both (NTP)')


def _ask(client: api_client.Client, api: str, method: str, *names: str,
         **arguments: Any) -> tuple[Any, str]:
    """Return a value of an answer, and when that was."""
    try:
        answer, date = client.ask(api, method, **arguments)
        for name in names:
            answer = answer[name]
    except (errors.ClusterError, AttributeError, LookupError, TypeError):
        # Not every server answers, a proxy may answer anything, and old
        # clients have no such method.
        return '(unknown)', ''
    return answer, date


def _tie(settings: clusters.ClusterSettings, node: nodes.Node) -> str:
    """Return what a node can be tied to, or why to nothing."""
    if each := 'nova.instance' if properties.server_of(settings, node) else \
            'nova.host' if settings.are_hosts else None:
        return f'are tied to their {each} ' + (
            'if Nova has it' if each in CONF.datasources.types
            else 'once that is in [datasources] types')
    return 'are tied to nothing: ' + (
        f'their providerID is of {node.provider or "an unknown form"}'
        if node.provider_id else 'they have no providerID')


RULES = (check_templates, check_clusters)
