# SPDX-License-Identifier: Apache-2.0
"""From what is known of the clusters to Vitrage's events."""

from collections.abc import Iterator
from collections.abc import Set
import functools
import math
import os
import queue
import threading
import time
from typing import Any

from oslo_config import cfg
from oslo_log import log
from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import UpdateMethod
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources.driver_base import DriverBase
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE

from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import kubeconfig
from vitrage_k8s.api import reflector
from vitrage_k8s.api import text
from vitrage_k8s.graph import clusters
from vitrage_k8s.graph import events
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import KUBERNETES_NODE

CONF = cfg.CONF
LOG = log.getLogger(__name__)

Error = errors.KubernetesDatasourceError
Events = clusters.Events

# How soon the kubeconfig is read again where something is wrong, in seconds.
_LOAD_INTERVAL = 10.0

# What a list may take beyond list_timeout: looking up the server's name, and
# the time for which a 403 is doubted.
_GRACE = 60.0


class KubernetesDriver(DriverBase):
    """Tells Vitrage of the nodes of one or more Kubernetes clusters.

    The clusters are read in threads, which the first call makes, in the
    process that makes it: Vitrage forks its workers after it has imported
    this, and again when one of them dies.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._clusters: dict[str, clusters.Cluster] = {}
        self._owners = clusters.Owners()
        self._lists = threading.Semaphore()
        self._errors: list[Error] = []
        self._unused_projects: Set[str] = frozenset()
        self._loaded_at = float('-inf')

    @staticmethod
    def should_delete_outdated_entities() -> bool:
        """Return False: nodes do not age out of the graph.

        Their API server may be out of reach; and where the processing of one
        event fails, Vitrage skips the rest of its list without an error, so
        that healthy nodes look outdated. What is gone is deleted by name.
        """
        return False

    def close(self) -> None:
        """Stop reading, without waiting for it."""
        for cluster in self._clusters.values():
            cluster.stop()
        self._clusters.clear()

    def get_all(self, datasource_action: str) -> Iterator[Events]:
        """List every node of every cluster.

        A cluster that cannot be read is one in ERROR in the graph; its nodes
        stay as last known.

        :returns: lists of events, page_size nodes at a time, as the lists
            come to their ends. The iteration raises PollFailed where Vitrage
            or a reflector gives no answer.
        """
        return self._get_all(datasource_action)

    def get_changes(self, datasource_action: str) -> Iterator[Events]:
        """Tell what has changed since the last call of either.

        It does not wait for anything.

        :returns: lists of events; what cannot be read is only logged
        """
        self._forget_other_process()
        if time.monotonic() - self._loaded_at > self._load_interval():
            self._load()
        for cluster in list(self._clusters.values()):
            if cluster.reflector:
                cluster.reflector.start()
            for told in cluster.tell_changes(datasource_action):
                yield self._finish(told, datasource_action)

    def _get_all(self, action: str) -> Iterator[Events]:
        self._forget_other_process()
        self._load()
        # Without Nova, and in an empty graph, there is nothing to ask for.
        servers = clusters.Servers(
            None if NOVA_INSTANCE_DATASOURCE in CONF.datasources.types
            and action != DatasourceAction.INIT_SNAPSHOT else set())
        for cluster in self._list_all():
            for told in cluster.tell_all(CONF.kubernetes.page_size, action,
                                         servers):
                yield self._finish(told, action)
        # The first snapshot goes into an empty graph.
        if action != DatasourceAction.INIT_SNAPSHOT:
            for told in self._delete_gone():
                yield self._finish(told, action)

    def _delete_gone(self) -> Iterator[Events]:
        """Yield deletions of what the graph shows and is not there any more.

        These are the nodes that the complete list of their cluster does not
        have, and all of the clusters that are no longer configured.

        :raises PollFailed: the graph did not answer
        """
        if not self._clusters:
            return
        query = next(iter(self._clusters.values())).query_all()
        yield [query]
        if not events.is_answered(query):
            raise errors.PollFailed(
                'Vitrage did not say what its graph shows; nothing is deleted')
        gone = [events.deletion_of(vertex) for vertex in events.answer(query)
                if self._is_gone(vertex)]
        if gone:
            yield gone

    def _is_gone(self, vertex: events.Properties) -> bool:
        """Return whether what a vertex of this datasource shows is gone."""
        is_node = vertex[VProps.VITRAGE_TYPE] == KUBERNETES_NODE
        if not is_node and vertex[VProps.VITRAGE_TYPE] != KUBERNETES_CLUSTER:
            # Of Vitrage's own Kubernetes datasource, which ours replaces.
            return all(cluster.is_complete
                       for cluster in self._clusters.values())
        uid = str(vertex[VProps.ID])
        cluster = self._clusters.get(
            str(vertex.get(events.CLUSTER)) if is_node else uid)
        if cluster is None:
            # A configuration that was not read in full may have it.
            return not any(isinstance(error, errors.ConfigurationError)
                           for error in self._errors)
        return is_node and cluster.is_complete and not any(
            other.has_node(uid) for other in self._clusters.values())

    def _list_all(self) -> Iterator[clusters.Cluster]:
        """List all clusters, and return each as its list has ended."""
        options = CONF.kubernetes
        done: queue.SimpleQueue[clusters.Cluster] = queue.SimpleQueue()
        left = set()
        for cluster in self._clusters.values():
            if cluster.reflector is None or cluster.misconfigured:
                yield cluster
            else:
                left.add(cluster)
                cluster.reflector.request_list(
                    functools.partial(done.put, cluster))
                cluster.reflector.start()
        rounds = math.ceil(len(left) / options.max_concurrent_lists)
        until = time.monotonic() + rounds * (options.list_timeout + _GRACE)
        while left:
            try:
                cluster = done.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                names = ', '.join(sorted(cluster.name for cluster in left))
                raise errors.PollFailed(
                    f'the lists of these clusters have not come to an end: '
                    f'{names}') from None
            if cluster in left:
                left.remove(cluster)
                yield cluster

    def _forget_other_process(self) -> None:
        """Begin anew in a forked child, where the threads are not."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._clusters.clear()
            self._owners = clusters.Owners()
            self._loaded_at = float('-inf')

    def _load_interval(self) -> float:
        is_well = not self._errors and not any(
            cluster.failure for cluster in self._clusters.values())
        return CONF.kubernetes.poll_interval if is_well else _LOAD_INTERVAL

    def _load(self) -> None:
        """Read where the clusters are, and begin and end to read them."""
        options = CONF.kubernetes
        settings = self._settings(options)
        before = {str(error) for error in self._errors}
        self._errors = []
        names = set()
        contexts = set()
        projects: dict[str, str] = {}
        for found in self._read_configuration(options, projects):
            if isinstance(found, endpoint.Endpoint):
                names.add(found.name)
                contexts.add(found.context)
                self._read(self._known(found.name, projects.get(
                    found.context)), found, settings)
                continue
            self._errors.append(found)
            LOG.log(log.DEBUG if str(found) in before else log.ERROR,
                    '%s', found)
            if isinstance(found, errors.Misconfigured):
                names.add(found.cluster)
                self._known(found.cluster, projects.get(
                    found.context or '')).misconfigured = found
        if not any(isinstance(error, errors.ConfigurationError)
                   for error in self._errors):
            for name in self._clusters.keys() - names:
                self._clusters.pop(name).stop()
        if not self._errors:
            self._warn_of_projects(projects.keys() - contexts)
        self._loaded_at = time.monotonic()

    def _read_configuration(
            self, options: Any, projects: dict[str, str]) -> list[
                endpoint.Endpoint | Error]:
        """Tell the clusters, and note the project of each context."""
        known = {
            cluster.name: cluster.reflector.cluster.credentials
            for cluster in self._clusters.values() if cluster.reflector}
        try:
            projects.update(_parse_projects(options.projects))
            return list(kubeconfig.load(
                options.config_file, options.contexts, options.cluster_name,
                known))
        except errors.ConfigurationError as error:
            return [error]

    def _settings(self, options: Any) -> reflector.Settings:
        update_method = options.update_method.lower()
        if update_method == UpdateMethod.PUSH:
            LOG.warning('[kubernetes] update_method = push is not supported '
                        'and lists in the snapshots of Vitrage only; set it '
                        'to pull, or to none if that is what you want')
        if not self._clusters:
            self._lists = threading.Semaphore(options.max_concurrent_lists)
        return reflector.Settings(
            options.page_size, options.request_timeout, options.list_timeout,
            options.max_retries, options.poll_interval
            if update_method == UpdateMethod.PULL else None)

    def _warn_of_projects(self, unused: Set[str]) -> None:
        if unused - self._unused_projects:
            LOG.warning('[kubernetes] projects names what is not polled: %s. '
                        'It takes the names of contexts',
                        text.make_safe(', '.join(sorted(unused))))
        self._unused_projects = unused

    def _read(self, cluster: clusters.Cluster, found: endpoint.Endpoint,
              settings: reflector.Settings) -> None:
        cluster.misconfigured = None
        if cluster.reflector is None:
            cluster.reflector = reflector.Reflector(found, settings,
                                                    self._lists)
        else:
            cluster.reflector.use(found, settings)

    def _known(self, name: str, project: str | None) -> clusters.Cluster:
        identity = events.Identity(
            name, project, CONF.kubernetes.link_by_system_uuid,
            frozenset(CONF.kubernetes.ignored_conditions))
        cluster = self._clusters.setdefault(
            name, clusters.Cluster(identity, self._owners))
        cluster.identity = identity
        return cluster

    def _finish(self, told: Events, action: str) -> Events:
        return self.make_pickleable(told, KUBERNETES_DATASOURCE, action)


def _parse_projects(pairs: list[str]) -> dict[str, str]:
    """Return the project of each context.

    :param pairs: context:project_id; a context may have colons of its own,
        as those of EKS and OpenShift do
    :raises ConfigurationError: a pair is none
    """
    projects: dict[str, str] = {}
    for pair in pairs:
        context, _, project = map(str.strip, pair.rpartition(':'))
        if not (context and project):
            raise errors.ConfigurationError(
                f'[kubernetes] projects: "{pair}" is not context:project_id')
        if not text.is_key(project, text.LONGEST_PROJECT_ID):
            raise errors.ConfigurationError(
                '[kubernetes] projects: the project '
                f'{text.make_safe(project, text.LONGEST_VALUE)} of the '
                f'context {context} has more than {text.LONGEST_PROJECT_ID} '
                'characters, or some that cannot be printed; give the id of '
                'an OpenStack project')
        if projects.setdefault(context, project) != project:
            raise errors.ConfigurationError(
                f'[kubernetes] projects: the context {context} has two '
                'projects; leave one of them')
    return projects
