# SPDX-License-Identifier: Apache-2.0
"""What the documentation says, against the code."""

import ast
from collections.abc import Iterator
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


class TroubleshootingTest(testtools.TestCase):

    # What others write: Vitrage, oslo.config, the resolver and OpenSSL.
    OTHERS = ('ConfigFileValueError', 'ModuleNotFoundError', 'Name or service',
              'certificate verify failed', 'Hostname mismatch',
              'WRONG_VERSION_NUMBER', 'No state configuration file for')
    # What a message quotes: paths, fields, and what a server says.
    QUOTED = re.compile(r'https?:\S+|/\S+|\w+\[\S*|\[SSL.*?\)|"[^"]*"|'
                        r'answered \d+ \(.*?\)+|No such file.*')

    def test_quotes_what_the_code_says(self) -> None:
        """The words of a message are in the code, three in a row."""
        said = ' | '.join(self.words(text) for text in self.texts())
        page = (pages.PAGES / 'troubleshooting.rst').read_text()
        quotes = [quote for quote in map(' '.join, map(str.split, re.findall(
            '``([^`]+)``', page))) if len(quote) > 45
            and not quote.startswith(('vitrage ', 'kubectl '))
            and not any(each in quote for each in self.OTHERS)]

        self.assertThat(len(quotes), testtools.matchers.GreaterThan(25))
        for quote in quotes:
            words = self.words(self.QUOTED.sub(' ', quote)).split()
            found = {word for i in range(len(words) - 2)
                     if f' {" ".join(words[i:i + 3])} ' in said
                     for word in range(i, i + 3)}
            # Clusters, contexts, hosts and numbers have names.
            self.assertThat(len(words) - len(found),
                            testtools.matchers.LessThan(5), quote)

    def words(self, text: str) -> str:
        return f' {" ".join(re.findall("[a-z]+", text.lower()))} '

    def texts(self) -> Iterator[str]:
        """Yield the strings of the product, without what f-strings insert."""
        for path in (CHECKOUT / 'vitrage_k8s').rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield ' '.join(str(part.value) for part in node.values
                                   if isinstance(part, ast.Constant))
                elif isinstance(node, ast.Constant):
                    yield str(node.value)


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
