# SPDX-License-Identifier: Apache-2.0
"""Count how often a node's first poll crosses from one module to another.

    .tox/py3/bin/python tools/count_crossings.py

A crossing is a call, or the resumption of a generator, of one module of
vitrage_k8s by another one, be it by way of other code: from the list of the
API server to the vertex in Vitrage's graph, through Vitrage's own code. A
profiling hook counts them in all threads. The figure is what a poll of 101 new
nodes has more than one of a single new node, divided by 100: what a node
costs, without what a poll costs anyway.
"""

import collections
import contextlib
import logging
import pathlib
import sys
import threading
from types import FrameType
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tests.support import base  # noqa: E402
from vitrage_k8s_lab import samples  # noqa: E402

PRODUCT = 'vitrage_k8s'
FEW, MANY = 1, 101
MOST = 25

Crossings = collections.Counter[tuple[str, str]]


def module_of(frame: FrameType) -> str | None:
    """Return the module of the product that a frame is of, if any."""
    name: str = frame.f_globals.get('__name__', '')
    return name if name.partition('.')[0] == PRODUCT else None


def function_of(frame: FrameType) -> str:
    return getattr(frame.f_code, 'co_qualname', frame.f_code.co_name)


class Poll(base.FunctionalTest):
    """Polls a cluster for the first time."""

    def count(self, nodes: int) -> Crossings:
        """Return who called whom, and how often."""
        found: Crossings = collections.Counter()

        def note(frame: FrameType, event: str, argument: Any) -> None:
            callee = module_of(frame)
            if event != 'call' or callee is None:
                return
            caller = frame.f_back
            while caller is not None and module_of(caller) is None:
                caller = caller.f_back
            if caller is not None and module_of(caller) != callee:
                found[f'{module_of(caller)}.{function_of(caller)}',
                      f'{callee}.{function_of(frame)}'] += 1

        self.start_simulator(*[
            {**samples.SPECIFICATION_NODE, 'metadata': {
                **samples.SPECIFICATION_NODE['metadata'],
                'name': f'n{number}', 'uid': f'u{number}'}}
            for number in range(nodes)])
        self.host = self.make_host()
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            self.host.start()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        self.assertEqual(nodes, len(self.host.node_names()))
        return found

    def run_and_print(self) -> None:
        few, many = [self._fresh(nodes) for nodes in (FEW, MANY)]
        many.subtract(few)
        total = 0.0
        for (caller, callee), count in many.most_common():
            if count > 0:
                each = count / (MANY - FEW)
                total += each
                print(f'{each:6.2f}  {caller} -> {callee}')
        print(f'{total:6.2f}  in all; the goal is at most {MOST}. A poll of '
              f'one node has {sum(few.values())}')
        if total > MOST:
            sys.exit('There are more crossings than that')

    def _fresh(self, nodes: int) -> Crossings:
        with contextlib.ExitStack() as stack:
            stack.callback(self._forget)
            return self.count(nodes)


if __name__ == '__main__':
    logging.disable()
    Poll('run_and_print').debug()
