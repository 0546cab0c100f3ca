# SPDX-License-Identifier: Apache-2.0
import configparser
import os
import warnings

import setuptools

# Without this, pbr takes the version in setup.cfg for the next one, and asks
# git how far that is. A source archive has no git, and git says nothing of a
# tree of another owner.
setup_cfg = configparser.ConfigParser()
setup_cfg.read('setup.cfg')
os.environ.setdefault('PBR_VERSION', setup_cfg['metadata']['version'])
# setup.cfg names this data, but pbr has setuptools look for data by itself,
# too, which takes each directory for a package that somebody has forgotten.
warnings.filterwarnings('ignore', r"Package 'vitrage_k8s\.etc\.")

setuptools.setup(pbr=True)
