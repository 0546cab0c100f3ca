# SPDX-License-Identifier: Apache-2.0
"""What our modules may not be called."""

import pkgutil

import testtools
from vitrage import datasources

import vitrage_k8s


class NamesTest(testtools.TestCase):

    def test_no_module_bears_the_name_of_another_datasource(self) -> None:
        # For each enabled type, Vitrage imports vitrage_k8s.<type> first
        # (vitrage.opts.register_opts). A module that it finds there, and that
        # has no OPTS, breaks that datasource.
        types = {module.name for module
                 in pkgutil.iter_modules(datasources.__path__)
                 if module.ispkg}
        ours = {module.name for module
                in pkgutil.iter_modules(vitrage_k8s.__path__)}

        self.assertEqual({'kubernetes'}, types & ours)
