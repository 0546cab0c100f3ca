# SPDX-License-Identifier: Apache-2.0
"""Our errors. Each message names the cluster or the option it is about.

They are raised from their cause, and never quote what a server sent beyond
the message of its Status object, nor anything of the credentials. What they do
quote is made safe here, in one place: names and paths of a kubeconfig,
messages of servers, errors of libraries.
"""

from vitrage_k8s.api import text


class KubernetesDatasourceError(Exception):
    """Whatever keeps nodes from being read.

    :param message: as ``str()`` returns it, but for what makes it safe
    """

    def __init__(self, message: str) -> None:
        super().__init__(text.make_safe(message))


class ConfigurationError(KubernetesDatasourceError):
    """The options or the kubeconfig cannot work as they are."""


class CredentialsError(KubernetesDatasourceError):
    """A certificate or a credential cannot be used, or there is none.

    The message names the field of the kubeconfig and what to do, and holds
    no secret.
    """


class ClusterError(KubernetesDatasourceError):
    """One cluster could not be read; the others are not concerned.

    :ivar cluster: the cluster's name
    :ivar problem: the message without the cluster's name, as it was given
    :ivar state: the state of the cluster that the graph shows
    """

    state = 'Unreadable'

    def __init__(self, cluster: str, problem: str) -> None:
        super().__init__(f'Cluster {cluster}: {problem}')
        self.cluster = cluster
        self.problem = problem


class Misconfigured(ClusterError):
    """What the kubeconfig says of this cluster cannot work.

    :ivar context: the kubeconfig's context that leads to it; None if that is
        not known
    """

    state = 'Misconfigured'

    def __init__(self, cluster: str, problem: str,
                 context: str | None = None) -> None:
        super().__init__(cluster, problem)
        self.context = context


class ConnectionFailed(ClusterError):
    """There was no complete answer. It may help to ask again."""

    state = 'Unreachable'


class TlsFailed(ClusterError):
    """There is no safe connection, and there will be none."""

    state = 'Unreachable'


class LoginFailed(ClusterError):
    """There are no credentials to send."""


class MalformedAnswer(ClusterError):
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


class Refused(ApiError):
    """The server does not know who asks (401), or forbids it (403)."""


class Expired(ApiError):
    """The server cannot tell the rest of a list, for it is too old (410)."""


class PollFailed(KubernetesDatasourceError):
    """A poll could not be made as a whole, and deletes nothing."""
