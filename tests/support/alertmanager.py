# SPDX-License-Identifier: Apache-2.0
"""A real Alertmanager of the tests' own, on loopback."""

from collections.abc import Iterator
import contextlib
import datetime
import itertools
import os
import pathlib
import textwrap
from typing import Any

import requests
import yaml

from tests.support.processes import find
from tests.support.processes import free_ports
from tests.support.processes import Process

PROGRAM = 'prometheus-alertmanager'

_PAGE = pathlib.Path(__file__).parents[2] / 'doc/source/alerts.rst'


def what_is_missing() -> str | None:
    """Return what is to be installed, and how; None if it is there."""
    if find(PROGRAM):
        return None
    return (f'{PROGRAM} not found in the PATH. ./run_tests.sh installs it if '
            'it is run by root; or do so yourself: apt-get install '
            f'--no-install-recommends {PROGRAM}')


def documented(first: str) -> str:
    """Return the block of our documentation that begins with a line."""
    lines = _PAGE.read_text().splitlines()
    [begin] = [number for number, line in enumerate(lines)
               if line.strip() == first]
    indent = lines[begin].removesuffix(first)
    return textwrap.dedent('\n'.join(itertools.takewhile(
        lambda line: line.startswith(indent), lines[begin:])))


class Alertmanager:
    """An Alertmanager with the configuration of our documentation.

    :param directory: where its files go; there is none yet
    :ivar url: where it is
    """

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self._directory = directory
        [port] = free_ports(1)
        self._address = f'127.0.0.1:{port}'
        self.url = f'http://{self._address}'
        self._session = requests.Session()
        self._session.trust_env = False

    @contextlib.contextmanager
    def running(self, vitrage: str) -> Iterator[None]:
        """Run it.

        :param vitrage: the URL of Vitrage's API
        """
        configuration = yaml.safe_load(documented('route:'))
        # Of one of Vitrage's, and one of the default receiver.
        route, _ = configuration['route']['routes']
        route.update(group_wait='1s', group_interval='1s',
                     repeat_interval='3s', matchers=[])
        [receiver] = [each for each in configuration['receivers']
                      if each['name'] == 'vitrage']
        [webhook] = receiver['webhook_configs']
        webhook.update(url=f'{vitrage}/v1/event', http_config={})
        path = self._directory / 'alertmanager.yml'
        path.write_text(yaml.safe_dump(configuration))
        program = find(PROGRAM)
        assert program
        with Process(
                [program, f'--config.file={path}',
                 f'--storage.path={self._directory / "data"}',
                 f'--web.listen-address={self._address}',
                 # Else it listens for others of its kind.
                 '--cluster.listen-address='],
                self._directory / 'log',
                {**os.environ, 'no_proxy': '127.0.0.1'}) as process:
            process.await_ready(self._is_ready)
            yield

    def _is_ready(self) -> bool:
        try:
            return self._session.get(f'{self.url}/-/ready').ok
        except requests.ConnectionError:
            return False

    def fire(self, name: str, **labels: str) -> None:
        """Let an alert fire, as Prometheus posts it."""
        self._post('alerts', [{'labels': _labels(name, labels)}])

    def resolve(self, name: str, **labels: str) -> None:
        """Let an alert end."""
        self._post('alerts', [{'labels': _labels(name, labels),
                               'endsAt': _now()}])

    def silence(self, name: str) -> str:
        """Silence the alerts of a name; return the id of the silence."""
        now = datetime.datetime.now(datetime.timezone.utc)
        answer = self._post('silences', {
            'matchers': [{'name': 'alertname', 'value': name,
                          'isRegex': False, 'isEqual': True}],
            'startsAt': _now(), 'createdBy': 'a test', 'comment': 'a test',
            'endsAt': (now + datetime.timedelta(hours=1)).isoformat()})
        identity: str = answer['silenceID']
        return identity

    def speak(self, silence: str) -> None:
        """End a silence."""
        self._session.delete(
            f'{self.url}/api/v2/silence/{silence}').raise_for_status()

    def _post(self, what: str, body: Any) -> Any:
        answer = self._session.post(f'{self.url}/api/v2/{what}', json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def _labels(name: str, labels: dict[str, str]) -> dict[str, str]:
    return {'alertname': name, 'severity': 'warning', **labels}


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat()
