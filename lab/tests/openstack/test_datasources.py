# SPDX-License-Identifier: Apache-2.0
"""A simulated OpenStack, read by Vitrage's own datasources.

Vitrage runs in a process of its own, and is asked by the real client.
"""

from tests.support.cloud import CloudTest
from tests.support.cloud import WEB


class TestOpenStack(CloudTest):

    def test_shows_zones_hosts_and_instances_down_to_the_nodes(self) -> None:
        self.assertLessEqual(
            {('openstack.cluster', 'contains', 'east'),
             ('openstack.cluster', 'contains', 'west'),
             ('east', 'contains', 'compute-1'),
             ('west', 'contains', 'compute-2'),
             ('compute-1', 'contains', 'web'),
             ('compute-2', 'contains', 'other'),
             ('web', 'contains', 'worker')}, self.edges())
        # Where Nova's own services run is no host for instances.
        self.assertFalse({'internal', 'controller'} & {
            vertex['name'] for vertex in self.topology()['nodes']})

    def test_shows_the_state_that_nova_notifies(self) -> None:
        self.assertEqual(('ACTIVE', 'OK'), self.states()[WEB])

        self.cloud.put_server(WEB, status='SUSPENDED')
        self.notify(WEB, 'instance.suspend.end')
        self.eventually(('suspended', 'SUBOPTIMAL'),
                        lambda: self.states()[WEB])

        self.cloud.put_server(WEB, status='ACTIVE')
        self.notify(WEB, 'instance.resume.end')
        self.eventually(('active', 'OK'), lambda: self.states()[WEB])

    def test_shows_instances_come_and_go(self) -> None:
        created = '5b0d5c2e-0b62-4d6c-8a6e-3f8f6f3c2f10'
        self.cloud.put_server(created, name='created', host='compute-2',
                              project_id='shop')
        self.notify(created, 'instance.create.end')
        self.eventually(
            True,
            lambda: ('compute-2', 'contains', 'created') in self.edges())

        self.cloud.delete_server(created)
        self.notify(created, 'instance.delete.end')
        self.eventually(False, lambda: created in self.states())

    def test_shows_the_alarm_of_a_host_until_it_is_up(self) -> None:
        self.assertEqual([], self.alarms())

        self.report()
        self.eventually(
            [('doctor', 'compute.host.down', 'nova.host', 'CRITICAL')],
            self.alarms)
        self.assertIn(('compute.host.down', 'on', 'compute-1'), self.edges())

        self.report(status='up')
        self.eventually([], self.alarms)
