# SPDX-License-Identifier: Apache-2.0
"""The longest vertices that there can be, in a real MariaDB.

What it refuses is tried again for ever, and nothing else is stored.
"""

import json
import pathlib

from tests.support import end_to_end
from tests.support import services
from tests.support import specimens
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab import samples

# JSON escapes it with 12 characters.
LONG = '\U0001f600'
CLUSTER = LONG * 253


class TestWorstVertex(end_to_end.ServicesTest):

    @classmethod
    def _options(cls, directory: pathlib.Path) -> services.Options:
        options = super()._options(directory)
        return {**options, 'kubernetes': {
            **options['kubernetes'],
            'contexts': f'blue,{CLUSTER}=green',
            'projects': f'blue:shop,{CLUSTER}:{LONG * 64}'}}

    def stored(self, **properties: str) -> list[str]:
        """Return the rows of vertices with these properties."""
        return [row for row in self.rows().values()
                if properties.items() <= json.loads(row).items()]

    def test_is_stored_and_so_is_what_comes_after_it(self) -> None:
        self.green.put(specimens.worst_node(LONG))
        self.eventually(True, lambda: bool(self.stored(name=LONG * 253)))
        [vertex] = map(json.loads, self.stored(name=LONG * 253)[:1])
        self.assertEqual(LONG * 253, vertex['cluster'])
        self.assertEqual(LONG * 64, vertex['project_id'])
        self.assertEqual(LONG * 21 + '...', vertex['os_image'])
        self.blue.put(samples.node('after-the-worst-node'))
        self.eventually(
            True, lambda: bool(self.stored(name='after-the-worst-node')))

        self.green.intercept = lambda request: Answer(
            403, phrase='\x1b' * 12_000)
        self.addCleanup(setattr, self.green, 'intercept', None)
        self.green.hang_up()
        self.eventually(True, lambda: bool(self.stored(
            name=CLUSTER, state='Unreadable')))
        self.blue.put(samples.node('after-the-worst-reason'))
        self.eventually(
            True, lambda: bool(self.stored(name='after-the-worst-reason')))
