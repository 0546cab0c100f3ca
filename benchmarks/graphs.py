# SPDX-License-Identifier: Apache-2.0
"""What is measured of Vitrage's graph, and whose the CPU of that is."""

from collections.abc import Callable
from collections.abc import Iterator
import time
from typing import Any
import urllib.request

import subjects


class Graph(subjects.Subject):
    """Our get_all() into a graph: Vitrage's, with its processor.

    :param state_url: where the server is asked to change its nodes; without
        it there is no such step
    """

    def __init__(self, state_url: str | None = None) -> None:
        super().__init__()
        subjects.configure()
        self._state_url = state_url
        self._host: Any = None
        self._share = Share()

    def run(self, kubeconfig: str) -> Iterator[str]:
        from oslo_utils import fixture
        from oslo_utils import timeutils

        from tests.support import base
        subjects.override('kubernetes', config_file=kubeconfig)
        clock = fixture.TimeFixture(timeutils.utcnow())
        clock.setUp()
        self._host = base.Host(clock)
        self._set_state(0)
        yield from self._step('first', self._host.start)
        yield from self._step('unchanged', self._host.poll)
        if self._state_url:
            self._set_state(1)
            yield from self._step('changed', self._host.poll)

    def _set_state(self, state: int) -> None:
        if self._state_url:
            urllib.request.urlopen(f'{self._state_url}?state={state}')

    def _step(self, name: str, act: Callable[[], int]) -> Iterator[str]:
        rows = len(self._host.rows)
        self._share.begin()
        act()
        self.details = self._share.read() | {
            'rows': len(self._host.rows) - rows,
            'count': len(self._host.vertices('kubernetes.node'))}
        yield name

    def reset(self) -> None:
        from tests.support import base
        base.FunctionalTest._forget()

    def kept(self) -> int:
        from vitrage.datasources import utils
        return subjects.size_of(utils.drivers['kubernetes'])


class Share:
    """Whose the CPU of a step of Graph is, in seconds.

    The lists are the other threads', what we do for Vitrage is timed, and
    what is left is Vitrage's.
    """

    _OURS = ('_create_snapshot_entity_vertex', '_create_snapshot_neighbors')

    def __init__(self) -> None:
        from vitrage_k8s.driver import KubernetesDriver
        from vitrage_k8s.transformer import KubernetesTransformer
        self.begin()
        get_all = KubernetesDriver.get_all

        def timed_get_all(driver: Any, action: str) -> Iterator[Any]:
            batches = get_all(driver, action)
            while batch := self._timed(next, batches, None):
                yield batch

        KubernetesDriver.get_all = timed_get_all
        for name in self._OURS:
            self._time(KubernetesTransformer, name)

    def _time(self, owner: Any, name: str) -> None:
        original = getattr(owner, name)
        setattr(owner, name, lambda *args: self._timed(original, *args))

    def _timed(self, call: Callable[..., Any], *args: Any) -> Any:
        began = time.thread_time()
        try:
            return call(*args)
        finally:
            self._ours += time.thread_time() - began

    def begin(self) -> None:
        """Begin a step."""
        self._ours = 0.0
        self._process, self._thread = time.process_time(), time.thread_time()

    def read(self) -> dict[str, float]:
        """Return what the step has cost."""
        thread = time.thread_time() - self._thread
        return {'list': time.process_time() - self._process - thread,
                'feed': self._ours, 'vitrage': thread - self._ours}


SUBJECTS = {'graph': Graph}
