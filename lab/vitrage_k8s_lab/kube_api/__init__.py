# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server for nodes."""
