# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The way to a cluster's API server: connect, read a page, translate errors.

The only importer of the official client, and of its behaviours that need
care. It hands on bytes; what they mean is for nodes.py.
"""

import os
import pathlib
from typing import Any
from urllib.parse import urlsplit

import kubernetes.client
import kubernetes.config
from kubernetes.config import kube_config
import msgspec
import urllib3
import yaml

from vitrage_k8s import deadlines
from vitrage_k8s import exceptions

# No API server that can be reached needs longer to take a connection.
_CONNECT_TIMEOUT = 10.0


class Client:
    """Reads from one cluster's API server.

    Not for several threads at a time. Close it after use.

    :param cluster: the cluster's name, for messages
    :param configuration: where the API server is and how to log in
    :param request_timeout: seconds that one request may take in all
    """

    def __init__(self, cluster: str,
                 configuration: kubernetes.client.Configuration,
                 request_timeout: float) -> None:
        self.cluster = cluster
        server = urlsplit(configuration.host)
        self._server = f'{server.scheme}://{server.netloc.rpartition("@")[2]}'
        self._request_timeout = request_timeout
        # Hidden retries would multiply every timeout, and sleep through it
        # for as long as the server's Retry-After says.
        configuration.retries = False
        self._api_client = kubernetes.client.ApiClient(configuration)
        # The client asks for no compression unless told to; a list of nodes
        # shrinks to a tenth and less.
        self._api_client.set_default_header('Accept-Encoding', 'gzip')
        self._api = kubernetes.client.CoreV1Api(self._api_client)
        self._pool_manager = self._api_client.rest_client.pool_manager
        self._deadlines = deadlines.Deadlines(self._pool_manager)

    def close(self) -> None:
        """Close the connections."""
        self._pool_manager.clear()

    def list_nodes(self, limit: int, continue_token: str | None) -> bytes:
        """Read one page of the list of all nodes.

        The page is not parsed here: the client's typed objects cost thirty
        times the reading, and one odd node fails them all.

        :param limit: how many nodes the page may hold
        :param continue_token: what the page before said to continue with;
            None for the first page
        :returns: the JSON of a NodeList
        :raises ClusterError: there is no complete answer
        """
        connect_timeout = min(_CONNECT_TIMEOUT, self._request_timeout)
        try:
            with self._deadlines.within(self._request_timeout):
                response = self._api.list_node(
                    limit=limit, _continue=continue_token,
                    _preload_content=False,
                    _request_timeout=(connect_timeout, self._request_timeout))
                return response.data
        except kubernetes.client.ApiException as error:
            raise self._api_error(error) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise exceptions.ClusterError(
                self.cluster, f'cannot read from the API server at '
                f'{self._server}: {_root_cause(error)}') from error
        except kubernetes.config.ConfigException as error:
            raise exceptions.ClusterError(
                self.cluster, f'no credentials: {error}') from error
        except ValueError:
            # The cause's message quotes the header that cannot be sent.
            raise exceptions.ClusterError(
                self.cluster, 'the credentials in the kubeconfig hold '
                'characters that cannot be sent; see that the token is a '
                'single line of ASCII') from None

    def _api_error(self, error: Any) -> exceptions.ClusterError:
        if not error.status:
            # The client's guise for urllib3's SSLError.
            return exceptions.ClusterError(
                self.cluster, f'no safe connection to the API server at '
                f'{self._server}: {_root_cause(error)}. If the server is '
                'the right one, see certificate-authority and '
                'tls-server-name of its cluster in the kubeconfig')
        said = _status_message(error.body) or error.reason
        # A traceback prints these, and they may be long or confidential.
        error.body = error.headers = None
        problem = f'the API server at {self._server} answered ' \
                  f'{error.status} ({said})'
        if error.status == 401:
            problem += ': it does not accept the credentials; ' \
                       'renew them in the kubeconfig'
        elif error.status == 403:
            problem += ': these credentials may not list nodes; bind them ' \
                       'to a role with the verb list on the resource nodes ' \
                       '(etc/kubernetes/rbac.yaml of vitrage-k8s)'
        return exceptions.ApiError(self.cluster, problem, error.status)


def connect(config_file: str | None, contexts: list[str], cluster_name: str,
            request_timeout: float) -> list[Client]:
    """Make a client for each cluster that the options name.

    No request is made yet.

    :param config_file: path of the kubeconfig; None for the in-cluster
        configuration or else the default kubeconfig
    :param contexts: contexts of the kubeconfig; empty for the current one
    :param cluster_name: the name of an in-cluster configuration's cluster
    :param request_timeout: seconds that one request may take in all
    :raises ConfigurationError: the configuration cannot work
    """
    if not config_file and not contexts:
        configuration = kubernetes.client.Configuration()
        try:
            kubernetes.config.load_incluster_config(configuration)
        except kubernetes.config.ConfigException:
            pass
        else:
            return [Client(cluster_name, configuration, request_timeout)]
    kubeconfig = _read_kubeconfig(config_file)
    clients: dict[str, Client] = {}
    for context in contexts or (None,):
        client = _connect_context(*kubeconfig, context, request_timeout)
        if client.cluster in clients:
            raise exceptions.ConfigurationError(
                f'[kubernetes] contexts: the context {context} is of the '
                f'cluster {client.cluster}, as another one before it; name '
                'one context for each cluster')
        clients[client.cluster] = client
    return list(clients.values())


def _read_kubeconfig(config_file: str | None) -> tuple[str, Any]:
    """Return what to call the kubeconfig in messages, and its contents."""
    if config_file:
        where = f'[kubernetes] config_file: {config_file}'
        paths = [config_file]
    else:
        location = kube_config.KUBE_CONFIG_DEFAULT_LOCATION
        where = f'[kubernetes] config_file is not set, and the default ' \
                f'kubeconfig {location}'
        paths = location.split(kube_config.ENV_KUBECONFIG_PATH_SEPARATOR)
    # The client passes over files that are missing, one of several or all.
    if not any(pathlib.Path(path).expanduser().is_file() for path in paths):
        raise exceptions.ConfigurationError(
            f'{where}: there is no such file; set config_file to the path of '
            'a kubeconfig that this service can read')
    try:
        contents = kube_config.KubeConfigMerger(
            os.pathsep.join(paths)).config
    except OSError as error:
        raise exceptions.ConfigurationError(
            f'{where}: cannot be read: {error.strerror}') from error
    except (kubernetes.config.ConfigException, ValueError, TypeError,
            AttributeError, yaml.YAMLError) as error:
        raise exceptions.ConfigurationError(
            f'{where}: is no kubeconfig: {_first_line(error)}') from error
    return where, contents


def _connect_context(where: str, contents: Any, context: str | None,
                     request_timeout: float) -> Client:
    configuration = kubernetes.client.Configuration()
    try:
        loader = kube_config.KubeConfigLoader(
            contents, active_context=context, config_base_path=None)
        loader.load_and_set(configuration)
        cluster: str = loader.current_context['context']['cluster']
    except (kubernetes.config.ConfigException, OSError, ValueError,
            TypeError, KeyError) as error:
        named = f'context {context}' if context else \
            'current context ([kubernetes] contexts names none)'
        raise exceptions.ConfigurationError(
            f'{where}: {named}: {_first_line(error)}') from error
    return Client(cluster, configuration, request_timeout)


def _first_line(error: BaseException) -> str:
    # What follows may quote the file.
    return str(error).partition('\n')[0][:200]


def _root_cause(error: BaseException) -> str:
    while isinstance(cause := error.__cause__ or error.__context__, Exception):
        if isinstance(error, TimeoutError):
            break
        error = cause
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return _first_line(error) or type(error).__name__


class _Status(msgspec.Struct):
    message: str | None = None


def _status_message(body: Any) -> str | None:
    """Return the message of a Status object; None where it is none."""
    try:
        message = msgspec.json.decode(body or b'', type=_Status).message
    except msgspec.DecodeError:
        return None
    return message[:300] if message else None
