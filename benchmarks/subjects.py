# SPDX-License-Identifier: Apache-2.0
"""What is measured of lists: each reads all nodes of one cluster.

A subject's run() yields the name of each step when that is done; the subject
holds what it is to hold. What it imports, it imports when it is made: the
others are not to pay for it.
"""

from collections.abc import Callable
from collections.abc import Iterator
import pathlib
import shutil
import sys
import tempfile
import threading
from typing import Any

PAGE = 500
# A step that is not measured: what comes before counts for nothing.
READY = 'ready'


class Subject:
    """Something to measure.

    :ivar details: figures of the step that was done last
    """

    def __init__(self) -> None:
        self.details: dict[str, Any] = {}

    def run(self, kubeconfig: str) -> Iterator[str]:
        """Do it; yield the name of each step that is done."""
        self.details = {'count': self.read(kubeconfig)}
        yield 'all'

    def read(self, kubeconfig: str) -> int:
        """Read all nodes, and return how many."""
        raise NotImplementedError

    def reset(self) -> None:
        """Forget what was run so far."""

    def kept(self) -> int:
        """Return the bytes of what is ours and held."""
        return 0


def api_client(kubeconfig: str) -> Any:
    import kubernetes.config
    return kubernetes.config.new_client_from_config(
        kubeconfig, persist_config=False)


class Read(Subject):
    """Reads and inflates all pages: urllib3, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        import kubernetes.config  # noqa: F401

    def read(self, kubeconfig: str) -> int:
        client = api_client(kubeconfig)
        headers = {'Accept-Encoding': 'gzip'} | {
            login['key']: login['value'] for login
            in client.configuration.auth_settings().values()}
        url = f'{client.configuration.host}/api/v1/nodes'
        token, count = '', 0
        while True:
            body = client.rest_client.pool_manager.request(
                'GET', url, headers=headers,
                fields={'limit': PAGE, 'continue': token}).data
            count += self.use(body)
            before, found, after = body[:4096].partition(b'"continue":"')
            if not found:
                return count
            token = after.partition(b'"')[0].decode()

    def use(self, body: bytes) -> int:
        """Do something with a page, and return how many nodes it has."""
        return 0


class Floor(Read):
    """Decodes the wanted fields of them, too, and forgets them."""

    def __init__(self) -> None:
        super().__init__()
        import msgspec

        from vitrage_k8s.api import nodes

        class NodeList(msgspec.Struct):
            items: list[nodes.ApiNode]

        self._decoder = msgspec.json.Decoder(NodeList)

    def use(self, body: bytes) -> int:
        return len(self._decoder.decode(body).items)


class Typed(Subject):
    """The official client in pages; it forgets each page."""

    def __init__(self) -> None:
        super().__init__()
        import kubernetes.config  # noqa: F401

    def read(self, kubeconfig: str) -> int:
        import kubernetes.client
        api = kubernetes.client.CoreV1Api(api_client(kubeconfig))
        count, query = 0, {}
        while True:
            page = api.list_node(limit=PAGE, **query)
            count += len(page.items)
            query = {'_continue': page.metadata._continue}
            if not query['_continue']:
                return count


class InTree(Subject):
    """Vitrage's own datasource: its get_all(), less Vitrage's graph."""

    def __init__(self) -> None:
        super().__init__()
        from oslo_config import cfg
        from vitrage.datasources import kubernetes
        from vitrage.datasources.kubernetes import driver
        self._conf, self._driver = cfg.CONF, driver
        self._conf.register_opts(kubernetes.OPTS, group='kubernetes')
        self._conf([])

    def read(self, kubeconfig: str) -> int:
        self._conf.set_override('config_file', kubeconfig, group='kubernetes')
        [event] = self._driver.KubernetesDriver().get_all('init_snapshot')
        return len(event['resources'])


class Ours(Subject):
    """Our list: the fleet's, into an inventory, and no more."""

    def __init__(self) -> None:
        super().__init__()
        configure()
        self._fleet: Any = None

    def read(self, kubeconfig: str) -> int:
        from vitrage_k8s.api import fleet
        from vitrage_k8s import settings
        override('kubernetes', config_file=kubeconfig)
        self._fleet = fleet.Fleet()
        self._fleet.use(settings.read(), anew=True)
        self._fleet.list_all(1000)
        return sum(len(cluster.inventory) for cluster
                   in self._fleet.view().clusters.values())

    def reset(self) -> None:
        self._fleet.stop()

    def kept(self) -> int:
        return size_of(self._fleet)


class Fleet(Subject):
    """All clusters of a kubeconfig: listed, listed again, and watched."""

    def __init__(self) -> None:
        super().__init__()
        configure()
        override('kubernetes', contexts=['*'])
        self._fleet: Any = None

    def run(self, kubeconfig: str) -> Iterator[str]:
        from vitrage_k8s import settings
        override('kubernetes', config_file=kubeconfig, update_method='none')
        self._begin()
        for step in ('first', 'again'):
            self._fleet.use(settings.read(), anew=True)
            self._fleet.list_all(1000)
            self._count()
            yield step
        self._fleet.stop()
        override('kubernetes', update_method='pull')
        self._begin()
        self._fleet.use(settings.read())
        self._fleet.wait_settled(1000)
        self._count()
        yield 'watched'

    def _begin(self) -> None:
        from vitrage_k8s.api import fleet
        self._fleet = fleet.Fleet()

    def _count(self) -> None:
        self.details = {
            'threads': threading.active_count(),
            'count': sum(len(cluster.inventory) for cluster
                         in self._fleet.view().clusters.values())}

    def reset(self) -> None:
        self._fleet.stop()


def size_of(root: Any) -> int:
    """Return the bytes of all that one of our objects holds.

    What is held twice counts once; what is not plain data, not at all.
    """
    import msgspec
    size, seen, left = 0, set(), [root]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            left += [*each, *each.values()]
        elif isinstance(each, list | tuple | set | frozenset):
            left += each
        elif isinstance(each, msgspec.Struct):
            left += msgspec.structs.astuple(each)
        elif type(each).__module__.startswith('vitrage_k8s'):
            left += vars(each).values()
        elif not isinstance(each, str | bytes | int | float):
            continue
        size += sys.getsizeof(each)
    return size


def configure() -> None:
    """Register the options of Vitrage and ours, as Vitrage does."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    from oslo_config import cfg
    from vitrage import opts

    from tests.support import base
    from vitrage_k8s import install_files
    for group, options in opts.list_opts():
        cfg.CONF.register_opts(
            list(options), group=None if group == 'DEFAULT' else group)
    override('datasources', types=['kubernetes'], path=list(
        base.FunctionalTest.paths))
    opts.register_opts('kubernetes', cfg.CONF.datasources.path)
    cfg.CONF([])
    values = pathlib.Path(tempfile.mkdtemp())
    shutil.copytree(install_files.ETC / install_files.VALUES,
                    values, dirs_exist_ok=True)
    (values / 'default.yaml').write_text(base.DEFAULT_VALUES)
    override('entity_graph', datasources_values_dir=str(values))
    # The lists are within the poll, as those of its peers.
    override('kubernetes', update_method='none', list_timeout=1000)


def override(group: str, **options: Any) -> None:
    """Set options of Vitrage."""
    from oslo_config import cfg
    for name, value in options.items():
        cfg.CONF.set_override(name, value, group=group)


SUBJECTS: dict[str, Callable[..., Subject]] = {
    'read': Read, 'floor': Floor, 'ours': Ours, 'fleet': Fleet,
    'in-tree': InTree, 'typed': Typed}
