# SPDX-License-Identifier: Apache-2.0
"""How long a change takes from the API server into Vitrage's graph.

    .venv/bin/python benchmarks/latency.py [NODES] [CHANGES]

A simulated cluster is watched, all its nodes send heartbeats meanwhile, and
Vitrage asks for changes every second (changes_interval = 1). The peer is what
one has without watching: the time to the next list, which is poll_interval / 2
on average.
"""

import logging
import statistics
import sys
import tempfile
import threading
import time

from oslo_config import cfg
from poll import answer
from poll import make_node
from vitrage import datasources

import vitrage_k8s
from vitrage_k8s.driver import KubernetesDriver
from vitrage_k8s_lab.kube_api.server import Simulator


def main(nodes: int, changes: int) -> None:
    logging.disable()
    # The driver reads which other datasources there are.
    cfg.CONF.register_opts(datasources.OPTS, group='datasources')
    cfg.CONF.register_opts(vitrage_k8s.OPTS, group='kubernetes')
    cfg.CONF([])
    simulator = Simulator(map(make_node, range(nodes))).start()
    with tempfile.NamedTemporaryFile('w') as kubeconfig:
        kubeconfig.write(simulator.kubeconfig())
        kubeconfig.flush()
        cfg.CONF.set_override('config_file', kubeconfig.name, 'kubernetes')
        driver = KubernetesDriver()
        list(answer(driver.get_all('init_snapshot')))
        while not simulator.watching:
            time.sleep(0.01)
        made: dict[str, float] = {}
        stopped = threading.Event()

        def beat() -> None:
            number = 0
            while not stopped.wait(0.001):
                number = (number + 1) % nodes
                simulator.touch(f'node-{number:06}')

        def change() -> None:
            for number in range(changes):
                node = make_node(number)
                node['spec']['unschedulable'] = True
                made[node['metadata']['name']] = time.monotonic()
                simulator.put(node)
                time.sleep(10 / changes)

        threads = [threading.Thread(target=each) for each in (beat, change)]
        for thread in threads:
            thread.start()
        took: list[float] = []
        events = 0
        cpu = time.thread_time()
        for _ in range(13):
            time.sleep(1)
            for page in answer(driver.get_changes('update')):
                now = time.monotonic()
                events += len(page)
                took.extend(now - made[event['properties']['name']]
                            for event in page)
        cpu = time.thread_time() - cpu
        stopped.set()
        for thread in threads:
            thread.join()
        driver.close()
    simulator.stop()
    took.sort()
    mean = statistics.mean(took)
    poll_interval = cfg.CONF.kubernetes.poll_interval
    print(f'{nodes} nodes, {changes} changes among heartbeats: {events} '
          f'events')
    print(f'seconds to an event: mean {mean:.2f}, 99% '
          f'{took[int(len(took) * 0.99)]:.2f}, most {took[-1]:.2f}; '
          f'{cpu * 1000 / 13:.1f} ms of CPU for a question')
    print(f'without watching: {poll_interval / 2:.0f} on average; ratio '
          f'{poll_interval / 2 / mean:.0f}')


if __name__ == '__main__':
    main(*[int(each) for each in sys.argv[1:]] or (5000, 500))
