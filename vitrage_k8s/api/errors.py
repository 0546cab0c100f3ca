# SPDX-License-Identifier: Apache-2.0
"""Our errors. Each message names the cluster or the option it is about.

They are raised from their cause. Of an answer they quote the message of its
Status object only, and nothing of credentials. What they quote (names, paths,
messages of servers and libraries) is made safe here, in one place.
"""

import logging

from vitrage_k8s.api import text
from vitrage_k8s.api import watch_policy

Kind = watch_policy.Kind


class KubernetesDatasourceError(Exception):
    """Whatever keeps nodes from being read.

    :ivar level: at which it is logged
    :ivar problem: the message, without the name of a cluster
    :ivar kind, state, retry_after, is_retried: see ``watch_policy.Failure``
    """

    level = logging.ERROR
    kind = Kind.PASSING
    state = watch_policy.UNREADABLE
    retry_after: float | None = None
    is_retried = False

    def __init__(self, problem: str, about: str = '') -> None:
        super().__init__(text.make_safe(about + problem))
        self.problem = text.make_safe(problem)

    def failure(self) -> watch_policy.Failure:
        """Return its data. The error itself would keep the answer alive."""
        return watch_policy.Failure(self.kind, self.state, self.problem,
                                    self.retry_after, self.is_retried)


class DefectError(KubernetesDatasourceError):
    """Something was raised that nobody foresaw."""

    kind = Kind.DEFECT


class ConfigurationError(KubernetesDatasourceError):
    """The options or the kubeconfig cannot work as they are."""


class UnusableEntryError(ConfigurationError):
    """One entry cannot be used; it is known which clusters there are."""


class AdviceError(UnusableEntryError):
    """The configuration works, but should be another."""

    level = logging.WARNING


class CredentialsError(KubernetesDatasourceError):
    """There is nothing to log in with.

    The message names the field of the kubeconfig and what to do.
    """


class PemError(CredentialsError):
    """A certificate or key of the kubeconfig cannot be used."""


class TooManyNodesError(KubernetesDatasourceError):
    """There are more nodes than the operator allows."""

    kind = Kind.TOO_MANY


class ClusterError(KubernetesDatasourceError):
    """One cluster could not be read; this says nothing about the others.

    :ivar name: the cluster's name
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem, f'Cluster {name}: ')
        self.name = name


class MisconfiguredError(ClusterError):
    """What the kubeconfig says of this cluster cannot work.

    :param context: the name of its context, if that is known
    """

    kind = Kind.MISCONFIGURED
    state = watch_policy.MISCONFIGURED

    def __init__(self, name: str, problem: str,
                 context: str | None = None) -> None:
        super().__init__(name, problem)
        self.context = context


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


class MalformedAnswerError(ClusterError):
    """What came is not the list of nodes that was asked for."""


class ApiError(ClusterError):
    """The API server refused or failed the request.

    :param status: the HTTP status code
    :param retry_after: seconds that the server wants to be left alone
    """

    def __init__(self, name: str, problem: str, status: int,
                 retry_after: float | None = None) -> None:
        super().__init__(name, problem)
        self.status = status
        self.retry_after = retry_after
        self.kind = _KINDS.get(status, Kind.PASSING)
        self.is_retried = status in (429, 500, 502, 503, 504)


_KINDS = {401: Kind.LOGIN, 403: Kind.FORBIDDEN, 429: Kind.BUSY}


class ExpiredError(ApiError):
    """The server does not know the version any more (410)."""
