# SPDX-License-Identifier: Apache-2.0
"""What an API server answers to selectors, and about pods and events."""

import json
from typing import Any

from kubernetes import client
import testtools
from testtools import matchers

from tests.support import contract


class SelectorContract(contract.Contract):

    def test_label_selectors(self) -> None:
        names = self.names(self.read())
        for selector, selected in (
                ('no-such-label', []), ('!no-such-label', names),
                ('no-such-label=x', []), ('no-such-label==x', []),
                ('no-such-label!=x', names), ('no-such-label in (x,y)', []),
                ('no-such-label notin (x, y)', names),
                ('!no-such-label,no-such-label', []),
                ('!a, no-such.io/label notin (x)', names)):
            self.assertEqual(
                selected, self.names(self.read(label_selector=selector)),
                selector)

    def test_label_of_a_node(self) -> None:
        self.create(self.name)
        self.label(self.name)
        for selector, is_selected in (
                ('changed', True), ('!changed', False), ('changed=yes', True),
                ('changed!=yes', False), ('changed in (no,yes)', True),
                ('changed notin (yes)', False), ('changed=no', False)):
            self.assertEqual(
                is_selected, self.name in self.names(self.read(
                    label_selector=selector)), selector)

    def test_field_selectors(self) -> None:
        first, *others = self.names(self.read())
        for selector, selected in (
                (f'metadata.name={first}', [first]),
                (f'metadata.name=={first}', [first]),
                (f'metadata.name!={first}', others),
                (f'metadata.name={first},metadata.name!={first}', []),
                ('metadata.name=no-such-node', [])):
            self.assertEqual(
                selected, self.names(self.read(field_selector=selector)),
                selector)

    def test_pages_of_a_selection_join(self) -> None:
        first, *others = self.names(self.read())
        if len(others) < 2:
            self.skipTest('three nodes are needed')
        selector = f'metadata.name!={first}'
        page = self.read(field_selector=selector, limit=1)
        self.assertNotIn('remainingItemCount', page['metadata'])
        rest = self.read(field_selector=selector,
                         _continue=page['metadata']['continue'])
        self.assertEqual(others, self.names(page, rest))

    def test_refuses_selectors_that_are_none(self) -> None:
        for options in ({'label_selector': 'a b c'},
                        {'label_selector': '!a=b'},
                        {'field_selector': 'metadata.name'},
                        {'field_selector': 'no.such.field=x'}):
            self.assertEqual('BadRequest', self.status(
                400, self.fetch, **options)['reason'])

    def read_others(self, method: Any, *arguments: str,
                    **options: Any) -> dict[str, Any]:
        try:
            response = method(*arguments, **options, _preload_content=False)
        except client.ApiException as error:
            if error.status == 403:
                self.skipTest('the user may read nodes only')
            raise
        document: dict[str, Any] = json.loads(response.data)
        return document

    def test_nothing_runs_on_a_node_of_ours(self) -> None:
        for method, kind in (
                (self.api.list_pod_for_all_namespaces, 'PodList'),
                (self.api.list_event_for_all_namespaces, 'EventList')):
            document = self.read_others(method, field_selector=(
                'metadata.name=no-such-node'))
            self.assertEqual((kind, 'v1', []), (
                document['kind'], document['apiVersion'], document['items']))
            self.assertIsInstance(document['metadata']['resourceVersion'],
                                  str)
        namespace = 'no-such-namespace'
        self.assertEqual([], self.read_others(
            self.api.list_namespaced_pod, namespace)['items'])
        self.assertEqual(
            {'kind': 'pods', 'name': 'x'},
            self.status(404, self.read_others, self.api.read_namespaced_pod,
                        'x', namespace)['details'])

    def test_table_has_the_columns_of_kubectl(self) -> None:
        self.accept('Accept', 'application/json;as=Table;v=v1;g=meta.k8s.io')
        for table in (self.read(limit=1), json.loads(self.fetch(
                field_selector='metadata.name=no-such-node').data)):
            self.assertEqual(('Table', 'meta.k8s.io/v1'),
                             (table['kind'], table['apiVersion']))
            self.assertEqual(
                [('Name', 'name', 0), ('Status', '', 0), ('Roles', '', 0),
                 ('Age', '', 0), ('Version', '', 0), ('Internal-IP', '', 1),
                 ('External-IP', '', 1), ('OS-Image', '', 1),
                 ('Kernel-Version', '', 1), ('Container-Runtime', '', 1)],
                [(column['name'], column['format'], column['priority'])
                 for column in table['columnDefinitions']])
            for row in table['rows'] or ():
                self.assertThat(row['cells'], matchers.HasLength(10))
                self.assertEqual('PartialObjectMetadata',
                                 row['object']['kind'])


class LabSelectorTest(contract.Lab, SelectorContract, testtools.TestCase):
    pass


class RealSelectorTest(contract.Real, SelectorContract, testtools.TestCase):
    pass
