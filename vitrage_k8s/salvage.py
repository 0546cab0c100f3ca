# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""As much of a decoded JSON value as is of the types that were expected.

msgspec takes a value whole or not at all. This is for the rare value with
something odd in it, and so may be slow.
"""

from typing import Any
from typing import get_args
from typing import get_origin

import msgspec


def salvage(value: Any, wanted: Any) -> tuple[Any, list[str]]:
    """Leave out of a value what is not of its type.

    :param value: a value as decoded from JSON
    :param wanted: its type: a msgspec.Struct whose fields are all optional,
        or built of such, of dict, of list and of plain types
    :returns: the value as the wanted type, or None if nothing is left of it;
        and the paths, such as ``status.addresses[2]``, of what was left out
    """
    left_out: list[str] = []
    return _salvage(value, wanted, '', left_out), left_out


def _salvage(value: Any, wanted: Any, path: str, left_out: list[str]) -> Any:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        pass
    for kind in _kinds(wanted):
        if isinstance(value, dict) and isinstance(kind, type) \
                and issubclass(kind, msgspec.Struct):
            return kind(**{
                field.name: _salvage(
                    value[field.encode_name], field.type,
                    f'{path}.{field.encode_name}'.lstrip('.'), left_out)
                for field in msgspec.structs.fields(kind)
                if field.encode_name in value})
        if isinstance(value, dict) and get_origin(kind) is dict:
            parts = ((key, _salvage(part, get_args(kind)[1], f'{path}[{key}]',
                                    left_out))
                     for key, part in value.items())
            return {key: part for key, part in parts if part is not None}
        if isinstance(value, list) and get_origin(kind) is list:
            items = (_salvage(part, get_args(kind)[0], f'{path}[{i}]',
                              left_out)
                     for i, part in enumerate(value))
            return [part for part in items if part is not None]
    left_out.append(path)
    return None


def _kinds(wanted: Any) -> tuple[Any, ...]:
    """Return the types of which one is wanted: those of a union, or it."""
    members = get_args(wanted)
    return members if type(None) in members else (wanted,)
