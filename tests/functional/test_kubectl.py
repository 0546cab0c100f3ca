# SPDX-License-Identifier: Apache-2.0
"""kubectl as an oracle: what it reads, we read, and log in with the same.

It needs kubectl of at least 1.24 in the PATH, or in KUBECTL: a package of
Kubernetes (https://kubernetes.io/docs/tasks/tools/), kubernetes-client of
Debian, or google-cloud-cli-kubectl. Without one the test is skipped.
"""

import json
import os
import re
import shutil
import subprocess
from typing import Any
import unittest

import fixtures

from tests.support import base
from tests.support import certificates
from vitrage_k8s.api import kubeconfig_files
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples

KUBECTL = os.environ.get('KUBECTL') or shutil.which('kubectl')
OLDEST = (1, 24)

# What kubectl fails for and we do not: bad entries that are not used, and
# where it asks for a username.
FORGIVEN = {'two authorities', 'two of a name that is not used',
            'number for a user that is not used', 'name of an unused number',
            'empty user', 'no user', 'null user', 'password without a user'}

BASE = """
current-context: one
clusters: [{name: one, cluster: {server: $A$,
            certificate-authority-data: $CA$}}]
contexts: [{name: one, context: {cluster: one, user: u}}]
users: [{name: u, user: {token: t}}]
"""


def entries(clusters: str = '', contexts: str = '', users: str = '') -> str:
    """Return BASE with further entries."""
    return BASE.replace('clusters: [', f'clusters: [{clusters}').replace(
        'contexts: [', f'contexts: [{contexts}').replace(
        'users: [', f'users: [{users}')


def cluster(fields: str) -> str:
    return BASE.replace('server: $A$', f'server: $A$, {fields}')


def user(fields: str) -> str:
    return BASE.replace('{token: t}', fields)


def server(value: str) -> str:
    return BASE.replace('server: $A$', f'server: {value}')


CASES: dict[str, str | bytes] = {
    'plain': BASE,
    'comment and marker': f'# A comment\n---{BASE}',
    'second document': f'{BASE}---\ncurrent-context: other\n',
    'second document that is none': f'{BASE}---\n{{[',
    'empty first document': f'---\n---{BASE}',
    'BOM': f'\ufeff{BASE}',
    'UTF-16': BASE.encode('utf-16'),
    'UTF-16, big-endian': b'\xfe\xff' + BASE.encode('utf-16-be'),
    'Latin-1': f'# \xe9{BASE}'.encode('latin-1'),
    'CR LF': BASE.replace('\n', '\r\n'),
    'tabs': BASE.replace(', ', ',\t').replace(': one', ':\tone'),
    'number for a name': BASE.replace('one', '5'),
    'date for a name': BASE.replace('one', '2024-01-02'),
    'time for a name': BASE.replace('one', '10:30'),
    'null sections': 'clusters:\ncontexts:\nusers:\ncurrent-context:\n',
    'mapping for a list': BASE.replace('[{name: u', '{name: u').replace(
        't}}]', 't}}'),
    'null and empty entries': entries(
        '{name: a, cluster: }, {name: b}, {name: c, cluster: {}}, null,',
        '{name: a, context: }, {name: b}, {name: c, context: {}}, {},',
        '{name: a, user: }, {name: b}, {name: c, user: {exec: }}, {},'),
    'null fields': entries(
        '{name: a, cluster: {server: , insecure-skip-tls-verify: , '
        'extensions: , proxy-url: , tls-server-name: }},', '',
        '{name: a, user: {token: , as-groups: , as-user-extra: , exec: {env: '
        '[{name: A, value: }], args: , provideClusterInfo: , '
        'interactiveMode: }, auth-provider: }},'),
    'two of a name that is not used': entries(
        '{name: a, cluster: {}}, {name: a, cluster: {}},'),
    'two of the name that is used': entries('{name: one, cluster: {}},'),
    'number for a user that is not used': entries(
        users='{name: a, user: {token: 5}},'),
    'name of an unused number': entries(users='{name: 5, user: {}},'),
    'unknown fields': cluster('colour: blue, disable-compression: true'),
    'wrong type': cluster('insecure-skip-tls-verify: "true"'),
    'authority and no verification': cluster('insecure-skip-tls-verify: true'),
    'two authorities': cluster('certificate-authority: $DIR$/ca.crt'),
    'no server': server('""'),
    'server of a wrong type': server('[a]'),
    'number for a token': user('{token: 5}'),
    'no user': BASE.replace(', user: u', ''),
    'missing user': BASE.replace('user: u}', 'user: v}'),
    'missing cluster': BASE.replace('cluster: one,', 'cluster: two,'),
    'missing context': BASE.replace('current-context: one',
                                    'current-context: two'),
    'empty user': user('{}'),
    'null user': user(''),
    'padded token': user('{token: " t "}'),
    'token file': user('{tokenFile: token}'),
    'missing token file': user('{tokenFile: missing}'),
    'token and token file': user('{token: x, tokenFile: token}'),
    'password': user('{username: me, password: p}'),
    'password without a user': user('{password: p}'),
    'token and password': user('{token: t, username: me, password: p}'),
    'key without a certificate': user('{token: t, client-key: key}'),
    'certificate without a key': user('{client-certificate-data: $CA$}'),
    'missing certificate': user(
        '{client-certificate: missing, client-key: missing}'),
    'impersonation': user(
        '{token: t, as: jürgen, as-uid: "1", as-groups: [a, b], '
        'as-user-extra: {Acme.io/scopes: [c, d]}}'),
    'impersonation without a user': user('{token: t, as-groups: [a]}'),
    'exec': user('{exec: {apiVersion: client.authentication.k8s.io/v1beta1, '
                 'command: ./plugin}}'),
    'exec without a command': user(
        '{exec: {apiVersion: client.authentication.k8s.io/v1beta1}}'),
    'exec without a version': user('{exec: {command: ./plugin}}'),
    'exec of an unknown mode': user(
        '{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: '
        './plugin, interactiveMode: Perhaps}}'),
    'exec and token': user(
        '{token: t, exec: {apiVersion: client.authentication.k8s.io/v1beta1, '
        'command: ./missing}}'),
    'wrapped data': BASE.replace('$CA$', '"$WRAPPED$"'),
    'data with a line end': BASE.replace('$CA$', '"$CA$\\n"'),
    'data that is not base64': BASE.replace('$CA$', '"%"'),
    'data that is not PEM': BASE.replace('$CA$', 'YQ=='),
    'comments in an authority': BASE.replace('$CA$', '$COMMENTED$'),
    'file of authorities': BASE.replace(
        'certificate-authority-data: $CA$', 'certificate-authority: ca.crt'),
    'http': server('http://$B$'),
    'no scheme': server('$B$'),
    'no scheme, but an authority': server('$A_HOST$'),
    'no scheme and a path': server('$B$/path'),
    'user in the server': server('"https://me:p%2F@$A_HOST$/"'),
    'user without a password in the server': server('https://me@$A_HOST$'),
    'user in the server and another': server('https://me:p@$A_HOST$').replace(
        '{token: t}', '{username: you, password: q}'),
    'user in the server and exec': server('https://me:p@$A_HOST$').replace(
        '{token: t}', '{exec: {apiVersion: client.authentication.k8s.io/'
        'v1beta1, command: ./plugin}}'),
    'query': server('"$A$?a=b#c"'),
    'port too large': server('https://127.0.0.1:99999'),
    'port that is none': server('https://127.0.0.1:port'),
    'blank in the host': server('"https://127.0.0.1 :1"'),
    'proxy of an odd scheme': cluster('proxy-url: ftp://127.0.0.1:1'),
    'proxy without a scheme': cluster('proxy-url: 127.0.0.1:1'),
}


def why_not() -> str | None:
    """Return why there is no oracle; None if there is one."""
    if not KUBECTL:
        return 'kubectl is not in the PATH, nor in KUBECTL'
    version = subprocess.run([KUBECTL, 'version', '--client'],
                             capture_output=True, text=True).stdout
    found = re.search(r'v(\d+)\.(\d+)', version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        return f'{KUBECTL} is older than 1.24, or says nothing of itself'
    return None


@unittest.skipIf(why_not(), f'NO ORACLE: {why_not()}')
class OracleTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        authority = self.useFixture(certificates.Authority())
        self.https, http = (Simulator(
            [samples.node('node-0')], tls=tls).start() for tls in (
                authority.server().server_context(), None))
        self.servers = (self.https, http)
        for each in self.servers:
            self.addCleanup(each.stop)
            # What is sent is compared, and not judged.
            each.authenticate = lambda request: 'anyone'
        (self.directory / 'token').write_text('of-file\n')
        (self.directory / 'ca.crt').write_bytes(
            b'# F\xc5\x91tan\xfas\n' + authority.certificate)
        plugin = self.directory / 'plugin'
        plugin.write_text(
            '#!/bin/sh\necho \'{"kind": "ExecCredential", "status": {"token": '
            '"of-exec"}, "apiVersion": '
            '"client.authentication.k8s.io/v1beta1"}\'\n')
        plugin.chmod(0o700)
        data = base.b64(authority.certificate)
        self.values = {
            '$A$': self.https.url,
            '$A_HOST$': self.https.url[len('https://'):],
            '$B$': http.url[len('http://'):], '$DIR$': str(self.directory),
            '$CA$': data, '$WRAPPED$': '\\n'.join(re.findall('.{1,76}', data)),
            '$COMMENTED$': base.b64(b'# \xff\n' + authority.certificate
                                    + b'\xc5\x91\n')}
        self.path = self.directory / 'kubeconfig'
        self.set_options(config_file=str(self.path))

    def write(self, case: str | bytes) -> None:
        content = case.encode() if isinstance(case, str) else case
        encoding = 'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') \
            else 'latin-1'
        text = content.decode(encoding)
        for name, value in self.values.items():
            text = text.replace(name, value)
        self.path.write_bytes(text.encode(encoding))

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(KUBECTL), '--kubeconfig', self.path, *arguments],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env={**os.environ, 'NO_PROXY': '*'}, timeout=60)

    def sent(self) -> Any:
        """Return what was presented with the first list since then."""
        found = [
            sorted((name, ' '.join(value.split()))
                   for name, value in request.headers.items()
                   if name.startswith(('Authorization', 'Impersonate-')))
            for server in self.servers for request in server.requests
            if request.path.endswith('/nodes')]
        for each in self.servers:
            each.requests.clear()
        return found[0] if found else None

    def test_entries_are_those_of_kubectl(self) -> None:
        for name, case in CASES.items():
            self.write(case)
            view = self.kubectl('config', 'view', '--raw', '-o', 'json')
            if view.returncode:
                continue
            expected = json.loads(view.stdout)

            files = kubeconfig_files.Files(str(self.path), 10)

            self.assertEqual(expected['current-context'], files.current, name)
            for section, found in files.entries.items():
                self.assertEqual(
                    {entry['name'] for entry in expected[section] or ()}
                    - {''}, set(found), name)

    def test_logins_are_those_of_kubectl(self) -> None:
        wrong = {}
        for name, case in CASES.items():
            self.write(case)
            is_read = not self.kubectl('get', 'nodes', '-o', 'name',
                                       '--request-timeout=5s').returncode
            expected = self.sent() if is_read else None

            self._forget()
            self.host = self.make_host()
            self.host.start()

            shown = self.host.node_names()
            found = self.sent() if shown else None
            if found != expected and not (
                    name in FORGIVEN and expected is None):
                wrong[name] = (expected, found)
        self.assertEqual({}, wrong)
