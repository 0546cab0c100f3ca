# SPDX-License-Identifier: Apache-2.0
"""How to log in to an API server: what a kubeconfig's users[].user says.

We do it ourselves, because the official client (37.0.2) falls short of it. It
reads a tokenFile once, and puts the file's trailing newline into the header.
When an exec plugin fails it logs that, and sends the requests without
credentials; it waits for a plugin without end, does not ask for others when
its credentials are refused with 401, and never renews certificates that a
plugin issued.

The reference is client-go, https://github.com/kubernetes/client-go:

- token or tokenFile, or else username and password, or else exec
  (plugin/pkg/client/auth/exec: UpdateTransportConfig leaves exec alone when
  there is one of the others, or a certificate); a token and a username are an
  error
  (transport: HTTPWrappersForConfig). A password without a username, and a key
  without a certificate, count for nothing.
- tokenFile comes before token, which serves until the file is there
  (transport: NewBearerAuthWithRefreshRoundTripper). A file that is missing or
  empty for a moment counts as it was before (token_source.go).
- A certificate goes with a token or a username. What is given as data comes
  before files (transport: dataFromSliceOrFile), and files are read again when
  they may have changed.
- as and its kin become headers (transport: NewImpersonatingRoundTripper).
- Relative paths are relative to the kubeconfig (clientcmd:
  GetAuthInfoFileReferences). An empty string is as good as none.

Knows nothing of HTTP beyond the headers, and does not read kubeconfigs.
"""

import base64
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import pathlib
import threading
from typing import Any
from urllib.parse import quote

import msgspec
from oslo_log import log

from vitrage_k8s.api import errors
from vitrage_k8s.api import exec_plugin
from vitrage_k8s.api import logins
from vitrage_k8s.api import text

LOG = log.getLogger(__name__)

# Of this module's interface; exec_plugin.py needs them too.
Exec = exec_plugin.Exec
ExecEnv = exec_plugin.ExecEnv
Login = logins.Login

# What a header's name may hold (RFC 9110); quote() leaves letters and _.-~.
_NAME_SAFE = "!#$&'*+^`|"


class User(logins.Discreet, rename='kebab', frozen=True):
    """users[].user of a kubeconfig (clientcmd/api/v1 AuthInfo)."""

    client_certificate: str = ''
    client_certificate_data: str = ''
    client_key: str = ''
    client_key_data: str = ''
    token: str = ''
    token_file: str = msgspec.field(name='tokenFile', default='')
    username: str = ''
    password: str = ''
    exec: Exec | None = None
    auth_provider: dict[str, Any] | None = None
    as_: str = msgspec.field(name='as', default='')
    as_uid: str = ''
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}

    def headers(self) -> Iterator[tuple[str, str]]:
        """Yield the headers for impersonation, as client-go writes them."""
        for name, values in (
                ('User', [self.as_]), ('Uid', [self.as_uid]),
                ('Group', self.as_groups),
                *((f'Extra-{quote(key.lower(), _NAME_SAFE)}', values)
                  for key, values in self.as_user_extra.items())):
            for value in filter(None, values):
                # http.client writes latin-1, and Go what it has, in UTF-8.
                yield f'Impersonate-{name}', value.encode().decode('latin-1')


class Credentials:
    """Logs in as one user of a kubeconfig. Thread-safe.

    Ask for a login for each request. After a 401, call refused(), and try
    once more if that may help.

    :param user: the user
    :param directory: where the kubeconfig is
    :param cluster_info: returns, by a deadline, what a plugin with
        provideClusterInfo gets of the cluster (Cluster of
        client.authentication.k8s.io)
    :param field: the file and the entry of the user, for messages
    :param is_safe: whether nobody can read along; else no secret is sent
        (client-go: clientcmd DirectClientConfig.ClientConfig)
    :ivar keeps_back: whether there are secrets that are not sent
    """

    def __init__(self, user: User, directory: pathlib.Path,
                 cluster_info: Callable[[float], Mapping[str, Any]]
                 | None = None, field: str = 'users[].user', *,
                 is_safe: bool = True) -> None:
        self.field = field
        self._user = user
        self.keeps_back = not is_safe and any((
            user.token, user.token_file, user.username, user.exec,
            user.client_certificate, user.client_certificate_data))
        # A service may change its working directory later.
        self._directory = directory.absolute()
        self._cluster_info = cluster_info
        self._plugin: exec_plugin.Plugin | None = None
        if user.exec and not (
                user.token or user.token_file or user.username
                or user.client_certificate or user.client_certificate_data):
            self._plugin = exec_plugin.Plugin(
                user.exec, self._directory, cluster_info, field)
        # Guards what follows.
        self._lock = threading.Lock()
        self._last_token: str | None = None
        self._token_is_lost = False

    def is_same(self, other: 'Credentials') -> bool:
        """Return whether others are for the same user, place and cluster."""
        return (self._user, self._directory, self._cluster_info) == (
            other._user, other._directory, other._cluster_info)

    def check(self) -> None:
        """Check what can be checked without a file and without a plugin.

        :raises CredentialsError: login() cannot succeed
        """
        user = self._user
        if user.auth_provider is not None:
            name = user.auth_provider.get('name', 'without a name')
            raise self._error(
                'auth-provider', f'{name} is not supported; use an exec '
                'plugin instead, such as kubelogin for oidc')
        if (user.as_uid or user.as_groups or user.as_user_extra) \
                and not user.as_:
            raise self._error('as', 'is missing beside as-uid, as-groups or '
                              'as-user-extra; set it, or remove these')
        if not all(value.isprintable() for pair in user.headers()
                   for value in pair[1].encode('latin-1').decode()):
            raise self._error('as', 'or as-uid, as-groups or as-user-extra '
                              'holds what cannot be printed; correct it')
        if (user.token or user.token_file) and user.username:
            raise self._error('username', 'there is a token as well; remove '
                              'the one or the other')
        if (user.client_certificate or user.client_certificate_data) and not (
                user.client_key or user.client_key_data):
            raise self._error('client-key', 'is missing; a certificate is of '
                              'use only with its key')
        if user.token:
            self._bearer(user.token)
        if self._plugin:
            self._plugin.check()

    def login(self, deadline: float) -> Login:
        """Return what to present now; the files are read anew.

        :param deadline: when all must be done (time.monotonic())
        :raises CredentialsError: there is nothing to log in with
        """
        self.check()
        login = self._static_login(deadline)
        if self._plugin and not self.keeps_back:
            return msgspec.structs.replace(
                self._plugin.login(deadline), headers=login.headers)
        return login

    def refused(self, login: Login, deadline: float) -> bool:
        """Take note that the API server answered 401 to a login.

        :param deadline: see login()
        :returns: whether another login() may help: that of a plugin, and
            that from files if they have changed
        """
        if self._plugin and not self.keeps_back:
            self._plugin.refused(login)
            return True
        try:
            return login != self._static_login(deadline)
        except errors.CredentialsError:
            return False

    def _static_login(self, deadline: float) -> Login:
        """Return the login but for what a plugin issues."""
        user = self._user
        certificate = self._load(
            logins.CERTIFICATE, 'client-certificate',
            user.client_certificate_data, user.client_certificate, deadline)
        key = self._load(
            logins.PRIVATE_KEY, 'client-key', user.client_key_data,
            user.client_key, deadline)[:1] if certificate else []
        headers = tuple(user.headers())
        if self.keeps_back:
            return Login(headers=headers)
        return Login(self._authorization(deadline),
                     b''.join(certificate) or None, b''.join(key) or None,
                     headers)

    def _load(self, kind: str, field: str, data: str, file: str,
              deadline: float) -> list[bytes]:
        return logins.load_pem(kind, f'{self.field}.{field}', data,
                               self._directory / file if file else None,
                               deadline)

    def _authorization(self, deadline: float) -> str | None:
        user = self._user
        if user.token_file:
            return self._token_of_file(user.token_file, deadline)
        if user.token:
            return self._bearer(user.token)
        if user.username:
            pair = f'{user.username}:{user.password}'
            return f'Basic {base64.b64encode(pair.encode()).decode()}'
        return None

    def _bearer(self, token: str) -> str:
        return logins.bearer(token, f'{self.field}.token')

    def _token_of_file(self, file: str, deadline: float) -> str:
        path = self._directory / file
        field = f'{self.field}.tokenFile ({path})'
        problem, cause, token = 'is empty', None, ''
        try:
            # Any byte is a character of this, and those of a token are ASCII.
            token = logins.read_file(path, deadline).content.decode(
                'latin-1').strip()
        except OSError as error:
            problem, cause = f'cannot be read: {error.strerror}', error
        authorization = logins.bearer(token, field) if token else None
        with self._lock:
            was_lost, self._token_is_lost = self._token_is_lost, not token
            if authorization:
                self._last_token = authorization
                if was_lost:
                    LOG.info('%s holds a token again.', text.make_safe(field))
                return authorization
            # Who waits for a file at each request reads nothing.
            if (self._last_token or self._user.token) and not isinstance(
                    cause, TimeoutError):
                if not was_lost:
                    LOG.warning(
                        '%s %s. The token before it is used until the file '
                        'holds one again.', text.make_safe(field), problem)
                return self._last_token or self._bearer(self._user.token)
        raise errors.CredentialsError(
            f'{field} {problem}; have a token written there that this '
            'service may read') from cause

    def _error(self, field: str, problem: str) -> errors.CredentialsError:
        return errors.CredentialsError(f'{self.field}.{field}: {problem}')
