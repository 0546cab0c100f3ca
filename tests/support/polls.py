# SPDX-License-Identifier: Apache-2.0
"""A feed between clusters that are made by hand and Vitrage's graph."""

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import testtools

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import truth
from vitrage_k8s.graph import feed as feeds
from vitrage_k8s.graph import ties


class FeedTest(testtools.TestCase):
    """Polls as Vitrage does; each poll is a second after the last."""

    batch_size = 500

    def setUp(self) -> None:
        super().setUp()
        self.configuration = self.useFixture(graphs.Configuration())
        self.graph = graphs.Graph(self.configuration)
        self.clusters = made.Clusters()
        self.feed = self.make_feed()

    def make_feed(self) -> feeds.Feed:
        return feeds.Feed(self.batch_size, ties.TYPES)

    def snapshot(self, failing: Iterable[bool] = (),
                 **view: Any) -> list[graphs.Event]:
        """Poll as get_all() does, and return what was processed."""
        self.graph.sent.clear()
        self.graph.batches.clear()
        self.clusters.take_changed()
        self.graph.snapshot(self.feed, self.clusters.view(**view),
                            failing=failing)
        return self.graph.sent

    def changes(self, failing: Iterable[bool] = (),
                **view: Any) -> list[graphs.Event]:
        """Poll as get_changes() does, and return what was processed."""
        self.graph.sent.clear()
        self.graph.batches.clear()
        self.has_asked = self.graph.changes(
            self.feed, self.clusters.view(**view),
            self.clusters.take_changed(), failing=failing)
        return self.graph.sent

    def after_batch(self, number: int, action: Callable[[], object]) -> None:
        """Let something happen while Vitrage processes a list of events."""
        def watch(batch: list[graphs.Event]) -> None:
            if len(self.graph.batches) == number:
                action()

        self.graph.watch = watch

    def restart(self) -> None:
        """Restart Vitrage; no cluster is listed."""
        self.graph.restart()
        self.feed = self.make_feed()
        before, self.clusters = self.clusters, made.Clusters()
        for name, settings in before.settings.items():
            self.clusters.add(name, is_listed=False,
                              project_id=settings.project_id)

    def shown(self) -> dict[str, dict[str, Any]]:
        """Return the nodes that the graph shows, with our properties."""
        return {uid: truth.own(vertex) for uid, vertex
                in self.graph.shown(graphs.NODE).items()}

    def cluster_of(self) -> dict[str, str]:
        """Return the cluster of each node that the graph shows.

        Each has an edge from that cluster, and from no other.
        """
        found = {uid: vertex['cluster']
                 for uid, vertex in self.shown().items()}
        self.assertEqual(
            {(cluster, uid) for uid, cluster in found.items()},
            {(source, target) for source, label, target
             in self.graph.edges() if label == 'comprised'})
        return found

    def host_of(self) -> dict[str, str]:
        """Return the compute host of each node that is tied to one."""
        hosts = self.graph.shown(graphs.HOST)
        return {target: source for source, _, target in self.graph.edges()
                if source in hosts}

    def server_of(self) -> dict[str, str]:
        """Return the server of each node that is tied to one."""
        servers = self.graph.shown(graphs.SERVER)
        return {target: source for source, _, target in self.graph.edges()
                if source in servers}

    def vitrage_ids(self) -> dict[str, str]:
        return {uid: vertex['vitrage_id'] for uid, vertex
                in self.graph.shown(graphs.NODE).items()}

    def state_of(self) -> dict[str, str]:
        """Return the state of each cluster that the graph shows."""
        return {name: vertex['state'] for name, vertex
                in self.graph.shown(graphs.CLUSTER).items()}


def ids(events: Iterable[graphs.Event], kind: str | None = None) -> list[str]:
    """Return the ids of vertices, in the order of their events.

    :param kind: the type of events to look at
    """
    return [event['properties']['id'] for event in events
            if kind in (None, event.get('vitrage_event_type', 'update'))]


def links(events: Iterable[graphs.Event],
          entity_type: str) -> set[tuple[str, str]]:
    """Return which vertex was linked to which neighbour of a type."""
    return {(event['properties']['id'], link.id) for event in events
            for link in event['links'] if link.entity_type == entity_type}
