# SPDX-License-Identifier: Apache-2.0

import importlib.metadata

from docutils import nodes

extensions = ['oslo_config.sphinxext', 'reno.sphinxext']
project = 'vitrage-k8s'
release = version = importlib.metadata.version(project)
copyright = 'The vitrage-k8s authors'  # noqa: A001
# Not openstackdocstheme: it is for projects of OpenStack's governance, does
# not build without git, and loads a tracker into each page.
html_theme = 'furo'
html_title = f'{project} {release}'
html_copy_source = False
html_static_path = ['_static']
html_css_files = ['vitrage-k8s.css']
# Else two dashes become one: --all-tenants.
smartquotes = False
highlight_language = 'console'


def setup(app):  # type: ignore[no-untyped-def]
    """Let the release notes bear our version while git has no tag."""
    app.connect('doctree-read', _name_release)


def _name_release(app, document):  # type: ignore[no-untyped-def]
    for title in document.findall(nodes.title):
        if title.astext() == '0.0.0':
            title.children = [nodes.Text(release)]
