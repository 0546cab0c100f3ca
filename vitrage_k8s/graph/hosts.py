# SPDX-License-Identifier: Apache-2.0
"""Which node is which compute host, by their names. Pure.

Nova's name of a host is what ``hostname`` or ``hostname --fqdn`` prints there,
in any case. A short name matches the full ones that begin with it.
"""

import collections
from collections.abc import Iterable
from collections.abc import Mapping

Names = frozenset[str]


def names(*texts: str | None) -> Names:
    """Return the names in comma-separated lists."""
    return frozenset(
        name.strip('.').lower() for text in texts
        for name in (text or '').split(',') if name.strip('.'))


def _short(name: str) -> str:
    return name.partition('.')[0]


class Hosts:
    """The compute hosts that the graph shows.

    :param hosts: their names
    :ivar of: the host of each node that is one, by uid; see match()
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.of: dict[str, str] = {}
        self._full: dict[str, set[str]] = collections.defaultdict(set)
        self._short: dict[str, set[str]] = collections.defaultdict(set)
        for host in hosts:
            for name in names(host):
                self._full[name].add(host)
                self._short[_short(name)].add(host)

    def named(self, wanted: Names) -> set[str]:
        """Return the hosts that may have one of these names."""
        return set().union(*(
            self._full.get(name, set()) | (
                self._full.get(_short(name), set()) if '.' in name
                else self._short.get(name, set())) for name in wanted))

    def match(self, found: Mapping[str, tuple[str, Names]]) -> set[str]:
        """Find the host of each node.

        :param found: a text that says which node it is, and its names, by uid
        :returns: a warning for what is ambiguous, and has no host
        """
        warnings = set()
        nodes_of = collections.defaultdict(list)
        for uid, (_, wanted) in found.items():
            # An equal name with a domain leaves no doubt.
            exact = {host for name in wanted if '.' in name
                     for host in self._full.get(name, ())}
            hosts = exact if len(exact) == 1 else self.named(wanted)
            if len(hosts) > 1:
                warnings.add(f'{found[uid][0]} may be each of the compute '
                             f'hosts {", ".join(sorted(hosts))}')
            elif hosts:
                nodes_of[hosts.pop()].append(uid)
        for host, uids in nodes_of.items():
            if len(uids) > 1:
                each = ', '.join(sorted(found[uid][0] for uid in uids))
                warnings.add(f'the compute host {host} may be each of {each}')
            else:
                self.of[uids[0]] = host
        return warnings
