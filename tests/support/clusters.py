# SPDX-License-Identifier: Apache-2.0
"""Nodes, inventories and clusters made by hand: what a fleet hands out."""

from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes
from vitrage_k8s.api import watch_policy

READY = watch_policy.Health(watch_policy.READY)
CONNECTING = watch_policy.Health(watch_policy.CONNECTING)
UNREACHABLE = watch_policy.Health(watch_policy.UNREACHABLE, 'no route')


def make_node(uid: str, **fields: Any) -> nodes.Node:
    """Return a node that is well; its name is its uid."""
    return nodes.Node(**{
        **dict.fromkeys(nodes.Node.__struct_fields__), 'id': uid, 'name': uid,
        'unschedulable': 'False', 'ready': 'True', 'labels': (), **fields})


def make_server_node(uid: str, server: str, **fields: Any) -> nodes.Node:
    """Return a node that is a Nova server."""
    return make_node(uid, provider='openstack', instance_id=server,
                     provider_id=f'openstack:///{server}', **fields)


def list_nodes(inventory: inventories.Inventory,
               found: Iterable[nodes.Node]) -> None:
    """Let a complete list say which nodes there are."""
    listing = inventory.begin_list()
    listing.add([nodes.Item(None, node) for node in found])
    inventory.replace(listing, 'no number')


class Clusters:
    """The clusters of a configuration, in its order."""

    def __init__(self) -> None:
        self.settings: dict[str, clusters.ClusterSettings] = {}
        self.healths: dict[str, watch_policy.Health] = {}
        self.inventories: dict[str, inventories.Inventory] = {}

    def add(self, name: str, *found: nodes.Node, is_listed: bool = True,
            **settings: Any) -> None:
        """Add a cluster at the end.

        :param found: its nodes
        :param is_listed: whether it has been listed
        """
        self.settings[name] = clusters.ClusterSettings(name, **settings)
        self.healths[name] = CONNECTING
        self.inventories[name] = inventories.Inventory(1000)
        if is_listed:
            self.relist(name, *found)

    def relist(self, name: str, *found: nodes.Node) -> None:
        """Let a cluster have exactly these nodes."""
        list_nodes(self.inventories[name], found)
        self.healths[name] = READY

    def put(self, name: str, node: nodes.Node) -> None:
        """Let a watch say of a node that it is there."""
        inventory = self.inventories[name]
        epoch, _ = inventory.begin_watch()
        inventory.apply(epoch, None, node)

    def delete(self, name: str, uid: str) -> None:
        """Let a watch say of a node that it is gone."""
        inventory = self.inventories[name]
        epoch, _ = inventory.begin_watch()
        inventory.apply(epoch, None, inventory.get(uid), is_deletion=True)

    def configure(self, name: str, **settings: Any) -> None:
        """Change the settings of a cluster."""
        self.settings[name] = clusters.ClusterSettings(name, **settings)

    def remove(self, name: str) -> None:
        """Take a cluster out of the configuration."""
        del self.settings[name], self.healths[name], self.inventories[name]

    def order(self, *names: str) -> None:
        """Put the clusters into another order."""
        self.settings = {name: self.settings[name] for name in names}

    def take_changed(self) -> set[str]:
        """Return the uids of nodes that changed since the last call."""
        return set().union(*(inventory.take_changed() for inventory
                             in self.inventories.values()))

    def view(self, *, is_whole: bool = True,
             left_out: Collection[str] = ()) -> clusters.View:
        """Return all clusters as they are now."""
        return clusters.View(
            {name: clusters.Cluster(settings, self.healths[name],
                                    self.inventories[name])
             for name, settings in self.settings.items()
             if name not in left_out},
            dict.fromkeys(left_out, 'why'), is_whole)
