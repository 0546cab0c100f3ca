# SPDX-License-Identifier: Apache-2.0
"""A fleet whose thread, clock and kubeconfig are the test's."""

from collections.abc import Callable
from collections.abc import Collection
import types
from typing import Any

import fixtures
import testtools

from tests.support import answers
from tests.support import clusters as made
from tests.support import reflectors
from tests.support.reflectors import Idle
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import fleet as fleets
from vitrage_k8s.api import fleet_settings
from vitrage_k8s.api import inventory as inventories

Found = endpoints.Endpoint | Exception

READING = fleet_settings.Options(500, 60, 120, 3, 1000, 600, True)


class Condition(reflectors.Condition):
    """A threading.Condition for one thread, which waits for the test.

    :ivar waits: how long somebody would have waited
    :ivar meanwhile: what happens while somebody waits, in turn
    """

    def __init__(self, clock: answers.Clock) -> None:
        self._clock = clock
        self.waits: list[float] = []
        self.meanwhile: list[Callable[[], object]] = []

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        assert self.held
        if condition():
            return True
        self.waits.append(seconds)
        if not self.meanwhile:
            raise Idle(seconds)
        self._clock.now += seconds
        self.meanwhile.pop(0)()
        return condition()


class Reflector:
    """Takes the place of reflector.Reflector."""

    def __init__(self, endpoint: endpoints.Endpoint,
                 options: fleet_settings.Options, slots: Any,
                 news: Any, is_beside: Callable[[], bool]) -> None:
        self.is_beside = is_beside
        self.name = endpoint.name
        self.endpoint = endpoint
        self.options = options
        self.slots, self.news = slots, news
        self.inventory = inventories.Inventory(options.max_nodes)
        self.health = made.CONNECTING
        self.used: list[endpoints.Endpoint] = []
        self.is_started = self.is_stopped = False
        self.is_listing = False

    def start(self) -> None:
        self.is_started = True

    def stop(self) -> None:
        self.is_stopped = True

    def use(self, endpoint: endpoints.Endpoint) -> None:
        self.used.append(endpoint)

    def request_list(self) -> None:
        self.is_listing = True


class FleetTestCase(testtools.TestCase):
    """Has a fleet.

    :ivar found: what the kubeconfig holds, or an error that it is
    :ivar asked: with what it was asked for
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = answers.Clock()
        self.threads: list[reflectors.Thread] = []
        self.conditions: list[Condition] = []
        self.reflectors: list[Reflector] = []
        self.semaphores: list[int] = []
        self.found: Collection[Found] | Exception = ()
        self.asked: list[tuple[Any, ...]] = []
        self.when_asked: Callable[[], None] = lambda: None
        self.pid = 1
        for name, value in (
                ('time', self.clock), ('kubeconfig.load', self._load),
                ('os.getpid', lambda: self.pid),
                ('reflectors.Reflector', self._make_reflector),
                ('threading', types.SimpleNamespace(
                    Condition=self._make_condition,
                    Thread=self._make_thread,
                    Semaphore=self._make_semaphore))):
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.fleet.{name}', value))
        self.logger = self.useFixture(fixtures.FakeLogger(
            format='%(levelname)s %(message)s'))
        self._logged = 0
        self.fleet = fleets.Fleet()

    def _make_thread(self, **options: Any) -> reflectors.Thread:
        self.threads.append(reflectors.Thread(**options))
        return self.threads[-1]

    def _make_condition(self) -> Condition:
        self.conditions.append(Condition(self.clock))
        return self.conditions[-1]

    def _make_semaphore(self, count: int = 1) -> object:
        self.semaphores.append(count)
        return ('slots', count)

    def _make_reflector(self, *arguments: Any) -> Reflector:
        self.reflectors.append(Reflector(*arguments))
        return self.reflectors[-1]

    def _load(self, *asked: Any) -> Collection[Found]:
        self.asked.append(asked)
        self.when_asked()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    @property
    def news(self) -> Condition:
        return self.conditions[-1]

    @staticmethod
    def settings(**options: Any) -> fleet_settings.Settings:
        return fleet_settings.Settings(**{
            'config_file': '/k', 'contexts': ('x', 'y'),
            'cluster_name': 'kubernetes', 'projects': (),
            'host_contexts': frozenset(),
            'link_by_system_uuid': False, 'ignored_conditions': frozenset(),
            'max_concurrent_lists': 4, 'reading': READING, **options})

    @staticmethod
    def endpoint(name: str) -> endpoints.Endpoint:
        return answers.make_endpoint(name, 'https://one', answers.Logins())

    def use(self, *names: str, anew: bool = True, **options: Any) -> None:
        """Read these clusters from now on, if any are given."""
        if names:
            self.found = [self.endpoint(name) for name in names]
        self.fleet.use(self.settings(**options), anew=anew)
        self.run_thread()

    def run_thread(self, *meanwhile: Callable[[], object]) -> None:
        """Run the fleet's thread until it waits, and nothing more happens."""
        self.news.waits.clear()
        self.news.meanwhile[:] = meanwhile
        try:
            self.threads[-1].run()
        except Idle:
            return
        raise AssertionError('it has ended')

    def health(self) -> dict[str, tuple[str, str | None]]:
        """Return the state and the reason of each cluster that is shown."""
        return {name: (cluster.health.state, cluster.health.reason)
                for name, cluster in self.fleet.view().clusters.items()}

    def logged(self) -> list[str]:
        """Return what was logged since the last call."""
        lines = self.logger.output.splitlines()
        new, self._logged = lines[self._logged:], len(lines)
        return new
