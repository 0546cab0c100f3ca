# SPDX-License-Identifier: Apache-2.0
"""Which Nova server each node hangs on. Pure.

A tie is an edge to a server that the graph shows: never one to a placeholder,
never one to a server of another project. It is sent once for each vertex of
the server, since an edge refreshes the timestamps of both its ends, and those
of servers are Nova's.
"""

from collections.abc import Mapping
from typing import NamedTuple

from vitrage.common.constants import VertexProperties as VProps

from vitrage_k8s.api import clusters
from vitrage_k8s.api import nodes
from vitrage_k8s.graph import events
from vitrage_k8s.graph import properties
from vitrage_k8s.graph import queries

# How often, in seconds, the graph is asked for the servers of nodes that are
# not tied to them yet, and for how long after such a node was first seen.
ASK_INTERVAL = 30.0
ASK_FOR = 600.0

Servers = Mapping[str, queries.Vertex]
Links = list[events.Link]


class _Tie(NamedTuple):
    """What was decided about a node.

    :ivar server: None if it has none
    :ivar vitrage_id: of the server's vertex; another one, where Nova's
        datasource made it anew. None if there is no edge to it, for it is
        another project's.
    """

    server: str | None
    vitrage_id: str | None


_UNTIED = _Tie(None, None)


class Ties:
    """The ties of all nodes.

    :param has_servers: whether the graph has servers at all
    """

    def __init__(self, has_servers: bool) -> None:
        self._has_servers = has_servers
        self._ties: dict[str, _Tie] = {}
        # Nodes whose server is not shown: which, and since when.
        self._waiting: dict[str, tuple[str, float]] = {}
        self._asked_at = float('-inf')

    def wants_graph(self, now: float) -> bool:
        """Return whether to look for the servers of waiting nodes."""
        return now - self._asked_at >= ASK_INTERVAL and any(
            now - since < ASK_FOR for _, since in self._waiting.values())

    def asked(self, now: float) -> None:
        """Take note that the graph was asked for its servers."""
        self._asked_at = now

    def found(self, servers: Servers) -> set[str]:
        """Return the uids of nodes that wait for one of these servers."""
        return {uid for uid, (server, _) in self._waiting.items()
                if server in servers}

    def forget(self, uid: str) -> None:
        """Forget the ties of a node whose vertex is gone, or lost them."""
        self._ties.pop(uid, None)
        self._waiting.pop(uid, None)

    def update(self, settings: clusters.ClusterSettings, node: nodes.Node,
               before: properties.Seen, servers: Servers | None,
               now: float) -> tuple[Links, Links]:
        """Decide about a node.

        :param before: what the graph shows of the node, or was sent
        :param servers: the servers that the graph shows; None if not known
        :param now: the time in seconds
        :returns: the links to send, and those to remove
        """
        if not self._has_servers:
            return [], []
        wanted = properties.server_of(settings, node)
        old = self._ties.pop(node.id, None)
        _, since = self._waiting.pop(node.id, ('', now))
        tie = self._decide(settings, wanted, old, servers)
        if tie is not None:
            self._ties[node.id] = tie
            if tie == old:
                return [], []
            if wanted and tie.vitrage_id is not None:
                # It takes the place of a link to another server.
                return [events.server_link(wanted)], []
        elif wanted:
            self._waiting[node.id] = wanted, since
        # Whoever sent the node before may have tied it.
        was = properties.servers_of(before) if old is None else [old.server]
        return [], [events.server_link(server) for server in was if server
                    and (server != wanted if servers is None
                         else server in servers)]

    @staticmethod
    def _decide(settings: clusters.ClusterSettings, wanted: str | None,
                old: _Tie | None, servers: Servers | None) -> _Tie | None:
        """Return what is so now; None if the server is not shown."""
        if wanted is None:
            return _UNTIED
        if servers is None:
            return old if old and old.server == wanted else None
        if wanted not in servers:
            return None
        server = servers[wanted]
        project = server.properties.get(VProps.PROJECT_ID)
        is_foreign = project and settings.project_id \
            and project != settings.project_id
        return _Tie(wanted, None if is_foreign else server.vitrage_id)
