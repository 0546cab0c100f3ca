# SPDX-License-Identifier: Apache-2.0
"""Nodes: what we read of the API server's, and what we keep of them.

Pure. The structs name only the wanted fields. The rest of a node's JSON is
skipped, so that a list costs little more than reading its bytes. The names
are those of the API reference
(https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/).
"""

from collections.abc import Collection
import sys

import msgspec

from vitrage_k8s.api import conditions as node_conditions
from vitrage_k8s.api import labels as node_labels
from vitrage_k8s.api import provider_id
from vitrage_k8s.api import text


class _Taint(msgspec.Struct, gc=False):
    key: str | None = None
    value: str | None = None
    effect: str | None = None


class _Spec(msgspec.Struct, rename='camel', gc=False):
    provider_id: str | None = msgspec.field(name='providerID', default=None)
    unschedulable: bool | None = None
    taints: list[_Taint] | None = None


class _Address(msgspec.Struct, gc=False):
    type: str | None = None
    address: str | None = None


class _NodeInfo(msgspec.Struct, rename='camel', gc=False):
    kubelet_version: str | None = None
    os_image: str | None = None
    kernel_version: str | None = None
    container_runtime_version: str | None = None
    architecture: str | None = None
    system_uuid: str | None = msgspec.field(name='systemUUID', default=None)


class _Capacity(msgspec.Struct, gc=False):
    # Quantities; the API server writes strings and also takes numbers.
    cpu: str | int | float | None = None
    memory: str | int | float | None = None
    pods: str | int | float | None = None


class _Status(msgspec.Struct, rename='camel', gc=False):
    addresses: list[_Address] | None = None
    conditions: list[node_conditions.Condition] | None = None
    capacity: _Capacity | None = None
    node_info: _NodeInfo | None = None


class _Annotations(msgspec.Struct, gc=False):
    # Those of Cluster API, on the node of a Machine.
    machine: str | None = msgspec.field(
        name='cluster.x-k8s.io/machine', default=None)
    machine_cluster: str | None = msgspec.field(
        name='cluster.x-k8s.io/cluster-name', default=None)


class Metadata(msgspec.Struct, rename='camel', gc=False):
    """The metadata that every object of the API has."""

    name: str | None = None
    uid: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    resource_version: str | None = None
    labels: dict[str, str] | None = None
    annotations: _Annotations | None = None


class ApiNode(msgspec.Struct, gc=False):
    """A node as the API server has it."""

    metadata: Metadata | None = None
    spec: _Spec | None = None
    status: _Status | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """A node at a resource version, which is None where it is no number."""

    version: int | None
    node: 'Node'


def number(resource_version: str | None) -> int | None:
    """Return a resource version as a number; None if it is none.

    Those of one resource are numbers, and can be compared (KEP-5504).
    """
    if resource_version and resource_version.isascii() \
            and resource_version.isdecimal() and len(resource_version) < 20:
        return int(resource_version)
    return None


class Node(msgspec.Struct, frozen=True, gc=False):
    """What we keep of a node: each field is a property of its vertex.

    :ivar labels: names and values of further properties
    """

    id: str
    name: str | None
    creation_timestamp: str | None
    deletion_timestamp: str | None
    provider: str | None
    provider_id: str | None
    instance_id: str | None
    addresses: str | None
    internal_ip: str | None
    external_ip: str | None
    hostname: str | None
    internal_dns: str | None
    roles: str | None
    unschedulable: str
    maintenance: str
    ready: str | None
    ready_reason: str | None
    ready_message: str | None
    ready_since: str | None
    memory_pressure: str | None
    disk_pressure: str | None
    pid_pressure: str | None
    network_unavailable: str | None
    abnormal_conditions: str | None
    condition_reasons: str | None
    taints: str | None
    kubelet_version: str | None
    os_image: str | None
    kernel_version: str | None
    container_runtime: str | None
    architecture: str | None
    system_uuid: str | None
    zone: str | None
    region: str | None
    instance_type: str | None
    machine: str | None
    machine_cluster: str | None
    capacity_cpu: str | None
    capacity_memory: str | None
    capacity_pods: str | None
    labels: tuple[tuple[str, str], ...] = ()


_NO_CONDITION = node_conditions.Condition()


def is_same(one: Node, other: Node) -> bool:
    """Return whether nodes are equal, but for numbers in a message."""
    return one == other or (
        node_conditions.masked(one.ready_message)[:text.LONGEST_REASON]
        == node_conditions.masked(other.ready_message)[:text.LONGEST_REASON]
        and msgspec.structs.replace(
            one, ready_message=other.ready_message) == other)


def to_node(api_node: ApiNode, chosen: tuple[str, ...] = ()) -> Node:
    """Return what we keep of a node.

    A list spends much of its time here: hence few calls and loops.

    :param chosen: which labels; see labels.choose()
    """
    metadata = api_node.metadata or Metadata()
    spec = api_node.spec or _Spec()
    status = api_node.status or _Status()
    info = status.node_info or _NodeInfo()
    capacity = status.capacity or _Capacity()
    annotations = metadata.annotations or _Annotations()
    labels = metadata.labels or {}
    addresses: dict[str | None, str] = {}
    for address in status.addresses or ():
        if address.address:
            before = addresses.get(address.type)
            addresses[address.type] = f'{before},{address.address}' \
                if before else address.address
    conditions = {each.type: each for each in status.conditions or ()
                  if each.type}
    condition = conditions.get
    ready = condition(node_conditions.READY, _NO_CONDITION)
    abnormal, reasons, is_maintained = node_conditions.judge(conditions)
    provider, instance_id = provider_id.parse_provider_id(
        spec.provider_id or '')
    # In the order of the fields: to name them takes a tenth of the time.
    return Node(
        metadata.uid or metadata.name or '',
        metadata.name,
        metadata.creation_timestamp,
        metadata.deletion_timestamp,
        _shared(provider),
        spec.provider_id or None,
        instance_id,
        ','.join([each.address for each in status.addresses or ()
                  if each.address]) or None,
        addresses.get('InternalIP'),
        addresses.get('ExternalIP'),
        addresses.get('Hostname'),
        addresses.get('InternalDNS'),
        _listed(_roles(labels)),
        str(bool(spec.unschedulable)),
        str(is_maintained),
        _shared(ready.status),
        _shared(ready.reason),
        _message(ready),
        ready.last_transition_time,
        _shared(condition('MemoryPressure', _NO_CONDITION).status),
        _shared(condition('DiskPressure', _NO_CONDITION).status),
        _shared(condition('PIDPressure', _NO_CONDITION).status),
        _shared(condition('NetworkUnavailable', _NO_CONDITION).status),
        _listed(abnormal),
        _listed(reasons),
        _listed(list(map(_taint, spec.taints or ()))),
        _shared(info.kubelet_version),
        _shared(info.os_image),
        _shared(info.kernel_version),
        _shared(info.container_runtime_version),
        _shared(info.architecture),
        provider_id.parse_system_uuid(
            info.system_uuid or '', spec.provider_id or ''),
        _shared(
            labels.get('topology.kubernetes.io/zone')
            or labels.get('failure-domain.beta.kubernetes.io/zone')),
        _shared(
            labels.get('topology.kubernetes.io/region')
            or labels.get('failure-domain.beta.kubernetes.io/region')),
        _shared(
            labels.get('node.kubernetes.io/instance-type')
            or labels.get('beta.kubernetes.io/instance-type')),
        annotations.machine,
        _shared(annotations.machine_cluster),
        _quantity(capacity.cpu),
        _quantity(capacity.memory),
        _quantity(capacity.pods),
        node_labels.choose(labels, chosen) if chosen else ())


def odd_keys(node: Node) -> list[str]:
    """Return which keys of a node cannot be shown: they are never cut."""
    # Nearly every node: all of them together are short.
    if text.is_key(f'{node.id}{node.name}{node.provider_id}'
                   f'{node.instance_id}', text.LONGEST_NAME):
        return []
    return text.odd_keys((
        ('metadata.uid', node.id, text.LONGEST_NAME),
        ('metadata.name', node.name, text.LONGEST_NAME),
        ('spec.providerID', node.provider_id, text.LONGEST_MACHINE_ID),
        ('spec.providerID', node.instance_id, text.LONGEST_MACHINE_ID)))


def _message(ready: node_conditions.Condition) -> str | None:
    message = text.make_safe(ready.message or '', 2 * text.LONGEST_REASON)
    # The other messages change with heartbeats, and Python 3.12 before 3.12.7
    # never frees an interned string (github.com/python/cpython/issues/113993).
    return _shared(message) if ready.status == 'True' else message or None


_ROLE = 'kubernetes.io/role'
_ROLE_PREFIX = 'node-role.kubernetes.io/'


def _roles(labels: dict[str, str]) -> set[str]:
    """Return the ROLES of ``kubectl get nodes`` (its findNodeRoles)."""
    roles = {labels[_ROLE]} if _ROLE in labels else set()
    # Most nodes have none: one look is faster than one for each label.
    if _ROLE_PREFIX in ''.join(labels):
        roles.update(label.removeprefix(_ROLE_PREFIX) for label in labels
                     if label.startswith(_ROLE_PREFIX))
    return roles


def _taint(taint: _Taint) -> str:
    value = f'={taint.value}' if taint.value else ''
    return f'{taint.key}{value}:{taint.effect or ""}' if taint.key else ''


def _quantity(value: str | int | float | None) -> str | None:
    return None if value is None else _shared(str(value))


def _listed(values: Collection[str]) -> str | None:
    # Sorted: controllers add and remove them, so their order means nothing.
    return _shared(','.join(sorted(filter(None, values)))) if values else None


def _shared(value: str | None) -> str | None:
    # One string for all nodes that have it, here and in Vitrage's graph.
    return sys.intern(value) if value else None
