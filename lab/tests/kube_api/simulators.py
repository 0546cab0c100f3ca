# SPDX-License-Identifier: Apache-2.0
"""Tests of a simulator with an HTTP client."""

from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
from email.message import Message
import http.client
import json
import ssl
from typing import Any
import urllib.error
import urllib.parse
import urllib.request

import testtools

from tests.support import certificates
from vitrage_k8s_lab.kube_api.server import Simulator

NODES = '/api/v1/nodes'


def node(name: str, **status: Any) -> dict[str, Any]:
    return {'metadata': {'name': name}, 'spec': {}, 'status': status}


class SimulatorTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.simulator = Simulator(
            [node(name) for name in 'ecadb'], cluster='east')
        self.addCleanup(self.simulator.stop)
        self.simulator.start()

    def get(self, path: str = NODES, method: str = 'GET',
            headers: Mapping[str, str] | None = None,
            **query: Any) -> tuple[int, Message, bytes]:
        """The status, the headers and the body of an answer."""
        url = f'{self.simulator.url}{path}?{urllib.parse.urlencode(query)}'
        request = urllib.request.Request(url, None, dict(headers or {}),
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def list(self, **query: Any) -> dict[str, Any]:
        status, _, body = self.get(**query)
        document: dict[str, Any] = json.loads(body)
        self.assertEqual(200, status, document)
        return document

    def names(self, document: dict[str, Any]) -> Sequence[str]:
        return [item['metadata']['name'] for item in document['items']]

    def refusal(self, path: str = NODES, **query: Any) -> tuple[int, str]:
        """The code and the reason of a Status that is one in full."""
        code, _, body = self.get(path, **query)
        status = json.loads(body)
        self.assertEqual(
            ('Status', 'v1', 'Failure', code),
            (status['kind'], status['apiVersion'], status['status'],
             status['code']))
        self.assertIn('metadata', status)
        self.assertTrue(status['message'])
        return code, status['reason']

    def next(self, document: dict[str, Any], **query: Any) -> dict[str, Any]:
        return {'limit': 2, 'continue': document['metadata']['continue'],
                **query}

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(
            self.simulator.url.removeprefix('http://'), timeout=10)
        self.addCleanup(connection.close)
        connection.connect()
        return connection


class AccessTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.authority = self.useFixture(certificates.Authority())
        self.simulator = self.start()

    def start(self, tls: ssl.SSLContext | None = None) -> Simulator:
        simulator = Simulator([{'metadata': {'name': 'a'}}], tls=tls)
        simulator.allow_anonymous = True
        self.addCleanup(simulator.stop)
        return simulator.start()

    def get(self, path: str = NODES,
            headers: Mapping[str, str] | None = None,
            trust: certificates.Authority | None = None,
            client_certificate: certificates.Certificate | None = None,
            ) -> tuple[int, dict[str, Any]]:
        """The status of an answer, and its JSON."""
        scheme, address = self.simulator.url.split('://')
        connection = http.client.HTTPConnection(address, timeout=10)
        if scheme == 'https':
            context = ssl.create_default_context(
                cafile=str((trust or self.authority).certificate_path))
            if client_certificate:
                context.load_cert_chain(client_certificate.certificate_path,
                                        client_certificate.key_path)
            connection = http.client.HTTPSConnection(
                address, timeout=10, context=context)
        with contextlib.closing(connection):
            connection.request('GET', path, headers=dict(headers or {}))
            response = connection.getresponse()
            body = response.read()
            return response.status, {} if body == b'ok' else json.loads(body)

    def bearer(self, token: str, path: str = NODES) -> int:
        return self.get(path, {'Authorization': f'Bearer {token}'})[0]
