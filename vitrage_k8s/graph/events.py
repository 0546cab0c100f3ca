# SPDX-License-Identifier: Apache-2.0
"""The events that the driver hands to Vitrage and the transformer reads.

An event names its cluster and carries the properties of one vertex; Vitrage's
``DriverBase.make_pickleable`` adds the rest. A property whose value is None is
one that the vertex is to lose.
"""

from collections.abc import Container
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import msgspec
from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import GraphAction
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources.consistency import CONSISTENCY_DATASOURCE
from vitrage.datasources.transformer_base import TransformerBase

from vitrage_k8s.api import nodes
from vitrage_k8s.api import provider_id
from vitrage_k8s.api import text
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_NODE

Event = dict[str, Any]
Properties = dict[str, str | None]

CLUSTER = 'cluster'
PROPERTIES = 'properties'
# The event asks for the vertices of which these properties hold
# (TransformerBase.get_enrich_query).
QUERY = 'query'
# The UUID of the Nova server that contains the node; or, in an event of its
# own, of the one that does no more.
SERVER = 'server'
LOST_SERVER = 'lost_server'
# The query event that is to find the node if its state is not to be told.
UNLESS_FOUND = 'unless_found'


class Identity(NamedTuple):
    """What the operator says of a cluster.

    :ivar name: its name
    :ivar project_id: of its OpenStack project; None if it has none
    :ivar link_by_system_uuid: whether the UUID that a machine's firmware
        tells is that of its Nova server
    :ivar ignored_conditions: types of conditions that are never abnormal
    """

    name: str
    project_id: str | None = None
    link_by_system_uuid: bool = False
    ignored_conditions: frozenset[str] = frozenset()


def cluster_properties(cluster: Identity, state: str,
                       reason: str | None) -> Properties:
    """Tell the properties of a cluster.

    :param reason: why the state is not Ready; None if it is
    """
    return {VProps.ID: cluster.name, VProps.NAME: cluster.name,
            VProps.PROJECT_ID: cluster.project_id, VProps.STATE: state,
            'reason': reason and text.make_safe(reason, text.LONGEST_REASON)}


# What is not free text: keys, which are never cut (see decoding.LeftOut), and
# what has few values, or one form.
_NOT_FREE = {VProps.ID, VProps.NAME, 'provider_id', 'instance_id',
             VProps.STATE, VProps.VITRAGE_STATE, 'unschedulable',
             'system_uuid'}
_LISTS = {'addresses', 'internal_ip', 'external_ip', 'hostname', 'roles',
          'abnormal_conditions', 'taints'}
# JSON escapes no character of plain text with more than 2.
_SHORT = text.LONGEST_VALUE // 2
_FREE = [(name, text.LONGEST_LIST if name in _LISTS else text.LONGEST_VALUE)
         for name in nodes.Node.__struct_fields__ if name not in _NOT_FREE]


def node_properties(cluster: Identity, node: nodes.Node) -> Properties:
    """Tell the properties of a node."""
    node = nodes.ignore_conditions(node, cluster.ignored_conditions)
    properties = msgspec.structs.asdict(node) | {
        'cluster': cluster.name, VProps.PROJECT_ID: cluster.project_id}
    for name, longest in _FREE:
        value = properties[name]
        # make_safe would return it as it is. Nearly all text is like this, and
        # so many calls take twice the time.
        if value and not (len(value) <= _SHORT and value.isascii()
                          and value.isprintable()):
            properties[name] = text.make_safe(value, longest)
    return properties


def server(cluster: Identity, node: Properties) -> str | None:
    """Tell the UUID of the Nova server that a node runs on, if it does."""
    if node.get('provider') == provider_id.OPENSTACK:
        return node.get('instance_id')
    return node.get('system_uuid') if cluster.link_by_system_uuid else None


def cluster_events(properties: Properties,
                   before: Properties) -> Iterator[Event]:
    """Tell of a cluster; see ``_events``."""
    return _remake(KUBERNETES_CLUSTER, str(properties[VProps.ID]),
                   properties, before)


def node_events(cluster: Identity, properties: Properties, before: Properties,
                server_before: str | None,
                servers: Container[str]) -> Iterator[Event]:
    """Tell of a node; see ``_events``.

    A server that the graph does not show becomes a placeholder, until it is
    told, too. Vitrage deletes placeholders in time. If they were told again
    and again, that would go on for ever with the servers of other clouds.

    :param cluster: the node's cluster
    :param server_before: the Nova server that the node ran on before
    :param servers: Nova servers that the graph shows
    """
    server_now = server(cluster, properties)
    is_told = server_now != server_before or server_now in servers
    for event in _remake(KUBERNETES_NODE, cluster.name, properties, before):
        if is_told or event.get(DSProps.EVENT_TYPE):
            # What is deleted is made anew, with its edges.
            is_told = True
            event[SERVER] = server_now
        yield event
    if server_before and not server_now:
        # Vitrage replaces an edge by one to another neighbour of that type,
        # and keeps the edge if there is none.
        event = _event(KUBERNETES_NODE, cluster.name,
                       {VProps.ID: properties[VProps.ID]})
        event[DSProps.EVENT_TYPE] = GraphAction.DELETE_RELATIONSHIP
        event[LOST_SERVER] = server_before
        yield event


def state_events(cluster: str, uid: str, state: str | None,
                 before: str | None, query: Event) -> Iterator[Event]:
    """Tell the vitrage_state of a node; see ``_events``.

    Templates set that property, too, and what a template has set stays, for
    it would not set it again; but a node that is being deleted is.

    :param query: has asked before for the nodes whose state is a template's.
        Both must be in one list: in between, Vitrage heeds its templates.
    """
    for event in _events(
            KUBERNETES_NODE, cluster,
            {VProps.ID: uid, VProps.VITRAGE_STATE: state},
            {VProps.VITRAGE_STATE: before}):
        if state != nodes.TERMINATING:
            event[UNLESS_FOUND] = query
        yield event


def delete_event(cluster: str, uid: str) -> Event:
    """Tell that a node is gone."""
    return _deletion(KUBERNETES_NODE, cluster, uid)


def touch_event(cluster: str, uid: str) -> Event:
    """Return an event that leaves a node as it is, but not outdated."""
    return _event(KUBERNETES_NODE, cluster, {VProps.ID: uid})


def query_event(properties: Properties, **wanted: str | bool) -> Event:
    """Ask for vertices.

    When the event has been processed, ``found`` tells the answer. It tells of
    a cluster, too, for Vitrage asks for the sake of an event only, and before
    it heeds the event.

    :param properties: those of the cluster
    :param wanted: what the vertices must have, as in
        ``vitrage.graph.filter.check_filter``
    """
    event = _event(
        KUBERNETES_CLUSTER, str(properties[VProps.ID]),
        {name: value for name, value in properties.items() if value})
    event[QUERY] = {**wanted, VProps.VITRAGE_IS_DELETED: False}
    return event


def found(event: Event) -> dict[str, Properties]:
    """Tell the properties of the vertices that a query has found, by id."""
    return {vertex[VProps.ID]: vertex.properties
            for vertex in event.get(TransformerBase.QUERY_RESULT, ())}


def is_answered(event: Event) -> bool:
    """Return whether Vitrage has answered a query.

    It has not where the processing of an event before it in its list failed.
    """
    return TransformerBase.QUERY_RESULT in event


def answer(event: Event) -> Iterator[Properties]:
    """Yield the properties of the vertices that a query has found."""
    for vertex in event[TransformerBase.QUERY_RESULT]:
        yield vertex.properties


def deletion_of(vertex: Properties) -> Event:
    """Return the deletion of a vertex, as Vitrage's consistency makes it.

    It names the very vertex, whatever its key (``vitrage.entity_graph.
    driver_exec`` deletes what is outdated in this way).
    """
    return {DSProps.ENTITY_TYPE: CONSISTENCY_DATASOURCE,
            DSProps.EVENT_TYPE: GraphAction.DELETE_ENTITY,
            VProps.IS_REAL_VITRAGE_ID: True,
            VProps.VITRAGE_ID: vertex[VProps.VITRAGE_ID]}


def properties_of(event: Event) -> Properties:
    """Return the properties that an event is to tell."""
    properties: Properties = event[PROPERTIES]
    if UNLESS_FOUND in event and \
            properties[VProps.ID] in found(event[UNLESS_FOUND]):
        return {name: value for name, value in properties.items()
                if name != VProps.VITRAGE_STATE}
    return properties


def _remake(entity_type: str, cluster: str, properties: Properties,
            before: Properties) -> Iterator[Event]:
    """Tell the properties of an entity; see ``_events``.

    What has another project is made anew: its alarms are of the project that
    it had when they were raised, and what has no project any more would be
    the administrator's in Vitrage's graph, and nobody's in its workers.
    """
    project = before.get(VProps.PROJECT_ID)
    if project and project != properties[VProps.PROJECT_ID]:
        yield _deletion(entity_type, cluster, str(properties[VProps.ID]))
        before = {}
    yield from _events(entity_type, cluster, properties, before)


def _events(entity_type: str, cluster: str, properties: Properties,
            before: Properties) -> Iterator[Event]:
    """Tell the properties of an entity, and those that it has lost.

    A None makes Vitrage's graph forget a property, but not the copies of it
    in the workers that answer queries and evaluate templates, which only take
    over what there is (``vitrage.entity_graph.workers``). So what is lost is
    emptied first.

    :param properties: those of the entity; None for what it has not
    :param before: those that the graph shows, if any
    """
    lost = [name for name, value in properties.items()
            if value is None and before.get(name) is not None]
    present: Properties = {name: value for name, value in properties.items()
                           if value is not None}
    yield _event(entity_type, cluster, present | dict.fromkeys(lost, ''))
    if lost:
        yield _event(entity_type, cluster, {
            VProps.ID: properties[VProps.ID], **dict.fromkeys(lost)})


def _deletion(entity_type: str, cluster: str, identity: str) -> Event:
    event = _event(entity_type, cluster, {VProps.ID: identity})
    event[DSProps.EVENT_TYPE] = GraphAction.DELETE_ENTITY
    return event


def _event(entity_type: str, cluster: str, properties: Properties) -> Event:
    return {DSProps.ENTITY_TYPE: entity_type, CLUSTER: cluster,
            PROPERTIES: properties}
