# SPDX-License-Identifier: Apache-2.0
"""A client whose answers, login and time are the test's: no HTTP, no waiting.

The official client and what urllib3 makes of a body are the real ones; the
connections are not.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import importlib
import pathlib
import types
from typing import Any
from typing import NamedTuple
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

import fixtures
import testtools
import urllib3

from vitrage_k8s.api import client as api_client
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import logins

# The official client does that when it is first used, which takes a second.
importlib.import_module('kubernetes.client.api.core_v1_api')


class Clock:
    """The time, which goes on where somebody waits.

    :ivar now: in seconds
    :ivar waits: how long somebody waited, each time
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def make_event(self) -> 'Event':
        return Event(self)


class Event:
    """A threading.Event, but for the time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> bool:
        if not self._is_set:
            self._clock.waits.append(seconds)
            self._clock.now += seconds
        return self._is_set


# What comes of a body: bytes, seconds without anything, or an error.
Piece = bytes | float | Exception


class Body:
    """A body that comes in pieces; its end is that of the last one."""

    # For urllib3 before 2.2.0.
    length = 0

    def __init__(self, clock: Clock, pieces: Iterable[Piece]) -> None:
        self._clock = clock
        self._pieces = iter(pieces)
        self.closed = False

    def read1(self, size: int = -1) -> bytes:
        """Return the next piece; one of no bytes is as long as it takes."""
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                return piece
            self._clock.now += piece
        return b''

    def read(self, size: int = -1) -> bytes:
        return b''.join(iter(self.read1, b''))

    def close(self) -> None:
        self.closed = True


class Answer(NamedTuple):
    """What the server says."""

    pieces: tuple[Piece, ...] = ()
    status: int = 200
    headers: dict[str, str] = {}
    reason: str = 'OK'


class Connections:
    """Takes the place of transport.Connections.

    :ivar pool_manager: itself
    """

    def __init__(self, test: 'ClientTestCase', login: logins.Login) -> None:
        self._test = test
        self.login = login
        self.pool_manager = self
        self.is_aborted = self.is_closed = self.is_cleared = False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        self._test.bounds.append(seconds)
        yield

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.is_closed = True

    def clear(self) -> None:
        self.is_cleared = True

    def request(self, method: str, url: str, fields: Any = None,
                **options: Any) -> urllib3.HTTPResponse:
        query = {**dict(parse_qsl(urlsplit(url).query)), **dict(fields or {})}
        self._test.requests.append(Request(
            method, url.partition('?')[0],
            {name: str(value) for name, value in query.items()},
            options['headers'], options['timeout']))
        answer = next(self._test.answers)
        if isinstance(answer, Exception):
            raise answer
        body = Body(self._test.clock, answer.pieces)
        self._test.bodies.append(body)
        return urllib3.HTTPResponse(
            body,  # type: ignore[arg-type]
            answer.headers, answer.status, reason=answer.reason,
            preload_content=False)


class Request(NamedTuple):
    """What the client asked for."""

    method: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    timeout: Any


class Logins:
    """Takes the place of a cluster's credentials.

    :ivar answers: what login() returns or raises in turn; the last one stays
    :ivar is_renewed: what refused() returns in turn
    :ivar deadlines: what login() was called with
    :ivar refusals: what refused() was called with
    """

    def __init__(self) -> None:
        self.answers: list[logins.Login | Exception] = [
            logins.Login('Bearer one')]
        self.is_renewed: list[bool] = []
        self.deadlines: list[float] = []
        self.refusals: list[logins.Login] = []

    def login(self, deadline: float) -> logins.Login:
        self.deadlines.append(deadline)
        answer = self.answers[0]
        if len(self.answers) > 1:
            del self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def refused(self, login: logins.Login, deadline: float) -> bool:
        self.refusals.append(login)
        return self.is_renewed.pop(0)


def make_endpoint(name: str, server: str,
                  login: Logins) -> endpoints.Endpoint:
    place = endpoints.Place(
        server, endpoints.ClusterEntry(server), pathlib.Path('/'),
        'the cluster')
    return endpoints.Endpoint(name, place, login)  # type: ignore[arg-type]


class ClientTestCase(testtools.TestCase):
    """Has a client of the cluster 'c' at https://user:secret@host:6443/.

    :ivar requests: what it asked for
    :ivar bounds: how many seconds each request might take
    :ivar bodies: what was answered
    :ivar made: its connections
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.answers: Iterator[Answer | Exception] = iter(())
        self.requests: list[Request] = []
        self.bounds: list[float] = []
        self.bodies: list[Body] = []
        self.made: list[Connections] = []
        self.logins = Logins()
        for name, value in (
                ('client.time', self.clock), ('idle.time', self.clock),
                ('client.threading', types.SimpleNamespace(
                    Event=self.clock.make_event)),
                ('client.transport.Connections', self._connect),
                ('watch_policy.random.uniform', lambda low, high: high)):
            self.useFixture(fixtures.MonkeyPatch(
                f'vitrage_k8s.api.{name}', value))
        self.client = self.make_client()

    def make_client(self, request_timeout: float = 60) -> api_client.Client:
        return api_client.Client('c', make_endpoint(
            'c', 'https://user:secret@host:6443/', self.logins),
            request_timeout)

    def _connect(self, endpoint: endpoints.Endpoint, login: logins.Login,
                 deadline: float) -> Connections:
        self.made.append(Connections(self, login))
        return self.made[-1]

    def will_answer(self, *answers: Answer | Exception) -> None:
        """Set the answers to come, and forget the requests before."""
        self.answers = iter(answers)
        self.requests.clear()
        self.bounds.clear()
        self.clock.waits.clear()
