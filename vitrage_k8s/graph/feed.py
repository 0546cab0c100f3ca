# SPDX-License-Identifier: Apache-2.0
"""What to send to Vitrage: shown, sent and now in, events out.

Pure. A snapshot is compared with what the graph shows, and sends every node.
Between snapshots, what changed is compared with what was sent. Only a complete
inventory, or a configuration that was read in full, makes anything go.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import itertools

from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources import OPENSTACK_CLUSTER

from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes
from vitrage_k8s.api import watch_policy
from vitrage_k8s.graph import events
from vitrage_k8s.graph import properties
from vitrage_k8s.graph import queries
from vitrage_k8s.graph import ties
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import KUBERNETES_NODE

Batch = queries.Batch

# Seconds between two counts of a cluster's nodes.
COUNT_INTERVAL = 60.0


@dataclasses.dataclass
class _Sent:
    """What was sent of a cluster.

    :ivar vertex: its properties; those of the graph if nothing was sent
    :ivar counts, counted_at: what was counted of it, and when, in seconds
    :ivar root: the vitrage_id of the root to which its edge was sent
    :ivar vitrage_id: that of its vertex, to which its nodes' edges were sent
    :ivar compared: the complete inventory that the graph was compared with
    """

    vertex: properties.Seen = dataclasses.field(default_factory=dict)
    health: watch_policy.Health | None = None
    counts: properties.Properties | None = None
    counted_at: float = float('-inf')
    root: str | None = None
    vitrage_id: str | None = None
    compared: inventories.Inventory | None = None


class Feed:
    """Makes the events that bring the graph from what it shows to what is.

    :param batch_size: how many nodes to send at a time
    :param types: the types of vertices to tie nodes to, of ties.TYPES
    """

    def __init__(self, batch_size: int, types: Collection[str]) -> None:
        self._batches = queries.Batches(batch_size)
        self._ties = ties.Ties(types)
        self._clusters: dict[str, _Sent] = {}
        # The nodes that were sent, each with the settings of its cluster.
        self._nodes: dict[
            str, tuple[clusters.ClusterSettings, nodes.Node]] = {}
        # The clusters, by uid, of nodes that the graph shows: nodes whose
        # cluster has no list yet, and nodes that cannot be shown as they are.
        self._claims: dict[str, str] = {}
        self._hidden: dict[str, str] = {}
        # Nodes that changed, and wait until it is known what the graph shows.
        self._pending: set[str] = set()
        # The settings for which all was sent; None while it is being sent.
        self._sent_for: object = None

    @property
    def warnings(self) -> set[str]:
        """Warnings for the operator."""
        return self._ties.warnings

    def wants_graph(self, view: clusters.View, now: float) -> bool:
        """Return whether changes() needs to know what the graph shows."""
        return bool(self._sent_for != view.settings or self._new(view)
                    or self._pending or self._ties.wants_graph(now))

    def _new(self, view: clusters.View) -> set[str]:
        """Return the clusters whose first list was not sent yet."""
        return {name for name, cluster in view.clusters.items()
                if cluster.inventory.is_complete
                and self._clusters[name].compared is not cluster.inventory}

    def snapshot(self, view: clusters.View, shown: queries.Shown,
                 now: float) -> Iterator[Batch]:
        """Yield all clusters and nodes, and what the graph is to lose."""
        self._sent_for = None
        yield from self._compare(view, shown, now, view.clusters)
        self._sent_for = view.settings

    def changes(self, view: clusters.View, changed: Iterable[str], now: float,
                shown: queries.Shown | None = None) -> Iterator[Batch]:
        """Yield what differs from what was sent; all if the settings differ.

        :param changed: the uids of nodes that may differ
        :param shown: what the graph shows, if wants_graph()
        """
        sent_for = self._sent_for
        if sent_for != view.settings:
            if shown:
                yield from self.snapshot(view, shown, now)
            return
        self._sent_for = None
        if shown:
            changed = {*changed, *self._claims, *self._pending}
            yield from self._compare(view, shown, now, self._new(view))
        yield from self._batches.make(itertools.chain(
            self._changed_clusters(view, now),
            self._changed_nodes(view, changed, shown, now)))
        self._sent_for = sent_for

    def _compare(self, view: clusters.View, shown: queries.Shown, now: float,
                 names: Collection[str]) -> Iterator[Batch]:
        """Yield what the graph is to lose, and all of these clusters."""
        self._pending.clear()
        # In this order, and before anything is yielded: more may come in.
        complete = {name: cluster.inventory for name, cluster
                    in view.clusters.items() if cluster.inventory.is_complete}
        owned = list(view.owned())
        self._ties.asked(owned, shown, now)
        self._claims = {
            uid: name for uid, vertex in shown.of(KUBERNETES_NODE).items()
            if (name := vertex.properties.get(properties.CLUSTER))
            in view.clusters and name not in complete}
        self._hidden = {
            uid: owner.settings.name for uid in shown.of(KUBERNETES_NODE)
            if (owner := view.owner(uid)) and owner.inventory.get(uid) is None}
        yield from self._batches.make(self._gone(view, shown))
        for cluster, found in owned:
            name = cluster.settings.name
            if name in names:
                yield from self._batches.make(
                    self._whole_cluster(view, cluster, found, shown, now))
                self._clusters[name].compared = complete.get(name)

    def _gone(self, view: clusters.View,
              shown: queries.Shown) -> Iterator[Batch]:
        """Yield the deletions of what is shown and no longer exists."""
        vertices = shown.of(KUBERNETES_NODE)
        for uid, vertex in list(vertices.items()):
            if view.is_gone(uid, vertex.properties.get(properties.CLUSTER)):
                # It may come again before all is yielded.
                del vertices[uid]
                yield self._deletion(uid)
        for name in shown.of(KUBERNETES_CLUSTER):
            if view.is_removed(name):
                self._clusters.pop(name, None)
                yield [events.deletion(KUBERNETES_CLUSTER, name)]
        if view.is_whole and all(cluster.inventory.is_complete
                                 for cluster in view.clusters.values()):
            # Left behind by Vitrage's own datasource, which ours replaces.
            for name in shown.of(KUBERNETES_DATASOURCE):
                yield [events.deletion(KUBERNETES_DATASOURCE, name)]

    def _deletion(self, uid: str) -> Batch:
        self._nodes.pop(uid, None)
        self._ties.forget(uid)
        return [events.deletion(KUBERNETES_NODE, uid)]

    def _whole_cluster(self, view: clusters.View, cluster: clusters.Cluster,
                       owned: clusters.Nodes, shown: queries.Shown,
                       now: float) -> Iterator[Batch]:
        """Yield a cluster and all its nodes."""
        name = cluster.settings.name
        sent = self._clusters.setdefault(name, _Sent())
        sent.vertex = shown.properties(KUBERNETES_CLUSTER, name)
        sent.health = None
        if not sent.vertex or cluster.health.state != watch_policy.CONNECTING:
            yield self._cluster(cluster, shown, now)
        vitrage_id = shown.vitrage_id(KUBERNETES_CLUSTER, name)
        is_linked = vitrage_id is not None and sent.vitrage_id == vitrage_id
        for uid, node in owned.items():
            if not self._is_claimed(view, uid, name):
                yield self._node(cluster.settings, node,
                                 shown.properties(KUBERNETES_NODE, uid),
                                 is_linked, shown, now)
        sent.vitrage_id = vitrage_id

    def _is_claimed(self, view: clusters.View, uid: str, name: str) -> bool:
        """Return whether a node stays that of an earlier, unlisted cluster."""
        claim = self._claims.get(uid, name)
        return claim != name and next(
            each for each in view.clusters if each in (claim, name)) == claim

    def _changed_clusters(self, view: clusters.View,
                          now: float) -> Iterator[Batch]:
        for name, cluster in view.clusters.items():
            sent = self._clusters[name]
            if cluster.health.state != watch_policy.CONNECTING and (
                    cluster.health != sent.health or properties.counted(
                        sent.vertex) != self._count(cluster, now)):
                yield self._cluster(cluster, None, now)

    def _count(self, cluster: clusters.Cluster,
               now: float) -> properties.Properties:
        """Return what was counted of a cluster, in the last minute."""
        sent = self._clusters[cluster.settings.name]
        if cluster.inventory.is_complete \
                and now - sent.counted_at >= COUNT_INTERVAL:
            sent.counts = properties.count(cluster.inventory)
            sent.counted_at = now
        return sent.counts or properties.counted(sent.vertex)

    def _cluster(self, cluster: clusters.Cluster,
                 shown: queries.Shown | None, at: float) -> Batch:
        """Return the events of a cluster; ``shown`` is None if not known."""
        name = cluster.settings.name
        sent = self._clusters[name]
        before, deleted, is_linked = sent.vertex, {}, True
        if shown:
            deleted = shown.deleted(KUBERNETES_CLUSTER, name)
            root_id = shown.vitrage_id(OPENSTACK_CLUSTER, events.ROOT.id)
            is_linked = root_id is not None and sent.root == root_id
            sent.root = root_id
        now = properties.of_cluster(cluster, self._count(cluster, at))
        made = []
        if properties.has_moved(before, now):
            if name in self._claims.values():
                # Its nodes stay as they are, and tied to it, until its list.
                now[VProps.PROJECT_ID] = before[VProps.PROJECT_ID]
            else:
                made.append(events.deletion(KUBERNETES_CLUSTER, name))
                before = {}
                sent.vitrage_id = None
        if not before or self._batches.has_lost(KUBERNETES_CLUSTER, name):
            is_linked = False
        sent.vertex, sent.health = now, cluster.health
        return made + events.updates(KUBERNETES_CLUSTER, now,
                                     before or deleted,
                                     [] if is_linked else [events.ROOT])

    def _changed_nodes(self, view: clusters.View, changed: Iterable[str],
                       shown: queries.Shown | None,
                       now: float) -> Iterator[Batch]:
        found = self._ties.found(shown) if shown else set()
        for uid in {*changed, *found}:
            sent = self._nodes.get(uid)
            owner = view.owner(uid)
            if owner is None:
                name = sent[0].name if sent else self._hidden.get(uid)
                if name and view.is_gone(uid, name):
                    yield self._deletion(uid)
                continue
            settings, node = owner.settings, owner.inventory.get(uid)
            if node is None or self._is_claimed(view, uid, settings.name) \
                    or self._clusters[settings.name].compared \
                    is not owner.inventory \
                    or (sent == (settings, node) and uid not in found):
                continue
            is_lost = self._batches.has_lost(KUBERNETES_NODE, uid)
            if not shown and (
                    is_lost or self._ties.is_void(settings, node) or not sent
                    and (uid in self._claims or uid in self._hidden)):
                self._pending.add(uid)
                continue
            before = properties.of_node(*sent) if sent and not is_lost \
                else shown.properties(KUBERNETES_NODE, uid) if shown else {}
            yield self._node(settings, node, before, True, shown, now)

    def _node(self, settings: clusters.ClusterSettings, node: nodes.Node,
              before: properties.Seen, is_linked: bool,
              shown: queries.Shown | None, at: float) -> Batch:
        """Return the events of a node.

        :param before: what the graph has of it; empty if nothing
        :param is_linked: whether the edges to its cluster's vertex were sent
        """
        uid = node.id
        self._nodes[uid] = settings, node
        now = properties.of_node(settings, node)
        deleted = shown.deleted(KUBERNETES_NODE, uid) if shown else {}
        made = []
        properties.keep_message(before, now)
        if properties.has_moved(before, now):
            made.append(events.deletion(KUBERNETES_NODE, uid))
            before = {}
        if not before or self._batches.has_lost(KUBERNETES_NODE, uid):
            self._ties.forget(uid)
            is_linked = False
        new, gone = self._ties.update(settings, node, before, shown, at)
        if not is_linked \
                or before.get(properties.CLUSTER) != settings.name:
            new.append(events.cluster_link(settings.name))
        # In this order: if an event fails, Vitrage skips the rest of its list,
        # and the old properties still say what the node may be tied to.
        made += [events.unlinking(KUBERNETES_NODE, uid, link) for link in gone]
        return made + events.updates(KUBERNETES_NODE, now, before or deleted,
                                     new)
