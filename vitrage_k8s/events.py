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

"""The events that the driver hands to Vitrage and the transformer reads.

An event names its cluster and carries the properties of one vertex; Vitrage's
``DriverBase.make_pickleable`` adds the rest. A property whose value is None is
one that the vertex is to lose.
"""

from collections.abc import Iterator
from collections.abc import Set
from typing import Any
from typing import NamedTuple

import msgspec
from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import GraphAction
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources.transformer_base import TransformerBase

from vitrage_k8s import inventory
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_NODE
from vitrage_k8s import nodes
from vitrage_k8s import providers

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


class Identity(NamedTuple):
    """What the operator says of a cluster.

    :ivar name: its name
    :ivar project_id: of its OpenStack project; None if it has none
    :ivar link_by_system_uuid: whether the UUID that a machine's firmware
        tells is that of its Nova server
    """

    name: str
    project_id: str | None = None
    link_by_system_uuid: bool = False


def cluster_properties(cluster: Identity, state: str,
                       reason: str | None) -> Properties:
    """Tell the properties of a cluster.

    :param reason: why the state is not Ready; None if it is
    """
    return {VProps.ID: cluster.name, VProps.NAME: cluster.name,
            VProps.PROJECT_ID: cluster.project_id, VProps.STATE: state,
            'reason': reason}


def cluster_events(properties: Properties, before: Properties | None,
                   action: str) -> Iterator[Event]:
    """Tell of a cluster; see ``_events``."""
    return _events(KUBERNETES_CLUSTER, str(properties[VProps.ID]),
                   properties, before, action)


def node_events(cluster: Identity, seen: inventory.Sighting, action: str,
                tell_state: bool) -> Iterator[Event]:
    """Tell of a node; see ``_events``.

    :param cluster: the node's cluster
    :param seen: the node, and what was known of it before
    :param action: Vitrage's ``DatasourceAction`` of the poll
    :param tell_state: whether to tell its vitrage_state, too
    """
    node, before = seen
    server = _server(cluster, node)
    for event in _events(
            KUBERNETES_NODE, cluster.name, _properties(cluster, node),
            _properties(cluster, before) if before else None, action):
        event[SERVER] = server
        if not tell_state:
            event[PROPERTIES].pop(VProps.VITRAGE_STATE, None)
        yield event
    if before and server is None and (lost := _server(cluster, before)):
        # Vitrage replaces an edge by one to another neighbour of that type,
        # and keeps the edge if there is none.
        event = _event(KUBERNETES_NODE, cluster.name, {VProps.ID: node.id})
        event[DSProps.EVENT_TYPE] = GraphAction.DELETE_RELATIONSHIP
        event[LOST_SERVER] = lost
        yield event


def delete_event(cluster: str, uid: str) -> Event:
    """Tell that a node is gone."""
    event = _event(KUBERNETES_NODE, cluster, {VProps.ID: uid})
    event[DSProps.EVENT_TYPE] = GraphAction.DELETE_ENTITY
    return event


def query_event(properties: Properties,
                states: str | None = None) -> Event:
    """Tell of a cluster, and ask for the vertices of its nodes.

    When the event has been processed, ``nodes_found`` tells the answer.

    :param properties: those of the cluster
    :param states: a regular expression: only the nodes that have a
        vitrage_state which matches. None: all nodes
    """
    cluster = str(properties[VProps.ID])
    event = _event(KUBERNETES_CLUSTER, cluster, _present(properties))
    event[QUERY] = {VProps.VITRAGE_TYPE: KUBERNETES_NODE,
                    'cluster': cluster, VProps.VITRAGE_IS_DELETED: False}
    if states is not None:
        event[QUERY][f'{VProps.VITRAGE_STATE}.regex'] = states
    return event


def nodes_found(event: Event) -> Set[str]:
    """Tell the uids of the nodes that a query has found."""
    return {vertex[VProps.ID]
            for vertex in event.get(TransformerBase.QUERY_RESULT, ())}


def _properties(cluster: Identity, node: nodes.Node) -> Properties:
    return msgspec.structs.asdict(node) | {
        'cluster': cluster.name, VProps.PROJECT_ID: cluster.project_id}


def _server(cluster: Identity, node: nodes.Node) -> str | None:
    """Tell the UUID of the Nova server that a node runs on, if it does."""
    if node.provider == providers.OPENSTACK:
        return node.instance_id
    return node.system_uuid if cluster.link_by_system_uuid else None


def _present(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items()
            if value is not None}


def _events(entity_type: str, cluster: str, properties: Properties,
            before: Properties | None, action: str) -> Iterator[Event]:
    """Tell the properties of an entity, and those that it has lost.

    Vitrage takes a None for a property that the vertex has as an order to
    remove it; in a new vertex it would show the None. Of an entity that is new
    to us, only the initial snapshot, which fills an empty graph, tells that
    there is no vertex yet, for a restarted Vitrage has kept them all. In
    between, two events are needed: one that makes the vertex, and one that
    cleans it.

    :param properties: those of the entity; None for what it has not
    :param before: those that were told before; None if none were
    :param action: Vitrage's ``DatasourceAction`` of the poll
    """
    present = _present(properties)
    if before is not None:
        lost = {name: None for name, value in properties.items()
                if value is None and before.get(name) is not None}
        yield _event(entity_type, cluster, {**present, **lost})
        return
    yield _event(entity_type, cluster, present)
    if action != DatasourceAction.INIT_SNAPSHOT:
        yield _event(entity_type, cluster, properties)


def _event(entity_type: str, cluster: str, properties: Properties) -> Event:
    return {DSProps.ENTITY_TYPE: entity_type, CLUSTER: cluster,
            PROPERTIES: properties}
