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
from typing import Any

import msgspec
from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import GraphAction
from vitrage.common.constants import VertexProperties as VProps

from vitrage_k8s import inventory
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_NODE
from vitrage_k8s import nodes

Event = dict[str, Any]

CLUSTER = 'cluster'
PROPERTIES = 'properties'


def cluster_event(cluster: str, state: str) -> Event:
    """Tell of a cluster."""
    return _event(KUBERNETES_CLUSTER, cluster, {
        VProps.ID: cluster, VProps.NAME: cluster, VProps.STATE: state})


def node_events(cluster: str, seen: inventory.Sighting,
                action: str) -> Iterator[Event]:
    """Tell of a node: the properties that it has, and those that it lost.

    Vitrage takes a None for a property that the vertex has as an order to
    remove it; in a new vertex it would show the None. Of a node that is new to
    us, only the initial snapshot, which fills an empty graph, tells that there
    is no vertex yet, for a restarted Vitrage has kept them all. In between,
    two events are needed: one that makes the vertex, and one that cleans it.

    :param cluster: the name of the node's cluster
    :param seen: the node, and what was known of it before
    :param action: Vitrage's ``DatasourceAction`` of the poll
    """
    properties = _properties(cluster, seen.node)
    present = {name: value for name, value in properties.items()
               if value is not None}
    if seen.before is not None:
        before = _properties(cluster, seen.before)
        lost = {name: None for name, value in properties.items()
                if value is None and before[name] is not None}
        yield _event(KUBERNETES_NODE, cluster, present | lost)
        return
    yield _event(KUBERNETES_NODE, cluster, present)
    if action != DatasourceAction.INIT_SNAPSHOT:
        yield _event(KUBERNETES_NODE, cluster, properties)


def delete_event(cluster: str, node: nodes.Node) -> Event:
    """Tell that a node is gone."""
    event = _event(KUBERNETES_NODE, cluster, {VProps.ID: node.id})
    event[DSProps.EVENT_TYPE] = GraphAction.DELETE_ENTITY
    return event


def _properties(cluster: str, node: nodes.Node) -> dict[str, str | None]:
    return msgspec.structs.asdict(node) | {'cluster': cluster}


def _event(entity_type: str, cluster: str,
           properties: dict[str, Any]) -> Event:
    return {DSProps.ENTITY_TYPE: entity_type, CLUSTER: cluster,
            PROPERTIES: properties}
