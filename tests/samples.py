# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Nodes as the API server tells of them, for tests."""

from typing import Any

# The sample of the original specification, as its API server of Kubernetes
# 1.7 sent it.
SPECIFICATION_NODE: dict[str, Any] = {
    'metadata': {
        'annotations': {
            'node.alpha.kubernetes.io/ttl': '0',
            'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        },
        'creationTimestamp': '2017-11-29T07:24:59Z',
        'labels': {
            'beta.kubernetes.io/arch': 'amd64',
            'beta.kubernetes.io/os': 'linux',
            'failure-domain.beta.kubernetes.io/region': 'regionOne',
            'failure-domain.beta.kubernetes.io/zone': 'zone0',
            'is_control': 'true',
            'kubernetes.io/hostname': 'bcmt-control-01',
        },
        'name': 'bcmt-control-01',
        'namespace': '',
        'resourceVersion': '10714282',
        'selfLink': '/api/v1/nodes/bcmt-control-01',
        'uid': '68011206-d4d6-11e7-9c63-fa163e2e2123',
    },
    'spec': {
        'externalID': '41c40aab-80e9-4bb6-a280-27976bfc811f',
        'providerID': 'openstack:///41c40aab-80e9-4bb6-a280-27976bfc811f',
        'taints': [{'effect': 'NoExecute', 'key': 'is_control',
                    'timeAdded': None, 'value': 'true'}],
    },
    'status': {
        'addresses': [
            {'address': '172.16.1.12', 'type': 'InternalIP'},
            {'address': '10.5.138.49', 'type': 'InternalIP'},
            {'address': 'bcmt-control-01', 'type': 'Hostname'},
        ],
        'allocatable': {'cpu': '2', 'memory': '3779500Ki', 'pods': '110'},
        'capacity': {'cpu': '2', 'memory': '3881900Ki', 'pods': '110'},
        'conditions': [
            {'lastHeartbeatTime': '2018-02-15T12:08:58Z',
             'lastTransitionTime': '2018-02-14T13:39:53Z',
             'message': 'kubelet has no disk pressure',
             'reason': 'KubeletHasNoDiskPressure',
             'status': 'False', 'type': 'DiskPressure'},
            {'lastHeartbeatTime': '2018-02-15T12:08:58Z',
             'lastTransitionTime': '2018-02-14T13:39:53Z',
             'message': 'kubelet is posting ready status',
             'reason': 'KubeletReady',
             'status': 'True', 'type': 'Ready'},
        ],
        'daemonEndpoints': {'kubeletEndpoint': {'Port': 10250}},
        'images': [{
            'names': ['172.16.1.4:5000/gcr.io/google-containers/'
                      'hyperkube-amd64:v1.7.4'],
            'sizeBytes': 615424570}],
        'nodeInfo': {
            'architecture': 'amd64',
            'bootID': '883c98a9-17ea-40f9-af7d-a448ad817249',
            'containerRuntimeVersion': 'docker://1.12.6',
            'kernelVersion': '3.10.0-514.21.1.el7.x86_64',
            'kubeProxyVersion': 'v1.7.4',
            'kubeletVersion': 'v1.7.4',
            'machineID': '10783ea106f742728fede153a98b035d',
            'operatingSystem': 'linux',
            'osImage': 'Red Hat Enterprise Linux Server 7.3 (Maipo)',
            'systemUUID': '41C40AAB-80E9-4BB6-A280-27976BFC811F',
        },
    },
}

SPECIFICATION_PROPERTIES = {
    'id': '68011206-d4d6-11e7-9c63-fa163e2e2123',
    'name': 'bcmt-control-01',
    'state': 'Ready',
    'creation_timestamp': '2017-11-29T07:24:59Z',
    'provider': 'openstack',
    'provider_id': 'openstack:///41c40aab-80e9-4bb6-a280-27976bfc811f',
    'instance_id': '41c40aab-80e9-4bb6-a280-27976bfc811f',
    'addresses': '172.16.1.12,10.5.138.49,bcmt-control-01',
    'internal_ip': '172.16.1.12,10.5.138.49',
    'hostname': 'bcmt-control-01',
    'unschedulable': 'False',
    'ready': 'True',
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


def node(name: str, uid: str | None = None, *, ready: str = 'True',
         **spec: Any) -> dict[str, Any]:
    """Make a node with a Ready condition and an address.

    :param spec: fields of the node's spec
    """
    return {
        'metadata': {'name': name, 'uid': uid or f'uid-of-{name}',
                     'creationTimestamp': '2026-01-02T03:04:05Z'},
        'spec': spec,
        'status': {
            'conditions': [{'type': 'Ready', 'status': ready}],
            'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}],
        },
    }
