# SPDX-License-Identifier: Apache-2.0
"""How much memory something takes, for tests."""

import tracemalloc

import fixtures


class Memory(fixtures.Fixture):
    """Counts what Python allocates from its start on.

    :ivar peak: the most that there was at a time, in bytes
    """

    def _setUp(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)

    @property
    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1]
