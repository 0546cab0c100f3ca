# SPDX-License-Identifier: Apache-2.0
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

from vitrage_k8s_lab.kube_api.answers import bad_request
from vitrage_k8s_lab.kube_api.answers import encode
from vitrage_k8s_lab.kube_api.answers import number
from vitrage_k8s_lab.kube_api.answers import Refused
from vitrage_k8s_lab.kube_api.answers import TIME
from vitrage_k8s_lab.kube_api.changes import Change
from vitrage_k8s_lab.kube_api.changes import Ring
from vitrage_k8s_lab.kube_api.faults import expired

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
        self._changed = threading.Condition(self._lock)
        self._ring = Ring(self._changed, 0)
        for node in nodes:
            self.put(node)
        # A server that starts lists, and knows of no changes before that.
        self._ring.forget(self._now.version)

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

    def touch(self, name: str) -> None:
        """Let a node report that it is well, as the kubelet does.

        :raises KeyError: for a node that is not known
        """
        with self._lock:
            node = self._read(name)
            match node:
                case {'status': {'conditions': [*conditions]}}:
                    now = time.strftime(TIME, time.gmtime())
                    for condition in conditions:
                        if isinstance(condition, dict):
                            condition['lastHeartbeatTime'] = now
            self._change(name, encode(node))

    def delete(self, name: str) -> None:
        with self._lock:
            self._change(name, encode(self._read(name)), deleted=True)

    def _read(self, name: str) -> dict[str, Any]:
        """The node of that name, as it is to be in the next version."""
        found = self._now.find(name)
        if found is None:
            raise KeyError(name)
        node: dict[str, Any] = json.loads(found)
        node['metadata']['resourceVersion'] = str(self._now.version + 1)
        return node

    def _change(self, name: str, item: bytes, deleted: bool = False) -> None:
        # Every change passes here, with the lock held.
        version, names, items = self._now
        if self._shared:
            names, items = names.copy(), items.copy()
            self._shared = False
        at = bisect.bisect_left(names, name)
        known = names[at:at + 1] == [name]
        names[at:at + known] = [] if deleted else [name]
        items[at:at + known] = [] if deleted else [item]
        self._now = Snapshot(version + 1, names, items)
        kind = 'MODIFIED' if known else 'ADDED'
        self._ring.add(Change(
            version + 1, 'DELETED' if deleted else kind, name, item))

    def names(self) -> list[str]:
        with self._lock:
            return self._now.names.copy()

    def expire(self) -> None:
        """Forget all that is past, as compaction does.

        Every continue token so far, and every version to watch from, is then
        answered 410; watches that go on are up to date and stay.
        """
        with self._lock:
            self._kept.clear()
            # A new list at the same version would bring the old tokens back
            # to life.
            self._write_elsewhere()
            self._ring.forget(self._now.version)

    def _write_elsewhere(self) -> None:
        # As if an object of another kind was written: etcd counts them all.
        self._now = self._now._replace(version=self._now.version + 1)

    def watch(self, version: int) -> tuple[Snapshot, Ring, int]:
        """What a watch begins with: nodes, and where to read on for changes.

        :param version: what comes after that is wanted, and no nodes then;
            0 is now
        :raises TooOld: for a version that changes are not known from
        """
        with self._lock:
            if version:
                nothing = Snapshot(version, [], [])
                return nothing, self._ring, self._ring.find(version)
            self._shared = True
            return self._now, self._ring, self._ring.total

    def version_at(self, ring: Ring, place: int, seen: int) -> int | None:
        """The version of a bookmark for a watch that has come so far.

        In a real cluster there is always a newer one, as leases are renewed.

        :returns: None if changes wait to be read
        """
        with self._lock:
            if ring is not self._ring or place != ring.total:
                return None
            if self._now.version == seen:
                self._write_elsewhere()
            return self._now.version

    def backup(self) -> Snapshot:
        with self._lock:
            self._shared = True
            return self._now

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a backup, and forget all that has happened since."""
        with self._lock:
            self._kept.clear()
            self._now = snapshot
            self._shared = True
            self._ring.cut()
            self._ring = Ring(self._changed, snapshot.version)

    def hang_up(self, in_order: bool = False) -> None:
        """Cut every watch; each may go on from where it was.

        :param in_order: end them as their timeouts do, instead
        """
        with self._lock:
            ring = self._ring
            self._ring = ring.copy()
            ring.cut(in_order)

    def wake(self) -> None:
        """Let every watch look about."""
        with self._lock:
            self._changed.notify_all()

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
    limit = number(query, 'limit')
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
