# SPDX-License-Identifier: Apache-2.0
"""A reflector whose threads run when the test lets them, until they wait."""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import json
import logging
import types
from typing import Any

import fixtures
import testtools

from tests.support import answers
from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import fleet_settings
from vitrage_k8s.api import reflector as reflectors
from vitrage_k8s_lab import samples


class Idle(BaseException):
    """A thread waits.

    :ivar seconds: for how long; None for until it is notified
    """

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds


class Lock:
    """A lock for one thread.

    :ivar held: how often it is held
    """

    held = 0

    def __enter__(self) -> None:
        self.held += 1

    def __exit__(self, *exc_info: object) -> None:
        self.held -= 1


class Condition(Lock):
    """A threading.Condition for one thread.

    :ivar notified: how often all were notified
    """

    notified = 0

    def wait(self, seconds: float | None = None) -> None:
        raise Idle(seconds)

    def notify_all(self) -> None:
        assert self.held
        self.notified += 1


class Thread:
    """A threading.Thread that the test runs."""

    def __init__(self, target: Callable[[], None], daemon: bool,
                 name: str) -> None:
        assert daemon
        self.run = target
        self.name = name
        self.is_started = False

    def start(self) -> None:
        self.is_started = True


def page(*names: str, version: object = '10', token: str | None = None,
         **more: Any) -> bytes:
    """Return a page of a list of these nodes, and more items."""
    return json.dumps({
        'kind': 'NodeList',
        'metadata': {'resourceVersion': version, 'continue': token},
        'items': [samples.node(name) for name in names] + more.get('odd', []),
    }).encode()


def event(kind: str, name: str, version: object = '11', /,
          **changes: Any) -> bytes:
    node = samples.node(name)
    node['kind'] = 'Node'
    node['metadata'].update(resourceVersion=str(version), **changes)
    return json.dumps({'type': kind, 'object': node}).encode()


def error_event(code: int, message: str) -> bytes:
    return json.dumps({'type': 'ERROR', 'object': {
        'kind': 'Status', 'code': code, 'message': message}}).encode()


# What comes of a request: bytes, an error, or something that happens before
# the next one.
Step = bytes | Exception | Callable[[], object]


class Client:
    """Takes the place of client.Client.

    :cvar made: all of them
    :cvar steps: what comes, in turn
    :cvar slots: are held while an answer is inflated, and only then
    :cvar when_made: is called when there is another one
    """

    made: list['Client']
    steps: list[Step]
    slots: Lock
    when_made: Callable[[], object]

    def __init__(self, name: str, endpoint: endpoints.Endpoint,
                 request_timeout: float) -> None:
        self.name = name
        self.endpoint = endpoint
        self.request_timeout = request_timeout
        self.max_retries: int | None = None
        self.is_aborted = self.is_closed = False
        self.asked: list[tuple[Any, ...]] = []
        self.made.append(self)
        type(self).when_made()

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.is_closed = True

    malformed = api_client.Client.malformed
    late = api_client.Client.late

    def _take(self) -> Iterator[bytes]:
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                yield step
            else:
                step()

    def list_nodes(self, *asked: Any) -> bytes:
        assert not self.slots.held
        self.asked.append(asked)
        if not self.steps:
            raise Idle(0)
        return next(self._take())

    def inflate(self, packed: bytes, deadline: float) -> bytes:
        assert self.slots.held and deadline == self.asked[-1][-1]
        return packed

    @contextlib.contextmanager
    def watch_nodes(self, *asked: Any) -> Iterator[Iterator[bytes]]:
        self.asked.append(asked)
        if not self.steps:
            raise Idle(0)
        if isinstance(self.steps[0], Exception):
            raise self.steps.pop(0)  # type: ignore[misc]
        yield self._take()


class ReflectorTestCase(testtools.TestCase):
    """Has a reflector of the cluster 'c'."""

    is_watching = True
    is_beside = False
    options: dict[str, Any] = {}

    def setUp(self) -> None:
        super().setUp()
        self.clock = answers.Clock()
        self.news = Condition()
        self.slots = Lock()
        self.clients: list[Client] = []
        self.steps: list[Step] = []
        self.threads: list[Thread] = []
        self.conditions: list[Condition] = []
        self.client: Any = type('Client', (Client,), {
            'made': self.clients, 'steps': self.steps, 'slots': self.slots,
            'when_made': lambda: None})
        for name, value in (
                ('reflector.time', self.clock), ('reader.time', self.clock),
                ('client.Client', self.client),
                ('reflector.threading', types.SimpleNamespace(
                    Condition=self._make_condition, Thread=self._make_thread)),
                ('reflector.random.randint', lambda *bounds: bounds),
                ('watch_policy.random.uniform', lambda low, high: high)):
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.{name}', value))
        self.logger = self.useFixture(fixtures.FakeLogger(
            level=logging.DEBUG, format='%(levelname)s %(message)s'))
        self._logged = 0
        self.endpoint = self.make_endpoint('https://one')
        self.reflector = reflectors.Reflector(
            self.endpoint, fleet_settings.Options(**{
                'page_size': 2, 'request_timeout': 60, 'list_timeout': 120,
                'max_retries': 3, 'max_nodes': 5, 'poll_interval': 600,
                'is_watching': self.is_watching, **self.options}),
            self.slots, self.news,  # type: ignore[arg-type]
            lambda: self.is_beside)
        self.reflector.start()

    @staticmethod
    def make_endpoint(server: str) -> endpoints.Endpoint:
        return answers.make_endpoint('c', server, answers.Logins())

    def _make_condition(self) -> Condition:
        self.conditions.append(Condition())
        return self.conditions[-1]

    def _make_thread(self, **options: Any) -> Thread:
        self.threads.append(Thread(**options))
        return self.threads[-1]

    def _run(self, number: int, steps: tuple[Step, ...]) -> float | None:
        """Run a thread until it waits and no step is left."""
        self.clients.clear()
        self.steps[:] = steps
        while True:
            try:
                self.threads[number].run()
            except Idle as idle:
                if not self.steps:
                    return idle.seconds
                assert idle.seconds, self.steps
                self.clock.now += idle.seconds

    def lists(self, *steps: Step) -> float | None:
        """List, and return how long it is to the next list.

        :returns: seconds; None if there is to be none
        """
        return self._run(0, steps)

    def watches(self, *steps: Step) -> float | None:
        """Watch, and return how long it is to the next watch.

        :returns: seconds; None if there is to be none; 0 if it has begun, and
            nothing comes
        """
        return self._run(1, steps)

    def list_beside(self, *steps: Step) -> Callable[[], None]:
        """Return what lists while a watch is under way."""
        def list_now() -> None:
            self.reflector.request_list()
            rest, self.steps[:] = [*self.steps], steps
            with contextlib.suppress(Idle):
                self.threads[0].run()
            self.steps[:] = rest
        return list_now

    def watches_beside(self) -> float | None:
        """Return how long it is to the next watch, while a list goes on."""
        rest, self.steps[:] = [*self.steps], []
        try:
            self.threads[1].run()
        except Idle as idle:
            self.steps[:] = rest
            return idle.seconds
        raise AssertionError('it has ended')

    def woken(self) -> int:
        """Return how often the threads were woken."""
        [condition] = self.conditions
        return condition.notified

    def pass_time(self, seconds: float) -> Callable[[], None]:
        def wait() -> None:
            self.clock.now += seconds
        return wait

    def health(self) -> tuple[str, str | None]:
        return self.reflector.health.state, self.reflector.health.reason

    def nodes(self) -> set[str | None]:
        """Return the names of all nodes."""
        return {node.name for node
                in self.reflector.inventory.all_nodes().values()}

    def logged(self, *levels: str) -> list[str]:
        """Return what was logged since the last call, at these levels."""
        lines = self.logger.output.splitlines()
        new, self._logged = lines[self._logged:], len(lines)
        return [line for line in new if line.partition(' ')[0] in (
            levels or ('INFO', 'WARNING', 'ERROR'))]


UNAVAILABLE = errors.ApiError('c', 'unavailable', 503)
REFUSED = errors.ConnectionFailedError('c', 'refused')
EXPIRED = errors.ExpiredError('c', 'expired', 410)
FORBIDDEN = errors.ApiError('c', 'forbidden', 403)
SILENT = errors.WatchSilentError('c', 'silent')
