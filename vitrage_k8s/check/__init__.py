# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: what is wrong with a configuration, and the mend."""
