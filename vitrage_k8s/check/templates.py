# SPDX-License-Identifier: Apache-2.0
"""Rules about the templates that Vitrage has loaded, as its API says."""

import argparse
from collections.abc import Iterator
import contextlib
import io
import os
from typing import Any

from keystoneauth1 import loading
from oslo_utils import importutils
import yaml

from vitrage_k8s.check.findings import error
from vitrage_k8s.check.findings import Finding
from vitrage_k8s.check.findings import info
from vitrage_k8s.check.findings import warning
from vitrage_k8s import install_files

_SUBJECT = 'templates'
# Seconds that one answer of Keystone or Vitrage may take.
_TIMEOUT = 10.0


def check_templates() -> Iterator[Finding]:
    """Check our templates in Vitrage, and that no other one stops them."""
    shell = importutils.try_import('vitrageclient.shell')
    if not shell or not any(name.startswith('OS_') for name in os.environ):
        yield info(_SUBJECT, 'not looked at: that needs python-vitrageclient '
                   'and its OS_* environment')
        return
    found: list[Finding] = []
    try:
        # The client prints what it does not understand.
        with contextlib.redirect_stdout(io.StringIO()):
            client = _client(shell)
            loaded = {row['name']: row for row in client.template.list()}
            found += _check_ours(client, loaded)
            found += _check_equivalences(client, loaded)
    except Exception as problem:  # noqa: BLE001 whatever the libraries raise
        yield warning(_SUBJECT, "not looked at: Vitrage's API cannot be asked:"
                      f' {type(problem).__name__}: {problem}',
                      'try: vitrage template list')
    yield from found


def _client(shell: Any) -> Any:
    parser = argparse.ArgumentParser()
    shell.VitrageShell.register_keyauth_argparse_arguments(parser)
    options = parser.parse_args([])
    session = loading.load_session_from_argparse_arguments(
        options, auth=loading.load_auth_from_argparse_arguments(options))
    # The client would wait for ten minutes.
    session.timeout = _TIMEOUT
    return importutils.import_module('vitrageclient.client').Client(
        '1', session=session,
        interface=options.interface, region_name=options.region_name,
        endpoint_override=os.environ.get('VITRAGE_ENDPOINT'))


def _check_ours(client: Any, loaded: dict[str, Any]) -> Iterator[Finding]:
    add = 'run: vitrage template add --overwrite --path '
    for path, file in install_files.find().items():
        if path.parent != install_files.TEMPLATES:
            continue
        # As Vitrage's client reads it: all scalars are strings.
        content = yaml.load(file.read_text(), yaml.BaseLoader)  # noqa: S506
        name = content['metadata']['name']
        row = loaded.get(name)
        if row is None:
            yield warning(name, 'this template is not loaded',
                          f'{add}{file.parent} loads all of ours')
        elif row['status'] != 'ACTIVE':
            yield error(name, f'this template is in {row["status"]}: '
                        f'{row["status details"]}', f'{add}{file}')
        elif client.template.show(row['uuid']) != content:
            yield warning(name, 'this template is not that of this version: '
                          'older, or changed by hand', f'{add}{file}')


def _check_equivalences(client: Any,
                        loaded: dict[str, Any]) -> Iterator[Finding]:
    for name, row in loaded.items():
        if row['type'] == 'equivalence' and 'kubernetes.' in str(
                client.template.show(row['uuid'])):
            yield error(name, 'this equivalence template stops every template '
                        'of version 3 that it matches, without a word',
                        f'run: vitrage template delete {row["uuid"]}')


RULES = (check_templates,)
