# SPDX-License-Identifier: Apache-2.0
"""Lists of events for Vitrage, and what it did not process of them.

Where the processing of an event fails, Vitrage logs it, skips the rest of the
list, and goes on with the next one (``EventsCoordination``). So each list ends
in a receipt.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import itertools

from vitrage_k8s.graph import events
from vitrage_k8s.graph import queries

Batch = list[events.Event]


class Batches:
    """Makes lists of events.

    :param size: of how many vertices to send the events at a time
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lost: set[tuple[str, str]] = set()

    def make(self, groups: Iterable[Batch]) -> Iterator[Batch]:
        """Yield lists of events.

        Vitrage has processed one when it asks for the next. If it stops
        asking, the last one counts as lost.

        :param groups: the events of one vertex each; they stay together
        """
        rest = iter(groups)
        while found := list(itertools.islice(rest, self._size)):
            batch = list(itertools.chain.from_iterable(found))
            sent = {events.key(event) for event in batch}
            self._lost |= sent
            receipt = queries.receipt()
            yield [*batch, receipt]
            if queries.is_processed(receipt):
                self._lost -= sent

    def has_lost(self, entity_type: str, identity: str) -> bool:
        """Return whether an event of a vertex may not have been processed.

        So it is until a later one has been.
        """
        return (entity_type, identity) in self._lost
