# SPDX-License-Identifier: Apache-2.0
"""From the bytes of an API server to the nodes of a cluster."""
