# SPDX-License-Identifier: Apache-2.0
"""Which clusters there are: those of a kubeconfig, or of the pod.

A kubeconfig is read anew for each poll, so that what is mended in it works
without a restart. The official client's loader is not used: it passes over
what is wrong with credentials (see credentials.py), keeps certificates in
temporary files of the process, and its fields differ between its versions.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import os
import pathlib
import time

import msgspec
from oslo_log import log

from vitrage_k8s.api import credentials
from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import kubeconfig_files
from vitrage_k8s.api import logins
from vitrage_k8s.api import text

LOG = log.getLogger(__name__)

ALL_CONTEXTS = '*'
NO_CONTEXT = 'none'

# The name of an in-cluster configuration's cluster, unless it is given one.
IN_CLUSTER = 'kubernetes'
# Where Kubernetes puts a pod's service account.
SERVICE_ACCOUNT = pathlib.Path('/var/run/secrets/kubernetes.io/serviceaccount')

Found = endpoint.Endpoint | errors.KubernetesDatasourceError


class _Context(msgspec.Struct):
    """contexts[].context of a kubeconfig."""

    cluster: str = ''
    user: str = ''


class Kubeconfig:
    """The clusters of a kubeconfig.

    :param files: the kubeconfig
    """

    def __init__(self, files: kubeconfig_files.Files) -> None:
        self._files = files
        self._get = files.get
        self._contexts = files.entries['contexts']

    def endpoints(self, contexts: list[str], cluster_name: str | None,
                  known: Mapping[str, credentials.Credentials],
                  ) -> Iterator[Found]:
        """Yield the endpoint of each context, or why there is none.

        :param contexts: names of contexts, each as name=context to give its
            cluster a name; ALL_CONTEXTS for all; empty for the current one
        :param cluster_name: the cluster's name if only one is read; None for
            its context's
        :param known: the credentials by cluster that were in use before; they
            go on where nothing about them has changed
        """
        chosen, problems = self._choose(contexts, cluster_name)
        yield from self._files.advice + problems
        read: dict[str, list[endpoint.Endpoint]] = {}
        for name, (context, is_named) in chosen.items():
            try:
                found = self._endpoint(name, context, is_named, known)
            except (errors.CredentialsError, ValueError) as error:
                yield errors.MisconfiguredError(name, str(error), context)
                continue
            others = read.setdefault(found.server, [])
            same = next((each.name for each in others if
                         each.credentials.is_same(found.credentials)), None)
            if same is None:
                others.append(found)
                yield found
                if found.credentials.keeps_back:
                    yield errors.AdviceError(
                        f'Cluster {name}: {found.place.field}.server: is of '
                        'http://, where everybody can read along; so no '
                        'token, password or certificate is sent. Use https://')
            elif is_named:
                yield errors.UnusableEntryError(
                    f'[kubernetes] contexts: the context {context} is of the '
                    f'same cluster as the context {chosen[same][0]}; name one '
                    'of them')
            else:
                LOG.debug('Context %s is passed over: it has server and user '
                          'of the cluster %s', text.make_safe(context),
                          text.make_safe(same))

    def _choose(self, contexts: list[str], cluster_name: str | None,
                ) -> tuple[dict[str, tuple[str, bool]], list[Found]]:
        """Choose the contexts to read.

        :returns: by the name of each cluster its context, and whether the
            operator names that; and what is wrong with the choice
        """
        if contexts == [NO_CONTEXT] and NO_CONTEXT not in self._contexts:
            return {}, []
        if not contexts and not self._files.current:
            return {}, [errors.ConfigurationError(
                f'{self._files.where}: has no current-context, and '
                '[kubernetes] contexts names none; set one of the two')]
        problems: list[Found] = []
        pairs = []
        for entry in contexts or [self._files.current]:
            name, _, context = map(str.strip, entry.partition('='))
            if entry in self._contexts or '=' not in entry:
                name = context = entry
            if entry != ALL_CONTEXTS:
                pairs.append((name, context, True))
        if ALL_CONTEXTS in contexts:
            problems += self._files.nameless + self._dangling()
            named = {context for _, context, _ in pairs}
            pairs += [(context, context, False) for context in self._contexts
                      if context not in named]
        if cluster_name and len(pairs) == 1 and pairs[0][0] == pairs[0][1]:
            pairs = [(cluster_name, *pairs[0][1:])]
        elif cluster_name and len(pairs) > 1:
            problems.append(errors.UnusableEntryError(
                '[kubernetes] cluster_name: is for one cluster, and several '
                'are read; give each its name in contexts, as name=context'))
        chosen: dict[str, tuple[str, bool]] = {}
        for name, context, is_named in pairs:
            try:
                self._check_choice(name, context, chosen)
                chosen[name] = (context, is_named)
            except errors.ConfigurationError as error:
                problems.append(error)
        return chosen, problems

    def _check_choice(self, name: str, context: str,
                      chosen: Mapping[str, tuple[str, bool]]) -> None:
        if context not in self._contexts:
            raise errors.ConfigurationError(
                f'{self._files.where}: has no context {context}; it has '
                f'{", ".join(sorted(self._contexts)) or "none"}. See '
                '[kubernetes] contexts')
        if context in (each for each, _ in chosen.values()):
            raise errors.UnusableEntryError(
                f'[kubernetes] contexts: the context {context} is named '
                'twice; name it once')
        if name in chosen:
            raise errors.ConfigurationError(
                f'[kubernetes] contexts: two clusters have the name {name}, '
                f'of the contexts {chosen[name][0]} and {context}; give them '
                'other names, as name=context')
        _check_name('[kubernetes] contexts: the name', name)

    def _dangling(self) -> list[Found]:
        """Return what the contexts lack, as in a file that is cut off."""
        current = self._files.current
        missing = {f'current-context {current}'} if current and \
            current not in self._contexts else set()
        for name in self._contexts:
            with contextlib.suppress(ValueError):
                context, _, _ = self._get('contexts', name, _Context)
                missing |= {
                    f'{section[:-1]} {each}' for section, each in (
                        ('clusters', context.cluster), ('users', context.user))
                    if each and each not in self._files.entries[section]}
        return [errors.ConfigurationError(
            f'{self._files.where}: may be cut off, for it has no '
            f'{", ".join(sorted(missing))}, which it names; add or remove '
            'these. Until then no cluster leaves the graph')] \
            if missing else []

    def _endpoint(self, name: str, context_name: str, is_named: bool,
                  known: Mapping[str, credentials.Credentials],
                  ) -> endpoint.Endpoint:
        """Return the endpoint of a context.

        :raises ValueError, CredentialsError: it cannot have one
        """
        context, directory, field = self._get(
            'contexts', context_name, _Context)
        if not context.cluster:
            raise ValueError(f'{field}.cluster: is missing; set it')
        cluster, directory, field = self._get(
            'clusters', context.cluster, endpoint.Cluster)
        try:
            server = endpoint.parse_server(cluster.server)
        except ValueError as error:
            raise ValueError(f'{field}.server: {error}') from error
        is_safe = server.startswith('https:')
        if is_safe and cluster.insecure_skip_tls_verify and (
                cluster.certificate_authority
                or cluster.certificate_authority_data):
            raise ValueError(
                f'{field}.insecure-skip-tls-verify: is of no use beside a '
                'certificate-authority; remove the one or the other')
        place = endpoint.Place(server, cluster, directory, field)
        user, field = credentials.User(), ''
        if context.user:
            user, directory, field = self._get(
                'users', context.user, credentials.User)
        login = credentials.Credentials(user, directory, place, field,
                                        is_safe=is_safe)
        before = known.get(name)
        if before is not None and before.is_same(login):
            login = before
        login.check()
        return endpoint.Endpoint(name, place, login, is_named, context_name)


def _check_name(field: str, name: str) -> None:
    """Check that a cluster can be shown by its name.

    :raises UnusableEntryError: it cannot
    """
    if not name or not text.is_key(name, text.LONGEST_NAME):
        raise errors.UnusableEntryError(
            f'{field} {text.make_safe(name, text.LONGEST_VALUE)} is empty, '
            f'has more than {text.LONGEST_NAME} characters, or some that '
            'cannot be printed; give the cluster another name in contexts, '
            'as name=context')


def load(config_file: str | None, contexts: list[str],
         cluster_name: str | None,
         known: Mapping[str, credentials.Credentials],
         seconds: float) -> Iterator[Found]:
    """Yield the endpoint of each cluster to read, or what is wrong with it.

    :param config_file: path of the kubeconfig; None for the in-cluster
        configuration, or else the default kubeconfig
    :param contexts, cluster_name, known: see ``Kubeconfig.endpoints``
    :param seconds: how long a file may take
    :raises ConfigurationError: there is no kubeconfig, or it is none
    """
    host = os.environ.get('KUBERNETES_SERVICE_HOST')
    port = os.environ.get('KUBERNETES_SERVICE_PORT')
    if config_file or contexts or not (
            host and port and _is_there('token', seconds)):
        return Kubeconfig(kubeconfig_files.Files(config_file, seconds)) \
            .endpoints(contexts, cluster_name, known)
    name = cluster_name or IN_CLUSTER
    _check_name('[kubernetes] cluster_name:', name)
    return iter([_in_cluster(
        name, f'https://{f"[{host}]" if ":" in host else host}:{port}',
        known, seconds)])


def _in_cluster(name: str, server: str,
                known: Mapping[str, credentials.Credentials],
                seconds: float) -> Found:
    field = 'in-cluster configuration'
    try:
        server = endpoint.parse_server(server)
    except ValueError as error:
        return errors.MisconfiguredError(
            name, f'{field}: KUBERNETES_SERVICE_HOST and '
            f'KUBERNETES_SERVICE_PORT: {server} {error}')
    cluster = endpoint.Cluster(certificate_authority=(
        'ca.crt' if _is_there('ca.crt', seconds) else ''))
    return endpoint.Endpoint(
        name, endpoint.Place(server, cluster, SERVICE_ACCOUNT, field),
        known.get(name) or credentials.Credentials(
            credentials.User(token_file='token'),  # noqa: S106
            SERVICE_ACCOUNT, field=field))


def _is_there(file: str, seconds: float) -> bool:
    """Return whether the service account has a file, readable or not."""
    try:
        logins.read_file(SERVICE_ACCOUNT / file, time.monotonic() + seconds)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True
