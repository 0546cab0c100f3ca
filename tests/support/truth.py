# SPDX-License-Identifier: Apache-2.0
"""What the graph is to show of all clusters, computed without the feed."""

from typing import Any

from tests.support import clusters as made
from tests.support import graph as graphs
from vitrage_k8s.api import clusters
from vitrage_k8s.api import nodes
from vitrage_k8s.graph import properties

# Counted once a minute.
COUNTED = ('nodes', 'nodes_ready', 'kubernetes_version')
ALWAYS = ('cluster', 'status', 'state')

Shown = dict[str, dict[str, Any]]


def own(vertex: dict[str, Any]) -> dict[str, Any]:
    """Return which properties of a vertex are of our making."""
    return {name: value for name, value in vertex.items()
            if name in ALWAYS or properties.may_be_lost(name)
            and name not in COUNTED}


class Truth:
    """What the graph is to show after a poll that begins now.

    :ivar vertices: the properties of clusters and nodes, by their ids
    :ivar edges: which edges there are of ours
    """

    def __init__(self, graph: graphs.Graph, view: clusters.View) -> None:
        self._view = view
        self._nodes = graph.shown(graphs.NODE)
        self._clusters = graph.shown(graphs.CLUSTER)
        self._servers = graph.shown(graphs.SERVER)
        self._hosts = {*graph.shown(graphs.HOST)}
        self._edges = graph.edges()
        self.vertices: Shown = {}
        for name in {*self._clusters} - {*view.clusters}:
            if not view.is_removed(name):
                self.vertices[name] = own(self._clusters[name])
        for name, cluster in view.clusters.items():
            self.vertices[name] = self._cluster(name, cluster)
        self.edges = {('OpenStack Cluster', 'contains', name)
                      for name in self.vertices}
        uids = {*self._nodes}.union(*(
            cluster.inventory.uids() for cluster in view.clusters.values()))
        for uid in uids:
            self._add_node(uid)

    def _cluster(self, name: str, cluster: clusters.Cluster) -> dict[str, Any]:
        now = own(properties.of_cluster(cluster, {}))
        before = own(self._clusters.get(name, {}))
        if before and cluster.health == made.CONNECTING:
            return before
        if before.get('project_id') and not cluster.inventory.is_complete \
                and name in {node['cluster'] for node in self._nodes.values()}:
            # Its nodes stay as they are, and so does its project.
            now['project_id'] = before['project_id']
        return now

    def _add_node(self, uid: str) -> None:
        claim = self._nodes[uid]['cluster'] if uid in self._nodes else ''
        is_claimed = claim in self._view.clusters \
            and not self._view.clusters[claim].inventory.is_complete
        owner = self._view.owner(uid)
        order = list(self._view.clusters)
        if owner and not (is_claimed and order.index(claim)
                          < order.index(owner.settings.name)):
            node = owner.inventory.get(uid)
            assert node is not None
            self.vertices[uid] = properties.of_node(owner.settings, node)
            self.edges.add((owner.settings.name, 'comprised', uid))
            server = self._server(owner.settings, node)
            if server:
                self.edges.add((server, 'contains', uid))
            elif (host := self._host(owner.settings, node)):
                self.edges.add((host, 'contains', uid))
        elif is_claimed or claim and claim not in self._view.clusters \
                and not self._view.is_removed(claim):
            self.vertices[uid] = own(self._nodes[uid])
            self.edges |= {edge for edge in self._edges if edge[2] == uid}

    def _server(self, cluster: clusters.ClusterSettings,
                node: nodes.Node) -> str | None:
        server = properties.server_of(cluster, node)
        return server if server in self._servers and cluster.project_id in (
            None, self._servers[server]['project_id']) else None

    def _host(self, cluster: clusters.ClusterSettings,
              node: nodes.Node) -> str | None:
        """Return the host of a node; the names are equal here, or short."""
        rivals = [each for owner, found in self._view.owned()
                  if owner.settings.are_hosts for each in found.values()
                  if each.name == node.name
                  and not self._server(owner.settings, each)]
        found = {host for host in self._hosts
                 if host.partition('.')[0] == node.name}
        return found.pop() if len(found) == 1 and len(rivals) == 1 \
            and cluster.are_hosts else None
