# SPDX-License-Identifier: Apache-2.0
"""Keystone: password in, token and catalog out.

It knows one user, in one project. The documents are those of the fixtures
that keystoneauth, which reads them, has for tests.
"""

import datetime
import json
import secrets

from keystoneauth1 import fixture

from vitrage_k8s_lab.kube_api.answers import encode
from vitrage_k8s_lab.kube_api.answers import RefusedError
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.openstack import nova

PROJECT_ID = '0a9b8c7d6e5f4a3b8c2d1e0f9a8b7c6d'
_LIFETIME = datetime.timedelta(hours=1)
_REGION = 'RegionOne'
_DOMAIN = {'id': 'default', 'name': 'Default'}
_USER, _PROJECT = 'vitrage', 'service'


class Keystone:
    """The identity service.

    :param url: where the services of this OpenStack are

    :ivar credentials: what to authenticate with, named as keystoneauth
        names it in a configuration file
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._password = secrets.token_urlsafe()
        self._tokens: set[str] = set()
        self._version = fixture.V3Discovery(f'{url}/identity/v3/', 'v3.14',
                                            xml=False)
        self.credentials = {
            'auth_type': 'password', 'auth_url': f'{url}/identity',
            'username': _USER, 'password': self._password,
            'project_name': _PROJECT, 'user_domain_name': _DOMAIN['name'],
            'project_domain_name': _DOMAIN['name'],
            'region_name': _REGION, 'interface': 'public'}

    def answer(self, request: Request, path: list[str]) -> Answer:
        """Answer what is asked below /identity.

        :param path: what follows that
        :raises RefusedError: the answer is an error
        """
        match request.method, *path:
            case ['GET']:
                return answer({'versions': {'values': [self._version]}},
                              300, {'Location': f'{self._url}/identity/v3/'})
            case 'GET', 'v3':
                return answer({'version': self._version})
            case 'POST', 'v3', 'auth', 'tokens':
                return self._authenticate(request.body)
        raise not_routed()

    def check(self, request: Request) -> None:
        """Check that a request to another service has a token.

        :raises RefusedError: it has none
        """
        if request.headers.get('X-Auth-Token') not in self._tokens:
            raise self._unauthorized()

    def _authenticate(self, body: bytes) -> Answer:
        try:
            wanted = json.loads(body)
        except ValueError as error:
            raise _error(400, 'Bad Request',
                         'The body is not JSON') from error
        domains = [{'name': _DOMAIN['name']}, {'id': _DOMAIN['id']}]
        match wanted:
            case {'auth': {
                    'identity': {'methods': ['password'], 'password': {
                        'user': {'name': user, 'password': password,
                                 'domain': user_domain}}},
                    'scope': {'project': {'name': project,
                                          'domain': project_domain}}}} if (
                    (user, password, project) == (
                        _USER, self._password, _PROJECT)
                    and user_domain in domains and project_domain in domains):
                token = secrets.token_urlsafe()
                self._tokens.add(token)
                return answer(self._token(), 201, {
                    'X-Subject-Token': token, 'Vary': 'X-Auth-Token'})
        raise self._unauthorized()

    def _token(self) -> object:
        now = datetime.datetime.now(datetime.timezone.utc)
        token = fixture.V3Token(
            issued=now, expires=now + _LIFETIME, methods=['password'],
            user_id=nova.USER_ID, user_name=_USER,
            user_domain_id=_DOMAIN['id'], user_domain_name=_DOMAIN['name'])
        token.set_project_scope(
            id=PROJECT_ID, name=_PROJECT, domain_id=_DOMAIN['id'],
            domain_name=_DOMAIN['name'])
        token.add_role(name='admin')
        for kind, name, path in (('identity', 'keystone', '/identity'),
                                 ('compute', 'nova', '/compute/v2.1')):
            token.add_service(kind, name).add_endpoint(
                'public', self._url + path, _REGION)
        return token

    def _unauthorized(self) -> RefusedError:
        return _error(401, 'Unauthorized', 'Authentication is required', {
            'WWW-Authenticate': f'Keystone uri="{self._url}/identity"'})


def answer(body: object, status: int = 200,
           headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, encode(body), headers or {})


def not_routed() -> RefusedError:
    """Refuse what no service here knows; real ones leave that to WebOb."""
    return RefusedError(answer({'code': '404 Not Found', 'title': 'Not Found',
                                'message': 'Not simulated'}, 404))


def _error(code: int, title: str, message: str,
           headers: dict[str, str] | None = None) -> RefusedError:
    return RefusedError(answer({'error': {
        'code': code, 'title': title, 'message': message}}, code, headers))
