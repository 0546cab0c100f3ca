# SPDX-License-Identifier: Apache-2.0
"""What the operator says of each cluster: projects and compute hosts."""

from collections.abc import Mapping
from typing import Any

import testtools

from tests.support import fleets
from vitrage_k8s.api import clusters
from vitrage_k8s.api import errors


def of(contexts: Mapping[str, str | None],
       **options: Any) -> dict[str, clusters.ClusterSettings]:
    """Return the settings of clusters of these contexts."""
    settings, _ = fleets.FleetTestCase.settings(**options).of_clusters(
        contexts)
    return settings


def advice(*names: str, **options: Any) -> list[str]:
    """Return what is said beside the settings of clusters of these names."""
    _, found = fleets.FleetTestCase.settings(**options).of_clusters(
        dict.fromkeys(names))
    return sorted(map(str, found))


class ClustersTest(testtools.TestCase):

    def test_each_cluster_has_its_settings(self) -> None:
        ignored = frozenset(('X',))
        self.assertEqual(
            {'a': clusters.ClusterSettings('a', 'p', True, ignored),
             'b': clusters.ClusterSettings('b', None, True, ignored, True)},
            of({'a': 'a', 'b': 'b'}, projects=('a:p',),
               link_by_system_uuid=True, ignored_conditions=ignored,
               host_contexts=frozenset('b')))

    def test_settings_stay_as_they_are(self) -> None:
        settings = fleets.FleetTestCase.settings()
        for each, field in ((settings, 'contexts'),
                            (settings.reading, 'page_size')):
            self.assertRaises(AttributeError, setattr, each, field, ())

    def test_all_labels_are_left_out_unless_they_are_named(self) -> None:
        self.assertEqual((), fleets.READING.node_labels)

    def test_what_names_no_cluster_is_said(self) -> None:
        for options, said in (
                ({}, []), ({'projects': ('a:p',)}, []),
                ({'projects': ('v:p', 'a:p', 'u:p')},
                 ['projects u', 'projects v']),
                ({'host_contexts': frozenset('bu')}, ['host_contexts u']),
                ({'host_contexts': frozenset('u'), 'projects': ('v:p',)},
                 ['host_contexts u', 'projects v'])):
            self.assertEqual([
                '[kubernetes] {} names what is not read: {}. It takes the '
                'names of clusters in the graph'.format(*each.split())
                for each in said], advice('a', 'b', **options))


class ProjectsTest(testtools.TestCase):

    def test_pairs(self) -> None:
        for name, project in (('a', 'p'), ('arn:aws:eks:x/a', 'p'),
                              ('a', 'x' * 64)):
            found = of({name: 'c'}, projects=(f' {name} : {project} ',))
            self.assertEqual(project, found[name].project_id)
        self.assertEqual('p', of(
            {'c': 'c'}, projects=('c:p', 'c:p'))['c'].project_id)

    def test_what_is_no_pair_is_an_error(self) -> None:
        for pairs, said in (
                (('a',), '"a" is not cluster:project_id'),
                (('a:',), '"a:" is not cluster:project_id'),
                ((':p',), '":p" is not cluster:project_id'),
                (('a:' + 'x' * 65,), 'more than 64 characters'),
                (('a:x\ny',), 'the project x?y of the cluster a has'),
                (('a:p', 'a:q'), 'the cluster a has two projects')):
            error = self.assertRaises(errors.ConfigurationError, of, {},
                                      projects=pairs)
            self.assertTrue(str(error).startswith('[kubernetes] projects: '))
            self.assertIn(said, str(error))


class HostsTest(testtools.TestCase):

    def test_compute_hosts_are_of_no_project(self) -> None:
        for contexts, hosts, projects, refused in (
                ({'a': 'a'}, 'a', (), ''), ({'a': 'a'}, 'b', ('a:p',), ''),
                ({'a': 'a'}, 'a', ('a:p',), 'a'),
                ({'x': 'a'}, 'a', ('x:p',), 'x'),
                ({'x': 'a', 'a': 'b'}, 'a', ('x:p',), 'x'),
                ({'x': 'a', 'a': 'b'}, 'a', ('a:p',), ''),
                ({'x': 'a'}, 'x', ('x:p',), 'x'),
                ({'b': 'b', 'a': 'a'}, 'ba', ('a:p', 'b:p'), 'a, b'),
                # Not even if they are not read.
                ({}, 'a', ('a:p',), 'a')):
            options = {'host_contexts': frozenset(hosts),
                       'projects': projects}
            if refused:
                error = self.assertRaises(errors.ConfigurationError, of,
                                          contexts, **options)
                self.assertIn(f'host_contexts: {refused} has a project',
                              str(error))
            else:
                of(contexts, **options)

    def test_a_host_context_is_the_name_of_a_context_or_of_a_cluster(
            self) -> None:
        for contexts, hosts, expected in (
                ({'a': 'a'}, 'a', 'a'), ({'x': 'a'}, 'a', 'x'),
                ({'x': 'a'}, 'x', 'x'), ({'x': 'a'}, 'b', ''),
                # In the pod, there is no context.
                ({'x': None}, 'x', 'x'), ({'x': None}, '', ''),
                # What is named comes before what has the name.
                ({'a': 'b', 'x': 'a'}, 'a', 'x')):
            found = of(contexts, host_contexts=frozenset((hosts,)))
            self.assertEqual([*expected], [
                name for name, settings in found.items()
                if settings.are_hosts], (contexts, hosts))
