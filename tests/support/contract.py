# SPDX-License-Identifier: Apache-2.0
"""The API servers that the contract is tested with.

The same tests run against the lab's API server and, where VARIABLE names a
kubeconfig, against a real one, so that the lab's cannot drift from it unseen.
They read nodes. Those that need changes run on a real server only where
WRITE_VARIABLE is 1: they create a node of their own, which no machine is
behind, and delete it.
The official client asks, not ours: its mistakes would hide the server's.
"""

import json
import os
import pathlib
import tempfile
from typing import Any
from typing import TYPE_CHECKING
import uuid

from kubernetes import client
from kubernetes import config
from testtools import matchers

from tests.support import certificates
from vitrage_k8s_lab.kube_api import server

VARIABLE = 'VITRAGE_K8S_TEST_KUBECONFIG'
WRITE_VARIABLE = 'VITRAGE_K8S_TEST_WRITE'

# A test case is a contract and a server. Discovery finds none in the parts.
if TYPE_CHECKING:
    from testtools import TestCase as _TestCase
else:
    _TestCase = object


def kubeconfig_of_environment(test: _TestCase) -> str:
    """Return the kubeconfig of a real API server, or skip a test."""
    path = os.environ.get(VARIABLE, '')
    if not path:
        test.skipTest(f'{VARIABLE} NAMES NO KUBECONFIG: no real API server '
                      'has shown that it does the same')
    return str(pathlib.Path(path).expanduser())


class Contract(_TestCase):
    """Asks a server through the official client.

    :cvar wait: seconds for which an answer may be silent
    :ivar path: the kubeconfig
    :ivar name: a name for a node of the test's own
    """

    wait = 60

    def kubeconfig(self) -> str:
        """Return the path of the server's kubeconfig."""
        raise NotImplementedError

    def create(self, name: str) -> None:
        """Create a node, which is deleted in the end."""
        raise NotImplementedError

    def label(self, name: str) -> None:
        """Change the node's label `changed` to `yes`."""
        raise NotImplementedError

    def delete(self, name: str) -> None:
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.path = self.kubeconfig()
        self.api_client = config.new_client_from_config(
            self.path, persist_config=False)
        self.addCleanup(self.api_client.rest_client.pool_manager.clear)
        self.api = client.CoreV1Api(self.api_client)
        self.name = f'vitrage-k8s-contract-{uuid.uuid4().hex[:8]}'

    def accept(self, header: str, value: str) -> None:
        """Send a header with each request."""
        self.api_client.set_default_header(header, value)

    def fetch(self, **options: Any) -> Any:
        """Return the response to a request for a list, unread."""
        return self.api.list_node(
            **options, _preload_content=False,
            _request_timeout=(10, self.wait))

    def read(self, **options: Any) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.fetch(**options).data)
        return document

    def status(self, code: int, method: Any, *arguments: Any,
               **options: Any) -> dict[str, Any]:
        """Return the Status of a request that is refused."""
        error = self.assertRaises(
            client.ApiException, method, *arguments, **options)
        status: dict[str, Any] = json.loads(error.body)
        self.assertEqual(
            (code, code, 'Status', 'v1', 'Failure', {}),
            (error.status, status['code'], status['kind'],
             status['apiVersion'], status['status'], status['metadata']))
        self.assertThat(error.headers['Content-Type'],
                        matchers.StartsWith('application/json'))
        return status

    def names(self, *documents: dict[str, Any]) -> list[str]:
        return [item['metadata']['name']
                for document in documents for item in document['items']]


def version_of(document: dict[str, Any]) -> int:
    return int(document['metadata']['resourceVersion'])


class Lab(Contract):
    """The lab's API server.

    Its nodes' names are in another order than they are created in, and all
    but the first are large enough to be compressed.
    """

    def kubeconfig(self) -> str:
        # kubectl sends no credentials without TLS.
        authority = self.useFixture(certificates.Authority())
        self.simulator = server.Simulator([
            {'metadata': {'name': name}, 'status': {
                'images': [{'names': [name * 99]}] * 500 * (name != 'a')}}
            for name in ('b10', 'a', 'b-2', 'b.3', 'b2', 'z')],
            tls=authority.server().server_context())
        self.addCleanup(self.simulator.stop)
        self.simulator.start()
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.remove, path)
        with open(handle, 'w') as file:
            file.write(self.simulator.kubeconfig(
                certificate_authority=authority.certificate))
        return path

    def create(self, name: str) -> None:
        self.simulator.put({'metadata': {'name': name}})

    def label(self, name: str) -> None:
        self.simulator.put(
            {'metadata': {'name': name, 'labels': {'changed': 'yes'}}})

    def delete(self, name: str) -> None:
        self.simulator.delete(name)


class Real(Contract):
    """A real API server."""

    def kubeconfig(self) -> str:
        return kubeconfig_of_environment(self)

    def create(self, name: str) -> None:
        if os.environ.get(WRITE_VARIABLE) != '1':
            self.skipTest(f'{WRITE_VARIABLE} IS NOT 1: no changes are made '
                          'to the real API server')
        self.addCleanup(self.forget, name)
        # Cordoned, so that nothing is ever placed on it.
        self.api.create_node({
            'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': name},
            'spec': {'unschedulable': True}}, _request_timeout=(10, 60))

    def forget(self, name: str) -> None:
        try:
            self.delete(name)
        except client.ApiException as error:
            # The test has deleted it itself, if all went well.
            if error.status != 404:
                raise

    def label(self, name: str) -> None:
        self.api.patch_node(
            name, {'metadata': {'labels': {'changed': 'yes'}}},
            _request_timeout=(10, 60))

    def delete(self, name: str) -> None:
        self.api.delete_node(name, _request_timeout=(10, 60))
