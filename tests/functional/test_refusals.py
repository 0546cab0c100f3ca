# SPDX-License-Identifier: Apache-2.0
"""A 401 or a 403, in whatever request: what the cluster shows, and when.

A 403 is doubt at first, for an API server that has just started refuses what
it allows a moment later. What is in doubt is not shown.
"""

from collections.abc import Callable
import threading

import fixtures

from tests.support import base
from tests.support import watching
from tests.support.watching import NAMES
from tests.support.watching import NODES
from vitrage_k8s.api import watch_policy
from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer
from vitrage_k8s_lab.kube_api.http import Request
from vitrage_k8s_lab.kube_api.http import Stream
from vitrage_k8s_lab import samples

FOR_EVER = 600


class RefusalsTest(base.FunctionalTest):
    """What the tests of this module share."""

    def doubt(self, seconds: float) -> None:
        """Set how long a 403 is doubt."""
        self.set_waits(DOUBT=seconds,
                       DOUBT_STEPS=(0.0, 0.02, 0.02, 0.02, 0.02))

    def set_intervals(self, seconds: float) -> None:
        """Set when to ask again what was refused, once that is believed."""
        self.set_waits(LONGEST_WAIT=seconds, FORBIDDEN_WATCH_WAIT=seconds)

    def state(self) -> str | None:
        """Return the state of the cluster in the graph, if it is there."""
        self.host.get_changes()
        for cluster in self.host.vertices('kubernetes.cluster').values():
            return str(cluster['state'])
        return None


class WatchedTest(RefusalsTest, watching.WatchingTest):
    """Of a cluster that is watched already."""

    # No watch ends by itself.
    silence = FOR_EVER

    def setUp(self) -> None:
        super().setUp()
        self.doubt(FOR_EVER)
        self.set_intervals(0.02)

    def wait_for_requests(self, count: int) -> None:
        self.simulator.requests.clear()
        self.wait_for(lambda: len(self.simulator.requests) >= count)

    def test_nothing_is_shown_of_what_is_in_doubt(self) -> None:
        for in_order in (False, True):
            self.simulator.rbac_delay = FOR_EVER
            self.simulator.hang_up(in_order)
            self.change()
            self.wait_for_requests(8)

            self.assertEqual('Ready', self.state())
            self.assertEqual(NAMES, self.host.node_names())

            self.simulator.rbac_delay = 0
            self.assert_shows_the_truth()
            self.wait_for(lambda: self.simulator.watching == 1)
            self.assertNotIn('Its nodes stay in the graph', self.log.output)
            self.assertNotIn('listed every poll_interval', self.log.output)
            for name in self.simulator.names():
                self.simulator.delete(name)
            for node in NODES:
                self.simulator.put(node)
            self.assert_shows_the_truth()

    def test_outage_is_shown_until_the_doubt_has_gone(self) -> None:
        self.simulator.stop()
        self.wait_until_shown(lambda: self.state() == 'Unreachable')
        self.simulator.rbac_delay = FOR_EVER
        self.simulator.start()
        self.wait_for_requests(8)

        self.assertEqual('Unreachable', self.state())

        self.simulator.rbac_delay = 0
        self.wait_until_shown(lambda: self.state() == 'Ready')

    def test_many_restarts_of_an_idle_cluster_are_all_survived(self) -> None:
        # The waits are to double with each restart if they are to at all.
        self.set_waits(FIRST_WAIT=0.05)
        self.simulator.bookmark_interval = FOR_EVER
        for _ in range(10):
            self.simulator.stop()
            # The watch cache of a server that starts is empty.
            self.simulator.expire()
            self.simulator.rbac_delay = 0.2
            self.simulator.start()

            self.wait_for(lambda: self.simulator.watching == 1)

        self.change()
        self.assert_shows_the_truth()
        self.wait_until_shown(lambda: self.state() == 'Ready')

    def see_through_the_watch(self, name: str) -> None:
        """See a new node shown, and nothing asked for but the watch."""
        self.simulator.requests.clear()
        self.simulator.put(samples.node(name))
        self.wait_until_shown(lambda: name in self.host.node_names())
        self.assertEqual([], list(self.simulator.requests))

    def assert_comes_true(self, refuse: Callable[[], None],
                          allow: Callable[[], None], reason: str) -> None:
        """Refuse all requests, and see it shown when the watch has ended."""
        self.doubt(0.2)
        for in_order in (False, True):
            refuse()
            self.see_through_the_watch(f'new-{in_order}')
            shown = self.host.node_names()

            self.simulator.hang_up(in_order)
            self.simulator.delete(f'new-{in_order}')

            self.wait_until_shown(lambda: self.state() == 'Unreadable')
            [cluster] = self.host.vertices('kubernetes.cluster').values()
            self.assertIn(reason, cluster['reason'])
            self.assertEqual(shown, self.host.node_names())
            self.assertNotIn('listed every poll_interval', self.log.output)

            allow()
            self.wait_until_shown(lambda: self.state() == 'Ready')
            self.assert_shows_the_truth()
            self.wait_for(lambda: self.simulator.watching == 1)

    def test_role_that_is_unbound_during_a_watch(self) -> None:
        self.assert_comes_true(
            lambda: self.simulator.forbidden.update({'list', 'watch'}),
            self.simulator.forbidden.clear, 'may not list nodes')

    def test_token_that_is_revoked_during_a_watch(self) -> None:
        users: list[str | None] = ['vitrage']
        self.simulator.authenticate = lambda request: users[-1]
        self.assert_comes_true(
            lambda: users.append(None), lambda: users.append('vitrage'),
            'it does not accept the credentials')

    def test_one_refusal_of_the_watch_costs_a_list(self) -> None:
        for fault in (faults.forbidden('me', 'watch'), faults.unauthorized()):
            self.see_through_the_watch(f'before-{fault.status}')
            self.simulator.script_watch(fault)
            self.simulator.hang_up(in_order=True)
            self.simulator.put(samples.node(f'watch-{fault.status}'))
            self.assert_shows_the_truth()
            self.wait_for(lambda: self.simulator.watching == 1)
            # Whether it is the watch alone, a list says.
            self.assertEqual((2, 1), (self.watches(), self.lists()))

        self.assertEqual('Ready', self.state())
        self.assertNotIn('listed every poll_interval', self.log.output)

    def test_one_refusal_of_the_question_for_the_version(self) -> None:
        self.set_silence(0.1)
        for fault in (faults.forbidden('me'), faults.unauthorized()):
            self.simulator.requests.clear()
            self.simulator.script_watch(
                *[Stream(end=False)] * watch_policy.SILENT_WATCHES)
            self.simulator.script(fault)
            self.simulator.hang_up()
            self.wait_for(lambda: any(request.query.get('limit') == '1'
                                      for request in self.simulator.requests))
            self.simulator.put(samples.node(f'version-{fault.status}'))

            self.assert_shows_the_truth()
            self.wait_for(lambda: self.simulator.watching == 1)

        self.assertEqual('Ready', self.state())
        self.assertNotIn('listed every poll_interval', self.log.output)
        self.assertNotIn('Its nodes stay in the graph', self.log.output)

    def test_watch_alone_is_asked_for_again_and_again(self) -> None:
        self.doubt(0.2)
        self.simulator.forbidden.add('watch')
        self.simulator.hang_up()
        self.wait_for(lambda: 'listed every poll_interval' in self.log.output)
        self.wait_for_requests(6)

        self.assertEqual('Ready', self.state())
        self.assertEqual(0, self.lists())
        self.assertEqual(1, self.log.output.count(
            'an anonymous user may not watch nodes'))

        self.change()
        self.simulator.forbidden.clear()
        self.assert_shows_the_truth()
        self.assertEqual(0, self.lists())

    def test_watch_that_is_forbidden_first_and_then_all(self) -> None:
        self.doubt(0.2)
        self.set_options(poll_interval=1)
        self.simulator.forbidden.add('watch')
        self.simulator.hang_up()
        self.wait_until_shown(
            lambda: 'listed every poll_interval' in self.log.output)
        self.assertEqual('Ready', self.state())

        self.simulator.forbidden.add('list')

        self.wait_until_shown(lambda: self.state() == 'Unreadable')

    def test_watch_that_tells_of_a_refusal_is_no_rule(self) -> None:
        self.simulator.script_watch(
            faults.watch_error(403, 'Forbidden', 'odd'))
        self.simulator.hang_up()
        self.change()

        self.assert_shows_the_truth()


class ListedTest(RefusalsTest):
    """Of a cluster that is listed in Vitrage's snapshots only."""

    def setUp(self) -> None:
        super().setUp()
        self.set_options(page_size=2)
        self.log = self.useFixture(fixtures.FakeLogger())
        self.simulator = self.start_simulator(*NODES)
        self.host = self.make_host()

    def refuse(self, is_wanted: Callable[[Request], bool],
               answer: Answer | None = None, times: int = FOR_EVER) -> None:
        """Answer so many of these requests with 403, or with this."""
        answers = [answer or faults.forbidden('me')] * times

        def intercept(request: Request) -> Answer | None:
            return answers.pop() if answers and is_wanted(request) else None

        self.simulator.intercept = intercept

    @staticmethod
    def is_first_page(request: Request) -> bool:
        return 'continue' not in request.query

    @staticmethod
    def is_second_page(request: Request) -> bool:
        return 'continue' in request.query

    def test_doubt_ends_within_the_poll(self) -> None:
        self.doubt(FOR_EVER)
        for number, page in enumerate((
                self.is_first_page, self.is_second_page)):
            name = f'new-{number}'
            for poll in (self.host.start, self.host.poll):
                self.simulator.put(samples.node(name))
                self.refuse(page, times=4)

                poll()

                self.assertIn(name, self.host.node_names())
                self.assertEqual('Ready', self.state())
                self.simulator.delete(name)
            # Nothing is known of it yet.
            self.restart_vitrage()

        self.assertNotIn('Its nodes stay in the graph', self.log.output)

    def test_unknown_user_is_shown_at_once(self) -> None:
        self.doubt(FOR_EVER)
        self.host.start()
        for page in (self.is_first_page, self.is_second_page):
            for _ in range(2):
                self.refuse(page, faults.unauthorized())
                self.host.poll()

                self.assertEqual('Unreadable', self.state())
                self.assertEqual(NAMES, self.host.node_names())

                # Whether or not it could be read before.
                self.restart_vitrage()
            self.simulator.intercept = None
            self.host.poll()
            self.assertEqual('Ready', self.state())

    def test_first_watch_is_doubted_too(self) -> None:
        self.doubt(FOR_EVER)
        self.set_options(update_method='pull', poll_interval=10_000)
        self.simulator.script_watch(*[faults.forbidden('me')] * 3)

        self.host.start()

        self.wait_for(lambda: self.simulator.watching == 1)
        self.assertEqual('Ready', self.state())
        self.assertNotIn('listed every poll_interval', self.log.output)

    def test_verdict_is_shown_by_the_poll_and_deletes_nothing(self) -> None:
        self.doubt(0.2)
        for page in (self.is_first_page, self.is_second_page):
            self.simulator.intercept = None
            self.host.poll()
            self.simulator.delete(self.simulator.names()[-1])
            shown = self.host.node_names()
            self.refuse(page)

            self.host.poll()
            self.host.poll()

            self.assertEqual('Unreadable', self.state())
            self.assertEqual(shown, self.host.node_names())

    def test_verdict_of_a_cluster_that_was_never_read(self) -> None:
        self.doubt(0.2)
        self.refuse(self.is_first_page)

        self.host.start()

        [cluster] = self.host.vertices('kubernetes.cluster').values()
        self.assertEqual('Unreadable', cluster['state'])
        self.assertIn('may not list nodes', cluster['reason'])

    def test_verdict_is_not_doubted_again_in_the_next_poll(self) -> None:
        self.doubt(0.2)
        self.refuse(self.is_first_page)
        self.host.start()
        self.doubt(FOR_EVER)
        self.simulator.requests.clear()

        self.host.poll()

        self.assertEqual('Unreadable', self.state())
        self.assertEqual(1, len(self.simulator.requests))

    def test_nothing_but_a_cluster_is_shown_of_what_was_never_read(
            self) -> None:
        self.doubt(FOR_EVER)
        self.set_options(update_method='pull')
        self.set_waits(LONGEST_WAIT=0.02)
        self.refuse(self.is_first_page)
        self.wait_for(lambda: self.host.get_changes() == 0
                      and len(self.simulator.requests) >= 8)

        self.assertEqual('Connecting', self.state())
        self.assertEqual([], self.host.node_names())

        self.simulator.intercept = None
        self.wait_for(lambda: self.state() == 'Ready')
        self.assertEqual(NAMES, self.host.node_names())

    def test_end_of_the_datasource_ends_the_doubt(self) -> None:
        self.set_waits(DOUBT=FOR_EVER, DOUBT_STEPS=(FOR_EVER,))
        self.refuse(self.is_first_page)
        poll = threading.Thread(target=self.host.start)
        poll.start()
        self.wait_for(lambda: len(self.simulator.requests) >= 1)

        self._forget()

        poll.join(10)
        self.assertFalse(poll.is_alive())
