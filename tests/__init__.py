# SPDX-License-Identifier: Apache-2.0
"""The tests of the product; a run of them is one of the lab's, too."""

import pathlib
import unittest


def load_tests(loader: unittest.TestLoader, tests: unittest.TestSuite,
               pattern: str | None) -> unittest.TestSuite:
    """Find the lab's tests, too: stestr takes one directory to look in."""
    here = pathlib.Path(__file__).parent
    for directory in (here, here.parent / 'lab/tests'):
        tests.addTests(loader.discover(str(directory),
                                       pattern or 'test*.py'))
    return tests
