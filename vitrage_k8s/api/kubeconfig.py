# SPDX-License-Identifier: Apache-2.0
"""Which clusters there are: those of a kubeconfig, or of the pod.

A kubeconfig is read again every poll_interval, so that a mended one works
without a restart. The official client's loader passes over what is wrong with
credentials, keeps certificates in temporary files of the process, and has
other fields in each of its versions. lightkube, kr8s and kubernetes_asyncio
each lack some of this: merged files, or timeouts, a cache or v1 of plugins.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import os
import pathlib

import msgspec

from vitrage_k8s.api import credentials
from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import kubeconfig_files
from vitrage_k8s.api import text

# Where Kubernetes puts a pod's service account.
SERVICE_ACCOUNT = pathlib.Path('/var/run/secrets/kubernetes.io/serviceaccount')

Found = endpoint.Endpoint | errors.KubernetesDatasourceError
Known = Mapping[str, credentials.Credentials]


class _Context(msgspec.Struct):
    """contexts[].context of a kubeconfig."""

    cluster: str = ''
    user: str = ''


def load(config_file: str | None, contexts: list[str],
         cluster_name: str | None, known: Known,
         seconds: float) -> Iterator[Found]:
    """Yield the endpoint of each cluster to read, or what is wrong with it.

    :param config_file: None for the in-cluster configuration, or else the
        default kubeconfig
    :param contexts: each as context or name=context, which gives its cluster
        the name; * for all; empty for the current one
    :param cluster_name: for one cluster; None for its context's name
    :param known: the credentials in use by cluster; those that have not
        changed stay in use
    :param seconds: how long a file may take
    :raises ConfigurationError: there is no kubeconfig, or it is malformed
    """
    host = os.environ.get('KUBERNETES_SERVICE_HOST')
    port = os.environ.get('KUBERNETES_SERVICE_PORT')
    # clientcmd: inClusterClientConfig.Possible
    if config_file or contexts or not (
            host and port and os.path.isfile(SERVICE_ACCOUNT / 'token')):
        yield from _read(kubeconfig_files.Files(config_file, seconds),
                         contexts, cluster_name, known)
        return
    name = cluster_name or 'kubernetes'
    _check_name('[kubernetes] cluster_name:', name)
    field = 'in-cluster configuration'
    server = f'https://{f"[{host}]" if ":" in host else host}:{port}'
    try:
        has_authority = os.path.isfile(SERVICE_ACCOUNT / 'ca.crt')
        place = endpoint.Place(
            endpoint.parse_server(server)[0], endpoint.ClusterEntry(
                certificate_authority='ca.crt' if has_authority else ''),
            SERVICE_ACCOUNT, field)
    except ValueError as error:
        yield errors.MisconfiguredError(
            name, f'{field}: KUBERNETES_SERVICE_HOST and '
            f'KUBERNETES_SERVICE_PORT: {server} {error}')
        return
    login = credentials.Credentials(
        credentials.User(token_file='token'),  # noqa: S106
        SERVICE_ACCOUNT, field=field)
    yield endpoint.Endpoint(name, place, login.or_same(known.get(name)))


def _read(files: kubeconfig_files.Files, contexts: list[str],
          cluster_name: str | None, known: Known) -> Iterator[Found]:
    yield from files.advice
    if contexts == ['none'] and 'none' not in files.entries['contexts']:
        return
    if not contexts and not files.current:
        yield errors.ConfigurationError(
            f'{files.where}: has no current-context, and [kubernetes] '
            'contexts names none; set one of the two')
        return
    if '*' in contexts:
        yield from files.nameless
        yield from _find_dangling(files)
    wanted = _choose(files, contexts)
    if cluster_name and len(wanted) > 1:
        yield errors.UnusableEntryError(
            '[kubernetes] cluster_name: is for one cluster, and several are '
            'read; give each its name in contexts, as name=context')
    elif cluster_name and wanted and wanted[0][0] == wanted[0][1]:
        wanted = [(cluster_name, *wanted[0][1:])]
    chosen: dict[str, str] = {}
    read: dict[str, list[endpoint.Endpoint]] = {}
    for name, context, is_named in wanted:
        try:
            _check_choice(files, name, context, chosen)
            chosen[name] = context
            found = _make_endpoint(files, name, context, is_named, known)
        except errors.ConfigurationError as error:
            yield error
            continue
        except (errors.CredentialsError, ValueError) as error:
            yield errors.MisconfiguredError(name, str(error), context)
            continue
        beside = read.setdefault(found.server, [])
        same = next((each.context for each in beside if
                     each.credentials.is_same(found.credentials)), None)
        if same is None:
            beside.append(found)
            yield found
            if found.credentials.keeps_back:
                yield errors.AdviceError(
                    f'Cluster {name}: {found.place.field}.server: is of '
                    'http://, where everybody can read along; so no token, '
                    'password or certificate is sent. Use https://')
        elif is_named:
            yield errors.UnusableEntryError(
                f'[kubernetes] contexts: the context {context} is of the '
                f'same cluster as the context {same}; name one of them')


def _choose(files: kubeconfig_files.Files,
            contexts: list[str]) -> list[tuple[str, str, bool]]:
    """Return name and context of clusters, and whether these are named."""
    known, wanted = files.entries['contexts'], []
    for entry in contexts or [files.current]:
        name, _, context = map(str.strip, entry.partition('='))
        if entry in known or '=' not in entry:
            name = context = entry
        if entry != '*':
            wanted.append((name, context, True))
    if '*' in contexts:
        named = {context for _, context, _ in wanted}
        wanted += [(each, each, False) for each in known if each not in named]
    return wanted


def _check_choice(files: kubeconfig_files.Files, name: str, context: str,
                  chosen: Mapping[str, str]) -> None:
    known = files.entries['contexts']
    if context not in known:
        raise errors.ConfigurationError(
            f'{files.where}: has no context {context}; it has '
            f'{", ".join(sorted(known)) or "none"}. See [kubernetes] contexts')
    if context in chosen.values():
        raise errors.UnusableEntryError(
            f'[kubernetes] contexts: the context {context} is named twice; '
            'name it once')
    if name in chosen:
        raise errors.ConfigurationError(
            f'[kubernetes] contexts: two clusters have the name {name}, of '
            f'the contexts {chosen[name]} and {context}; give them other '
            'names, as name=context')
    _check_name('[kubernetes] contexts: the name', name)


def _check_name(field: str, name: str) -> None:
    if not name or not text.is_key(name, text.LONGEST_NAME):
        raise errors.UnusableEntryError(
            f'{field} {text.make_safe(name, text.LONGEST_VALUE)} is empty, '
            f'has more than {text.LONGEST_NAME} characters, or some that '
            'cannot be printed; give the cluster another name in contexts, '
            'as name=context')


def _find_dangling(files: kubeconfig_files.Files) -> Iterator[Found]:
    """Yield an error if contexts lack something, as in a file cut off."""
    named = {('contexts', 'current-context', files.current)}
    for name in files.entries['contexts']:
        with contextlib.suppress(ValueError):
            context, _, _ = files.get('contexts', name, _Context)
            named |= {('clusters', 'cluster', context.cluster),
                      ('users', 'user', context.user)}
    missing = sorted(f'{kind} {name}' for section, kind, name in named
                     if name and name not in files.entries[section])
    if missing:
        yield errors.ConfigurationError(
            f'{files.where}: may be cut off, for it has no '
            f'{", ".join(missing)}, which it names; add or remove these. '
            'Until then no cluster leaves the graph')


def _make_endpoint(files: kubeconfig_files.Files, name: str, context: str,
                   is_named: bool, known: Known) -> endpoint.Endpoint:
    names, _, field = files.get('contexts', context, _Context)
    if not names.cluster:
        raise ValueError(f'{field}.cluster: is missing; set it')
    cluster, directory, field = files.get(
        'clusters', names.cluster, endpoint.ClusterEntry)
    try:
        server, (username, password) = endpoint.parse_server(cluster.server)
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
    if names.user:
        user, directory, field = files.get(
            'users', names.user, credentials.User)
    if username:
        # Go's net/http sends it, and client-go leaves an Authorization alone.
        user = msgspec.structs.replace(
            user, username=username, password=password, token='',
            token_file='', exec=None)
    login = credentials.Credentials(user, directory, place, field,
                                    is_safe=is_safe)
    return endpoint.Endpoint(name, place, login.or_same(known.get(name)),
                             is_named, context)
