# SPDX-License-Identifier: Apache-2.0
"""The proxy that the environment names, by the rules of client-go.

They are those of golang.org/x/net/http/httpproxy. Python's differ (urllib, and
requests.utils, which is of use for the rest): a suffix need not begin at a
dot, .example.com is example.com too, and there are no networks of IPv6.
"""

import ipaddress
import os
import re

import urllib3

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What Go's net.SplitHostPort takes apart.
_HOST_PORT = re.compile(r'(?:\[(.*)\]|([^:]*)):([^:]*)')
_PORTS = {'http': 80, 'https': 443}


def of_environment(server: str) -> tuple[str, str]:
    """Return the variable that names the proxy for a server, and the proxy.

    Both are empty where there is none: loopback never has one.
    """
    url = urllib3.util.parse_url(server)
    host, scheme = (url.host or '').strip('[]').lower(), url.scheme or ''
    port, address = str(url.port or _PORTS[scheme]), _address(host)
    if host == 'localhost' or address and address.is_loopback or any(
            _is_excepted(entry.strip(), host, port, address)
            for entry in _variable('no_proxy')[1].lower().split(',')):
        return '', ''
    name, proxy = _variable(f'{scheme}_proxy')
    return name, f'http://{proxy}' if proxy and '://' not in proxy else proxy


def _variable(name: str) -> tuple[str, str]:
    """Return the name and value of a variable, in upper case first."""
    return next(((each, value) for each in (name.upper(), name)
                 if (value := os.environ.get(each, '').strip())), ('', ''))


def _is_excepted(entry: str, host: str, port: str,
                 address: Address | None) -> bool:
    """Return whether an entry of NO_PROXY is for a host."""
    if entry == '*':
        return True
    try:
        if '/' in entry:
            return address in ipaddress.ip_network(entry, strict=False)
    except (ValueError, AttributeError):
        return False
    match = _HOST_PORT.fullmatch(entry)
    name, only_port = (match[1] or match[2], match[3]) if match \
        else (entry, '')
    if not name or only_port not in ('', port):
        return False
    if address or _address(name):
        return _address(name) == address
    name = name.removeprefix('*') if name.startswith('*.') else name
    return host.endswith(name if name.startswith('.') else f'.{name}') \
        or host == name


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
