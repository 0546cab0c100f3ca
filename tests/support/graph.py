# SPDX-License-Identifier: Apache-2.0
"""A feed between inventories and Vitrage's graph, without I/O.

The processor, the transformers, the graph and what becomes of an event that
fails are Vitrage's; what the driver does is done here.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import datetime
import pathlib
import tempfile
from typing import Any
from typing import Protocol

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslo_utils import fixture as time_fixture
from vitrage.common.constants import DatasourceAction
from vitrage import datasources
from vitrage.datasources.driver_base import DriverBase
from vitrage.datasources.nova import host
from vitrage.datasources.nova import instance
from vitrage.datasources.transformer_base import TransformerBase
from vitrage import entity_graph
from vitrage.entity_graph.driver_exec import DriverExec
from vitrage.entity_graph import graph_init
from vitrage.entity_graph.processor.processor import Processor
from vitrage.graph.driver.networkx_graph import NXGraph

import vitrage_k8s
from vitrage_k8s.api import clusters
from vitrage_k8s.graph import events
from vitrage_k8s.graph import feed as feeds
from vitrage_k8s.graph import queries
from vitrage_k8s.graph import ties

SERVER = 'nova.instance'
HOST = 'nova.host'
CLUSTER = 'kubernetes.cluster'
NODE = 'kubernetes.node'
ROOT = 'openstack.cluster'

_OPTIONS = {
    'datasources': datasources.OPTS, 'entity_graph': entity_graph.OPTS,
    'kubernetes': vitrage_k8s.OPTS, SERVER: instance.OPTS,
    HOST: host.OPTS}
_VALUES = """
category: RESOURCE
values:
  - aggregated values:
      priority: 10
      original values:
        - name: Ready
          operational_value: OK
"""

Event = dict[str, Any]
Edges = set[tuple[str, str, str]]


class Configured(Protocol):
    """What a graph needs."""

    clock: Any
    processor: Processor


class Configuration(fixtures.Fixture):
    """What Vitrage's processor reads of the configuration, and a clock."""

    def _setUp(self) -> None:
        conf = self.useFixture(config_fixture.Config(cfg.CONF))
        for group, options in _OPTIONS.items():
            conf.register_opts(options, group=group)
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        (pathlib.Path(directory.name) / 'default.yaml').write_text(_VALUES)
        conf.config(group='datasources', types=['kubernetes', *ties.TYPES])
        conf.config(group='entity_graph',
                    datasources_values_dir=directory.name)
        self.clock = self.useFixture(time_fixture.TimeFixture(
            datetime.datetime(2026, 1, 2, 3, 4, 5)))  # noqa: DTZ001
        self.processor = Processor()


def quiet() -> fixtures.FakeLogger:
    """Return what keeps the failures of Vitrage's processing from the log."""
    return fixtures.FakeLogger()


class Graph:
    """Vitrage's graph.

    :ivar sent: all events of ours that were processed
    :ivar batches: the lists of events of ours in which they came
    :ivar watch: called with each of them before it is processed
    :ivar failures: how many of them were not processed in full
    :ivar now: the time in seconds
    """

    def __init__(self, configuration: Configured) -> None:
        self._clock = configuration.clock
        self._processor = configuration.processor
        self.graph = self._processor.entity_graph = NXGraph()
        TransformerBase.key_to_uuid_cache.clear()
        self._failing: Iterator[bool] = iter(())
        self._coordination = graph_init.EventsCoordination(self._process)
        self.sent: list[Event] = []
        self.batches: list[list[Event]] = []
        self.watch: Callable[[list[Event]], None] = lambda batch: None
        self.failures = 0
        self._errors: list[Exception] = []
        self.now = 0.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self._clock.advance_time_seconds(seconds)

    def snapshot(self, feed: feeds.Feed, view: clusters.View, *,
                 failing: Iterable[bool] = (), is_first: bool = False) -> None:
        """Do what the driver's get_all() does.

        :param failing: for each event, whether its processing fails
        """
        self.advance(1)
        shown = self.ask()
        self.take(feed.snapshot(view, shown, self.now),
                  DatasourceAction.INIT_SNAPSHOT if is_first
                  else DatasourceAction.SNAPSHOT, failing)

    def changes(self, feed: feeds.Feed, view: clusters.View,
                changed: Iterable[str] = (), *,
                failing: Iterable[bool] = ()) -> bool:
        """Do what the driver's get_changes() does.

        :returns: whether the feed wanted to know what the graph shows
        """
        self.advance(1)
        wants_graph = feed.wants_graph(view, self.now)
        shown = self.ask() if wants_graph else None
        self.take(feed.changes(view, changed, self.now, shown),
                  DatasourceAction.UPDATE, failing)
        return wants_graph

    def ask(self) -> queries.Shown:
        """Return what the graph shows."""
        question = queries.question(ties.TYPES)
        self._hand_over([question], DatasourceAction.UPDATE)
        return queries.answer(question)

    def take(self, batches: Iterable[feeds.Batch],
             action: str = DatasourceAction.SNAPSHOT,
             failing: Iterable[bool] = ()) -> None:
        """Process what a feed yields.

        What fails but is not to is raised.
        """
        self._failing = iter(failing)
        for batch in batches:
            self.batches.append(batch)
            self.watch(batch)
            self._hand_over(batch, action)
        self._failing = iter(())

    def _hand_over(self, batch: list[Event], action: str) -> None:
        self._coordination.handle_multiple_low_priority(
            [DriverBase.make_pickleable(batch, 'kubernetes', action)])
        if self._errors:
            raise self._errors.pop()

    def _process(self, batch: list[Event]) -> None:
        for event in batch:
            if next(self._failing, False):
                self.failures += 1
                raise ValueError('a bug somewhere in Vitrage')
            try:
                self._processor.process_event(event)
            except Exception as error:
                self._errors.append(error)
                raise
            if events.PROPERTIES in event:
                self.sent.append(event)

    def put_server(self, uuid: str, project_id: str = 'p') -> None:
        """Do what Nova's datasource does with a server that it reads."""
        self._process_other(SERVER, {
            'id': uuid, 'name': uuid, 'status': 'ACTIVE',
            'tenant_id': project_id, 'OS-EXT-SRV-ATTR:host': 'compute-1'})

    def put_host(self, name: str) -> None:
        """Do what Nova's datasource does with a host that it reads."""
        self._process_other(HOST, {'host': name, 'zone': 'nova'})

    def delete_server(self, uuid: str, entity_type: str = SERVER) -> None:
        """Do what Vitrage does with a server that Nova has no more."""
        [event] = DriverExec._to_events(self.graph.get_vertices({
            'vitrage_type': entity_type, 'id': uuid,
            'vitrage_is_deleted': False}))
        self._processor.process_event(event)

    def delete_host(self, name: str) -> None:
        """Do what Vitrage does with a host that Nova has no more."""
        self.delete_server(name, HOST)

    def _process_other(self, entity_type: str, event: Event) -> None:
        [event] = DriverBase.make_pickleable(
            [event], entity_type, DatasourceAction.SNAPSHOT)
        self._processor.process_event(event)

    def restart(self) -> None:
        """Go on with a new process of Vitrage that loaded the graph."""
        TransformerBase.key_to_uuid_cache.clear()
        graph_init.VitrageGraphInit._recreate_transformers_id_cache(self)

    def shown(self, entity_type: str) -> dict[str, dict[str, Any]]:
        """Return the properties of what the graph shows, by id."""
        return {vertex.get('id') or vertex['name']: vertex.properties
                for vertex in self.graph.get_vertices({
                    'vitrage_type': entity_type, 'vitrage_is_deleted': False,
                    'vitrage_is_placeholder': False})}

    def edges(self) -> Edges:
        """Return which edges of ours there are: (id, label, id)."""
        shown = {vertex.vertex_id: vertex
                 for vertex in self.graph.get_vertices({
                     'vitrage_is_deleted': False})
                 if vertex['vitrage_type'] in (ROOT, CLUSTER, NODE, SERVER,
                                             HOST)}
        return {
            (shown[edge.source_id]['id'], edge.label,
             shown[edge.target_id]['id'])
            for vertex_id in shown
            for edge in self.graph.get_edges(
                vertex_id, attr_filter={'vitrage_is_deleted': False})
            if edge.source_id in shown and edge.target_id in shown
            and shown[edge.target_id]['vitrage_type'] in (CLUSTER, NODE)}
