# SPDX-License-Identifier: Apache-2.0
"""What the graph shows, and whether it took what was sent.

Vitrage answers a question of a driver only within an event: it processes the
event, and puts the answer into it (``Processor._enrich_event``). So the
question is an event that changes nothing. Only this module knows of that.

When Vitrage fails to process an event, it skips the rest of its list and goes
on with the next list (``EventsCoordination``). So a list ends in a receipt: an
event that changes nothing either, and shows whether Vitrage processed it.
"""

import collections
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
import itertools
from typing import Any
from typing import NamedTuple

from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import GraphAction
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources import OPENSTACK_CLUSTER
from vitrage.datasources.transformer_base import TransformerBase

from vitrage_k8s.graph import events
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import KUBERNETES_NODE

Batch = list[events.Event]

_QUERY = 'query'
_IS_PROCESSED = 'is_processed'


class NoAnswerError(Exception):
    """Vitrage did not answer: that is never the same as "nothing found"."""


class Vertex(NamedTuple):
    """A vertex that the graph shows.

    :ivar vitrage_id: it differs after the vertex was made anew
    """

    vitrage_id: str
    properties: dict[str, Any]


class Shown:
    """What the graph shows.

    :param vertices: the vertices, with their ids in the graph
    """

    def __init__(self, vertices: Iterable[tuple[str, dict[str, Any]]] = (),
                 ) -> None:
        self._of: dict[str, dict[str, Vertex]] = collections.defaultdict(dict)
        self._deleted: dict[tuple[str, str], dict[str, Any]] = {}
        for vitrage_id, properties in vertices:
            entity_type = properties[VProps.VITRAGE_TYPE]
            # The cluster of Vitrage's own Kubernetes datasource has no id.
            identity = properties.get(VProps.ID) or properties.get(VProps.NAME)
            if not identity:
                continue
            if properties.get(VProps.VITRAGE_IS_DELETED):
                self._deleted[entity_type, identity] = properties
            else:
                self._of[entity_type][identity] = Vertex(
                    vitrage_id, properties)

    def of(self, entity_type: str) -> dict[str, Vertex]:
        """Return the vertices of a type by their ids."""
        return self._of[entity_type]

    def properties(self, entity_type: str, identity: str) -> dict[str, Any]:
        """Return the properties of a vertex; empty if it is not shown."""
        vertex = self._of[entity_type].get(identity)
        return vertex.properties if vertex else {}

    def vitrage_id(self, entity_type: str, identity: str) -> str | None:
        """Return the vitrage_id of a vertex; None if it is not shown."""
        vertex = self._of[entity_type].get(identity)
        return vertex and vertex.vitrage_id

    def deleted(self, entity_type: str, identity: str) -> dict[str, Any]:
        """Return the properties of a vertex that was deleted.

        Vitrage keeps it for some minutes. If Vitrage is restarted meanwhile,
        a new vertex of the same key gets all properties of this one.
        """
        return self._deleted.get((entity_type, identity), {})


def question(types: Collection[str]) -> events.Event:
    """Return the event that asks for all vertices that we need.

    :param types: the types of vertices of other datasources to ask for
    """
    return {**receipt(), _QUERY: {
        VProps.VITRAGE_TYPE: [
            KUBERNETES_DATASOURCE, KUBERNETES_CLUSTER, KUBERNETES_NODE,
            OPENSTACK_CLUSTER, *types],
        VProps.VITRAGE_IS_PLACEHOLDER: False}}


def answer(event: events.Event) -> Shown:
    """Return what the graph shows, after the question was processed.

    :raises NoAnswerError: it was not processed
    """
    if TransformerBase.QUERY_RESULT not in event:
        raise NoAnswerError(
            'Vitrage did not say what its graph shows, see the error before; '
            'nothing is compared, nothing deleted')
    return Shown((vertex.vertex_id, vertex.properties) for vertex
                 in event.pop(TransformerBase.QUERY_RESULT))


def receipt() -> events.Event:
    """Return an event that changes nothing, to end a list of events."""
    return {
        DSProps.ENTITY_TYPE: KUBERNETES_DATASOURCE,
        # Without a vertex and neighbours, this does nothing.
        DSProps.EVENT_TYPE: GraphAction.UPDATE_RELATIONSHIP,
        events.LINKS: []}


def is_processed(event: events.Event) -> bool:
    """Return whether Vitrage processed a receipt."""
    return _IS_PROCESSED in event


def query_of(event: events.Event) -> dict[str, Any] | None:
    """Return what an event asks for; Vitrage calls this to process it."""
    event[_IS_PROCESSED] = True
    return event.get(_QUERY)


class Batches:
    """Makes lists of events.

    :param size: the most vertices whose events make a list
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lost: set[tuple[str, str]] = set()

    def make(self, groups: Iterable[Batch]) -> Iterator[Batch]:
        """Yield lists of events.

        Vitrage has processed a list when it asks for the next. If it does not
        ask again, the last list counts as lost.

        :param groups: the events of one vertex each; they stay together
        """
        rest = iter(groups)
        while found := list(itertools.islice(rest, self._size)):
            batch = list(itertools.chain.from_iterable(found))
            sent = {events.key(event) for event in batch}
            self._lost |= sent
            events.bind(batch)
            end = receipt()
            yield [*batch, end]
            if is_processed(end):
                self._lost -= sent

    def has_lost(self, entity_type: str, identity: str) -> bool:
        """Return whether an event of a vertex may not have been processed.

        A later event of it that is processed ends this.
        """
        return (entity_type, identity) in self._lost
