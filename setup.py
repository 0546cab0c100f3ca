# SPDX-License-Identifier: Apache-2.0
import configparser
import os

import setuptools

# Without this, pbr takes the version in setup.cfg for the next one, and asks
# git how far that is. A source archive has no git, and git says nothing of a
# tree of another owner.
setup_cfg = configparser.ConfigParser()
setup_cfg.read('setup.cfg')
os.environ.setdefault('PBR_VERSION', setup_cfg['metadata']['version'])

setuptools.setup(pbr=True)
