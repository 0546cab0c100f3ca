# SPDX-License-Identifier: Apache-2.0
"""The way to a cluster's API server: list, watch, translate errors.

The only importer of the official client, and of its behaviours that need
care. It hands on bytes; what they mean is for decoding.py.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import itertools
import threading
import time
from typing import Any
from typing import TypeVar
from urllib.parse import urlsplit
import zlib

import kubernetes.client
import urllib3

from vitrage_k8s.api import bodies
from vitrage_k8s.api import credentials
from vitrage_k8s.api import decoding
from vitrage_k8s.api import endpoint
from vitrage_k8s.api import errors
from vitrage_k8s.api import retries
from vitrage_k8s.api import text
from vitrage_k8s.api import transport

Read = TypeVar('Read')

# No API server that can be reached needs longer to take a connection.
_CONNECT_TIMEOUT = 10.0

# More than any list that is worth having: 500 nodes with images and managed
# fields are some 10 MB, and etcd takes no object of more than 1.5 MB.
_LARGEST_ANSWER = 256 * 1024 * 1024
_LONGEST_LINE = 32 * 1024 * 1024

# Of what a server says; it leaves room in a reason for what to do.
_LONGEST_QUOTE = 400

# An answer that does not come, or not as a whole.
_BROKEN = (urllib3.exceptions.HTTPError, OSError, EOFError, zlib.error)


class Client:
    """Reads from one cluster's API server.

    Not for several threads at a time, apart from abort(). Close it after use.

    :param cluster: where it is and how to log in
    :param request_timeout: seconds that one request may take in all
    :param max_retries: how often a request that failed is made again
    """

    def __init__(self, cluster: endpoint.Endpoint, request_timeout: float,
                 max_retries: int) -> None:
        self.cluster = cluster.name
        self._config = cluster
        server = urlsplit(cluster.server)
        self._server = f'{server.scheme}://{server.netloc.rpartition("@")[2]}'
        self._request_timeout = request_timeout
        self._max_retries = max_retries
        self._aborted = threading.Event()
        configuration = kubernetes.client.Configuration()
        configuration.host = cluster.server.rstrip('/')
        self._api_client = kubernetes.client.ApiClient(configuration)
        # The client asks for no compression unless told to; a list of nodes
        # shrinks to a tenth and less.
        self._api_client.set_default_header('Accept-Encoding', 'gzip')
        self._api = kubernetes.client.CoreV1Api(self._api_client)
        self._login: credentials.Login | None = None
        self._connections: transport.Deadlines | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._connections:
            self._connections.close()
        self._api_client.rest_client.pool_manager.clear()

    @property
    def is_aborted(self) -> bool:
        """Whether it has been told to end."""
        return self._aborted.is_set()

    def abort(self) -> None:
        """End what is under way, from another thread, and all that comes."""
        self._aborted.set()
        if self._connections:
            self._connections.abort()

    def watch_nodes(self, resource_version: str, seconds: int,
                    silence: float) -> Iterator[bytes]:
        """Watch all nodes.

        The client's own ``Watch`` is not used: it asks for an expired version
        again and again, without a pause, and cannot be stopped while it waits.

        :param resource_version: tell what has happened since this version
        :param seconds: how long the server is to tell
        :param silence: how many seconds without a line to take for the end of
            the connection
        :returns: the lines, each the JSON of an event, as they come. The
            iteration raises ConnectionFailed where the connection breaks off.
        :raises Expired: what has happened since is not known any more
        :raises ClusterError: the watch could not begin
        """
        response = self._request(
            {'watch': True, 'allow_watch_bookmarks': True,
             'resource_version': resource_version,
             'timeout_seconds': seconds},
            time.monotonic() + self._request_timeout, self._check_type,
            silence)
        return self._read_lines(response, silence)

    def _read_lines(self, response: Any, silence: float) -> Iterator[bytes]:
        heard = time.monotonic()
        with contextlib.closing(response):
            try:
                for lines in bodies.read_lines(response, _LONGEST_LINE):
                    if lines:
                        heard = time.monotonic()
                    elif time.monotonic() - heard > silence:
                        raise errors.ConnectionFailed(
                            self.cluster,
                            f'the watch has been silent for {silence:g} s')
                    yield from filter(bytes.strip, lines)
            except bodies.TooLarge as error:
                raise errors.MalformedAnswer(
                    self.cluster, 'a line of the watch is longer than '
                    f'{_LONGEST_LINE >> 20} MiB') from error
            except EOFError:
                # Of a watch, the end of gzip says no more than that of HTTP.
                return
            except _BROKEN as error:
                raise self._connection_error(error) from error

    def list_nodes(self, limit: int | None, continue_token: str | None,
                   deadline: float) -> bytes:
        """Read one page of the list of all nodes.

        The page is not parsed here: the client's typed objects cost many
        times the reading, and one odd node fails them all.

        :param limit: how many nodes the page may hold; None for all
        :param continue_token: what the page before said to continue with;
            None for the first page
        :param deadline: when to give up, by ``time.monotonic()``
        :returns: the JSON of a NodeList
        :raises ClusterError: there is no complete answer
        """
        for attempt in itertools.count():
            try:
                return self._list_nodes_once(limit, continue_token, deadline)
            except errors.ClusterError as error:
                wait = retries.delay(error, attempt)
                if wait is None or attempt >= self._max_retries \
                        or time.monotonic() + wait >= deadline \
                        or self._aborted.wait(wait):
                    raise
        raise AssertionError  # for mypy: the loop has no end

    def _list_nodes_once(self, limit: int | None, token: str | None,
                         deadline: float) -> bytes:
        query = {'limit': limit, '_continue': token}
        return self._request(
            {name: value for name, value in query.items() if value},
            deadline, self._read_body)

    def _request(self, query: dict[str, Any], deadline: float,
                 read: Callable[[Any], Read],
                 read_timeout: float | None = None) -> Read:
        """Ask for nodes, and read the answer, in the time that there is."""
        while True:
            connection = self._log_in(deadline)
            if self.is_aborted:
                connection.abort()
            timeout = min(self._request_timeout, deadline - time.monotonic())
            if timeout <= 0:
                raise errors.ConnectionFailed(
                    self.cluster,
                    'the list was not complete within list_timeout')
            try:
                with connection.within(timeout):
                    return read(self._api.list_node(
                        **query, _preload_content=False, _request_timeout=(
                            min(_CONNECT_TIMEOUT, timeout),
                            read_timeout or timeout)))
            except kubernetes.client.ApiException as error:
                if error.status != 401 or \
                        not self._config.credentials.refused():
                    raise self._api_error(
                        error, 'watch' if 'watch' in query else 'list'
                    ) from error
            except _BROKEN as error:
                raise self._connection_error(error) from error

    def _log_in(self, deadline: float) -> transport.Deadlines:
        """Return the connections of the present login."""
        try:
            login = self._config.credentials.login(deadline)
            if login == self._login and self._connections:
                return self._connections
            pool_manager = transport.make_pool_manager(self._config, login)
        except errors.CredentialsError as error:
            raise errors.LoginFailed(self.cluster, str(error)) from error
        except ValueError as error:
            raise errors.Misconfigured(
                self.cluster, str(error)) from error
        self.close()
        self._connections = transport.Deadlines(pool_manager)
        self._api_client.rest_client.pool_manager = pool_manager
        self._api_client.default_headers.pop('Authorization', None)
        if login.authorization:
            self._api_client.set_default_header('Authorization',
                                                login.authorization)
        self._login = login
        return self._connections

    def _check_type(self, response: Any) -> Any:
        content_type = response.headers.get('Content-Type', '')
        if content_type and 'json' not in content_type:
            response.close()
            raise errors.MalformedAnswer(
                self.cluster, f'the answer of {self._server} is of the type '
                f'{content_type[:80]}, not JSON; is that the API server, or a '
                'proxy or login page before it?')
        coding = bodies.content_coding(response)
        if coding not in bodies.CODINGS:
            response.close()
            raise errors.MalformedAnswer(
                self.cluster, f'the answer of {self._server} has the content '
                f'coding {coding[:80]}, not gzip')
        return response

    def _read_body(self, response: Any) -> bytes:
        with contextlib.closing(self._check_type(response)):
            try:
                body = bodies.read_all(response, _LARGEST_ANSWER)
            except bodies.TooLarge as error:
                raise errors.MalformedAnswer(
                    self.cluster, f'the answer of {self._server} is larger '
                    f'than {_LARGEST_ANSWER >> 20} MiB; see [kubernetes] '
                    'page_size') from error
            # Back to the pool, for the next page; to close it is harmless.
            response.release_conn()
        return body

    def _connection_error(self, error: Exception) -> errors.ClusterError:
        if transport.is_tls_failure(error):
            return errors.TlsFailed(
                self.cluster, f'no safe connection to the API server at '
                f'{self._server}: {transport.root_cause(error)}. If the '
                'server is the right one, see certificate-authority and '
                'tls-server-name of its cluster in the kubeconfig')
        return errors.ConnectionFailed(
            self.cluster, f'cannot read from the API server at '
            f'{self._server}: {transport.root_cause(error)}')

    def _api_error(self, error: Any,
                   verb: str) -> errors.ClusterError:
        if not error.status:
            # The client's guise for urllib3's SSLError.
            return self._connection_error(error)
        retry_after = retries.parse_retry_after(
            (error.headers or {}).get('Retry-After'))
        said = text.make_safe(
            decoding.decode_message(error.body) or error.reason or '',
            _LONGEST_QUOTE)
        # A traceback prints these, and they may be long or confidential.
        error.body = error.headers = None
        problem = f'the API server at {self._server} answered ' \
                  f'{error.status} ({said})'
        if retry_after:
            problem += f' and wants to be left alone for {retry_after:g} s'
        if error.status == 401:
            problem += ': it does not accept the credentials; ' \
                       'renew them in the kubeconfig'
        elif error.status == 403:
            problem += f': these credentials may not {verb} nodes; bind ' \
                       f'them to a role with the verb {verb} on the ' \
                       'resource nodes (etc/kubernetes/rbac.yaml of ' \
                       'vitrage-k8s)'
        kinds = {401: errors.Refused, 403: errors.Refused,
                 410: errors.Expired}
        return kinds.get(error.status, errors.ApiError)(
            self.cluster, problem, error.status, retry_after)
