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
  there is one of the others); a token and a username are an error
  (transport: HTTPWrappersForConfig).
- tokenFile comes before token, which serves until the file is there
  (transport: NewBearerAuthWithRefreshRoundTripper). A file that is missing or
  empty for a moment counts as it was before (token_source.go).
- A certificate goes with any of these, and comes before that of a plugin
  (transport: TLSConfigFor). What is given as data comes before files
  (dataFromSliceOrFile), and files are read again when they may have changed.
- Relative paths are relative to the kubeconfig (clientcmd:
  GetAuthInfoFileReferences). An empty string is as good as none.

Knows nothing of HTTP beyond the header, and does not read kubeconfigs.
"""

import base64
from collections.abc import Callable
from collections.abc import Mapping
import pathlib
import threading
from typing import Any

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

_USER = 'users[].user'


class User(logins.Discreet, rename='kebab', frozen=True):
    """users[].user of a kubeconfig (clientcmd/api/v1 AuthInfo)."""

    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(name='tokenFile', default=None)
    username: str | None = None
    password: str | None = None
    exec: Exec | None = None
    auth_provider: dict[str, Any] | None = None
    as_: str | None = msgspec.field(name='as', default=None)
    as_uid: str | None = None
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str]] | None = None


class Credentials:
    """Logs in as one user of a kubeconfig. Thread-safe.

    Ask for a login for each request. After a 401, the thread that asked tells
    refused(), and tries once more if that may help.

    :param user: the user
    :param directory: where the kubeconfig is
    :param cluster_info: returns what a plugin with provideClusterInfo gets of
        the cluster (Cluster of client.authentication.k8s.io)
    """

    def __init__(self, user: User, directory: pathlib.Path,
                 cluster_info: Callable[[], Mapping[str, Any]] | None = None,
                 ) -> None:
        self.user = user
        # A service may change its working directory later.
        self._directory = directory.absolute()
        self._cluster_info = cluster_info
        self._plugin: exec_plugin.Plugin | None = None
        if user.exec and not (user.token or user.token_file or user.username):
            self._plugin = exec_plugin.Plugin(
                user.exec, self._directory, cluster_info)
        # What each thread was given, to know which one was refused.
        self._given = threading.local()
        # Guards what follows.
        self._lock = threading.Lock()
        self._last_token: str | None = None
        self._token_is_lost = False

    def is_same(self, other: 'Credentials') -> bool:
        """Tell whether others are for the same user, place and cluster."""
        return (self.user, self._directory, self._cluster_info) == (
            other.user, other._directory, other._cluster_info)

    def check(self) -> None:
        """Check what can be checked without a file and without a plugin.

        :raises CredentialsError: login() cannot succeed
        """
        self._check_fields()
        if self._plugin:
            self._plugin.check()

    def login(self, deadline: float) -> Login:
        """Return what to present now; the files are read anew.

        :param deadline: when a plugin must be done (time.monotonic())
        :raises CredentialsError: there is nothing to log in with
        """
        self._check_fields()
        login = self._static_login()
        if self._plugin:
            issued = self._plugin.login(deadline)
            login = Login(issued.authorization, login.certificate, login.key) \
                if login.certificate else issued
        self._given.login = login
        return login

    def refused(self) -> bool:
        """Take note that the API server answered 401 to this thread's login.

        :returns: whether another login() may help: that of a plugin once, and
            that from files if they have changed
        """
        if self._plugin:
            return self._plugin.refused()
        given = getattr(self._given, 'login', None)
        try:
            return given is not None and given != self._static_login()
        except errors.CredentialsError:
            return False

    def _check_fields(self) -> None:
        user = self.user
        if user.auth_provider is not None:
            name = user.auth_provider.get('name', 'without a name')
            raise _error('auth-provider', f'{name} is not supported; use an '
                         'exec plugin instead, such as kubelogin for oidc')
        if user.as_ or user.as_uid or user.as_groups or user.as_user_extra:
            raise _error('as', 'impersonation is not supported; give the user '
                         'a role, and remove as, as-uid, as-groups and '
                         'as-user-extra')
        if user.token and user.username or user.token_file and user.username:
            raise _error('username', 'there is a token as well; remove the '
                         'one or the other')
        if user.password and not user.username:
            raise _error('username', 'is missing beside the password')
        has_certificate = user.client_certificate_data \
            or user.client_certificate
        has_key = user.client_key_data or user.client_key
        if bool(has_certificate) != bool(has_key):
            raise _error('client-key' if has_certificate
                         else 'client-certificate', 'is missing; a '
                         'certificate and its key are of use only together')
        if user.token:
            logins.bearer(user.token, f'{_USER}.token')

    def _static_login(self) -> Login:
        """Return the login but for what a plugin issues."""
        return Login(self._authorization(), *self._pair())

    def _authorization(self) -> str | None:
        user = self.user
        if user.token_file:
            return self._token_of_file(user.token_file)
        if user.token:
            return logins.bearer(user.token, f'{_USER}.token')
        if user.username:
            pair = f'{user.username}:{user.password or ""}'
            return f'Basic {base64.b64encode(pair.encode()).decode()}'
        return None

    def _pair(self) -> tuple[bytes | None, bytes | None]:
        user = self.user
        return (logins.load_pem(
                    f'{_USER}.client-certificate',
                    user.client_certificate_data, user.client_certificate,
                    self._directory),
                logins.load_pem(
                    f'{_USER}.client-key', user.client_key_data,
                    user.client_key, self._directory))

    def _token_of_file(self, file: str) -> str:
        path = self._directory / file
        field = f'{_USER}.tokenFile ({path})'
        problem, cause, token = 'is empty', None, ''
        try:
            # Any byte is a character of this, and those of a token are ASCII.
            token = path.read_text('latin-1').strip()
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
            if self._last_token or self.user.token:
                if not was_lost:
                    LOG.warning(
                        '%s %s. The token before it is used until the file '
                        'holds one again.', text.make_safe(field), problem)
                return self._last_token or logins.bearer(
                    self.user.token or '', f'{_USER}.token')
        raise errors.CredentialsError(
            f'{field} {problem}; have a token written there that this '
            'service may read') from cause


def _error(field: str, problem: str) -> errors.CredentialsError:
    return errors.CredentialsError(f'{_USER}.{field}: {problem}')
