# SPDX-License-Identifier: Apache-2.0
"""A checkout whose scripts set themselves up in no time.

Python is real, but for ``-m venv`` and ``-m pip``: they, tox and apt-get are
stubs, which stop where a test wants them to.
"""

from collections.abc import Sequence
import contextlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import uuid

import fixtures

from tests.support.plugins import wait_until

ROOT = pathlib.Path(__file__).parents[2]

SOURCES = ('run_demo.sh', 'run_tests.sh', 'requirements.txt',
           'constraints.txt', 'setup.cfg', 'pyproject.toml',
           'lab/pyproject.toml')

# What may be too slow on a busy machine, and never is on an idle one.
PATIENCE = 120

# Stops there, as the real ones do, with children of its own, some of them in
# sessions of their own, and with temporary files.
MOMENT = '''
moment() {
    echo "$1" >>"$STUBS/passed"
    [ "$1" = "$STOPS_AT" ] || return 0
    sleep 600 &
    if [ "$1" != python ]; then
        mktemp >/dev/null
        setsid sleep 600 &
    fi
    echo "$1" >"$STUBS/moments"
    read -r _ <"$STUBS/go"
}
'''

STUBS = {
    'python': '''
case "$*" in
"-c "*)
    moment python
    exec "$REAL_PYTHON" "$@";;
"-m venv "*)
    mkdir -p "$3/bin"
    ln -s "$STUBS/bin/python" "$3/bin"
    moment venv;;
"-m pip "*)
    moment pip
    for name in tox vitrage-k8s-demo; do
        ln -s "$STUBS/$name" "${0%/*}"
    done;;
*)
    exec "$REAL_PYTHON" "$@";;
esac
''',
    'apt-get': '''
case "$*" in
*download*)
    moment download;;
*)
    [ ! -e "$STUBS/etc/policy-rc.d" ] || moment policy
    moment unpack;;
esac
''',
    'id': 'echo 0',
    'update-rc.d': '[ "$2" != disable ] || moment disable',
}

# They come with what pip installs.
INSTALLED = {'tox': 'moment tox; echo "tox $*"; eval "$TOX_DOES"',
             'vitrage-k8s-demo': 'echo "vitrage-k8s-demo" "$@"'}


class Script:
    """A script that runs.

    :ivar process: its process, the head of its process group
    """

    def __init__(self, command: Sequence[str | pathlib.Path],
                 environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, preexec_fn=_restore_signals)

    def await_line(self, text: str) -> None:
        """Wait until it prints a line on stderr that has this text."""
        assert self.process.stderr
        for line in self.process.stderr:
            if text in line:
                return
        raise AssertionError(f'It has not printed {text}')

    def end(self) -> tuple[int, str, str]:
        """Wait for its end.

        :returns: its exit status, as a shell has it, and what it has printed
        """
        stdout, stderr = self.process.communicate(timeout=PATIENCE)
        status = self.process.returncode
        return status if status >= 0 else 128 - status, stdout, stderr


def _restore_signals() -> None:
    # Whoever runs the tests may ignore them, and so would a shell then.
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class Checkout(fixtures.Fixture):
    """Its scripts, and the stubs.

    :ivar path: its directory
    :ivar python: the stub of Python
    :ivar policy: where the packages' services are forbidden to start
    """

    def _setUp(self) -> None:
        place = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = place / 'a checkout'
        self._stubs = place / 'stubs'
        self._temporary = place / 'tmp'
        self.python = self._stubs / 'bin/python'
        self.policy = self._stubs / 'etc/policy-rc.d'
        for directory in (self.path, self.python.parent, self.policy.parent,
                          self._temporary):
            directory.mkdir(parents=True)
        self._copy()
        for name, does in STUBS.items():
            self.write_script(f'bin/{name}', MOMENT + does)
        for name, does in INSTALLED.items():
            self.write_script(name, MOMENT + does)
        for name in ('moments', 'go'):
            os.mkfifo(self._stubs / name)
        # So it is open, whoever comes and goes at the other end.
        self._moments = os.open(self._stubs / 'moments', os.O_RDWR)
        self.addCleanup(os.close, self._moments)
        self._mark = uuid.uuid4().hex
        self.addCleanup(self.kill_all)

    def _copy(self) -> None:
        for name in SOURCES:
            copy = self.path / name
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / 'tools', self.path / 'tools')
        servers = self.path / 'tools/install_servers.sh'
        text = servers.read_text()
        for old, new in (('/usr/sbin', str(self.policy.parent)),
                         ('in rabbitmq-server', 'in $MISSING'),
                         ('-v prometheus-alertmanager', '-v sh')):
            assert old in text
            text = text.replace(old, new)
        servers.write_text(text)

    def write_script(self, name: str, does: str) -> pathlib.Path:
        path = self._stubs / name
        path.write_text(f'#!/bin/sh\n{does}\n')
        path.chmod(0o755)
        return path

    def start(self, script: str, *arguments: str, stops_at: str = '',
              **environment: str) -> Script:
        """Start a script, which is to stop at a moment.

        :param environment: PYTHON, if it is not the stub; MISSING, a server
            that is not there; and TOX_DOES, what tox does
        """
        return Script([self.path / script, *arguments], {
            **os.environ, 'PYTHON': str(self.python), 'MISSING': '',
            'TOX_DOES': '', 'STUBS': str(self._stubs),
            'REAL_PYTHON': sys.executable, 'STOPS_AT': stops_at,
            'TMPDIR': str(self._temporary), 'MARK': self._mark,
            'PATH': f'{self.python.parent}:{os.environ["PATH"]}',
            **environment})

    def await_moment(self, name: str) -> None:
        """Wait until a stub has stopped there."""
        ready, _, _ = select.select([self._moments], [], [], PATIENCE)
        assert ready, f'Nothing has come to {name}'
        came = os.read(self._moments, 100).decode()
        assert came == f'{name}\n', came

    def go_on(self) -> None:
        """Let the stub that has stopped go on."""
        (self._stubs / 'go').write_text('\n')

    def passed(self) -> list[str]:
        """Return the moments that there have been."""
        path = self._stubs / 'passed'
        return [moment for moment in path.read_text().split()
                if moment != 'python'] if path.exists() else []

    def _running(self) -> dict[int, str]:
        found = {}
        for process in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(FileNotFoundError, PermissionError,
                                     ProcessLookupError):
                # That of a process that has ended is empty.
                if self._mark.encode() in (process / 'environ').read_bytes():
                    found[int(process.name)] = (
                        process / 'cmdline').read_text().replace('\0', ' ')
        return found

    def what_is_left(self) -> list[str]:
        """Return what does not end soon, and temporary files."""
        wait_until(lambda: not self._running())
        return [*self.what_runs(), *os.listdir(self._temporary)]

    def what_runs(self) -> list[str]:
        """Return the command lines of all that has been started."""
        return list(self._running().values())

    def kill_all(self) -> None:
        """Kill all that has been started, at once."""
        while running := self._running():
            for pid in running:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
