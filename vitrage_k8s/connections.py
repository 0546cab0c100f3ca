# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Connections to an API server: TLS, client certificates, proxies.

Made here and not by the official client, whose options for this differ
between its versions, and which keeps the keys of a kubeconfig in files.
"""

import socket
import ssl
import tempfile
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit
from urllib.parse import urlunsplit
import urllib.request

import urllib3

from vitrage_k8s import credentials
from vitrage_k8s import kubeconfig

# A peer that is gone without a word is noticed after 30 + 4 * 10 s.
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
]


def make_pool_manager(cluster: kubeconfig.Cluster,
                      login: credentials.Login) -> urllib3.PoolManager:
    """Make what connects to a cluster's API server.

    :raises ValueError: certificates or the proxy cannot be used
    """
    options: dict[str, Any] = {
        'num_pools': 1, 'maxsize': 1, 'socket_options': _KEEP_ALIVE,
        # Hidden retries would multiply every timeout, and sleep through it
        # for as long as the server's Retry-After says; and credentials are
        # not for where a redirect leads.
        'retries': False,
    }
    if urlsplit(cluster.server).scheme == 'https':
        options['ssl_context'] = _tls_context(cluster, login)
    if cluster.tls_server_name:
        options['server_hostname'] = cluster.tls_server_name
    proxy = cluster.proxy_url or _environment_proxy(cluster.server)
    if not proxy:
        return urllib3.PoolManager(**options)
    return _proxy_manager(proxy, options)


def _tls_context(cluster: kubeconfig.Cluster,
                 login: credentials.Login) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cadata=cluster.certificate_authority)
    except ssl.SSLError as error:
        raise ValueError('certificate-authority is not the PEM of a '
                         f'certificate: {error.reason}') from error
    if cluster.insecure:
        # The kubeconfig says so: insecure-skip-tls-verify.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if login.certificate and login.key:
        # OpenSSL takes them from a file only; it exists for this moment.
        with tempfile.NamedTemporaryFile(prefix='vitrage-k8s-') as pem:
            pem.write(login.certificate + b'\n' + login.key)
            pem.flush()
            try:
                # An empty password, for without one OpenSSL asks on stdin.
                context.load_cert_chain(pem.name, password='')  # noqa: S106
            except ssl.SSLError as error:
                raise ValueError(
                    'the client certificate cannot be used with its key: '
                    f'{error.reason or "one of them is no PEM"}') from None
    return context


def _environment_proxy(server: str) -> str | None:
    url = urlsplit(server)
    if urllib.request.proxy_bypass(url.hostname or ''):
        return None
    return urllib.request.getproxies().get(url.scheme)


def _proxy_manager(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    url = urlsplit(proxy)
    if url.scheme.startswith('socks'):
        try:
            from urllib3.contrib import socks
        except ImportError as error:
            raise ValueError('proxy-url is of a SOCKS proxy, which needs '
                             'PySocks: pip install PySocks') from error
        return socks.SOCKSProxyManager(proxy, **options)
    if url.scheme not in ('http', 'https') or not url.hostname:
        raise ValueError('proxy-url is no URL of http, https or socks5')
    user, at, place = url.netloc.rpartition('@')
    headers = urllib3.make_headers(
        proxy_basic_auth=unquote(user)) if at else None
    return urllib3.ProxyManager(
        urlunsplit((url.scheme, place, '', '', '')), proxy_headers=headers,
        **options)


def is_tls_failure(error: BaseException | None) -> bool:
    """Tell whether an error is that there is no safe connection.

    A connection that breaks off during the handshake is not one: that passes.
    """
    while error is not None and not isinstance(error, TimeoutError):
        if isinstance(error, ssl.SSLError):
            return not isinstance(error, ssl.SSLEOFError)
        error = error.__cause__ or error.__context__
    return False
