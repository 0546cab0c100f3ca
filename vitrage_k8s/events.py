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

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

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

Event = dict[str, Any]
Properties = Mapping[str, str | None]

CLUSTER = 'cluster'
PROPERTIES = 'properties'
# The event asks for the vertices of which these properties hold
# (TransformerBase.get_enrich_query).
QUERY = 'query'


def cluster_properties(cluster: str, state: str,
                       reason: str | None) -> Properties:
    """Tell the properties of a cluster.

    :param reason: why the state is not Ready; None if it is
    """
    return {VProps.ID: cluster, VProps.NAME: cluster, VProps.STATE: state,
            'reason': reason}


def cluster_events(properties: Properties, before: Properties | None,
                   action: str) -> Iterator[Event]:
    """Tell of a cluster; see ``_events``."""
    return _events(KUBERNETES_CLUSTER, str(properties[VProps.ID]),
                   properties, before, action)


def node_events(cluster: str, seen: inventory.Sighting,
                action: str) -> Iterator[Event]:
    """Tell of a node; see ``_events``.

    :param cluster: the name of the node's cluster
    :param seen: the node, and what was known of it before
    :param action: Vitrage's ``DatasourceAction`` of the poll
    """
    return _events(
        KUBERNETES_NODE, cluster, _properties(cluster, seen.node),
        _properties(cluster, seen.before) if seen.before else None, action)


def delete_event(cluster: str, uid: str) -> Event:
    """Tell that a node is gone."""
    event = _event(KUBERNETES_NODE, cluster, {VProps.ID: uid})
    event[DSProps.EVENT_TYPE] = GraphAction.DELETE_ENTITY
    return event


def query_event(properties: Properties) -> Event:
    """Tell of a cluster, and ask for the vertices of its nodes.

    When the event has been processed, ``uids_found`` tells the answer.
    """
    cluster = str(properties[VProps.ID])
    event = _event(KUBERNETES_CLUSTER, cluster, _present(properties))
    event[QUERY] = {VProps.VITRAGE_TYPE: KUBERNETES_NODE,
                    'cluster': cluster, VProps.VITRAGE_IS_DELETED: False}
    return event


def uids_found(event: Event) -> Iterable[str]:
    """Tell the uids of the nodes that a query event has found."""
    return [vertex[VProps.ID]
            for vertex in event.get(TransformerBase.QUERY_RESULT, ())]


def _properties(cluster: str, node: nodes.Node) -> Properties:
    return msgspec.structs.asdict(node) | {'cluster': cluster}


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
