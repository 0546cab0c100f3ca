# SPDX-License-Identifier: Apache-2.0
"""From nodes to the events of which Vitrage makes vertices and edges."""
