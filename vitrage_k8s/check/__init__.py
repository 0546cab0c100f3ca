# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: what is wrong with a configuration, and the mend."""

from typing import Literal

# What a rule yields: how bad it is (INFO: nothing is wrong; WARNING: it works,
# but not as one would expect; ERROR: it does not work); an option, a file or a
# cluster; what was found; and what to do, empty if the text says it.
Finding = tuple[Literal['INFO', 'WARNING', 'ERROR'], str, str, str]
