# SPDX-License-Identifier: Apache-2.0
"""The simulator's faults: what is in them."""

import gzip
import json
from typing import Any
import zlib

import testtools
from testtools import matchers

from vitrage_k8s_lab.kube_api import faults
from vitrage_k8s_lab.kube_api.http import Answer


def status(answer: Answer) -> dict[str, Any]:
    """The Status in an answer, without what is the same in each."""
    document: dict[str, Any] = json.loads(answer.body)
    assert ('Status', 'v1', 'Failure', answer.status) == (
        document.pop('kind'), document.pop('apiVersion'),
        document.pop('status'), document.pop('code')), answer
    return document


class FaultsTest(testtools.TestCase):
    """The texts are those that clients are known to match."""

    def test_expired_token_comes_with_another_or_without(self) -> None:
        document = status(faults.expired('abc'))
        self.assertEqual({'continue': 'abc'}, document['metadata'])
        self.assertEqual('Expired', document['reason'])
        self.assertIn('or use the continue token', document['message'])
        document = status(faults.expired(None))
        self.assertEqual({}, document['metadata'])
        self.assertEqual('Expired', document['reason'])
        self.assertThat(document['message'], matchers.EndsWith(
            'You can start a new list without the continue parameter.'))
        self.assertEqual(410, faults.expired().status)

    def test_too_many_requests_says_when_to_retry(self) -> None:
        answer = faults.too_many_requests('7')
        self.assertEqual((429, {'Retry-After': '7'}),
                         (answer.status, answer.headers))
        self.assertEqual(('TooManyRequests', {'retryAfterSeconds': 7}), (
            status(answer)['reason'], status(answer)['details']))

    def test_too_many_requests_with_what_is_no_number_or_nothing(
            self) -> None:
        for text in ('Fri, 31 Dec 1999 23:59:59 GMT', '0', '-1'):
            answer = faults.too_many_requests(text)
            self.assertEqual({'Retry-After': text}, answer.headers)
            self.assertNotIn('details', status(answer))
        answer = faults.too_many_requests(None)
        self.assertEqual({}, answer.headers)
        self.assertNotIn('details', status(answer))

    def test_too_many_requests_in_plain_text_hangs_up(self) -> None:
        answer = faults.too_many_requests('5', plain=True)
        self.assertEqual(429, answer.status)
        self.assertEqual(('close', '5', 'text/plain; charset=utf-8'), (
            answer.headers['Connection'], answer.headers['Retry-After'],
            answer.headers['Content-Type']))
        self.assertEqual(b'The apiserver is shutting down, please try again '
                         b'later.\n', answer.body)
        self.assertNotIn('Retry-After', faults.too_many_requests(
            None, plain=True).headers)

    def test_internal_error_has_no_reason(self) -> None:
        self.assertEqual(
            {'metadata': {}, 'message': 'etcdserver: request timed out'},
            status(faults.internal_error()))
        self.assertEqual(500, faults.internal_error().status)

    def test_unavailable_is_a_load_balancers(self) -> None:
        answer = faults.unavailable()
        self.assertEqual((503, 'text/html'),
                         (answer.status, answer.headers['Content-Type']))
        self.assertNotIn('Retry-After', answer.headers)
        self.assertEqual('9', faults.unavailable('9').headers['Retry-After'])

    def test_gateway_timeout_has_its_cause(self) -> None:
        answer = faults.gateway_timeout()
        self.assertEqual((504, {'Retry-After': '1'}),
                         (answer.status, answer.headers))
        document = status(answer)
        self.assertEqual('Timeout', document['reason'])
        self.assertThat(document['message'], matchers.StartsWith(
            'Timeout: Too large resource version: '))
        self.assertEqual(
            {'causes': [{'reason': 'ResourceVersionTooLarge',
                         'message': 'Too large resource version'}],
             'retryAfterSeconds': 1}, document['details'])

    def test_refuses_as_authentication_and_rbac_do(self) -> None:
        self.assertEqual(401, faults.unauthorized().status)
        self.assertEqual({'metadata': {}, 'message': 'Unauthorized',
                          'reason': 'Unauthorized'},
                         status(faults.unauthorized()))
        self.assertEqual(403, faults.forbidden('me').status)
        self.assertEqual(
            {'metadata': {}, 'reason': 'Forbidden',
             'details': {'kind': 'nodes'},
             'message': 'nodes is forbidden: User "me" cannot list resource '
                        '"nodes" in API group "" at the cluster scope'},
            status(faults.forbidden('me')))

    def test_pages_and_redirects_are_not_json(self) -> None:
        answer = faults.html_page()
        self.assertEqual((200, 'text/html; charset=utf-8'), (
            answer.status, answer.headers['Content-Type']))
        self.assertRaises(ValueError, json.loads, answer.body)
        answer = faults.redirect('http://x/y')
        self.assertEqual((302, 'http://x/y'), (
            answer.status, answer.headers['Location']))
        self.assertRaises(ValueError, json.loads, answer.body)

    def test_not_gzip_is_json_under_another_name(self) -> None:
        answer = faults.not_gzip()
        self.assertEqual('gzip', answer.headers['Content-Encoding'])
        self.assertEqual([], json.loads(answer.body)['items'])
        self.assertRaises(OSError, gzip.decompress, answer.body)

    def test_truncated_gzip_misses_its_end(self) -> None:
        plain = Answer(200, json.dumps(list(range(10_000))).encode())
        answer = faults.truncated_gzip(plain)
        self.assertEqual('gzip', answer.headers['Content-Encoding'])
        self.assertIsNone(answer.cut)
        self.assertRaises(EOFError, gzip.decompress, answer.body)
        self.assertTrue(plain.body.startswith(
            zlib.decompressobj(31).decompress(answer.body)))

    def test_bomb_is_small_until_it_goes_off(self) -> None:
        for size in (200, 3_000_001):
            answer = faults.huge(size)
            self.assertEqual('gzip', answer.headers['Content-Encoding'])
            self.assertThat(len(answer.body),
                            matchers.LessThan(200 + size // 500))
            body = gzip.decompress(answer.body)
            self.assertEqual(size, len(body))
            [node] = json.loads(body)['items']
            self.assertEqual('huge', node['metadata']['name'])
