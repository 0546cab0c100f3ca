# SPDX-License-Identifier: Apache-2.0
"""A server of Nova's, and how Nova tells of it: in its API, and on the bus.

The names, values and versions are those of Nova's API reference and of the
samples of its notifications, and only of what needs neither network nor
volumes. Like the rest of the simulator, this must know nothing of Vitrage.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import hashlib
import re
from typing import Any
import uuid

# The vm_state and the power_state of each status, with no task under way
# (nova.api.openstack.common, nova.compute.power_state). A suspended server
# is one that is shut down, to libvirt.
STATES = {
    'ACTIVE': ('active', 1), 'BUILD': ('building', 0),
    'DELETED': ('deleted', 0), 'ERROR': ('error', 0), 'PAUSED': ('paused', 3),
    'RESCUE': ('rescued', 1), 'SHELVED': ('shelved', 4),
    'SHELVED_OFFLOADED': ('shelved_offloaded', 4), 'SHUTOFF': ('stopped', 4),
    'SOFT_DELETED': ('soft-delete', 4), 'SUSPENDED': ('suspended', 4),
    'VERIFY_RESIZE': ('resized', 1)}
_POWER = {0: 'pending', 1: 'running', 3: 'paused', 4: 'shutdown'}

# Whoever makes all servers, and what of.
USER_ID = '8f1e4c5a2b7d4936a0c3d5e6f7081929'
_IMAGE_ID = '2c9d7e10-5b34-4f6a-9e8d-1a2b3c4d5e6f'
_FLAVOR = {
    'flavorid': '2', 'name': 'm1.small', 'vcpus': 1, 'memory_mb': 2048,
    'root_gb': 20, 'ephemeral_gb': 0, 'swap': 0, 'rxtx_factor': 1.0,
    'vcpu_weight': 0, 'disabled': False, 'is_public': True,
    'extra_specs': {}, 'projects': None, 'description': None}

# Notifications whose payloads have fields that are not simulated.
_OTHERS = re.compile(
    r'instance\.(exists|rebuild|rescue|resize_prep|snapshot|volume_\w+)\b'
    r'|.*\.error$')


def now() -> datetime.datetime:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def precise(time: datetime.datetime) -> str:
    """Write a time as Nova does where it keeps microseconds."""
    return time.strftime('%Y-%m-%dT%H:%M:%S.%f')


def brief(time: datetime.datetime | None) -> str | None:
    """Write a time as Nova does elsewhere."""
    return time.strftime('%Y-%m-%dT%H:%M:%SZ') if time else None


@dataclasses.dataclass(frozen=True)
class Server:
    """A server, as it is now.

    :ivar host: the compute host; one that is shelved and offloaded has
        none, whatever is said here
    :ivar zone: the availability zone of the host
    :ivar number: the place in Nova's database
    :ivar former: the status before the last change
    """

    id: str
    name: str
    host: str
    project_id: str
    zone: str
    number: int
    created: datetime.datetime
    updated: datetime.datetime
    status: str = 'ACTIVE'
    former: str = 'ACTIVE'

    @property
    def listed(self) -> bool:
        """Whether Nova lists it, where nobody asks for the deleted ones."""
        return self.status not in ('DELETED', 'SOFT_DELETED')

    @property
    def _host(self) -> str | None:
        return None if self.status == 'SHELVED_OFFLOADED' else self.host

    @property
    def _hostname(self) -> str:
        """The name inside the server (nova.utils.sanitize_hostname)."""
        return re.sub(r'[^\w-]', '', re.sub(r'[ _.]', '-', self.name)
                      ).strip('-').lower() or f'Server-{self.id}'

    @property
    def _instance_name(self) -> str:
        return f'instance-{self.number:08x}'

    @property
    def _reservation_id(self) -> str:
        return f'r-{self.number:08x}'

    @property
    def _launched(self) -> datetime.datetime | None:
        return None if self.status == 'BUILD' else self.created

    @property
    def _deleted(self) -> datetime.datetime | None:
        return self.updated if self.status == 'DELETED' else None

    def details(self, url: str, minor: int) -> dict[str, Any]:
        """What the API tells an administrator.

        :param url: the compute service's, without a version
        :param minor: of the microversion, up to 11
        """
        vm_state, power_state = STATES[self.status]
        host = self._host
        launched = self._launched
        told: dict[str, Any] = {
            'id': self.id, 'name': self.name, 'status': self.status,
            'tenant_id': self.project_id, 'user_id': USER_ID,
            'created': brief(self.created), 'updated': brief(self.updated),
            'hostId': hashlib.sha224(
                (self.project_id + host).encode()).hexdigest() if host else '',
            'image': {'id': _IMAGE_ID, 'links': [
                _link('bookmark', f'{url}/images/{_IMAGE_ID}')]},
            'flavor': {'id': _FLAVOR['flavorid'], 'links': [
                _link('bookmark', f'{url}/flavors/{_FLAVOR["flavorid"]}')]},
            'links': [_link('self', f'{url}/v2.1/servers/{self.id}'),
                      _link('bookmark', f'{url}/servers/{self.id}')],
            'accessIPv4': '', 'accessIPv6': '', 'addresses': {},
            'config_drive': '', 'key_name': None, 'metadata': {},
            'security_groups': [{'name': 'default'}],
            'os-extended-volumes:volumes_attached': [],
            'OS-DCF:diskConfig': 'MANUAL',
            'OS-EXT-AZ:availability_zone': self.zone if host else '',
            'OS-EXT-SRV-ATTR:host': host,
            'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
            'OS-EXT-SRV-ATTR:instance_name': self._instance_name,
            'OS-EXT-STS:power_state': power_state,
            'OS-EXT-STS:task_state': None, 'OS-EXT-STS:vm_state': vm_state,
            'OS-SRV-USG:launched_at': launched and precise(launched),
            'OS-SRV-USG:terminated_at': None}
        if self.status in ('ACTIVE', 'BUILD'):
            told['progress'] = 0
        if minor >= 3:
            told.update({'OS-EXT-SRV-ATTR:' + name: value for name, value in (
                ('hostname', self._hostname), ('launch_index', 0),
                ('reservation_id', self._reservation_id), ('kernel_id', ''),
                ('ramdisk_id', ''), ('root_device_name', '/dev/vda'),
                ('user_data', None))})
        if minor >= 9:
            told['locked'] = False
        return told

    def notification(self, event_type: str) -> dict[str, Any]:
        """The payload of a versioned notification, with the present state.

        :raises ValueError: for an event that is none of an instance, has
            fields that are not simulated, or tells of an error
        """
        if (not re.fullmatch(r'instance(\.\w+)+', event_type)
                or _OTHERS.match(event_type)):
            raise ValueError(f'{event_type} is not simulated')
        data = self._data()
        if event_type == 'instance.update':
            return _object('InstanceUpdatePayload', '1.9', {
                **data, **self._update()})
        data['fault'] = None
        if event_type.startswith('instance.create.'):
            return _object('InstanceCreatePayload', '1.12', {
                **data, 'instance_name': self._instance_name, 'keypairs': [],
                'tags': [], 'trusted_image_certificates': None})
        return _object('InstanceActionPayload', '1.8', data)

    def _data(self) -> dict[str, Any]:
        vm_state, power_state = STATES[self.status]
        host = self._host
        return {
            'uuid': self.id, 'display_name': self.name,
            'display_description': self.name, 'host_name': self._hostname,
            'tenant_id': self.project_id, 'user_id': USER_ID,
            'host': host, 'node': host,
            'availability_zone': self.zone if host else None,
            'state': vm_state, 'task_state': None,
            'power_state': _POWER[power_state],
            'created_at': brief(self.created),
            'launched_at': brief(self._launched),
            'updated_at': brief(self.updated),
            'deleted_at': brief(self._deleted),
            'terminated_at': brief(self._deleted),
            'flavor': _object('FlavorPayload', '1.4', _FLAVOR),
            'image_uuid': _IMAGE_ID, 'kernel_id': '', 'ramdisk_id': '',
            'architecture': 'x86_64', 'os_type': None, 'key_name': None,
            'auto_disk_config': 'MANUAL', 'progress': 0, 'metadata': {},
            'ip_addresses': [], 'block_devices': [],
            'locked': False, 'locked_reason': None,
            'reservation_id': self._reservation_id,
            'request_id': f'req-{uuid.uuid4()}',
            'action_initiator_user': USER_ID,
            'action_initiator_project': self.project_id}

    def _update(self) -> dict[str, Any]:
        state = STATES[self.status][0]
        return {
            'state_update': _object('InstanceStateUpdatePayload', '1.0', {
                'old_state': STATES[self.former][0], 'state': state,
                'old_task_state': None, 'new_task_state': None}),
            'audit_period': _object('AuditPeriodPayload', '1.0', {
                'audit_period_beginning': brief(
                    self.updated.replace(day=1, hour=0, minute=0, second=0)),
                'audit_period_ending': brief(self.updated)}),
            'bandwidth': [], 'old_display_name': None, 'tags': []}


def _object(name: str, version: str,
            data: Mapping[str, Any]) -> dict[str, Any]:
    return {'nova_object.name': name, 'nova_object.namespace': 'nova',
            'nova_object.version': version, 'nova_object.data': dict(data)}


def _link(relation: str, url: str) -> dict[str, str]:
    return {'rel': relation, 'href': url}
