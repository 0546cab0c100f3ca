# SPDX-License-Identifier: Apache-2.0
"""What the conditions of a node say. Pure.

Kubernetes defines some
(https://kubernetes.io/docs/reference/node/node-status/#condition). The
meaning of all others is guessed from their names.
"""

from collections.abc import Mapping
import functools
import re

import msgspec

from vitrage_k8s.api import text


class Condition(msgspec.Struct, rename='camel', gc=False):
    """A condition as the API server has it."""

    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


READY = 'Ready'
PRESSURES = ('MemoryPressure', 'DiskPressure', 'PIDPressure',
             'NetworkUnavailable')
# https://kubernetes.io/docs/reference/node/node-lifecycle-conditions/ (1.37)
LIFECYCLE = ('DrainInProgress', 'Drained', 'MaintenancePlanned',
             'MaintenanceInProgress', 'GracefulNodeShutdownInProgress')
# The statuses of Kubernetes' own, where all is well.
_WELL = {READY: 'True', **dict.fromkeys((*PRESSURES, *LIFECYCLE), 'False')}
_WORD = re.compile('[A-Z]+(?![a-z])|[A-Z]?[a-z]+')
_GOOD = re.compile(
    'accepted|active|alive|applied|attached|attested|authenticated|authorized|'
    'available|bound|completed?|configured|connected|enabled|established|'
    'functional|healthy|initialized|installed|joined|loaded|mounted|ok|online|'
    'operational|programmed|provisioned|reachable|ready|reconciled|registered|'
    'resolvable|resolved|routable|running|schedulable|stable|started|'
    'succeeded|synced|synchronized|trusted|up|updated|usable|valid|validated|'
    'verified|working|writable')
_NEGATIONS = frozenset(('longer', 'never', 'no', 'non', 'not', 'un', 'yet'))
_GOOD_PAIRS = {('has', 'no'), ('has', 'sufficient')}
# OpenYurt's, and that of Kontena Pharos.
_GOOD_NOUNS = frozenset(('Autonomy', 'HostUpgrades'))


@functools.lru_cache(1000)
def _is_good(kind: str) -> bool:
    """Return whether the name of a condition says what should be.

    KernelReady (EKS), ContainerdHasNoDeprecations (k0s) and SufficientIP
    (Terway) do; Unhealthy, Unavailable and NotReady do not.
    """
    words = [word.lower() for word in _WORD.findall(kind.rpartition('/')[2])]
    return kind in _GOOD_NOUNS or words[:1] == ['sufficient'] \
        or bool(_GOOD_PAIRS & {*zip(words, words[1:], strict=False)}) \
        or bool(_GOOD.fullmatch(''.join(words[-1:]))) \
        and _NEGATIONS.isdisjoint(words[-2:-1])


def judge(conditions: Mapping[str, Condition],
          ) -> tuple[list[str], list[str], bool]:
    """Return which conditions are abnormal, and the reasons of what is wrong.

    A condition that Kubernetes does not define is abnormal when it is True, as
    those of node-problem-detector are (KernelDeadlock, ReadonlyFilesystem). If
    its name says what should be, it is abnormal when it is False. That is a
    guess, which the operator can override (ignored_conditions). On a ready
    node, Unknown is abnormal, too.

    :returns: the types of abnormal conditions (``Type=Unknown`` for Unknown);
        ``Type=Reason`` of each of these, and of pressure and maintenance; and
        whether there is maintenance
    """
    abnormal: list[str] = []
    reasons: list[str] = []
    is_maintained = False
    for kind, condition in conditions.items():
        status = condition.status
        if status == _WELL.get(kind):
            continue
        if kind not in _WELL:
            # No valid type is longer, and the cache must not keep more.
            is_good = _is_good(kind[:text.LONGEST_QUALIFIED])
            if status == ('False' if is_good else 'True'):
                abnormal.append(kind)
            elif status == 'Unknown' and READY in conditions \
                    and conditions[READY].status == 'True':
                abnormal.append(f'{kind}=Unknown')
            else:
                continue
        elif status != 'True':
            continue
        else:
            is_maintained = is_maintained or kind in LIFECYCLE
        # In a list, so without the comma that a reason may have.
        reasons.append(f'{kind}={condition.reason or ""}'.replace(',', ';'))
    return abnormal, reasons, is_maintained


_NUMBERS = re.compile(r'\d(?:[\d.ydhmsnu\u00b5]*\d)?[ydhmsnu\u00b5]*')


def masked(message: str | None) -> str:
    """Return a message with # for each number and duration.

    These change from one heartbeat to the next, as in ``PLEG was last seen
    active 3m5.2s ago``.
    """
    return _NUMBERS.sub('#', message or '')
