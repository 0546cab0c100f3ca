# SPDX-License-Identifier: Apache-2.0
"""Rules about the clusters: read once, by the code that the driver runs."""

import collections
from collections.abc import Iterator
import contextlib
import email.utils
import logging
from multiprocessing import pool
import time
from typing import Any

import msgspec
from oslo_config import cfg
from vitrage.datasources.nova.host import NOVA_HOST_DATASOURCE
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE

from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import clusters
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet
from vitrage_k8s.api import nodes
from vitrage_k8s.api import text
from vitrage_k8s.api import watch_policy
from vitrage_k8s.check.findings import error
from vitrage_k8s.check.findings import Finding
from vitrage_k8s.check.findings import info
from vitrage_k8s.check.findings import Level
from vitrage_k8s.check.findings import warning
from vitrage_k8s.graph import properties
from vitrage_k8s import settings

CONF = cfg.CONF
# A token is not valid before the second in which it was issued.
MOST_SKEW = 60.0


def check_clusters() -> Iterator[Finding]:
    """Read each cluster once, and find what of it is tied to OpenStack."""
    wanted = settings.read()
    # One list of each, as update_method = none has it.
    reading = msgspec.structs.replace(wanted.reading, is_watching=False)
    wanted = msgspec.structs.replace(wanted, reading=reading)
    found = fleet.Fleet()
    found.use(wanted)
    try:
        # A 403 counts only when it lasts.
        found.list_all(wanted.reading.list_timeout + watch_policy.DOUBT)
        view = found.view()
        for problem, level in sorted(found.problems.items()):
            # A cluster that is misconfigured is reported below.
            if not any(problem == f'Cluster {name}: {cluster.health.reason}'
                       for name, cluster in view.clusters.items()):
                yield Finding(Level.ERROR if level >= logging.ERROR
                              else Level.WARNING, '[kubernetes]',
                              problem.removeprefix('[kubernetes] '))
        for name, reason in view.left_out.items():
            endpoint = found.endpoint(name)
            yield warning(name, reason) if endpoint and endpoint.is_named \
                else info(name, reason)
        if not view.clusters and not found.problems:
            yield warning('[kubernetes] contexts', 'no cluster is read', 'name'
                          ' the contexts of the kubeconfig, or *')
        # Its threads keep nobody from interrupting it, as those of
        # concurrent.futures do.
        with pool.ThreadPool(len(view.clusters) or 1) as threads:
            for findings in threads.imap(
                    lambda cluster: list(_check_cluster(
                        cluster, found.endpoint(cluster.settings.name))),
                    view.clusters.values()):
                yield from findings
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
        yield from _check_server(client, name)
        yield from _check_watch(client, cluster)
    yield from _check_ties(cluster)


def _check_server(client: api_client.Client,
                  name: str) -> Iterator[Finding]:
    version = _ask(client, 'VersionApi', 'get_code')
    review = _ask(client, 'AuthenticationV1Api', 'create_self_subject_review',
                  body={'apiVersion': 'authentication.k8s.io/v1',
                        'kind': 'SelfSubjectReview'})
    about = []
    # A proxy may answer anything.
    with contextlib.suppress(KeyError, TypeError):
        about.append(f'Kubernetes {version[0]["gitVersion"]}')
    with contextlib.suppress(TypeError, ValueError):
        skew = time.time() - email.utils.parsedate_to_datetime(
            version[1]).timestamp()
        if abs(skew) > MOST_SKEW:
            yield warning(name, 'the clocks of its API server and of this '
                          f'machine differ by {abs(skew):.0f} s, so that '
                          'certificates and tokens may not be valid',
                          'synchronize both (NTP)')
    with contextlib.suppress(KeyError, TypeError):
        about.append(f'as {review[0]["status"]["userInfo"]["username"]}')
    if about:
        yield info(name, text.make_safe(', '.join(about), text.LONGEST_VALUE))


def _ask(client: api_client.Client, api: str, method: str,
         **arguments: Any) -> Any:
    # Not every server answers, and old clients have no such method.
    with contextlib.suppress(errors.ClusterError, AttributeError):
        return client.ask(api, method, **arguments)
    return None


def _check_watch(client: api_client.Client,
                 cluster: clusters.Cluster) -> Iterator[Finding]:
    _, version = cluster.inventory.begin_watch()
    try:
        with client.watch_nodes(version or '', 1,
                                CONF.kubernetes.request_timeout):
            pass
    except errors.ClusterError as problem:
        yield warning(cluster.settings.name, 'its nodes cannot be watched, '
                      'and change every poll_interval only: '
                      f'{problem.problem}')


def _check_ties(cluster: clusters.Cluster) -> Iterator[Finding]:
    found = cluster.inventory.all_nodes().values()
    for reason, count in collections.Counter(
            _tie(cluster.settings, node) for node in found).most_common():
        yield info(cluster.settings.name, f'{count} of {len(found)} nodes '
                   f'{reason}')


def _tie(settings: clusters.ClusterSettings, node: nodes.Node) -> str:
    """Return what a node can be tied to, or why to nothing."""
    types = CONF.datasources.types
    if properties.server_of(settings, node):
        return 'name a Nova server, and are tied to it if Nova has it' \
            if NOVA_INSTANCE_DATASOURCE in types else \
            'name a Nova server, and nova.instance is not enabled'
    if settings.are_hosts:
        return 'are tied to the host of their name if Nova has it' \
            if NOVA_HOST_DATASOURCE in types else \
            'may be hosts, and nova.host is not enabled'
    if not node.provider_id:
        return 'are tied to nothing: they have no providerID'
    return 'are tied to nothing: their providerID is of ' \
        f'{text.make_safe(node.provider or "an unknown form", 60)}'


RULES = (check_clusters,)
