# SPDX-License-Identifier: Apache-2.0
"""What a kubeconfig's users[].user makes of files and of itself."""

import base64
import os
import pathlib
import threading
from typing import Any

import fixtures
import msgspec

from tests.support.credentials import CERTIFICATE
from tests.support.credentials import CredentialsTestCase
from tests.support.credentials import encoded
from tests.support.credentials import KEY
from tests.support.credentials import SECRET
from tests.support.credentials import soon
from vitrage_k8s.api import credentials
from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.credentials import Exec
from vitrage_k8s.api.credentials import ExecEnv
from vitrage_k8s.api.credentials import Login
from vitrage_k8s.api.credentials import User
from vitrage_k8s.api import errors


class UserTest(CredentialsTestCase):

    def test_reads_all_names_of_a_kubeconfig(self) -> None:
        names = {
            'client-certificate': 'a', 'client-certificate-data': 'b',
            'client-key': 'c', 'client-key-data': 'd', 'token': 'e',
            'tokenFile': 'f', 'username': 'g', 'password': 'h',
            'auth-provider': {'name': 'i'}, 'as': 'j', 'as-uid': 'k',
            'as-groups': ['l'], 'as-user-extra': {'m': ['n']},
            'exec': {
                'apiVersion': 'o', 'command': 'p', 'args': ['q'],
                'env': [{'name': 'r', 'value': 's'}],
                'provideClusterInfo': True, 'interactiveMode': 't',
                'installHint': 'u'}}
        self.assertEqual(names, msgspec.to_builtins(
            msgspec.convert(names, User)))

    def test_reads_null_as_kubectl_writes_it(self) -> None:
        self.assertEqual(Exec('v', 'c'), msgspec.convert({
            'apiVersion': 'v', 'command': 'c', 'args': None, 'env': None,
            'provideClusterInfo': False}, Exec))

    def test_does_not_show_secrets(self) -> None:
        user = User(token=SECRET, password=SECRET, client_key_data=SECRET,
                    auth_provider={'config': SECRET}, exec=Exec(
                        'v', 'c', [SECRET], [ExecEnv('n', SECRET)]))
        for each in (user, user.exec, ExecEnv('n', SECRET),
                     Login(f'Bearer {SECRET}', CERTIFICATE, KEY),
                     Credentials(user, self.directory)):
            self.assertNotIn(SECRET, f'{each!r}{each}')

    def test_shows_what_is_given(self) -> None:
        self.assertEqual('User(token, password)',
                         repr(User(password=SECRET, token=SECRET)))


class StaticCredentialsTest(CredentialsTestCase):

    def test_presents_nothing_for_a_user_without_fields(self) -> None:
        self.presents(Login())

    def test_takes_empty_strings_for_none(self) -> None:
        self.presents(Login(), token='', token_file='', username='',
                      client_key='', as_='')

    def test_presents_a_token(self) -> None:
        self.presents(Login('Bearer abc'), token='abc')

    def test_strips_a_token(self) -> None:
        self.presents(Login('Bearer abc'), token=' abc\n')

    def test_refuses_a_token_that_no_header_can_hold(self) -> None:
        for character in '\n \x00é€':
            self.fails_check_and_login(
                r'users\[\]\.user\.token: ',
                token=f'{SECRET}{character}{SECRET}')

    def test_refuses_a_token_of_white_space(self) -> None:
        self.fails_check_and_login(r'user\.token: is no token', token=' \n')

    def test_presents_a_password(self) -> None:
        self.presents(
            Login(f'Basic {encoded("jürgen:pässwörd".encode())}'),
            username='jürgen', password='pässwörd')

    def test_presents_a_user_without_password(self) -> None:
        self.presents(Login(f'Basic {encoded(b"u:")}'), username='u')

    def test_refuses_a_password_without_user(self) -> None:
        self.fails_check_and_login(r'user\.username: .*password',
                                   password=SECRET)

    def test_refuses_a_user_beside_a_token(self) -> None:
        self.fails_check_and_login(r'user\.username: .*token', username='u',
                                   password=SECRET, token=SECRET)

    def test_refuses_a_user_beside_a_token_file(self) -> None:
        self.fails_check_and_login(r'user\.username: .*token', username='u',
                                   token_file=self.write('token', SECRET))

    def test_refuses_an_auth_provider_and_tells_what_to_use(self) -> None:
        self.fails_check_and_login(
            'auth-provider: oidc is not supported.*exec plugin.*kubelogin',
            auth_provider={'name': 'oidc', 'config': {'id-token': SECRET}},
            token='t')

    def test_refuses_to_impersonate(self) -> None:
        for field in ({'as_': 'a'}, {'as_uid': 'a'}, {'as_groups': ['a']},
                      {'as_user_extra': {'a': ['b']}}):
            self.fails_check_and_login('impersonation is not supported',
                                       token='t', **field)

    def test_is_not_helped_by_another_login_when_refused(self) -> None:
        logs_in = self.credentials(token='t', client_certificate_data=encoded(
            CERTIFICATE), client_key_data=encoded(KEY))
        logs_in.login(soon())
        self.assertIs(False, logs_in.refused())

    def test_is_not_helped_when_it_never_logged_in(self) -> None:
        self.assertIs(False, self.credentials(token='t').refused())


class CertificateTest(CredentialsTestCase):

    def test_presents_a_certificate_of_data(self) -> None:
        self.presents(Login(None, CERTIFICATE, KEY),
                      client_certificate_data=encoded(CERTIFICATE),
                      client_key_data=encoded(KEY))

    def test_presents_a_certificate_of_wrapped_data(self) -> None:
        self.presents(
            Login(None, CERTIFICATE, KEY),
            client_certificate_data=base64.encodebytes(CERTIFICATE).decode(),
            client_key_data=base64.encodebytes(KEY).decode())

    def test_presents_a_certificate_of_files(self) -> None:
        self.presents(Login(None, CERTIFICATE, KEY),
                      client_certificate=self.write('crt', CERTIFICATE),
                      client_key=self.write('key', KEY))

    def test_finds_relative_files_beside_the_kubeconfig(self) -> None:
        (self.directory / 'pki').mkdir()
        self.write('pki/crt', CERTIFICATE)
        self.write('key', KEY)
        self.presents(Login(None, CERTIFICATE, KEY),
                      client_certificate='pki/crt', client_key='pki/../key')

    def test_finds_files_after_the_working_directory_changed(self) -> None:
        self.write('token', 'abc')
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)
        logs_in = Credentials(User(token_file='token'), pathlib.Path('.'))
        os.chdir('/')
        self.assertEqual(Login('Bearer abc'), logs_in.login(soon()))

    def test_prefers_data_to_files(self) -> None:
        self.presents(Login(None, CERTIFICATE, KEY),
                      client_certificate_data=encoded(CERTIFICATE),
                      client_certificate='missing',
                      client_key_data=encoded(KEY), client_key='missing')

    def test_presents_a_certificate_beside_a_token(self) -> None:
        self.presents(Login('Bearer abc', CERTIFICATE, KEY), token='abc',
                      client_certificate=self.write('crt', CERTIFICATE),
                      client_key_data=encoded(KEY))

    def test_presents_a_certificate_that_was_renewed(self) -> None:
        logs_in = self.credentials(
            client_certificate=self.write('crt', CERTIFICATE),
            client_key=self.write('key', KEY))
        logs_in.login(soon())
        self.write('crt', CERTIFICATE + b'new')
        self.write('key', KEY + b'new')
        self.assertEqual(Login(None, CERTIFICATE + b'new', KEY + b'new'),
                         logs_in.login(soon()))

    def test_is_helped_by_a_certificate_renewed_since(self) -> None:
        logs_in = self.credentials(
            client_certificate=self.write('crt', CERTIFICATE),
            client_key=self.write('key', KEY))
        logs_in.login(soon())
        self.write('crt', CERTIFICATE + b'new')
        self.assertIs(True, logs_in.refused())

    def test_refuses_a_certificate_without_key(self) -> None:
        self.fails_check_and_login(r'user\.client-key: is missing',
                                   client_certificate_data=SECRET)

    def test_refuses_a_key_without_certificate(self) -> None:
        self.fails_check_and_login(r'user\.client-certificate: is missing',
                                   client_key=self.write('key', KEY))

    def test_refuses_data_that_is_not_base64(self) -> None:
        for junk in ('%', 'é', 'abcde'):
            self.fails_to_read(
                'client-key-data: is not base64',
                client_certificate_data=encoded(CERTIFICATE),
                client_key_data=f'{encoded(KEY)}{junk}')

    def test_refuses_data_that_is_not_pem(self) -> None:
        self.fails_to_read(
            'client-certificate-data: is not PEM', client_key='key',
            client_certificate_data=encoded(SECRET.encode()))

    def test_refuses_a_file_that_is_not_pem(self) -> None:
        self.fails_to_read(
            r'client-certificate \(.*/crt\): is not PEM', client_key='key',
            client_certificate=self.write('crt', SECRET))

    def test_refuses_a_key_with_a_passphrase(self) -> None:
        for begin in ('-----BEGIN ENCRYPTED PRIVATE KEY-----\n',
                      '-----BEGIN RSA PRIVATE KEY-----\n'
                      'Proc-Type: 4,ENCRYPTED\n'):
            self.fails_to_read(
                'client-key .*encrypted.*passphrase',
                client_certificate=self.write('crt', CERTIFICATE),
                client_key=self.write('key', begin + SECRET))

    def test_names_a_file_that_cannot_be_read(self) -> None:
        self.fails_to_read(
            'client-key: .*/nowhere cannot be read: No such file',
            client_certificate=self.write('crt', CERTIFICATE),
            client_key='nowhere')

    def fails_to_read(self, expected: str, **user: Any) -> None:
        """See that this costs a login, and no reading of the kubeconfig."""
        self.credentials(**user).check()
        self.fails_to_log_in(expected, **user)
        # Which is the configuration's, and not a refused login.
        self.assertRaises(errors.PemError, self.credentials(**user).login,
                          soon())


class TokenFileTest(CredentialsTestCase):

    def setUp(self) -> None:
        super().setUp()
        self.write('token', 'first')
        self.logs_in = self.credentials(token_file='token')
        self.log = self.useFixture(fixtures.FakeLogger(
            credentials.__name__, format='%(levelname)s %(message)s'))

    def assert_presents(self, token: str) -> None:
        self.assertEqual(Login(f'Bearer {token}'),
                         self.logs_in.login(soon()))

    def test_presents_it_without_the_newline_at_its_end(self) -> None:
        self.write('token', '\tfirst \r\n')
        self.assert_presents('first')

    def test_finds_it_beside_the_kubeconfig(self) -> None:
        (self.directory / 'var').mkdir()
        self.write('var/token', 'abc')
        self.presents(Login('Bearer abc'), token_file='var/token')

    def test_prefers_it_to_a_token(self) -> None:
        self.presents(Login('Bearer first'), token_file='token', token='t')

    def test_presents_what_was_written_since(self) -> None:
        self.assert_presents('first')
        self.write('token', 'second')
        self.assert_presents('second')

    def test_follows_the_swapped_symlink_of_a_projected_volume(self) -> None:
        for name in ('..1', '..2'):
            (self.directory / name).mkdir()
            self.write(f'{name}/token', f'of-{name}')
        (self.directory / '..data').symlink_to('..1')
        (self.directory / 'linked').symlink_to('..data/token')
        self.logs_in = self.credentials(token_file='linked')
        self.assert_presents('of-..1')
        (self.directory / '..new').symlink_to('..2')
        (self.directory / '..new').rename(self.directory / '..data')
        self.assert_presents('of-..2')

    def test_stays_with_the_last_while_it_is_empty(self) -> None:
        self.assert_presents('first')
        self.write('token', ' \n')
        self.assert_presents('first')

    def test_stays_with_the_last_while_it_is_missing(self) -> None:
        self.assert_presents('first')
        (self.directory / 'token').unlink()
        self.assert_presents('first')

    def test_warns_once_while_it_is_missing(self) -> None:
        self.assert_presents('first')
        (self.directory / 'token').unlink()
        self.assert_presents('first')
        self.assert_presents('first')
        self.assertRegex(self.log.output,
                         '^WARNING .*/token.* cannot be read: No such file')
        self.assertEqual(1, len(self.log.output.splitlines()))

    def test_warns_again_when_it_is_empty_again(self) -> None:
        for content in ('first', '', 'first', ''):
            self.write('token', content)
            self.assert_presents('first')
        self.assertEqual(['WARNING', 'INFO', 'WARNING'], [
            line.split()[0] for line in self.log.output.splitlines()])

    def test_does_not_log_tokens(self) -> None:
        for content in (SECRET, '', SECRET):
            self.write('token', content)
            self.assert_presents(SECRET)
        self.assertNotIn(SECRET, self.log.output)

    def test_fails_where_there_never_was_one(self) -> None:
        self.fails_to_log_in('tokenFile .*/nowhere.* No such file',
                             token_file='nowhere')

    def test_fails_where_it_never_held_one(self) -> None:
        self.write('token', '\n')
        self.fails_to_log_in('tokenFile .*/token.* is empty',
                             token_file='token')

    def test_presents_the_token_until_there_is_a_file(self) -> None:
        self.logs_in = self.credentials(token_file='later', token='initial')
        self.assert_presents('initial')
        self.write('later', 'abc')
        self.assert_presents('abc')

    def test_check_lets_it_come_later(self) -> None:
        self.credentials(token_file='later').check()

    def test_fails_when_no_header_can_hold_its_content(self) -> None:
        self.assert_presents('first')
        for junk in (b'\xff', b'\n', b' ', b'\0', '€'.encode()):
            self.write('token', SECRET.encode() + junk + SECRET.encode())
            self.fails('tokenFile .*/token.*ASCII',
                       lambda: self.logs_in.login(soon()))

    def test_is_of_help_when_it_changed_since_the_login(self) -> None:
        self.assert_presents('first')
        self.write('token', 'second')
        self.assertIs(True, self.logs_in.refused())

    def test_is_of_no_help_when_it_is_still_the_same(self) -> None:
        self.assert_presents('first')
        self.write('token', 'first\n')
        self.assertIs(False, self.logs_in.refused())

    def test_is_of_no_help_when_it_is_missing(self) -> None:
        self.assert_presents('first')
        (self.directory / 'token').unlink()
        self.assertIs(False, self.logs_in.refused())

    def test_is_of_no_help_when_no_header_can_hold_it(self) -> None:
        self.assert_presents('first')
        self.write('token', 'second token')
        self.assertIs(False, self.logs_in.refused())

    def test_is_of_help_once_for_each_change(self) -> None:
        self.assert_presents('first')
        self.write('token', 'second')
        self.assertIs(True, self.logs_in.refused())
        self.assert_presents('second')
        self.assertIs(False, self.logs_in.refused())

    def test_is_of_help_to_a_thread_that_has_an_older_one(self) -> None:
        self.assert_presents('first')
        self.write('token', 'second')
        other = threading.Thread(target=self.logs_in.login, args=(soon(),))
        other.start()
        other.join()
        self.assertIs(True, self.logs_in.refused())
