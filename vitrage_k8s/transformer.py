# SPDX-License-Identifier: Apache-2.0
"""From events to vertices and their neighbours. No I/O.

::

    openstack.cluster --contains--> kubernetes.cluster
                      kubernetes.cluster --comprised--> kubernetes.node
                           nova.instance --contains---> kubernetes.node
                               nova.host --contains---> kubernetes.node
"""

from typing import Any

from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import EntityCategory
from vitrage.common.constants import VertexProperties as VProps
from vitrage.datasources import OPENSTACK_CLUSTER
from vitrage.datasources.resource_transformer_base import \
    ResourceTransformerBase
from vitrage.datasources import transformer_base as tbase
from vitrage.graph import utils as graph_utils

from vitrage_k8s.graph import events
from vitrage_k8s.graph import queries
from vitrage_k8s import KUBERNETES_DATASOURCE

# As vitrage.datasources.nova.zone makes the root: not a placeholder, so that
# `topology show` has a root where no Nova datasource runs.
_ROOT = {VProps.VITRAGE_IS_PLACEHOLDER: False, VProps.STATE: tbase.AVAILABLE,
         VProps.NAME: OPENSTACK_CLUSTER}


class KubernetesTransformer(ResourceTransformerBase):
    """Makes vertices of the driver's events, for all our entity types."""

    def get_vitrage_type(self) -> str:
        """Return the name of the datasource."""
        return KUBERNETES_DATASOURCE

    def transform(self, entity_event: events.Event) -> Any:
        """Return the vertex of an event and its neighbours."""
        return super().transform({
            **entity_event, DSProps.SAMPLE_DATE: events.date(entity_event)})

    @staticmethod
    def get_enrich_query(event: events.Event) -> dict[str, Any] | None:
        """Return what an event asks the graph for, if anything."""
        return queries.query_of(event)

    def _create_snapshot_entity_vertex(self,
                                       entity_event: events.Event) -> Any:
        properties = entity_event.get(events.PROPERTIES)
        if properties is None:
            # A question or a receipt: it has no vertex.
            return None
        sample_timestamp = entity_event[DSProps.SAMPLE_DATE]
        vertex = graph_utils.create_vertex(
            self._create_entity_key(entity_event),
            vitrage_category=EntityCategory.RESOURCE,
            vitrage_type=entity_event[DSProps.ENTITY_TYPE],
            vitrage_sample_timestamp=sample_timestamp,
            update_timestamp=sample_timestamp,
            metadata=properties)
        # create_vertex leaves out what is None, which makes Vitrage remove a
        # property that the vertex had.
        vertex.properties.update(
            (name, None) for name, value in properties.items()
            if value is None)
        return vertex

    _create_update_entity_vertex = _create_snapshot_entity_vertex

    def _create_snapshot_neighbors(self,
                                   entity_event: events.Event) -> list[Any]:
        return [self._create_neighbor(
            entity_event, link.id, link.entity_type, link.label,
            is_entity_source=False,
            metadata=_ROOT if link == events.ROOT else None)
            for link in entity_event[events.LINKS]]

    _create_update_neighbors = _create_snapshot_neighbors

    def _create_entity_key(self, entity_event: events.Event) -> str:
        return tbase.build_key(self._key_values(
            entity_event[DSProps.ENTITY_TYPE],
            entity_event[events.PROPERTIES][VProps.ID]))
