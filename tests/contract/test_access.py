# SPDX-License-Identifier: Apache-2.0
"""What an API server answers to those whom it does not know."""

import json
from typing import Any

import testtools
import urllib3

from tests.support import contract

NODES = '/api/v1/nodes'


class AccessContract(contract.Contract):

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Return status and Status of a request with these headers alone."""
        configuration = self.api_client.configuration
        with urllib3.PoolManager(
                ca_certs=configuration.ssl_ca_cert) as manager:
            response = manager.request(
                'GET', configuration.host + path, headers=headers,
                timeout=10.0, retries=False)
            return response.status, json.loads(response.data)

    def test_request_without_credentials_is_anonymous(self) -> None:
        where = 'in API group "" at the cluster scope'
        for path, what, details in (
                (NODES, f'nodes is forbidden: User "system:anonymous" cannot '
                 f'list resource "nodes" {where}', {'kind': 'nodes'}),
                (f'{NODES}/x', 'nodes "x" is forbidden: User '
                 f'"system:anonymous" cannot get resource "nodes" {where}',
                 {'kind': 'nodes', 'name': 'x'}),
                (f'{NODES}?watch=1', 'nodes is forbidden: User '
                 f'"system:anonymous" cannot watch resource "nodes" {where}',
                 {'kind': 'nodes'}),
                ('/api/v1/namespaces/x/pods', 'pods is forbidden: User '
                 '"system:anonymous" cannot list resource "pods" in API group '
                 '"" in the namespace "x"', {'kind': 'pods'}),
                ('/api', 'forbidden: User "system:anonymous" cannot get path '
                 '"/api"', {})):
            code, status = self.get(path)
            self.assertEqual((403, 'Forbidden', what, details), (
                code, status['reason'], status['message'],
                status['details']))

    def test_so_is_one_whose_credentials_are_of_no_known_kind(self) -> None:
        for header in ('Basic eDp5', 'Bearer', 'Bearer  x', 'x', ''):
            self.assertEqual(403, self.get(NODES, Authorization=header)[0],
                             header)

    def test_wrong_token_is_not_accepted_for_anything(self) -> None:
        for path in (NODES, '/version'):
            for scheme in ('Bearer', 'bearer'):
                self.assertEqual((401, {
                    'kind': 'Status', 'apiVersion': 'v1', 'metadata': {},
                    'status': 'Failure', 'message': 'Unauthorized',
                    'reason': 'Unauthorized', 'code': 401}), self.get(
                        path, Authorization=f'{scheme} wrong'))

    def test_anyone_may_ask_for_the_version(self) -> None:
        code, version = self.get('/version')
        self.assertEqual((200, '1'), (code, version['major']))


class LabAccessTest(contract.Lab, AccessContract, testtools.TestCase):
    pass


class RealAccessTest(contract.Real, AccessContract, testtools.TestCase):
    pass
