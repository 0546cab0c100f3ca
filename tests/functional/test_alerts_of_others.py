# SPDX-License-Identifier: Apache-2.0
"""Who else sends alarms on nodes, and how Alertmanager logs in."""

import configparser
import json

import fixtures
from vitrage.entity_graph.driver_exec import DriversNotificationEndpoint
from vitrage.middleware import basic_and_keystone_auth
from vitrage import opts as vitrage_opts
import werkzeug
import werkzeug.test

from tests.support import base
from vitrage_k8s_lab.openstack import server as openstack
from vitrage_k8s_lab import samples


class ZabbixTest(base.FunctionalTest):
    """Zabbix names a resource by its id, as Nagios does."""

    def vertices_with_the_alarm(self, name: str) -> list[tuple[str, bool]]:
        """Map a host of Zabbix to a name, and let it have a problem.

        :returns: of each vertex that the alarm is on, its id and whether it is
            a placeholder
        """
        mapping = self.directory / 'zabbix_conf.yaml'
        mapping.write_text(json.dumps({'zabbix': [{
            'zabbix_host': 'worker-1', 'type': 'kubernetes.node',
            'name': name}]}))
        self.set_options('datasources', types=['zabbix', 'kubernetes'])
        vitrage_opts.register_opts('zabbix', ['vitrage.datasources'])
        self.set_options('zabbix', config_file=str(mapping))
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage.datasources.zabbix.driver.ZabbixDriver.conf_map', {}))
        self.start_simulator(samples.node('worker-1', uid='a-uid'))
        self.host = self.make_host()
        self.host.read('kubernetes', first=True)
        DriversNotificationEndpoint(
            self.host._driver_exec.process_output_func).init().info(
                {}, 'zabbix', 'zabbix.alarm.problem', {
                    'host': 'worker-1', 'hostid': '1', 'triggerid': '2',
                    'description': 'Load is high on worker-1',
                    'rawtext': 'Load is high on {HOST.NAME}',
                    'priority': '4', 'value': '1',
                    'lastchange': '1767323045'}, {})
        [alarm] = self.host.graph.get_vertices({'vitrage_type': 'zabbix'})
        self.assertEqual(f'Load is high on {name}', alarm['name'])
        return [(vertex['id'], vertex['vitrage_is_placeholder'])
                for vertex in self.host.graph.neighbors(alarm.vertex_id)]

    def test_alarm_is_on_the_node_of_that_uid(self) -> None:
        self.assertEqual([('a-uid', False)],
                         self.vertices_with_the_alarm('a-uid'))

    def test_name_makes_a_phantom(self) -> None:
        self.assertEqual([('worker-1', True)],
                         self.vertices_with_the_alarm('worker-1'))


class LoginTest(base.FunctionalTest):
    """Alertmanager's webhook gives the name and password of a user."""

    def post(self, **options: str) -> int:
        """Post to where the webhook is posted; return the HTTP status.

        :param options: those of [service_credentials] that differ
        """
        self.useFixture(
            fixtures.EnvironmentVariable('HOME', str(self.directory)))
        with openstack.OpenStack({}) as cloud:
            parser = configparser.ConfigParser(interpolation=None)
            parser['service_credentials'] = {**cloud.credentials, **options}
            path = self.directory / '.vitrage/vitrage.conf'
            path.parent.mkdir(exist_ok=True)
            with path.open('w') as file:
                parser.write(file)
            client = werkzeug.test.Client(
                basic_and_keystone_auth.BasicAndKeystoneAuth(
                    werkzeug.Response('taken'), {}))
            return client.post('/v1/event', auth=(
                cloud.credentials['username'],
                cloud.credentials['password'])).status_code

    def test_user_is_looked_for_by_the_ids_of_domains(self) -> None:
        self.assertEqual(200, self.post(
            user_domain_id='default', project_domain_id='default'))

    def test_names_of_domains_do_not_do(self) -> None:
        self.assertEqual(401, self.post(
            user_domain_name='Default', project_domain_name='Default'))
