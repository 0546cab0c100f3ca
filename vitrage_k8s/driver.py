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
import time

from oslo_config import cfg
from oslo_log import log
from vitrage.common.constants import UpdateMethod
from vitrage.datasources.driver_base import DriverBase

from vitrage_k8s import client as k8s_client
from vitrage_k8s import events
from vitrage_k8s import exceptions
from vitrage_k8s import inventory
from vitrage_k8s import KUBERNETES_DATASOURCE

CONF = cfg.CONF
LOG = log.getLogger(__name__)

Events = list[events.Event]

READY = 'Ready'


class KubernetesDriver(DriverBase):
    """Tells Vitrage of the nodes of one or more Kubernetes clusters."""

    def __init__(self) -> None:
        super().__init__()
        self._inventories: dict[str, inventory.Inventory] = {}
        self._failing: set[str] = set()
        self._polled_at = float('-inf')
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

        :returns: lists of events, one for each page, as they are read. The
            iteration raises ClustersFailed at its end if a cluster could not
            be read, or ConfigurationError at its start.
        """
        self._poll_was_complete = False
        return self._poll(datasource_action)

    def get_changes(self, datasource_action: str) -> Iterator[Events]:
        """List every node once poll_interval has passed since the last time.

        :returns: as ``get_all`` does; nothing if it is too early
        """
        # Counted from the end of a poll, so that a poll_interval equal to
        # Vitrage's snapshots_interval leaves the listing to the snapshots.
        if time.monotonic() - self._polled_at < CONF.kubernetes.poll_interval:
            return iter(())
        return self._poll(datasource_action)

    def _poll(self, action: str) -> Iterator[Events]:
        options = CONF.kubernetes
        if options.update_method.lower() == UpdateMethod.PUSH:
            LOG.warning('[kubernetes] update_method = push is not supported '
                        'and polls in the snapshots of Vitrage only; set it '
                        'to pull, or to none if that is what you want')
        failures: list[exceptions.ClusterError] = []
        polled: list[inventory.Inventory] = []
        try:
            for client in k8s_client.connect(
                    options.config_file, options.contexts,
                    options.cluster_name, options.request_timeout):
                with contextlib.closing(client):
                    known = self._inventories.setdefault(
                        client.cluster, inventory.Inventory(client.cluster))
                    try:
                        yield from self._poll_cluster(
                            known, client, options.page_size, action)
                        polled.append(known)
                    except exceptions.ClusterError as error:
                        failures.append(error)
                        yield self._failed(error, action)
        finally:
            self._polled_at = time.monotonic()
        if failures:
            raise exceptions.ClustersFailed(
                '; '.join(map(str, failures))) from failures[0]
        self._poll_was_complete = all(known.is_complete for known in polled)

    def _poll_cluster(self, known: inventory.Inventory,
                      client: k8s_client.Client, page_size: int,
                      action: str) -> Iterator[Events]:
        cluster = known.cluster
        # The cluster comes before its nodes, which hang on it: as a mere
        # neighbour of theirs it would be a placeholder, and hidden.
        told = [events.cluster_event(cluster, READY)]
        for changes in known.relist(client, page_size):
            for seen in changes.seen:
                told.extend(events.node_events(cluster, seen, action))
            told.extend(events.delete_event(cluster, node)
                        for node in changes.gone)
            if told:
                yield self._finish(told, action)
            told = []
        if cluster in self._failing:
            self._failing.remove(cluster)
            LOG.info('Cluster %s can be read again: %d nodes', cluster,
                     len(known.nodes))

    def _failed(self, error: exceptions.ClusterError, action: str) -> Events:
        repeated = error.cluster in self._failing
        self._failing.add(error.cluster)
        LOG.log(log.DEBUG if repeated else log.WARNING,
                '%s. Its nodes stay in the graph as last known.', error)
        return self._finish(
            [events.cluster_event(error.cluster, error.state)], action)

    def _finish(self, told: Events, action: str) -> Events:
        return self.make_pickleable(told, KUBERNETES_DATASOURCE, action)
