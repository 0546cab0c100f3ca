# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

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
