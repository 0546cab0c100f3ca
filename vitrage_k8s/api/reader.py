# SPDX-License-Identifier: Apache-2.0
"""Reads one cluster into its inventory: a list, or the lines of a watch."""

from collections.abc import Collection
from collections.abc import Iterable
import threading
import time

from oslo_log import log

from vitrage_k8s.api import bodies
from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import decoding
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet_settings
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import notices
from vitrage_k8s.api import text

LOG = log.getLogger(__name__)


class Reader:
    """Reads from one cluster into an inventory.

    :param decoding_slots: bounds how many lists are decoded at a time
    :param warnings: logs what is odd in a node
    """

    def __init__(self, inventory: inventories.Inventory,
                 options: fleet_settings.Options,
                 decoding_slots: threading.Semaphore,
                 warnings: notices.Notices) -> None:
        self._inventory = inventory
        self._options = options
        self._slots = decoding_slots
        self._notices = warnings

    def read_list(self, client: api_client.Client) -> bool:
        """List all nodes, within list_timeout.

        A list that takes longer than etcd keeps its version cannot be read to
        its end (410). It is begun again: the token that the server offers in
        its place leads to later pages of a newer version, and what happened
        to the earlier ones in between would be missed. The third time it is
        not paged.

        :returns: whether a watch must begin anew from this list
        :raises ClusterError, TooManyNodesError: there is no complete list
        """
        deadline = time.monotonic() + self._options.list_timeout
        for _ in range(2):
            try:
                return self._read_list(client, self._options.page_size,
                                       deadline)
            except errors.ExpiredError as error:
                LOG.debug('%s; beginning the list again', error)
        return self._read_list(client, None, deadline)

    def _read_list(self, client: api_client.Client, limit: int | None,
                   deadline: float) -> bool:
        listing = self._inventory.begin_list()
        version = token = None
        tokens: set[str] = set()
        odd: set[str] = set()
        while True:
            page = self._decode(client, client.list_nodes(
                limit, token, deadline), deadline)
            # All pages of a list are of the version of its first.
            version = version or page.resource_version
            odd |= _oddities(page.problems, page.hidden)
            listing.add(page.items, {each.uid for each in page.hidden},
                        page.has_unidentified)
            token = page.continue_token
            if token is None:
                break
            if token in tokens:
                raise client.malformed(
                    'the list of nodes goes round in circles')
            tokens.add(token)
        if time.monotonic() > deadline:
            raise client.late()
        self._notices.warn_of_all(odd)
        if listing.has_unidentified:
            self._notices.warn('there are nodes without a uid; no node is '
                               'taken for gone')
        return self._inventory.replace(listing, version)

    def _decode(self, client: api_client.Client,
                body: bodies.Packed, deadline: float) -> decoding.Page:
        try:
            with self._slots:
                return decoding.decode_page(client.inflate(body, deadline),
                                            self._options.node_labels)
        except ValueError as error:
            raise client.malformed(
                f'the answer is not a list of nodes: {error}') from None

    def has_gone_back(self, client: api_client.Client, version: str) -> bool:
        """Return whether the server is at an older version than this one.

        :raises ClusterError: it does not say
        """
        deadline = time.monotonic() + self._options.request_timeout
        page = self._decode(client, client.list_nodes(1, None, deadline),
                            deadline)
        return inventories.is_older(page.resource_version, version)

    def read_event(self, client: api_client.Client, epoch: int,
                   line: bytes) -> bool:
        """Take note of a line of a watch.

        :param epoch: what ``Inventory.begin_watch`` returned
        :returns: whether the watch came to another version
        :raises ClusterError, TooManyNodesError: the watch cannot go on
        """
        try:
            event = decoding.decode_watch_event(
                line, self._options.node_labels)
        except decoding.WatchError as error:
            kind = errors.ExpiredError if error.status == 410 \
                else errors.ApiError
            raise kind(client.name, f'the watch ended with {error.status} '
                       f'({error})', error.status) from None
        except ValueError as error:
            raise client.malformed(
                f'the watch sent no event: {error}') from error
        if event is None:
            self._notices.warn('the watch sent an event of an unknown type; '
                               'it is passed over')
            return False
        hidden = event.hidden
        for each in sorted(_oddities(event.problems,
                                     [hidden] if hidden else [])):
            self._notices.warn(each)
        return self._inventory.apply(
            epoch, event.resource_version, event.node,
            is_deletion=event.is_deletion,
            hidden=hidden.uid if hidden else None)


def _oddities(problems: Iterable[tuple[str, str]],
              hidden: Collection[decoding.Hidden]) -> set[str]:
    """Return warnings of nodes that are not shown as they are."""
    names = {node.name for node in hidden}
    return {
        f'node {_short(name)}: {field} is not of the expected type or '
        'missing; the node is shown without it'
        for name, field in problems if name not in names} | {
        f'node {_short(node.name)}: {node.fields} cannot be shown, being '
        'too long or not printable; the node is left out, and stays as '
        'last known if it is shown already' for node in hidden}


def _short(name: str) -> str:
    return text.make_safe(name, text.LONGEST_VALUE)
