# SPDX-License-Identifier: Apache-2.0
"""What README.rst promises, against the code."""

import pathlib
import re

import testtools

from vitrage_k8s.api import nodes
from vitrage_k8s.api import text

README = (pathlib.Path(__file__).parents[2] / 'README.rst').read_text()


class ReadmeTest(testtools.TestCase):

    def test_explains_every_property_of_a_node(self) -> None:
        table = README.partition('What each property means')[2].partition(
            'A cluster (')[0]
        explained = {name for row in re.findall(
            r'^   \* - (.*(?:\n       .*)*)', table, re.MULTILINE)
            for name in re.findall('``([a-z_]+)``', row)}

        # These are not the node's: our driver and Vitrage make them.
        self.assertEqual(
            {*nodes.Node.__struct_fields__, 'cluster', 'project_id', 'state',
             'status', 'vitrage_state', 'vitrage_operational_state'},
            explained)

    def test_says_how_long_text_may_be(self) -> None:
        said = ' '.join(README.partition('What each property means')[2]
                        .partition('When something goes wrong')[0].split())

        for sentence in (
                f'cut to {text.LONGEST_VALUE} characters',
                f'to {text.LONGEST_LIST:,}, ',
                f'``reason`` to {text.LONGEST_REASON:,}.',
                f'uid or name of more than {text.LONGEST_NAME} characters',
                f'instance id of more than {text.LONGEST_MACHINE_ID:,}',
                f'project id of more than {text.LONGEST_PROJECT_ID} '):
            self.assertIn(sentence, said)
