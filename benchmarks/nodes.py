# SPDX-License-Identifier: Apache-2.0
"""Nodes of a realistic size: about 14 KB of JSON."""

from typing import Any

import msgspec

# The share of the nodes that differ in changed lists: every tenth.
STEP = 10
_BEAT = '2026-11-01T12:00:00Z'
_PRESSURES = ('MemoryPressure', 'DiskPressure', 'PIDPressure')


def make_node(number: int, version: int = 1, *, ready: str = 'True',
              cordoned: bool = False, beat: str = _BEAT,
              kubelet: str = 'v1.36.1') -> dict[str, Any]:
    """Make a node with the bulk that a real one has: images and metadata.

    :param version: its resource version
    :param beat: when its kubelet last reported
    """
    name = f'node-{number:06}'
    status: dict[str, Any] = {} if not cordoned else {'unschedulable': True}
    return {
        'metadata': {
            'name': name, 'uid': f'00000000-0000-4000-8000-{number:012}',
            'resourceVersion': str(version), 'creationTimestamp': _BEAT,
            'labels': {f'example.com/label-{i}': f'value-{i}-{number % 7}'
                       for i in range(20)},
            'annotations': {f'example.com/annotation-{i}': 'x' * 60
                            for i in range(10)},
            'managedFields': [
                {'manager': 'kubelet', 'operation': 'Update', 'time': beat,
                 'apiVersion': 'v1', 'fieldsType': 'FieldsV1',
                 'fieldsV1': {f'f:field-{i}': {'.': {}, f'f:{i}': {}}
                              for i in range(30)}} for _ in range(2)]},
        'spec': {
            'podCIDR': '10.0.0.0/24',
            'providerID':
                f'openstack:///11111111-0000-4000-8000-{number:012}',
            **status},
        'status': {
            'addresses': [
                {'type': 'InternalIP', 'address':
                    f'10.{number >> 16}.{number >> 8 & 255}.{number & 255}'},
                {'type': 'Hostname', 'address': name}],
            'capacity': {'cpu': '16', 'memory': '65842108Ki', 'pods': '110'},
            'allocatable': {'cpu': '16', 'memory': '65739708Ki',
                            'pods': '110'},
            'conditions': [
                {'type': kind, 'status': 'False', 'reason': 'KubeletHas',
                 'message': 'kubelet has ' * 3, 'lastHeartbeatTime': beat,
                 'lastTransitionTime': _BEAT} for kind in _PRESSURES] + [
                {'type': 'Ready', 'status': ready, 'reason': 'KubeletReady',
                 'message': 'kubelet is posting ready status',
                 'lastHeartbeatTime': beat, 'lastTransitionTime': _BEAT}],
            'images': [
                {'names': [f'registry.example.com/team/image-{i}@sha256:'
                           + '0123456789abcdef' * 4,
                           f'registry.example.com/team/image-{i}:v1.{i}'],
                 'sizeBytes': 10 ** 8 + i} for i in range(40)],
            'nodeInfo': {
                'architecture': 'amd64', 'bootID': 'b', 'machineID': 'm',
                'containerRuntimeVersion': 'containerd://2.1.4',
                'kernelVersion': '6.12.0', 'kubeProxyVersion': '',
                'kubeletVersion': kubelet, 'operatingSystem': 'linux',
                'osImage': 'Debian GNU/Linux 13 (trixie)',
                'systemUUID': f'11111111-0000-4000-8000-{number:012}'},
        },
    }


def encode(number: int, version: int = 1, **differences: Any) -> bytes:
    """Return a node's JSON, as an item of a list has it."""
    return msgspec.json.encode(make_node(number, version, **differences))
