# SPDX-License-Identifier: Apache-2.0
"""Kubeconfigs, written to a directory and read from there."""

import json
import pathlib
from typing import Any

import fixtures
import testtools

from vitrage_k8s.api import credentials
from vitrage_k8s.api import kubeconfig

SERVER = 'https://host:6443'


def entry(section: str, name: str, **content: Any) -> dict[str, Any]:
    return {'name': name, section[:-1]: {
        key.replace('_', '-'): value for key, value in content.items()}}


def make(*names: str, current: str | None = None,
         **sections: Any) -> dict[str, Any]:
    """Return a kubeconfig with a context, cluster and user of each name.

    :param sections: what takes the place of its parts
    """
    return {
        'current-context': current or (names[0] if names else ''),
        'contexts': [entry('contexts', name, cluster=name, user=name)
                     for name in names],
        'clusters': [entry('clusters', name, server=f'https://{name}:6443')
                     for name in names],
        'users': [entry('users', name, token=f'token-of-{name}')
                  for name in names],
        **sections}


class KubeconfigTestCase(testtools.TestCase):

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'config'
        for name in ('KUBECONFIG', 'KUBERNETES_SERVICE_HOST',
                     'KUBERNETES_SERVICE_PORT'):
            self.useFixture(fixtures.EnvironmentVariable(name))
        self.useFixture(fixtures.EnvironmentVariable(
            'HOME', str(self.directory)))

    def write(self, content: Any, name: str = 'config') -> pathlib.Path:
        path = self.directory / name
        path.write_text(content if isinstance(content, str)
                        else json.dumps(content))
        path.chmod(0o600)
        return path

    def load(self, *contexts: str, cluster_name: str | None = None,
             known: dict[str, credentials.Credentials] | None = None,
             is_default: bool = False) -> list[kubeconfig.Found]:
        return list(kubeconfig.load(
            None if is_default else str(self.path), list(contexts),
            cluster_name, known or {}, 5))

    def loaded(self, *contexts: str, **options: Any) -> list[str]:
        """Return the name of each cluster, or the error in its place."""
        return [
            str(each) if isinstance(each, Exception) else each.name
            for each in self.load(*contexts, **options)]
