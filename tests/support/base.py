# SPDX-License-Identifier: Apache-2.0
"""Vitrage's own machinery around our datasource, and a simulated API server.

Everything between the option registration and the graph is Vitrage's; the
driver reads from the simulator over HTTP.
"""

import base64
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import json
import pathlib
import shutil
import tempfile
import threading
import time
from typing import Any

import fixtures
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslo_utils import fixture as time_fixture
from oslo_utils import timeutils
import testtools
from testtools.content import Content
from testtools.content import text_content
from testtools import matchers
from vitrage.common.constants import DatasourceAction
from vitrage.datasources import kubernetes as in_tree
from vitrage.datasources.transformer_base import TransformerBase
from vitrage.datasources import utils as datasource_utils
from vitrage.entity_graph.consistency.consistency_enforcer import \
    ConsistencyEnforcer
from vitrage.entity_graph.driver_exec import DriverExec
from vitrage.entity_graph import graph_init
from vitrage.entity_graph.graph_persistency import GraphPersistency
from vitrage.entity_graph.processor.processor import Processor
from vitrage.evaluator.actions.action_executor import ActionExecutor
from vitrage.evaluator.actions.base import ActionType
from vitrage.evaluator.actions.recipes.base import EVALUATOR_EVENT_TYPE
from vitrage.evaluator.actions.recipes.raise_alarm import RaiseAlarm
from vitrage.evaluator.actions.recipes.set_state import SetState
from vitrage.evaluator.template_data import ActionSpecs
from vitrage.graph.driver.networkx_graph import NXGraph
from vitrage import opts as vitrage_opts

import vitrage_k8s
from vitrage_k8s.driver import KubernetesDriver
from vitrage_k8s import install_files
from vitrage_k8s_lab.kube_api.server import Simulator

# What a poll changes in a vertex in any case.
TIMESTAMPS = ('vitrage_sample_timestamp', 'update_timestamp')

DEFAULT_VALUES = """
category: RESOURCE
values:
  - aggregated values:
      priority: 10
      original values:
        - name: AVAILABLE
          operational_value: OK
"""


class Host:
    """Vitrage between its scheduler and its graph, with a clock to turn.

    Made as ``vitrage.entity_graph.graph_init.VitrageGraphInit`` makes it,
    less the worker processes and the database: what would be written there
    stays in ``rows``.
    """

    def __init__(self, clock: time_fixture.TimeFixture) -> None:
        self.graph = NXGraph()
        persistency = GraphPersistency(None, self.graph)
        self.rows = persistency.events_buffer
        self.graph.subscribe(persistency.persist_event, finalization=True)
        self._processor = Processor(self.graph)
        coordination = graph_init.EventsCoordination(self._process)
        self._driver_exec = DriverExec(
            coordination.handle_multiple_low_priority, persistency, self.graph)
        self._consistency = ConsistencyEnforcer(
            self.graph, coordination.handle_multiple_high_priority)
        self._clock = clock
        self.batches: list[int] = []
        # Called while a list of events waits, and after it, when templates
        # have their turn.
        self.before: Callable[[], None] | None = None
        self.between: Callable[[], None] | None = None

    def _process(self, event: Any) -> None:
        batch = event if isinstance(event, list) else [event]
        if self.before and isinstance(event, list):
            self.before()
        self.batches.append(len(batch))
        for each in batch:
            self._processor.process_event(each)
        if self.between and isinstance(event, list):
            self.between()

    def start(self) -> int:
        """Make the first poll, into an empty graph."""
        return self._get_all(DatasourceAction.INIT_SNAPSHOT)

    def poll(self) -> int:
        """Make one of the periodic polls, a snapshots interval later."""
        self.advance(cfg.CONF.datasources.snapshots_interval)
        return self._get_all(DatasourceAction.SNAPSHOT)

    def read(self, datasource: str, first: bool = False) -> int:
        """Poll one datasource only, a second later.

        :param first: whether Vitrage starts with it
        """
        self.advance(1)
        return self._driver_exec.get_all(
            datasource, DatasourceAction.INIT_SNAPSHOT if first
            else DatasourceAction.SNAPSHOT)

    def set_state(self, name: str, state: str | None) -> None:
        """Set the state of a node as a template does; None takes it back."""
        self._act(SetState, ActionType.SET_STATE, name, state=state)

    def raise_alarm(self, name: str) -> None:
        """Raise an alarm on a node as a template does."""
        self._act(RaiseAlarm, ActionType.RAISE_ALARM, name,
                  alarm_name='An alarm', severity='WARNING')

    def _act(self, recipe: Any, kind: str, name: str, **values: Any) -> None:
        [step] = recipe.get_do_recipe(ActionSpecs(
            'id', kind, {'target': self._node(name)}, values))
        event = {**step.params, EVALUATOR_EVENT_TYPE: step.type}
        ActionExecutor._add_default_properties(event)
        self._process(event)

    def _node(self, name: str) -> Any:
        [vertex] = self.graph.get_vertices(
            {'vitrage_type': 'kubernetes.node', 'name': name})
        return vertex

    def get_changes(self) -> int:
        """Ask for changes, a second later."""
        self.advance(1)
        return self._driver_exec.get_changes('kubernetes')

    def check_consistency(self) -> None:
        """Run the periodic consistency check."""
        self._consistency.periodic_process()

    def advance(self, seconds: int) -> None:
        self._clock.advance_time_seconds(seconds)

    def _get_all(self, action: str) -> int:
        return sum(self._driver_exec.get_all(datasource, action)
                   for datasource in cfg.CONF.datasources.types)

    def vertices(self, vitrage_type: str) -> dict[str, dict[str, Any]]:
        """Return the properties of what is in the graph, by name."""
        return {vertex.get('name') or vertex['id']: vertex.properties
                for vertex in self.graph.get_vertices(
                    {'vitrage_type': vitrage_type,
                     'vitrage_is_deleted': False})}

    def node_names(self) -> list[str]:
        return sorted(self.vertices('kubernetes.node'))

    def everything(self) -> tuple[dict[str, Any], set[Any]]:
        """Return all vertices less their timestamps, and all edges."""
        vertices = {
            vertex.vertex_id: {name: value for name, value
                               in vertex.properties.items()
                               if name not in TIMESTAMPS}
            for vertex in self.graph.get_vertices()}
        edges = {(edge.source_id, edge.label, edge.target_id)
                 for vertex_id in vertices
                 for edge in self.graph.get_edges(
                     vertex_id, attr_filter={'vitrage_is_deleted': False})}
        return vertices, edges


class FunctionalTest(testtools.TestCase):
    """Runs our datasource in a Host against simulated API servers."""

    host: Host
    paths: tuple[str, ...] = ('vitrage_k8s', 'vitrage.datasources')

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.useFixture(
            time_fixture.TimeFixture(timeutils.utcnow()))
        self.directory = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.directory)
        self.conf = self.useFixture(config_fixture.Config(cfg.CONF))
        for group, options in vitrage_opts.list_opts():
            self.conf.register_opts(
                list(options), group=None if group == 'DEFAULT' else group)
        self.set_options('datasources', types=['kubernetes'],
                         path=list(self.paths))
        shutil.copytree(install_files.ETC / install_files.VALUES,
                        self.directory / 'values')
        (self.directory / 'values/default.yaml').write_text(DEFAULT_VALUES)
        self.set_options('entity_graph', datasources_values_dir=str(
            self.directory / 'values'))
        # What takes 20 s and more on a real clock.
        self.set_waits(DOUBT=0.2, DOUBT_STEPS=(0.0, 0.01, 0.01, 0.01, 0.01),
                       FIRST_WAIT=0.02, FIRST_RETRY=0.02)
        self.set_notices(1000)
        self._forget()
        self.addCleanup(self._forget)
        self.load_datasource()
        if 'max_retries' in cfg.CONF.kubernetes:
            # A test that is about these asks for them.
            self.set_options(max_retries=0, update_method='none')

    @staticmethod
    def _forget() -> None:
        # Vitrage keeps these for the life of its process.
        for driver in datasource_utils.drivers.values():
            if isinstance(driver, KubernetesDriver):
                driver.close()
        for thread in threading.enumerate():
            if thread.name == 'vitrage-k8s-check':
                thread.join(10)
        datasource_utils.drivers.clear()
        TransformerBase.key_to_uuid_cache.clear()

    def load_datasource(self) -> None:
        """Register the datasource's options, as Vitrage does at its start."""
        vitrage_opts.register_opts('kubernetes', cfg.CONF.datasources.path)
        self.addCleanup(
            cfg.CONF.unregister_opts, [*vitrage_k8s.OPTS, *in_tree.OPTS],
            group='kubernetes')

    def set_notices(self, lines: int) -> None:
        """Set how many warnings a cluster may log in a minute."""
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.notices.LINES', lines))

    def set_waits(self, **waits: Any) -> None:
        """Set constants of watch_policy, in seconds."""
        for name, value in waits.items():
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.watch_policy.{name}', value))

    def set_options(self, group: str = 'kubernetes', **options: Any) -> None:
        self.conf.config(group=group, **options)

    def start_simulator(self, *nodes: Mapping[str, Any],
                        cluster: str = 'simulator') -> Simulator:
        """Start an API server, and point config_file at it."""
        simulator = Simulator(nodes, cluster=cluster).start()
        self.addCleanup(simulator.stop)
        kubeconfig = self.directory / f'{cluster}.kubeconfig'
        kubeconfig.write_text(simulator.kubeconfig())
        self.set_options(config_file=str(kubeconfig))
        return simulator

    def make_host(self) -> Host:
        return Host(self.clock)

    def restart_vitrage(self) -> None:
        """Go on with a new process that has loaded the stored graph."""
        stored = self.host.graph.write_gpickle()
        self._forget()
        self.host = self.make_host()
        NXGraph.read_gpickle(stored, self.host.graph)
        graph_init.VitrageGraphInit._recreate_transformers_id_cache(self.host)

    def vertex(self, name: str) -> dict[str, Any]:
        """Return the properties of a node's vertex."""
        return self.host.vertices('kubernetes.node')[name]

    def clock_time(self) -> str:
        return timeutils.utcnow().strftime('%Y-%m-%dT%H:%M:%SZ')

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for up to ten seconds until something is so."""
        deadline = time.monotonic() + 10
        while not condition():
            if time.monotonic() > deadline:
                self.fail('it did not come to pass')
            time.sleep(0.05)


def merge_kubeconfigs(simulators: Iterable[Simulator]) -> dict[str, Any]:
    """Return one kubeconfig with a context for each server."""
    merged: dict[str, Any] = {}
    for simulator in simulators:
        for part, items in json.loads(simulator.kubeconfig()).items():
            if isinstance(items, list):
                merged[part] = merged.get(part, []) + items
            else:
                merged.setdefault(part, items)
    return merged


def open_files() -> int:
    """Count the file descriptors of this process."""
    return len(list(pathlib.Path('/proc/self/fd').iterdir()))


def b64(content: bytes) -> str:
    """Encode what goes into a *-data field of a kubeconfig."""
    return base64.b64encode(content).decode()


def at_most(most: float) -> matchers.Matcher:
    """Match what is not greater than a number."""
    return matchers.Not(matchers.GreaterThan(most))


def text(content: str) -> Content:
    """Make a detail of a test's report."""
    return text_content(content)
