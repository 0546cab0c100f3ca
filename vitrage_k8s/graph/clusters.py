# SPDX-License-Identifier: Apache-2.0
"""What is told of each cluster, and which cluster each node is of."""

from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Set
import dataclasses

from oslo_log import log
from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE

from vitrage_k8s.api import errors
from vitrage_k8s.api import inventory
from vitrage_k8s.api import nodes
from vitrage_k8s.api import reflector
from vitrage_k8s.graph import events
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import KUBERNETES_NODE

LOG = log.getLogger(__name__)

READY = 'Ready'

# Templates set vitrage_state, too; this matches what is not by us.
_STATE_MATCHES = f'{VProps.VITRAGE_STATE}.regex'
_BY_TEMPLATE = f'(?!(?:{"|".join(sorted(nodes.VITRAGE_STATES))})$).'

Events = list[events.Event]


class Owners:
    """Which cluster each node is of.

    Two names may lead to one API server. Its nodes would then be now the one
    cluster's, now the other's; so a node stays with the first to tell of it.
    """

    def __init__(self) -> None:
        self._cluster_of: dict[str, str] = {}

    def claim(self, cluster: str, changes: inventory.Changes) -> None:
        """Note the cluster of nodes that are told.

        :raises MalformedAnswer: a node is another cluster's
        """
        for seen in changes.seen:
            owner = self._cluster_of.setdefault(seen.node.id, cluster)
            if owner != cluster:
                raise errors.MalformedAnswer(
                    cluster, f'its node {seen.node.name} is one of the '
                    f'cluster {owner} too: do both lead to the same API '
                    'server? Name one of them in [kubernetes] contexts')
        for node in changes.gone:
            self._cluster_of.pop(node.id, None)

    def release(self, cluster: str) -> None:
        """Forget the nodes of a cluster."""
        self._cluster_of = {uid: owner for uid, owner
                            in self._cluster_of.items() if owner != cluster}


@dataclasses.dataclass
class Servers:
    """The Nova servers that the graph shows, for one poll of all clusters.

    :ivar uuids: None as long as nobody has asked
    """

    uuids: Set[str] | None = None


class Cluster:
    """Tells Vitrage of one cluster.

    :param identity: what the operator says of the cluster; it may change
    :param owners: which cluster each node is of
    :ivar reflector: reads its nodes; None as long as that could not be tried
    :ivar misconfigured: why it cannot be tried now; None if it can
    """

    def __init__(self, identity: events.Identity, owners: Owners) -> None:
        self.identity = identity
        self.reflector: reflector.Reflector | None = None
        self.misconfigured: errors.ClusterError | None = None
        self._owners = owners
        self._conflict: errors.ClusterError | None = None
        self._logged_conflict: str | None = None
        self._told: events.Properties | None = None
        self._told_identity = identity
        # The states that were not told, for a template has set another.
        self._withheld: dict[str, tuple[str | None, str | None]] = {}
        # Whether nodes that had gone before our time were looked for.
        self._is_reconciled = False
        # The vertices from before our time, by uid, of nodes that cannot be
        # shown as they are now.
        self._last_known: dict[str, events.Properties] = {}

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.identity.name

    @property
    def failure(self) -> errors.ClusterError | None:
        """Why its nodes are not shown as they are now; None if they are."""
        return self.misconfigured or self._conflict or (
            self.reflector.failure if self.reflector else None)

    @property
    def is_complete(self) -> bool:
        """Whether every node that there is has been told."""
        return self.failure is None and self.reflector is not None \
            and self.reflector.inventory.is_complete

    def has_node(self, uid: str) -> bool:
        """Return whether a node is known to be there."""
        return self.reflector is not None and uid in self.reflector.inventory

    def query_all(self) -> events.Event:
        """Return the query for all vertices of this datasource."""
        return events.query_event(
            self._properties(),
            vitrage_datasource_name=KUBERNETES_DATASOURCE)

    def stop(self) -> None:
        """Stop reading, for it is no longer to be shown."""
        if self.reflector:
            self.reflector.stop()
        self._owners.release(self.name)

    def tell_all(self, page_size: int, action: str,
                 servers: Servers) -> Iterator[Events]:
        """Tell the cluster and all its nodes, so many at a time.

        Where it cannot be read, only what has changed is told.
        """
        self._conflict = None
        if self.reflector and self.failure is None:
            pages = self.reflector.inventory.take_all(page_size)
            yield from self._tell(pages, action, True, servers)
            self._told_identity = self.identity
        else:
            yield from self._tell(self._take_changes(), action, True,
                                  Servers(set()))

    def tell_changes(self, action: str) -> Iterator[Events]:
        """Tell what has changed since something was told, if anything."""
        if self._conflict is None and (self.failure or (
                self.reflector and self.reflector.has_listed)):
            yield from self._tell(self._take_changes(), action, False,
                                  Servers(set()))

    def _take_changes(self) -> Iterator[inventory.Changes]:
        if self.reflector:
            yield self.reflector.inventory.take_changes()

    def _tell(self, pages: Iterator[inventory.Changes], action: str,
              tell_cluster: bool, servers: Servers) -> Iterator[Events]:
        # The cluster comes before its nodes, which hang on it: as a mere
        # neighbour of theirs it would be a placeholder, and hidden.
        told = yield from self._tell_cluster(action, tell_cluster)
        is_empty = action == DatasourceAction.INIT_SNAPSHOT
        shown: dict[str, events.Properties] | None = \
            {} if is_empty or self._is_reconciled else None
        states = _States(self._withheld)
        for changes in pages:
            try:
                self._owners.claim(self.name, changes)
            except errors.MalformedAnswer as error:
                self._conflict = error
                if self._logged_conflict != str(error):
                    self._logged_conflict = str(error)
                    LOG.warning('%s', error)
                self._owners.release(self.name)
                yield (yield from self._tell_cluster(action, True))
                return
            if changes.seen and shown is None:
                if told:
                    yield told
                told = []
                shown = yield from self._ask()
            if changes.seen and servers.uuids is None:
                query = events.query_event(
                    self._properties(), vitrage_type=NOVA_INSTANCE_DATASOURCE,
                    vitrage_is_placeholder=False)
                yield [*told, query]
                told = []
                servers.uuids = events.found(query).keys()
            for seen in changes.seen:
                now, before, server = self._compare(seen, shown or {})
                if not is_empty:
                    states.note(now, before, tell_cluster)
                told.extend(events.node_events(
                    self.identity, now, before, server, servers.uuids or ()))
            for node in changes.gone:
                states.pop(node.id, None)
                told.append(events.delete_event(self.name, node.id))
            if told:
                yield told
            told = []
        if told:
            yield told
        yield from self._tell_states(states)
        if self.is_complete and not self._is_reconciled:
            if shown is None:
                shown = yield from self._ask()
            self._is_reconciled = True
            yield from self._tell_gone_before(shown)
        yield from self._keep_last_known(tell_cluster)

    def _tell_cluster(self, action: str, always: bool
                      ) -> Generator[Events, None, Events]:
        """Return what is to be told of the cluster itself, if anything."""
        properties, before = self._properties(), self._told
        if before is None:
            before = {}
            if action != DatasourceAction.INIT_SNAPSHOT:
                query = events.query_event(
                    properties, vitrage_type=KUBERNETES_CLUSTER, id=self.name)
                yield [query]
                before = events.found(query).get(self.name, {})
        elif properties == before and not always:
            return []
        self._told = properties
        return list(events.cluster_events(properties, before))

    def _ask(self) -> Generator[
            Events, None, dict[str, events.Properties]]:
        """Ask what the graph shows of the nodes, from before our time."""
        query = events.query_event(
            self._properties(), vitrage_type=KUBERNETES_NODE,
            cluster=self.name)
        yield [query]
        shown = events.found(query)
        if not shown:
            # The cluster may have had another name.
            query = events.query_event(
                self._properties(), vitrage_type=KUBERNETES_NODE)
            yield [query]
            shown = events.found(query)
        return shown

    def _compare(self, seen: inventory.Sighting,
                 shown: dict[str, events.Properties]) -> tuple[
                     events.Properties, events.Properties, str | None]:
        """Return what is and what was told of a node, and its old server."""
        now = events.node_properties(self.identity, seen.node)
        if seen.before is seen.node and self._told_identity == self.identity:
            return now, now, events.server(self.identity, now)
        if seen.before is not None:
            before = events.node_properties(self._told_identity, seen.before)
            return now, before, events.server(self._told_identity, before)
        before = self._last_known.pop(
            seen.node.id, shown.get(seen.node.id, {}))
        # Whoever told of it may have tied it by its system_uuid.
        return now, before, events.server(
            self.identity._replace(link_by_system_uuid=True), before
        ) if before else None

    def _tell_states(self, states: '_States') -> Iterator[Events]:
        self._withheld = {}
        if not states:
            return
        query = events.query_event(
            self._properties(), vitrage_type=KUBERNETES_NODE,
            **{_STATE_MATCHES: _BY_TEMPLATE})
        told = [query]
        for uid, (state, before) in states.items():
            told.extend(events.state_events(
                self.name, uid, state, before, query))
        yield told
        by_template = events.found(query)
        self._withheld = {
            uid: (state, before) for uid, (state, before) in states.items()
            if state and uid in by_template}

    def _tell_gone_before(self, shown: dict[str, events.Properties]
                          ) -> Iterator[Events]:
        """Tell of nodes that went while Vitrage was down, or we were.

        Vitrage would delete them as outdated, but only after a poll in which
        no cluster has failed. Those that exist, but cannot be shown as they
        are now, are noted for ``_keep_last_known``.
        """
        if self.reflector is None:
            return
        known = self.reflector.inventory
        self._last_known = {
            uid: vertex for uid, vertex in shown.items()
            if uid in known and not known.is_shown(uid)}
        gone = [events.delete_event(self.name, uid)
                for uid, vertex in shown.items()
                if vertex.get('cluster') == self.name and uid not in known]
        if gone:
            yield gone

    def _keep_last_known(self, is_poll: bool) -> Iterator[Events]:
        """Keep nodes that cannot be shown, as long as they exist.

        Vitrage deletes what a poll has no event of.
        """
        batch = []
        for uid in list(self._last_known):
            if self.reflector and uid not in self.reflector.inventory:
                del self._last_known[uid]
                batch.append(events.delete_event(self.name, uid))
            elif is_poll:
                batch.append(events.touch_event(self.name, uid))
        if batch:
            yield batch

    def _properties(self) -> events.Properties:
        failure = self.failure
        if failure is None:
            return events.cluster_properties(self.identity, READY, None)
        return events.cluster_properties(self.identity, failure.state,
                                         failure.problem)


class _States(dict[str, tuple[str | None, str | None]]):
    """The vitrage_state to tell of nodes, and the one before, by uid."""

    def note(self, now: events.Properties, before: events.Properties,
             always: bool) -> None:
        """Take the state out of what is told of a node, and keep it."""
        had = before.get(VProps.VITRAGE_STATE)
        state = now.pop(VProps.VITRAGE_STATE)
        if had not in nodes.VITRAGE_STATES:
            had = None
        if state != had or (state and always):
            self[str(now[VProps.ID])] = state, had
