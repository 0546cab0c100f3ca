# SPDX-License-Identifier: Apache-2.0
"""Vitrage's graph with its scenario evaluator, and our templates.

The templates' loading, the evaluator with its database, and the transformers
of all datasources are Vitrage's; what its processes send one another is handed
over here.
"""

import shutil
from typing import Any
import uuid

from oslo_db import options as db_options
from oslo_db.sqlalchemy import enginefacade
from oslo_utils import timeutils
from vitrage.common.constants import DatasourceAction
from vitrage.common.constants import TemplateStatus
from vitrage.datasources.driver_base import DriverBase
from vitrage.entity_graph.processor.processor import Processor
from vitrage.evaluator.actions.action_executor import ActionExecutor
from vitrage.evaluator.actions.base import ActionType
from vitrage.evaluator.actions.recipes.base import EVALUATOR_EVENT_TYPE
from vitrage.evaluator.actions.recipes.raise_alarm import RaiseAlarm
from vitrage.evaluator.scenario_evaluator import ActiveActionsTracker
from vitrage.evaluator.scenario_evaluator import ScenarioEvaluator
from vitrage.evaluator.scenario_repository import ScenarioRepository
from vitrage.evaluator.template_data import ActionSpecs
from vitrage.evaluator.template_db import template_repository
from vitrage import opts as vitrage_opts
from vitrage import storage
from vitrage.storage.sqlalchemy import models
from vitrage.utils import file as file_utils

from tests.support import base
from tests.support import clusters as made
from tests.support import graph as graphs
from vitrage_k8s.graph import feed as feeds
from vitrage_k8s.graph import ties
from vitrage_k8s import install_files
from vitrage_k8s_lab.standalone import standalone

TYPES = ('nova.zone', 'nova.host', 'nova.instance', 'cinder.volume',
         'neutron.network', 'neutron.port', 'doctor', 'kubernetes')


class CausesTest(base.FunctionalTest):
    """Feeds Vitrage's graph by hand, and looks at what templates make of it.

    :ivar clusters: the clusters; poll() shows them
    :ivar graph: Vitrage's graph
    """

    def setUp(self) -> None:
        super().setUp()
        standalone.write_configuration(self.directory, {})
        values = self.directory / 'datasources_values'
        # All severities, as deployments have them.
        shutil.copy(values / 'vitrage.yaml', values / 'doctor.yaml')
        self.set_options('entity_graph', datasources_values_dir=str(values))
        self.set_options('datasources', types=list(TYPES))
        for each in TYPES[:-1]:
            vitrage_opts.register_opts(each, ['vitrage.datasources'])
        self.conf.register_opts(db_options.database_opts, group='database')
        self.set_options('database', connection='sqlite://')
        self._load_templates()
        self.clusters = made.Clusters()
        self._feed = feeds.Feed(500, ties.TYPES)
        self.processor = Processor()
        self.graph = graphs.Graph(self)
        self._actions: list[Any] = []
        ScenarioEvaluator(self.graph.graph, ScenarioRepository(),
                          lambda _, events: self._actions.extend(events),
                          enabled=True)

    @staticmethod
    def _load_templates() -> None:
        database = storage.get_connection_from_config()
        engine = enginefacade.writer.get_engine()
        models.Base.metadata.drop_all(engine)
        models.Base.metadata.create_all(engine)
        # What it has learned of another test's files.
        ActiveActionsTracker.action_tools = None
        loaded = [file_utils.load_yaml_file(str(path), True)
                  for name, path in install_files.find().items()
                  if name.parent == install_files.TEMPLATES]
        for template in template_repository.add_templates_to_db(
                database, loaded, None):
            assert template.status == TemplateStatus.LOADING, \
                template.status_details
            database.templates.update(template.uuid, 'status',
                                      TemplateStatus.ACTIVE)

    def _settle(self) -> None:
        """Let the processor take what the evaluator wants, to its end."""
        for _ in range(100):
            if not self._actions:
                return
            self.graph.advance(1)
            for event in [self._actions.pop(0) for _ in self._actions[:]]:
                self.processor.process_event(event)
        self.fail('the templates go round in circles')

    def poll(self) -> None:
        """Show what the clusters are."""
        self.clusters.take_changed()
        self.graph.snapshot(self._feed, self.clusters.view())
        self._settle()

    def process(self, entity_type: str, event: dict[str, Any],
                action: str = DatasourceAction.SNAPSHOT) -> None:
        """Let another datasource send an event."""
        self.graph.advance(1)
        [event] = DriverBase.make_pickleable([event], entity_type, action)
        self.processor.process_event(event)
        self._settle()

    def put_host(self, name: str) -> None:
        self.process('nova.host', {'host': name, 'zone': 'nova'})

    def put_server(self, uuid: str, host: str = 'compute-1',
                   status: str = 'ACTIVE') -> None:
        self.process('nova.instance', {
            'id': uuid, 'name': uuid, 'status': status, 'tenant_id': 'p',
            'OS-EXT-SRV-ATTR:host': host})

    def report(self, host: str, severity: str = 'critical',
               status: str = 'down') -> None:
        """Report a failure of a host, as a monitor does (doctor)."""
        now = timeutils.utcnow().strftime('%Y-%m-%dT%H:%M:%S.%f')
        self.process('doctor', {
            'time': now, 'type': 'compute.host.down', 'event_type': 'x',
            'update_time': now, 'details': {
                'hostname': host, 'status': status, 'severity': severity,
                'source': 'm', 'cause': 'link-down', 'monitor_id': 'm',
                'monitor_event_id': str(uuid.uuid4())}},
            DatasourceAction.UPDATE)

    def deduce(self, entity_type: str, identity: str, name: str,
               severity: str) -> None:
        """Raise an alarm as another template does."""
        [target] = self.graph.graph.get_vertices(
            {'vitrage_type': entity_type, 'id': identity})
        for step in RaiseAlarm.get_do_recipe(ActionSpecs(
                'id', ActionType.RAISE_ALARM, {'target': target},
                {'alarm_name': name, 'severity': severity})):
            event = {**step.params, EVALUATOR_EVENT_TYPE: step.type}
            ActionExecutor._add_default_properties(event)
            self.processor.process_event(event)
        self._settle()

    def alarms(self) -> set[tuple[str, str, str]]:
        """Return the name, resource and operational severity of alarms."""
        graph = self.graph.graph
        return {(alarm['name'], graph.get_vertex(edge.target_id)['name'],
                 alarm['vitrage_operational_severity'])
                for alarm in graph.get_vertices({
                    'vitrage_category': 'ALARM', 'vitrage_is_deleted': False})
                for edge in graph.get_edges(alarm.vertex_id, attr_filter={
                    'relationship_type': 'on', 'vitrage_is_deleted': False})}

    def causes(self) -> set[tuple[str, str]]:
        """Return the names of alarms that cause others, and of these."""
        graph = self.graph.graph
        return {(alarm['name'], graph.get_vertex(edge.target_id)['name'])
                for alarm in graph.get_vertices({
                    'vitrage_category': 'ALARM', 'vitrage_is_deleted': False})
                for edge in graph.get_edges(alarm.vertex_id, attr_filter={
                    'relationship_type': 'causes',
                    'vitrage_is_deleted': False})
                if edge.source_id == alarm.vertex_id}

    def state(self, name: str) -> str:
        """Return the operational state of a node."""
        [vertex] = self.graph.graph.get_vertices({
            'vitrage_type': 'kubernetes.node', 'name': name,
            'vitrage_is_deleted': False})
        return str(vertex['vitrage_operational_state'])
