# SPDX-License-Identifier: Apache-2.0
"""What an API server answers to lists at a resource version."""

from kubernetes import client
import testtools
from testtools import matchers

from tests.support import contract
from tests.support.contract import version_of


class VersionContract(contract.Contract):

    def test_lists_at_the_version_of_another_list(self) -> None:
        listed = self.read(limit=1)
        version = listed['metadata']['resourceVersion']
        for options in ({}, {'resource_version_match': 'Exact'}):
            self.assertEqual(listed, self.read(
                limit=1, resource_version=version, **options))

    def test_lists_exactly_what_was_there(self) -> None:
        version = version_of(self.read())
        names = self.names(self.read())
        self.create(self.name)
        for options in ({'limit': 500}, {'resource_version_match': 'Exact'}):
            listed = self.read(resource_version=str(version), **options)
            self.assertEqual((version, names),
                             (version_of(listed), self.names(listed)))

    def test_lists_what_is_newer_where_that_is_allowed(self) -> None:
        version = version_of(self.read())
        self.create(self.name)
        created = version_of(self.read())
        for options in ({}, {'limit': 500,
                             'resource_version_match': 'NotOlderThan'}):
            listed = self.read(resource_version=str(version), **options)
            self.assertThat(version_of(listed), matchers.Not(
                matchers.LessThan(version)))
            # A cache may lag behind, and is at its version nevertheless.
            self.assertEqual(version_of(listed) >= created,
                             self.name in self.names(listed))

    def test_old_version_is_gone_or_listed_exactly(self) -> None:
        options = {'limit': 1, 'resource_version': '1'}
        try:
            listed = self.read(**options)
        except client.ApiException:
            self.assertEqual('Expired',
                             self.status(410, self.fetch, **options)['reason'])
        else:
            # A server that is young has forgotten nothing yet.
            self.assertEqual((1, []), (version_of(listed), listed['items']))

    def test_old_version_is_no_hindrance_where_newer_ones_are_allowed(
            self) -> None:
        self.assertEqual(self.names(self.read()),
                         self.names(self.read(resource_version='1')))

    def test_future_version_times_out_and_can_be_retried(self) -> None:
        future = version_of(self.read()) + 1_000_000
        for options in ({}, {'limit': 1}):
            error = self.assertRaises(
                client.ApiException, self.fetch,
                resource_version=str(future), **options)
            self.assertEqual((504, '1'), (
                error.status, error.headers.get('Retry-After')))
            status = self.status(504, self.fetch, **options,
                                 resource_version=str(future))
            self.assertEqual('Timeout', status['reason'])
            self.assertEqual({
                'retryAfterSeconds': 1, 'causes': [
                    {'reason': 'ResourceVersionTooLarge',
                     'message': 'Too large resource version'}]},
                status['details'])
            self.assertTrue(status['message'].startswith(
                f'Timeout: Too large resource version: {future}, current: '))

    def test_refuses_what_is_no_version_and_no_match(self) -> None:
        for version in ('x', '-1'):
            self.assertEqual('BadRequest', self.status(
                400, self.fetch, resource_version=version)['reason'])
        for options in ({'resource_version_match': 'Exact'},
                        {'resource_version_match': 'Exact',
                         'resource_version': '0'},
                        {'resource_version_match': 'x',
                         'resource_version': '5'}):
            self.assertEqual('Invalid', self.status(
                422, self.fetch, **options)['reason'])


class LabVersionTest(contract.Lab, VersionContract, testtools.TestCase):

    def test_version_that_is_forgotten_is_gone(self) -> None:
        version = str(version_of(self.read()))
        self.simulator.expire()
        self.assertEqual('Expired', self.status(
            410, self.fetch, resource_version=version,
            resource_version_match='Exact')['reason'])


class RealVersionTest(contract.Real, VersionContract, testtools.TestCase):
    pass
