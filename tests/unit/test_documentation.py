# SPDX-License-Identifier: Apache-2.0
"""What the documentation says, against the code."""

import pathlib
import re

import testtools
import yaml

from tests.support import clusters as made
from tests.support import pages
import vitrage_k8s
from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import nodes
from vitrage_k8s.api import text
from vitrage_k8s.graph import properties
from vitrage_k8s import install_files

CHECKOUT = pathlib.Path(__file__).parents[2]
GRAPH = (pages.PAGES / 'graph.rst').read_text()


class ReadmeTest(testtools.TestCase):

    def test_is_short(self) -> None:
        readme = (CHECKOUT / 'README.rst').read_text()

        self.assertThat(len(readme.splitlines()),
                        testtools.matchers.LessThan(150))

    def test_names_files_that_are_there(self) -> None:
        readme = (CHECKOUT / 'README.rst').read_text()
        pages_of_it = re.findall(r'``([a-z]+\.rst)``', readme)
        files = re.findall(r'((?:doc/source|lab|tests|vitrage_k8s)/[\w./]+\w)',
                           readme)

        self.assertTrue(pages_of_it and files)
        for name in (*files, *(f'doc/source/{page}' for page in pages_of_it),
                     'CONTRIBUTING.rst', 'LICENSE'):
            self.assertTrue((CHECKOUT / name).exists(), name)


class PagesTest(testtools.TestCase):

    def test_name_options_that_there_are(self) -> None:
        """Every line of an example in [kubernetes] is an option of ours."""
        options = {option.dest for option in vitrage_k8s.OPTS}
        for path in (*pages.PAGES.glob('*.rst'), CHECKOUT / 'README.rst'):
            for example in re.findall(r'^ +\[kubernetes\]\n((?: +\S.*\n)+)',
                                      path.read_text(), re.MULTILINE):
                for name in re.findall(r'^ +(?:# )?(\w+) = ', example,
                                       re.MULTILINE):
                    self.assertIn(name, options, path)


class RootCausesTest(testtools.TestCase):

    def test_names_every_template(self) -> None:
        table = (pages.PAGES / 'root-causes.rst').read_text().partition(
            '   * - Template\n')[2]
        directory = install_files.ETC / install_files.TEMPLATES

        self.assertEqual(
            {yaml.safe_load(path.read_text())['metadata']['name']
             for path in directory.iterdir()},
            set(re.findall(r'^   \* - ``(\w+)``', table, re.MULTILINE)))


class GraphTest(testtools.TestCase):

    def test_explains_every_property_of_a_node(self) -> None:
        table = GRAPH.partition('Properties of a node')[2].partition(
            'Properties of a cluster')[0]
        explained = {name for row in re.findall(
            r'^   \* - (.*(?:\n       .*)*)', table, re.MULTILINE)
            for name in re.findall(r'``([a-z_]+\*?)``', row)}

        # These are not the node's: our driver and Vitrage make them.
        self.assertEqual(
            {*nodes.Node.__struct_fields__, 'cluster', 'project_id', 'state',
             'status', 'vitrage_state', 'vitrage_operational_state',
             'label_*'} - {'labels'},
            explained)

    def test_explains_every_property_of_a_cluster(self) -> None:
        terms = GRAPH.partition('Properties of a cluster')[2].partition(
            'Bounds of text')[0]
        inventory = inventories.Inventory(1)
        made.list_nodes(inventory, [
            made.make_node('uid', kubelet_version='v1.36.2')])
        inventory.listed_at = inventory.watched_since = 'an hour'
        cluster = clusters.Cluster(
            clusters.ClusterSettings('production', 'a project'),
            clusters.Health('Unreadable', 'a reason'), inventory, 'https://x')

        self.assertEqual(
            {*properties.of_cluster(cluster, properties.count(inventory)),
             'vitrage_state', 'vitrage_operational_state'},
            {name for line in re.findall('^``.*', terms, re.MULTILINE)
             for name in re.findall('``(.+?)``', line)})

    def test_says_how_long_text_may_be(self) -> None:
        said = ' '.join(GRAPH.partition('Bounds of text')[2]
                        .partition('Nova servers')[0].split())

        for sentence in (
                f'cut to {text.LONGEST_VALUE} characters',
                f'to {text.LONGEST_LIST:,}, ',
                f'``reason`` to {text.LONGEST_REASON:,}.',
                f'uid or name of more than {text.LONGEST_NAME} characters',
                f'instance id of more than {text.LONGEST_MACHINE_ID:,}',
                f'project id of more than {text.LONGEST_PROJECT_ID} '):
            self.assertIn(sentence, said)
