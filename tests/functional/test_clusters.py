# SPDX-License-Identifier: Apache-2.0
"""Several clusters, of which some fail."""

import json
import threading

import fixtures

from tests.support import base
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.server import Simulator
from vitrage_k8s_lab import samples


class ClustersTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.simulators: dict[str, Simulator] = {}
        for name in ('one', 'two', 'three'):
            simulator = self.start_simulator(
                samples.node(f'a-{name}'), samples.node(f'b-{name}'),
                cluster=name)
            self.simulators[name] = simulator
        self.kubeconfig = base.merge_kubeconfigs(self.simulators.values())
        self.write_kubeconfig()
        self.set_options(contexts=['*'], poll_interval=1000)
        self.host = self.make_host()

    def write_kubeconfig(self) -> None:
        path = self.directory / 'kubeconfig'
        path.write_text(json.dumps(self.kubeconfig))
        self.set_options(config_file=str(path))

    def states(self) -> dict[str, str]:
        return {name: vertex['vitrage_operational_state'] for name, vertex
                in self.host.vertices('kubernetes.cluster').items()}

    def test_star_is_every_context(self) -> None:
        self.host.start()

        self.assertEqual({'one': 'OK', 'two': 'OK', 'three': 'OK'},
                         self.states())
        self.assertEqual(6, len(self.host.node_names()))

    def test_star_takes_the_first_of_several_contexts_of_a_cluster(
            self) -> None:
        self.kubeconfig['contexts'].append(
            {'name': 'again', 'context': {'cluster': 'one', 'user': 'two'}})
        self.kubeconfig['clusters'].append(
            {'name': 'alias', 'cluster': {
                'server': self.simulators['one'].url}})
        self.kubeconfig['contexts'].append(
            {'name': 'alias', 'context': {'cluster': 'alias',
                                          'user': 'one'}})
        self.write_kubeconfig()

        self.host.start()

        self.assertEqual({'one', 'two', 'three'}, set(self.states()))

    def test_gone_nodes_of_a_healthy_cluster_go_while_another_is_down(
            self) -> None:
        self.host.start()
        self.simulators['two'].stop()
        self.simulators['one'].delete('a-one')

        self.host.poll()

        self.assertEqual(['a-three', 'a-two', 'b-one', 'b-three', 'b-two'],
                         self.host.node_names())
        self.assertEqual({'one': 'OK', 'two': 'ERROR', 'three': 'OK'},
                         self.states())
        reason = self.host.vertices('kubernetes.cluster')['two']['reason']
        self.assertIn('Connection refused', reason)

    def test_restart_with_a_cluster_down_keeps_its_nodes(self) -> None:
        self.host.start()
        self.simulators['two'].stop()
        self.simulators['one'].delete('a-one')

        self.restart_vitrage()
        self.host.poll()
        self.host.check_consistency()

        self.assertEqual(['a-three', 'a-two', 'b-one', 'b-three', 'b-two'],
                         self.host.node_names())

        # And what went in the meantime goes when it is back.
        self.simulators['two'].delete('b-two')
        self.simulators['two'].start()
        self.host.poll()
        self.assertEqual(['a-three', 'a-two', 'b-one', 'b-three'],
                         self.host.node_names())

    def test_failing_cluster_recovers_before_poll_interval(self) -> None:
        self.set_options(update_method='pull')
        self.simulators['two'].stop()
        self.host.start()
        self.assertEqual('ERROR', self.states()['two'])
        for simulator in self.simulators.values():
            simulator.requests.clear()
        self.simulators['two'].start()

        self.wait_for(lambda: self.host.get_changes() > 0
                      and self.states()['two'] == 'OK')

        self.assertEqual(6, len(self.host.node_names()))
        # The others go on to be watched.
        self.assertEqual([], [request for request
                              in self.simulators['one'].requests
                              if 'watch' not in request.query])

    def test_state_does_not_flap_while_a_list_fails_at_its_end(self) -> None:
        self.set_options(page_size=1)
        self.simulators['two'].intercept = lambda request: (
            faults.internal_error() if 'continue' in request.query else None)
        self.host.start()
        rows = len(self.host.rows)

        self.host.poll()

        self.assertEqual('ERROR', self.states()['two'])
        self.assertEqual(rows, len(self.host.rows))

    def test_one_api_server_under_two_names_is_never_a_mix(self) -> None:
        alias = self.simulators['one'].url.replace('127.0.0.1', 'localhost')
        self.kubeconfig['clusters'].append(
            {'name': 'alias', 'cluster': {'server': alias}})
        self.kubeconfig['contexts'].append(
            {'name': 'alias', 'context': {'cluster': 'alias',
                                          'user': 'one'}})
        self.write_kubeconfig()
        self.set_options(max_concurrent_lists=1)

        self.host.start()
        for _ in range(2):
            before = self.host.everything()
            self.host.poll()
            self.assertEqual(before, self.host.everything())

        self.assertEqual({'one': 'OK', 'two': 'OK', 'three': 'OK'},
                         self.states())
        self.assertEqual('one', self.vertex('a-one')['cluster'])
        self.assertEqual(1, self.log.output.count(
            'Cluster alias: all of its nodes are nodes of cluster one too'))

    def test_misconfigured_cluster_hides_no_other(self) -> None:
        self.kubeconfig['users'][1]['user'] = {
            'client-certificate': 'missing.crt', 'client-key': 'missing.key'}
        self.write_kubeconfig()

        self.host.start()

        self.assertEqual({'one': 'OK', 'two': 'ERROR', 'three': 'OK'},
                         self.states())
        self.assertEqual(4, len(self.host.node_names()))
        vertex = self.host.vertices('kubernetes.cluster')['two']
        self.assertEqual('Misconfigured', vertex['state'])
        self.assertIn('missing.crt', vertex['reason'])

    def test_unknown_context_hides_no_other(self) -> None:
        self.set_options(contexts=['one', 'other', 'two'])

        self.host.start()

        self.assertEqual({'one': 'OK', 'two': 'OK'}, self.states())
        self.assertIn('has no context other; it has one, three, two',
                      self.log.output)

    def test_kubeconfig_that_is_mended_needs_no_restart(self) -> None:
        self.set_options(config_file='/no/such/file')
        self.host.start()
        self.assertEqual({}, self.states())

        self.write_kubeconfig()
        self.host.poll()

        self.assertEqual(6, len(self.host.node_names()))

    def test_broken_kubeconfig_deletes_nothing(self) -> None:
        self.host.start()
        before = self.host.everything()
        self.kubeconfig['clusters'] = 'gone'
        self.write_kubeconfig()

        self.host.poll()
        self.host.poll()

        self.assertEqual(before, self.host.everything())

    def test_lists_that_expire_all_at_once_come_to_their_ends(self) -> None:
        self.set_options(page_size=1)
        for simulator in self.simulators.values():
            simulator.script(None, faults.expired('token'))

        self.host.start()

        self.assertEqual(6, len(self.host.node_names()))
        self.assertEqual({'OK'}, set(self.states().values()))

    def test_cluster_in_doubt_keeps_no_other_waiting(self) -> None:
        self.set_waits(DOUBT=600, DOUBT_STEPS=(0, 600))
        self.set_options(update_method='pull', max_concurrent_lists=1)
        self.simulators['one'].intercept = (
            lambda request: faults.forbidden('me'))
        self.host.get_changes()
        self.wait_for(lambda: len(self.simulators['one'].requests) == 2)

        self.wait_for(lambda: self.host.get_changes() == 0
                      and 'three' in self.states())

        self.assertEqual({'one': 'TRANSIENT', 'two': 'OK', 'three': 'OK'},
                         self.states())

    def test_failing_polls_leave_nothing_behind(self) -> None:
        self.simulators['two'].stop()
        self.simulators['three'].intercept = (
            lambda request: faults.internal_error())
        self.host.start()
        self.wait_for(self.is_quiet)
        before = base.open_files()

        for _ in range(20):
            self.host.poll()

        self.wait_for(self.is_quiet)
        self.wait_for(lambda: base.open_files() <= before)

    @staticmethod
    def is_quiet() -> bool:
        """Return whether there is a thread for each, and one for all."""
        return sum(thread.name.startswith('vitrage-k8s')
                   for thread in threading.enumerate()) == 4
