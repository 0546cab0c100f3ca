# SPDX-License-Identifier: Apache-2.0
"""The ports of schemes, as an exception from the proxy may name them."""

import fixtures
import testtools

from vitrage_k8s.api import pools


class PortsTest(testtools.TestCase):

    def test_server_without_a_port_has_that_of_its_scheme(self) -> None:
        for name in ('http_proxy', 'https_proxy'):
            self.useFixture(fixtures.EnvironmentVariable(name, 'http://p'))
            self.useFixture(fixtures.EnvironmentVariable(name.upper()))
        self.useFixture(fixtures.EnvironmentVariable('no_proxy'))
        for server, port in (('http://host', 80), ('https://host', 443),
                             ('http://host:81', 81), ('https://host:1', 1)):
            for excepted, proxy in ((port, ''), (port + 1, 'http://p'),
                                    (port - 1, 'http://p')):
                self.useFixture(fixtures.EnvironmentVariable(
                    'NO_PROXY', f'host:{excepted}'))
                self.assertEqual(proxy, pools.find_proxy(server)[1])
