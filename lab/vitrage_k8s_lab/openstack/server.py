# SPDX-License-Identifier: Apache-2.0
"""An OpenStack with Keystone and Nova, on loopback, for the demo and tests.

It answers over real HTTP what Vitrage's datasources of Nova ask: password
authentication with a catalog of services, and lists of all hosts, zones and
servers in the compute API 2.11. It must know nothing of Vitrage or of our
client. Names and values are those of Nova's API reference and of the samples
of its notifications: only those of a server's identity, project, host and
state.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import itertools
import re
import threading
import time
from typing import Any

from vitrage_k8s_lab.kube_api.answers import TIME
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api import listener
from vitrage_k8s_lab.openstack import keystone

# Nova's own services, which are in a zone of their own.
_INTERNAL = (('nova-conductor', 'controller', 'internal'),
             ('nova-scheduler', 'controller', 'internal'))
# The vm_state of each status, with no task under way
# (nova.api.openstack.common).
STATES = {
    'ACTIVE': 'active', 'BUILD': 'building', 'DELETED': 'deleted',
    'ERROR': 'error', 'PAUSED': 'paused', 'RESCUE': 'rescued',
    'SHELVED': 'shelved', 'SHUTOFF': 'stopped', 'SUSPENDED': 'suspended',
    'VERIFY_RESIZE': 'resized'}


@dataclasses.dataclass(frozen=True)
class Server:
    """A server, as it is now.

    :ivar host: the compute host
    :ivar zone: the availability zone of the host
    :ivar number: the place in Nova's database
    """

    id: str
    name: str
    host: str
    project_id: str
    zone: str
    number: int
    status: str = 'ACTIVE'

    def details(self) -> dict[str, Any]:
        """Return what the API shows an administrator."""
        return {
            'id': self.id, 'name': self.name, 'status': self.status,
            'tenant_id': self.project_id,
            'OS-EXT-AZ:availability_zone': self.zone,
            'OS-EXT-SRV-ATTR:host': self.host,
            'OS-EXT-SRV-ATTR:instance_name': f'instance-{self.number:08x}',
            'OS-EXT-STS:vm_state': STATES[self.status]}

    def notification(self) -> dict[str, Any]:
        """Return the payload of a versioned notification."""
        return {
            'nova_object.name': 'InstanceActionPayload',
            'nova_object.namespace': 'nova', 'nova_object.version': '1.8',
            'nova_object.data': {
                'uuid': self.id, 'display_name': self.name,
                # nova.utils.sanitize_hostname
                'host_name': re.sub(r'[^\w-]', '', re.sub(
                    r'[ _.]', '-', self.name)).strip('-').lower(),
                'tenant_id': self.project_id, 'host': self.host,
                'availability_zone': self.zone, 'task_state': None,
                'state': STATES[self.status]}}


class OpenStack(listener.Restartable):
    """A cloud; what is in it outlives stop() and start().

    :param hosts: the availability zone of each compute host
    :param servers: what put_server() takes, of each

    :ivar url: where it listens
    :ivar credentials: what to authenticate with, named as keystoneauth
        names it in a configuration file
    """

    def __init__(self, hosts: Mapping[str, str],
                 servers: Iterable[Mapping[str, str]] = ()) -> None:
        super().__init__()
        self.hosts = hosts
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._servers: dict[str, Server] = {}
        for server in servers:
            self.put_server(**server)
        self._keystone = keystone.Keystone(self.url)
        self.credentials = self._keystone.credentials

    def put_server(self, id: str, **fields: str) -> None:
        """Add a server, or change the one with that id.

        :param fields: name, host, project_id and status, as in the API; those
            that are missing stay as they are. A new server needs the first
            three, and is ACTIVE.
        :raises KeyError: there is no such host
        :raises TypeError: a new server lacks something
        """
        given: dict[str, Any] = dict(fields)
        if 'host' in fields:
            given['zone'] = self.hosts[fields['host']]
        with self._lock:
            old = self._servers.get(id)
            if old and old.status != 'DELETED':
                self._servers[id] = dataclasses.replace(old, **given)
            else:
                # The newest is the last.
                self._servers.pop(id, None)
                self._servers[id] = Server(
                    id=id, number=next(self._numbers), **given)

    def delete_server(self, id: str) -> None:
        """Let a server be deleted; notification() still knows it."""
        self.put_server(id, status='DELETED')

    def notification(self, id: str) -> dict[str, Any]:
        """Return the payload of the notification that Nova would send.

        It has the server as it is now: call put_server() or delete_server()
        first.
        """
        return self._servers[id].notification()

    def respond(self, request: Request) -> Answer:
        match request.path.strip('/').split('/'):
            case 'identity', *path:
                return self._keystone.answer(request, path)
            case 'compute', 'v2.1', *path:
                self._keystone.check(request)
                return self._ask_nova(request, path)
        raise keystone.not_routed()

    def _ask_nova(self, request: Request, path: list[str]) -> Answer:
        match request.method, *path:
            case 'GET', 'servers', 'detail':
                with self._lock:
                    # The newest first, as Nova sorts them.
                    return keystone.answer({'servers': [
                        server.details()
                        for server in reversed(self._servers.values())
                        if server.status != 'DELETED']})
            case 'GET', 'os-services':
                return keystone.answer({'services': [
                    service for service in self._services()
                    if request.query.get('binary') in (
                        None, service['binary'])]})
            case 'GET', 'os-availability-zone', 'detail':
                return keystone.answer({'availabilityZoneInfo': self._zones()})
        raise keystone.not_routed()

    def _services(self) -> list[dict[str, Any]]:
        computes = (('nova-compute', host, zone)
                    for host, zone in self.hosts.items())
        # Each reports every few seconds that it is well.
        return [
            {'id': number, 'binary': binary, 'host': host, 'zone': zone,
             'state': 'up', 'status': 'enabled', 'forced_down': False,
             'updated_at': time.strftime(TIME, time.gmtime())}
            for number, (binary, host, zone) in enumerate(
                (*_INTERNAL, *computes), start=1)]

    def _zones(self) -> list[dict[str, Any]]:
        zones: dict[str, dict[str, dict[str, Any]]] = {}
        for service in self._services():
            hosts = zones.setdefault(service['zone'], {})
            hosts.setdefault(service['host'], {})[service['binary']] = {
                'active': True, 'available': True,
                'updated_at': service['updated_at']}
        return [{'zoneName': zone, 'zoneState': {'available': True},
                 'hosts': hosts} for zone, hosts in zones.items()]
