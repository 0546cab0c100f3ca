# SPDX-License-Identifier: Apache-2.0
"""What the graph shows of a node and of a cluster: flat, bounded, printable.

All values are strings: templates match them, and a list would count as a
change in each snapshot. A property without a value is left out. Vitrage stores
a vertex in a row of 64 KB (events.payload), and stores nothing of any
datasource while one does not fit: so each value has a bound here.
"""

from collections.abc import Mapping
import re
from typing import Any

import msgspec
from vitrage.common.constants import VertexProperties as VProps

from vitrage_k8s.api import clusters
from vitrage_k8s.api import conditions
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import labels
from vitrage_k8s.api import nodes
from vitrage_k8s.api import provider_id
from vitrage_k8s.api import text

Properties = dict[str, str]
# The properties of a vertex in the graph, which has more than we sent.
Seen = Mapping[str, Any]

CLUSTER = 'cluster'
REASON = 'reason'
READY_MESSAGE = 'ready_message'

# A key is never cut: decoding leaves out a node that has a longer one.
_LONGEST: dict[str, int | None] = {
    **dict.fromkeys((VProps.ID, VProps.NAME, CLUSTER, VProps.PROJECT_ID,
                     'provider_id', 'instance_id')),
    **dict.fromkeys(('addresses', 'internal_ip', 'external_ip', 'hostname',
                     'internal_dns', 'roles', 'abnormal_conditions',
                     'condition_reasons', 'taints'), text.LONGEST_LIST),
    **dict.fromkeys((REASON, READY_MESSAGE), text.LONGEST_REASON),
}

_COUNTED = ('nodes', 'nodes_ready', 'kubernetes_version', 'listed_at',
            'watched_since')


def count(inventory: inventories.Inventory) -> Properties:
    """Return what is counted of the nodes of a cluster.

    The version is that of the newest kubelet, which is never newer than the
    API server (https://kubernetes.io/releases/version-skew-policy/). To read
    the server's takes one more request, which it may refuse.
    """
    found = inventory.all_nodes().values()
    newest = max({node.kubelet_version or '' for node in found}, default='',
                 key=lambda version: ([int(number) for number in re.findall(
                     '[0-9]{1,9}', version)[:3]], version))
    ready = sum(node.ready == 'True' for node in found)
    return dict(zip(_COUNTED, (
        str(len(found)), str(ready), newest, inventory.listed_at or '',
        inventory.watched_since or ''), strict=True))


def counted(before: Seen) -> Properties:
    """Return what was counted before."""
    return {name: before.get(name, '') for name in _COUNTED}


def of_cluster(cluster: clusters.Cluster, counts: Properties) -> Properties:
    """Return the properties of a cluster."""
    settings, health = cluster.settings, cluster.health
    return text.make_all_safe({
        VProps.ID: settings.name, VProps.NAME: settings.name,
        VProps.PROJECT_ID: settings.project_id, VProps.STATE: health.state,
        REASON: health.reason, 'server': cluster.server, **counts}, _LONGEST)


def of_node(settings: clusters.ClusterSettings,
            node: nodes.Node) -> Properties:
    """Return the properties of a node of a cluster."""
    properties: dict[str, Any] = msgspec.structs.asdict(node)
    properties.update(properties.pop('labels'))
    for name in 'abnormal_conditions', 'condition_reasons':
        properties[name] = ','.join(
            each for each in (properties[name] or '').split(',')
            if each.partition('=')[0] not in settings.ignored_conditions)
    properties[VProps.STATE] = _state(
        node, bool(properties['abnormal_conditions']))
    properties['status'] = _status(node)
    properties[CLUSTER] = settings.name
    properties[VProps.PROJECT_ID] = settings.project_id
    return text.make_all_safe(properties, _LONGEST)


_NAMES = frozenset((*nodes.Node.__struct_fields__, VProps.PROJECT_ID,
                    REASON, 'server', *_COUNTED)) - {'labels'}


def may_be_lost(name: str) -> bool:
    """Return whether a property is one that we send, but not always."""
    return name in _NAMES or name.startswith(labels.PREFIX)


def has_moved(before: Seen, now: Properties) -> bool:
    """Return whether a vertex must be made anew for another project.

    Its alarms keep the project that it had when they were raised. A vertex
    that loses its project belongs to the administrator in Vitrage's graph, and
    to nobody in its workers.
    """
    project = before.get(VProps.PROJECT_ID)
    return bool(project) and project != now.get(VProps.PROJECT_ID)


def keep_message(before: Seen, now: Properties) -> None:
    """Keep the message that is shown if the new one says the same."""
    shown, new = (each.get(READY_MESSAGE) for each in (before, now))
    if shown and new and conditions.masked(shown) == conditions.masked(new):
        now[READY_MESSAGE] = shown


def _state(node: nodes.Node, is_abnormal: bool) -> str:
    """Return the state of a node: the first word that holds."""
    return next(word for word, holds in (
        (_readiness(node), node.ready != 'True'),
        ('Terminating', node.deletion_timestamp),
        ('Degraded', is_abnormal),
        ('UnderPressure', 'True' in (
            node.memory_pressure, node.disk_pressure, node.pid_pressure,
            node.network_unavailable)),
        ('SchedulingDisabled', node.unschedulable == 'True'),
        ('Maintenance', node.maintenance == 'True'),
        ('Ready', True)) if holds)


def _status(node: nodes.Node) -> str:
    """Return the STATUS that ``kubectl get nodes`` shows (its printNode)."""
    cordon = ',SchedulingDisabled' if node.unschedulable == 'True' else ''
    return _readiness(node) + cordon


def _readiness(node: nodes.Node) -> str:
    return {None: 'Unknown', 'True': 'Ready'}.get(node.ready, 'NotReady')


def server_of(settings: clusters.ClusterSettings,
              node: nodes.Node) -> str | None:
    """Return the UUID of the Nova server that a node is, if it is one."""
    if node.provider == provider_id.OPENSTACK:
        return node.instance_id
    return node.system_uuid if settings.link_by_system_uuid else None


def server_before(shown: Seen) -> str | None:
    """Return the server that a node may have been tied to before.

    With other settings, it may have been tied by its system_uuid.
    """
    is_server = shown.get('provider') == provider_id.OPENSTACK
    return shown.get('instance_id' if is_server else 'system_uuid')
