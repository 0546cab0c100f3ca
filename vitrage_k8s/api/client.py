# SPDX-License-Identifier: Apache-2.0
"""Requests to a cluster's API server: list a page, watch.

The only importer of the official client. It returns bytes.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import math
import threading
import time
from typing import Any
from typing import TypeVar
from urllib.parse import urlsplit
import zlib

import kubernetes.client
import msgspec
import urllib3

from vitrage_k8s.api import bodies
from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import errors
from vitrage_k8s.api import idle
from vitrage_k8s.api import logins
from vitrage_k8s.api import refusals
from vitrage_k8s.api import transport
from vitrage_k8s.api import watch_policy

Read = TypeVar('Read')

# Newer clients import it when it is first used, which takes a second.
kubernetes.client.CoreV1Api  # noqa: B018

# Without it, the system's limit is two minutes.
_CONNECT_TIMEOUT = 10.0

# 500 nodes are some 10 MB, and etcd takes no object of more than 1.5 MB.
_LARGEST_ANSWER = 256 * 1024 * 1024
_LARGEST_PACKED = 64 * 1024 * 1024
_LONGEST_LINE = 32 * 1024 * 1024

# No answer, or an incomplete one.
_BROKEN = (urllib3.exceptions.HTTPError, OSError, EOFError, zlib.error)


class Client:
    """Sends requests to one API server, one at a time. Close it after use.

    :param request_timeout: seconds that one request may take in all
    :ivar max_retries: how often a request that failed is made again
    """

    def __init__(self, name: str, endpoint: endpoints.Endpoint,
                 request_timeout: float) -> None:
        self.max_retries = 0
        self.name = name
        self._endpoint = endpoint
        server = urlsplit(endpoint.server)
        self._server = f'{server.scheme}://{server.netloc.rpartition("@")[2]}'
        self._refusals = refusals.Refusals(name, self._server)
        self._request_timeout = request_timeout
        self._aborted = threading.Event()
        self._session: idle.Session | None = None
        self._is_idle = self._is_left = False

    def close(self) -> None:
        """Close the connections, or leave them to the next client."""
        session, self._session = self._session, None
        if session and self._is_idle and not self.is_aborted:
            idle.SESSIONS.leave(self._endpoint, session)
        elif session:
            session.connections.close()
            session.connections.pool_manager.clear()

    @property
    def is_aborted(self) -> bool:
        """Whether abort() was called."""
        return self._aborted.is_set()

    def abort(self) -> None:
        """End all requests, present and future, from another thread."""
        self._aborted.set()
        # close() may come in between.
        if session := self._session:
            session.connections.abort()

    def malformed(self, problem: str) -> errors.MalformedAnswerError:
        """Return the error for an answer that cannot be understood."""
        return errors.MalformedAnswerError(self.name, problem)

    def _too_large(self, error: Exception) -> errors.MalformedAnswerError:
        return self.malformed(f'the answer of {self._server} {error}; see '
                              '[kubernetes] page_size')

    def late(self) -> errors.ConnectionFailedError:
        """Return the error for a list that takes too long."""
        return errors.ConnectionFailedError(
            self.name, 'the list was not complete within list_timeout')

    def list_nodes(self, limit: int | None, continue_token: str | None,
                   deadline: float) -> bodies.Packed:
        """Read one page of the list of all nodes.

        The client's typed objects are not used: they cost many times as much,
        and one odd node makes all of them fail.

        :param limit: how many nodes the page may hold; None for all
        :param continue_token: of the page before; None for the first page
        :param deadline: when to give up, by ``time.monotonic()``
        :raises ClusterError: there is no complete answer
        """
        wanted = {'limit': limit, '_continue': continue_token}
        query = {name: value for name, value in wanted.items() if value}
        attempt = 0
        while True:
            try:
                return self._request(query, deadline, self._read_packed)
            except bodies.TooLargeError as error:
                raise self._too_large(error) from error
            except errors.ClusterError as error:
                wait = watch_policy.retry_wait(
                    error.failure(), attempt, self.max_retries)
                if wait is None or time.monotonic() + wait >= deadline \
                        or self._aborted.wait(wait):
                    raise
            attempt += 1

    def inflate(self, packed: bodies.Packed,
                deadline: float) -> bytes | bytearray:
        """Return the JSON of an answer.

        :param deadline: when to give up, by ``time.monotonic()``
        :raises ClusterError: it is too large, or not complete
        """
        def heed() -> None:
            if self.is_aborted or time.monotonic() >= deadline:
                raise self.late()

        try:
            return bodies.inflate_all(packed, _LARGEST_ANSWER, heed)
        except bodies.TooLargeError as error:
            raise self._too_large(error) from error
        except (EOFError, zlib.error) as error:
            raise self._refusals.of_connection(error) from error

    @contextlib.contextmanager
    def watch_nodes(self, resource_version: str, seconds: int,
                    silence: float) -> Iterator[Iterator[bytes]]:
        """Watch all nodes.

        The client's own ``Watch`` is not used: it repeats a request for an
        expired version without a pause, and cannot be stopped while it waits.

        :param resource_version: after which events are wanted
        :param seconds: how long the server is to watch
        :param silence: how many seconds without a line end the watch
        :returns: a context with the lines of the accepted watch; reading them
            raises ClusterError where the watch breaks off
        :raises ExpiredError: the server does not know that version any more
        :raises ClusterError: the watch could not begin
        """
        with contextlib.closing(self._request(
                {'watch': True, 'allow_watch_bookmarks': True,
                 'resource_version': resource_version,
                 'timeout_seconds': seconds},
                math.inf, self._accept, silence)) as response:
            yield self._read_lines(response, silence)

    def _read_lines(self, response: Any, silence: float) -> Iterator[bytes]:
        has_lines, rest, heard = False, bytearray(), time.monotonic()
        try:
            for lines, rest in bodies.split_lines(  # noqa: B007
                    bodies.read_pieces(response), _LONGEST_LINE):
                if self.is_aborted:
                    return
                if lines:
                    heard = time.monotonic()
                elif time.monotonic() - heard > silence:
                    raise errors.WatchSilentError(
                        self.name, f'the watch was silent for {silence:g} s')
                # A line that is cut off comes again with the next watch.
                for line in filter(bytes.strip, lines):
                    has_lines = True
                    yield line
        except bodies.TooLargeError as error:
            raise self.malformed('a line of the watch is longer than '
                                 f'{_LONGEST_LINE >> 20} MiB') from error
        except EOFError:
            pass  # A watch may end anywhere.
        except _BROKEN as error:
            if transport.is_read_timeout(error):
                raise errors.WatchSilentError(
                    self.name, 'the watch was silent') from error
            if (has_lines or not rest.strip()) and \
                    not isinstance(error, zlib.error):
                raise self._refusals.of_connection(error) from error
            has_lines, rest = False, bytearray(b'junk')
        if rest.strip() and not has_lines:
            raise self.malformed(
                f'the watch of {self._server} ended without a whole line; '
                f'{bodies.WHO}')

    def ask(self, api: str, method: str,
            **arguments: Any) -> tuple[Any, str]:
        """Call a method of the official client, for ``vitrage-k8s check``.

        :returns: the decoded answer, and its header Date
        :raises ClusterError: there is no answer
        :raises AttributeError: this version of the client has no such method
        """
        try:
            body, date = self._request(
                arguments, math.inf, lambda response: (bodies.read_all(
                    bodies.read_pieces(response), _LONGEST_LINE),
                    response.headers.get('Date', '')), None, api, method)
            return msgspec.json.decode(body), date
        except (bodies.TooLargeError, msgspec.DecodeError,
                RecursionError) as error:
            raise self.malformed(str(error)) from error

    def _request(self, query: dict[str, Any], deadline: float,
                 read: Callable[[Any], Read],
                 read_timeout: float | None = None, api: str = 'CoreV1Api',
                 method: str = 'list_node') -> Read:
        is_second = False
        while True:
            self._is_idle = False
            until = min(deadline, time.monotonic() + self._request_timeout)
            login, connections, api_client, _ = self._log_in(until)
            call = getattr(getattr(kubernetes.client, api)(api_client), method)
            if self.is_aborted:
                connections.abort()
            timeout = min(self._request_timeout, deadline - time.monotonic())
            if timeout <= 0:
                raise self.late()
            try:
                with connections.within(timeout):
                    answer = read(call(
                        **query, _preload_content=False, _request_timeout=(
                            min(_CONNECT_TIMEOUT, timeout),
                            read_timeout or timeout)))
                self._is_left = False
                return answer
            except (kubernetes.client.ApiException, *_BROKEN) as error:
                if self._is_left and not getattr(error, 'status', None) \
                        and time.monotonic() < until:
                    # Cut while idle, or of old certificates: connect anew.
                    self.close()
                    continue
                if isinstance(error, TimeoutError) and \
                        time.monotonic() >= deadline:
                    raise self.late() from error
                if not isinstance(error, kubernetes.client.ApiException):
                    raise self._refusals.of_connection(error) from error
                if error.status != 401 or is_second or \
                        not self._endpoint.credentials.refused(login, until):
                    raise self._refusals.of_status(
                        error, 'watch' if 'watch' in query else 'list',
                        login) from None
                is_second = True

    def _log_in(self, deadline: float) -> idle.Session:
        try:
            login = self._endpoint.credentials.login(deadline)
            if self._session and self._session.login == login:
                return self._session
            left = idle.SESSIONS.take(self._endpoint, login)
            session = left or self._make_session(login, deadline)
        except (errors.PemError, ValueError) as error:
            raise errors.MisconfiguredError(self.name, str(error)) from error
        except errors.CredentialsError as error:
            raise errors.LoginFailedError(self.name, str(error)) from error
        self.close()
        self._session, self._is_left = session, left is not None
        return session

    def _make_session(self, login: logins.Login,
                      deadline: float) -> idle.Session:
        connections = transport.Connections(self._endpoint, login, deadline)
        configuration = kubernetes.client.Configuration()
        configuration.host = self._endpoint.server.rstrip('/')
        # pools.py reads those of the environment.
        configuration.proxy = None
        api_client = kubernetes.client.ApiClient(configuration)
        # A list of nodes shrinks to a tenth or less.
        api_client.set_default_header('Accept-Encoding', 'gzip')
        api_client.rest_client.pool_manager = connections.pool_manager
        return idle.Session(login, connections, api_client, time.monotonic())

    def _accept(self, response: Any) -> Any:
        if problem := bodies.problem_of(response):
            response.close()
            raise self.malformed(f'the answer of {self._server} {problem}')
        return response

    def _read_packed(self, response: Any) -> bodies.Packed:
        with contextlib.closing(self._accept(response)):
            packed = bodies.read_packed(response, _LARGEST_PACKED)
            # The next page uses the connection; closing is harmless then.
            response.release_conn()
            self._is_idle = True
        return packed
