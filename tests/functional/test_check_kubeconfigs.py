# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: kubeconfigs, and the contexts that are read."""

import json

from oslo_config import cfg

from tests.support.checks import CheckTest
from vitrage_k8s_lab.kube_api import faults


class KubeconfigTest(CheckTest):

    def test_contexts_that_are_left_out(self) -> None:
        kubeconfig = json.loads(self.simulator.kubeconfig(user={}))
        kubeconfig['users'].append({'name': 'viewer', 'user': {'as': 'v'}})
        kubeconfig['contexts'].append({'name': 'viewer', 'context': {
            'cluster': 'simulator', 'user': 'viewer'}})
        self.kubeconfig.write_text(json.dumps(kubeconfig))
        self.simulator.intercept = lambda request: faults.forbidden('v') \
            if 'Impersonate-User' in request.headers else None
        self.assertEqual((0, []), self.check(kubernetes={'contexts': '*'}))
        cfg.CONF.reset()
        _, output = self.run_check('--config-file', self.write(
            kubernetes={'contexts': '*'}))
        self.assertIn('INFO     viewer: its user cannot list nodes', output)

    def test_kubeconfigs(self) -> None:
        good = self.kubeconfig.read_text()
        self.kubeconfig.unlink()
        self.assert_found('ERROR', '[kubernetes]', 'no such file')
        self.kubeconfig.mkdir()
        self.assert_found('ERROR', '[kubernetes]', 'Is a directory')
        self.kubeconfig.rmdir()
        for content, text in (
                ('{', str(self.kubeconfig)), ('', 'has no current-context'),
                ('[clusters]\ntoken = secret\n', 'is no kubeconfig'),
                ('clusters:\n\tsecret: x\n', 'not YAML in line 2'),
                (good.replace('"server": "http', '"server": ["secret'),
                 'not YAML in line 1'),
                (good.replace('"server"', '"Server"'), 'server: is missing'),
                (good.replace('"server"', '"insecure-skip-tls-verify": '
                              '"secret", "server"'), 'Expected `bool`')):
            self.kubeconfig.write_text(content)
            self.assert_found('ERROR', '[kubernetes]', text)
            _, output = self.run_check('--config-file', self.write())
            self.assertNotIn('secret', output)
            cfg.CONF.reset()

    def test_contexts_that_are_written_wrongly(self) -> None:
        for contexts in ('[simulator]', 'simulator other', 'all', 'None',
                         'Simulator'):
            self.assert_found('ERROR', '[kubernetes]',
                              f'has no context {contexts}; it has simulator',
                              kubernetes={'contexts': contexts})

    def test_proxies_that_are_none(self) -> None:
        for proxy in ('proxy:3128', 'http://me:secret@[::1', 'ftp://proxy'):
            kubeconfig = json.loads(self.simulator.kubeconfig())
            kubeconfig['clusters'][0]['cluster']['proxy-url'] = proxy
            self.kubeconfig.write_text(json.dumps(kubeconfig))
            self.assert_found('ERROR', 'simulator', 'proxy-url')
            _, output = self.run_check('--config-file', self.write())
            self.assertNotIn('secret', output)
            cfg.CONF.reset()

    def test_a_token_over_plain_http(self) -> None:
        self.kubeconfig.write_text(self.simulator.kubeconfig(
            user={'token': 't'}))
        self.assert_found('WARNING', '[kubernetes]', 'Use https://')

    def test_a_misconfigured_cluster_is_found_once(self) -> None:
        self.kubeconfig.write_text(self.simulator.kubeconfig().replace(
            self.simulator.url, 'https://host:port'))
        self.assert_found('ERROR', '[kubernetes]', 'Cluster simulator: ')
        self.kubeconfig.write_text(self.simulator.kubeconfig(
            user={'client-certificate': '/no/such', 'client-key': '/no/key'},
            ).replace('http://', 'https://'))
        self.assert_found('ERROR', 'simulator', 'Misconfigured: ')

    def test_no_context(self) -> None:
        self.assert_found('WARNING', '[kubernetes] contexts', 'no cluster',
                          kubernetes={'contexts': 'none'})

    def test_a_context_that_is_not_there(self) -> None:
        status, found = self.check(kubernetes={'contexts': 'other'})
        self.assertEqual(2, status)
        self.assertIn('other', str(found))
