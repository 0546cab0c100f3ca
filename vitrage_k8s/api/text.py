# SPDX-License-Identifier: Apache-2.0
"""Text from outside, made safe to be shown, logged and stored.

It comes from API servers, nodes and kubeconfigs. As it is, it can forge a line
of the log, control a terminal, or exceed a row of Vitrage's database (64 KB,
events.payload): Vitrage tries to store such a row for ever, and stores nothing
else of any datasource meanwhile.

Pure.
"""

import bisect
from collections.abc import Iterable
from collections.abc import Mapping
import json

# The most characters of a text, counted as JSON escapes them: some count for
# 2, 6 or 12. A vertex with the longest texts, and with the longest keys in
# characters that count for 12, takes 56 KB.
LONGEST_VALUE = 256
LONGEST_LIST = 1024
LONGEST_REASON = 1024
# Of all chosen labels of a node together, with their names.
LONGEST_LABELS = 4096
# Room for the longest name of a cluster and the longest reason.
LONGEST_MESSAGE = 4096

# The most characters of a key, however JSON escapes them. No key is cut. The
# first two are Kubernetes' bounds for a name, and for one with a prefix; the
# last is that of Vitrage's database.
LONGEST_NAME = 253
LONGEST_QUALIFIED = LONGEST_NAME + len('/') + 63
LONGEST_MACHINE_ID = 1024
LONGEST_PROJECT_ID = 64

_UNPRINTABLE = '?'
_CUT = '...'


def make_safe(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return a text that can be printed, and is not too long.

    A question mark replaces each character that cannot be printed
    (``str.isprintable``): control characters, line ends, bidirectional
    controls, zero-width characters, lone surrogates. A text that is cut ends
    in three dots.

    :param longest: how many characters it may have, as JSON escapes them
    """
    # Nearly every text: no character of these counts for more than 2.
    if 2 * len(text) <= longest and text.isascii() and text.isprintable():
        return text
    # Each character counts for 1 at least, so the rest is cut in any case.
    text = text[:longest + 1]
    if not text.isprintable():
        text = ''.join(character if character.isprintable() else _UNPRINTABLE
                       for character in text)
    if escaped_length(text) <= longest:
        return text
    end = bisect.bisect_right(
        range(len(text)), longest - len(_CUT),
        key=lambda end: escaped_length(text[:end])) - 1
    return text[:end] + _CUT


def make_all_safe(values: Mapping[str, str | None],
                  longest: Mapping[str, int | None]) -> dict[str, str]:
    """Return the values that are not empty, each made safe.

    :param longest: how many characters they may have by their names, if not
        LONGEST_VALUE; None for what stays as it is
    """
    found = {}
    for name, value in values.items():
        if value:
            bound = longest.get(name, LONGEST_VALUE)
            found[name] = value if bound is None else make_safe(value, bound)
    return found


def escaped_length(text: str) -> int:
    """Return how many characters a text has, as JSON escapes them."""
    return len(json.dumps(text)) - len('""')


def odd_keys(keys: Iterable[tuple[str, str | None, int]]) -> list[str]:
    """Return the names of keys that cannot be shown as they are.

    :param keys: names, values and the longest that these may be
    """
    return list(dict.fromkeys([
        name for name, value, longest in keys
        if value and not is_key(value, longest)]))


def is_key(text: str, longest: int) -> bool:
    """Return whether a text can be shown as it is, which a key must be.

    :param longest: how many characters it may have
    """
    return len(text) <= longest and text.isprintable()
