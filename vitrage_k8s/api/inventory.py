# SPDX-License-Identifier: Apache-2.0
"""One cluster's nodes as last known, kept true by listing and watching them.

Knows nothing of Vitrage. One thread reads from the API server; another asks
what has changed.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
import itertools
import threading
from typing import NamedTuple

from oslo_log import log

from vitrage_k8s.api import client as k8s_client
from vitrage_k8s.api import decoding
from vitrage_k8s.api import errors
from vitrage_k8s.api import nodes
from vitrage_k8s.api import text

LOG = log.getLogger(__name__)


class Sighting(NamedTuple):
    """A node, and what was told of it before, if anything."""

    node: nodes.Node
    before: nodes.Node | None


class Changes(NamedTuple):
    """What has changed, by node: the last state of each, and not the way."""

    seen: list[Sighting]
    gone: list[nodes.Node]


class Inventory:
    """The nodes of one cluster.

    :param cluster: the cluster's name, for messages
    :ivar is_complete: whether the last list told every node that there is
    :ivar resource_version: the version that a watch can begin at: what has
        happened since is told by it. None before the first complete list.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.is_complete = False
        self.resource_version: str | None = None
        # Guards what follows. What is and what was told are by uid; _changed
        # is the uids of which the two may differ, and never more than that,
        # so that changes between two questions do not pile up.
        self._lock = threading.Lock()
        self._nodes: dict[str, nodes.Node] = {}
        self._told: dict[str, nodes.Node] = {}
        self._changed: set[str] = set()
        # The uids of nodes that exist and are not in _nodes, or only as they
        # were before (decoding.LeftOut).
        self._left_out: set[str] = set()
        # What has been warned of.
        self._odd: set[tuple[str, ...]] = set()

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, uid: str) -> bool:
        return uid in self._nodes or uid in self._left_out

    def is_shown(self, uid: str) -> bool:
        """Return whether a node is shown, be it only as last known."""
        return uid in self._nodes

    def take_changes(self) -> Changes:
        """Tell what has changed since the last time, and take it for told."""
        with self._lock:
            changed, self._changed = self._changed, set()
            seen = [Sighting(self._nodes[uid], self._told.get(uid))
                    for uid in changed if uid in self._nodes]
            gone = [self._told.pop(uid) for uid in changed
                    if uid not in self._nodes and uid in self._told]
            self._told.update((each.node.id, each.node) for each in seen)
        return Changes([each for each in seen if each.node != each.before],
                       gone)

    def take_all(self, page_size: int) -> Iterator[Changes]:
        """Tell all nodes and what has changed, so many nodes at a time."""
        with self._lock:
            gone = [node for uid, node in self._told.items()
                    if uid not in self._nodes]
            seen = [Sighting(node, self._told.get(uid))
                    for uid, node in self._nodes.items()]
            self._told = self._nodes.copy()
            self._changed.clear()
        rest = iter(seen)
        while page := list(itertools.islice(rest, page_size)):
            yield Changes(page, [])
        yield Changes([], gone)

    def relist(self, client: k8s_client.Client, page_size: int,
               deadline: float) -> None:
        """List all nodes.

        What a page tells is known when the page has come. Nodes that are not
        in the list are gone, and that is known when its last page has come. A
        list that fails or ends early raises, and says nothing about absence.

        A list that takes longer than etcd keeps its version cannot be told
        to its end (410). It is begun again, for the token that the server
        offers in its place leads to later pages of a newer version: what
        happened to the earlier ones in between would be missed (client-go's
        pager gives up for that reason, too). The third time it is not paged.

        :param client: where to read from
        :param page_size: how many nodes to ask for in one request
        :param deadline: when to give up, by ``time.monotonic()``
        :raises ClusterError: a page could not be read
        """
        self.is_complete = False
        for limit in (page_size, page_size):
            try:
                self._list(client, limit, deadline)
                return
            except errors.Expired as error:
                LOG.info('%s; beginning the list again', error)
        self._list(client, None, deadline)

    def _list(self, client: k8s_client.Client, limit: int | None,
              deadline: float) -> None:
        listed: set[str] = set()
        odd: set[tuple[str, ...]] = set()
        left_out: set[str] = set()
        tokens: set[str | None] = {None}
        token = resource_version = None
        unidentified = False
        while True:
            page = self._read_page(client, limit, token, deadline)
            # All pages of a list are of the version of its first.
            resource_version = resource_version or page.resource_version
            self._warn(page.problems, page.left_out)
            odd.update(page.problems, page.left_out)
            left_out.update(node.uid for node in page.left_out)
            self._left_out |= left_out
            unidentified = unidentified or page.has_unidentified
            self._see(page.nodes)
            listed.update(node.id for node in page.nodes)
            token = page.continue_token
            if token is None:
                break
            if token in tokens:
                raise errors.MalformedAnswer(
                    self.cluster, 'the list of nodes goes round in circles')
            tokens.add(token)
        self._odd = odd
        # Whatever the version was before: after a restore of etcd it goes
        # back.
        self.resource_version = resource_version
        if unidentified:
            LOG.warning('Cluster %s: there are nodes without a uid; no node '
                        'is taken for gone', self.cluster)
            return
        with self._lock:
            self._left_out = left_out
            for uid in self._nodes.keys() - listed - left_out:
                del self._nodes[uid]
                self._changed.add(uid)
        self.is_complete = True

    def check_version(self, client: k8s_client.Client,
                      deadline: float) -> None:
        """See that the server has not gone back in time.

        After a restore of etcd, a watch from a version of the future tells
        nothing until that version comes, and then not what has happened
        before. Versions are numbers, and may be compared: KEP-5504.

        :param client: where to read from
        :param deadline: when to give up, by ``time.monotonic()``
        :raises ClusterError: it has gone back, or it cannot be read
        """
        now = self._read_page(client, 1, None, deadline).resource_version
        before = self.resource_version
        if now and before and now.isdecimal() and before.isdecimal() \
                and int(now) < int(before):
            raise errors.MalformedAnswer(
                self.cluster, f'its version has gone back from {before} to '
                f'{now}, as after a restore of etcd')

    def _read_page(self, client: k8s_client.Client, limit: int | None,
                   token: str | None, deadline: float) -> decoding.Page:
        body = client.list_nodes(limit, token, deadline)
        try:
            return decoding.decode_page(body)
        except ValueError as error:
            raise errors.MalformedAnswer(
                self.cluster, f'the answer is not a list of nodes: {error}'
            ) from error

    def apply(self, line: bytes) -> bool:
        """Take note of what one line of a watch tells.

        :returns: whether the watch has come to another version by it
        :raises Expired: the watch cannot go on from its version
        :raises ClusterError: the watch cannot go on
        """
        try:
            event = decoding.decode_watch_event(line)
        except decoding.WatchError as error:
            kind = errors.Expired if error.status == 410 \
                else errors.ApiError
            raise kind(self.cluster, f'the watch ends with {error.status} '
                       f'({error})', error.status) from error
        except ValueError as error:
            raise errors.MalformedAnswer(
                self.cluster, f'the watch tells what is no event: {error}'
            ) from error
        if event is None:
            LOG.warning('Cluster %s: the watch tells an event of an unknown '
                        'type; it is passed over', self.cluster)
            return False
        self._warn(event.problems, [event.left_out] if event.left_out else [])
        if event.node is not None:
            self._left_out.discard(event.node.id)
        if event.node is not None and event.is_deletion:
            with self._lock:
                self._changed.add(event.node.id)
                self._nodes.pop(event.node.id, None)
        elif event.node is not None:
            self._see([event.node])
        if event.resource_version is None:
            return False
        self.resource_version = event.resource_version
        return True

    def _see(self, seen: Iterable[nodes.Node]) -> None:
        with self._lock:
            for node in seen:
                # A heartbeat changes nothing that is told.
                if self._nodes.get(node.id) != node:
                    self._nodes[node.id] = node
                    self._changed.add(node.id)

    def _warn(self, odd: Iterable[tuple[str, str]],
              left_out: Collection[decoding.LeftOut]) -> None:
        hidden = {node.name for node in left_out}
        for name, field in sorted(set(odd) - self._odd):
            if name not in hidden:
                LOG.warning('Cluster %s: node %s: %s is not of the expected '
                            'type or missing; the node is shown without it',
                            self.cluster, _short(name), text.make_safe(field))
        for _, name, fields in sorted(set(left_out) - self._odd):
            LOG.warning('Cluster %s: node %s: %s cannot be shown, being too '
                        'long or not printable; the node is left out, and '
                        'stays as last known if it is shown already',
                        self.cluster, _short(name), fields)
        self._odd.update(odd, left_out)


def _short(name: str) -> str:
    return text.make_safe(name, text.LONGEST_VALUE)
