# SPDX-License-Identifier: Apache-2.0
"""Measures one thing once, in a process of its own, and prints it as JSON.

    python benchmarks/measure.py '{"what": "ours", "kubeconfig": ...}'

What is imported, and made once, is not measured: the same thing is done first
with the small kubeconfig, if there is one.
"""

import ctypes
import gc
import json
import logging
import os
import pathlib
import re
import socket
import ssl
import sys
import time
from typing import Any

import graphs
import subjects
import watches


class Bytes:
    """Counts the bytes of HTTP that this process reads.

    The cost is that of one more call for each piece of 64 KB.
    """

    def __init__(self) -> None:
        self.count = 0
        for kind in (socket.socket, ssl.SSLSocket):
            self._count(kind)

    def _count(self, kind: Any) -> None:
        receive = kind.recv_into

        def count(*args: Any, **kwargs: Any) -> int:
            received = receive(*args, **kwargs)
            # SSLSocket calls its parent's before the handshake.
            self.count += received
            return received

        kind.recv_into = count


def memory(name: str) -> float:
    """Return a figure of /proc/self/status in MB: VmRSS, VmHWM."""
    status = pathlib.Path('/proc/self/status').read_text()
    found = re.search(rf'{name}:\s+(\d+) kB', status)
    assert found
    return int(found[1]) / 1024


def settle() -> None:
    """Give back what is not used, and forget the peak so far."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path('/proc/self/clear_refs').write_text('5')


class Meter:
    """Measures from its making on.

    :param idle: the memory to compare with; None for what there is now
    """

    def __init__(self, received: Bytes, idle: float | None = None) -> None:
        settle()
        self._received = received
        self.idle = memory('VmRSS') if idle is None else idle
        self._bytes = received.count
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return what was used since."""
        return {
            'cpu': time.process_time() - self._cpu,
            'wall': time.perf_counter() - self._wall,
            'peak': memory('VmHWM') - self.idle,
            'bytes': (self._received.count - self._bytes) / 1e6}


def main(what: str, kubeconfig: str, small: str | None = None,
         **options: Any) -> None:
    logging.disable()
    received = Bytes()
    subject = {**subjects.SUBJECTS, **graphs.SUBJECTS,
               **watches.SUBJECTS}[what](**options)
    # What it imports and makes once.
    for _ in subject.run(small) if small else ():
        pass
    if small:
        subject.reset()
    results: dict[str, Any] = {}
    steps = subject.run(kubeconfig)
    meter = Meter(received)
    for step in steps:
        if step != subjects.READY:
            results[step] = meter.read() | subject.details
        meter = Meter(received, meter.idle)
    settle()
    results['held'] = memory('VmRSS') - meter.idle
    results['kept'] = subject.kept() / 1e6
    print(json.dumps(results), flush=True)
    # Nothing of what follows is measured, and threads still watch.
    os._exit(0)


if __name__ == '__main__':
    main(**json.loads(sys.argv[1]))
