# SPDX-License-Identifier: Apache-2.0
"""From events to vertices and their neighbours. No I/O.

::

    openstack.cluster --contains--> kubernetes.cluster
                      kubernetes.cluster --comprised--> kubernetes.node
                           nova.instance --contains---> kubernetes.node
"""

from typing import Any

from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import EdgeLabel
from vitrage.common.constants import EntityCategory
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources.nova.instance import NOVA_INSTANCE_DATASOURCE
from vitrage.datasources import OPENSTACK_CLUSTER
from vitrage.datasources.resource_transformer_base import \
    ResourceTransformerBase
from vitrage.datasources import transformer_base as tbase
from vitrage.graph import utils as graph_utils

from vitrage_k8s.graph import events
from vitrage_k8s import KUBERNETES_CLUSTER
from vitrage_k8s import KUBERNETES_DATASOURCE

Event = events.Event


class KubernetesTransformer(ResourceTransformerBase):
    """Makes vertices of the driver's events, for all our entity types."""

    def get_vitrage_type(self) -> str:
        """Return the name of the datasource."""
        return KUBERNETES_DATASOURCE

    @staticmethod
    def get_enrich_query(event: Event) -> dict[str, Any] | None:
        """Return what an event asks the graph for, if anything."""
        return event.get(events.QUERY)

    def _create_snapshot_entity_vertex(self, entity_event: Event) -> Any:
        properties = events.properties_of(entity_event)
        sample_timestamp = entity_event[DSProps.SAMPLE_DATE]
        vertex = graph_utils.create_vertex(
            self._create_entity_key(entity_event),
            vitrage_category=EntityCategory.RESOURCE,
            vitrage_type=entity_event[DSProps.ENTITY_TYPE],
            vitrage_sample_timestamp=sample_timestamp,
            update_timestamp=sample_timestamp,
            metadata=properties)
        # create_vertex leaves out what is None, which tells Vitrage to
        # remove a property that the vertex had.
        vertex.properties.update(
            (name, None) for name, value in properties.items()
            if value is None)
        return vertex

    _create_update_entity_vertex = _create_snapshot_entity_vertex

    def _create_snapshot_neighbors(self, entity_event: Event) -> list[Any]:
        if entity_event[DSProps.ENTITY_TYPE] == KUBERNETES_CLUSTER:
            return [self._create_root_neighbor(entity_event)]
        if events.LOST_SERVER in entity_event:
            return self._create_server_neighbors(
                entity_event, entity_event[events.LOST_SERVER])
        return [self._create_neighbor(
            entity_event, entity_event[events.CLUSTER], KUBERNETES_CLUSTER,
            EdgeLabel.COMPRISED, is_entity_source=False),
            *self._create_server_neighbors(
                entity_event, entity_event.get(events.SERVER))]

    _create_update_neighbors = _create_snapshot_neighbors

    def _create_root_neighbor(self, entity_event: Event) -> Any:
        # As vitrage.datasources.nova.zone makes it: not a placeholder, so
        # that `topology show` has a root where no Nova datasource runs.
        return self._create_neighbor(
            entity_event, tbase.CLUSTER_ID, OPENSTACK_CLUSTER,
            EdgeLabel.CONTAINS, is_entity_source=False,
            metadata={VProps.VITRAGE_IS_PLACEHOLDER: False,
                      VProps.STATE: tbase.AVAILABLE,
                      VProps.NAME: OPENSTACK_CLUSTER})

    def _create_server_neighbors(self, entity_event: Event,
                                 server: str | None) -> list[Any]:
        # Where no datasource makes the servers real, they would be
        # placeholders, which Vitrage deletes and we would make for ever.
        if server is None or NOVA_INSTANCE_DATASOURCE not in self.transformers:
            return []
        return [self._create_neighbor(
            entity_event, server, NOVA_INSTANCE_DATASOURCE,
            EdgeLabel.CONTAINS, is_entity_source=False)]

    def _create_entity_key(self, entity_event: Event) -> str:
        return tbase.build_key(self._key_values(
            entity_event[DSProps.ENTITY_TYPE],
            entity_event[events.PROPERTIES][VProps.ID]))
