# SPDX-License-Identifier: Apache-2.0
"""What a kubeconfig's users[].user makes of files and of itself."""

import base64
import contextlib
import os
import pathlib
import threading
import time
from typing import Any

import fixtures
import msgspec

from tests.support.credentials import CERTIFICATE
from tests.support.credentials import CredentialsTestCase
from tests.support.credentials import encoded
from tests.support.credentials import KEY
from tests.support.credentials import pem
from tests.support.credentials import SECRET
from tests.support.credentials import soon
from tests.support import plugins
from vitrage_k8s.api import credentials
from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api.credentials import User
from vitrage_k8s.api import errors
from vitrage_k8s.api.exec_plugin import Exec
from vitrage_k8s.api.exec_plugin import ExecEnv
from vitrage_k8s.api.logins import Login


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

    def test_does_not_show_secrets(self) -> None:
        user = User(token=SECRET, password=SECRET, client_key_data=SECRET,
                    auth_provider={'config': SECRET}, exec=Exec(
                        'v', 'c', [SECRET], [ExecEnv('n', SECRET)]))
        for each in (user, user.exec, ExecEnv('n', SECRET),
                     Login(f'Bearer {SECRET}', CERTIFICATE, KEY),
                     Credentials(User(token=SECRET), self.directory)):
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
            self.fails_to_be_made(
                r'users\[\]\.user\.token: ',
                token=f'{SECRET}{character}{SECRET}')

    def test_refuses_a_token_of_white_space(self) -> None:
        self.fails_to_be_made(r'user\.token: is no token', token=' \n')

    def test_presents_a_password(self) -> None:
        self.presents(
            Login(f'Basic {encoded("jürgen:pässwörd".encode())}'),
            username='jürgen', password='pässwörd')

    def test_presents_a_user_without_password(self) -> None:
        self.presents(Login(f'Basic {encoded(b"u:")}'), username='u')

    def test_takes_a_password_without_user_for_none(self) -> None:
        self.presents(Login(), password=SECRET)

    def test_refuses_a_user_beside_a_token(self) -> None:
        self.fails_to_be_made(r'user\.username: .*token', username='u',
                              password=SECRET, token=SECRET)

    def test_refuses_a_user_beside_a_token_file(self) -> None:
        self.fails_to_be_made(r'user\.username: .*token', username='u',
                              token_file=self.write('token', SECRET))

    def test_refuses_an_auth_provider_and_tells_what_to_use(self) -> None:
        self.fails_to_be_made(
            'auth-provider: oidc is not supported.*exec plugin.*kubelogin',
            auth_provider={'name': 'oidc', 'config': {'id-token': SECRET}},
            token='t')

    def test_impersonates_by_headers(self) -> None:
        self.presents(
            Login('Bearer t', headers=(
                ('Impersonate-User', 'j\xc3\xbcrgen'),
                ('Impersonate-Uid', '1'), ('Impersonate-Group', 'a'),
                ('Impersonate-Group', 'b'),
                ('Impersonate-Extra-acme.io%2Fscopes', 'c'),
                ('Impersonate-Extra-acme.io%2Fscopes', 'd'))),
            token='t', as_='jürgen', as_uid='1', as_groups=['a', 'b'],
            as_user_extra={'Acme.io/scopes': ['c', 'd']})

    def test_refuses_to_impersonate_without_a_user(self) -> None:
        for field in ({'as_uid': 'a'}, {'as_groups': ['a']},
                      {'as_user_extra': {'a': ['b']}}):
            self.fails_to_be_made(r'user\.as: is missing beside',
                                       token='t', **field)

    def test_refuses_to_impersonate_what_no_header_can_hold(self) -> None:
        for field in ({'as_': 'a\r\nX: b'}, {'as_groups': ['\0']},
                      {'as_user_extra': {'a': ['\n']}}):
            self.fails_to_be_made('cannot be printed',
                                       **{'as_': 'a', **field})

    def test_keeps_back_secrets_where_others_can_read_them(self) -> None:
        self.write('token', SECRET)
        for user in ({'token': SECRET}, {'token_file': 'token'},
                     {'token_file': 'missing'}, {'username': SECRET},
                     {'exec': Exec('client.authentication.k8s.io/v1', 'no')},
                     {'client_certificate_data': encoded(CERTIFICATE),
                      'client_key_data': encoded(KEY)}):
            logs_in = Credentials(User(as_='me', **user), self.directory,
                                  is_safe=False)
            self.assertTrue(logs_in.keeps_back)
            self.assertEqual(Login(headers=(('Impersonate-User', 'me'),)),
                             logs_in.login(soon()))
            self.assertFalse(logs_in.refused(logs_in.login(soon()), soon()))
        self.assertFalse(Credentials(User(as_='me'), self.directory,
                                     is_safe=False).keeps_back)

    def test_is_not_helped_by_another_login_when_refused(self) -> None:
        logs_in = self.credentials(token='t', client_certificate_data=encoded(
            CERTIFICATE), client_key_data=encoded(KEY))
        self.assertIs(False, logs_in.refused(logs_in.login(soon()), soon()))


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
        new = pem('CERTIFICATE', 'new'), pem('PRIVATE KEY', 'new')
        self.write('crt', new[0])
        self.write('key', new[1])
        self.assertEqual(Login(None, *new), logs_in.login(soon()))

    def test_is_helped_by_a_certificate_renewed_since(self) -> None:
        logs_in = self.credentials(
            client_certificate=self.write('crt', CERTIFICATE),
            client_key=self.write('key', KEY))
        login = logs_in.login(soon())
        self.write('crt', pem('CERTIFICATE', 'new'))
        self.assertIs(True, logs_in.refused(login, soon()))

    def test_refuses_a_certificate_without_key(self) -> None:
        self.fails_to_be_made(r'user\.client-key: is missing',
                              client_certificate_data=SECRET)

    def test_takes_a_key_without_certificate_for_none(self) -> None:
        self.presents(Login(), client_key=self.write('key', KEY))

    def test_presents_what_go_finds_in_pem(self) -> None:
        parameters = pem('EC PARAMETERS')
        for certificate, key in (
                (CERTIFICATE.replace(b'\n', b'\r\n'), KEY + b'\n\n'),
                ('# Főtanúsítvány\n'.encode() + CERTIFICATE + b'# end', KEY),
                (b'\xf5 latin-1\n' + CERTIFICATE, b'\xff\n' + KEY),
                # As of the kubelet, with both in one file.
                (CERTIFICATE + KEY, CERTIFICATE + KEY),
                (CERTIFICATE, parameters + KEY + pem('RSA PRIVATE KEY')),
                (pem('TRUSTED CERTIFICATE') + CERTIFICATE, KEY),
                (CERTIFICATE, KEY.replace(b'\n', b'').replace(
                    b'KEY-----', b'KEY-----\n', 1))):
            self.presents(Login(None, CERTIFICATE, KEY),
                          client_certificate=self.write('crt', certificate),
                          client_key_data=encoded(key))

    def test_presents_a_chain(self) -> None:
        chain = CERTIFICATE + pem('CERTIFICATE', 'intermediate')
        self.presents(Login(None, chain, KEY),
                      client_certificate_data=encoded(chain),
                      client_key_data=encoded(KEY))

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
        header = b'KEY-----\nProc-Type: 4,ENCRYPTED\n'
        for key in (pem('ENCRYPTED PRIVATE KEY'), pem(
                'RSA PRIVATE KEY').replace(b'KEY-----\n', header, 1)):
            self.fails_to_read(
                'client-key .*encrypted.*passphrase',
                client_certificate=self.write('crt', CERTIFICATE),
                client_key=self.write('key', key))

    def test_names_a_file_that_cannot_be_read(self) -> None:
        self.fails_to_read(
            'client-key: .*/nowhere cannot be read: No such file',
            client_certificate=self.write('crt', CERTIFICATE),
            client_key='nowhere')

    def fails_to_read(self, expected: str, **user: Any) -> None:
        """See that this costs a login, and no reading of the kubeconfig."""
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

    def test_lets_it_come_later(self) -> None:
        self.credentials(token_file='later')

    def test_fails_when_no_header_can_hold_its_content(self) -> None:
        self.assert_presents('first')
        for junk in (b'\xff', b'\n', b' ', b'\0', '€'.encode()):
            self.write('token', SECRET.encode() + junk + SECRET.encode())
            self.fails('tokenFile .*/token.*ASCII',
                       lambda: self.logs_in.login(soon()))

    def test_is_of_help_when_it_changed_since_the_login(self) -> None:
        login = self.logs_in.login(soon())
        self.write('token', 'second')
        self.assertIs(True, self.logs_in.refused(login, soon()))
        self.assertIs(False, self.logs_in.refused(
            self.logs_in.login(soon()), soon()))

    def test_is_of_no_help_when_it_is_still_the_same_or_none(self) -> None:
        login = self.logs_in.login(soon())
        for content in ('first\n', 'second token'):
            self.write('token', content)
            self.assertIs(False, self.logs_in.refused(login, soon()))
        (self.directory / 'token').unlink()
        self.assertIs(False, self.logs_in.refused(login, soon()))


class HangingFileTest(CredentialsTestCase):

    def setUp(self) -> None:
        super().setUp()
        os.mkfifo(self.directory / 'fifo')
        # Whoever hangs comes to an end.
        self.addCleanup(self.release)

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.close(os.open(self.directory / 'fifo',
                             os.O_WRONLY | os.O_NONBLOCK))

    def fails_to_wait(self, expected: str, **user: Any) -> None:
        logs_in = self.credentials(**user)
        self.fails(expected, lambda: logs_in.login(time.monotonic() + 0.1))
        self.fails(expected, lambda: logs_in.login(time.monotonic() + 0.1))
        # However often it is asked for.
        self.assertEqual(1, sum(thread.name == 'vitrage-k8s file'
                                for thread in threading.enumerate()))

    def test_is_named(self) -> None:
        expected = r'user\.%s.*/fifo.*did not answer within'
        self.fails_to_wait(expected % 'tokenFile', token_file='fifo')
        self.fails_to_wait(expected % 'tokenFile', token_file='fifo',
                           token='t')
        self.fails_to_wait(expected % 'client-certificate',
                           client_certificate='fifo', client_key='fifo')
        self.fails_to_wait(
            expected % 'client-key', client_key='fifo',
            client_certificate_data=encoded(CERTIFICATE))

    def test_is_read_again_when_it_answers(self) -> None:
        logs_in = self.credentials(token_file='fifo')
        self.fails('did not answer',
                   lambda: logs_in.login(time.monotonic() + 0.1))
        self.release()
        self.assertTrue(plugins.wait_until(lambda: not any(
            thread.name == 'vitrage-k8s file'
            for thread in threading.enumerate())))
        (self.directory / 'fifo').unlink()
        self.write('fifo', 'abc')
        self.assertEqual(Login('Bearer abc'), logs_in.login(soon()))

    def test_file_without_end_is_refused(self) -> None:
        self.fails_to_log_in('tokenFile .*/dev/zero.* more than 16 MiB',
                             token_file='/dev/zero')
