# SPDX-License-Identifier: Apache-2.0
"""Which Nova server or compute host each node is tied to. Pure.

A tie is the edge from a server or host that the graph shows to a node. There
is none from a placeholder or from a server of another project, and one from a
host only if there is none from a server. It is sent once for each vertex,
since an edge refreshes the timestamps of both ends, and those of servers and
hosts are Nova's.

Nova's name of a host is what ``hostname`` or ``hostname --fqdn`` prints there,
in any case. A short name matches the full ones that begin with it.
"""

import collections
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from typing import NamedTuple

from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources.nova.host import NOVA_HOST_DATASOURCE
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE

from vitrage_k8s.api import clusters
from vitrage_k8s.api import nodes
from vitrage_k8s.graph import events
from vitrage_k8s.graph import properties
from vitrage_k8s.graph import queries

# How often, in seconds, the graph is asked for the servers and hosts of nodes
# that are not tied to them yet, and for how long after such a node was first
# seen.
ASK_INTERVAL = 30.0
ASK_FOR = 600.0

TYPES = (NOVA_INSTANCE_DATASOURCE, NOVA_HOST_DATASOURCE)

# The properties of a node that may hold the name of a host.
_NAMES = ('name', 'hostname', 'internal_dns')

Links = list[events.Link]
Names = frozenset[str]
# One object: since Python 3.10, each empty frozenset() is another one.
_NO_NAMES: Names = frozenset()


def names_in(*texts: str | None) -> Names:
    """Return the names in comma-separated lists."""
    return frozenset(
        name.strip('.').lower() for text in texts
        for name in (text or '').split(',') if name.strip('.'))


def _short(name: str) -> str:
    return name.partition('.')[0]


class Hosts:
    """The compute hosts that the graph shows.

    :param hosts: their names
    :ivar of: the host of each node that is one, by uid; see match()
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.of: dict[str, str] = {}
        self._full: dict[str, set[str]] = collections.defaultdict(set)
        self._short: dict[str, set[str]] = collections.defaultdict(set)
        for host in hosts:
            for name in names_in(host):
                self._full[name].add(host)
                self._short[_short(name)].add(host)

    def named(self, wanted: Names) -> set[str]:
        """Return the hosts that may have one of these names."""
        return set().union(*(
            self._full.get(name, set()) | (
                self._full.get(_short(name), set()) if '.' in name
                else self._short.get(name, set())) for name in wanted))

    def match(self, found: Mapping[str, tuple[str, Names]]) -> set[str]:
        """Find the host of each node.

        :param found: by uid, a text that names the node, and its names
        :returns: a warning for each node or host that is ambiguous
        """
        warnings = set()
        nodes_of = collections.defaultdict(list)
        for uid, (_, wanted) in found.items():
            # A full name that is equal leaves no doubt.
            exact = {host for name in wanted if '.' in name
                     for host in self._full.get(name, ())}
            hosts = exact if len(exact) == 1 else self.named(wanted)
            if len(hosts) > 1:
                warnings.add(f'{found[uid][0]} may be each of the compute '
                             f'hosts {", ".join(sorted(hosts))}')
            elif hosts:
                nodes_of[hosts.pop()].append(uid)
        for host, uids in nodes_of.items():
            if len(uids) > 1:
                each = ', '.join(sorted(found[uid][0] for uid in uids))
                warnings.add(f'the compute host {host} may be each of {each}')
            else:
                self.of[uids[0]] = host
        return warnings


class _Basis(NamedTuple):
    """What decides about the tie of a node.

    :ivar server: the UUID of its server; None if it names none
    :ivar names: names that its host may have; empty if it is no host
    """

    server: str | None
    names: Names


class _Tie(NamedTuple):
    """What was decided about a node.

    :ivar basis: what it was decided by
    :ivar link: its edge; None if there is none
    :ivar vitrage_id: that of the server or host; it differs after Nova's
        datasource made the vertex anew
    """

    basis: _Basis
    link: events.Link | None
    vitrage_id: str | None


class Ties:
    """The ties of all nodes.

    :param types: the types of vertices that the graph has, of TYPES
    :ivar warnings: of nodes that may be several hosts
    """

    def __init__(self, types: Collection[str]) -> None:
        self.warnings: set[str] = set()
        self._types = types
        self._ties: dict[str, _Tie] = {}
        # Nodes whose server or host the graph does not show, and since when.
        self._waiting: dict[str, tuple[_Basis, float]] = {}
        self._asked_at = float('-inf')
        self._hosts = Hosts()

    def wants_graph(self, now: float) -> bool:
        """Return whether to look for servers and hosts that nodes wait for."""
        return now - self._asked_at >= ASK_INTERVAL and any(
            now - since < ASK_FOR for _, since in self._waiting.values())

    def asked(self, owned: Iterable[tuple[clusters.Cluster, clusters.Nodes]],
              shown: queries.Shown, now: float) -> None:
        """Take note of what the graph shows.

        :param owned: all clusters with their nodes
        """
        self._asked_at = now
        self._hosts = Hosts(shown.of(NOVA_HOST_DATASOURCE))
        found = {}
        for cluster, owned_nodes in owned:
            for uid, node in owned_nodes.items() \
                    if cluster.settings.are_hosts else ():
                basis = self._basis(cluster.settings, node)
                if basis.server not in shown.of(NOVA_INSTANCE_DATASOURCE):
                    found[uid] = (f'node {node.name} of cluster '
                                  f'{cluster.settings.name}', basis.names)
        self.warnings = {
            f'{each}; there is no tie to it. Give Nova and Kubernetes the '
            'same full names' for each in self._hosts.match(found)}

    def found(self, shown: queries.Shown) -> set[str]:
        """Return the uids of nodes that wait for what the graph now shows."""
        servers = shown.of(NOVA_INSTANCE_DATASOURCE)
        return {uid for uid, (basis, _) in self._waiting.items()
                if basis.server in servers or uid in self._hosts.of}

    def is_void(self, settings: clusters.ClusterSettings,
                node: nodes.Node) -> bool:
        """Return whether the tie of a node no longer holds."""
        tie = self._ties.get(node.id)
        return tie is not None and tie.link is not None \
            and tie.basis != self._basis(settings, node)

    def forget(self, uid: str) -> None:
        """Forget the tie of a node whose vertex is gone or has lost it."""
        self._ties.pop(uid, None)
        self._waiting.pop(uid, None)

    def update(self, settings: clusters.ClusterSettings, node: nodes.Node,
               before: properties.Seen, shown: queries.Shown | None,
               now: float) -> tuple[Links, Links]:
        """Decide about the tie of a node, if it is known what the graph shows.

        :param before: what the graph shows of the node
        :param shown: what it shows; None if that is not known
        :param now: the time in seconds
        :returns: the links to send, and those to remove
        """
        uid = node.id
        basis = self._basis(settings, node)
        old = self._ties.get(uid)
        since = self._waiting.get(uid, (basis, now))[1]
        if shown is None and old and old.basis == basis:
            return [], []
        self._waiting.pop(uid, None)
        if shown is None:
            if any(basis):
                self._waiting[uid] = basis, since
            return [], []
        link, vitrage_id = None, None
        server = shown.of(NOVA_INSTANCE_DATASOURCE).get(basis.server or '')
        if server is not None:
            project = server.properties.get(VProps.PROJECT_ID)
            if not (project and settings.project_id
                    and project != settings.project_id):
                link = events.machine_link(
                    NOVA_INSTANCE_DATASOURCE, str(basis.server))
                vitrage_id = server.vitrage_id
        elif basis.names and uid in self._hosts.of:
            link = events.machine_link(
                NOVA_HOST_DATASOURCE, self._hosts.of[uid])
            vitrage_id = shown.vitrage_id(*link[:2])
        elif any(basis):
            self._waiting[uid] = basis, since
        # A process before this one may have tied it.
        was = {old.link} if old else self._links(before)
        self._ties[uid] = _Tie(basis, link, vitrage_id)
        is_new = link and self._ties[uid][1:] != (old and old[1:])
        return [link] if link and is_new else [], [
            each for each in was - {link}
            if each and shown.vitrage_id(*each[:2])]

    def _basis(self, settings: clusters.ClusterSettings,
               node: nodes.Node) -> _Basis:
        return _Basis(
            properties.server_of(settings, node)
            if NOVA_INSTANCE_DATASOURCE in self._types else None,
            names_in(*(getattr(node, name) for name in _NAMES))
            if settings.are_hosts and NOVA_HOST_DATASOURCE in self._types
            else _NO_NAMES)

    def _links(self, before: properties.Seen) -> set[events.Link | None]:
        """Return the links that a node may have, by its vertex."""
        server = properties.server_before(before)
        return {
            events.machine_link(NOVA_INSTANCE_DATASOURCE, server)
            if server else None,
            *(events.machine_link(NOVA_HOST_DATASOURCE, host)
              for host in self._hosts.named(
                  names_in(*map(before.get, _NAMES))))}
