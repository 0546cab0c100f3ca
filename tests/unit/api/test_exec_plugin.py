# SPDX-License-Identifier: Apache-2.0
"""What exec plugins are given, and what becomes of what they print."""

import json
import os
from typing import Any

import fixtures

from tests.support.credentials import CERTIFICATE
from tests.support.credentials import KEY
from tests.support.credentials import SECRET
from tests.support.credentials import soon
from tests.support.plugins import after
from tests.support.plugins import COUNT
from tests.support.plugins import credential
from tests.support.plugins import ExecTestCase
from tests.support.plugins import Later
from tests.support.plugins import prints
from tests.support.plugins import V1
from tests.support.plugins import V1BETA1
from vitrage_k8s.api.credentials import Credentials
from vitrage_k8s.api import exec_plugin
from vitrage_k8s.api.exec_plugin import ExecEnv
from vitrage_k8s.api.logins import Login


class IssuedTest(ExecTestCase):

    def test_presents_a_token(self) -> None:
        self.issues(Login('Bearer abc'), self.plugin(prints(token='abc')))

    def test_presents_a_certificate(self) -> None:
        self.issues(Login(None, CERTIFICATE, KEY), self.plugin(prints(
            clientCertificateData=CERTIFICATE.decode(),
            clientKeyData=KEY.decode())))

    def test_presents_a_token_and_a_certificate(self) -> None:
        self.issues(Login('Bearer t', CERTIFICATE, KEY), self.plugin(prints(
            token='t', clientCertificateData=CERTIFICATE.decode(),
            clientKeyData=KEY.decode())))

    def test_takes_the_older_version(self) -> None:
        self.issues_token('abc', self.plugin(
            prints(V1BETA1, token='abc'), V1BETA1))

    def test_passes_over_fields_that_it_does_not_know(self) -> None:
        self.issues_token('abc', self.plugin(
            prints(token='abc', proxyConfig={'x': [1]})))

    def test_is_left_alone_where_there_is_something_else(self) -> None:
        certificate = {'client_certificate': self.write('crt', CERTIFICATE),
                       'client_key': self.write('key', KEY)}
        for user in ({'token': 't'}, {'username': 'u'}, certificate,
                     {'token_file': self.write('token', 't')}):
            logs_in = self.plugin(COUNT, user=user)
            login = logs_in.login(soon())
            self.assertIs(False, logs_in.refused(login, soon()))
            self.assertEqual(0, self.runs())


class FailureTest(ExecTestCase):

    def fails_with(self, expected: str, does: str, **spec: Any) -> None:
        self.fails_to_run(expected, self.plugin(does, **spec))

    def test_status_of_its_exit(self) -> None:
        self.fails_with('ended with status 3',
                        f'{prints(token=SECRET)}; exit 3')

    def test_signal(self) -> None:
        self.fails_with('ended by signal 9',
                        f'{prints(token=SECRET)}; kill -9 $$')

    def test_tells_to_run_it_by_hand(self) -> None:
        self.fails_with(f'run it by hand.*: {self.directory}/plugin$',
                        'exit 1', args=[SECRET], env=[ExecEnv('A', SECRET)])

    def test_does_not_tell_what_it_wrote_to_stderr(self) -> None:
        self.fails_with('status 1', f'echo {SECRET} >&2; exit 1')

    def test_stderr_alone_does_no_harm(self) -> None:
        self.issues_token('abc', self.plugin(
            f'echo {SECRET} >&2; {prints(token="abc")}'))

    def test_junk(self) -> None:
        for junk in (SECRET, '[]', '{"kind":', '5', '"', '\\000',
                     '{"status": {"token": 5}}',
                     '{"status": {"token": "\\377"}}',
                     '{"status": {"token": "\\\\ud800"}}'):
            self.fails_with('no JSON of an ExecCredential',
                            f"printf '{junk}'")

    def test_json_that_is_nested_too_deeply(self) -> None:
        self.write('deep', '{"a": ' + '[' * 100000)
        self.fails_with('no JSON of an ExecCredential', 'cat deep')

    def test_nothing(self) -> None:
        self.fails_with('no JSON of an ExecCredential', 'true')

    def test_something_before_the_json(self) -> None:
        self.fails_with('no JSON of an ExecCredential',
                        f'echo Hello; {prints(token=SECRET)}')

    def test_other_kind(self) -> None:
        other = json.dumps({**credential(token=SECRET), 'kind': 'Token'})
        self.fails_with(f'no ExecCredential of {V1}, as apiVersion says',
                        f"echo '{other}'")

    def test_other_version(self) -> None:
        self.fails_with(f'no ExecCredential of {V1}, as apiVersion says',
                        prints(V1BETA1, token=SECRET))

    def test_no_status(self) -> None:
        for status in ({}, {'status': None}):
            printed = json.dumps({'kind': 'ExecCredential', 'apiVersion': V1,
                                  **status})
            self.fails_with('no status', f"echo '{printed}'")

    def test_empty_status(self) -> None:
        for status in ({}, {'token': ''}, {'token': None},
                       {'clientCertificateData': '', 'clientKeyData': ''}):
            self.fails_with('neither a token nor a certificate',
                            prints(**status))

    def test_certificate_without_key(self) -> None:
        self.fails_with('clientCertificateData without clientKeyData', prints(
            token=SECRET, clientCertificateData=CERTIFICATE.decode()))

    def test_key_without_certificate(self) -> None:
        self.fails_with('or the reverse', prints(
            token=SECRET, clientKeyData=KEY.decode()))

    def test_certificate_that_is_not_pem(self) -> None:
        self.fails_with('clientCertificateData: is not PEM', prints(
            clientCertificateData=SECRET, clientKeyData=KEY.decode()))

    def test_token_that_no_header_can_hold(self) -> None:
        for junk in ('\n', ' ', 'é', '\0'):
            self.fails_with('status.token: .*ASCII', prints(
                token=f'{SECRET}{junk}{SECRET}'))

    def test_expiration_that_is_no_time(self) -> None:
        for when in ('soon', '2999-01-01T00:00:00', '', 5):
            self.fails_with('no JSON of an ExecCredential.*Timestamp', prints(
                token=SECRET, expirationTimestamp=when))

    def test_more_output_than_anyone_needs(self) -> None:
        self.fails_with(f'more than {exec_plugin.OUTPUT_LIMIT} bytes',
                        'cat /dev/zero')

    def test_characters_that_no_program_can_be_given(self) -> None:
        for spec in ({'args': [f'{SECRET}\0']}, {'args': [f'{SECRET}\ud800']},
                     {'env': [ExecEnv('A', f'{SECRET}\0')]}):
            self.fails_with('cannot be run: its arguments or environment',
                            COUNT, **spec)

    def test_cluster_too_large_for_an_environment(self) -> None:
        self.fails_with('cannot be run: Argument list too long', COUNT,
                        provide_cluster_info=True,
                        cluster_info={'data': 'x' * 200_000})

    def test_script_of_an_interpreter_that_is_missing(self) -> None:
        logs_in = self.plugin('')
        self.write('plugin', '#!/nowhere\n')
        self.fails_to_run('cannot be run: No such file', logs_in)

    def test_is_tried_again_at_the_next_login(self) -> None:
        logs_in = self.plugin(f'[ -e runs ] || {{ echo >runs; exit 1; }}'
                              f'\n{COUNT}')
        self.fails_to_run('status 1', logs_in)
        self.issues_token('token-2', logs_in)

    def test_does_not_bring_back_what_was_refused(self) -> None:
        logs_in = self.plugin(f'[ ! -e runs ] || exit 1\n{COUNT}')
        logs_in.refused(logs_in.login(soon()), soon())
        self.fails_to_run('status 1', logs_in)

    def test_does_not_bring_back_what_has_expired(self) -> None:
        logs_in = self.plugin('[ ! -e runs ] || exit 1\n' + prints(
            token='t', expirationTimestamp=after(3600)))
        self.issues_token('t', logs_in)
        self.useFixture(Later(3600))
        self.fails_to_run('status 1', logs_in)


class CheckTest(ExecTestCase):

    def is_refused(self, expected: str, version: str = V1,
                   **spec: Any) -> None:
        self.fails(expected, lambda: self.plugin(COUNT, version, **spec))
        self.assertEqual(0, self.runs())

    def is_not_found(self, expected: str, logs_in: Credentials) -> None:
        """See that it is looked for when it is to run, and not before."""
        self.fails_to_run(expected, logs_in)

    def test_does_not_run_it(self) -> None:
        self.plugin(COUNT)
        self.assertEqual(0, self.runs())

    def test_takes_interactive_modes_that_need_no_terminal(self) -> None:
        for mode in ('Never', 'IfAvailable', ''):
            self.plugin(COUNT, interactive_mode=mode)

    def test_refuses_versions_that_are_gone(self) -> None:
        self.is_refused(
            f'apiVersion: .*/v1alpha1 is not supported, only {V1} and',
            'client.authentication.k8s.io/v1alpha1')

    def test_refuses_a_section_without_version(self) -> None:
        self.is_refused('apiVersion: none', '')

    def test_refuses_what_needs_a_terminal(self) -> None:
        self.is_refused(
            'interactiveMode: Always.*terminal', interactive_mode='Always')

    def test_refuses_an_unknown_interactive_mode(self) -> None:
        self.is_refused(
            'interactiveMode: must be', interactive_mode='Perhaps')

    def test_refuses_variables_that_cannot_be(self) -> None:
        for name in ('', 'A=B'):
            self.is_refused('env: a name', env=[ExecEnv(name, SECRET)])

    def test_names_a_missing_command_and_the_hint(self) -> None:
        self.is_not_found(
            r'\(command no-such\): there is no such program.* Install '
            r'no-such: \?\[1mnow$',
            self.exec(V1, 'no-such',
                      install_hint='Install no-such:\n\x1b[1mnow\n'))

    def test_refuses_a_section_without_command(self) -> None:
        self.is_not_found('there is no such program', self.exec(V1, ''))

    def test_refuses_a_command_that_is_not_executable(self) -> None:
        self.write('plugin', '')
        self.is_not_found('there is no such program',
                          self.exec(V1, './plugin'))

    def test_refuses_a_directory(self) -> None:
        self.is_not_found('there is no such program', self.exec(V1, './'))


class SurroundingsTest(ExecTestCase):

    def test_finds_a_relative_command_beside_the_kubeconfig(self) -> None:
        (self.directory / 'bin').mkdir()
        self.script('bin/plugin', prints(token='abc'))
        self.issues_token('abc', self.exec(V1, 'bin/plugin'))

    def test_finds_a_bare_name_in_the_path(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable(
            'PATH', f'{self.directory}:{os.environ["PATH"]}'))
        self.script('bare', prints(token='abc'))
        self.issues_token('abc', self.exec(V1, 'bare'))

    def test_never_runs_a_bare_name_from_the_working_directory(self) -> None:
        self.script('bare', COUNT)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.directory)
        for path in ('', '.', ':/bin', '.:/bin', '/bin:', '/bin::/usr/bin'):
            with fixtures.EnvironmentVariable('PATH', path):
                self.fails_to_run('is in the working directory.*set command '
                                  'to its path', self.exec(V1, 'bare'))
        self.assertEqual(0, self.runs())

    def test_does_not_find_a_bare_name_beside_the_kubeconfig(self) -> None:
        self.script('bare', prints(token='abc'))
        self.fails_to_run('there is no such program',
                             self.exec(V1, 'bare'))

    def test_finds_an_absolute_command(self) -> None:
        self.script('plugin', prints(token='abc'))
        self.issues_token('abc', self.exec(
            V1, str(self.directory / 'plugin')))

    def test_gets_its_arguments_as_they_are(self) -> None:
        self.plugin(f'printf "%s|" "$@" >arguments; {COUNT}',
                    args=['a b', '', '$HOME', '*']).login(soon())
        self.assertEqual('a b||$HOME|*|', self.read('arguments'))

    def environment(self, name: str, **spec: Any) -> str:
        """What a plugin finds in a variable."""
        self.plugin(f'printf "%s" "${name}" >variable; {COUNT}',
                    **spec).login(soon())
        return self.read('variable')

    def test_inherits_the_environment(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('INHERITED', 'yes'))
        self.assertEqual('yes', self.environment('INHERITED'))

    def test_gets_the_variables_of_env_rather(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('GIVEN', 'inherited'))
        self.assertEqual('own', self.environment(
            'GIVEN', env=[ExecEnv('GIVEN', 'own')]))

    def test_gets_no_cluster_unless_asked(self) -> None:
        self.assertEqual(
            {'kind': 'ExecCredential', 'apiVersion': V1,
             'spec': {'interactive': False}},
            json.loads(self.environment('KUBERNETES_EXEC_INFO',
                                        cluster_info={'server': 's'})))

    def test_gets_the_cluster_that_it_asks_for(self) -> None:
        cluster = {'server': 'https://ö', 'config': {'a': [1, None]}}
        self.assertEqual(
            {'kind': 'ExecCredential', 'apiVersion': V1BETA1,
             'spec': {'interactive': False, 'cluster': cluster}},
            json.loads(self.environment(
                'KUBERNETES_EXEC_INFO', version=V1BETA1,
                cluster_info=cluster, provide_cluster_info=True)))

    def test_env_does_not_replace_what_it_is_told(self) -> None:
        self.assertIn('ExecCredential', self.environment(
            'KUBERNETES_EXEC_INFO',
            env=[ExecEnv('KUBERNETES_EXEC_INFO', 'mine')]))

    def test_has_nothing_to_read(self) -> None:
        self.plugin(f'readlink /proc/$$/fd/0 >stdin; {COUNT}').login(soon())
        self.assertEqual('/dev/null\n', self.read('stdin'))

    def test_has_a_session_of_its_own(self) -> None:
        self.plugin('echo $$ >pid; cut -d" " -f6 </proc/$$/stat >session; '
                    f'{COUNT}').login(soon())
        self.assertEqual(self.read('pid'), self.read('session'))
