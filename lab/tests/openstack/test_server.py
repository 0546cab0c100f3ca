# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
import json
import tempfile
from typing import Any
import urllib.error
import urllib.request

import fixtures
from keystoneauth1 import exceptions as keystone_exceptions
from keystoneauth1 import loading
from keystoneauth1 import session
from novaclient import client
import testtools

from vitrage_k8s_lab.openstack.server import OpenStack
from vitrage_k8s_lab.openstack.server import STATES

HOSTS = {'compute-1': 'east', 'compute-2': 'east', 'compute-3': 'west'}


def server(number: int, **fields: str) -> dict[str, str]:
    return {'id': f'id-{number}', 'name': f'Server {number}',
            'host': 'compute-1', 'project_id': 'shop', **fields}


class OpenStackTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.cloud = self.start(server(1), server(2, host='compute-3'))
        # The Nova client writes there, else in the home directory.
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.useFixture(fixtures.EnvironmentVariable(
            'NOVACLIENT_UUID_CACHE_DIR', directory.name))
        self.useFixture(fixtures.EnvironmentVariable('no_proxy', '127.0.0.1'))

    def start(self, *servers: Mapping[str, str], **options: Any) -> OpenStack:
        cloud = OpenStack(HOSTS, servers, **options)
        self.addCleanup(cloud.stop)
        return cloud.start()

    def session(self, cloud: OpenStack,
                changes: Mapping[str, str] | None = None) -> session.Session:
        credentials = {**cloud.credentials, **(changes or {})}
        loader = loading.get_plugin_loader(credentials.pop('auth_type'))
        for name in ('region_name', 'interface'):
            del credentials[name]
        opened = session.Session(loader.load_from_options(**credentials))
        self.addCleanup(opened.session.close)
        return opened

    def nova(self, cloud: OpenStack | None = None, version: str = '2.11',
             changes: Mapping[str, str] | None = None) -> Any:
        cloud = cloud or self.cloud
        return client.Client(
            version, session=self.session(cloud, changes),
            region_name=cloud.credentials['region_name'])

    def request(self, path: str, body: bytes | None = None,
                headers: Mapping[str, str] | None = None,
                ) -> tuple[int, Any, Mapping[str, str]]:
        """Ask without any client of OpenStack's."""
        request = urllib.request.Request(self.cloud.url + path, body,
                                         dict(headers or {}))
        try:
            response = urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return response.status, json.load(response), response.headers

    def compute(self, path: str) -> tuple[int, Any]:
        """Ask the compute API with a token."""
        token = str(self.session(self.cloud).get_token())
        return self.request('/compute/v2.1' + path, headers={
            'X-Auth-Token': token,
            'X-OpenStack-Nova-API-Version': '2.11'})[:2]


class TestKeystone(OpenStackTest):

    def test_refuses_other_credentials(self) -> None:
        for name in ('username', 'password', 'user_domain_name',
                     'project_name', 'project_domain_name'):
            nova = self.nova(changes={name: 'wrong'})
            self.assertRaises(keystone_exceptions.Unauthorized,
                              nova.servers.list)

    def test_refuses_what_is_no_request_for_a_token(self) -> None:
        path = '/identity/v3/auth/tokens'
        status, body, _ = self.request(path, b'{"auth": []}')
        self.assertEqual((401, 401), (status, body['error']['code']))

    def test_says_who_has_authenticated_and_what_there_is(self) -> None:
        opened = self.session(self.cloud)
        access = opened.auth.get_access(opened)
        self.assertEqual(
            ('vitrage', 'Default', 'service', 'Default', ['admin']),
            (access.username, access.user_domain_name, access.project_name,
             access.project_domain_name, access.role_names))
        self.assertFalse(access.will_expire_soon(1800))
        self.assertEqual(
            {'identity', 'compute'},
            set(access.service_catalog.get_endpoints(
                interface='public', region_name='RegionOne')))

    def test_shares_no_password_with_another(self) -> None:
        self.assertNotEqual(self.cloud.credentials['password'],
                            self.start().credentials['password'])


class TestNova(OpenStackTest):

    def names(self) -> list[str]:
        return [each.name for each in self.nova().servers.list(
            search_opts={'all_tenants': 1})]

    def test_lists_the_servers_of_all_tenants(self) -> None:
        self.assertEqual(
            [('id-2', 'Server 2', 'ACTIVE', 'shop', 'compute-3', 'west',
              'instance-00000002'),
             ('id-1', 'Server 1', 'ACTIVE', 'shop', 'compute-1', 'east',
              'instance-00000001')],
            [(each.id, each.name, each.status, each.tenant_id,
              getattr(each, 'OS-EXT-SRV-ATTR:host'),
              getattr(each, 'OS-EXT-AZ:availability_zone'),
              getattr(each, 'OS-EXT-SRV-ATTR:instance_name'))
             for each in self.nova().servers.list(
                 search_opts={'all_tenants': 1})])

    def test_lists_the_services_of_a_kind(self) -> None:
        services = self.nova().services
        self.assertEqual(
            [(host, zone, 'up', 'enabled', False)
             for host, zone in HOSTS.items()],
            [(each.host, each.zone, each.state, each.status, each.forced_down)
             for each in services.list(binary='nova-compute')])
        self.assertEqual(
            {'nova-conductor', 'nova-scheduler', 'nova-compute'},
            {each.binary for each in services.list()})

    def test_lists_the_zones_with_their_hosts(self) -> None:
        zones = self.nova().availability_zones.list()
        self.assertEqual(
            {'internal': {'controller'}, 'east': {'compute-1', 'compute-2'},
             'west': {'compute-3'}},
            {zone.zoneName: set(zone.hosts) for zone in zones})
        west, = (zone for zone in zones if zone.zoneName == 'west')
        service = west.hosts['compute-3']['nova-compute']
        self.assertEqual((True, True, True), (
            west.zoneState['available'], service['active'],
            service['available']))

    def test_shows_what_was_added_changed_and_deleted(self) -> None:
        self.cloud.put_server(**server(3))
        self.cloud.put_server('id-1', status='SHUTOFF', host='compute-3')
        self.cloud.delete_server('id-2')
        shown = {each.id: each for each in self.nova().servers.list(
            search_opts={'all_tenants': 1})}
        self.assertEqual({'id-1', 'id-3'}, set(shown))
        changed = shown['id-1']
        self.assertEqual(
            ('Server 1', 'SHUTOFF', 'stopped', 'compute-3', 'west'),
            (changed.name, changed.status,
             getattr(changed, 'OS-EXT-STS:vm_state'),
             getattr(changed, 'OS-EXT-SRV-ATTR:host'),
             getattr(changed, 'OS-EXT-AZ:availability_zone')))
        self.cloud.delete_server('id-1')
        self.assertEqual(['Server 3'], self.names())

    def test_knows_nothing_of_an_earlier_server_of_that_id(self) -> None:
        self.cloud.put_server('id-1', status='ERROR')
        self.cloud.delete_server('id-1')
        self.cloud.put_server(**server(1, name='again'))
        again, _ = self.nova().servers.list(search_opts={'all_tenants': 1})
        self.assertEqual(
            ('again', 'ACTIVE', 'instance-00000003'),
            (again.name, again.status,
             getattr(again, 'OS-EXT-SRV-ATTR:instance_name')))

    def test_refuses_servers_that_cannot_be(self) -> None:
        self.assertRaises(KeyError, self.cloud.put_server, 'id-1',
                          host='compute-9')
        self.assertRaises(TypeError, self.cloud.put_server, 'id-3',
                          name='homeless')
        self.cloud.delete_server('id-1')
        self.assertRaises(TypeError, self.cloud.put_server, 'id-1')

    def test_refuses_requests_without_a_valid_token(self) -> None:
        for headers in ({}, {'X-Auth-Token': 'guessed'}):
            status, body, answered = self.request(
                '/compute/v2.1/servers/detail', headers=headers)
            self.assertEqual((401, 401), (status, body['error']['code']))
            self.assertEqual(f'Keystone uri="{self.cloud.url}/identity"',
                             answered['WWW-Authenticate'])

    def test_knows_nothing_else(self) -> None:
        for path in ('/', '/identity/v2.0', '/identity/v3/auth/tokens',
                     '/volume'):
            self.assertEqual(404, self.request(path)[0], path)
        self.assertEqual(404, self.compute('/flavors')[0])

    def test_goes_on_after_a_restart(self) -> None:
        nova = self.nova()
        nova.services.list()
        self.cloud.stop()
        self.cloud.stop()
        self.assertRaises(keystone_exceptions.ConnectFailure,
                          nova.services.list)
        self.cloud.start()
        self.assertEqual(['Server 2', 'Server 1'], self.names())
        self.assertEqual('/compute/v2.1/servers/detail',
                         self.cloud.requests[-1].path)


class TestNotification(OpenStackTest):

    def test_agrees_with_the_api_in_every_state(self) -> None:
        nova = self.nova()
        for status in STATES.keys() - {'DELETED'}:
            self.cloud.put_server('id-1', status=status)
            [shown] = [each.to_dict() for each in nova.servers.list(
                search_opts={'all_tenants': 1}) if each.id == 'id-1']
            payload = self.cloud.notification('id-1')
            # As it is sent.
            self.assertEqual(payload, json.loads(json.dumps(payload)))
            data = payload['nova_object.data']
            for name, named in (
                    ('uuid', 'id'), ('display_name', 'name'),
                    ('tenant_id', 'tenant_id'),
                    ('host', 'OS-EXT-SRV-ATTR:host'),
                    ('availability_zone', 'OS-EXT-AZ:availability_zone'),
                    ('state', 'OS-EXT-STS:vm_state')):
                self.assertEqual(shown[named], data[name], (status, name))
            self.assertEqual('server-1', data['host_name'])

    def test_still_knows_a_deleted_server(self) -> None:
        self.cloud.delete_server('id-1')
        data = self.cloud.notification('id-1')['nova_object.data']
        self.assertEqual(('deleted', 'compute-1'),
                         (data['state'], data['host']))
        self.assertRaises(KeyError, self.cloud.notification, 'id-3')
