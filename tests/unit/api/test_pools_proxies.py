# SPDX-License-Identifier: Apache-2.0
"""The proxy of the environment, as golang.org/x/net/http/httpproxy has it."""

import fixtures
import testtools

from vitrage_k8s.api import pools

# From httpproxy's own tests, and beside them: NO_PROXY, servers that have no
# proxy then, and servers that have one.
EXCEPTIONS = (
    ('', 'localhost 127.0.0.1 127.9.9.9 [::1] localhost:6443',
     'example.com 10.0.0.1 [2001:db8::1] localhost.example.com'),
    ('*', 'example.com 10.0.0.1', ''),
    ('example.com', 'example.com EXAMPLE.com a.example.com example.com:6443',
     'example.org fooexample.com example.com.org'),
    (' .example.com ,', 'a.example.com b.a.example.com',
     'example.com fooexample.com'),
    ('*.example.com', 'a.example.com', 'example.com'),
    ('example.com:6443', 'example.com:6443 a.example.com:6443',
     'example.com example.com:443'),
    ('example.com:443', 'example.com example.com:443', 'example.com:6443'),
    ('10.0.0.0/8', '10.1.2.3 10.1.2.3:6443', '11.0.0.1 a10.example.com'),
    ('10.0.0.1/8,2001:db8::/32', '10.9.9.9 [2001:db8::1]', '[2001:db9::1]'),
    ('10.0.0.1', '10.0.0.1 10.0.0.1:6443', '10.0.0.10 110.0.0.1'),
    # Suffixes are of names (Go, since CVE-2025-22870).
    ('0.1,.1', 'a.1', '10.0.0.1'),
    ('10.0.0.1:6443', '10.0.0.1:6443', '10.0.0.1'),
    ('[2001:db8::1]:443,2001:db8::2', '[2001:db8::1] [2001:db8::2]:6443',
     '[2001:db8::1]:6443'),
    # Go takes no netmask, and an IPv4 address for what it is mapped to.
    ('10.0.0.0/255.0.0.0,10.0.0.0/0.255.255.255', '', '10.0.0.1'),
    ('10.0.0.0/8', '[::ffff:10.0.0.1] [::ffff:127.0.0.1]', '[::ffff:b00:1]'),
    ('[::ffff:10.0.0.1]:443', '10.0.0.1', '10.0.0.1:6443'),
    ('::/0', '[2001:db8::1]', '10.0.0.1 [::ffff:10.0.0.1]'),
    ('10.0.0.0/99,:80,,/,[::', '', 'example.com 10.0.0.1'),
)


class ProxiesTest(testtools.TestCase):

    def set(self, **variables: str) -> None:
        for name in ('http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'):
            for each in (name, name.upper()):
                self.useFixture(fixtures.EnvironmentVariable(
                    each, variables.get(each)))

    def test_exceptions(self) -> None:
        for no_proxy, without, behind in EXCEPTIONS:
            for name in ('NO_PROXY', 'no_proxy'):
                self.set(HTTPS_PROXY='p', **{name: no_proxy})
                for servers, expected in ((without, ''), (behind, 'http://p')):
                    for server in servers.split():
                        self.assertEqual(
                            expected,
                            pools.find_proxy(f'https://{server}/x')[1],
                            (no_proxy, server))

    def test_variables(self) -> None:
        for variables, server, expected in (
                ({}, 'https://a', ('', '')),
                ({'ALL_PROXY': 'p'}, 'https://a', ('', '')),
                ({'HTTP_PROXY': 'p'}, 'https://a', ('', '')),
                ({'HTTP_PROXY': 'p'}, 'http://a', ('HTTP_PROXY', 'http://p')),
                ({'https_proxy': 'https://p:1'}, 'https://a',
                 ('https_proxy', 'https://p:1')),
                ({'https_proxy': 'p', 'HTTPS_PROXY': ' q '}, 'https://a',
                 ('HTTPS_PROXY', 'http://q')),
                ({'https_proxy': 'p', 'HTTPS_PROXY': ''}, 'https://a',
                 ('https_proxy', 'http://p')),
                ({'HTTPS_PROXY': 'p', 'NO_PROXY': '', 'no_proxy': 'a'},
                 'https://a', ('', ''))):
            self.set(**variables)
            self.assertEqual(expected, pools.find_proxy(server),
                             variables)
