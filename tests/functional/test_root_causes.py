# SPDX-License-Identifier: Apache-2.0
"""Root causes from the host to the tenant, through Vitrage's evaluator."""

import itertools
from typing import Any

from tests.support import causes
from tests.support import clusters as made

NOT_READY = 'Kubernetes node is not ready'
SUSPECT = 'Kubernetes node is suspect'
HOST_NOT_READY = 'Compute host is not ready in Kubernetes'
AT_RISK = "Server's host is not ready"
ON_HOST = 'Server of a Kubernetes node is on a host with an alarm'
DOWN = 'compute.host.down'


class HostsTest(causes.CausesTest):

    def setUp(self) -> None:
        super().setUp()
        self.put_host('compute-1')
        self.put_host('compute-2')
        self.put_server('web')
        self.put_server('other', 'compute-2')
        self.clusters.add('u', made.make_node('n', name='compute-1'),
                          are_hosts=True)
        self.poll()
        self.assertEqual(set(), self.alarms())

    def put(self, **fields: Any) -> None:
        self.clusters.put('u', made.make_node(
            'n', name='compute-1', maintenance='False', **fields))
        self.poll()

    def test_a_node_that_fails_is_a_risk_for_the_servers(self) -> None:
        self.put(ready='Unknown')

        self.assertEqual({
            (NOT_READY, 'compute-1', 'CRITICAL'),
            (HOST_NOT_READY, 'compute-1', 'WARNING'),
            (AT_RISK, 'web', 'WARNING')}, self.alarms())
        self.assertEqual({(NOT_READY, HOST_NOT_READY),
                          (HOST_NOT_READY, AT_RISK)}, self.causes())
        self.put_server('late')
        self.assertIn((AT_RISK, 'late', 'WARNING'), self.alarms())

        self.put(ready='True')
        self.assertEqual(set(), self.alarms())

    def test_a_host_that_is_down_is_the_cause(self) -> None:
        self.put(ready='Unknown')
        self.report('compute-1')

        self.assertEqual({(DOWN, NOT_READY), (NOT_READY, HOST_NOT_READY),
                          (HOST_NOT_READY, AT_RISK)}, self.causes())
        self.report('compute-1', status='up')
        self.assertNotIn((DOWN, NOT_READY), self.causes())

    def test_an_alarm_of_vitrages_own_on_the_host_is_no_cause(self) -> None:
        # As critical as it may be: it would be the cause of its cause.
        self.put(ready='Unknown')
        self.deduce('nova.host', 'compute-1', 'deduced', 'CRITICAL')

        self.assertIn(('deduced', 'compute-1', 'CRITICAL'), self.alarms())
        self.assertNotIn(('deduced', NOT_READY), self.causes())

    def test_what_a_tenants_node_learns_of_it(self) -> None:
        self.clusters.add('t', made.make_server_node('m', 'web'))
        self.put(ready='Unknown')

        self.assertIn((SUSPECT, 'm', 'WARNING'), self.alarms())
        self.assertIn((AT_RISK, SUSPECT), self.causes())
        self.clusters.put('t', made.make_server_node(
            'm', 'web', ready='Unknown', maintenance='False'))
        self.poll()
        self.assertIn((AT_RISK, NOT_READY), self.causes())
        self.put(ready='True')
        self.assertEqual({(NOT_READY, 'm', 'CRITICAL')}, self.alarms())

    def test_all_ends_in_any_order(self) -> None:
        self.clusters.add('t', made.make_server_node('m', 'web'))
        def end_node() -> None:
            self.put(ready='True')

        def end_host() -> None:
            self.report('compute-1', status='up')

        def end_tenant() -> None:
            self.clusters.put('t', made.make_server_node('m', 'web'))
            self.poll()

        for order in itertools.permutations((end_node, end_host, end_tenant)):
            self.report('compute-1')
            self.clusters.put('t', made.make_server_node(
                'm', 'web', ready='Unknown', maintenance='False'))
            self.put(ready='Unknown')
            self.assertEqual(
                {(DOWN, NOT_READY), (DOWN, ON_HOST), (ON_HOST, NOT_READY),
                 (ON_HOST, SUSPECT), (AT_RISK, SUSPECT), (AT_RISK, NOT_READY),
                 (NOT_READY, HOST_NOT_READY), (HOST_NOT_READY, AT_RISK)},
                self.causes())

            for end in order:
                end()

            self.assertEqual((set(), set()), (self.alarms(), self.causes()))
            self.assertEqual('OK', self.state('m'))

    def test_a_host_that_is_gone_takes_its_alarms_along(self) -> None:
        self.put(ready='Unknown')
        self.graph.delete_host('compute-1')
        self._settle()
        self.poll()

        self.assertEqual({(NOT_READY, 'compute-1', 'CRITICAL')},
                         {each for each in self.alarms()
                          if each[0] != HOST_NOT_READY})


class QuietTest(causes.CausesTest):

    def setUp(self) -> None:
        super().setUp()
        self.put_host('compute-1')
        self.put_server('web')
        self.clusters.add('t', made.make_server_node('n', 'web'))
        self.poll()

    def put(self, **fields: Any) -> None:
        self.clusters.put('t', made.make_server_node(
            'n', 'web', **{'maintenance': 'False', **fields}))
        self.poll()

    def test_severity_of_an_alarm_counts(self) -> None:
        for severity, is_suspect in (
                ('warning', False), ('critical', True), ('warning', False),
                ('severe', True), ('unheard-of', False), ('ok', False)):
            self.report('compute-1', severity)
            self.assertIs(is_suspect, SUSPECT in {
                name for name, _, _ in self.alarms()}, severity)
            self.assertEqual('SUBOPTIMAL' if is_suspect else 'OK',
                             self.state('n'))

    def test_maintenance_is_no_reason_for_an_alarm(self) -> None:
        for fields in ({'unschedulable': 'True'}, {'maintenance': 'True'}):
            self.put(**fields)
            self.assertEqual((set(), 'SUBOPTIMAL'),
                             (self.alarms(), self.state('n')))

    def test_a_node_in_maintenance_that_fails_is_a_warning(self) -> None:
        critical = {(NOT_READY, 'n', 'CRITICAL')}
        warning = {(NOT_READY, 'n', 'WARNING')}
        for fields, alarms in (
                ({}, critical), ({'unschedulable': 'True'}, warning),
                ({'unschedulable': 'True', 'maintenance': 'True'}, warning),
                ({'maintenance': 'True'}, warning), ({}, critical),
                ({'ready': 'True'}, set())):
            self.put(**{'ready': 'False', **fields})
            self.assertEqual(alarms, self.alarms(), fields)

    def test_an_api_server_that_is_away_is_one_alarm(self) -> None:
        for number in range(3):
            self.clusters.put('t', made.make_node(
                f'm{number}', roles='control-plane', maintenance='False'))
        self.poll()
        self.clusters.healths['t'] = made.UNREACHABLE
        self.poll()

        self.assertEqual({('Kubernetes API server cannot be read', 't',
                           'CRITICAL')}, self.alarms())


class DevicesTest(causes.CausesTest):

    def setUp(self) -> None:
        super().setUp()
        self.put_server('web')
        self.put_server('other')
        self.clusters.add('t', made.make_server_node(
            'n', 'web', maintenance='False'))
        self.poll()

    def put_volume(self, status: str, server: str = 'web') -> None:
        self.process('cinder.volume', {
            'id': 'v', 'display_name': 'v', 'status': status, 'size': 1,
            'created_at': '2026-01-02T03:04:05Z', 'volume_type': 'lvm',
            'attachments': [{'server_id': server}],
            'os-vol-tenant-attr:tenant_id': 'p'})

    def put_port(self, status: str, server: str = 'web') -> None:
        self.process('neutron.port', {
            'id': 'port', 'name': 'port', 'status': status,
            'updated_at': '2026-01-02T03:04:05Z', 'tenant_id': 'p',
            'network_id': 'net', 'device_id': server,
            'fixed_ips': [{'ip_address': '10.0.0.1'}],
            'binding:host_id': 'compute-1'})

    def test_what_fails_of_a_server_is_the_cause(self) -> None:
        for put, failed, well, alarm, resource in (
                (self.put_volume, 'error', 'in-use',
                 'Volume of a Kubernetes node is in error', 'v'),
                (self.put_volume, 'error_extending', 'in-use',
                 'Volume of a Kubernetes node is in error', 'v'),
                (self.put_port, 'DOWN', 'ACTIVE',
                 'Port of a Kubernetes node is down', 'port')):
            for is_device_first in (True, False):
                put(well)
                self.assertEqual(set(), self.alarms())
                if is_device_first:
                    put(failed)
                self.clusters.put('t', made.make_server_node(
                    'n', 'web', ready='False', maintenance='False'))
                self.poll()
                if not is_device_first:
                    put(failed)

                self.assertEqual({(NOT_READY, 'n', 'CRITICAL'),
                                  (alarm, resource, 'WARNING')},
                                 self.alarms())
                self.assertEqual({(alarm, NOT_READY)}, self.causes())

                put(well)
                self.assertEqual({(NOT_READY, 'n', 'CRITICAL')},
                                 self.alarms())
                self.clusters.put('t', made.make_server_node(
                    'n', 'web', maintenance='False'))
                self.poll()

    def test_a_server_that_is_no_node_is_none_of_our_business(self) -> None:
        self.put_volume('error', 'other')
        self.put_port('DOWN', 'other')
        self.assertEqual(set(), self.alarms())
