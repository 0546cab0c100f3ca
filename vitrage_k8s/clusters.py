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

"""What is told of each cluster, and which cluster each node is of."""

from collections.abc import Container
from collections.abc import Generator
from collections.abc import Iterator
import dataclasses

from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import VertexProperties as VProps

from vitrage_k8s import events
from vitrage_k8s import exceptions
from vitrage_k8s import inventory
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_NODE
from vitrage_k8s import nodes
from vitrage_k8s import reflector

READY = 'Ready'

# Templates set vitrage_state, too; this matches what is not by us.
_STATE_MATCHES = f'{VProps.VITRAGE_STATE}.regex'
_BY_TEMPLATE = f'(?!(?:{"|".join(sorted(nodes.VITRAGE_STATES))})$).'
_NOT_BY_TEMPLATE = (None, '', *nodes.VITRAGE_STATES)

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
                raise exceptions.MalformedAnswer(
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
class _Known:
    """What the graph shows of the nodes of a cluster.

    :ivar nodes: their properties, by uid; None as long as nobody has asked
    :ivar by_template: the uids of those whose vitrage_state a template has
        set: it stays. None as long as nobody has asked, and no vitrage_state
        is told
    """

    nodes: dict[str, events.Properties] | None = None
    by_template: Container[str] | None = None


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
        self.misconfigured: exceptions.ClusterError | None = None
        self._owners = owners
        self._conflict: exceptions.ClusterError | None = None
        self._told: events.Properties | None = None
        self._told_identity = identity
        # Whether nodes that had gone before our time were looked for.
        self._is_reconciled = False

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.identity.name

    @property
    def failure(self) -> exceptions.ClusterError | None:
        """Why its nodes are not shown as they are now; None if they are."""
        return self.misconfigured or self._conflict or (
            self.reflector.failure if self.reflector else None)

    @property
    def is_complete(self) -> bool:
        """Whether every node that there is has been told."""
        return self.failure is None and self.reflector is not None \
            and self.reflector.inventory.is_complete

    def stop(self) -> None:
        """Stop reading, for it is no longer to be shown."""
        if self.reflector:
            self.reflector.stop()
        self._owners.release(self.name)

    def tell_all(self, page_size: int, action: str) -> Iterator[Events]:
        """Tell the cluster and all its nodes, so many at a time.

        Where it cannot be read, only what has changed is told.
        """
        self._conflict = None
        if self.reflector and self.failure is None:
            pages = self.reflector.inventory.take_all(page_size)
            yield from self._tell(pages, action, True)
            self._told_identity = self.identity
        else:
            yield from self._tell(self._take_changes(), action, True)

    def tell_changes(self, action: str) -> Iterator[Events]:
        """Tell what has changed since something was told, if anything."""
        if self._conflict is None and (self.failure or (
                self.reflector and self.reflector.has_listed)):
            yield from self._tell(self._take_changes(), action, False)

    def _take_changes(self) -> Iterator[inventory.Changes]:
        if self.reflector:
            yield self.reflector.inventory.take_changes()

    def _tell(self, pages: Iterator[inventory.Changes], action: str,
              tell_cluster: bool) -> Iterator[Events]:
        # The cluster comes before its nodes, which hang on it: as a mere
        # neighbour of theirs it would be a placeholder, and hidden.
        told = yield from self._tell_cluster(action, tell_cluster)
        known = _Known()
        if action == DatasourceAction.INIT_SNAPSHOT:
            # The graph is empty.
            known.by_template = known.nodes = {}
        for changes in pages:
            try:
                self._owners.claim(self.name, changes)
            except exceptions.MalformedAnswer as error:
                self._conflict = error
                self._owners.release(self.name)
                yield (yield from self._tell_cluster(action, True))
                return
            if changes.seen:
                told = yield from self._ask(known, told, tell_cluster or any(
                    map(_changes_state, changes.seen)))
            for seen in changes.seen:
                told.extend(self._node_events(seen, known))
            told.extend(events.delete_event(self.name, node.id)
                        for node in changes.gone)
            if told:
                yield told
            told = []
        if told:
            yield told
        if self.is_complete and not self._is_reconciled:
            # Vitrage would delete them as outdated, but only after a poll in
            # which no cluster has failed.
            yield from self._ask(known, [], False)
            self._is_reconciled = True
            gone = [events.delete_event(self.name, uid)
                    for uid in known.nodes or ()
                    if self.reflector and uid not in self.reflector.inventory]
            if gone:
                yield gone

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

    def _ask(self, known: '_Known', told: Events, about_states: bool
             ) -> Generator[Events, None, Events]:
        """Ask what the graph shows of the nodes, as far as that matters.

        :param told: what is to be told before
        :param about_states: whether a vitrage_state is to be told
        :returns: what is yet to be told
        """
        if not self._is_reconciled and known.nodes is None:
            query = events.query_event(
                self._properties(), vitrage_type=KUBERNETES_NODE,
                cluster=self.name)
            yield [*told, query]
            known.nodes = events.found(query)
            known.by_template = {
                uid for uid, vertex in known.nodes.items() if vertex.get(
                    VProps.VITRAGE_STATE) not in _NOT_BY_TEMPLATE}
        elif about_states and known.by_template is None:
            query = events.query_event(
                self._properties(), vitrage_type=KUBERNETES_NODE,
                cluster=self.name, **{_STATE_MATCHES: _BY_TEMPLATE})
            yield [*told, query]
            known.by_template = events.found(query)
        else:
            return told
        return []

    def _node_events(self, seen: inventory.Sighting,
                     known: '_Known') -> Iterator[events.Event]:
        node = seen.node
        now = events.node_properties(self.identity, node)
        server = None
        if seen.before is None:
            before = (known.nodes or {}).get(node.id, {})
            if before:
                # Whoever told of it may have tied it by its system_uuid.
                server = events.server(
                    self.identity._replace(link_by_system_uuid=True), before)
        elif seen.before is node and self._told_identity == self.identity:
            before = now
        else:
            before = events.node_properties(self._told_identity, seen.before)
            server = events.server(self._told_identity, before)
        if known.by_template is None or node.id in known.by_template:
            del now[VProps.VITRAGE_STATE]
        return events.node_events(self.identity, now, before, server)

    def _properties(self) -> events.Properties:
        failure = self.failure
        if failure is None:
            return events.cluster_properties(self.identity, READY, None)
        return events.cluster_properties(self.identity, failure.state,
                                         failure.problem)


def _changes_state(seen: inventory.Sighting) -> bool:
    before = seen.before.vitrage_state if seen.before else None
    return seen.node.vitrage_state != before
