# SPDX-License-Identifier: Apache-2.0
"""The nodes, at the versions that can still be listed and watched from."""

import collections
from collections.abc import Iterable
from collections.abc import Mapping
import itertools
import json
import threading
import time
from typing import Any
from typing import NamedTuple
import uuid

from vitrage_k8s_lab.kube_api import answers

# Changes that are kept; beyond that the oldest are forgotten.
KEPT = 10_000


class TooOldError(Exception):
    """The changes after a version are forgotten; the text is the API's."""


class Snapshot(NamedTuple):
    """The nodes at one resource version, in the order of their names."""

    version: int
    items: dict[str, bytes]


class Change(NamedTuple):
    """A change: the node after it, and before it; None is no node.

    Of a deletion, `item` is the node as it was last.
    """

    version: int
    kind: str
    name: str
    item: bytes
    before: bytes | None


class Nodes:
    """The nodes, changed by the tests and read by the connections' threads.

    Each watch has its own position, the version up to which it has come, so
    that no other waits for a slow one.

    :param nodes: as in the API; a name is needed, and nothing else

    :ivar bookmark_interval: seconds between the bookmarks of a watch
    :ivar renews_leases: whether objects of other kinds change all the time,
        as leases do in a real cluster, so that each bookmark is newer
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]] = ()) -> None:
        self.bookmark_interval = 60.0
        self.renews_leases = False
        self._changed = threading.Condition()
        self._version = 1000
        self._items: dict[str, bytes] = {}
        self._changes: collections.deque[Change] = collections.deque()
        # The oldest version that can be listed or watched from, and the
        # newest change that is forgotten.
        self._since = self._forgotten = 0
        # Watches of an earlier epoch are to end, in good order or not.
        self._epoch = 0
        self._end_in_order = False
        for node in nodes:
            self.put(node)
        # A server that starts lists, and knows no changes before that.
        self._since = self._version

    def put(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """Add a node, or replace the one of that name, and return it.

        A replaced node's uid and creationTimestamp are kept unless given.
        """
        given = node['metadata']
        name = given['name']
        with self._changed:
            found = self._items.get(name)
            old = json.loads(found)['metadata'] if found else {
                'uid': str(uuid.uuid4()),
                'creationTimestamp': time.strftime(
                    answers.TIME, time.gmtime())}
            served = {
                'metadata': {
                    'uid': old['uid'],
                    'creationTimestamp': old['creationTimestamp'], **given,
                    'resourceVersion': str(self._version + 1)},
                # Items of a list carry neither kind nor apiVersion.
                **{key: value for key, value in node.items()
                   if key not in ('kind', 'apiVersion', 'metadata')}}
            self._change('MODIFIED' if found else 'ADDED', name,
                         answers.encode(served))
        return served

    def touch(self, name: str) -> None:
        """Let a node report that it is well, as the kubelet does.

        :raises KeyError: there is no such node
        """
        with self._changed:
            node = json.loads(self._items[name])
            match node:
                case {'status': {'conditions': [*conditions]}}:
                    now = time.strftime(answers.TIME, time.gmtime())
                    for condition in conditions:
                        if isinstance(condition, dict):
                            condition['lastHeartbeatTime'] = now
            self._change('MODIFIED', name, set_version(
                answers.encode(node), self._version + 1))

    def delete(self, name: str) -> None:
        """Delete a node.

        :raises KeyError: there is no such node
        """
        with self._changed:
            self._change('DELETED', name, set_version(
                self._items[name], self._version + 1))

    def _change(self, kind: str, name: str, item: bytes) -> None:
        # Every change passes here, with the lock held.
        self._version += 1
        before = self._items.pop(name, None)
        if kind != 'DELETED':
            self._items[name] = item
        self._changes.append(Change(
            self._version, kind, name, item, before))
        if len(self._changes) > KEPT:
            self._forgotten = self._changes.popleft().version
            self._since = max(self._since, self._forgotten)
        self._changed.notify_all()

    def names(self) -> list[str]:
        with self._changed:
            return sorted(self._items)

    def expire(self) -> None:
        """Forget all that is past, as compaction does.

        Every continue token so far, and every version to watch from, is then
        answered 410; watches that go on stay.
        """
        with self._changed:
            # At the same version, a new list would bring the old tokens back
            # to life. It is as if an object of another kind was written:
            # etcd counts them all.
            self._version += 1
            self._since = self._version

    def begin_watch(self, version: int) -> tuple[Snapshot, int]:
        """Return what a watch begins with: position and nodes, and the epoch.

        :param version: the watch begins after it, and without nodes; 0 is now
        :raises TooOldError: changes are not known from that version on
        """
        with self._changed:
            self._check(version or self._version)
            return (Snapshot(version, {}) if version else self.backup(),
                    self._epoch)

    def _check(self, version: int) -> None:
        if version < self._since:
            raise TooOldError(
                f'too old resource version: {version} ({self._since})')

    def _after(self, position: int) -> list[Change]:
        return list(itertools.takewhile(
            lambda change: change.version > position,
            reversed(self._changes)))[::-1]

    def read(self, epoch: int, position: int,
             seconds: float) -> list[Change] | None:
        """Wait for changes, and return those after a position.

        :returns: None if the first of them are forgotten already, or the
            watch is to end in good order
        :raises ConnectionAbortedError: the watch is cut
        """
        with self._changed:
            if epoch == self._epoch and not self._after(position):
                self._changed.wait(seconds)
            if epoch == self._epoch:
                return self._after(position) \
                    if position >= self._forgotten else None
            if not self._end_in_order:
                raise ConnectionAbortedError
            return None

    def bookmark(self, epoch: int, position: int) -> int | None:
        """Return the version of a bookmark for a watch at a position.

        :returns: None if changes wait to be read
        """
        with self._changed:
            if epoch != self._epoch or self._after(position):
                return None
            self._version += self.renews_leases and self._version == position
            return self._version

    def backup(self, version: int | None = None) -> Snapshot:
        """Return the nodes at a version, by default as they are now.

        :raises TooOldError: nothing is known of that version
        """
        with self._changed:
            version = self._version if version is None else version
            self._check(version)
            items = self._items.copy()
            for change in reversed(self._after(version)):
                items.pop(change.name, None)
                if change.before is not None:
                    items[change.name] = change.before
            return Snapshot(version, dict(sorted(items.items())))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a backup, as when etcd is restored.

        All watches are cut, and what has happened since is forgotten.
        """
        with self._changed:
            self._version, self._items = (
                snapshot.version, snapshot.items.copy())
            self._changes.clear()
            self._since, self._forgotten = self._version, 0
            self.hang_up()

    def hang_up(self, in_order: bool = False) -> None:
        """Cut every watch; each may go on from where it was.

        :param in_order: end them as their timeouts do, instead
        """
        with self._changed:
            self._epoch += 1
            self._end_in_order = in_order
            self._changed.notify_all()

    def find(self, name: str) -> bytes | None:
        """Return the node of that name as it is now."""
        with self._changed:
            return self._items.get(name)

    def version(self) -> int:
        with self._changed:
            return self._version


def set_version(item: bytes, version: int) -> bytes:
    """Return a node, as JSON, with another resource version."""
    node = json.loads(item)
    node['metadata']['resourceVersion'] = str(version)
    return answers.encode(node)
