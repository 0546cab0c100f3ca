# SPDX-License-Identifier: Apache-2.0
"""Where a cluster's API server is, and how to log in to it."""

import base64
import dataclasses
import pathlib
from typing import Any
from urllib.parse import unquote

import msgspec
import urllib3

from vitrage_k8s.api import credentials
from vitrage_k8s.api import logins


class ClusterEntry(logins.Discreet, rename='kebab', frozen=True,
                   omit_defaults=True):
    """clusters[].cluster of a kubeconfig (clientcmd/api/v1 Cluster)."""

    server: str = ''
    certificate_authority: str = ''
    certificate_authority_data: str = ''
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ''
    proxy_url: str = ''
    disable_compression: bool = False
    extensions: list[Any] = []


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an API server is, whatever name the cluster has.

    :ivar server: its URL
    :ivar cluster: what the kubeconfig says of it
    :ivar directory: what relative paths are relative to
    :ivar field: the file and the entry of the cluster, for messages
    """

    server: str
    cluster: ClusterEntry
    directory: pathlib.Path
    field: str = dataclasses.field(compare=False)

    @property
    def address(self) -> tuple[str, str, str]:
        """What is equal where the same server answers."""
        return (self.server, self.cluster.tls_server_name,
                self.cluster.proxy_url)

    def read_authorities(self, deadline: float) -> list[bytes]:
        """Return the PEM of each; none for those that the system trusts.

        :raises PemError: they cannot be read by the deadline (monotonic)
        """
        return logins.load_pem(
            logins.CERTIFICATE, f'{self.field}.certificate-authority',
            self.cluster.certificate_authority_data, self.directory,
            self.cluster.certificate_authority, deadline)

    def __call__(self, deadline: float) -> dict[str, Any]:
        """Return what a plugin may ask for (rest: ConfigToExecCluster)."""
        pem = b''.join(self.read_authorities(deadline))
        given = msgspec.to_builtins(msgspec.structs.replace(
            self.cluster, server=self.server, extensions=[],
            certificate_authority='', certificate_authority_data=(
                base64.b64encode(pem).decode())))
        return {**given, 'config': next((
            each.get('extension') for each in self.cluster.extensions
            if each and each.get('name') == 'client.authentication.k8s.io/exec'
        ), None)}


class Endpoint(msgspec.Struct, frozen=True):
    """Where the API server of a cluster is, and how to log in.

    :ivar name: the cluster's name, which is also its identity in the graph
    :ivar is_named: whether the operator asks for it by name
    :ivar context: the name of its context; None if it is the pod's
    """

    name: str
    place: Place
    credentials: credentials.Credentials
    is_named: bool = True
    context: str | None = None

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self.place.server


def parse_url(url: str) -> urllib3.util.Url:
    """Return the parts of a URL that is one.

    :raises ValueError: it has no host, or a port that is none
    """
    try:
        parsed = urllib3.util.parse_url(url)
        (parsed.host or '').encode('idna')
    except (UnicodeError, urllib3.exceptions.LocationParseError) as error:
        raise ValueError('has a host or port that is none; correct it') \
            from error
    if not parsed.host or any(each <= ' ' for each in url):
        raise ValueError('has no host, or white space in it; correct it')
    return parsed


def parse_server(server: str) -> tuple[str, tuple[str, str]]:
    """Return the URL of a cluster's server, and the user and password in it.

    Without a scheme it is of http:// (client-go: rest DefaultServerURL, with
    nothing known of TLS yet).

    :raises ValueError: it cannot be one
    """
    if not server:
        raise ValueError('is missing; set it to the https:// URL of the API '
                         'server')
    has_scheme = '://' in server
    parsed = parse_url(server if has_scheme else f'http://{server}')
    if parsed.scheme not in ('http', 'https') or not (
            has_scheme or parsed.path in (None, '/')):
        raise ValueError('is no URL of https://; correct it')
    user, _, password = (parsed.auth or '').partition(':')
    return parsed._replace(auth=None, query=None, fragment=None).url, (
        unquote(user), unquote(password))
