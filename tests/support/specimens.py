# SPDX-License-Identifier: Apache-2.0
"""Nodes whose properties several tests look at."""

from typing import Any

from vitrage_k8s.api.nodes import Node

# Of the node of the original specification (samples.SPECIFICATION_NODE).
SPECIFICATION_PROPERTIES = {
    'id': '68011206-d4d6-11e7-9c63-fa163e2e2123',
    'name': 'bcmt-control-01',
    'state': 'Ready',
    'status': 'Ready',
    'creation_timestamp': '2017-11-29T07:24:59Z',
    'provider': 'openstack',
    'provider_id': 'openstack:///41c40aab-80e9-4bb6-a280-27976bfc811f',
    'instance_id': '41c40aab-80e9-4bb6-a280-27976bfc811f',
    'addresses': '172.16.1.12,10.5.138.49,bcmt-control-01',
    'internal_ip': '172.16.1.12,10.5.138.49',
    'hostname': 'bcmt-control-01',
    'unschedulable': 'False',
    'maintenance': 'False',
    'ready': 'True',
    'ready_reason': 'KubeletReady',
    'ready_message': 'kubelet is posting ready status',
    'ready_since': '2018-02-14T13:39:53Z',
    'memory_pressure': 'False',
    'disk_pressure': 'False',
    'taints': 'is_control=true:NoExecute',
    'kubelet_version': 'v1.7.4',
    'os_image': 'Red Hat Enterprise Linux Server 7.3 (Maipo)',
    'kernel_version': '3.10.0-514.21.1.el7.x86_64',
    'container_runtime': 'docker://1.12.6',
    'architecture': 'amd64',
    'zone': 'zone0',
    'region': 'regionOne',
    'capacity_cpu': '2',
    'capacity_memory': '3881900Ki',
    'capacity_pods': '110',
}

# All that a node can have, but for labels.
NODE_PROPERTIES = frozenset(Node.__struct_fields__) - {'labels'}


def worst_node(character: str) -> dict[str, Any]:
    """Make a node of which all is as long as it can be shown, or longer.

    :param character: what it is made of
    """
    long = character * 2000
    name = character * 253
    provider = character * 22
    return {
        'metadata': {
            'name': name, 'uid': name, 'creationTimestamp': long,
            'deletionTimestamp': long,
            'labels': {f'node-role.kubernetes.io/{long}': '',
                       'topology.kubernetes.io/zone': long,
                       'topology.kubernetes.io/region': long,
                       'node.kubernetes.io/instance-type': long,
                       **{f'{number:02d}/{"x" * 314}': long
                          for number in range(20)}},
            'annotations': {'cluster.x-k8s.io/machine': long,
                            'cluster.x-k8s.io/cluster-name': long}},
        'spec': {'providerID': f'{provider}://{character * 999}',
                 'unschedulable': True,
                 'taints': [{'key': long, 'effect': long}]},
        'status': {
            'addresses': [{'type': kind, 'address': long} for kind in (
                'InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS')],
            'capacity': {'cpu': long, 'memory': long, 'pods': long},
            'conditions': [
                {'type': kind, 'status': long, 'reason': long,
                 'message': long, 'lastTransitionTime': long} for kind in (
                    'Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure',
                    'NetworkUnavailable')] + [
                {'type': long, 'status': 'True', 'reason': long}],
            'nodeInfo': dict.fromkeys((
                'kubeletVersion', 'osImage', 'kernelVersion',
                'containerRuntimeVersion', 'architecture'), long)},
    }
