# SPDX-License-Identifier: Apache-2.0
"""The shape of the events that the driver yields and the transformer reads.

Plain data: the properties of one vertex, and its links, each an edge from a
neighbour. The vertex loses a property whose value is None. Vitrage's
``DriverBase.make_pickleable`` adds the rest.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import functools
from typing import Any
from typing import NamedTuple

from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import EdgeLabel
from vitrage.common.constants import GraphAction
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources import OPENSTACK_CLUSTER
from vitrage.datasources import transformer_base
from vitrage.utils.datetime import format_utcnow

from vitrage_k8s.graph import properties as graph_properties
from vitrage_k8s import KUBERNETES_CLUSTER

Event = dict[str, Any]
Properties = graph_properties.Properties

PROPERTIES = 'properties'
LINKS = 'links'
_MOMENT = 'moment'


class Link(NamedTuple):
    """An edge from a neighbour to the vertex of an event.

    :ivar entity_type: of the neighbour
    :ivar id: of the neighbour
    :ivar label: of the edge
    """

    entity_type: str
    id: str
    label: str


ROOT = Link(OPENSTACK_CLUSTER, transformer_base.CLUSTER_ID, EdgeLabel.CONTAINS)


def cluster_link(name: str) -> Link:
    """Return the link of a node to its cluster."""
    return Link(KUBERNETES_CLUSTER, name, EdgeLabel.COMPRISED)


def machine_link(entity_type: str, identity: str) -> Link:
    """Return the link of a node to its Nova server, or to its host."""
    return Link(entity_type, identity, EdgeLabel.CONTAINS)


def updates(entity_type: str, now: Properties, before: Iterable[str],
            links: list[Link]) -> list[Event]:
    """Return the events that give a vertex its properties and links.

    A None makes Vitrage's graph lose a property. The workers that answer
    queries and evaluate templates have copies of the graph, which only merge
    what there is (``vitrage.entity_graph.workers``). So a first event makes a
    lost property empty, and a second one removes it.

    :param now: the properties of the vertex
    :param before: the names of those that it had
    """
    lost = [name for name in before
            if graph_properties.may_be_lost(name) and name not in now]
    if not lost:
        return [_event(entity_type, now, links)]
    return [
        _event(entity_type, {**now, **dict.fromkeys(lost, '')}, links),
        _event(entity_type, {VProps.ID: now[VProps.ID],
                             **dict.fromkeys(lost)}, [])]


def deletion(entity_type: str, identity: str) -> Event:
    """Return the event that deletes a vertex.

    Vitrage keeps it for some minutes. It loses the property cluster, by which
    Vitrage's alarm datasources would find it and make a placeholder of it.
    """
    event = _event(entity_type, {
        VProps.ID: identity, graph_properties.CLUSTER: None}, [])
    event[DSProps.EVENT_TYPE] = GraphAction.DELETE_ENTITY
    return event


def unlinking(entity_type: str, identity: str, link: Link) -> Event:
    """Return the event that removes one edge of a vertex.

    Vitrage removes an edge by itself only for one to another neighbour of the
    same type.
    """
    event = _event(entity_type, {VProps.ID: identity}, [link])
    event[DSProps.EVENT_TYPE] = GraphAction.DELETE_RELATIONSHIP
    return event


class _Moment:
    """When Vitrage begins to process a list of events."""

    @functools.cached_property
    def date(self) -> str:
        return format_utcnow()


def bind(batch: Iterable[Event]) -> None:
    """Give events that Vitrage processes at once one date; see date()."""
    moment = _Moment()
    for event in batch:
        event[_MOMENT] = moment


def date(event: Event) -> str:
    """Return the date of what Vitrage makes of an event that it processes.

    Vitrage drops an event that is older than its vertex, which each alarm on
    it makes younger (``Processor``). So the time when an event was made, and
    began to wait behind those, will not do. Ours are made in their order. All
    of a list have one date, for what templates make of the first event of a
    vertex must not be older than a second one.
    """
    moment = event.get(_MOMENT)
    return moment.date if moment else event[DSProps.SAMPLE_DATE]


def key(event: Event) -> tuple[str, str]:
    """Return the type and the id of the vertex of an event."""
    return event[DSProps.ENTITY_TYPE], event[PROPERTIES][VProps.ID]


def _event(entity_type: str, properties: Mapping[str, str | None],
           links: list[Link]) -> Event:
    return {DSProps.ENTITY_TYPE: entity_type, PROPERTIES: properties,
            LINKS: links}
