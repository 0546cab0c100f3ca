# SPDX-License-Identifier: Apache-2.0
"""Where vitrage-k8s is tried: API servers, a cloud, all of Vitrage."""
