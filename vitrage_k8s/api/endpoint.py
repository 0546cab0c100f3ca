# SPDX-License-Identifier: Apache-2.0
"""Where a cluster's API server is, and how to log in to it."""

import pathlib

import msgspec

from vitrage_k8s.api import credentials
from vitrage_k8s.api import logins


class Authority(msgspec.Struct, frozen=True):
    """The authorities that may vouch for an API server.

    A file is read when a connection is made, in the thread of its cluster.

    :ivar data: their PEM in base64, if that is given
    :ivar file: their file, if that is given
    :ivar directory: what a relative path is relative to
    """

    data: str | None
    file: str | None
    directory: pathlib.Path

    def read(self) -> str | None:
        """Return their PEM; None for those that the system trusts.

        :raises PemError: it cannot be read, or is none
        """
        pem = logins.load_pem('certificate-authority', self.data, self.file,
                              self.directory)
        return pem.decode('latin-1') if pem else None


class Endpoint(msgspec.Struct, frozen=True):
    """Where the API server of a cluster is, and how to log in.

    :ivar name: the cluster's name, which is also its identity in the graph
    :ivar context: the context that leads to it; in-cluster, its name
    :ivar server: URL of the API server
    :ivar authority: the authorities that may vouch for the API server
    :ivar insecure: whether the kubeconfig says not to verify the server
    :ivar tls_server_name: the name to expect in the server's certificate;
        None for the URL's
    :ivar proxy_url: the proxy to go through; None for the environment's
    :ivar credentials: how to log in
    """

    name: str
    context: str
    server: str
    credentials: credentials.Credentials
    authority: Authority
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
