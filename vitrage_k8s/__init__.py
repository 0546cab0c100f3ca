# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes datasource of Vitrage: its name and its options.

Vitrage imports this package through ``vitrage_k8s.kubernetes`` while it
registers options, and swallows an ImportError there; so nothing heavier than
oslo.config and Vitrage's constants may be imported here.
"""

import copy
from typing import Any

from oslo_config import cfg
from oslo_config import types
from vitrage.common.constants import DatasourceOpts as DSOpts
from vitrage.common.constants import UpdateMethod

KUBERNETES_DATASOURCE = 'kubernetes'
KUBERNETES_CLUSTER = 'kubernetes.cluster'
KUBERNETES_NODE = 'kubernetes.node'


class _Seconds(types.Float):

    def __init__(self) -> None:
        super().__init__(min=0.1, max=86400)

    def __call__(self, value: Any) -> Any:
        seconds = super().__call__(value)
        # nan is neither less nor greater than a bound.
        if seconds != seconds:
            raise ValueError('Should be a number of seconds')
        return seconds


OPTS = [
    cfg.StrOpt(DSOpts.TRANSFORMER,
               default='vitrage_k8s.transformer.KubernetesTransformer',
               help='Class path of the Kubernetes transformer.',
               required=True),
    cfg.StrOpt(DSOpts.DRIVER,
               default='vitrage_k8s.driver.KubernetesDriver',
               help='Class path of the Kubernetes driver.',
               required=True),
    cfg.StrOpt(DSOpts.UPDATE_METHOD,
               default=UpdateMethod.PULL,
               help='pull: the clusters are watched, and Vitrage asks every '
                    'changes_interval seconds what has changed. none: '
                    'nodes are only listed, in the periodic snapshots of '
                    'Vitrage, every [datasources] snapshots_interval '
                    'seconds. push is not supported: a Kubernetes API '
                    'server sends no notifications.',
               required=True),
    cfg.IntOpt(DSOpts.CHANGES_INTERVAL,
               default=10,
               min=1,
               help='Seconds after which Vitrage asks for changes again, '
                    'with update_method = pull. A change reaches the graph '
                    'at most that much later. To ask costs next to nothing '
                    'when nothing has changed, but Vitrage logs two lines '
                    'each time.'),
    cfg.ListOpt('entities',
                default=[KUBERNETES_CLUSTER, KUBERNETES_NODE],
                help='Entity types that the transformer serves beside '
                     'the datasource itself. Leave both in place: the events '
                     'of a type that is not listed are rejected by Vitrage.'),
    cfg.IntOpt('poll_interval',
               default=600,
               min=1,
               help='Seconds after which every node of every cluster is '
                    'listed again, beside the watch, and the kubeconfig is '
                    'read again. No effect with update_method = none.'),
    cfg.StrOpt(DSOpts.CONFIG_FILE,
               help='Path of the kubeconfig file that says where the API '
                    'servers are and how to log in. Unset: the in-cluster '
                    'configuration where there is one (the poller runs in a '
                    'pod), else the default kubeconfig ($KUBECONFIG, or '
                    '~/.kube/config).'),
    cfg.ListOpt('contexts',
                default=[],
                help='Contexts of the kubeconfig whose clusters are read. A '
                     'cluster has the name of its context in the graph, or '
                     'another with name=context, such as '
                     'production=kubernetes-admin. Alerts, templates and '
                     'projects use that name. "*": all contexts, each with '
                     'its own name unless it is named beside. Empty: the '
                     'current context only. none: no cluster.'),
    cfg.StrOpt('cluster_name',
               help='Name of the cluster in the graph where only one is '
                    'read. Unset: the name of its context; with an '
                    'in-cluster configuration, which has none, kubernetes. '
                    'Name several clusters in contexts.'),
    cfg.ListOpt('projects',
                default=[],
                help='The OpenStack project of each cluster that has one, '
                     'as cluster:project_id with the name of the cluster in '
                     'the graph. The last colon counts. Users of that '
                     'project see the cluster and its nodes; users of other '
                     'projects do not. Only the administrator, and users '
                     'who may ask for --all-tenants, see a cluster without '
                     'a project.'),
    cfg.ListOpt('host_contexts',
                default=[],
                help='Contexts whose nodes are themselves compute hosts of '
                     'this OpenStack, as with openstack-helm; or the names of '
                     'their clusters in the graph. Each of their nodes is '
                     'tied to the nova.host of its name, if nova.host is in '
                     '[datasources] types. Empty: no node is, since a '
                     'node of a tenant may have the name of a host, too. A '
                     'context that has one of the projects is refused.'),
    cfg.ListOpt('ignored_conditions',
                default=['EtcdIsVoter'],
                help='Types of node conditions that never count as '
                     'abnormal. A condition that Kubernetes does not define '
                     'is abnormal when it is True, or when it is False if '
                     'its name says what should be (...Ready, ...Healthy and '
                     'the like). List the types for which that is wrong. '
                     'EtcdIsVoter (k3s, RKE2) is no problem either way.'),
    cfg.ListOpt('node_labels',
                default=[],
                help='Labels of nodes that become properties, such as team, '
                     'topology.kubernetes.io/rack or nvidia.com/* (all that '
                     'begin with nvidia.com/). Each has the name that '
                     'kube-state-metrics gives it (label_team, '
                     'label_topology_kubernetes_io_rack). Empty: none, since '
                     'each label that changes makes an event of its node. '
                     'The labels of a node may have 4096 characters in all; '
                     'the rest is left out.'),
    cfg.BoolOpt('link_by_system_uuid',
                default=False,
                help='Tie a node that has no providerID, or that of a '
                     'distribution (k3s, RKE2), to the Nova server whose '
                     'UUID its firmware reports (status.nodeInfo.systemUUID). '
                     'With Nova on KVM that is the UUID of the server; other '
                     'hypervisors swap its bytes, or report another one. '
                     'No effect unless nova.instance is in [datasources] '
                     'types.'),
    cfg.IntOpt('page_size',
               default=500,
               min=1,
               help='Nodes to ask for in one request. Larger pages need '
                    'fewer requests and more memory, here and in the API '
                    'server. 500 is what kubectl and client-go use.'),
    cfg.Opt('request_timeout',
            type=_Seconds(),
            default=60,
            help='Seconds that one request (a page of nodes) may take '
                 'in all, from connecting to the last byte. One that '
                 'takes longer has failed.'),
    cfg.Opt('list_timeout',
            type=_Seconds(),
            default=120,
            help='Seconds that the list of one cluster may take in all, '
                 'with all its pages, retries and waits. One that '
                 'takes longer has failed, and the nodes stay in the '
                 'graph as last known. With update_method = none, the '
                 'snapshots of the other datasources wait meanwhile.'),
    cfg.IntOpt('max_retries',
               default=3,
               min=0,
               help='How often a request is repeated after no answer, or '
                    'after 500, 502, 503 or 504. The wait is what the server '
                    'asks for; else 0.8 s, doubled each time, with jitter. '
                    'With a cluster that has failed before, none is '
                    'repeated. After 429 a request is repeated up to 10 '
                    'times in any case, as client-go does.'),
    cfg.IntOpt('max_nodes',
               default=200000,
               min=1,
               help='Nodes that one cluster may have. A cluster with more is '
                    'shown as Unreadable, and its nodes as last known: this '
                    'bounds the memory that an API server gone wrong can '
                    'take. A node takes about 1 KB.'),
    cfg.IntOpt('max_concurrent_lists',
               default=8,
               min=1,
               help='How many lists are decoded at a time. A server that '
                    'is slow, or never answers, does not keep others '
                    'waiting.'),
]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options of the datasource by their group."""
    return [(KUBERNETES_DATASOURCE, copy.deepcopy(OPTS))]
