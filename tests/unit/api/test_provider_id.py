# SPDX-License-Identifier: Apache-2.0
"""What providerIDs say. The forms are from real clusters."""

import testtools

from vitrage_k8s.api.provider_id import parse_provider_id
from vitrage_k8s.api.provider_id import parse_system_uuid

UUID = '41c40aab-80e9-4bb6-a280-27976bfc811f'

# providerID: provider, instance id
FORMS: dict[str, tuple[str | None, str | None]] = {
    f'openstack:///{UUID}': ('openstack', UUID),
    f'openstack:///{UUID.upper()}': ('openstack', UUID),
    f'openstack://regionOne/{UUID}': ('openstack', UUID),
    f'openstack://{UUID}': ('openstack', UUID),
    f'openstack:////{UUID}': ('openstack', UUID),
    f'/{UUID}': ('openstack', UUID),
    f'regionOne/{UUID.upper()}': ('openstack', UUID),
    'openstack:///no-uuid': ('openstack', None),
    f'openstack:///{UUID}0': ('openstack', None),
    f'openstack://a/b/{UUID}': ('openstack', None),
    'openstack://': ('openstack', None),
    '': (None, None),
    'no-uuid': (None, None),
    '/no-uuid': (None, None),
    f'a/b/{UUID}': (None, None),
    'aws:///eu-west-1a/i-0abc': ('aws', 'i-0abc'),
    'aws:///eu-west-1a/5f9c/fargate-ip-10-0-0-1.internal': ('aws', None),
    'gce://project/europe-west1-b/name': ('gce', 'name'),
    'azure:///subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/'
    'virtualMachines/NAME': (
        'azure', '/subscriptions/s/resourcegroups/g/providers/'
        'microsoft.compute/virtualmachines/name'),
    'azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/'
    'virtualMachineScaleSets/S/virtualMachines/7': (
        'azure', '/subscriptions/s/resourcegroups/g/providers/'
        'microsoft.compute/virtualmachinescalesets/s/virtualmachines/7'),
    f'vsphere://{UUID}': ('vsphere', UUID),
    f'metal3://{UUID}': ('metal3', UUID),
    'metal3://ns/bmh': ('metal3', 'bmh'),
    'metal3://ns/bmh/machine': ('metal3', 'machine'),
    f'baremetalhost:///ns/name/{UUID}': ('baremetalhost', UUID),
    f'equinixmetal://{UUID}': ('equinixmetal', UUID),
    'digitalocean://1234': ('digitalocean', '1234'),
    'hcloud://1234': ('hcloud', '1234'),
    'hrobot://1234': ('hrobot', '1234'),
    'linode://1234': ('linode', '1234'),
    'alicloud://cn-hangzhou.i-bp1': ('alicloud', 'i-bp1'),
    'cn-hangzhou.i-bp1': ('alicloud', 'i-bp1'),
    'ibm://account///cluster/worker': ('ibm', 'worker'),
    'proxmox://region/104': ('proxmox', '104'),
    'tencentcloud:///800002/ins-abc': ('tencentcloud', 'ins-abc'),
    'kind://docker/kind/kind-worker': ('kind', 'kind-worker'),
    'docker:////kind-worker': ('docker', 'kind-worker'),
    'ocid1.instance.oc1.iad.aaaabbbb': (
        'oci', 'ocid1.instance.oc1.iad.aaaabbbb'),
    'oci://ocid1.instance.oc1.iad.aaaabbbb': (
        'oci', 'ocid1.instance.oc1.iad.aaaabbbb'),
    'ocid1.instance.': (None, None),
    'k3s://node-1': ('k3s', 'node-1'),
    'rke2://node-1': ('rke2', 'node-1'),
    'Unheard-Of://a/b/c': ('unheard-of', 'c'),
    'unheard-of://a/b/': ('unheard-of', 'b'),
    '://a': (None, 'a'),
}


class ParseProviderIdTest(testtools.TestCase):

    def test_tells_provider_and_instance_of_every_form(self) -> None:
        self.assertEqual(
            FORMS, {form: parse_provider_id(form) for form in FORMS})


class ParseSystemUuidTest(testtools.TestCase):

    def test_tells_the_uuid_where_no_cloud_claims_the_machine(self) -> None:
        for provider_id in ('', 'k3s://node-1', 'rke2://node-1'):
            self.assertEqual(
                UUID, parse_system_uuid(UUID.upper(), provider_id))

    def test_tells_nothing_where_a_provider_id_tells_of_another(self) -> None:
        for provider_id in ('openstack:///no-uuid', 'metal3://ns/bmh',
                            'kind://docker/kind/kind-worker', 'no-uuid'):
            self.assertIsNone(parse_system_uuid(UUID, provider_id))

    def test_tells_nothing_that_is_no_uuid(self) -> None:
        for system_uuid in ('', 'Not Settable', f'{UUID}0', UUID[:-1]):
            self.assertIsNone(parse_system_uuid(system_uuid, ''))
