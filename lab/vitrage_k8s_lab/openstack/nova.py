# SPDX-License-Identifier: Apache-2.0
"""A server of Nova's, as Nova shows it in its API and notifies of it.

Names and values are those of Nova's API reference and of the samples of its
notifications. Of the fields there are those that say which server it is,
whose, where and in what state.
"""

from collections.abc import Mapping
import dataclasses
import datetime
import re
from typing import Any

# The vm_state and the power_state of each status, with no task under way
# (nova.api.openstack.common, nova.compute.power_state). To libvirt, a
# suspended server is shut down.
STATES = {
    'ACTIVE': ('active', 1), 'BUILD': ('building', 0),
    'DELETED': ('deleted', 0), 'ERROR': ('error', 0), 'PAUSED': ('paused', 3),
    'RESCUE': ('rescued', 1), 'SHELVED': ('shelved', 4),
    'SHELVED_OFFLOADED': ('shelved_offloaded', 4), 'SHUTOFF': ('stopped', 4),
    'SOFT_DELETED': ('soft-delete', 4), 'SUSPENDED': ('suspended', 4),
    'VERIFY_RESIZE': ('resized', 1)}
_POWER = {0: 'pending', 1: 'running', 3: 'paused', 4: 'shutdown'}

# The user who makes all servers.
USER_ID = '8f1e4c5a2b7d4936a0c3d5e6f7081929'

# Events whose payloads have fields that are not simulated.
_OTHERS = re.compile(
    r'instance\.(exists|rebuild|rescue|resize_prep|snapshot|volume_\w+)\b'
    r'|.*\.error$')


def now() -> datetime.datetime:
    """Return the time in UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def brief(time: datetime.datetime | None) -> str | None:
    return time.strftime('%Y-%m-%dT%H:%M:%SZ') if time else None


@dataclasses.dataclass(frozen=True)
class Server:
    """A server, as it is now.

    :ivar host: the compute host; a server that is offloaded is on none
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
    def is_listed(self) -> bool:
        """Whether Nova lists it to those who do not ask for deleted ones."""
        return self.status not in ('DELETED', 'SOFT_DELETED')

    def _place(self) -> tuple[str | None, str | None]:
        """Return the host and the zone."""
        is_nowhere = self.status == 'SHELVED_OFFLOADED'
        return (None, None) if is_nowhere else (self.host, self.zone)

    @property
    def _instance_name(self) -> str:
        return f'instance-{self.number:08x}'

    def details(self, url: str) -> dict[str, Any]:
        """Return what the API shows an administrator.

        :param url: the compute service's, without a version
        """
        vm_state, power_state = STATES[self.status]
        host, zone = self._place()
        return {
            'id': self.id, 'name': self.name, 'status': self.status,
            'tenant_id': self.project_id, 'user_id': USER_ID,
            'created': brief(self.created), 'updated': brief(self.updated),
            'links': [{'rel': 'self',
                       'href': f'{url}/v2.1/servers/{self.id}'}],
            'addresses': {}, 'metadata': {},
            'OS-EXT-AZ:availability_zone': zone or '',
            'OS-EXT-SRV-ATTR:host': host,
            'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
            'OS-EXT-SRV-ATTR:instance_name': self._instance_name,
            'OS-EXT-STS:power_state': power_state,
            'OS-EXT-STS:task_state': None, 'OS-EXT-STS:vm_state': vm_state}

    def notification(self, event_type: str) -> dict[str, Any]:
        """Return the payload of a versioned notification.

        :raises ValueError: the event is none of an instance, has fields that
            are not simulated, or is an error
        """
        if (not re.fullmatch(r'instance(\.\w+)+', event_type)
                or _OTHERS.match(event_type)):
            raise ValueError(f'{event_type} is not simulated')
        data = self._data()
        if event_type == 'instance.update':
            return _object('InstanceUpdatePayload', '1.9', {
                **data, 'state_update': _object(
                    'InstanceStateUpdatePayload', '1.0', {
                        'old_state': STATES[self.former][0],
                        'state': data['state'], 'old_task_state': None,
                        'new_task_state': None})})
        if event_type.startswith('instance.create.'):
            return _object('InstanceCreatePayload', '1.12', {
                **data, 'instance_name': self._instance_name})
        return _object('InstanceActionPayload', '1.8', data)

    def _data(self) -> dict[str, Any]:
        vm_state, power_state = STATES[self.status]
        host, zone = self._place()
        deleted = self.updated if self.status == 'DELETED' else None
        return {
            'uuid': self.id, 'display_name': self.name,
            # nova.utils.sanitize_hostname
            'host_name': re.sub(r'[^\w-]', '', re.sub(
                r'[ _.]', '-', self.name)).strip('-').lower(),
            'tenant_id': self.project_id, 'user_id': USER_ID,
            'host': host, 'node': host, 'availability_zone': zone,
            'state': vm_state, 'task_state': None,
            'power_state': _POWER[power_state],
            'created_at': brief(self.created),
            'updated_at': brief(self.updated), 'deleted_at': brief(deleted),
            'terminated_at': brief(deleted)}


def _object(name: str, version: str,
            data: Mapping[str, Any]) -> dict[str, Any]:
    return {'nova_object.name': name, 'nova_object.namespace': 'nova',
            'nova_object.version': version, 'nova_object.data': dict(data)}
