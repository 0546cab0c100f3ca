# SPDX-License-Identifier: Apache-2.0

import importlib.metadata

extensions = ['oslo_config.sphinxext', 'reno.sphinxext']
project = 'vitrage-k8s'
release = version = importlib.metadata.version(project)
copyright = 'The vitrage-k8s authors'  # noqa: A001
# Not openstackdocstheme: it is for projects of OpenStack's governance, does
# not build without git, and loads a tracker into each page.
html_theme = 'furo'
html_title = f'{project} {release}'
html_copy_source = False
# Else two dashes become one: --all-tenants.
smartquotes = False
highlight_language = 'console'
