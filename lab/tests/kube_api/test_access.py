# SPDX-License-Identifier: Apache-2.0
"""The simulator's authentication and RBAC, as other clients see them."""

import http.client
import json
import os
import tempfile
import time

from kubernetes import client
from kubernetes import config
from testtools import matchers

from lab.tests.kube_api.simulators import AccessTest
from lab.tests.kube_api.simulators import NODES
from vitrage_k8s_lab.kube_api.http import Request


class AuthenticationTest(AccessTest):

    def setUp(self) -> None:
        super().setUp()
        self.simulator.allow_anonymous = False

    def test_tokens_come_and_go(self) -> None:
        self.assertEqual(401, self.bearer('x'))
        self.simulator.tokens['x'] = 'jane'
        self.assertEqual(200, self.bearer('x'))
        del self.simulator.tokens['x']
        self.assertEqual(401, self.bearer('x'))

    def test_reads_the_header_as_the_api_server_does(self) -> None:
        self.simulator.tokens['x'] = 'jane'
        for header, code in (
                ('bearer x', 200), ('Bearer x y', 200), ('Bearer y', 401),
                ('Basic x', 403), ('Bearer', 403), ('Bearer  x', 403),
                ('x', 403), ('', 403)):
            self.assertEqual(code, self.get(
                headers={'Authorization': header})[0], header)

    def test_only_health_and_version_are_public(self) -> None:
        for path in ('/version', '/version/', '/healthz', '/livez',
                     '/readyz'):
            self.assertEqual(200, self.get(path)[0], path)
        for path in (NODES, f'{NODES}/a', '/api', '/api/v1', '/nowhere',
                     '/api/v1/pods'):
            self.assertEqual(403, self.get(path)[0], path)

    def test_anonymous_can_be_allowed(self) -> None:
        self.simulator.allow_anonymous = True
        for path in (NODES, f'{NODES}/a', '/api', '/api/v1/pods'):
            self.assertEqual(200, self.get(path)[0], path)

    def test_asks_any_function(self) -> None:
        seen: list[Request] = []

        def authenticate(request: Request) -> str | None:
            seen.append(request)
            return request.headers.get('X-Remote-User')

        self.simulator.authenticate = authenticate
        self.assertEqual(401, self.get()[0])
        self.assertEqual(200, self.get(headers={'x-remote-user': 'jane'})[0])
        self.assertEqual(list(self.simulator.requests), seen)


class ForbiddenTest(AccessTest):

    def test_forbids_each_verb_by_itself(self) -> None:
        paths = {'list': NODES, 'get': f'{NODES}/a',
                 'watch': f'{NODES}?watch=true&timeoutSeconds=1'}
        for verb in paths:
            self.simulator.forbidden = {verb}
            self.assertEqual({verb}, {
                other for other, path in paths.items()
                if self.get(path)[0] == 403})

    def test_says_who_may_not_do_what(self) -> None:
        self.simulator.forbidden.update({'list', 'get'})
        where = 'resource "nodes" in API group "" at the cluster scope'
        self.assertEqual(
            'nodes is forbidden: User "system:anonymous" cannot list '
            + where, self.get()[1]['message'])
        self.simulator.authenticate = lambda request: 'jane'
        self.assertEqual('nodes is forbidden: User "jane" cannot list '
                         + where, self.get()[1]['message'])
        document = self.get(f'{NODES}/x')[1]
        self.assertEqual('nodes "x" is forbidden: User "jane" cannot get '
                         + where, document['message'])
        self.assertEqual({'name': 'x', 'kind': 'nodes'}, document['details'])

    def test_authenticates_first(self) -> None:
        self.simulator.forbidden.add('list')
        self.simulator.authenticate = lambda request: None
        self.assertEqual(401, self.get()[0])


class YoungServerTest(AccessTest):
    """In its first second, an API server knows no roles."""

    def test_refuses_after_each_start_what_it_allows_later(self) -> None:
        for _ in range(2):
            self.simulator.stop()
            self.simulator.rbac_delay = 600
            self.simulator.start()
            for path in (NODES, f'{NODES}/a', f'{NODES}?watch=true'):
                self.assertEqual(403, self.get(path)[0], path)
            # As if the time was over.
            self.simulator.rbac_delay = 0
            self.assertEqual(200, self.get()[0])

    def test_comes_to_know_its_roles_by_itself(self) -> None:
        self.simulator.stop()
        self.simulator.rbac_delay = 0.3
        self.simulator.start()
        self.assertEqual(403, self.get()[0])
        deadline = time.monotonic() + 10
        while self.get()[0] != 200:
            self.assertThat(time.monotonic(), matchers.LessThan(deadline))
            time.sleep(0.05)

    def test_says_that_it_knows_no_roles(self) -> None:
        self.simulator.rbac_delay = 600
        self.assertEqual(
            'nodes is forbidden: User "system:anonymous" cannot list resource '
            '"nodes" in API group "" at the cluster scope: RBAC: '
            'clusterrole.rbac.authorization.k8s.io "vitrage-node-reader" not '
            'found', self.get()[1]['message'])

    def test_authenticates_first_and_is_healthy(self) -> None:
        self.simulator.rbac_delay = 600
        self.assertEqual(200, self.get('/readyz')[0])
        self.simulator.authenticate = lambda request: None
        self.assertEqual(401, self.get()[0])


class OpenWatchTest(AccessTest):
    """A watch goes on until it ends, even without its rights."""

    def open(self) -> http.client.HTTPResponse:
        self.simulator.tokens['x'] = 'jane'
        connection = http.client.HTTPConnection(
            self.simulator.url.removeprefix('http://'), timeout=10)
        self.addCleanup(connection.close)
        connection.request('GET', f'{NODES}?watch=true', headers={
            'Authorization': 'Bearer x'})
        response = connection.getresponse()
        self.addCleanup(response.close)
        self.assertEqual('ADDED', json.loads(response.readline())['type'])
        return response

    def assert_goes_on_until_it_ends(
            self, response: http.client.HTTPResponse, code: int) -> None:
        """See a change in the watch, and no other watch after it."""
        for path in (NODES, f'{NODES}?watch=true'):
            self.assertEqual(code, self.bearer('x', path))
        self.simulator.put({'metadata': {'name': 'b'}})
        event = json.loads(response.readline())
        self.assertEqual(('ADDED', 'b'), (
            event['type'], event['object']['metadata']['name']))
        self.simulator.hang_up(in_order=True)
        self.assertEqual(b'', response.read())

    def test_of_a_role_that_is_unbound(self) -> None:
        response = self.open()
        self.simulator.forbidden.update({'list', 'watch'})
        self.assert_goes_on_until_it_ends(response, 403)

    def test_of_a_token_that_is_revoked(self) -> None:
        response = self.open()
        self.simulator.tokens.clear()
        self.assert_goes_on_until_it_ends(response, 401)


class KubeconfigTest(AccessTest):

    def list_names(self, kubeconfig: str) -> list[str]:
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.remove, path)
        with open(handle, 'w') as file:
            file.write(kubeconfig)
        with config.new_client_from_config(
                path, persist_config=False) as api_client:
            api_client.configuration.retries = False
            return [node.metadata.name for node in
                    client.CoreV1Api(api_client).list_node().items]

    def test_official_client_authenticates_by_token(self) -> None:
        self.simulator = self.start(self.authority.server().server_context())
        self.simulator.tokens['secret'] = 'jane'
        self.assertEqual(['a'], self.list_names(self.simulator.kubeconfig(
            certificate_authority=self.authority.certificate,
            user={'token': 'secret'})))

    def test_official_client_authenticates_by_certificate(self) -> None:
        self.simulator = self.start(self.authority.server().server_context(
            clients=self.authority))
        self.simulator.authenticate = self.simulator.by_certificate
        jane = self.authority.client('jane')
        self.assertEqual(['a'], self.list_names(self.simulator.kubeconfig(
            certificate_authority=self.authority.certificate,
            user={'client-certificate': str(jane.certificate_path),
                  'client-key': str(jane.key_path)})))

    def test_has_the_token_that_the_server_knows_from_the_start(self) -> None:
        self.simulator = self.start(self.authority.server().server_context())
        self.simulator.allow_anonymous = False
        self.assertEqual(['a'], self.list_names(self.simulator.kubeconfig(
            certificate_authority=self.authority.certificate)))

    def test_has_no_credentials_without_tls(self) -> None:
        document = json.loads(self.simulator.kubeconfig())
        self.assertEqual({'server': self.simulator.url},
                         document['clusters'][0]['cluster'])
        self.assertEqual({}, document['users'][0]['user'])

    def test_user_can_have_no_credentials(self) -> None:
        self.simulator.allow_anonymous = False
        error = self.assertRaises(
            client.ApiException, self.list_names,
            self.simulator.kubeconfig(user={}))
        self.assertEqual(403, error.status)
