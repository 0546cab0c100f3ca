# SPDX-License-Identifier: Apache-2.0
"""Which conditions are abnormal, and what is the same message."""

import testtools

from vitrage_k8s.api import conditions

# What should be so, and what should not.
GOOD = (
    'KernelReady', 'example.com/CSIHealthy', 'ContainerdHasNoDeprecations',
    'SufficientIP', 'KubeletConfigOk', 'KubeletConfigOK', 'Schedulable',
    'Connected', 'AgentConnected', 'VolumesMounted', 'Autonomy',
    'HostUpgrades', 'kernel-ready', 'csi_healthy', 'ready', 'NETWORK_READY',
    'Node-Ready', 'example.com/ready', 'HasSufficientMemory',
    'KubeletHasSufficientPID', 'NodeAttested', 'UpgradeComplete',
    'RefsResolved', 'Updated')
BAD = (
    'KernelDeadlock', 'ReadonlyFilesystem', 'FrequentKubeletRestart',
    'GPUNotReady', 'RuntimeUnhealthy', 'StorageUnavailable', 'Unschedulable',
    'UnReady', 'UnSchedulable', 'un-healthy', 'not-ready', 'gpu_not_ready',
    'NotYetReady', 'NoLongerReady', 'HasInsufficientMemory', 'Incomplete',
    'Unresolved', 'Outdated', 'Disconnected', 'Overloaded', 'Degraded',
    'Problem', 'example.com/ready-problem', '42', '-', 'example.com/')


def found(node: str | None = 'True', **statuses: str,
          ) -> dict[str, conditions.Condition]:
    return {kind: conditions.Condition(kind, status, f'Why{kind}')
            for kind, status in {'Ready': node, **statuses}.items()}


def abnormal(found: dict[str, conditions.Condition]) -> list[str]:
    return conditions.judge(found)[0]


def reasons(found: dict[str, conditions.Condition]) -> list[str]:
    return conditions.judge(found)[1]


class AbnormalTest(testtools.TestCase):

    def test_what_should_be_so_is_abnormal_when_false(self) -> None:
        for kinds, status_of in ((GOOD, 'False'), (BAD, 'True')):
            for kind in kinds:
                for status in ('True', 'False'):
                    self.assertEqual(
                        [kind] if status == status_of else [],
                        abnormal(found(**{kind: status})),
                        (kind, status))

    def test_unknown_is_abnormal_on_a_node_that_is_ready(self) -> None:
        for ready, expected in (('True', ['NTPProblem=Unknown']),
                                ('False', []), ('Unknown', []), (None, [])):
            self.assertEqual(expected, abnormal(
                found(ready, NTPProblem='Unknown')))
        self.assertEqual([], abnormal(
            {'NTPProblem': conditions.Condition('NTPProblem', 'Unknown')}))

    def test_other_statuses_mean_nothing(self) -> None:
        self.assertEqual([], abnormal(found(Odd='Maybe')))

    def test_those_of_kubernetes_are_not_abnormal(self) -> None:
        for kind in ('MemoryPressure', 'DiskPressure', 'PIDPressure',
                     'NetworkUnavailable', 'DrainInProgress', 'Drained',
                     'MaintenancePlanned', 'MaintenanceInProgress',
                     'GracefulNodeShutdownInProgress'):
            for status in ('True', 'False', 'Unknown'):
                self.assertEqual([], abnormal(
                    found(**{kind: status})))
        self.assertEqual([], abnormal(found('False')))


class ReasonsTest(testtools.TestCase):

    def test_reasons_are_of_what_is_not_well(self) -> None:
        self.assertEqual(
            ['MemoryPressure=WhyMemoryPressure', 'Drained=WhyDrained',
             'KernelDeadlock=WhyKernelDeadlock', 'X=WhyX'],
            reasons(found(
                MemoryPressure='True', DiskPressure='False', Drained='True',
                KernelDeadlock='True', Fine='False', X='Unknown')))

    def test_a_reason_is_one_entry_of_the_list(self) -> None:
        # Kubernetes lets the reasons of conditions have commas.
        self.assertEqual(['X=A;B=C'], reasons(
            {'X': conditions.Condition('X', 'True', 'A,B=C')}))


    def test_long_type_is_cut_where_its_name_is_read(self) -> None:
        for length, expected in ((312, []), (313, ['x' * 313 + 'Ready'])):
            self.assertEqual(expected, abnormal(
                found(**{'x' * length + 'Ready': 'True'})))


class MaskedTest(testtools.TestCase):

    def test_numbers_and_durations_are_masked(self) -> None:
        for message, masked in (
                ('PLEG was last seen active 3m5.123s ago; threshold is 3m0s',
                 'PLEG was last seen active # ago; threshold is #'),
                ('10 of 250 pods', '# of # pods'), ('45s', '#'),
                ('1h0m3s', '#'), ('3d4h', '#'), ('2y30d', '#'),
                ('5\u00b5s', '#'), ('12ms.', '#.'),
                ('node-7 is away', 'node-# is away'), ('none', 'none'),
                ('', ''), (None, '')):
            self.assertEqual(masked, conditions.masked(message), message)
