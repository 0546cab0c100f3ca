# SPDX-License-Identifier: Apache-2.0
"""Who may read from the server: authentication, RBAC, and a kubeconfig."""

import base64
from collections.abc import Callable
from collections.abc import Mapping
import json
import secrets
import time
from typing import Any

from vitrage_k8s_lab.kube_api import answers
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request

ANONYMOUS = 'system:anonymous'
# What system:public-info-viewer lets anyone read.
_PUBLIC = ('/version', '/healthz', '/livez', '/readyz')


class Access:
    """What a request is checked for before it is answered.

    A watch is checked once, at its start. It goes on until it ends, even if
    the token or the rights are taken away.

    :param cluster: see ``Simulator``
    :param allow_anonymous: see below

    :ivar authenticate: returns the user's name, ANONYMOUS for a request
        without credentials, or None for 401; by default it is by_token()
    :ivar tokens: bearer tokens and their users, for by_token(); there is one
        from the start, which is in the kubeconfig
    :ivar allow_anonymous: whether a request without credentials may read all
        that others may. It is so without TLS, as behind ``kubectl proxy``:
        clients send no credentials there.
    :ivar forbidden: verbs that are denied to all on nodes: list, get, watch
    :ivar rbac_delay: seconds after a start in which only what is public is
        allowed, as in kube-apiserver 1.36 until its roles are cached
    :ivar started: the monotonic time of the last start
    """

    url: str

    def __init__(self, cluster: str, allow_anonymous: bool) -> None:
        self.cluster = cluster
        self._token = secrets.token_urlsafe()
        self.tokens = {self._token: 'kubernetes-admin'}
        self.authenticate: Callable[[Request], str | None] = self.by_token
        self.allow_anonymous = allow_anonymous
        self.forbidden: set[str] = set()
        self.rbac_delay = 0.0
        self.started = 0.0

    def kubeconfig(self, *, certificate_authority: bytes | None = None,
                   user: Mapping[str, Any] | None = None) -> str:
        """Return a kubeconfig for this server, as JSON, which is YAML too.

        :param certificate_authority: in PEM; it is what the client trusts
        :param user: the client's credentials; None for the token that the
            server knows from the start, or for none without TLS
        """
        name = self.cluster
        cluster = {'server': self.url}
        if certificate_authority is not None:
            cluster['certificate-authority-data'] = base64.b64encode(
                certificate_authority).decode()
        if user is None:
            is_safe = self.url.startswith('https:')
            user = {'token': self._token} if is_safe else {}
        return json.dumps({
            'apiVersion': 'v1', 'kind': 'Config', 'current-context': name,
            'clusters': [{'name': name, 'cluster': cluster}],
            'users': [{'name': name, 'user': dict(user)}],
            'contexts': [{'name': name,
                          'context': {'cluster': name, 'user': name}}]})

    def by_token(self, request: Request) -> str | None:
        """Authenticate by the bearer token."""
        # apiserver/pkg/authentication/request/bearertoken: the scheme in any
        # case, and what comes after a second blank is not looked at.
        match request.headers.get('Authorization', '').strip().split(' '):
            case [scheme, str(token), *_] if (
                    scheme.lower() == 'bearer' and token):
                return self.tokens.get(token)
        return ANONYMOUS

    def by_certificate(self, request: Request) -> str | None:
        """Authenticate by the client's certificate; TLS has verified it."""
        return request.certificate_name or ANONYMOUS

    def refuse(self, request: Request) -> Answer | None:
        """Return the answer to a request that is not allowed, else None."""
        path = request.path
        user = self.authenticate(request)
        if user is None:
            return faults.unauthorized()
        if path.rstrip('/') in _PUBLIC:
            return None
        is_unknown = user == ANONYMOUS and not self.allow_anonymous
        is_young = time.monotonic() - self.started < self.rbac_delay
        resource = answers.find_resource(path)
        if resource is None:
            return answers.failure(
                403, 'Forbidden', f'forbidden: User "{user}" cannot get path '
                f'"{path}"', details={}) if is_unknown or is_young else None
        verb = 'get' if resource.name else (
            'watch' if answers.is_set(request.query, 'watch') else 'list')
        if is_unknown or is_young or (
                resource.plural == 'nodes' and verb in self.forbidden):
            return faults.forbidden(user, verb, is_young=is_young,
                                    resource=resource)
        return None
