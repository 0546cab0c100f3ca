# SPDX-License-Identifier: Apache-2.0
"""A Vitrage of real services that the tests of a class share."""

import contextlib
import json
import pathlib
import sys
import tempfile
from typing import Any
import unittest

from oslo_config import cfg
import oslo_messaging
from testtools import content

from tests.support.processes import await_true
from tests.support import services
from tests.support.vitrage_process import ClientTest
from vitrage_k8s import install_files
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab.openstack.server import OpenStack
from vitrage_k8s_lab import samples
from vitrage_k8s_lab.standalone import standalone

# That of the specification's node.
WEB = '41c40aab-80e9-4bb6-a280-27976bfc811f'
OTHER = '7d6b1ad0-4f0e-4a3c-9a53-0c2f5f7f4d11'

TYPES = ('nova.zone', 'nova.host', 'nova.instance', 'kubernetes')

Vertex = dict[str, Any]


class ServicesTest(ClientTest):
    """Asks a Vitrage that reads and hears a cloud and two clusters.

    Our templates are loaded. A test leaves behind what it has found.

    :ivar cloud: the cloud, with the servers WEB and OTHER
    :ivar blue: a cluster of the project shop, with the specification's node
        on WEB and two more
    :ivar green: a cluster of the project else, with the node other on OTHER
    """

    cloud: OpenStack
    blue: Simulator
    green: Simulator
    vitrage: services.Vitrage
    database: services.Database
    _notifier: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        missing = services.what_is_missing()
        if missing:
            # A runner may count it, and not print the reason.
            print(f'\nSKIPPED, the end-to-end tests: {missing}',
                  file=sys.stderr)
            raise unittest.SkipTest(missing)
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.cloud = stack.enter_context(OpenStack(
            {'compute-1': 'east', 'compute-2': 'west'},
            [{'id': WEB, 'name': 'web', 'host': 'compute-1',
              'project_id': 'shop'},
             {'id': OTHER, 'name': 'other-server', 'host': 'compute-2',
              'project_id': 'else'}]))
        cls.blue = stack.enter_context(Simulator(
            [samples.SPECIFICATION_NODE, samples.node('worker'),
             samples.node('broken', ready='False')], cluster='blue'))
        cls.green = stack.enter_context(Simulator(
            [samples.node('other', providerID=f'openstack:///{OTHER}')],
            cluster='green'))
        directory = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory()))
        cls.vitrage, bus, cls.database = stack.enter_context(
            services.running(directory, cls._options(directory)))
        cls._notifier = stack.enter_context(_nova_notifier(directory, bus.url))
        cls.connect(standalone.environment(cls.vitrage.url))
        cls._load_templates()

    @classmethod
    def _options(cls, directory: pathlib.Path) -> services.Options:
        """Make the options of vitrage.conf; write the kubeconfig."""
        kubeconfig = directory / 'kubeconfig'
        kubeconfig.write_text(json.dumps({
            'clusters': [
                {'name': each.cluster, 'cluster': {'server': each.url}}
                for each in (cls.blue, cls.green)],
            'contexts': [
                {'name': each.cluster, 'context': {'cluster': each.cluster}}
                for each in (cls.blue, cls.green)]}))
        return {
            'datasources': {
                'types': TYPES, 'path': ['vitrage_k8s', 'vitrage.datasources'],
                # The least that Vitrage admits.
                'snapshots_interval': 10},
            'kubernetes': {
                'config_file': kubeconfig, 'contexts': '*',
                'projects': 'blue:shop,green:else', 'changes_interval': 1},
            'service_credentials': cls.cloud.credentials,
            'evaluator': {'workers': 2},
        }

    @classmethod
    def _load_templates(cls) -> None:
        for name, path in install_files.find().items():
            if name.parent == install_files.TEMPLATES:
                cls.api.template.add(path=str(path))

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(self._add_logs)

    def _add_logs(self, exc_info: object) -> None:
        for name, log in self.vitrage.logs().items():
            self.addDetail(name, content.text_content(log))

    def topology(self) -> dict[str, Any]:
        """Return the whole topology; quicker than by the client's command."""
        graph: dict[str, Any] = self.api.topology.get(all_tenants=True)
        return graph

    def vertices(self, vitrage_type: str = 'kubernetes.node'
                 ) -> dict[str, Vertex]:
        """Return the vertices of a type by their names."""
        return {vertex['name']: vertex for vertex in self.topology()['nodes']
                if vertex['vitrage_type'] == vitrage_type}

    def state(self, name: str, vitrage_type: str = 'kubernetes.node'
              ) -> tuple[str, str]:
        """Return the state and the operational state of a vertex."""
        vertex = self.vertices(vitrage_type)[name]
        return vertex['state'], vertex['vitrage_operational_state']

    def edges(self) -> set[tuple[str, str, str]]:
        """Return the edges, with names for the vertices."""
        graph = self.topology()
        names = [vertex['name'] for vertex in graph['nodes']]
        return {(names[edge['source']], edge['relationship_type'],
                 names[edge['target']]) for edge in graph['links']}

    def alarms(self) -> list[tuple[str, str, str]]:
        """Return name, resource type and severity of each alarm."""
        return sorted((alarm['name'], alarm['vitrage_resource_type'],
                       alarm['vitrage_operational_severity'])
                      for alarm in self.api.alarm.list('all',
                                                       all_tenants=True))

    def set_server(self, status: str, event_type: str) -> None:
        """Let WEB change, and Nova notify that over RabbitMQ."""
        self.cloud.put_server(WEB, status=status)
        self._notifier.info(
            {}, event_type, self.cloud.notification(WEB))

    def lists(self) -> int:
        """Count how often the cluster green has been listed."""
        return sum('watch' not in request.query
                   for request in list(self.green.requests))

    def await_snapshots(self, count: int) -> list[str]:
        """Wait until Vitrage has read everything so many times.

        :returns: the vertices and edges that the database got meanwhile,
            as JSON
        """
        # When another one has ended, the database knows of the last, and
        # so it does of what was before.
        first = self._snapshots() + 1
        await_true(lambda: self._snapshots() >= first, 'a snapshot')
        before = self.rows()
        rows: dict[int, str] = {}

        def is_over() -> bool:
            # Often, for vitrage-persistor deletes them in time.
            rows.update(self.rows())
            return self._snapshots() > first + count

        await_true(is_over, f'{count} snapshots')
        return [rows[number] for number in rows.keys() - before.keys()]

    def _snapshots(self) -> int:
        """Count how often Vitrage has asked our driver for everything."""
        return self.vitrage.graph.log.read_text(errors='replace').count(
            'run driver get_all: kubernetes done')

    def rows(self) -> dict[int, str]:
        """Return the table of what has happened to the graph, as JSON."""
        return dict(self.database.query('SELECT id, payload FROM events'))


@contextlib.contextmanager
def _nova_notifier(directory: pathlib.Path, url: str) -> Any:
    """Make what sends notifications as Nova does."""
    path = directory / 'nova.conf'
    path.write_text(
        f'[DEFAULT]\ntransport_url = {url}\ncontrol_exchange = nova\n')
    conf = cfg.ConfigOpts()
    conf(['--config-file', str(path)], default_config_dirs=[])
    transport = oslo_messaging.get_notification_transport(conf)
    try:
        yield oslo_messaging.Notifier(
            transport, driver='messagingv2', publisher_id='nova-compute',
            topics=['vitrage_notifications'])
    finally:
        transport.cleanup()
