# SPDX-License-Identifier: Apache-2.0
"""From what is known of the clusters to Vitrage's events.

It asks the fleet and the graph, and yields events. The decisions are those of
graph/feed.py.
"""

from collections.abc import Iterator
import threading
import time

from oslo_config import cfg
from oslo_log import log
from vitrage.common.constants import DatasourceAction
from vitrage.datasources.driver_base import DriverBase

from vitrage_k8s.api import fleet
from vitrage_k8s.api import notices
from vitrage_k8s.check import configuration
from vitrage_k8s.graph import feed
from vitrage_k8s.graph import queries
from vitrage_k8s.graph import ties
from vitrage_k8s import KUBERNETES_DATASOURCE
from vitrage_k8s import settings

CONF = cfg.CONF
LOG = log.getLogger(__name__)

# How long the first snapshot waits for the first lists, in seconds.
FIRST_WAIT = 30.0


class KubernetesDriver(DriverBase):
    """Sends the nodes of one or more Kubernetes clusters to Vitrage."""

    def __init__(self) -> None:
        super().__init__()
        self._fleet = fleet.Fleet()
        self._feed: feed.Feed | None = None
        self._notices = notices.Notices(LOG, '[kubernetes] host_contexts')

    @staticmethod
    def should_delete_outdated_entities() -> bool:
        """Return False: nothing leaves the graph for its age.

        An API server may be out of reach; and where the processing of one
        event fails, Vitrage skips the rest of its batch without an error, so
        that healthy nodes look outdated. What is gone is deleted by name.
        """
        return False

    def close(self) -> None:
        """Stop reading, without waiting for it."""
        self._fleet.stop()
        self._fleet = fleet.Fleet()
        self._feed = None

    def get_all(self, datasource_action: str) -> Iterator[feed.Batch]:
        """Yield every node of every cluster, and what the graph is to lose.

        A cluster that cannot be read is in ERROR; its nodes stay as last
        known. With update_method = none the clusters are listed now, side by
        side. Otherwise the reflectors hold their nodes, and only the first
        snapshot waits for the first lists.

        :returns: lists of events
        :raises NoAnswerError: Vitrage did not say what its graph shows
        """
        wanted, source = settings.read(), self._make_feed()
        if wanted.reading.is_watching:
            self._fleet.use(wanted)
            if datasource_action == DatasourceAction.INIT_SNAPSHOT:
                self._fleet.wait_settled(FIRST_WAIT)
        else:
            self._fleet.use(wanted, anew=True)
            self._fleet.list_all(wanted.reading.list_timeout)
        question = queries.question(_types())
        yield self._finish([question], datasource_action)
        shown = queries.answer(question)
        self._fleet.take_changed()
        for batch in source.snapshot(self._fleet.view(), shown,
                                     time.monotonic()):
            yield self._finish(batch, datasource_action)
        self._notices.warn_of_all(source.warnings)

    def get_changes(self, datasource_action: str) -> Iterator[feed.Batch]:
        """Yield what changed since the last call of this or of get_all.

        It does not wait for anything.

        :returns: lists of events
        :raises NoAnswerError: Vitrage did not say what its graph shows
        """
        self._fleet.use(settings.read())
        source = self._make_feed()
        shown = None
        if source.wants_graph(self._fleet.view(), time.monotonic()):
            question = queries.question(_types())
            yield self._finish([question], datasource_action)
            shown = queries.answer(question)
        changed = self._fleet.take_changed()
        for batch in source.changes(self._fleet.view(), changed,
                                    time.monotonic(), shown):
            yield self._finish(batch, datasource_action)
        self._notices.warn_of_all(source.warnings)

    def _make_feed(self) -> feed.Feed:
        # Made when it is first used: Vitrage forks after it makes its drivers.
        if self._feed is None:
            self._feed = feed.Feed(CONF.kubernetes.page_size, _types())
            # In a thread of its own, since it reads files.
            threading.Thread(target=_warn_of_setup, daemon=True,
                             name='vitrage-k8s-check').start()
        return self._feed

    def _finish(self, batch: feed.Batch, action: str) -> feed.Batch:
        return self.make_pickleable(batch, KUBERNETES_DATASOURCE, action)


def _types() -> list[str]:
    """Return the types of other datasources to which nodes are tied."""
    return [each for each in ties.TYPES
            if each in CONF.datasources.types]


def _warn_of_setup() -> None:
    """Log what ``vitrage-k8s check`` would find before it reads a cluster."""
    for rule in configuration.AT_START:
        for level, subject, problem, mend in configuration.apply(rule):
            if level == 'ERROR':
                LOG.warning('%s: %s%s', subject, problem,
                            mend and f'. To mend it, {mend}')
