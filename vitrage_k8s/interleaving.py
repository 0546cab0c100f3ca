# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Several sources read at a time, and told by one.

Knows nothing of Kubernetes.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import queue
import threading
from typing import Generic
from typing import NamedTuple
from typing import TypeVar

Item = TypeVar('Item')


class Told(NamedTuple, Generic[Item]):
    """What a source has told.

    :ivar source: the name of the source
    :ivar item: one of its items; None at its end
    :ivar error: what ended it before its time; None if nothing did
    """

    source: str
    item: Item | None
    error: Exception | None = None


def interleave(sources: Mapping[str, Callable[[], Iterator[Item]]],
               limit: int, cancelled: threading.Event,
               ) -> Iterator[Told[Item]]:
    """Read sources in threads of their own, and tell their items as they come.

    A source does not wait for the reader, who may be slow: a list whose pages
    are asked for too slowly expires. The threads end with their sources;
    where the reader goes away, each ends with the item that it is at.

    :param sources: what makes the iterator of each source, by name
    :param limit: how many to read at a time
    :param cancelled: is set at the end, for sources that wait for something
    """
    names = iter(sources.items())
    lock = threading.Lock()
    told: queue.SimpleQueue[Told[Item]] = queue.SimpleQueue()

    def read() -> None:
        while not cancelled.is_set():
            with lock:
                name, source = next(names, ('', None))
            if source is None:
                return
            error: Exception | None = None
            try:
                for item in source():
                    if cancelled.is_set():
                        return
                    told.put(Told(name, item))
            # Whatever it is, the reader is told.
            except Exception as caught:
                error = caught
            told.put(Told(name, None, error))

    for number in range(min(limit, len(sources))):
        threading.Thread(target=read, daemon=True,
                         name=f'vitrage-k8s-list-{number}').start()
    try:
        left = len(sources)
        while left:
            what = told.get()
            left -= what.item is None
            yield what
    finally:
        cancelled.set()
