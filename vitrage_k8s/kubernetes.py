# SPDX-License-Identifier: Apache-2.0
"""The name under which Vitrage looks the datasource up.

For each type T in ``[datasources] types`` and each P in ``[datasources]
path``, Vitrage imports ``P.T`` and reads its ``OPTS``
(``vitrage.opts.register_opts``).
"""

from vitrage_k8s import OPTS

__all__ = ['OPTS']
