# SPDX-License-Identifier: Apache-2.0
"""Labels as properties."""

import testtools

from vitrage_k8s.api import labels


def choose(found: dict[str, str], *globs: str) -> dict[str, str]:
    return dict(labels.choose(found, globs))


class LabelsTest(testtools.TestCase):

    def test_names_are_those_of_kube_state_metrics(self) -> None:
        for key, name in (
                ('team', 'label_team'),
                ('topology.kubernetes.io/rack',
                 'label_topology_kubernetes_io_rack'),
                ('nvidia.com/gpu.count', 'label_nvidia_com_gpu_count'),
                ('camelCaseKey', 'label_camel_case_key'),
                ('HTTPServer', 'label_httpserver'), ('a-b', 'label_a_b')):
            self.assertEqual({name: 'x'}, choose({key: 'x'}, key))

    def test_only_those_are_chosen_that_are_named(self) -> None:
        found = {'team': 'a', 'teams': 'b', 'nvidia.com/gpu': 'c',
                 'nvidia.com/mig': 'd', 'amd.com/gpu': 'e', 'empty': ''}
        for globs, names in (
                ((), set()), (('team',), {'label_team'}),
                (('TEAM',), set()), (('none',), set()),
                (('team', 'nvidia.com/*'), {
                    'label_team', 'label_nvidia_com_gpu',
                    'label_nvidia_com_mig'}),
                (('*/gpu',), {'label_nvidia_com_gpu', 'label_amd_com_gpu'}),
                (('empty',), set())):
            self.assertEqual(names, {*choose(found, *globs)}, globs)

    def test_labels_of_one_name_have_numbers(self) -> None:
        self.assertEqual(
            {'label_a_b_conflict1': '1', 'label_a_b_conflict2': '2',
             'label_a_b_conflict3': '3', 'label_c': '4'},
            choose({'c': '4', 'a_b': '3', 'a.b': '2', 'a-b': '1'}, '*'))

    def test_all_together_have_a_bound(self) -> None:
        found = {f'k{number:03d}': '\U0001f6d1' for number in range(1000)}
        chosen = labels.choose(found, ('*',))
        # 10 for the name, 12 for the value.
        self.assertEqual([f'label_k{number:03d}' for number in range(186)],
                         [name for name, _ in chosen])

    def test_each_has_a_bound_and_can_be_printed(self) -> None:
        for key, value, expected in (
                ('k', 300 * 'x', {'label_k': 253 * 'x' + '...'}),
                ('k', 'a\nb', {'label_k': 'a?b'}),
                ('k\u202e', 'x', {'label_k_': 'x'}),
                (317 * 'k', 'x', {f'label_{317 * "k"}': 'x'}),
                (318 * 'k', 'x', {})):
            self.assertEqual(expected, choose({key: value}, '*'))
