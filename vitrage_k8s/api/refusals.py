# SPDX-License-Identifier: Apache-2.0
"""Explains why there is no answer of an API server, and what to do."""

import math
import re
import sys
from typing import Any

import urllib3

from vitrage_k8s.api import decoding
from vitrage_k8s.api import errors
from vitrage_k8s.api import logins
from vitrage_k8s.api import text
from vitrage_k8s.api import transport

# Of a server's message; the advice needs room, too.
_LONGEST_QUOTE = 400
# The alerts about the certificate of a client (RFC 8446, 6.2), as OpenSSL has
# them.
_REFUSED = re.compile('ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)')


class Refusals:
    """The errors of one cluster.

    :param server: the URL of its API server, without credentials
    """

    def __init__(self, name: str, server: str) -> None:
        self._name = name
        self._server = server

    def of_connection(self, error: Exception) -> errors.ClusterError:
        """Return the error for an answer that does not come as a whole."""
        cause = transport.root_cause(error)
        if transport.is_tls_failure(error):
            advice = 'If the server is the right one, see ' \
                'certificate-authority and tls-server-name of its cluster ' \
                'in the kubeconfig'
            if _REFUSED.search(cause):
                advice = 'The server refuses our certificate; see ' \
                    'client-certificate of its user in the kubeconfig'
            elif 'expired' in cause or 'not yet valid' in cause:
                advice = "Renew the server's certificate, or correct the " \
                    'clock of this host'
            return errors.TlsFailedError(
                self._name, f'no safe connection to the API server at '
                f'{self._server}: {cause}. {advice}')
        if isinstance(error, urllib3.exceptions.ProxyError):
            cause += '; see its proxy: proxy-url in the kubeconfig, or ' \
                     'HTTPS_PROXY'
        return errors.ConnectionFailedError(
            self._name, f'cannot read from the API server at '
            f'{self._server}: {cause}')

    def of_status(self, error: Any, verb: str,
                  login: logins.Login) -> errors.ClusterError:
        """Return the error for an answer with another status than 200.

        :param error: the ApiException of the official client
        :param verb: list or watch
        :param login: what was presented to the server
        """
        if not error.status:
            # This is how the client raises urllib3's SSLError.
            return self.of_connection(error)
        retry_after = parse_retry_after(
            (error.headers or {}).get('Retry-After'))
        message = text.make_safe(
            decoding.decode_message(error.body) or error.reason or '',
            _LONGEST_QUOTE)
        problem = f'the API server at {self._server} answered ' \
                  f'{error.status} ({message})'
        if retry_after:
            problem += f' and asks to wait for {retry_after:g} s'
        if error.status == 401:
            problem += ': it does not accept the credentials; ' \
                       'renew them in the kubeconfig'
        elif 300 <= error.status < 400:
            problem += '; no redirect is followed: set server to the API ' \
                       "server's own address in the kubeconfig"
        elif error.status == 403 and ('system:anonymous' in message or (
                login.is_anonymous and 'User "' not in message)):
            # A role for these would be a role for everybody.
            problem += f': an anonymous user may not {verb} nodes; ' \
                       f'{login.why_anonymous}. Give the user of the ' \
                       'kubeconfig a token, a client certificate or exec'
        elif error.status == 403:
            problem += f': these credentials may not {verb} nodes; bind ' \
                       f'them to a role with the verb {verb} on the ' \
                       'resource nodes (kubernetes/rbac.yaml of vitrage-k8s)'
        kind = errors.ExpiredError if error.status == 410 else errors.ApiError
        return kind(self._name, problem, error.status, retry_after)


def parse_retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date (RFC 9110).

    :returns: seconds from now, at least 0; None if it is neither
    """
    headers = urllib3.Retry()
    # Newer versions cut it to six hours; the log shows what was sent.
    headers.retry_after_max = sys.maxsize
    try:
        wait = headers.parse_retry_after(value or '')
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return None
    return max(float(wait), 0.0) if math.isfinite(wait) else None
