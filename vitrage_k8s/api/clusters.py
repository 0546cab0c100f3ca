# SPDX-License-Identifier: Apache-2.0
"""The clusters as they are at a moment: named inventories with their health.

This module decides which cluster owns a node that several have.
"""

from collections.abc import Iterator
from collections.abc import Mapping

import msgspec

from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes
from vitrage_k8s.api import watch_policy

Health = watch_policy.Health
Nodes = dict[str, nodes.Node]


class ClusterSettings(msgspec.Struct, frozen=True):
    """What the operator says of a cluster.

    :ivar name: its name in the graph
    :ivar project_id: of its OpenStack project; None if it has none
    :ivar link_by_system_uuid: whether the UUID that a machine's firmware
        reports is that of its Nova server
    :ivar ignored_conditions: types of conditions that are never abnormal
    :ivar are_hosts: whether its nodes may be compute hosts
    """

    name: str
    project_id: str | None = None
    link_by_system_uuid: bool = False
    ignored_conditions: frozenset[str] = frozenset()
    are_hosts: bool = False


class Cluster(msgspec.Struct, frozen=True):
    """A cluster as it is now.

    :ivar server: the URL of its API server; None where that is not known
    """

    settings: ClusterSettings
    health: Health
    inventory: inventories.Inventory
    server: str | None = None


class View(msgspec.Struct, frozen=True):
    """All clusters as they are now.

    :ivar clusters: those that are shown, by name, in the order of the
        configuration
    :ivar left_out: names of clusters that another one shows, and why
    :ivar is_whole: whether the configuration was read in full, so that what
        is not in it is not configured
    """

    clusters: dict[str, Cluster]
    left_out: Mapping[str, str] = {}
    is_whole: bool = True

    def owner(self, uid: str) -> Cluster | None:
        """Return the first cluster that has a node; None if there is none.

        Several have it where two contexts lead to one API server.
        """
        return next((cluster for cluster in self.clusters.values()
                     if uid in cluster.inventory), None)

    def owner_of_all(self, inventory: inventories.Inventory) -> str | None:
        """Return a cluster of this view that owns nodes of an inventory.

        :returns: its name; None unless every node of the inventory has an
            owner
        """
        owner = None
        for uid in inventory.uids():
            owner = self.owner(uid)
            if owner is None:
                break
        return owner.settings.name if owner else None

    @property
    def settings(self) -> tuple[bool, list[ClusterSettings]]:
        """Whether these are all clusters, and the settings of each."""
        return self.is_whole, [cluster.settings
                               for cluster in self.clusters.values()]

    def is_removed(self, name: str | None) -> bool:
        """Return whether a cluster is not configured, or left out."""
        return name not in self.clusters and (
            self.is_whole or name in self.left_out)

    def is_gone(self, uid: str, name: str | None) -> bool:
        """Return whether it is known that a node has no owner any more."""
        cluster = self.clusters.get(name or '')
        # The owner is looked for last: a list may come in meanwhile.
        return (self.is_removed(name) if cluster is None
                else cluster.inventory.is_complete) and self.owner(uid) is None

    def owned(self) -> Iterator[tuple[Cluster, Nodes]]:
        """Yield each cluster with the nodes of which it is the owner."""
        taken: set[str] = set()
        for cluster in self.clusters.values():
            found = cluster.inventory.all_nodes()
            found = {uid: node for uid, node in found.items()
                     if uid not in taken}
            taken.update(cluster.inventory.uids())
            yield cluster, found
