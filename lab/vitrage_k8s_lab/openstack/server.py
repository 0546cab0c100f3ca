# SPDX-License-Identifier: Apache-2.0
"""An OpenStack with Keystone and Nova, on loopback, for the demo and tests.

It answers over real HTTP whoever reads hosts, zones and servers as an
administrator: password authentication with a catalog of services, and of the
compute API, up to the microversion 2.11, what lists these three. It must know
nothing of Vitrage or of our client.
"""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import itertools
import threading
from typing import Any
import urllib.parse

from vitrage_k8s_lab.kube_api.answers import Refused
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api import listener
from vitrage_k8s_lab.openstack import keystone
from vitrage_k8s_lab.openstack import nova

# Minor versions of the compute API. With later ones the answers would differ.
_OLDEST, _NEWEST = 1, 11
# Nova's own services, which are in a zone of their own.
_INTERNAL = (('nova-conductor', 'controller', 'internal'),
             ('nova-scheduler', 'controller', 'internal'))


class OpenStack(listener.Restartable):
    """A cloud; what is in it outlives stop() and start().

    :param hosts: the availability zone of each compute host
    :param servers: what put_server() takes, of each
    :param max_limit: the most servers in one answer, as in Nova's option

    :ivar url: where it listens
    :ivar credentials: what to authenticate with, named as keystoneauth
        names it in a configuration file
    :ivar requests: the last requests
    """

    def __init__(self, hosts: Mapping[str, str],
                 servers: Iterable[Mapping[str, str]] = (), *,
                 max_limit: int = 1000) -> None:
        super().__init__()
        self.requests: collections.deque[Request] = collections.deque(
            maxlen=10_000)
        self._hosts = dict(hosts)
        self._max_limit = max_limit
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
        except Refused as refused:
            return refused.answer

    def _route(self, request: Request) -> Answer:
        version = {
            'id': 'v2.1', 'status': 'CURRENT', 'min_version': f'2.{_OLDEST}',
            'version': f'2.{_NEWEST}', 'updated': '2013-07-23T11:33:21Z',
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
        minor = _minor(request)
        match request.method, *path:
            case 'GET', 'servers', 'detail':
                body = self._list(request.query)
            case 'GET', 'servers', id:
                server = self._servers.get(id)
                if server is None or not server.is_listed:
                    raise _error(404, 'itemNotFound', 'No such server')
                body = {'server': self._details(server)}
            case 'GET', 'os-services':
                body = {'services': self._services(request.query, minor)}
            case 'GET', 'os-availability-zone', 'detail':
                body = {'availabilityZoneInfo': self._zones()}
            case _:
                raise keystone.not_routed()
        return keystone.answer(body, headers={
            'X-OpenStack-Nova-API-Version': f'2.{minor}',
            'Vary': 'X-OpenStack-Nova-API-Version'})

    def _details(self, server: nova.Server) -> dict[str, Any]:
        return server.details(f'{self.url}/compute')

    def _list(self, query: Mapping[str, str]) -> dict[str, Any]:
        if query.keys() - {'all_tenants', 'limit', 'marker'}:
            # Nova would heed it. To ignore it would be worse than this.
            raise _error(400, 'badRequest', 'A filter is not simulated')
        with self._lock:
            # The newest first, as Nova sorts them.
            servers = [server for server in reversed(self._servers.values())
                       if server.is_listed]
        if query.get('all_tenants', '0').lower() not in ('1', 'true', ''):
            servers = [server for server in servers
                       if server.project_id == keystone.PROJECT_ID]
        if 'marker' in query:
            ids = [server.id for server in servers]
            if query['marker'] not in ids:
                raise _error(400, 'badRequest', 'No such marker')
            servers = servers[ids.index(query['marker']) + 1:]
        limit = query.get('limit', str(self._max_limit))
        if not limit.isdecimal():
            raise _error(400, 'badRequest', 'limit is not a number')
        most = min(int(limit), self._max_limit)
        page = servers[:most]
        listed: dict[str, Any] = {'servers': list(map(self._details, page))}
        if page and len(page) == most:
            more = urllib.parse.urlencode({**query, 'marker': page[-1].id})
            listed['servers_links'] = [{
                'rel': 'next',
                'href': f'{self.url}/compute/v2.1/servers/detail?{more}'}]
        return listed

    def _services(self, query: Mapping[str, str],
                  minor: int) -> list[dict[str, Any]]:
        computes = (('nova-compute', host, zone)
                    for host, zone in self._hosts.items())
        # Each reports every few seconds that it is well.
        forced_down = {'forced_down': False} if minor >= 11 else {}
        return [
            {'id': number, 'binary': binary, 'host': host, 'zone': zone,
             'state': 'up', 'status': 'enabled', 'disabled_reason': None,
             'updated_at': nova.brief(nova.now()), **forced_down}
            for number, (binary, host, zone) in enumerate(
                (*_INTERNAL, *computes), start=1)
            if query.get('binary', binary) == binary
            and query.get('host', host) == host]

    def _zones(self) -> list[dict[str, Any]]:
        zones: dict[str, dict[str, dict[str, Any]]] = {}
        for service in self._services({}, _NEWEST):
            host = zones.setdefault(service['zone'], {}).setdefault(
                service['host'], {})
            host[service['binary']] = {
                'active': True, 'available': True,
                'updated_at': service['updated_at']}
        return [{'zoneName': zone, 'zoneState': {'available': True},
                 'hosts': hosts} for zone, hosts in zones.items()]


def _minor(request: Request) -> int:
    """Return the minor version of the compute API that is asked for.

    By the header of the versions before 2.27: there are no later ones here.
    """
    version = request.headers.get(
        'X-Openstack-Nova-Api-Version', f'2.{_OLDEST}')
    major, _, minor = version.partition('.')
    if not (major.isdecimal() and minor.isdecimal()):
        raise _error(400, 'badRequest', 'This is no version')
    if major != '2' or not _OLDEST <= int(minor) <= _NEWEST:
        raise _error(406, 'computeFault',
                     f'The versions are 2.{_OLDEST} to 2.{_NEWEST}')
    return int(minor)


def _error(code: int, fault: str, message: str) -> Refused:
    return Refused(keystone.answer(
        {fault: {'code': code, 'message': message}}, code))
