# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""From inventories to Vitrage's events."""

from collections.abc import Iterator
import contextlib
import functools
import threading
import time
from typing import Any

from oslo_config import cfg
from oslo_log import log
from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import UpdateMethod
from vitrage.datasources.driver_base import DriverBase

from vitrage_k8s import client as k8s_client
from vitrage_k8s import clusters
from vitrage_k8s import events
from vitrage_k8s import exceptions
from vitrage_k8s import interleaving
from vitrage_k8s import inventory
from vitrage_k8s import kubeconfig
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import retries

CONF = cfg.CONF
LOG = log.getLogger(__name__)

Error = exceptions.KubernetesDatasourceError
Events = list[events.Event]


class KubernetesDriver(DriverBase):
    """Tells Vitrage of the nodes of one or more Kubernetes clusters.

    It makes threads and connections in a poll only, and ends them with it, so
    that Vitrage may fork its workers again at any time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._clusters: dict[str, clusters.Cluster] = {}
        self._owners = clusters.Owners()
        self._configuration_errors: set[str] = set()
        self._configuration_failures = 0
        self._due = float('-inf')
        self._poll_was_complete = False
        # Vitrage puts this question to the instance after a get_all, and
        # deletes what that get_all did not tell; see the class's answer.
        self.should_delete_outdated_entities = (  # type: ignore[method-assign]
            lambda: self._poll_was_complete)

    @staticmethod
    def should_delete_outdated_entities() -> bool:
        """Answer for the class: nodes do not age out of the graph.

        ConsistencyEnforcer asks the class, once, whether vertices that
        nothing has been heard of for two snapshots intervals are to be
        deleted. They are not: their API server may be out of reach.
        """
        return False

    def get_all(self, datasource_action: str) -> Iterator[Events]:
        """List every node of every cluster.

        :returns: lists of events, one for each page, as they are read. At
            its end the iteration raises PollFailed if not every cluster could
            be read.
        """
        self._poll_was_complete = False
        return self._poll_all(datasource_action)

    def get_changes(self, datasource_action: str) -> Iterator[Events]:
        """List the nodes of clusters whose poll_interval has passed.

        A cluster that could not be read is tried again earlier, at growing
        intervals.

        :returns: as ``get_all`` does, but failures are only logged; nothing
            if it is too early
        """
        if time.monotonic() < self._due:
            return iter(())
        return self._poll(datasource_action, True, [])

    def _poll_all(self, action: str) -> Iterator[Events]:
        errors: list[Error] = []
        yield from self._poll(action, False, errors)
        if errors:
            raise exceptions.PollFailed(
                '; '.join(map(str, errors))) from errors[0]
        self._poll_was_complete = all(
            known.inventory.is_complete for known in self._clusters.values())

    def _poll(self, action: str, only_due: bool,
              errors: list[Error]) -> Iterator[Events]:
        """List clusters, and add what went wrong to ``errors``."""
        options = CONF.kubernetes
        if options.update_method.lower() == UpdateMethod.PUSH:
            LOG.warning('[kubernetes] update_method = push is not supported '
                        'and polls in the snapshots of Vitrage only; set it '
                        'to pull, or to none if that is what you want')
        cancelled = threading.Event()
        try:
            found = self._load(options, errors)
            for error in errors:
                yield from self._tell_failure(error, options, action)
            begun: set[str] = set()
            ended: set[str] = set()
            for told in interleaving.interleave(
                    {cluster.name: functools.partial(
                        self._list, cluster, options, cancelled)
                     for cluster in found if not only_due
                     or self._clusters[cluster.name].due <= time.monotonic()},
                    options.max_concurrent_lists, cancelled):
                known = self._clusters[told.source]
                if known.name in ended:
                    continue
                try:
                    yield from self._tell(known, told, options, action,
                                          known.name not in begun)
                except exceptions.ClusterError as failure:
                    ended.add(known.name)
                    errors.append(failure)
                    yield from self._tell_failure(failure, options, action)
                begun.add(known.name)
        finally:
            self._plan(options, errors)

    def _load(self, options: Any,
              errors: list[Error]) -> list[kubeconfig.Cluster]:
        """Read where the clusters are, and forget those that are no more."""
        found = []
        names = set()
        known = {name: cluster.credentials
                 for name, cluster in self._clusters.items()
                 if cluster.credentials is not None}
        try:
            for each in kubeconfig.load(options.config_file, options.contexts,
                                        options.cluster_name, known):
                if isinstance(each, kubeconfig.Cluster):
                    found.append(each)
                    names.add(each.name)
                    self._known(each.name).credentials = each.credentials
                else:
                    errors.append(each)
                    if isinstance(each, exceptions.ClusterError):
                        names.add(each.cluster)
        except exceptions.ConfigurationError as error:
            errors.append(error)
        if not any(isinstance(error, exceptions.ConfigurationError)
                   for error in errors):
            for name in self._clusters.keys() - names:
                self._owners.release(self._clusters.pop(name))
        return found

    def _known(self, name: str) -> clusters.Cluster:
        return self._clusters.setdefault(name, clusters.Cluster(name))

    def _list(self, cluster: kubeconfig.Cluster, options: Any,
              cancelled: threading.Event) -> Iterator[inventory.Changes]:
        known = self._clusters[cluster.name]
        with contextlib.closing(k8s_client.Client(
                cluster, options.request_timeout,
                0 if known.failures else options.max_retries,
                cancelled)) as client:
            yield from known.inventory.relist(
                client, options.page_size,
                time.monotonic() + options.list_timeout)

    def _tell(self, known: clusters.Cluster,
              told: interleaving.Told[inventory.Changes], options: Any,
              action: str, is_first: bool) -> Iterator[Events]:
        """Tell what a cluster's list has told: changes, or its end.

        :raises ClusterError: the list has failed
        """
        if isinstance(told.error, exceptions.ClusterError):
            raise told.error
        if told.error is not None:
            LOG.error('Cluster %s: a defect of this datasource', known.name,
                      exc_info=told.error)
            raise exceptions.ClusterError(
                known.name, 'a defect of this datasource, see its traceback: '
                f'{type(told.error).__name__}') from told.error
        if told.item is None:
            yield from self._tell_success(known, options, action)
            return
        self._owners.claim(known, told.item)
        batch: Events = []
        if is_first and not known.failures:
            # The cluster comes before its nodes, which hang on it: as a mere
            # neighbour of theirs it would be a placeholder, and hidden. One
            # that has failed before may fail again at a later page.
            batch.extend(self._cluster_events(known, clusters.READY, None,
                                              action))
        for seen in told.item.seen:
            batch.extend(events.node_events(known.name, seen, action))
        batch.extend(events.delete_event(known.name, node.id)
                     for node in told.item.gone)
        if batch:
            yield self._finish(batch, action)

    def _tell_success(self, known: clusters.Cluster, options: Any,
                      action: str) -> Iterator[Events]:
        if known.failures:
            yield self._finish(self._cluster_events(
                known, clusters.READY, None, action), action)
            LOG.info('Cluster %s can be read again: %d nodes', known.name,
                     len(known.inventory.nodes))
        known.succeeded(options.poll_interval)
        if known.inventory.is_complete and not known.is_reconciled:
            if action != DatasourceAction.INIT_SNAPSHOT:
                yield from self._tell_gone_before(known, action)
            known.is_reconciled = True

    def _tell_gone_before(self, known: clusters.Cluster,
                          action: str) -> Iterator[Events]:
        """Tell of nodes that went while Vitrage was down, or we were.

        Vitrage would delete them as outdated, but only after a poll in which
        no cluster has failed.
        """
        query = events.query_event(events.cluster_properties(
            known.name, clusters.READY, None))
        yield self._finish([query], action)
        gone = [uid for uid in events.uids_found(query)
                if uid not in known.inventory.nodes]
        if gone:
            yield self._finish([events.delete_event(known.name, uid)
                                for uid in gone], action)

    def _tell_failure(self, error: Error, options: Any,
                      action: str) -> Iterator[Events]:
        if not isinstance(error, exceptions.ClusterError):
            repeated = str(error) in self._configuration_errors
            LOG.log(log.DEBUG if repeated else log.ERROR, '%s', error)
            return
        known = self._known(error.cluster)
        LOG.log(log.DEBUG if known.failures else log.WARNING,
                '%s. Its nodes stay in the graph as last known.', error)
        yield self._finish(self._cluster_events(
            known, error.state, error.problem, action), action)
        known.failed(error, options.poll_interval)

    def _plan(self, options: Any, errors: list[Error]) -> None:
        """Note what went wrong, and when to look again."""
        self._configuration_errors = {
            str(error) for error in errors
            if isinstance(error, exceptions.ConfigurationError)}
        due = [known.due for known in self._clusters.values()]
        if self._configuration_errors:
            due.append(time.monotonic() + retries.backoff(
                self._configuration_failures, options.poll_interval))
            self._configuration_failures += 1
        else:
            self._configuration_failures = 0
        self._due = min(due, default=time.monotonic() + options.poll_interval)

    def _cluster_events(self, known: clusters.Cluster, state: str,
                        reason: str | None, action: str) -> Events:
        properties = events.cluster_properties(known.name, state, reason)
        told = list(events.cluster_events(properties, known.told, action))
        known.told = properties
        return told

    def _finish(self, batch: Events, action: str) -> Events:
        return self.make_pickleable(batch, KUBERNETES_DATASOURCE, action)
