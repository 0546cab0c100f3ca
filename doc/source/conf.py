# SPDX-License-Identifier: Apache-2.0

import importlib.metadata

extensions = ['oslo_config.sphinxext',
              'sphinx.ext.autodoc']
project = 'vitrage-k8s'
release = version = importlib.metadata.version(project)
copyright = 'The vitrage-k8s authors'  # noqa: A001
html_theme = 'alabaster'
exclude_patterns: list[str] = []


def setup(app):  # type: ignore[no-untyped-def]
    """Let README.rst, which index.rst includes, find its pictures here."""
    app.connect('include-read', _move_images)


def _move_images(app, path, parent, content):  # type: ignore[no-untyped-def]
    content[0] = content[0].replace('image:: doc/source/', 'image:: ')
