# SPDX-License-Identifier: Apache-2.0
"""Keys that are too long to be shown, or cannot be printed."""

from typing import Any

import fixtures
import yaml

from tests.support import base
from vitrage_k8s_lab import samples

LEFT_OUT = 'the node is left out'

# JSON escapes it with 12 characters.
LONG = '\U0001f600'

UUID = '41c40aab-80e9-4bb6-a280-27976bfc811f'


def node(name: str = 'n', uid: str = 'u', provider_id: str = '',
         **spec: Any) -> dict[str, Any]:
    return samples.node(name, uid, providerID=provider_id, **spec)


# The last is an instance id that is longer than the providerID.
ODD = [node(name='x' * 254), node(uid='x' * 254),
       node(provider_id='x://' + 'x' * 1021), node(name='x\n'),
       node(uid='\x1b'), node(provider_id='x://\u202e'),
       node(name='\u200b', uid='\0', provider_id='\r'),
       node(provider_id='azure://' + '\u0130' * 1016)]

EVEN = [node(name='x' * 253), node(uid='x' * 253),
        node(provider_id='x://' + 'x' * 1020), node(name=LONG * 253),
        node(uid='\xe9' * 253), node(provider_id='x://' + LONG * 1020)]


class KeyTest(base.FunctionalTest):

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.simulator = self.start_simulator(
            *(samples.node(f'even-{i}') for i in range(3)))
        self.host = self.make_host()

    def shown(self) -> dict[str, dict[str, Any]]:
        """Return the vertices less their timestamps, by uid."""
        return {vertex['id']: {name: value for name, value in vertex.items()
                               if name not in base.TIMESTAMPS}
                for vertex in self.host.vertices('kubernetes.node').values()}

    def poll(self) -> list[str]:
        """Poll three times, and return what is logged."""
        before = len(self.log.output)
        for _ in range(3):
            self.host.poll()
            self.host.check_consistency()
        lines = self.log.output[before:].split('\n')
        self.assertEqual([], [line for line in lines
                              if not line.isprintable()])
        return lines

    def make_anew(self) -> None:
        """Begin with an empty graph."""
        self._forget()
        self.host = self.make_host()

    def replace(self, node: dict[str, Any]) -> None:
        """Serve a node in place of all but the even ones."""
        for name in self.simulator.names():
            if not name.startswith('even-'):
                self.simulator.delete(name)
        self.simulator.put(node)

    def watch(self) -> None:
        """Begin to watch."""
        self.set_options(update_method='pull', poll_interval=10_000)
        self.host.start()
        self.wait_for(lambda: self.simulator.watching == 1)

    def show_by_watch(self, name: str) -> None:
        """Serve a node, and wait until it is shown."""
        self.simulator.put(samples.node(name))

        def is_shown() -> bool:
            self.host.get_changes()
            return name in self.host.node_names()

        self.wait_for(is_shown)


class OddNodeTest(KeyTest):

    def test_node_with_an_odd_key_is_left_out_with_one_warning(self) -> None:
        for odd in ODD:
            self.make_anew()
            self.replace(odd)

            lines = self.poll()

            self.assertEqual(['even-0', 'even-1', 'even-2'],
                             self.host.node_names())
            self.assertEqual(1, ''.join(lines).count(LEFT_OUT))

    def test_longest_keys_are_shown_as_they_are(self) -> None:
        for even in EVEN:
            self.make_anew()
            self.replace(even)
            self.host.start()

            vertex = self.vertex(even['metadata']['name'])
            self.assertEqual(even['metadata']['uid'], vertex['id'])
            self.assertEqual(even['spec']['providerID'],
                             vertex.get('provider_id', ''))
            self.assertEqual(
                even['spec']['providerID'].partition('://')[2],
                vertex.get('instance_id', ''))
        self.assertNotIn(LEFT_OUT, self.log.output)

    def test_warning_names_the_node_and_its_keys(self) -> None:
        self.simulator.put(node('n', 'u', '\r'))
        self.host.start()

        self.assertIn('Cluster simulator: node n: spec.providerID cannot be '
                      'shown', self.log.output)

    def test_warns_once_of_a_node_that_is_odd_in_several_ways(self) -> None:
        odd = node('x\n', 'u' * 254)
        odd['metadata']['labels'] = {'topology.kubernetes.io/zone': 7}
        self.simulator.put(odd)
        self.host.start()

        self.assertEqual(1, self.log.output.count('node x?: '))
        self.assertIn('node x?: metadata.uid, metadata.name cannot be shown',
                      self.log.output)

    def test_node_that_turns_odd_stays_as_last_known(self) -> None:
        self.simulator.put(node(provider_id=f'openstack:///{UUID}'))
        self.host.start()
        before = self.shown()

        self.replace(node(provider_id='\r', unschedulable=True))
        self.poll()

        self.assertEqual(before, self.shown())
        self.assertEqual(1, self.log.output.count(LEFT_OUT))

        self.replace(node(unschedulable=True))
        self.host.poll()
        self.assertEqual('SchedulingDisabled', self.vertex('n')['state'])
        self.assertNotIn('provider', self.vertex('n'))

        self.replace(node(provider_id='\r'))
        self.host.poll()
        self.assertEqual(2, self.log.output.count(LEFT_OUT))
        self.assertEqual('SchedulingDisabled', self.vertex('n')['state'])

    def test_absence_of_others_is_known_beside_an_odd_node(self) -> None:
        self.simulator.put(node())
        self.host.start()
        self.replace(node(provider_id='\r'))
        self.simulator.put(node('m', '\n'))
        self.simulator.delete('even-1')

        self.host.poll()

        self.assertEqual(['even-0', 'even-2', 'n'], self.host.node_names())

    def test_odd_node_that_is_gone_is_deleted(self) -> None:
        self.simulator.put(node())
        self.host.start()
        self.simulator.put(node(provider_id='\r'))
        self.host.poll()
        self.simulator.delete('n')

        self.host.poll()

        self.assertEqual(['even-0', 'even-1', 'even-2'],
                         self.host.node_names())

    def test_node_that_turns_odd_in_a_watch_stays_as_last_known(self) -> None:
        self.simulator.put(node())
        self.watch()
        before = self.shown()

        for _ in range(3):
            self.simulator.put(node(provider_id='\r', unschedulable=True))
        self.simulator.put(node('m', 'x' * 254))
        self.show_by_watch('even-3')

        after = self.shown()
        self.assertEqual({*before, 'uid-of-even-3'}, after.keys())
        self.assertEqual(before['u'], after['u'])
        self.assertEqual(2, self.log.output.count(LEFT_OUT))
        self.host.poll()
        self.assertEqual(after, self.shown())
        self.assertEqual(2, self.log.output.count(LEFT_OUT))

        self.wait_for(lambda: self.simulator.watching == 1)
        self.simulator.put(node(unschedulable=True))
        self.show_by_watch('even-4')
        self.assertEqual('SchedulingDisabled', self.vertex('n')['state'])

    def test_odd_node_that_is_deleted_in_a_watch_is_deleted(self) -> None:
        self.simulator.put(node())
        self.watch()
        self.simulator.put(node(provider_id='\r'))
        self.simulator.delete('n')
        self.show_by_watch('even-3')

        self.assertNotIn('u', self.shown())


class RestartTest(KeyTest):
    """Nodes that turn odd while Vitrage is down."""

    def restart(self) -> None:
        self.simulator.put(node(taints=[{'key': 'a', 'effect': 'NoExecute'}]))
        self.host.start()
        self.before = self.shown()
        self.simulator.put(node(provider_id='\r', unschedulable=True))
        self.restart_vitrage()
        self.poll()

    def test_stay_as_last_known(self) -> None:
        self.restart()

        self.assertEqual(self.before, self.shown())

    def test_are_deleted_when_they_are_gone(self) -> None:
        self.restart()
        self.simulator.delete('n')
        self.host.poll()

        del self.before['u']
        self.assertEqual(self.before, self.shown())

    def test_are_deleted_when_a_watch_says_so(self) -> None:
        self.restart()
        self.set_options(update_method='pull', poll_interval=10_000)
        self.host.poll()
        self.wait_for(lambda: self.simulator.watching == 1)
        self.simulator.delete('n')
        self.show_by_watch('even-3')

        self.assertNotIn('u', self.shown())

    def test_are_shown_again_with_what_they_have_lost(self) -> None:
        self.restart()
        self.simulator.put(node())
        self.host.poll()

        vertex = self.shown()['u']
        self.assertFalse(vertex.get('taints'))
        self.assertEqual('Ready', vertex['state'])


class ConfigurationTest(KeyTest):

    def write_kubeconfig(self, *clusters: str) -> None:
        path = self.directory / 'kubeconfig'
        path.write_text(yaml.safe_dump({
            'clusters': [{'name': name, 'cluster': {
                'server': f'{self.simulator.url}/{number}' if number
                else self.simulator.url}}
                for number, name in enumerate(clusters)],
            'contexts': [{'name': name, 'context': {'cluster': name}}
                         for name in clusters]}))
        self.set_options(config_file=str(path), contexts='*')

    def test_odd_name_of_a_cluster_is_refused(self) -> None:
        for name in ('x' * 254, 'x\n', '\x1b', '\u202e'):
            self.write_kubeconfig('one', name)
            self.make_anew()

            lines = self.poll()

            self.assertEqual(
                ['one'], list(self.host.vertices('kubernetes.cluster')))
            self.assertEqual(1, len([
                line for line in lines
                if line.startswith('[kubernetes] contexts: ')
                and 'give the cluster another name' in line]))

    def test_longest_name_of_a_cluster_is_shown(self) -> None:
        for name in ('x' * 253, '\xe9' * 253, LONG * 253):
            self.write_kubeconfig(name)
            self.make_anew()

            self.host.start()

            self.assertEqual(
                [name], list(self.host.vertices('kubernetes.cluster')))
            self.assertEqual(name, self.vertex('even-0')['cluster'])

    def test_odd_name_in_the_cluster_is_refused(self) -> None:
        (self.directory / 'token').write_text('abc')
        self.useFixture(fixtures.MonkeyPatch(
            'vitrage_k8s.api.kubeconfig.SERVICE_ACCOUNT', self.directory))
        for variable in ('HOST', 'PORT'):
            self.useFixture(fixtures.EnvironmentVariable(
                f'KUBERNETES_SERVICE_{variable}', '1'))
        for name in ('x' * 254, '\x1b'):
            self.set_options(config_file=None, cluster_name=name)

            lines = self.poll()

            self.assertEqual(1, len([
                line for line in lines
                if line.startswith('[kubernetes] cluster_name: ')
                and 'give the cluster another name' in line]))

    def test_odd_project_is_refused(self) -> None:
        for project in ('x' * 65, 'x\x1b', '\u202e'):
            self.set_options(projects=[f'simulator:{project}'])

            lines = self.poll()

            self.assertEqual({}, self.host.vertices('kubernetes.cluster'))
            self.assertEqual(1, len([
                line for line in lines
                if line.startswith('[kubernetes] projects: ')
                and line.endswith('give the id of an OpenStack project')]))

    def test_longest_project_is_taken(self) -> None:
        self.set_options(projects=['simulator:' + 'x' * 64])
        self.host.start()

        self.assertEqual('x' * 64, self.vertex('even-0')['project_id'])
