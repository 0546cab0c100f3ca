# SPDX-License-Identifier: Apache-2.0
"""The nodes, at the versions that can still be listed."""

from collections.abc import Iterable
from collections.abc import Mapping
import json
import threading
import time
from typing import Any
from typing import NamedTuple
import uuid

from vitrage_k8s_lab.kube_api import answers
from vitrage_k8s_lab.kube_api import changes

# Snapshots that are at hand. Others are made from the changes.
_SNAPSHOTS = 4


class Snapshot(NamedTuple):
    """The nodes at one resource version, in the order of their names."""

    version: int
    items: dict[str, bytes]


class Nodes:
    """The nodes, changed by the tests and read by the connections' threads.

    :param nodes: as in the API; a name is needed, and nothing else

    :ivar renews_leases: whether objects of other kinds change all the time,
        as leases do in a real cluster, so that each bookmark is newer
    """

    def __init__(self, nodes: Iterable[Mapping[str, Any]] = ()) -> None:
        self.renews_leases = False
        self._changed = threading.Condition()
        self._version = 1000
        self._items: dict[str, bytes] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._changes = changes.Changes(self._version, {})
        # Watches of an earlier epoch are to end, in good order or not.
        self._epoch = 0
        self._end_in_order = False
        for node in nodes:
            self.put(node)
        # A server that starts lists, and knows no changes before that.
        self._changes.forget(self._version, self._items)

    def put(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """Add a node, or replace the one of that name, and return it.

        A replaced node's uid and creationTimestamp are kept unless given.

        :raises ValueError: there is no metadata.name
        """
        match node.get('metadata'):
            case {'name': str(name), **given}:
                pass
            case _:
                raise ValueError('a node needs a metadata.name')
        with self._changed:
            found = self._items.get(name)
            old = json.loads(found)['metadata'] if found else {
                'uid': str(uuid.uuid4()),
                'creationTimestamp': time.strftime(
                    answers.TIME, time.gmtime())}
            served = {
                'metadata': {
                    'name': name, 'uid': old['uid'],
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
        self._changes.add(changes.Change(
            self._version, kind, name, item, before))
        self._changed.notify_all()

    def names(self) -> list[str]:
        with self._changed:
            return sorted(self._items)

    def expire(self) -> None:
        """Forget all that is past, as compaction does.

        Every continue token so far, and every version to watch from, is then
        answered 410; watches that go on are up to date and stay.
        """
        with self._changed:
            # At the same version, a new list would bring the old tokens back
            # to life. It is as if an object of another kind was written:
            # etcd counts them all.
            self._version += 1
            self._snapshots.clear()
            self._changes.forget(self._version, self._items)

    def begin_watch(self, version: int) -> tuple[Snapshot, int, int]:
        """Return what a watch begins with: nodes, the epoch and the place.

        :param version: the watch begins after it, and without nodes; 0 is now
        :raises TooOldError: changes are not known from that version on
        """
        with self._changed:
            if version:
                return (Snapshot(version, {}), self._epoch,
                        self._changes.find(version))
            return self.backup(), self._epoch, self._changes.total

    def read(self, epoch: int, place: int,
             seconds: float) -> list[changes.Change] | None:
        """Wait for changes, and return those from a place on.

        :returns: None if the first of them are forgotten already, or the
            watch is to end in good order
        :raises ConnectionAbortedError: the watch is cut
        """
        with self._changed:
            if (epoch, place) == (self._epoch, self._changes.total):
                self._changed.wait(seconds)
            if epoch == self._epoch:
                return self._changes.read(place)
            if not self._end_in_order:
                raise ConnectionAbortedError
            return None

    def bookmark(self, epoch: int, place: int, seen: int) -> int | None:
        """Return the version of a bookmark for a watch that is at a place.

        :param seen: the newest version that the watch has
        :returns: None if changes wait to be read
        """
        with self._changed:
            if (epoch, place) != (self._epoch, self._changes.total):
                return None
            self._version += self.renews_leases and self._version == seen
            return self._version

    def backup(self, version: int | None = None) -> Snapshot:
        """Return the nodes at a version, by default as they are now.

        :raises TooOldError: nothing is known of that version
        """
        with self._changed:
            version = self._version if version is None else version
            self._changes.find(version)
            if version not in self._snapshots:
                items = self._items if version == self._version \
                    else self._changes.items_at(version)
                self._snapshots[version] = Snapshot(
                    version, dict(sorted(items.items())))
                if len(self._snapshots) > _SNAPSHOTS:
                    del self._snapshots[next(iter(self._snapshots))]
            return self._snapshots[version]

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a backup, as when etcd is restored.

        All watches are cut, and what has happened since is forgotten.
        """
        with self._changed:
            self._version, self._items = (
                snapshot.version, snapshot.items.copy())
            self._snapshots.clear()
            self._changes = changes.Changes(self._version, self._items)
            self.hang_up()

    def hang_up(self, in_order: bool = False) -> None:
        """Cut every watch; each may go on from where it was.

        :param in_order: end them as their timeouts do, instead
        """
        with self._changed:
            self._epoch += 1
            self._end_in_order = in_order
            self._changed.notify_all()

    def wake(self) -> None:
        """Let every watch look about."""
        with self._changed:
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
