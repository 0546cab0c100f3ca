# SPDX-License-Identifier: Apache-2.0
"""Credentials that a program issues: exec of a kubeconfig's users.

The contract is that of client.authentication.k8s.io (v1 and v1beta1)
https://kubernetes.io/docs/reference/access-authn-authz/authentication/,
the behaviour that of client-go (plugin/pkg/client/auth/exec/exec.go), but a
plugin never gets a terminal, does not run longer than a bound, and is run
before its credentials expire: a service has nobody to watch it.

Errors quote neither what a plugin prints, nor its arguments and environment:
all may hold secrets.
"""

from collections.abc import Callable
from collections.abc import Mapping
import contextlib
import datetime
import math
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
from typing import Annotated
from typing import Any

import msgspec

from vitrage_k8s.api import errors
from vitrage_k8s.api import logins

ClusterInfo = Callable[[float], Mapping[str, Any]]

_API_VERSIONS = ('client.authentication.k8s.io/v1',
                 'client.authentication.k8s.io/v1beta1')
# How long a plugin may run, in seconds, even before a later deadline.
RUN_LIMIT = 30.0
# How much it may print, in bytes. Tokens and certificates have a few KiB.
OUTPUT_LIMIT = 1 << 20
# Credentials are renewed that many seconds before they expire, but not before
# half of their lifetime: clocks differ, and a request takes time.
MARGIN = 60.0
# Seconds between two looks at whether it has ended, and to wait for its end.
_TICK, _REAP_LIMIT = 0.01, 5.0


class ExecEnv(logins.Discreet, frozen=True):
    """A variable of a plugin's environment."""

    name: str = ''
    value: str = ''


class Exec(logins.Discreet, rename='camel', frozen=True):
    """users[].user.exec of a kubeconfig (clientcmd/api/v1 ExecConfig)."""

    # Go's zero values: what is missing or null counts as empty.
    api_version: str = ''
    command: str = ''
    args: list[str] = []
    env: list[ExecEnv] = []
    provide_cluster_info: bool = False
    interactive_mode: str = ''
    install_hint: str = ''


class _Status(logins.Discreet, rename='camel', frozen=True):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: Annotated[
        datetime.datetime, msgspec.Meta(tz=True)] | None = None


class _ExecCredential(logins.Discreet, rename='camel', frozen=True):
    kind: str | None = None
    api_version: str | None = None
    status: _Status | None = None


def _has_ended(pid: int) -> bool:
    """Return whether a child has ended; its id stays its own until a wait."""
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_PID, pid, how) is not None
    return True  # There is nothing to wait for where SIGCHLD is ignored.


class Plugin:
    """Runs a plugin when its credentials are needed, and keeps them.

    :param directory: where the kubeconfig is, as an absolute path
    :param cluster_info: returns, by a deadline, what provideClusterInfo
        provides
    :param field: the file and the entry of the user, for messages
    :raises CredentialsError: the plugin can never succeed
    """

    def __init__(self, spec: Exec, directory: pathlib.Path,
                 cluster_info: ClusterInfo | None, field: str) -> None:
        self._spec = spec
        self._directory = directory
        self._cluster_info = cluster_info
        self._program = spec.command
        self._name = f'{field}.exec (command {spec.command})'
        self._running = threading.Lock()
        # What came of the last run: credentials, and when to renew them (of
        # time.time(), which goes on while a machine sleeps), or why none.
        self._outcome: tuple[logins.Login, float] | str | None = None
        for is_wrong, problem in (
                (spec.api_version not in _API_VERSIONS,
                 f'apiVersion: {spec.api_version or "none"} is not supported, '
                 f'only {" and ".join(_API_VERSIONS)}; renew this section, '
                 'and the plugin if need be'),
                (spec.interactive_mode == 'Always',
                 'interactiveMode: Always asks for a terminal, which a '
                 'service does not have; use credentials that need none'),
                (spec.interactive_mode not in ('IfAvailable', 'Never', ''),
                 'interactiveMode: must be Never or IfAvailable'),
                (any(not given.name or '=' in given.name
                     for given in spec.env),
                 'env: a name is empty or has a = in it')):
            if is_wrong:
                raise self._error(problem)

    def login(self, deadline: float) -> logins.Login:
        """Return credentials that are not about to expire.

        :param deadline: when the plugin must be done (time.monotonic())
        :raises CredentialsError: there are none
        """
        before = self._outcome
        # One run at a time. Callers that wait for it take its outcome.
        if not self._running.acquire(timeout=min(
                max(deadline - time.monotonic(), 0), threading.TIMEOUT_MAX)):
            raise self._error('is still running, for another request')
        try:
            outcome = self._outcome
            if isinstance(outcome, tuple) and time.time() < outcome[1]:
                return outcome[0]
            if isinstance(outcome, str) and outcome is not before:
                raise errors.CredentialsError(outcome)
            self._outcome = None
            self._outcome = self._read_credential(self._run(deadline))
            return self._outcome[0]
        except errors.CredentialsError as error:
            # If the time was up, a caller with more time may succeed.
            if time.monotonic() < deadline:
                self._outcome = str(error)
            raise
        finally:
            self._running.release()

    def refused(self, login: logins.Login) -> None:
        """Forget credentials, unless others have replaced them already."""
        outcome = self._outcome
        if isinstance(outcome, tuple) and \
                outcome[0].authorization == login.authorization:
            self._outcome = None

    def _run(self, deadline: float) -> bytes:
        now = time.monotonic()
        if deadline <= now:
            raise self._error('there is no time left to run it')
        spec = self._spec
        self._program = self._find()
        info: dict[str, Any] = {'interactive': False}
        if spec.provide_cluster_info and self._cluster_info:
            info['cluster'] = self._cluster_info(deadline)
        environment = {
            **os.environ, **{given.name: given.value for given in spec.env},
            'KUBERNETES_EXEC_INFO': msgspec.json.encode({
                'kind': 'ExecCredential', 'apiVersion': spec.api_version,
                'spec': info}).decode()}
        return self._execute(environment, min(deadline, now + RUN_LIMIT))

    def _execute(self, environment: dict[str, str], until: float) -> bytes:
        """Run the program without input, and return what it prints.

        It gets a session of its own. When it has ended, the processes that it
        left in that session are killed, since nothing else would end them. No
        process and no file descriptor stays open.
        """
        began = time.monotonic()
        # A file in memory: a pipe would have to be read while the program
        # writes, and ends only when all that it started have closed it.
        with open(os.memfd_create('output'), 'rb') as output:
            try:
                process = subprocess.Popen(  # noqa: S603 as the file says
                    [self._spec.command, *self._spec.args],
                    executable=self._program, env=environment,
                    stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.DEVNULL, start_new_session=True)
            except (OSError, ValueError) as error:
                # The cause may quote the arguments or the environment.
                why = error.strerror if isinstance(error, OSError) else \
                    'its arguments or environment hold what no program can ' \
                    'be given'
                raise self._failed(f'cannot be run: {why}') from None
            try:
                while not _has_ended(process.pid) and \
                        os.fstat(output.fileno()).st_size <= OUTPUT_LIMIT:
                    if time.monotonic() >= until:
                        raise self._failed(
                            f'did not end within {until - began:.3g} s, and '
                            'was killed')
                    time.sleep(_TICK)
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                # It is gone at once, unless it waits in the kernel.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_REAP_LIMIT)
            # The program has moved the position at which read() would begin.
            content = os.pread(output.fileno(), OUTPUT_LIMIT + 1, 0)
        if len(content) > OUTPUT_LIMIT:
            raise self._failed(f'printed more than {OUTPUT_LIMIT} bytes, and '
                               'was killed')
        if code := process.returncode:
            raise self._failed(f'ended with status {code}' if code > 0
                               else f'was ended by signal {-code}')
        return content

    def _find(self) -> str:
        """Return the path of the program, as Go looks it up (exec.LookPath).

        A path is relative to the kubeconfig. A bare name is looked up in the
        PATH, but never run from the working directory.
        """
        command = self._spec.command
        found = shutil.which(
            str(self._directory / command) if os.sep in command else command,
            path=os.environ.get('PATH') or os.curdir)
        if found and os.path.isabs(found):
            return os.path.normpath(found)
        if found:
            raise self._error(
                'it is in the working directory, which an element of PATH '
                'is, and is not run from there; set command to its path')
        # It may be of several lines, for a terminal.
        hint = ' '.join(self._spec.install_hint.split())
        raise self._error(
            'there is no such program that this service may run; install '
            f'it, or correct command{hint and f". {hint[:500]}"}')

    def _read_credential(self, output: bytes) -> tuple[logins.Login, float]:
        try:
            credential = msgspec.json.decode(output, type=_ExecCredential)
        # Old versions of msgspec raise no ValueError.
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            # msgspec's errors quote nothing; others may.
            why = error if isinstance(error, msgspec.DecodeError) else 'junk'
            raise self._failed('printed what is no JSON of an ExecCredential '
                               f'({why})') from None
        version, status = self._spec.api_version, credential.status
        if (credential.kind, credential.api_version) != (
                'ExecCredential', version):
            raise self._failed(f'printed no ExecCredential of {version}, as '
                               'apiVersion says')
        if status is None:
            raise self._failed('printed no status')
        certificate = status.client_certificate_data
        key = status.client_key_data
        if bool(certificate) != bool(key):
            raise self._failed('printed clientCertificateData without '
                               'clientKeyData, or the reverse')
        if not certificate and not status.token:
            raise self._failed('printed neither a token nor a certificate')
        found: list[bytes | None] = []
        for kind, name, pem in (
                (logins.CERTIFICATE, 'clientCertificateData', certificate),
                (logins.PRIVATE_KEY, 'clientKeyData', key)):
            try:
                found.append(b''.join(logins.find_pem(
                    kind, f'{self._name}: status.{name}', pem.encode()))
                    if pem else None)
            except errors.PemError as error:
                # What a plugin prints is no configuration.
                raise errors.CredentialsError(str(error)) from None
        token = logins.bearer(status.token, f'{self._name}: status.token') \
            if status.token else None
        now, expiry = time.time(), status.expiration_timestamp
        # Credentials that have expired already are used once, as in client-go.
        lifetime = expiry.timestamp() - now if expiry else math.inf
        return (logins.Login(token, found[0], found[1]),
                now + lifetime - min(MARGIN, lifetime / 2))

    def _error(self, problem: str) -> errors.CredentialsError:
        return errors.CredentialsError(f'{self._name}: {problem}')

    def _failed(self, problem: str) -> errors.CredentialsError:
        return self._error(
            f'{problem}. To see its output, run it by hand, as the user of '
            'this service and with args and env of the kubeconfig: '
            f'{self._program}')

