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

"""One cluster's nodes as last known, kept true by listing them.

Knows nothing of Vitrage.
"""

from collections.abc import Iterator
from typing import NamedTuple

from oslo_log import log

from vitrage_k8s import client as k8s_client
from vitrage_k8s import exceptions
from vitrage_k8s import nodes

LOG = log.getLogger(__name__)


class Sighting(NamedTuple):
    """A node that was seen, and what was known of it before, if anything."""

    node: nodes.Node
    before: nodes.Node | None


class Changes(NamedTuple):
    """A part of what a list tells."""

    seen: list[Sighting]
    gone: list[nodes.Node]


class Inventory:
    """The nodes of one cluster.

    :param cluster: the cluster's name, for messages
    :ivar nodes: the nodes as last known, by uid
    :ivar is_complete: whether the last list told every node that there is
    :ivar resource_version: the version of the last complete list. Whatever
        has happened since is told by a watch from it.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self.is_complete = False
        self.resource_version: str | None = None
        self.nodes: dict[str, nodes.Node] = {}
        self._odd: set[tuple[str, str]] = set()

    def relist(self, client: k8s_client.Client, page_size: int,
               deadline: float) -> Iterator[Changes]:
        """List all nodes, and yield what is seen a page at a time.

        Nodes that are gone are told last, after the last page has come. A
        list that fails or ends early raises, and tells none.

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
                yield from self._list(client, limit, deadline)
                return
            except exceptions.Expired as error:
                LOG.info('%s; beginning the list again', error)
        yield from self._list(client, None, deadline)

    def _list(self, client: k8s_client.Client, limit: int | None,
              deadline: float) -> Iterator[Changes]:
        listed: set[str] = set()
        odd: set[tuple[str, str]] = set()
        tokens: set[str | None] = {None}
        token = resource_version = None
        unidentified = False
        while True:
            page = self._read_page(client, limit, token, deadline)
            # All pages of a list are of the version of its first.
            resource_version = resource_version or page.resource_version
            self._warn(set(page.problems))
            odd.update(page.problems)
            unidentified = unidentified or page.has_unidentified
            seen = [Sighting(node, self.nodes.get(node.id))
                    for node in page.nodes]
            self.nodes.update((node.id, node) for node in page.nodes)
            listed.update(node.id for node in page.nodes)
            yield Changes(seen, [])
            token = page.continue_token
            if token is None:
                break
            if token in tokens:
                raise exceptions.MalformedAnswer(
                    self.cluster, 'the list of nodes goes round in circles')
            tokens.add(token)
        self._odd = odd
        if unidentified:
            LOG.warning('Cluster %s: there are nodes without a uid; no node '
                        'is taken for gone', self.cluster)
            return
        self.is_complete = True
        self.resource_version = resource_version
        gone = self.nodes.keys() - listed
        yield Changes([], [self.nodes.pop(uid) for uid in gone])

    def _read_page(self, client: k8s_client.Client, limit: int | None,
                   token: str | None, deadline: float) -> nodes.Page:
        body = client.list_nodes(limit, token, deadline)
        try:
            return nodes.decode_page(body)
        except ValueError as error:
            raise exceptions.MalformedAnswer(
                self.cluster, f'the answer is not a list of nodes: {error}'
            ) from error

    def _warn(self, odd: set[tuple[str, str]]) -> None:
        for name, field in sorted(odd - self._odd):
            LOG.warning('Cluster %s: node %s: %s is not of the expected type '
                        'or missing; the node is shown without it',
                        self.cluster, name, field)
        self._odd |= odd
