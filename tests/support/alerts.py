# SPDX-License-Identifier: Apache-2.0
"""Alerts of Prometheus, as Alertmanager's webhook hands them on.

The format is that of its documentation (webhook_config), version 4.
"""

from collections.abc import Mapping
from typing import Any

# With this Vitrage knows who it is.
HEADERS = {'User-Agent': 'Alertmanager/0.25.0'}

Alert = Mapping[str, Any]


def firing(name: str, severity: str = 'warning', **labels: str) -> Alert:
    """Return an alert that fires."""
    return {
        'status': 'firing',
        'labels': {'alertname': name, 'severity': severity,
                   'prometheus': 'monitoring/k8s', **labels},
        'annotations': {'summary': 'Something is wrong.'},
        'startsAt': '2026-01-02T03:04:05.678Z',
        'endsAt': '0001-01-01T00:00:00Z',
        'generatorURL': 'http://prometheus.example.com/graph?g0.expr=up',
        'fingerprint': '5ef77f1f8a3ecf8d',
    }


def resolved(name: str, severity: str = 'warning', **labels: str) -> Alert:
    """Return an alert that has ended."""
    return {**firing(name, severity, **labels), 'status': 'resolved',
            'endsAt': '2026-01-02T03:14:05.678Z'}


def webhook(*alerts: Alert) -> dict[str, Any]:
    """Return what is posted for a group of alerts."""
    return {
        'version': '4', 'groupKey': '{}:{}', 'truncatedAlerts': 0,
        'receiver': 'vitrage', 'externalURL': 'http://am.example.com:9093',
        'status': ('firing' if any(alert['status'] == 'firing'
                                   for alert in alerts) else 'resolved'),
        'groupLabels': {}, 'commonLabels': {}, 'commonAnnotations': {},
        'alerts': [dict(alert) for alert in alerts],
    }
