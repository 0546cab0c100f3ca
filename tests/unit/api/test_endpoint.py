# SPDX-License-Identifier: Apache-2.0
"""Where an API server is."""

import base64
import pathlib
from typing import Any

import fixtures
import testtools
import trustme

from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors

INFINITE = float('inf')


def unwrapped(pem: bytes) -> bytes:
    """Return a PEM that is equal however its lines were wrapped."""
    return b''.join(pem.split())


class ServerTest(testtools.TestCase):

    def test_url_of_a_server(self) -> None:
        for server, expected in (
                ('https://host', 'https://host'),
                ('https://Host:6443/', 'https://host:6443/'),
                ('https://host/a/b', 'https://host/a/b'),
                ('https://u:p@host:1/x?y#z', 'https://host:1/x'),
                ('https://[fd00::1]:1', 'https://[fd00::1]:1'),
                # Without a scheme, nobody knows of TLS.
                ('host:1', 'http://host:1'), ('host/', 'http://host/'),
                ('http://host', 'http://host')):
            self.assertEqual(expected, endpoint.parse_server(server)[0],
                             server)

    def test_user_in_a_url(self) -> None:
        for server, expected in (
                ('https://host', ('', '')), ('u:p@host', ('u', 'p')),
                ('https://u%40:p%2F@host', ('u@', 'p/')),
                ('https://u@host', ('u', '')),
                ('https://u:p:q@host', ('u', 'p:q'))):
            self.assertEqual(expected, endpoint.parse_server(server)[1])

    def test_what_is_none(self) -> None:
        for server, said in (
                ('', 'is missing'), ('ftp://host', 'is no URL of https://'),
                ('host/path', 'is no URL of https://'),
                ('https://host/a b', 'white space in it'),
                ('https://', ''), ('https://host:x', ''),
                ('https://host:99999', '')):
            error = self.assertRaises(ValueError, endpoint.parse_server,
                                      server)
            self.assertIn(said, str(error))


class PlaceTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)

    def place(self, **cluster: Any) -> endpoint.Place:
        return endpoint.Place(
            'https://host', endpoint.ClusterEntry('s', **cluster),
            self.directory, 'the cluster')

    def test_place_is_the_same_by_whatever_name(self) -> None:
        one = self.place()
        for other, is_same in (
                (self.place(), True), (self.place(proxy_url='x'), False),
                (endpoint.Place('https://host', one.cluster, self.directory,
                                'another field'), True),
                (endpoint.Place('https://b', one.cluster, self.directory,
                                one.field), False),
                (endpoint.Place(one.server, one.cluster, pathlib.Path('/'),
                                one.field), False), (None, False)):
            self.assertIs(is_same, one == other)

    def test_address_is_where_the_same_server_answers(self) -> None:
        self.assertEqual(
            ('https://host', 'x', 'y'),
            self.place(tls_server_name='x', proxy_url='y').address)

    def test_authorities_are_data_or_a_file(self) -> None:
        pem = trustme.CA().cert_pem.bytes()
        (self.directory / 'ca').write_bytes(pem)
        data = base64.b64encode(pem).decode()
        for cluster, expected in (
                ({}, []), ({'certificate_authority': 'ca'}, [pem]),
                ({'certificate_authority_data': data}, [pem])):
            self.assertEqual(
                list(map(unwrapped, expected)),
                list(map(unwrapped, self.place(
                    **cluster).read_authorities(INFINITE))))
        error = self.assertRaises(
            errors.PemError, self.place(
                certificate_authority='z').read_authorities, INFINITE)
        self.assertIn('the cluster.certificate-authority', str(error))

    def test_plugin_gets_what_it_may_ask_for(self) -> None:
        # A plugin gets all of several.
        pem = trustme.CA().cert_pem.bytes() + trustme.CA().cert_pem.bytes()
        info = self.place(
            tls_server_name='x', insecure_skip_tls_verify=True,
            disable_compression=True, proxy_url='y', extensions=[
                {'name': 'other', 'extension': 1},
                {'name': 'client.authentication.k8s.io/exec',
                 'extension': {'a': 'b'}}],
            certificate_authority_data=base64.b64encode(pem).decode())(
                INFINITE)
        self.assertEqual(unwrapped(pem), unwrapped(base64.b64decode(
            info.pop('certificate-authority-data'))))
        self.assertEqual({
            'server': 'https://host', 'tls-server-name': 'x',
            'insecure-skip-tls-verify': True, 'proxy-url': 'y',
            'disable-compression': True, 'config': {'a': 'b'}}, info)
        self.assertEqual({'server': 'https://host', 'config': None},
                         self.place()(INFINITE))
        self.assertEqual({}, self.place(extensions=[{
            'name': 'client.authentication.k8s.io/exec', 'extension': {}}])(
                INFINITE)['config'])
