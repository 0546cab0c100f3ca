# SPDX-License-Identifier: Apache-2.0
"""An OpenStack with Keystone and Nova, on loopback, for the demo and tests.

It answers over real HTTP what Vitrage's datasources of Nova ask: password
authentication with a catalog of services, and lists of all hosts, zones and
servers in the compute API 2.11. It must know nothing of Vitrage or of our
client.
"""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import itertools
import threading
from typing import Any

from vitrage_k8s_lab.kube_api.answers import RefusedError
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api import listener
from vitrage_k8s_lab.openstack import keystone
from vitrage_k8s_lab.openstack import nova

# Of the compute API; it is what Vitrage asks for.
_VERSION = '2.11'
_HEADER = 'X-OpenStack-Nova-API-Version'
# Nova's own services, which are in a zone of their own.
_INTERNAL = (('nova-conductor', 'controller', 'internal'),
             ('nova-scheduler', 'controller', 'internal'))


class OpenStack(listener.Restartable):
    """A cloud; what is in it outlives stop() and start().

    :param hosts: the availability zone of each compute host
    :param servers: what put_server() takes, of each

    :ivar url: where it listens
    :ivar credentials: what to authenticate with, named as keystoneauth
        names it in a configuration file
    :ivar requests: the last requests
    """

    def __init__(self, hosts: Mapping[str, str],
                 servers: Iterable[Mapping[str, str]] = ()) -> None:
        super().__init__()
        self.requests: collections.deque[Request] = collections.deque(
            maxlen=10_000)
        self._hosts = dict(hosts)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._servers: dict[str, nova.Server] = {}
        for server in servers:
            self.put_server(**server)
        self._keystone = keystone.Keystone(self.url)
        self.credentials = self._keystone.credentials

    def put_server(self, id: str, *, name: str | None = None,
                   host: str | None = None, project_id: str | None = None,
                   status: str | None = None) -> None:
        """Add a server, or change the one with that id.

        A new one needs a name, a host and a project. What is None stays as
        it is; a new server is ACTIVE.

        :param status: as in the API
        :raises ValueError: there is no such host or status, or a new server
            lacks something
        """
        if status not in (None, *nova.STATES):
            raise ValueError(f'{status} is no status of a server')
        if host not in (None, *self._hosts):
            raise ValueError(f'{host} is no compute host')
        given: Any = {key: value for key, value in (
            ('name', name), ('host', host), ('project_id', project_id),
            ('status', status), ('zone', host and self._hosts[host]),
        ) if value is not None}
        now = nova.now()
        with self._lock:
            old = self._servers.get(id)
            if old and old.status != 'DELETED':
                self._servers[id] = dataclasses.replace(
                    old, former=old.status, updated=now, **given)
            elif None in (name, host, project_id):
                raise ValueError(f'{id} is new: it needs all fields')
            else:
                # The newest is the last.
                self._servers.pop(id, None)
                self._servers[id] = nova.Server(
                    id=id, number=next(self._numbers), created=now,
                    updated=now, **given)

    def delete_server(self, id: str) -> None:
        """Let a server be deleted; notification() still knows it.

        :raises KeyError: there is no such server
        """
        with self._lock:
            old = self._servers[id]
            self._servers[id] = dataclasses.replace(
                old, status='DELETED', former=old.status, updated=nova.now())

    def notification(self, id: str, event_type: str) -> dict[str, Any]:
        """Return the payload of the notification that Nova would send.

        It has the server as it is now: call put_server() or delete_server()
        first.

        :param event_type: such as instance.suspend.end
        :raises KeyError: there never was such a server
        :raises ValueError: the event is not simulated
        """
        return self._servers[id].notification(event_type)

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        try:
            return self._route(request)
        except RefusedError as refused:
            return refused.answer

    def _route(self, request: Request) -> Answer:
        version = {
            'id': 'v2.1', 'status': 'CURRENT', 'min_version': _VERSION,
            'version': _VERSION, 'updated': '2013-07-23T11:33:21Z',
            'links': [{'rel': 'self', 'href': f'{self.url}/compute/v2.1/'}]}
        match request.method, *request.path.strip('/').split('/'):
            case _, 'identity', *rest:
                return self._keystone.answer(request, rest)
            case 'GET', 'compute':
                return keystone.answer({'versions': [version]})
            case 'GET', 'compute', 'v2.1':
                return keystone.answer({'version': version})
            case _, 'compute', 'v2.1', *rest:
                self._keystone.check(request)
                return self._ask_nova(request, rest)
        raise keystone.not_routed()

    def _ask_nova(self, request: Request, path: list[str]) -> Answer:
        _check_version(request)
        match request.method, *path:
            case 'GET', 'servers', 'detail':
                body = {'servers': self._list(request.query)}
            case 'GET', 'os-services':
                body = {'services': self._services(request.query)}
            case 'GET', 'os-availability-zone', 'detail':
                body = {'availabilityZoneInfo': self._zones()}
            case _:
                raise keystone.not_routed()
        return keystone.answer(body, headers={_HEADER: _VERSION,
                                              'Vary': _HEADER})

    def _list(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        if query != {'all_tenants': '1'}:
            # Nova would obey it, so that it cannot be ignored.
            raise _error(400, 'badRequest', 'Not simulated: all servers of '
                         'all tenants are listed')
        with self._lock:
            # The newest first, as Nova sorts them.
            return [server.details(f'{self.url}/compute')
                    for server in reversed(self._servers.values())
                    if server.is_listed]

    def _services(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        computes = (('nova-compute', host, zone)
                    for host, zone in self._hosts.items())
        # Each reports every few seconds that it is well.
        return [
            {'id': number, 'binary': binary, 'host': host, 'zone': zone,
             'state': 'up', 'status': 'enabled', 'disabled_reason': None,
             'updated_at': nova.brief(nova.now()), 'forced_down': False}
            for number, (binary, host, zone) in enumerate(
                (*_INTERNAL, *computes), start=1)
            if query.get('binary', binary) == binary]

    def _zones(self) -> list[dict[str, Any]]:
        zones: dict[str, dict[str, dict[str, Any]]] = {}
        for service in self._services({}):
            host = zones.setdefault(service['zone'], {}).setdefault(
                service['host'], {})
            host[service['binary']] = {
                'active': True, 'available': True,
                'updated_at': service['updated_at']}
        return [{'zoneName': zone, 'zoneState': {'available': True},
                 'hosts': hosts} for zone, hosts in zones.items()]


def _check_version(request: Request) -> None:
    """Refuse any other version of the compute API than the one here."""
    # The header of the versions before 2.27.
    if request.headers.get(_HEADER.title()) != _VERSION:
        raise _error(406, 'computeFault', f'The version is {_VERSION}')


def _error(code: int, fault: str, message: str) -> RefusedError:
    return RefusedError(keystone.answer(
        {fault: {'code': code, 'message': message}}, code))
