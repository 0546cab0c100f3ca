# SPDX-License-Identifier: Apache-2.0
"""All of Vitrage in one process."""
