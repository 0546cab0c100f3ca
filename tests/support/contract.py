# SPDX-License-Identifier: Apache-2.0
"""Which API server the contract is tested with."""

import os
import pathlib
import tempfile

import testtools

from vitrage_k8s_lab.kube_api import server

VARIABLE = 'VITRAGE_K8S_TEST_KUBECONFIG'


def kubeconfig_of_environment(test: testtools.TestCase) -> str:
    """The path of a real server's kubeconfig; skip the test without one."""
    path = os.environ.get(VARIABLE, '')
    if not path:
        test.skipTest(f'{VARIABLE} NAMES NO KUBECONFIG: no real API server '
                      'has shown that it does the same')
    return str(pathlib.Path(path).expanduser())


def start(test: testtools.TestCase,
          api_server: server.Simulator) -> str:
    """Start a simulator for a test; return the path of its kubeconfig."""
    test.addCleanup(api_server.stop)
    api_server.start()
    handle, path = tempfile.mkstemp()
    test.addCleanup(os.remove, path)
    with open(handle, 'w') as file:
        file.write(api_server.kubeconfig())
    return path
