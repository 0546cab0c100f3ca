# SPDX-License-Identifier: Apache-2.0
"""Who may read from the server: authentication, RBAC, and a kubeconfig."""

import base64
from collections.abc import Callable
from collections.abc import Mapping
import json
import time
from typing import Any

from vitrage_k8s_lab.kube_api.answers import is_set
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request

# What system:public-info-viewer lets anyone read.
_PUBLIC = ('/version', '/healthz', '/livez', '/readyz')
NODES = '/api/v1/nodes'


def is_watch(request: Request) -> bool:
    """Whether a request is to watch the nodes."""
    return request.path == NODES and is_set(request.query, 'watch')


class Access:
    """What a request is checked for before it is looked at.

    A watch is checked once, when it is asked for. It goes on until it ends,
    whatever becomes of the token and of the rights.

    :param cluster: see ``Simulator``

    :ivar url: where the server is
    :ivar authenticate: gives the user's name, or None for 401; without it
        everyone is admitted, as is the case behind ``kubectl proxy``
    :ivar tokens: bearer tokens and their users, for by_token()
    :ivar forbidden: the verbs that nobody may use on nodes: list, get, watch
    :ivar rbac_delay: seconds after a start in which nobody may do anything
        with nodes. kube-apiserver 1.36 does so for up to a second, until its
        caches of roles are filled.
    """

    url: str

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.authenticate: Callable[[Request], str | None] | None = None
        self.tokens: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.rbac_delay = 0.0
        self._started = time.monotonic()

    def note_start(self) -> None:
        """Take note that the server starts."""
        self._started = time.monotonic()

    def kubeconfig(self, *, certificate_authority: bytes | None = None,
                   user: Mapping[str, Any] | None = None) -> str:
        """A kubeconfig for this server, as JSON, which is YAML too.

        :param certificate_authority: in PEM; it is what the client trusts
        :param user: what the client authenticates with, such as a token
        """
        name = self.cluster
        cluster = {'server': self.url}
        if certificate_authority is not None:
            cluster['certificate-authority-data'] = base64.b64encode(
                certificate_authority).decode()
        return json.dumps({
            'apiVersion': 'v1', 'kind': 'Config', 'current-context': name,
            'clusters': [{'name': name, 'cluster': cluster}],
            'users': [{'name': name, 'user': dict(user or {})}],
            'contexts': [{'name': name,
                          'context': {'cluster': name, 'user': name}}]})

    def by_token(self, request: Request) -> str | None:
        """Authenticate by the bearer token."""
        # apiserver/pkg/authentication/request/bearertoken: the scheme in any
        # case, and what comes after a second blank is not looked at.
        match request.headers.get('Authorization', '').strip().split(' '):
            case [scheme, token, *_] if scheme.lower() == 'bearer':
                return self.tokens.get(token)
        return None

    def by_certificate(self, request: Request) -> str | None:
        """Authenticate by the client's certificate; TLS has verified it."""
        return request.certificate_name

    def refuse(self, request: Request) -> Answer | None:
        """The answer to a request that is not allowed, else None."""
        path = request.path.rstrip('/')
        if path in _PUBLIC:
            return None
        user: str | None = 'system:anonymous'
        if self.authenticate:
            user = self.authenticate(request)
        if user is None:
            return faults.unauthorized()
        name = None
        if path == NODES:
            verb = 'watch' if is_watch(request) else 'list'
        elif path.startswith(NODES + '/'):
            verb, name = 'get', path[len(NODES) + 1:].split('/')[0]
        else:
            return None
        if time.monotonic() - self._started < self.rbac_delay:
            return faults.forbidden(user, verb, name, is_young=True)
        if verb in self.forbidden:
            return faults.forbidden(user, verb, name)
        return None
