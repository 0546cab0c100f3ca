# SPDX-License-Identifier: Apache-2.0
"""A cluster of the configuration, whether or not it can be read."""

from vitrage_k8s.api import clusters
from vitrage_k8s.api import inventory as inventories
from vitrage_k8s.api import reflector
from vitrage_k8s.api import watch_policy


class Member:
    """A cluster of the configuration.

    :ivar reflector: reads it; None as long as that could not be tried
    :ivar problem: what is wrong with its configuration; None if nothing is
    """

    def __init__(self, settings: clusters.ClusterSettings,
                 max_nodes: int) -> None:
        self.settings = settings
        self.reflector: reflector.Reflector | None = None
        self.problem: str | None = None
        self._no_inventory = inventories.Inventory(max_nodes)

    @property
    def inventory(self) -> inventories.Inventory:
        """Its nodes."""
        return self.reflector.inventory if self.reflector \
            else self._no_inventory

    @property
    def health(self) -> clusters.Health:
        """Whether it can be read."""
        if self.problem is not None:
            return clusters.Health(watch_policy.MISCONFIGURED, self.problem)
        return self.reflector.health if self.reflector \
            else clusters.Health(watch_policy.CONNECTING)
