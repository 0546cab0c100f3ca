# SPDX-License-Identifier: Apache-2.0
"""The options of [kubernetes], as the fleet takes them."""

from oslo_config import cfg
from vitrage.common.constants import UpdateMethod

from vitrage_k8s.api import fleet_settings

CONF = cfg.CONF


def read() -> fleet_settings.Settings:
    """Return what the configuration says of all clusters."""
    options = CONF.kubernetes
    return fleet_settings.Settings(
        options.config_file, tuple(options.contexts), options.cluster_name,
        tuple(options.projects), frozenset(options.host_contexts),
        options.link_by_system_uuid,
        frozenset(options.ignored_conditions), options.max_concurrent_lists,
        fleet_settings.Options(
            options.page_size, options.request_timeout, options.list_timeout,
            options.max_retries, options.max_nodes, options.poll_interval,
            options.update_method.lower() == UpdateMethod.PULL,
            tuple(options.node_labels)))
