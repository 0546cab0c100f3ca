# SPDX-License-Identifier: Apache-2.0
"""Watches, as a client reads them."""

import contextlib
import http.client
import json
import socket
import struct
import time
from typing import Any
import urllib.parse

import testtools
from testtools import matchers

from vitrage_k8s_lab.kube_api.server import Simulator

NODES = '/api/v1/nodes'

Brief = tuple[str, str | None, int]


def brief(event: dict[str, Any]) -> Brief:
    """What happened to which node, at which version."""
    metadata = event['object']['metadata']
    return (event['type'], metadata.get('name'),
            int(metadata['resourceVersion']))


class Stream:
    """A watch, as a client reads it."""

    def __init__(self, url: str, **query: Any) -> None:
        self.connection = http.client.HTTPConnection(
            url.removeprefix('http://'), timeout=10)
        query = {'watch': 'true', **query}
        self.connection.request(
            'GET', f'{NODES}?{urllib.parse.urlencode(query)}',
            headers={'Accept-Encoding': 'gzip'})

    def open(self) -> 'Stream':
        self.response = self.connection.getresponse()
        return self

    def event(self) -> dict[str, Any]:
        line = self.response.readline()
        event: dict[str, Any] = json.loads(line)
        return event

    def events(self, count: int) -> list[Brief]:
        return [brief(self.event()) for _ in range(count)]

    def rest(self) -> bytes:
        return self.response.read()

    def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for so long; it cannot go on after that."""
        self.connection.sock.settimeout(seconds)
        try:
            self.response.readline()
        except TimeoutError:
            return True
        return False

    def reset(self) -> None:
        # Without lingering, close() resets the connection.
        self.connection.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close()

    def close(self) -> None:
        self.connection.close()
        if hasattr(self, 'response'):
            self.response.close()


class WatchTest(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.simulator = Simulator(
            [{'metadata': {'name': name}} for name in 'abc'])
        self.addCleanup(self.simulator.stop)
        self.simulator.start()

    def connect(self, **query: Any) -> Stream:
        stream = Stream(self.simulator.url, **query)
        self.addCleanup(stream.close)
        return stream

    def watch(self, **query: Any) -> Stream:
        return self.connect(**query).open()

    def list(self, **query: Any) -> dict[str, Any]:
        connection = http.client.HTTPConnection(
            self.simulator.url.removeprefix('http://'), timeout=10)
        with contextlib.closing(connection):
            connection.request(
                'GET', f'{NODES}?{urllib.parse.urlencode(query)}')
            document: dict[str, Any] = json.load(connection.getresponse())
        return document

    def version(self) -> int:
        return int(self.list()['metadata']['resourceVersion'])

    def put(self, name: str, **status: Any) -> int:
        served = self.simulator.put(
            {'metadata': {'name': name}, 'status': status})
        return int(served['metadata']['resourceVersion'])

    def wait_for(self, condition: Any, seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertThat(time.monotonic(), matchers.LessThan(deadline))
            time.sleep(0.01)

    def refusal(self, **query: Any) -> tuple[int, str, str]:
        stream = self.watch(**query)
        status = json.loads(stream.rest())
        self.assertEqual(status['code'], stream.response.status)
        return status['code'], status['reason'], status['message']
