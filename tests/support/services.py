# SPDX-License-Identifier: Apache-2.0
"""What a Vitrage in service is made of, each a real process.

A RabbitMQ and a MariaDB of the tests' own, with nothing of the system's but
the programs, and Vitrage's services on them. They listen on the loopback
interface only.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import contextlib
import os
import pathlib
from typing import Any

import pymysql
import requests

from tests.support.processes import beside_python
from tests.support.processes import FailedError
from tests.support.processes import find
from tests.support.processes import free_ports
from tests.support.processes import listens
from tests.support.processes import Process
from tests.support.processes import run
from vitrage_k8s_lab.standalone import standalone

# What is needed, and the packages of Debian that have it, as in
# tools/install_servers.sh.
_PACKAGES = {
    'rabbitmq-server': 'rabbitmq-server', 'epmd': 'rabbitmq-server',
    'mariadbd': 'mariadb-server-core',
    'mariadb-install-db': 'mariadb-server-core',
    'my_print_defaults': 'mariadb-client-core',
}

# Of vitrage.conf, by group and option.
Options = Mapping[str, Mapping[str, object]]


def what_is_missing() -> str | None:
    """Return which programs are missing, and what to do; None if none."""
    missing = [program for program in _PACKAGES if find(program) is None]
    if not missing:
        return None
    packages = ' '.join(sorted({_PACKAGES[program] for program in missing}))
    return (f'{", ".join(missing)} not found in the PATH, /usr/sbin and '
            '/usr/lib/rabbitmq/bin. ./run_tests.sh installs them if it is run '
            'by root; or do so yourself: apt-get install '
            f'--no-install-recommends {packages}')


def _program(name: str) -> str:
    found = find(name)
    assert found, f'{name} is missing'
    return found


class Database:
    """A MariaDB, without a port: it has a socket in its directory.

    :param directory: where its files go; there is none yet
    :ivar url: where Vitrage finds its database
    """

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._socket = str(directory / 'socket')
        self.url = ('mysql+pymysql://root@localhost/vitrage?charset=utf8'
                    f'&unix_socket={self._socket}')

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it, with an empty database for Vitrage."""
        common = ['--no-defaults', f'--datadir={self._directory / "data"}',
                  '--innodb-log-file-size=8M']
        if os.geteuid() == 0:
            # It wants that to be said.
            common.append('--user=root')
        run([_program('mariadb-install-db'), *common, '--skip-test-db',
             '--auth-root-authentication-method=normal'], os.environ)
        with Process(
                [_program('mariadbd'), *common, '--skip-networking',
                 f'--socket={self._socket}',
                 f'--pid-file={self._directory / "pid"}',
                 # What a crash of the machine would lose may be lost.
                 '--innodb-flush-log-at-trx-commit=0',
                 '--innodb-buffer-pool-size=32M'],
                self._directory / 'log', os.environ) as process:
            process.await_ready(self._answers)
            self.query('CREATE DATABASE vitrage', database=None)
            yield

    def query(self, sql: str, *values: object,
              database: str | None = 'vitrage') -> list[tuple[Any, ...]]:
        """Return the rows of the answer."""
        with contextlib.closing(pymysql.connect(
                unix_socket=self._socket, user='root',
                database=database, autocommit=True)) as connection, \
                connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def _answers(self) -> bool:
        try:
            self.query('SELECT 1', database=None)
        except pymysql.OperationalError:
            return False
        return True


class Bus:
    """A RabbitMQ, as an Erlang node of its own.

    :param directory: where its files go; there is none yet
    :ivar url: where oslo.messaging finds it
    """

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        self._directory = directory
        self._epmd_port, self._port, self._node_port = free_ports(3)
        self.url = f'rabbit://guest:guest@127.0.0.1:{self._port}/'

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it, and the port mapper without which it does not start."""
        directory = self._directory
        # As the file would be if there were plugins; there is a system's own.
        (directory / 'plugins').write_text('[].\n')
        (directory / 'rabbitmq.conf').write_text(
            f'listeners.tcp.1 = 127.0.0.1:{self._port}\n'
            # By default it takes nothing any more where there is less left.
            'disk_free_limit.absolute = 1MB\n')
        environment = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith(('RABBITMQ_', 'ERL_'))},
            # The Erlang cookie is there.
            'HOME': str(directory),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'ERL_EPMD_PORT': str(self._epmd_port),
            'RABBITMQ_NODENAME': f'vitrage-k8s-{self._port}@localhost',
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODE_PORT': str(self._port),
            'RABBITMQ_DIST_PORT': str(self._node_port),
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
                '-kernel inet_dist_use_interface {127,0,0,1} '
                '-start_epmd false',
            # These need not be there, but else the system's would be read.
            'RABBITMQ_CONF_ENV_FILE': str(directory / 'none'),
            'RABBITMQ_ADVANCED_CONFIG_FILE': str(directory / 'none'),
            'RABBITMQ_CONFIG_FILE': str(directory / 'rabbitmq.conf'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': str(directory / 'plugins'),
            'RABBITMQ_MNESIA_BASE': str(directory / 'mnesia'),
            'RABBITMQ_LOG_BASE': str(directory / 'logs'),
            'RABBITMQ_PID_FILE': str(directory / 'pid'),
        }
        with Process([_program('epmd')], directory / 'epmd.log',
                     environment) as mapper:
            mapper.await_ready(lambda: listens(self._epmd_port))
            with Process([_program('rabbitmq-server')], directory / 'log',
                         environment) as process:
                process.await_ready(lambda: listens(self._port))
                yield


class Vitrage:
    """vitrage-graph, vitrage-persistor and vitrage-api.

    The API trusts what the headers of a request say of its user, as behind
    a proxy that has asked Keystone.

    :param directory: where the files go; there is none yet
    :ivar url: where the API is
    :ivar graph: the process that reads the datasources
    :ivar notifier: what calls webhooks; a test may start it
    """

    def __init__(self, directory: pathlib.Path, bus: Bus, database: Database,
                 options: Options) -> None:
        directory.mkdir()
        [port] = free_ports(1)
        self.url = f'http://127.0.0.1:{port}'
        self._environment = {
            **os.environ, 'no_proxy': '127.0.0.1',
            # Vitrage would leave its server for tests to an uwsgi of the
            # system's, which cannot know this environment.
            'PATH': str(pathlib.Path(beside_python('vitrage-api')).parent),
            # Else the Nova client writes to the home directory.
            'NOVACLIENT_UUID_CACHE_DIR': str(directory / 'novaclient')}
        self._arguments = standalone.write_configuration(directory, {
            **options,
            'DEFAULT': {**options.get('DEFAULT', {}),
                        'transport_url': bus.url},
            'database': {'connection': database.url},
            'api': {'auth_mode': 'noauth', 'host': '127.0.0.1', 'port': port},
        })
        self._directory = directory
        self._persistor = self._service('vitrage-persistor')
        self.graph = self._service('vitrage-graph')
        self._api = self._service('vitrage-api')
        self.notifier = self._service('vitrage-notifier')

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make the tables, and run the services."""
        run([beside_python('vitrage-dbsync'), *self._arguments],
            self._environment)
        with self._persistor, self.graph, self._api:
            self.await_ready()
            yield

    def await_ready(self) -> None:
        """Wait until the graph can be asked for through the API."""
        self._api.await_ready(self._is_ready)

    def logs(self) -> dict[str, str]:
        """Return the ends of the logs."""
        return {service.log.name: service.tail() for service in (
            self._persistor, self.graph, self._api)}

    def _service(self, name: str) -> Process:
        return Process([beside_python(name), *self._arguments],
                       self._directory / f'{name}.log', self._environment)

    def _is_ready(self) -> bool:
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.get(f'{self.url}/v1/status', headers={
                    'X-User-Id': 'admin', 'X-Project-Id': 'admin',
                    'X-Roles': 'admin'}).ok
            except requests.ConnectionError:
                return False


@contextlib.contextmanager
def running(directory: pathlib.Path,
            options: Options,
            ) -> Iterator[tuple[Vitrage, Bus, Database]]:
    """Run all of it.

    :param directory: where the files go. It may not have a long name, for
        there is a socket in it.
    """
    database = Database(directory / 'mariadb')
    bus = Bus(directory / 'rabbitmq')
    with database.running(), bus.running():
        vitrage = Vitrage(directory / 'vitrage', bus, database, options)
        try:
            with vitrage.running():
                yield vitrage, bus, database
        except FailedError as error:
            raise FailedError(f'{error}\n{vitrage.logs()}') from error
