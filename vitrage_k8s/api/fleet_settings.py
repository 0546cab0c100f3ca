# SPDX-License-Identifier: Apache-2.0
"""What the operator says of all clusters, and by that of each."""

from collections.abc import Mapping

import msgspec

from vitrage_k8s.api import clusters
from vitrage_k8s.api import errors
from vitrage_k8s.api import text


class Options(msgspec.Struct, frozen=True):
    """How to read from a cluster; the options of these names.

    :ivar is_watching: whether to watch; else lists are on request only
    :ivar node_labels: which labels to keep
    """

    page_size: int
    request_timeout: float
    list_timeout: float
    max_retries: int
    max_nodes: int
    poll_interval: float
    is_watching: bool
    node_labels: tuple[str, ...] = ()


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
    reading: Options

    def of_clusters(self, contexts: Mapping[str, str | None]) -> tuple[
            dict[str, clusters.ClusterSettings], list[errors.AdviceError]]:
        """Return the settings of each cluster, and what names none of them.

        :param contexts: by the name of each cluster its context, if any
        :raises ConfigurationError: projects or host_contexts is wrong
        """
        projects = self._project_ids()
        names = {context: name for name, context in contexts.items()}
        hosts = {names.get(each, each) for each in self.host_contexts}
        if tenants := hosts & projects.keys():
            raise errors.ConfigurationError(
                '[kubernetes] host_contexts: '
                f'{text.make_safe(", ".join(sorted(tenants)))} has a project, '
                'and compute hosts are of none; take it out of host_contexts '
                'or of projects')
        settings = {name: clusters.ClusterSettings(
            name, projects.get(name), self.link_by_system_uuid,
            self.ignored_conditions, name in hosts) for name in contexts}
        return settings, [
            errors.AdviceError(
                f'[kubernetes] {option} names what is not read: {each}. It '
                'takes the names of clusters in the graph')
            for option, given in (('projects', projects.keys()),
                                  ('host_contexts', hosts))
            for each in given - contexts.keys()]

    def _project_ids(self) -> dict[str, str]:
        """Return the project of each cluster that has one.

        Each pair is cluster:project_id; a name may have colons of its own, as
        those of EKS and OpenShift do.
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
        return projects
