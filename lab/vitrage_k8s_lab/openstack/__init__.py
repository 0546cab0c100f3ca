# SPDX-License-Identifier: Apache-2.0
"""An OpenStack with Keystone and Nova."""
