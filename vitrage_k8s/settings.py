# SPDX-License-Identifier: Apache-2.0
"""The options of [kubernetes], as the fleet takes them."""

import msgspec
from oslo_config import cfg
from vitrage.common.constants import UpdateMethod

from vitrage_k8s.api import fleet_settings

CONF = cfg.CONF


def read() -> fleet_settings.Settings:
    """Return what the configuration says of all clusters."""
    options = dict(CONF.kubernetes)
    reading = {**options, 'is_watching': (
        options['update_method'].lower() == UpdateMethod.PULL)}
    return msgspec.convert({**options, 'reading': reading},
                           fleet_settings.Settings)
