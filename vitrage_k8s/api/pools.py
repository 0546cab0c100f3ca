# SPDX-License-Identifier: Apache-2.0
"""How to connect to an API server: TLS, and the proxy.

The official client is not used for this: its options differ between its
versions, and it keeps the keys of a kubeconfig in files.
"""

import contextlib
import ipaddress
import os
import re
import socket
import ssl
import tempfile
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

import urllib3

from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import logins

# A peer that is gone without closing is noticed when it has not acknowledged
# a request for 10 s, or the second probe after 30 s of silence.
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
]

# What Go's net.SplitHostPort takes apart.
_HOST_PORT = re.compile(r'(?:\[(.*)\]|([^:]*)):([^:]*)')


def make_pool_manager(endpoint: endpoints.Endpoint, login: logins.Login,
                      deadline: float) -> urllib3.PoolManager:
    """Return what makes the connections to an API server.

    :param deadline: when files must have been read (time.monotonic())
    :raises ValueError, PemError: certificates or the proxy cannot be used
    """
    cluster = endpoint.place.cluster
    options: dict[str, Any] = {
        'num_pools': 1, 'maxsize': 1, 'socket_options': _KEEP_ALIVE,
        # Retries of its own would multiply every timeout, and sleep through it
        # for as long as the server's Retry-After says.
        'retries': False,
    }
    if endpoint.server.startswith('https:'):
        options['ssl_context'] = _make_context(endpoint, login, deadline)
    if cluster.tls_server_name:
        options['server_hostname'] = cluster.tls_server_name
    field, proxy = f'{endpoint.place.field}.proxy-url', cluster.proxy_url
    if not proxy:
        field, proxy = find_proxy(endpoint.server)
    try:
        return _by_proxy(proxy, options) if proxy \
            else urllib3.PoolManager(**options)
    except ValueError as error:
        raise ValueError(f'{field}: {error}') from error


def _by_proxy(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    url = endpoints.parse_url(proxy)
    if url.scheme in ('socks5', 'socks5h'):
        try:
            from urllib3.contrib import socks
        except ImportError as error:
            raise ValueError('is of a SOCKS proxy, which needs PySocks: pip '
                             'install PySocks') from error
        # socks5h: the proxy looks names up, as with Go.
        return socks.SOCKSProxyManager(
            url._replace(scheme='socks5h').url, **options)
    if url.scheme not in ('http', 'https'):
        raise ValueError('is no URL of http, https or socks5')
    headers = urllib3.make_headers(
        proxy_basic_auth=unquote(url.auth)) if url.auth else None
    return urllib3.ProxyManager(f'{url.scheme}://{url.netloc}',
                                proxy_headers=headers, **options)


def find_proxy(server: str) -> tuple[str, str]:
    """Return the variable that names the proxy for a server, and the proxy.

    Both are empty where there is none; loopback never has one. The rules are
    those of golang.org/x/net/http/httpproxy. Python's differ (urllib,
    requests.utils): a suffix need not begin at a dot, .example.com is
    example.com too, and there are no networks of IPv6.
    """
    url = urlsplit(server)
    host, address = url.hostname or '', _parse_address(url.hostname or '')
    port = str(url.port or (80 if url.scheme == 'http' else 443))
    exceptions = _variable('no_proxy')[1].lower().split(',')
    if host == 'localhost' or address and address.is_loopback or any(
            _is_excepted(entry.strip(), host, port, address)
            for entry in exceptions):
        return '', ''
    name, proxy = _variable(f'{url.scheme}_proxy')
    return name, f'http://{proxy}' if proxy and '://' not in proxy else proxy


def _variable(name: str) -> tuple[str, str]:
    """Return the name and value of a variable, in upper case first."""
    return next(((each, value) for each in (name.upper(), name)
                 if (value := os.environ.get(each, '').strip())), ('', ''))


def _is_excepted(entry: str, host: str, port: str, address: Any) -> bool:
    """Return whether an entry of NO_PROXY is for a host."""
    if entry == '*':
        return True
    if '/' in entry:
        try:
            # Go takes no netmask.
            return entry.rpartition('/')[2].isdecimal() and \
                address in ipaddress.ip_network(entry, strict=False)
        except (ValueError, AttributeError):
            return False
    match = _HOST_PORT.fullmatch(entry)
    name, only_port = (match[1] or match[2], match[3]) if match \
        else (entry, '')
    if not name or only_port not in ('', port):
        return False
    if address or _parse_address(name):
        return _parse_address(name) == address
    if name.startswith(('.', '*.')):
        return host.endswith(name.removeprefix('*'))
    return f'.{host}'.endswith(f'.{name}')


def _parse_address(host: str) -> Any:
    """Return an address of ipaddress, of IPv4 if it can be; None if none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, 'ipv4_mapped', None) or address


class _TlsContext(ssl.SSLContext):
    """Checks the name of a server, even where urllib3 does not pass it.

    urllib3 before 2.0 passes no IP address, since SNI does not take one
    (urllib3.util.ssl_.ssl_wrap_socket).
    """

    server_name = ''

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*arguments, **self._named(options))

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*arguments, **self._named(options))

    def _named(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, 'server_hostname':
                options.get('server_hostname') or self.server_name}


def _make_context(endpoint: endpoints.Endpoint, login: logins.Login,
                  deadline: float) -> ssl.SSLContext:
    place = endpoint.place
    context = _TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = place.cluster.tls_server_name or \
        urlsplit(place.server).hostname or ''
    # As Go has it: whatever certificate is given is trusted, root or not, and
    # no name counts but those of subjectAltName.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if place.cluster.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities := place.read_authorities(deadline):
        # Go skips those that it cannot read, if there are others.
        for authority in authorities:
            with contextlib.suppress(ssl.SSLError):
                context.load_verify_locations(cadata=authority.decode())
        if not context.cert_store_stats()['x509']:
            raise ValueError(f'{place.field}.certificate-authority: is not '
                             'the PEM of a certificate')
    else:
        context.load_default_certs()
    if login.certificate and login.key:
        # OpenSSL takes them from a file only; it exists for this moment.
        with tempfile.NamedTemporaryFile(prefix='vitrage-k8s-') as pem:
            pem.write(login.certificate + login.key)
            pem.flush()
            try:
                # An empty password, for without one OpenSSL asks on stdin.
                context.load_cert_chain(pem.name, password='')  # noqa: S106
            except ssl.SSLError as error:
                raise ValueError(
                    f'{endpoint.credentials.field}: the client certificate '
                    'cannot be used with its key: '
                    f'{error.reason or "one of them is no PEM"}; give the key '
                    'that it was made for') from None
    return context
