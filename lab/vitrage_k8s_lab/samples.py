# SPDX-License-Identifier: Apache-2.0
"""Nodes as an API server returns them."""

import importlib.resources
from typing import Any

import yaml


def nodes() -> list[dict[str, Any]]:
    """Return the nodes of the demo's cluster."""
    path = importlib.resources.files('vitrage_k8s_lab') / 'nodes.yaml'
    return yaml.safe_load(path.read_text(encoding='utf-8'))


# The sample of the original specification, as its API server of Kubernetes
# 1.7 sent it.
SPECIFICATION_NODE: dict[str, Any] = nodes()[0]


def node(name: str, uid: str | None = None, *, ready: str = 'True',
         **spec: Any) -> dict[str, Any]:
    """Make a node with a Ready condition and an address.

    :param spec: fields of the node's spec
    """
    return {
        'metadata': {'name': name, 'uid': uid or f'uid-of-{name}',
                     'creationTimestamp': '2026-01-02T03:04:05Z'},
        'spec': spec,
        'status': {
            'conditions': [{'type': 'Ready', 'status': ready}],
            'addresses': [{'type': 'InternalIP', 'address': '10.0.0.1'}],
        },
    }
