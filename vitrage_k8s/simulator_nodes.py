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

"""The simulator's nodes, at the versions that can still be listed."""

import base64
import bisect
from collections.abc import Iterable
from collections.abc import Mapping
import contextlib
import json
import sys
import threading
import time
from typing import Any
from typing import NamedTuple
import uuid

from vitrage_k8s.simulator_answers import bad_request
from vitrage_k8s.simulator_answers import encode
from vitrage_k8s.simulator_answers import Refused
from vitrage_k8s.simulator_answers import TIME
from vitrage_k8s.simulator_faults import expired

# Lists that can be paged through at a time; beyond that the oldest expires.
SNAPSHOTS = 32


class Snapshot(NamedTuple):
    """The nodes at one resource version, parallel and ordered by name."""

    version: int
    names: list[str]
    items: list[bytes]

    def find(self, name: str) -> bytes | None:
        at = bisect.bisect_left(self.names, name)
        return self.items[at] if self.names[at:at + 1] == [name] else None


class Nodes:
    """The nodes, changed by the tests and read by the connections' threads.

    :param nodes: as in the API; a name is needed, and nothing else
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]] = ()) -> None:
        self._lock = threading.Lock()
        self._now = Snapshot(1000, [], [])
        self._shared = False
        self._kept: dict[int, Snapshot] = {}
        for node in nodes:
            self.put(node)

    def put(self, node: Mapping[str, Any]) -> bytes:
        """Add a node, or replace the one of that name; give what is served.

        A replaced node's uid and creationTimestamp are kept unless given.

        :raises ValueError: without a metadata.name
        """
        match node.get('metadata'):
            case {'name': str(name), **given}:
                pass
            case _:
                raise ValueError('a node needs a metadata.name')
        with self._lock:
            found = self._now.find(name)
            old = json.loads(found)['metadata'] if found else {
                'uid': str(uuid.uuid4()),
                'creationTimestamp': time.strftime(TIME, time.gmtime())}
            # Items of a list carry neither kind nor apiVersion.
            item = encode({
                'metadata': {
                    'name': name, 'uid': old['uid'],
                    'creationTimestamp': old['creationTimestamp'], **given,
                    'resourceVersion': str(self._now.version + 1)},
                **{key: value for key, value in node.items()
                   if key not in ('kind', 'apiVersion', 'metadata')}})
            self._change(name, item)
        return item

    def delete(self, name: str) -> None:
        with self._lock:
            if self._now.find(name) is None:
                raise KeyError(name)
            self._change(name, None)

    def _change(self, name: str, item: bytes | None) -> None:
        # Every change passes here, with the lock held: the place to feed a
        # ring of events from, once there are watches.
        version, names, items = self._now
        if self._shared:
            names, items = names.copy(), items.copy()
            self._shared = False
        at = bisect.bisect_left(names, name)
        known = slice(at, at + (names[at:at + 1] == [name]))
        names[known] = [] if item is None else [name]
        items[known] = [] if item is None else [item]
        self._now = Snapshot(version + 1, names, items)

    def names(self) -> list[str]:
        with self._lock:
            return self._now.names.copy()

    def expire(self) -> None:
        """Let every continue token so far answer 410, as compaction does."""
        with self._lock:
            self._kept.clear()
            # As if an object of another kind was written: a new list at the
            # same version would bring the old tokens back to life.
            self._now = self._now._replace(version=self._now.version + 1)

    def find(self, name: str) -> bytes | None:
        """The node of that name as it is now."""
        with self._lock:
            return self._now.find(name)

    def page(self, query: Mapping[str, str]) -> tuple[Snapshot, int, int]:
        """The nodes that a list shows: of these, from the one to the other.

        :raises Refused: for a query that is wrong, or too old a token
        """
        limit = _limit(query)
        snapshot, start = self._snapshot(query, limit)
        first = bisect.bisect_left(snapshot.names, start)
        return snapshot, first, min(first + limit, len(snapshot.names))

    def _snapshot(self, query: Mapping[str, str],
                  limit: int) -> tuple[Snapshot, str]:
        """The nodes to list, and the name to begin at."""
        wanted, start = -1, ''
        listed_at = query.get('resourceVersion') or '0'
        if query.get('continue'):
            if listed_at != '0':
                raise bad_request('specifying resource version is not '
                                   'allowed when using continue')
            wanted, start = _parsed(query['continue'])
        elif listed_at != '0':
            raise bad_request('a list at a version is not simulated')
        with self._lock:
            # -1 is now: a new list, or what is left of an expired one.
            found = self._kept.get(wanted) if wanted > 0 else self._now
            if found is self._now:
                self._shared = True
                if limit < len(found.names):
                    self._kept[found.version] = found
                if len(self._kept) > SNAPSHOTS:
                    del self._kept[min(self._kept)]
        if not found:
            raise Refused(expired(with_token=token_of(-1, start)))
        return found, start


def _limit(query: Mapping[str, str]) -> int:
    try:
        limit = int(query.get('limit') or 0)
    except ValueError as error:
        raise bad_request('limit is not a number') from error
    whole = query.get('resourceVersion') == '0' and not query.get('continue')
    return sys.maxsize if whole or limit <= 0 else limit


def token_of(version: int, start: str) -> str:
    """A continue token; the version -1 is whatever is then the newest."""
    return base64.urlsafe_b64encode(encode({
        'v': 'meta.k8s.io/v1', 'rv': version, 'start': start,
    })).decode().rstrip('=')


def _parsed(token: str) -> tuple[int, str]:
    with contextlib.suppress(ValueError):
        match json.loads(base64.urlsafe_b64decode(token + '==')):
            case {'v': 'meta.k8s.io/v1', 'rv': int(version),
                  'start': str(start)} if version and start:
                return version, start
    raise bad_request('invalid continue token: continue key is not valid')
