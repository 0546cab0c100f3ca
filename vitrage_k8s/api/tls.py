# SPDX-License-Identifier: Apache-2.0
"""What is verified of an API server, and what the client shows of itself."""

import contextlib
import ssl
import tempfile
from typing import Any
from urllib.parse import urlsplit

from vitrage_k8s.api import endpoint as endpoints
from vitrage_k8s.api import logins


class _TlsContext(ssl.SSLContext):
    """Expects a server's name, even where urllib3 does not name it.

    urllib3 before 2.0 names no IP address, for SNI does not take one
    (urllib3.util.ssl_.ssl_wrap_socket); OpenSSL would check it all the same.
    """

    server_name = ''

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*arguments, **self._named(options))

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*arguments, **self._named(options))

    def _named(self, options: dict[str, Any]) -> dict[str, Any]:
        return {**options, 'server_hostname':
                options.get('server_hostname') or self.server_name}


def make_context(endpoint: endpoints.Endpoint, login: logins.Login,
                 deadline: float) -> ssl.SSLContext:
    """Return the context for connections to an API server.

    :param deadline: when files must have been read (time.monotonic())
    :raises ValueError, PemError: a certificate cannot be used
    """
    place, field = endpoint.place, endpoint.credentials.field
    context = _TlsContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = place.cluster.tls_server_name or \
        urlsplit(place.server).hostname or ''
    # As Go has it: whatever certificate is given is trusted, root or not, and
    # no name counts but those of subjectAltName.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if place.cluster.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities := place.read_authorities(deadline):
        # Go passes over those that it cannot read, among others.
        for authority in authorities:
            with contextlib.suppress(ssl.SSLError):
                context.load_verify_locations(cadata=authority.decode())
        if not context.cert_store_stats()['x509']:
            raise ValueError(f'{place.field}.certificate-authority: is not '
                             'the PEM of a certificate')
    else:
        context.load_default_certs()
    if login.certificate and login.key:
        # OpenSSL takes them from a file only; it exists for this moment.
        with tempfile.NamedTemporaryFile(prefix='vitrage-k8s-') as pem:
            pem.write(login.certificate + login.key)
            pem.flush()
            try:
                # An empty password, for without one OpenSSL asks on stdin.
                context.load_cert_chain(pem.name, password='')  # noqa: S106
            except ssl.SSLError as error:
                raise ValueError(
                    f'{field}: the client certificate cannot be used with its '
                    f'key: {error.reason or "one of them is no PEM"}; give '
                    'the key that it was made for') from None
    return context
