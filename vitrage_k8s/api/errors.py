# SPDX-License-Identifier: Apache-2.0
"""Our errors. Each message names the cluster or the option it is about.

They are raised from their cause, and never quote what a server sent beyond
the message of its Status object, nor anything of the credentials. What they do
quote is made safe here, in one place: names and paths of a kubeconfig,
messages of servers, errors of libraries.
"""

import logging

from vitrage_k8s.api import text
from vitrage_k8s.api import watch_policy

Kind = watch_policy.Kind


class KubernetesDatasourceError(Exception):
    """Whatever keeps nodes from being read.

    :param message: as ``str()`` returns it, but for what makes it safe
    :ivar level: at which it is logged
    """

    level = logging.ERROR

    def __init__(self, message: str) -> None:
        super().__init__(text.make_safe(message))


class ConfigurationError(KubernetesDatasourceError):
    """The options or the kubeconfig cannot work as they are."""


class UnusableEntryError(ConfigurationError):
    """One entry cannot be used; it is known which cluster it is not about."""


class AdviceError(UnusableEntryError):
    """The configuration works, but should be another."""

    level = logging.WARNING


class ClusterError(KubernetesDatasourceError):
    """One cluster could not be read; the others are not concerned.

    :ivar cluster: the cluster's name
    :ivar problem: the message without the cluster's name
    :ivar state: the state of the cluster that the graph shows
    :ivar kind: what it means for the next attempt
    :ivar retry_after: seconds that the server asks to wait, if it does
    :ivar is_retried: whether the same request may succeed in a moment
    """

    state = watch_policy.UNREADABLE
    kind = Kind.PASSING
    retry_after: float | None = None
    is_retried = False

    def __init__(self, cluster: str, problem: str) -> None:
        super().__init__(f'Cluster {cluster}: {problem}')
        self.cluster = cluster
        self.problem = text.make_safe(problem)

    def failure(self) -> watch_policy.Failure:
        """Return what is to be kept of it: an error keeps an answer alive."""
        return watch_policy.Failure(self.kind, self.state, self.problem,
                                    self.retry_after, self.is_retried)


class MisconfiguredError(ClusterError):
    """What the kubeconfig says of this cluster cannot work."""

    state = watch_policy.MISCONFIGURED
    kind = Kind.MISCONFIGURED


class ConnectionFailedError(ClusterError):
    """There was no complete answer. It may help to ask again."""

    state = watch_policy.UNREACHABLE
    is_retried = True


class WatchSilentError(ConnectionFailedError):
    """Nothing came for a while: the server is idle, or out of reach."""


class TlsFailedError(ClusterError):
    """There is no safe connection, and there will be none."""

    state = watch_policy.UNREACHABLE


class LoginFailedError(ClusterError):
    """There are no credentials to send."""

    kind = Kind.LOGIN


class CredentialsError(KubernetesDatasourceError):
    """There is nothing to log in with.

    The message names the field of the kubeconfig and what to do, and holds
    no secret.
    """


class PemError(CredentialsError):
    """A certificate or key of the kubeconfig cannot be used."""


class MalformedAnswerError(ClusterError):
    """What came is not the list of nodes that was asked for."""


class ApiError(ClusterError):
    """The API server refused or failed the request.

    :ivar status: the HTTP status code
    :ivar retry_after: seconds that the server wants to be left alone; None
        if it does not say
    """

    def __init__(self, cluster: str, problem: str, status: int,
                 retry_after: float | None = None) -> None:
        super().__init__(cluster, problem)
        self.status = status
        self.retry_after = retry_after
        self.kind = _KINDS.get(status, Kind.PASSING)
        self.is_retried = status in (429, 500, 502, 503, 504)


_KINDS = {401: Kind.LOGIN, 403: Kind.FORBIDDEN, 429: Kind.BUSY}


class ExpiredError(ApiError):
    """The server does not know the version any more (410)."""
