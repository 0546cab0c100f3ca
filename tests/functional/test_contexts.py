# SPDX-License-Identifier: Apache-2.0
"""Contexts: which are read, under which names, and what a bad one costs."""

import json
import os
from typing import Any

import fixtures

from tests.support import base
from tests.support import certificates
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples


class ContextsTest(base.FunctionalTest):
    """Has one address; behind it, a token decides on the cluster."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        authority = self.useFixture(certificates.Authority())
        self.backends = {name: Simulator([samples.node(f'node-{name}')])
                         for name in 'ab'}
        self.server = Simulator(
            tls=authority.server().server_context()).start()
        self.addCleanup(self.server.stop)
        self.server.intercept = self.route
        self.cluster = {'server': self.server.url,
                        'certificate-authority': str(
                            authority.certificate_path)}
        self.kubeconfig: dict[str, Any] = {
            'clusters': [], 'users': [], 'contexts': []}
        self.host = self.make_host()

    def route(self, request: Request) -> Answer:
        token = request.headers.get('Authorization', '')[-1:]
        if token in self.backends:
            return self.backends[token].answer(request)
        return faults.forbidden('nobody')

    def add(self, name: str, token: str, **cluster: Any) -> None:
        """Add a context with a cluster and a user."""
        self.kubeconfig['clusters'].append(
            {'name': 'kubernetes', 'cluster': self.cluster}
            if not cluster else {'name': name, 'cluster': {
                **self.cluster, **cluster}})
        self.kubeconfig['clusters'] = list({
            each['name']: each for each in self.kubeconfig['clusters']
        }.values())
        self.kubeconfig['users'].append(
            {'name': name, 'user': {'token': token}})
        self.kubeconfig['contexts'].append({'name': name, 'context': {
            'cluster': name if cluster else 'kubernetes', 'user': name}})

    def start(self, *contexts: str, **options: Any) -> None:
        path = self.directory / 'kubeconfig'
        path.write_text(json.dumps(self.kubeconfig))
        self.set_options(config_file=str(path), contexts=list(contexts),
                         **options)
        self.host.poll()

    def shown(self) -> dict[str, str]:
        """Return the cluster of each node; the state of those without."""
        nodes = {vertex['cluster']: name for name, vertex
                 in self.host.vertices('kubernetes.node').items()}
        return {name: nodes.get(name, vertex['state']) for name, vertex
                in self.host.vertices('kubernetes.cluster').items()}

    def test_name_is_that_of_the_context_or_the_operators(self) -> None:
        self.add('admin@kubernetes', 'a')
        self.add('x=y', 'b')
        for contexts, name, expected in (
                (['*'], None, {'admin@kubernetes': 'node-a',
                               'x=y': 'node-b'}),
                (['production=admin@kubernetes', '*'], None,
                 {'production': 'node-a', 'x=y': 'node-b'}),
                (['production=admin@kubernetes', 'staging=x=y'], None,
                 {'production': 'node-a', 'staging': 'node-b'}),
                (['x=y'], None, {'x=y': 'node-b'}),
                (['x=y'], 'only', {'only': 'node-b'}),
                (['staging=x=y'], 'only', {'staging': 'node-b'})):
            self.start(*contexts, cluster_name=name)

            self.assertEqual(expected, self.shown())
        self.kubeconfig['current-context'] = 'x=y'
        self.start(cluster_name='current')
        self.assertEqual({'current': 'node-b'}, self.shown())
        self.assertNotIn('[kubernetes]', self.log.output)

    def test_names_that_cannot_be(self) -> None:
        self.add('one', 'a')
        self.add('two', 'b')
        for contexts, name, message in (
                (['x=one', 'x=two'], None, 'two clusters have the name x'),
                (['two=one', '*'], None, 'two clusters have the name two'),
                (['one', 'a=one'], None, 'context one is named twice'),
                (['=one'], None, 'contexts: the name  is empty'),
                (['x='], None, 'has no context ; it has one, two'),
                (['*'], 'x', 'cluster_name: is for one cluster')):
            self.start(*contexts, cluster_name=name)

            self.assertEqual(1, self.log.output.count(message), message)

    def test_users_of_one_address_are_read_each(self) -> None:
        self.add('one', 'a')
        self.add('two', 'b')
        self.add('again', 'a')
        for contexts in (['*'], ['one', 'two']):
            self.start(*contexts)

            self.assertEqual({'one': 'node-a', 'two': 'node-b'},
                             self.shown())

    def test_user_who_cannot_list_is_left_out_where_another_can(self) -> None:
        self.set_waits(DOUBT=0.0)
        self.add('developer', 'x')
        self.add('admin', 'a')
        self.start('*')
        self.host.poll()

        self.assertEqual({'admin': 'node-a'}, self.shown())
        self.assertEqual(1, self.log.output.count('so it is left out'))

        self.start('developer', 'admin')

        self.assertEqual({'admin': 'node-a', 'developer': 'Unreadable'},
                         self.shown())

    def test_bad_entry_costs_its_context_only(self) -> None:
        self.add('good', 'a')
        self.add('bad', 'b', **{'server': 5})
        self.add('worse', 'b', **{'server': 'https://127.0.0.1:99999'})
        self.kubeconfig['contexts'] += [
            {'name': 'null', 'context': None}, {'name': 'none'},
            {'name': 'text', 'context': 'x'},
            {'name': 'lost', 'context': {'cluster': 'gone', 'user': 'good'}}]
        self.start('*')

        self.assertEqual({'good': 'node-a', **dict.fromkeys(
            ('bad', 'worse', 'null', 'none', 'text', 'lost'),
            'Misconfigured')}, self.shown())
        path = self.directory / 'kubeconfig'
        for name, reason in (
                ('bad', f'{path}: clusters[bad].cluster.server: Expected '
                 '`str`, got `int`; correct it'),
                ('worse', f'{path}: clusters[worse].cluster.server: has a '
                 'host or port that is none; correct it'),
                ('null', f'{path}: contexts[null].context.cluster: is missing'
                 '; set it'),
                ('text', f'{path}: contexts[text].context: Expected')):
            self.assertIn(reason, self.host.vertices('kubernetes.cluster')[
                name]['reason'])
            self.assertEqual(1, self.log.output.count(reason))

    def test_file_that_is_cut_off_removes_nothing(self) -> None:
        self.add('one', 'a')
        self.add('two', 'b')
        self.start('*')
        before = self.shown()
        whole = self.kubeconfig

        for lost in ({'contexts': whole['contexts'][:1], 'users': []},
                     {'contexts': whole['contexts'][:1],
                      'current-context': 'two'}):
            self.kubeconfig = {**whole, **lost}
            self.start('*')
            self.host.poll()

            self.assertIn('two', self.shown())
        self.assertEqual(2, self.log.output.count('may be cut off'))
        self.kubeconfig = {**whole, 'contexts': whole['contexts'][:1]}
        self.start('*')
        self.assertEqual({'one': before['one']}, self.shown())

    def test_kubeconfig_that_others_may_write_is_warned_of_once(self) -> None:
        self.add('one', 'a')
        self.start('*')
        self.assertNotIn('chmod', self.log.output)
        path = self.directory / 'kubeconfig'
        path.chmod(0o666)

        self.host.poll()
        self.host.poll()

        self.assertEqual(1, self.log.output.count(f'run chmod go-w {path}'))
        self.assertEqual({'one': 'node-a'}, self.shown())

    def test_file_that_hangs_costs_its_context_only(self) -> None:
        fifo = self.directory / 'fifo'
        os.mkfifo(fifo)
        self.addCleanup(self.release, fifo)
        self.set_options(request_timeout=0.5)
        self.add('one', 'a')
        self.add('two', 'b')
        self.start('*')
        self.kubeconfig['users'][1]['user'] = {'tokenFile': 'fifo'}

        for fields in ({}, {'certificate-authority': 'fifo'}):
            self.add('three', 'a', **fields) if fields else None
            self.start('*')

        reasons = self.host.vertices('kubernetes.cluster')
        for name, field in (('two', 'users[two].user.tokenFile'),
                            ('three', 'clusters[three].cluster.'
                             'certificate-authority')):
            self.assertIn(field, reasons[name]['reason'])
            self.assertIn('did not answer within request_timeout',
                          reasons[name]['reason'])
            self.assertIn(f'Cluster {name}: ', self.log.output)
        self.assertEqual('node-a', self.shown()['one'])

    def test_kubeconfig_that_hangs_is_named(self) -> None:
        self.add('one', 'a')
        self.start('*')
        fifo = self.directory / 'fifo'
        os.mkfifo(fifo)
        self.addCleanup(self.release, fifo)
        self.set_options(request_timeout=0.5, config_file=str(fifo))

        self.host.poll()
        self.host.poll()

        self.assertEqual({'one': 'node-a'}, self.shown())
        self.assertEqual(1, self.log.output.count(
            f'config_file: {fifo}: {fifo} cannot be read: it did not answer'))

    @staticmethod
    def release(fifo: Any) -> None:
        """Let who reads a FIFO come to its end."""
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return
