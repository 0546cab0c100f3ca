# SPDX-License-Identifier: Apache-2.0
"""Keystone: password in, token and catalog out.

It knows one user, in one project. Its documents are made by keystoneauth's
own fixtures for tests.
"""

import datetime
import json
import secrets

from keystoneauth1 import fixture

from vitrage_k8s_lab.kube_api.answers import encode
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import RefusedError
from vitrage_k8s_lab.kube_api.http import Request

_LIFETIME = datetime.timedelta(hours=1)
_REGION = 'RegionOne'
# Its one domain, by either of its names.
_DOMAINS = ({'name': 'Default'}, {'id': 'default'})
_DOMAIN = 'Default'


class Keystone:
    """The identity service.

    :param url: where the services of this OpenStack are

    :ivar credentials: what to authenticate with, named as keystoneauth
        names it in a configuration file
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._tokens: set[str] = set()
        self.credentials = {
            'auth_type': 'password', 'auth_url': f'{url}/identity/v3',
            'username': 'vitrage', 'password': secrets.token_urlsafe(),
            'project_name': 'service', 'user_domain_name': _DOMAIN,
            'project_domain_name': _DOMAIN,
            'region_name': _REGION, 'interface': 'public'}

    def answer(self, request: Request, path: list[str]) -> Answer:
        """Answer what is asked below /identity.

        :param path: what follows that
        :raises RefusedError: the answer is an error
        """
        match request.method, *path:
            case 'GET', 'v3':
                return answer({'version': fixture.V3Discovery(
                    f'{self._url}/identity/v3/', 'v3.14', xml=False)})
            case 'POST', 'v3', 'auth', 'tokens':
                return self._authenticate(json.loads(request.body))
        raise not_routed()

    def check(self, request: Request) -> None:
        """Check that a request to another service has a token.

        :raises RefusedError: it has none
        """
        if request.headers.get('X-Auth-Token') not in self._tokens:
            raise self._unauthorized()

    def _authenticate(self, wanted: object) -> Answer:
        known = self.credentials
        if not any(wanted == {'auth': {
                'identity': {'methods': ['password'], 'password': {'user': {
                    'name': known['username'], 'password': known['password'],
                    'domain': domain}}},
                'scope': {'project': {'name': known['project_name'],
                                      'domain': domain}}}}
                   for domain in _DOMAINS):
            raise self._unauthorized()
        token = secrets.token_urlsafe()
        self._tokens.add(token)
        return answer(self._token(), 201, {'X-Subject-Token': token,
                                           'Vary': 'X-Auth-Token'})

    def _token(self) -> object:
        now = datetime.datetime.now(datetime.timezone.utc)
        token = fixture.V3Token(
            issued=now, expires=now + _LIFETIME, methods=['password'],
            user_name=self.credentials['username'],
            user_domain_name=_DOMAIN)
        token.set_project_scope(name=self.credentials['project_name'],
                                domain_name=_DOMAIN)
        token.add_role(name='admin')
        for kind, name, path in (('identity', 'keystone', '/identity'),
                                 ('compute', 'nova', '/compute/v2.1')):
            token.add_service(kind, name).add_endpoint(
                'public', self._url + path, _REGION)
        return token

    def _unauthorized(self) -> RefusedError:
        return RefusedError(answer(
            {'error': {'code': 401, 'title': 'Unauthorized',
                       'message': 'Authentication is required'}}, 401,
            {'WWW-Authenticate': f'Keystone uri="{self._url}/identity"'}))


def answer(body: object, status: int = 200,
           headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, encode(body), headers or {})


def not_routed() -> RefusedError:
    """Refuse what no service here knows; real ones leave that to WebOb."""
    return RefusedError(answer({'code': '404 Not Found', 'title': 'Not Found',
                                'message': 'Not simulated'}, 404))
