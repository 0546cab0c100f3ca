# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: what it finds of clusters."""

import dataclasses
import json
import signal
import subprocess
import sys
import threading
from typing import Any

import fixtures
import kubernetes.client
from oslo_config import cfg

from tests.support import certificates
from tests.support.checks import CheckTest
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples


class ClusterTest(CheckTest):

    def infos(self, **changes: dict[str, Any]) -> list[str]:
        _, output = self.run_check(
            '--config-file', self.write(**changes), '--format', 'json')
        return [each['text'] for each in json.loads(output)
                if each['subject'] == 'simulator']

    def test_says_what_it_found(self) -> None:
        self.assertIn(f'2 nodes at {self.simulator.url}, Kubernetes v1.36.0, '
                      'as (unknown)', self.infos())
        self.assertIn('1 of 2 nodes are tied to their nova.instance if Nova '
                      'has it', self.infos())
        self.assertIn('1 of 2 nodes are tied to nothing: they have no '
                      'providerID', self.infos())

    def test_clocks_that_differ(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.check.services.MOST_SKEW', -1.0))
        self.assert_found('WARNING', 'simulator', 'its clock')

    def test_says_which_version_and_whether_its_clock_differs(self) -> None:
        said = f'2 nodes at {self.simulator.url}, Kubernetes v1.36.0, as ' \
            '(unknown)'
        for date in ('Thu, 01 Jan 1970 00:00:00 GMT', 'junk'):
            self.simulator.intercept = lambda request, date=date: \
                dataclasses.replace(self.simulator.answer(request), headers={
                    'Date': date}) if request.path == '/version/' else None
            if date == 'junk':
                self.assertIn(said, self.infos())
            else:
                self.assert_found('WARNING', 'simulator', 'clock')

    def test_the_clock_is_asked_last(self) -> None:
        # What a watch that does not begin takes would count as a difference.
        self.assertEqual((0, []), self.check())
        self.assertEqual('/version/', self.simulator.requests[-1].path)

    def test_says_who_we_are(self) -> None:
        review = json.dumps({'status': {'userInfo': {'username': 'vitrage'}}})
        self.simulator.intercept = lambda request: \
            Answer(201, review.encode()) \
            if request.path.endswith('/v1/selfsubjectreviews') else None
        # Clients before version 28 cannot ask.
        user = 'vitrage' if hasattr(
            kubernetes.client.AuthenticationV1Api,
            'create_self_subject_review') else '(unknown)'
        self.assertIn(f'2 nodes at {self.simulator.url}, Kubernetes v1.36.0, '
                      f'as {user}', self.infos())

    def test_a_version_that_is_none(self) -> None:
        self.simulator.intercept = lambda request: \
            dataclasses.replace(self.simulator.answer(request), body=b'[]') \
            if request.path == '/version/' else None
        self.assertEqual((0, []), self.check())

    def test_odd_versions_hide_nothing_else(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.client._LONGEST_LINE', 1 << 16))
        for change in ({'body': b'[' * 10000 + b']' * 10000},
                       {'body': b' ' * (1 << 17)},
                       {'headers': {'Date': f'Thu, 01 Jan {"9" * 18} '
                                            '00:00:00 GMT'}}):
            self.simulator.intercept = lambda request, change=change: \
                dataclasses.replace(self.simulator.answer(request), **change) \
                if request.path == '/version/' else None
            self.assertIn('1 of 2 nodes are tied to nothing: they have no '
                          'providerID', self.infos())
            cfg.CONF.reset()

    def test_needs_no_semaphores(self) -> None:
        def refuse(*arguments: Any) -> None:
            # As where /dev/shm may not be written.
            raise PermissionError

        self.useFixture(fixtures.MonkeyPatch(
            'multiprocessing.synchronize.SemLock.__init__', refuse))
        self.assertEqual((0, []), self.check())

    def test_interrupted_while_a_cluster_is_silent(self) -> None:
        asked = threading.Event()

        def never_answer(request: Request) -> None:
            asked.set()
            self.simulator.stopping.wait()

        self.simulator.intercept = never_answer
        with subprocess.Popen(
                (sys.executable, '-W', 'ignore', '-m', 'vitrage_k8s.cli',
                 'check', '--config-file', self.write()),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            self.assertTrue(asked.wait(60))
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate()
        self.assertEqual((130, b'Interrupted\n'),
                         (process.returncode, complaints))

    def test_a_watch_that_begins_late(self) -> None:
        def answer_late(request: Request) -> None:
            if 'watch' in request.query:
                self.simulator.stopping.wait(1.2)

        self.simulator.intercept = answer_late
        self.assertEqual((0, []), self.check())

    def test_a_watch_that_does_not_begin(self) -> None:
        def never_answer(request: Request) -> None:
            if 'watch' in request.query:
                self.simulator.stopping.wait()

        self.simulator.intercept = never_answer
        self.assert_found('WARNING', 'simulator', 'no complete answer within '
                          '1 s', kubernetes={'request_timeout': 1})

    def test_a_refusal_that_outlasts_the_list(self) -> None:
        for name, value in (('watch_policy.DOUBT_STEPS', (0.5,) * 5),
                            ('watch_policy.DOUBT', 2.5), ('fleet.GRACE', 0)):
            self.useFixture(fixtures.MonkeyPatch(f'vitrage_k8s.api.{name}',
                                                 value))
        self.simulator.intercept = lambda request: faults.forbidden('u')
        self.assert_found('ERROR', 'simulator', 'may not list nodes',
                          kubernetes={'request_timeout': 1.5,
                                      'list_timeout': 1.5})

    def test_clusters_are_asked_side_by_side(self) -> None:
        both = threading.Barrier(2, timeout=30)

        def wait_for_both(request: Request) -> None:
            if request.path == '/version/':
                both.wait()

        simulators = [self.simulator, Simulator(
            [samples.node('c')], cluster='another').start()]
        self.addCleanup(simulators[1].stop)
        kubeconfigs = []
        for simulator in simulators:
            kubeconfigs.append(json.loads(simulator.kubeconfig()))
            simulator.intercept = wait_for_both
        for section in ('clusters', 'users', 'contexts'):
            kubeconfigs[0][section] += kubeconfigs[1][section]
        self.kubeconfig.write_text(json.dumps(kubeconfigs[0]))
        _, output = self.run_check('--format', 'json', '--config-file',
                                   self.write(kubernetes={
                                       'contexts': 'simulator,another'}))
        self.assertEqual(['simulator', 'another'], [
            each['subject'] for each in json.loads(output)
            if 'Kubernetes v1' in each['text']])

    def test_a_certificate_that_is_not_verified(self) -> None:
        authority = self.useFixture(certificates.Authority())
        simulator = Simulator([samples.node('a')], cluster='simulator', tls=(
            authority.server().server_context())).start()
        self.addCleanup(simulator.stop)
        kubeconfig = json.loads(simulator.kubeconfig())
        kubeconfig['clusters'][0]['cluster'] = {
            'server': simulator.url, 'insecure-skip-tls-verify': True}
        self.kubeconfig.write_text(json.dumps(kubeconfig))
        self.assert_found('WARNING', 'simulator', 'not verified')

    def test_a_certificate_of_another_authority(self) -> None:
        authority, other = (self.useFixture(certificates.Authority())
                            for _ in range(2))
        simulator = Simulator(cluster='simulator', tls=(
            other.server().server_context())).start()
        self.addCleanup(simulator.stop)
        self.kubeconfig.write_text(simulator.kubeconfig(
            certificate_authority=authority.certificate))
        self.assert_found('ERROR', 'simulator', 'certificate verify failed')

    def test_says_why_nodes_are_tied_to_nothing(self) -> None:
        self.simulator.put(samples.node(
            'c', providerID='aws:///eu-west-1a/i-0abc'))
        self.simulator.put(samples.node('d', providerID='x'))
        infos = self.infos()
        for reason in ('they have no providerID',
                       'their providerID is of aws',
                       'their providerID is of an unknown form'):
            self.assertIn(f'1 of 4 nodes are tied to nothing: {reason}', infos)

    def test_counts_nodes_that_are_hosts(self) -> None:
        self.assertIn('1 of 2 nodes are tied to their nova.host if Nova has '
                      'it', self.infos(kubernetes={
                          'host_contexts': 'simulator'}))

    def test_says_that_no_servers_are_shown(self) -> None:
        self.assertIn(
            '1 of 2 nodes are tied to their nova.instance once that is in '
            '[datasources] types',
            self.infos(datasources={'types': 'kubernetes'}))

    def test_an_api_server_that_refuses(self) -> None:
        for fault, text in ((faults.internal_error(), 'answered 500'),
                            (faults.forbidden('u'), 'may not list nodes')):
            self.simulator.intercept = lambda request, fault=fault: fault
            self.assert_found('ERROR', 'simulator', text)

    def test_watches_that_are_refused(self) -> None:
        self.simulator.intercept = lambda request: \
            faults.forbidden('u') if 'watch' in request.query else None
        self.assert_found('WARNING', 'simulator', 'may not watch nodes')

    def test_watches_that_are_not_wanted(self) -> None:
        watches = []

        def refuse(request: Request) -> Any:
            if 'watch' in request.query:
                watches.append(request)
                return faults.forbidden('u')
            return None

        self.simulator.intercept = refuse
        self.assertEqual((0, []), self.check(
            kubernetes={'update_method': 'None'}))
        self.assertEqual([], watches)

    def test_an_api_server_that_is_down(self) -> None:
        self.simulator.stop()
        self.assert_found(
            'ERROR', 'simulator', 'Connection refused -> see whether it runs, '
            f'and {self.kubeconfig}: clusters[simulator].cluster.server')

    def test_more_nodes_than_are_allowed(self) -> None:
        self.assert_found('ERROR', 'simulator', 'max_nodes',
                          kubernetes={'max_nodes': 1})
