# SPDX-License-Identifier: Apache-2.0
"""What is left of JSON that is not of the expected types."""

from typing import Any
from typing import get_args
from typing import get_origin

import msgspec

# How many paths are kept, so that an answer of oddities takes no memory.
MOST_UNFIT = 1000


def salvage(value: Any, wanted: Any, unfit: list[str],
            path: str = '') -> Any:
    """Return a value as the wanted type, without what is not of its type.

    :param value: as decoded from JSON
    :param wanted: a msgspec.Struct whose fields are all optional, or built of
        such, of dict, of list and of plain types
    :param unfit: takes paths of what was left out, such as
        ``status.addresses[2]``
    :returns: None if nothing is left of it
    """
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        pass
    for kind in _kinds(wanted):
        if isinstance(value, dict) and isinstance(kind, type) \
                and issubclass(kind, msgspec.Struct):
            return kind(**{
                field.name: salvage(
                    value[field.encode_name], field.type, unfit,
                    f'{path}.{field.encode_name}'.lstrip('.'))
                for field in msgspec.structs.fields(kind)
                if field.encode_name in value})
        if isinstance(value, dict) and get_origin(kind) is dict:
            parts = ((key, salvage(part, get_args(kind)[1], unfit,
                                   f'{path}[{key}]'))
                     for key, part in value.items())
            return {key: part for key, part in parts if part is not None}
        if isinstance(value, list) and get_origin(kind) is list:
            items = (salvage(part, get_args(kind)[0], unfit,
                             f'{path}[{i}]')
                     for i, part in enumerate(value))
            return [part for part in items if part is not None]
    if len(unfit) < MOST_UNFIT:
        unfit.append(path)
    return None


def _kinds(wanted: Any) -> tuple[Any, ...]:
    """Return the types of which one is wanted: those of a union, or it."""
    members = get_args(wanted)
    return members if type(None) in members else (wanted,)
