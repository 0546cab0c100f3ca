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

"""What is known of the clusters from one poll to the next."""

import time

from vitrage_k8s import credentials
from vitrage_k8s import events
from vitrage_k8s import exceptions
from vitrage_k8s import inventory
from vitrage_k8s import retries

READY = 'Ready'


class Cluster:
    """A cluster that is polled.

    :ivar inventory: its nodes
    :ivar credentials: how it was last logged in to
    :ivar told: the properties that Vitrage was told last
    :ivar failures: how often in a row it could not be listed
    :ivar due: when to list it again, by ``time.monotonic()``
    :ivar is_reconciled: whether vertices of nodes that had gone before our
        time have been looked for in the graph
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.inventory = inventory.Inventory(name)
        self.credentials: credentials.Credentials | None = None
        self.told: events.Properties | None = None
        self.failures = 0
        self.due = float('-inf')
        self.is_reconciled = False

    def succeeded(self, poll_interval: float) -> None:
        """Note that it has been listed."""
        self.failures = 0
        self.due = time.monotonic() + poll_interval

    def failed(self, error: exceptions.ClusterError,
               poll_interval: float) -> None:
        """Note that it could not be listed."""
        wait = retries.backoff(self.failures, poll_interval)
        if isinstance(error, exceptions.ApiError) and error.retry_after:
            wait = min(max(wait, error.retry_after), poll_interval)
        self.failures += 1
        self.due = time.monotonic() + wait


class Owners:
    """Which cluster each node is of.

    Two names may lead to one API server. Its nodes would then be now the one
    cluster's, now the other's; so a node stays with the first to tell of it.
    """

    def __init__(self) -> None:
        self._cluster_of: dict[str, str] = {}

    def claim(self, cluster: Cluster, changes: inventory.Changes) -> None:
        """Note the cluster of nodes that were told.

        :raises MalformedAnswer: a node is another cluster's. Then none of
            this one's are known any more.
        """
        for seen in changes.seen:
            owner = self._cluster_of.setdefault(seen.node.id, cluster.name)
            if owner != cluster.name:
                self.release(cluster)
                raise exceptions.MalformedAnswer(
                    cluster.name, f'its node {seen.node.name} is one of the '
                    f'cluster {owner} too: do both lead to the same API '
                    'server? Name one of them in [kubernetes] contexts')
        for node in changes.gone:
            self._cluster_of.pop(node.id, None)

    def release(self, cluster: Cluster) -> None:
        """Forget the nodes of a cluster."""
        for uid in list(cluster.inventory.nodes):  # it may be listed yet
            if self._cluster_of.get(uid) == cluster.name:
                del self._cluster_of[uid]
        cluster.inventory = inventory.Inventory(cluster.name)
