# SPDX-License-Identifier: Apache-2.0
"""What the operator says of all clusters, and by that of each."""

from collections.abc import Set

import msgspec

from vitrage_k8s.api import clusters
from vitrage_k8s.api import errors
from vitrage_k8s.api import reflector
from vitrage_k8s.api import text


class Settings(msgspec.Struct, frozen=True):
    """What the operator says of all clusters: the options of these names."""

    config_file: str | None
    contexts: tuple[str, ...]
    cluster_name: str | None
    projects: tuple[str, ...]
    host_contexts: frozenset[str]
    link_by_system_uuid: bool
    ignored_conditions: frozenset[str]
    max_concurrent_lists: int
    reading: reflector.Options

    def host_clusters(self) -> Set[str]:
        """Return the names in the graph of host_contexts."""
        named = {context.strip(): name.strip() for name, _, context in (
            entry.partition('=') for entry in self.contexts) if context}
        if self.cluster_name and len(self.contexts) == 1:
            named.setdefault(self.contexts[0], self.cluster_name)
        return {named.get(each, each) for each in self.host_contexts}

    def project_ids(self) -> dict[str, str]:
        """Return the project of each cluster that has one.

        Each pair is cluster:project_id; a name may have colons of its own, as
        those of EKS and OpenShift do.

        :raises ConfigurationError: a pair is none, or a cluster of compute
            hosts has a project
        """
        projects: dict[str, str] = {}
        for pair in self.projects:
            name, _, project = map(str.strip, pair.rpartition(':'))
            if not (name and project):
                raise errors.ConfigurationError(
                    f'[kubernetes] projects: "{pair}" is not '
                    'cluster:project_id')
            if not text.is_key(project, text.LONGEST_PROJECT_ID):
                raise errors.ConfigurationError(
                    '[kubernetes] projects: the project '
                    f'{text.make_safe(project, text.LONGEST_VALUE)} of the '
                    f'cluster {name} has more than {text.LONGEST_PROJECT_ID} '
                    'characters, or some that cannot be printed; give the id '
                    'of an OpenStack project')
            if projects.setdefault(name, project) != project:
                raise errors.ConfigurationError(
                    f'[kubernetes] projects: the cluster {name} has two '
                    'projects; leave one of them')
        if tenants := self.host_clusters() & projects.keys():
            raise errors.ConfigurationError(
                '[kubernetes] host_contexts: '
                f'{text.make_safe(", ".join(sorted(tenants)))} has a project, '
                'and compute hosts are of none; take it out of host_contexts '
                'or of projects')
        return projects

    def of_cluster(self, name: str,
                   project_id: str | None) -> clusters.ClusterSettings:
        """Return what the operator says of one cluster."""
        return clusters.ClusterSettings(
            name, project_id, self.link_by_system_uuid,
            self.ignored_conditions, name in self.host_clusters())
