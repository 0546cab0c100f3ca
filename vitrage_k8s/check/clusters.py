# SPDX-License-Identifier: Apache-2.0
"""Rules about the clusters: read once, by the code that the driver runs."""

import collections
from collections.abc import Iterator
import contextlib
from email.utils import parsedate_to_datetime
import logging
import time

import msgspec
from oslo_config import cfg
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE

from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import clusters
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet
from vitrage_k8s.api import nodes
from vitrage_k8s.api import text
from vitrage_k8s.check.findings import error
from vitrage_k8s.check.findings import Finding
from vitrage_k8s.check.findings import info
from vitrage_k8s.check.findings import Level
from vitrage_k8s.check.findings import warning
from vitrage_k8s.graph import properties
from vitrage_k8s import settings

CONF = cfg.CONF

# How much clocks may differ, in seconds: an exec plugin's credentials are
# renewed that long before they expire.
_MOST_SKEW = 60.0


class _Version(msgspec.Struct, rename='camel'):
    """version.Info of Kubernetes."""

    git_version: str


def check_clusters() -> Iterator[Finding]:
    """Can each cluster be read, and what of it is tied to OpenStack."""
    wanted = settings.read()
    # One list of each, as update_method = none has it.
    reading = msgspec.structs.replace(wanted.reading, is_watching=False)
    wanted = msgspec.structs.replace(wanted, reading=reading)
    found = fleet.Fleet()
    found.use(wanted)
    try:
        found.list_all(wanted.reading.list_timeout)
        view = found.view()
        for problem, level in sorted(found.problems.items()):
            # Of a cluster that is misconfigured it is said below.
            if not any(problem == f'Cluster {name}: {cluster.health.reason}'
                       for name, cluster in view.clusters.items()):
                yield Finding(Level.ERROR if level >= logging.ERROR
                              else Level.WARNING, '[kubernetes]', problem)
        for name in sorted(view.left_out):
            yield warning(name, 'all of its nodes are nodes of another '
                          'cluster too, so it is left out of the graph',
                          'take it out of [kubernetes] contexts')
        if not view.clusters and not found.problems:
            yield warning('[kubernetes] contexts', 'no cluster is read', 'name'
                          ' the contexts of the kubeconfig, or *')
        for cluster in view.clusters.values():
            yield from _check_cluster(
                cluster, found.endpoint(cluster.settings.name))
    finally:
        found.stop()


def _check_cluster(cluster: clusters.Cluster,
                   endpoint: endpoints.Endpoint | None) -> Iterator[Finding]:
    name, health = cluster.settings.name, cluster.health
    if endpoint is None or not cluster.inventory.is_complete:
        yield error(name, f'{health.state}: {health.reason}')
        return
    yield info(name, f'{len(cluster.inventory)} nodes at {endpoint.server}')
    if endpoint.server.startswith('https:') and \
            endpoint.place.cluster.insecure_skip_tls_verify:
        yield warning(name, 'its certificate is not verified, so that anyone '
                      'on the way can read the credentials',
                      'set certificate-authority in the kubeconfig, and take '
                      'insecure-skip-tls-verify out')
    with contextlib.closing(api_client.Client(
            name, endpoint, CONF.kubernetes.request_timeout)) as client:
        yield from _check_server(client)
        yield from _check_watch(client, cluster)
    yield from _check_ties(cluster)


def _check_server(client: api_client.Client) -> Iterator[Finding]:
    # Not everybody may see the version, and nothing depends on it.
    with contextlib.suppress(errors.ClusterError, msgspec.DecodeError,
                             ValueError, TypeError):
        body, date = client.get_version()
        version = msgspec.json.decode(body, type=_Version).git_version
        yield info(client.name, f'Kubernetes {text.make_safe(version, 80)}')
        ahead = parsedate_to_datetime(date).timestamp() - time.time()
        if abs(ahead) > _MOST_SKEW:
            yield warning(client.name, f'its clock differs by {ahead:+.0f} s, '
                          'and credentials may be taken for expired',
                          'set the clocks of both machines, as by NTP')


def _check_watch(client: api_client.Client,
                 cluster: clusters.Cluster) -> Iterator[Finding]:
    _, version = cluster.inventory.begin_watch()
    try:
        with client.watch_nodes(version or '', 1, 1.0):
            pass
    except errors.ClusterError as problem:
        yield warning(cluster.settings.name, 'its nodes cannot be watched, '
                      'and change every poll_interval only: '
                      f'{problem}')


def _check_ties(cluster: clusters.Cluster) -> Iterator[Finding]:
    found = cluster.inventory.all_nodes().values()
    why = collections.Counter(_why_untied(cluster, node) for node in found)
    tied = why.pop(None, 0)
    line = f'{tied} of {len(found)} nodes name a Nova server'
    for reason, count in why.most_common():
        line += f'; {count} do not: {reason}'
    if tied and NOVA_INSTANCE_DATASOURCE not in CONF.datasources.types:
        line += '. None is tied to it: nova.instance is not in ' \
                '[datasources] types'
    yield info(cluster.settings.name, line)


def _why_untied(cluster: clusters.Cluster, node: nodes.Node) -> str | None:
    if properties.server_of(cluster.settings, node):
        return None
    if not node.provider_id:
        return 'no providerID'
    return f'a providerID of {node.provider or "an unknown form"}'


RULES = (check_clusters,)
