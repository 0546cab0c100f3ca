# SPDX-License-Identifier: Apache-2.0
"""Where the clusters are and how to log in: kubeconfig, or in-cluster.

A kubeconfig is read anew for each poll, so that what is mended in it works
without a restart. The official client's loader is not used: it passes over
what is wrong with credentials (see credentials.py), keeps certificates in
temporary files of the process, and its fields differ between its versions.
"""

import base64
from collections.abc import Iterator
from collections.abc import Mapping
import os
import pathlib
from typing import Any
from urllib.parse import urlsplit

import msgspec
from oslo_log import log
import yaml

from vitrage_k8s.api import credentials
from vitrage_k8s.api.endpoint import Authority
from vitrage_k8s.api.endpoint import Endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import text

LOG = log.getLogger(__name__)

ALL_CONTEXTS = '*'
NO_CONTEXT = 'none'

# Where Kubernetes puts a pod's service account.
SERVICE_ACCOUNT = pathlib.Path('/var/run/secrets/kubernetes.io/serviceaccount')


_MEND = '; set config_file to the path of a kubeconfig that the user of ' \
        'this service can read'


class _Cluster(msgspec.Struct, rename='kebab', frozen=True):
    server: str
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster


class _Context(msgspec.Struct):
    cluster: str
    user: str | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _NamedUser(msgspec.Struct):
    name: str
    user: credentials.User | None = None


class _File(msgspec.Struct, rename='kebab'):
    clusters: list[_NamedCluster] | None = None
    contexts: list[_NamedContext] | None = None
    users: list[_NamedUser] | None = None
    current_context: str | None = None


class Kubeconfig:
    """One kubeconfig, or several that are merged as kubectl does.

    :param config_file: its path; None for the default kubeconfig
    :raises ConfigurationError: there is none, or it is none
    """

    def __init__(self, config_file: str | None) -> None:
        if config_file:
            self.where = f'[kubernetes] config_file: {config_file}'
            paths = [config_file]
        else:
            default = os.environ.get('KUBECONFIG') or '~/.kube/config'
            self.where = '[kubernetes] config_file is not set, and the ' \
                         f'default kubeconfig {default}'
            paths = [path for path in default.split(os.pathsep) if path]
        self._clusters: dict[str, tuple[_Cluster, pathlib.Path]] = {}
        self._users: dict[str, tuple[credentials.User, pathlib.Path]] = {}
        self._contexts: dict[str, _Context] = {}
        self._current: str | None = None
        there = [found for path in paths if (found := self._find(path))]
        if not there:
            raise errors.ConfigurationError(
                f'{self.where}: there is no such file{_MEND}')
        for path in there:
            self._merge(path)

    def _find(self, path: str) -> pathlib.Path | None:
        try:
            found = pathlib.Path(path).expanduser()
            found.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except RuntimeError as error:
            # No HOME, and no entry of this user id in passwd.
            raise errors.ConfigurationError(
                f'{self.where}: the user of this service has no home '
                f'directory for {path}{_MEND}') from error
        except (OSError, ValueError) as error:
            raise errors.ConfigurationError(
                f'{self.where}: {path} cannot be read: '
                f'{getattr(error, "strerror", None) or error}{_MEND}'
            ) from error
        return found

    def _merge(self, path: pathlib.Path) -> None:
        # What an earlier file says stays (kubectl's rule for $KUBECONFIG).
        parsed = self._parse(path)
        directory = path.absolute().parent
        self._add('clusters', self._clusters, [
            (c.name, (c.cluster, directory)) for c in parsed.clusters or ()])
        self._add('users', self._users, [
            (u.name, (u.user or credentials.User(), directory))
            for u in parsed.users or ()])
        self._add('contexts', self._contexts, [
            (c.name, c.context) for c in parsed.contexts or ()])
        self._current = self._current or parsed.current_context

    def _add(self, section: str, known: dict[str, Any],
             items: list[tuple[str, Any]]) -> None:
        names = set()
        for name, item in items:
            if name in names:
                raise errors.ConfigurationError(
                    f'{self.where}: two {section} have the name {name}; '
                    'rename one of them')
            names.add(name)
            known.setdefault(name, item)

    def _parse(self, path: pathlib.Path) -> _File:
        try:
            return msgspec.convert(
                yaml.safe_load(path.read_text(encoding='utf-8')), _File)
        except OSError as error:
            problem = f'{path} cannot be read: {error.strerror}{_MEND}'
        except UnicodeDecodeError:
            problem = 'is no kubeconfig: it is not text'
        except yaml.YAMLError as error:
            # The whole message quotes the line, with the secret in it.
            mark = getattr(error, 'problem_mark', None)
            line = f' in line {mark.line + 1}' if mark else ''
            problem = f'is no kubeconfig: it is not YAML{line}'
        except msgspec.ValidationError as error:
            problem = f'is no kubeconfig: {error}'
        except (ValueError, RecursionError):
            # A date or a number of YAML that is none, or thousands of [.
            problem = 'is no kubeconfig: it holds what YAML cannot'
        raise errors.ConfigurationError(f'{self.where}: {problem}')

    def clusters(self, contexts: list[str],
                 known: Mapping[str, credentials.Credentials],
                 ) -> Iterator[Endpoint | errors.KubernetesDatasourceError]:
        """Yield the endpoint of each context's cluster, or why there is none.

        :param contexts: names of contexts; ALL_CONTEXTS for all; empty for
            the current one
        :param known: the credentials by cluster that were in use before; they
            go on where nothing about them has changed
        """
        if contexts == [NO_CONTEXT] and NO_CONTEXT not in self._contexts:
            return
        if not contexts and not self._current:
            yield errors.ConfigurationError(
                f'{self.where}: has no current-context, and [kubernetes] '
                'contexts names none; set one of the two')
            return
        choose_all = ALL_CONTEXTS in contexts
        names = list(self._contexts) if choose_all else \
            contexts or [str(self._current)]
        context_of: dict[object, str] = {}
        for name in names:
            try:
                cluster = self._cluster(name, known)
            except errors.KubernetesDatasourceError as error:
                yield error
                continue
            # One API server must not be polled under two names: its nodes
            # would be now the one's, now the other's.
            place = (cluster.server, cluster.tls_server_name,
                     cluster.proxy_url)
            same = context_of.get(cluster.name) or context_of.get(place)
            if same is None:
                context_of[cluster.name] = context_of[place] = name
                yield cluster
            elif choose_all:
                LOG.debug('Context %s is passed over: its cluster %s is that '
                          'of the context %s', text.make_safe(name),
                          cluster.name, text.make_safe(same))
            else:
                yield errors.UnusableEntry(
                    f'[kubernetes] contexts: the context {name} is of the '
                    f'same cluster as the context {same}; name one of them')

    def _cluster(self, context_name: str,
                 known: Mapping[str, credentials.Credentials]) -> Endpoint:
        context = self._contexts.get(context_name)
        if context is None:
            raise errors.ConfigurationError(
                f'{self.where}: has no context {context_name}; it has '
                f'{", ".join(sorted(self._contexts)) or "none"}. See '
                '[kubernetes] contexts')
        name = context.cluster
        if name not in self._clusters:
            raise errors.ConfigurationError(
                f'{self.where}: has no cluster {name}, which its context '
                f'{context_name} is of')
        _check_name(f'{self.where}: the name of its cluster', name)
        if context.user and context.user not in self._users:
            raise errors.Misconfigured(
                name, f'{self.where}: has no user {context.user}, which its '
                f'context {context_name} is for', context_name)
        cluster, directory = self._clusters[name]
        user, user_directory = self._users[context.user] if context.user \
            else (credentials.User(), directory)
        try:
            if urlsplit(cluster.server).scheme not in ('http', 'https'):
                raise ValueError(f'the server of its cluster {name} is no URL '
                                 'of https://')
            authority = Authority(cluster.certificate_authority_data,
                                  cluster.certificate_authority, directory)
            login = credentials.Credentials(
                user, user_directory, _ClusterInfo(cluster, authority))
            before = known.get(name)
            if before is not None and before.is_same(login):
                login = before
            login.check()
        except (errors.CredentialsError, ValueError) as error:
            raise errors.Misconfigured(
                name, f'{self.where}: {error}', context_name) from error
        return Endpoint(
            name, context_name, cluster.server, login, authority,
            bool(cluster.insecure_skip_tls_verify),
            cluster.tls_server_name or None, cluster.proxy_url or None)


def _check_name(field: str, name: str) -> None:
    """Check that a cluster can be shown by its name.

    :raises UnusableEntry: it cannot
    """
    if not text.is_key(name, text.LONGEST_NAME):
        raise errors.UnusableEntry(
            f'{field} {text.make_safe(name, text.LONGEST_VALUE)} has more '
            f'than {text.LONGEST_NAME} characters, or some that cannot be '
            'printed; give the cluster another name there')


class _ClusterInfo(msgspec.Struct, frozen=True):
    """Returns what an exec plugin may ask for of its cluster."""

    cluster: _Cluster
    authority: Authority

    def __call__(self) -> dict[str, Any]:
        cluster, pem = self.cluster, self.authority.read() or ''
        return {key: value for key, value in (
            ('server', cluster.server),
            ('tls-server-name', cluster.tls_server_name),
            ('insecure-skip-tls-verify', cluster.insecure_skip_tls_verify),
            ('certificate-authority-data',
             base64.b64encode(pem.encode('latin-1')).decode()),
            ('proxy-url', cluster.proxy_url)) if value}


def load(config_file: str | None, contexts: list[str], cluster_name: str,
         known: Mapping[str, credentials.Credentials],
         ) -> Iterator[Endpoint | errors.KubernetesDatasourceError]:
    """Yield the endpoint of each cluster to read, or what is wrong with it.

    :param config_file: path of the kubeconfig; None for the in-cluster
        configuration, or else the default kubeconfig
    :param contexts: see ``Kubeconfig.clusters``
    :param cluster_name: the name of an in-cluster configuration's cluster
    :param known: see ``Kubeconfig.clusters``
    :raises ConfigurationError: there is no kubeconfig, or it is none
    """
    host = os.environ.get('KUBERNETES_SERVICE_HOST')
    port = os.environ.get('KUBERNETES_SERVICE_PORT')
    token = SERVICE_ACCOUNT / 'token'
    if config_file or contexts or not (host and port and token.exists()):
        return Kubeconfig(config_file).clusters(contexts, known)
    _check_name('[kubernetes] cluster_name:', cluster_name)
    authority = Authority(None, 'ca.crt' if (
        SERVICE_ACCOUNT / 'ca.crt').exists() else None, SERVICE_ACCOUNT)
    login = known.get(cluster_name) or credentials.Credentials(
        credentials.User(token_file=str(token)), SERVICE_ACCOUNT)
    return iter([Endpoint(
        cluster_name, cluster_name,
        f'https://{f"[{host}]" if ":" in host else host}:{port}', login,
        authority)])
