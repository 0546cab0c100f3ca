# SPDX-License-Identifier: Apache-2.0
"""Where a cluster's API server is, and how to log in to it."""

import msgspec

from vitrage_k8s.api import credentials


class Endpoint(msgspec.Struct, frozen=True):
    """A cluster that can be connected to.

    :ivar name: its name, which is also its identity in the graph
    :ivar context: the context that leads to it; in-cluster, its name
    :ivar server: URL of the API server
    :ivar certificate_authority: PEM of the authorities that may vouch for the
        API server; None for those that the system trusts
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
    certificate_authority: str | None = None
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
