# SPDX-License-Identifier: Apache-2.0
"""Whatever happens, and in whatever order: the graph equals the truth.

Random clusters that claim one another's nodes, Nova's servers, failures in
Vitrage's processing and restarts of Vitrage; its graph is the real one.
"""

from collections.abc import Callable
import logging
import os
from typing import Any

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
import testtools
from vitrage.common.constants import DatasourceProperties as DSProps
from vitrage.common.constants import GraphAction

from tests.support import clusters as made
from tests.support import graph as graphs
from tests.support import truth
from vitrage_k8s.api import clusters
from vitrage_k8s.api import nodes
from vitrage_k8s.graph import events
from vitrage_k8s.graph import feed as feeds
from vitrage_k8s.graph import queries
from vitrage_k8s.graph import ties

NAMES = ('a', 'b', 'c')
UIDS = ('n1', 'n2', 'n3')
SERVERS = ('s1', 's2')
HOSTS = ('h1', 'h2', 'h1.a')

PROJECTS = st.sampled_from((None, 'p', 'q'))
UID = st.sampled_from(UIDS)
NAME = st.sampled_from(NAMES)
# One that there is.
CLUSTER = st.runner().flatmap(lambda machine: st.sampled_from(
    sorted(machine.clusters.settings) or NAMES))
SERVER = st.sampled_from(SERVERS)
FAILING = st.lists(st.booleans(), max_size=8)
HEALTHS = st.sampled_from((made.READY, made.CONNECTING, made.UNREACHABLE))
OPTIONS = st.fixed_dictionaries(
    {'project_id': PROJECTS, 'link_by_system_uuid': st.booleans(),
     'are_hosts': st.just(False)}) | st.fixed_dictionaries(
    {'are_hosts': st.just(True), 'link_by_system_uuid': st.booleans()})


NODE = st.builds(
    made.make_node, UID, taints=st.sampled_from((None, 't')),
    provider=st.sampled_from((None, 'openstack')), instance_id=SERVER,
    system_uuid=SERVER, name=st.sampled_from(('h1', 'h2', 'x')))
NODES = st.lists(NODE, max_size=3, unique_by=lambda node: node.id)

# More of them, and other ones each time, where their number is given.
EXAMPLES = 'VITRAGE_K8S_TEST_EXAMPLES'
SETTINGS = hypothesis.settings(
    max_examples=int(os.environ.get(EXAMPLES, '30')), stateful_step_count=25,
    deadline=None, database=None, derandomize=EXAMPLES not in os.environ)


class FeedMachine(stateful.RuleBasedStateMachine):
    """What happens to the clusters, to Nova and to Vitrage."""

    configuration: graphs.Configuration

    def __init__(self) -> None:
        super().__init__()
        self.graph = graphs.Graph(self.configuration)
        self.clusters = made.Clusters()
        self.is_whole = True
        self.is_exact = False
        self.meanwhile: list[Callable[[], None]] = []

    @stateful.initialize(size=st.integers(1, 3), found=NODES,
                         claimed=NODES, options=OPTIONS)
    def start(self, size: int, found: list[nodes.Node],
              claimed: list[nodes.Node], options: dict[str, Any]) -> None:
        self.clusters.add('a', *found, **options)
        self.clusters.add('b', *claimed)
        self.graph.put_server('s1')
        self.size = size
        self.start_vitrage()
        self.poll(True, [], is_first=True)

    def start_vitrage(self) -> None:
        self.feed = feeds.Feed(self.size, ties.TYPES)
        self.tied: dict[str, str] = {}

    # The clusters.

    @stateful.rule(name=NAME, found=NODES, is_listed=st.booleans(),
                   options=OPTIONS)
    def add(self, name: str, found: list[nodes.Node], is_listed: bool,
            options: dict[str, Any]) -> None:
        if name in self.clusters.settings:
            self.clusters.configure(name, **options)
        else:
            self.clusters.add(name, *found, is_listed=is_listed, **options)

    @stateful.rule(name=NAME, is_whole=st.booleans())
    def remove(self, name: str, is_whole: bool) -> None:
        self.is_whole = is_whole
        if name in self.clusters.settings:
            self.clusters.remove(name)

    @stateful.rule(order=st.permutations(NAMES))
    def reorder(self, order: list[str]) -> None:
        self.clusters.order(*(name for name in order
                              if name in self.clusters.settings))

    @stateful.rule(name=CLUSTER, health=HEALTHS)
    def change_health(self, name: str, health: clusters.Health) -> None:
        if name in self.clusters.settings:
            self.clusters.healths[name] = health

    @stateful.rule(name=CLUSTER, found=NODES)
    def relist(self, name: str, found: list[nodes.Node]) -> None:
        if name in self.clusters.settings:
            self.clusters.relist(name, *found)

    @stateful.rule(name=CLUSTER, node=NODE)
    def put(self, name: str, node: nodes.Node) -> None:
        if self.is_listed(name):
            self.clusters.put(name, node)

    @stateful.rule(name=CLUSTER, uid=UID)
    def delete(self, name: str, uid: str) -> None:
        if self.is_listed(name) and uid in self.clusters.inventories[name]:
            self.clusters.delete(name, uid)

    def is_listed(self, name: str) -> bool:
        return name in self.clusters.settings \
            and self.clusters.inventories[name].is_complete

    # Nova, and time.

    @stateful.rule(server=SERVER, project=st.sampled_from(('p', 'q')))
    def put_server(self, server: str, project: str) -> None:
        self.delete_server(server)
        self.graph.put_server(server, project)

    @stateful.rule(server=SERVER)
    def delete_server(self, server: str) -> None:
        self.graph.advance(1)
        if server in self.graph.shown(graphs.SERVER):
            self.graph.delete_server(server)

    @stateful.rule(host=st.sampled_from(HOSTS), is_there=st.booleans())
    def put_host(self, host: str, is_there: bool) -> None:
        self.graph.advance(1)
        if is_there:
            self.graph.put_host(host)
        elif host in self.graph.shown(graphs.HOST):
            self.graph.delete_host(host)

    @stateful.rule(seconds=st.sampled_from((10, 30, 600)))
    def wait(self, seconds: int) -> None:
        self.graph.advance(seconds)

    # Vitrage.

    @stateful.rule(listed=st.sets(NAME))
    def restart(self, listed: set[str]) -> None:
        self.graph.restart()
        self.start_vitrage()
        before, self.clusters = self.clusters, made.Clusters()
        for name, each in before.settings.items():
            self.clusters.add(
                name, *before.inventories[name].all_nodes().values(),
                is_listed=name in listed, project_id=each.project_id,
                link_by_system_uuid=each.link_by_system_uuid,
                are_hosts=each.are_hosts)

    @stateful.rule(failing=FAILING)
    def snapshot_with_failures(self, failing: list[bool]) -> None:
        self.poll(True, failing)

    @stateful.rule()
    def snapshot(self) -> None:
        self.poll(True, [])

    @stateful.rule(failing=FAILING)
    def changes_with_failures(self, failing: list[bool]) -> None:
        self.poll(False, failing)

    @stateful.rule()
    def changes(self) -> None:
        self.poll(False, [])

    @stateful.rule(is_snapshot=st.booleans(), name=CLUSTER, found=NODES,
                   batches=st.integers(0, 3))
    def list_meanwhile(self, is_snapshot: bool, name: str,
                       found: list[nodes.Node], batches: int) -> None:
        self.meanwhile = [lambda: self.relist(name, found),
                          *[lambda: None] * batches]
        self.poll(is_snapshot, [], is_quiet=False)
        self.meanwhile.clear()

    def poll(self, is_snapshot: bool, failing: list[bool],
             is_quiet: bool = True, is_first: bool = False) -> None:
        view = self.view()
        expected = truth.Truth(self.graph, view)
        self.graph.batches.clear()
        self.graph.watch = lambda batch: self.check_batch(view, batch)
        self.graph.failures = 0
        changed = self.clusters.take_changed()
        if is_snapshot:
            self.graph.snapshot(self.feed, view, failing=failing,
                                is_first=is_first)
        else:
            self.graph.changes(self.feed, view, changed, failing=failing)
        is_exact = not self.graph.failures and (is_snapshot or self.is_exact)
        if is_exact and is_quiet:
            self.check_graph(expected, has_servers=is_snapshot)
        self.is_exact = is_exact
        for batch in self.graph.batches:
            if not queries.is_processed(batch[-1]):
                for event in batch[:-1]:
                    self.tied.pop(event[events.PROPERTIES]['id'], None)

    def view(self) -> clusters.View:
        seen: set[str] = set()
        left_out = set()
        for name in self.clusters.settings:
            found = set(self.clusters.inventories[name].uids())
            if found and found <= seen:
                left_out.add(name)
            seen |= found
        return self.clusters.view(is_whole=self.is_whole, left_out=left_out)

    # What must be true.

    def check_graph(self, expected: truth.Truth, has_servers: bool) -> None:
        """Check that the graph is as it must be.

        :param has_servers: whether the edges to servers are, too
        """
        assert expected.vertices == {
            name: truth.own(vertex) for kind in (graphs.CLUSTER, graphs.NODE)
            for name, vertex in self.graph.shown(kind).items()}
        differences = expected.edges ^ self.graph.edges()
        assert not {edge for edge in differences
                    if has_servers or edge[0] not in SERVERS + HOSTS}

    def check_batch(self, view: clusters.View,
                    batch: list[graphs.Event]) -> None:
        shown = self.graph.shown(graphs.SERVER)
        for number, event in enumerate(batch[:-1]):
            identity = event[events.PROPERTIES]['id']
            kind = event.get(DSProps.EVENT_TYPE)
            if kind is not None:
                self.tied.pop(identity, None)
            if kind == GraphAction.DELETE_ENTITY and (
                    identity in view.clusters or view.owner(identity)):
                # It is made anew.
                assert any('name' in each[events.PROPERTIES]
                           and each[events.PROPERTIES]['id'] == identity
                           for each in batch[number:-1])
            for link in event[events.LINKS]:
                if link.entity_type == graphs.SERVER and kind is None:
                    server = shown[link.id]
                    name = event[events.PROPERTIES]['cluster']
                    assert view.clusters[name].settings.project_id in (
                        None, server['project_id'])
                    assert self.tied.get(identity) != server['vitrage_id']
                    self.tied[identity] = server['vitrage_id']
        if self.meanwhile:
            self.meanwhile.pop()()


class FeedTest(testtools.TestCase):

    def test_the_graph_equals_the_truth(self) -> None:
        FeedMachine.configuration = self.useFixture(graphs.Configuration())
        # Of the failures that are made on purpose.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

        stateful.run_state_machine_as_test(FeedMachine, settings=SETTINGS)
