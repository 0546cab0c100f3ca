# SPDX-License-Identifier: Apache-2.0
"""How to log in to an API server: what a kubeconfig's users[].user says.

The official client (37.0.2) reads a tokenFile once, with its newline, sends
requests without credentials when an exec plugin fails, waits for a plugin
without end, and renews nothing after a 401. The reference is client-go:

- token or tokenFile, or else username and password, or else exec
  (plugin/pkg/client/auth/exec: UpdateTransportConfig leaves exec alone when
  there is one of the others, or a certificate); a token and a username are an
  error (transport: HTTPWrappersForConfig). A password without a username, and
  a key without a certificate, count for nothing.
- tokenFile comes before token, which serves until the file is there
  (transport: NewBearerAuthWithRefreshRoundTripper). A file that is missing or
  empty for a moment counts as it was before (token_source.go).
- A certificate goes with a token or a username. What is given as data comes
  before files (transport: dataFromSliceOrFile), and files are read anew.
- as and its kin become headers (transport: NewImpersonatingRoundTripper).
- Relative paths are relative to the kubeconfig (clientcmd:
  GetAuthInfoFileReferences). An empty string is as good as none.
"""

import base64
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
    exec: exec_plugin.Exec | None = None
    auth_provider: dict[str, Any] | None = None
    as_: str = msgspec.field(name='as', default='')
    as_uid: str = ''
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}

    @property
    def certificate(self) -> str:
        """The client certificate, as data or a path; empty if none."""
        return self.client_certificate_data or self.client_certificate

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers for impersonation, as client-go writes them."""
        named = [('User', [self.as_]), ('Uid', [self.as_uid]),
                 ('Group', self.as_groups),
                 *((f'Extra-{quote(key.lower(), _NAME_SAFE)}', values)
                   for key, values in self.as_user_extra.items())]
        # http.client writes latin-1, and Go what it has, in UTF-8.
        return tuple((f'Impersonate-{name}', value.encode().decode('latin-1'))
                     for name, values in named for value in values if value)


class Credentials:
    """Logs in as one user of a kubeconfig. Thread-safe.

    Ask for a login for each request. After a 401, call refused(), and try
    once more if that may help.

    :param directory: where the kubeconfig is
    :param cluster_info: see exec_plugin.Plugin
    :param field: the file and the entry of the user, for messages
    :param is_safe: whether nobody can read along; else no secret is sent
        (client-go: clientcmd DirectClientConfig.ClientConfig)
    :ivar keeps_back: whether there are secrets that are not sent
    :raises CredentialsError: this user can never log in, whatever is in files
    """

    def __init__(self, user: User, directory: pathlib.Path,
                 cluster_info: exec_plugin.ClusterInfo | None = None,
                 field: str = 'users[].user', *,
                 is_safe: bool = True) -> None:
        _check(user, field)
        self.field = field
        is_static = bool(user.token or user.token_file or user.username
                         or user.certificate)
        self.keeps_back = not is_safe and (is_static or user.exec is not None)
        self._user = user
        # A service may change its working directory later.
        self._directory = directory.absolute()
        self._cluster_info = cluster_info
        plugin = exec_plugin.Plugin(
            user.exec, self._directory, cluster_info, field) \
            if user.exec and not is_static else None
        self._plugin = None if self.keeps_back else plugin
        # Guards what follows. With a tokenFile, it is that of its last token.
        self._lock = threading.Lock()
        self._authorization = None
        self._token_is_lost = False
        if user.token:
            self._authorization = logins.bearer(user.token, f'{field}.token')
        elif user.username:
            pair = f'{user.username}:{user.password}'.encode()
            self._authorization = f'Basic {base64.b64encode(pair).decode()}'

    def is_same(self, other: 'Credentials') -> bool:
        """Return whether others are for the same user, place and cluster."""
        return (self._user, self._directory, self._cluster_info) == (
            other._user, other._directory, other._cluster_info)

    def or_same(self, other: 'Credentials | None') -> 'Credentials':
        """Return others, which may be in use, if they are the same."""
        return other if other and self.is_same(other) else self

    def login(self, deadline: float) -> logins.Login:
        """Return what to present now; the files are read anew.

        :param deadline: when all must be done (time.monotonic())
        :raises CredentialsError: there is nothing to log in with
        """
        login = self._static_login(deadline)
        return msgspec.structs.replace(self._plugin.login(
            deadline), headers=login.headers) if self._plugin else login

    def refused(self, login: logins.Login, deadline: float) -> bool:
        """Take note that the API server answered 401 to a login.

        :returns: whether another login() may help: that of a plugin, and
            that from files if they have changed
        """
        if self._plugin:
            self._plugin.refused(login)
            return True
        try:
            return login != self._static_login(deadline)
        except errors.CredentialsError:
            return False

    def _static_login(self, deadline: float) -> logins.Login:
        """Return the login without what a plugin issues."""
        user = self._user
        certificate = b''.join(logins.load_pem(
            logins.CERTIFICATE, f'{self.field}.client-certificate',
            user.client_certificate_data, self._directory,
            user.client_certificate, deadline))
        key = b''.join(logins.load_pem(
            logins.PRIVATE_KEY, f'{self.field}.client-key',
            user.client_key_data, self._directory, user.client_key,
            deadline)[:1]) if certificate else b''
        if self.keeps_back:
            return logins.Login(headers=user.headers())
        return logins.Login(
            self._read_token(deadline) if user.token_file
            else self._authorization,
            certificate or None, key or None, user.headers())

    def _read_token(self, deadline: float) -> str:
        path = self._directory / self._user.token_file
        field = f'{self.field}.tokenFile ({path})'
        problem, cause, found = 'is empty', None, None
        try:
            # latin-1 takes any byte, and bearer() takes ASCII only.
            token = logins.read_file(path, deadline).content.decode('latin-1')
            found = logins.bearer(token, field) if token.strip() else None
        except OSError as error:
            problem, cause = f'cannot be read: {error.strerror}', error
        with self._lock:
            was_lost, self._token_is_lost = self._token_is_lost, not found
            self._authorization = last = found or self._authorization
        # A file that never answers would delay each request.
        if not last or isinstance(cause, TimeoutError):
            raise errors.CredentialsError(
                f'{field} {problem}; have a token written there that this '
                'service may read') from cause
        if found and was_lost:
            LOG.info('%s holds a token again.', text.make_safe(field))
        elif not found and not was_lost:
            LOG.warning(
                '%s %s. The token before it is used until the file holds one '
                'again.', text.make_safe(field), problem)
        return last


def _check(user: User, field: str) -> None:
    provider = user.auth_provider
    for is_wrong, name, problem in (
            (provider is not None, 'auth-provider',
             f'{(provider or {}).get("name", "without a name")} is not '
             'supported; use an exec plugin instead, such as kubelogin for '
             'oidc'),
            ((user.as_uid or user.as_groups or user.as_user_extra)
             and not user.as_, 'as', 'is missing beside as-uid, as-groups or '
             'as-user-extra; set it, or remove these'),
            (not all(value.encode('latin-1').decode().isprintable()
                     for _, value in user.headers()), 'as',
             'or as-uid, as-groups or as-user-extra holds what cannot be '
             'printed; correct it'),
            (user.username and (user.token or user.token_file), 'username',
             'there is a token as well; remove the one or the other'),
            (user.certificate and not (
                user.client_key or user.client_key_data), 'client-key',
             'is missing; a certificate is of use only with its key')):
        if is_wrong:
            raise errors.CredentialsError(f'{field}.{name}: {problem}')
