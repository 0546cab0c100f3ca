# SPDX-License-Identifier: Apache-2.0
"""``vitrage-k8s check``: what is wrong with a configuration, and the mend."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import Literal

from oslo_config import cfg

# What a rule yields: how bad it is (INFO: nothing is wrong; WARNING: it works,
# but not as one would expect; ERROR: it does not work); an option, a file or a
# cluster; what was found; and what to do, empty if the text says it.
Finding = tuple[Literal['INFO', 'WARNING', 'ERROR'], str, str, str]


def apply(rule: Callable[..., Iterator[Finding]],
          *arguments: Any) -> Iterator[Finding]:
    """Yield what a rule finds; if it fails, the other rules still count."""
    try:
        yield from rule(*arguments)
    except (cfg.Error, RecursionError):
        # It reads a value that is not valid, which check_values reports.
        return
    except Exception as defect:  # noqa: BLE001
        yield ('ERROR', rule.__name__,
               f'this rule failed: {type(defect).__name__}: {defect}', '')
