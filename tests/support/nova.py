# SPDX-License-Identifier: Apache-2.0
"""Vitrage's own datasources of Nova beside ours, in one process."""

from collections.abc import Sequence

import fixtures
from keystoneauth1 import loading
from oslo_config import cfg
from vitrage import keystone_client
from vitrage import opts as vitrage_opts

from tests.support import base
from vitrage_k8s_lab.openstack.server import OpenStack


class NovaTest(base.FunctionalTest):
    """Lets Vitrage's datasources read a simulated cloud over HTTP.

    :cvar types: all datasources
    :ivar cloud: the cloud, with the host compute-1
    """

    types: Sequence[str]

    def setUp(self) -> None:
        super().setUp()
        self.set_options('datasources', types=self.types)
        for each in self.types:
            if each != 'kubernetes':
                vitrage_opts.register_opts(each, ['vitrage.datasources'])
        # Else the Nova client writes to the home directory.
        self.useFixture(fixtures.EnvironmentVariable(
            'NOVACLIENT_UUID_CACHE_DIR', str(self.directory / 'novaclient')))
        self.cloud = OpenStack({'compute-1': 'nova'}).start()
        self.addCleanup(self.cloud.stop)
        keystone_client.register_keystoneauth_opts()
        cfg.CONF.register_opts(
            loading.get_auth_plugin_conf_options('password'),
            group=keystone_client.CFG_GROUP)
        self.set_options(keystone_client.CFG_GROUP, **self.cloud.credentials)
