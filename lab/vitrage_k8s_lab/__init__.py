# SPDX-License-Identifier: Apache-2.0
"""What vitrage-k8s is tried with: API servers, a cloud, all of Vitrage."""
