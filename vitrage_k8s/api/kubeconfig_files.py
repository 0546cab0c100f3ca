# SPDX-License-Identifier: Apache-2.0
"""What kubeconfig files say: entries by name, each looked at when it is used.

So a bad entry affects only the contexts that use it. YAML, types and merging
are those of client-go (tools/clientcmd).
"""

import contextlib
import functools
import os
import pathlib
import stat
import time
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import msgspec
import yaml

from vitrage_k8s.api import errors
from vitrage_k8s.api import logins

_MEND = '; set config_file to the path of a kubeconfig that the user of ' \
        'this service can read'

# How deep YAML may be nested: PyYAML's C code crashes on a full stack.
_DEEPEST = 100
# How many nodes YAML may have, with those that its aliases stand for: go-yaml
# has a limit too. A context, its cluster and its user have some 40.
_MOST_NODES = 1_000_000

T = TypeVar('T')


class _Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)):  # type: ignore
    """Reads YAML as go-yaml does: dates and numbers of base 60 are text.

    libyaml, which go-yaml is a port of, lets tabs stand where blanks may.
    """

    def construct_as_go(self, node: Any) -> Any:
        kind, value = node.tag.rpartition(':')[2], self.construct_scalar(node)
        if kind in ('int', 'float') and ':' not in value:
            with contextlib.suppress(ValueError):
                return getattr(self, f'construct_yaml_{kind}')(node)
        return value


for _kind in ('int', 'float', 'timestamp', 'value'):
    _Loader.add_constructor(f'tag:yaml.org,2002:{_kind}',
                            _Loader.construct_as_go)


class _Entry(NamedTuple):
    """What a file has under a name, and why that cannot be used, if so."""

    content: Any
    path: pathlib.Path
    problem: str = ''


class Files:
    """One kubeconfig, or several that are merged as kubectl does.

    :param config_file: None for the default kubeconfig
    :param seconds: how long a file may take
    :ivar where: which files these are, for messages
    :ivar current: what current-context says
    :ivar entries: those of each section by their names
    :ivar advice, nameless: warnings; errors of contexts without a name
    :raises ConfigurationError: there is no file, or one is no kubeconfig
    """

    def __init__(self, config_file: str | None, seconds: float) -> None:
        default = os.environ.get('KUBECONFIG') or '~/.kube/config'
        self.where = '[kubernetes] config_file' + (
            f': {config_file}' if config_file else
            f' is not set, and the default kubeconfig {default}')
        self.entries: dict[str, dict[str, _Entry]] = {
            'clusters': {}, 'users': {}, 'contexts': {}}
        self.current = ''
        self.advice: list[errors.ConfigurationError] = []
        self.nameless: list[errors.ConfigurationError] = []
        paths = [config_file] if config_file else default.split(os.pathsep)
        files = [self._read(path, seconds) for path in paths if path]
        if not any(files):
            raise self._error(f'there is no such file{_MEND}')
        for path, file in filter(None, files):
            if file.mode & (stat.S_IWGRP | stat.S_IWOTH):
                self.advice.append(errors.AdviceError(
                    f'{path}: may be written by others than its owner, and '
                    'this service runs what it names in exec; run chmod '
                    f'go-w {path}'))
            try:
                self._merge(path, _parse(file.content))
            except ValueError as error:
                where = '' if self.where.endswith(f' {path}') else f'{path}: '
                raise self._error(f'{where}is no kubeconfig: {error}') \
                    from None

    def _error(self, problem: str) -> errors.ConfigurationError:
        return errors.ConfigurationError(f'{self.where}: {problem}')

    def _read(self, name: str, seconds: float,
              ) -> tuple[pathlib.Path, logins.File] | None:
        try:
            path = pathlib.Path(name).expanduser()
            return path, logins.read_file(path, time.monotonic() + seconds)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except RuntimeError as error:
            # No HOME, and no entry of this user id in passwd.
            raise self._error('the user of this service has no home directory '
                              f'for {name}{_MEND}') from error
        except OSError as error:
            raise self._error(f'{path} cannot be read: {error.strerror}'
                              f'{_MEND}') from error

    def _merge(self, path: pathlib.Path, parsed: dict[str, Any]) -> None:
        # What an earlier file says stays (kubectl's rule for $KUBECONFIG).
        current = parsed.get('current-context')
        if not isinstance(current, str | None):
            raise ValueError('current-context: is no text; put it in quotes')
        self.current = self.current or current or ''
        for section, known in self.entries.items():
            entries = parsed.get(section)
            if not isinstance(entries, list | None):
                raise ValueError(f'{section}: is no list; correct it')
            for number, entry in enumerate(entries or ()):
                name = entry.get('name') if isinstance(entry, dict) else None
                if isinstance(name, str) and name:
                    before = known.setdefault(
                        name, new := _Entry(entry.get(section[:-1]), path))
                    if before.path is path and before is not new:
                        known[name] = new._replace(
                            problem=f'two {section} have this name; rename '
                            'one of them')
                elif section == 'contexts':
                    # Nothing can use a cluster or a user without a name.
                    self.nameless.append(errors.ConfigurationError(
                        f'{path}: {section}[{number}].name: is missing, or '
                        'no text; put it in quotes'))

    def get(self, section: str, name: str, kind: type[T],
            ) -> tuple[T, pathlib.Path, str]:
        """Return what an entry says, its directory, and file and entry.

        :raises ValueError: there is none, or it is malformed
        """
        if name not in self.entries[section]:
            raise ValueError(
                f'{self.where}: {section}: has none of the name "{name}", '
                'which the context names; add it, or correct the context')
        content, path, problem = self.entries[section][name]
        field = f'{path}: {section}[{name}].{section[:-1]}'
        if problem:
            raise ValueError(f'{field}: {problem}')
        try:
            return msgspec.convert(_without_nulls(content or {}), kind), \
                path.absolute().parent, field
        except msgspec.ValidationError as error:
            problem, _, at = str(error).partition(' - at `$')
            raise ValueError(f'{field}{at.rstrip("`")}: {problem}; correct '
                             'it') from None
        except RecursionError:
            raise ValueError(f'{field}: holds itself; correct it') from None


# Read again every poll_interval, and seldom changed.
@functools.lru_cache(maxsize=1)
def _parse(content: bytes) -> dict[str, Any]:
    """Return the first document, as kubectl reads it.

    :raises ValueError: there is none; it quotes no secret
    """
    try:
        _check_size(content)
        parsed = next(yaml.load_all(content, _Loader), None)  # noqa: S506
    except yaml.reader.ReaderError:
        raise ValueError('it is not text') from None
    except yaml.YAMLError as error:
        # The whole message quotes the line, with the secret in it.
        mark = getattr(error, 'problem_mark', None)
        line = f' in line {mark.line + 1}' if mark else ''
        raise ValueError(f'it is not YAML{line}') from None
    if not isinstance(parsed or {}, dict):
        raise ValueError('it has no fields')
    return parsed or {}


def _check_size(content: bytes) -> None:
    total = 0
    sizes: dict[str | None, int] = {}
    unfinished: list[tuple[str | None, int]] = []
    for event in yaml.parse(content, _Loader):
        if isinstance(event, yaml.NodeEvent):
            total += sizes.get(event.anchor, 1) \
                if isinstance(event, yaml.AliasEvent) else 1
        if isinstance(event, yaml.CollectionStartEvent):
            unfinished.append((event.anchor, total))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = unfinished.pop()
            sizes[anchor] = total - before
        if len(unfinished) > _DEEPEST:
            raise ValueError('it is nested too deeply')
        if total > _MOST_NODES:
            raise ValueError('it has too many entries')
        if isinstance(event, yaml.DocumentEndEvent):
            break


def _without_nulls(value: Any, is_kept: bool = False) -> Any:
    """Return a value with null replaced by empty, as Go's JSON has it.

    In an extension null stays, for client-go does not decode these
    (runtime.RawExtension).
    """
    if isinstance(value, dict):
        return {str(key): _without_nulls(each, is_kept or key == 'extension')
                for key, each in value.items() if is_kept or each is not None}
    if isinstance(value, list):
        return ['' if each is None and not is_kept
                else _without_nulls(each, is_kept) for each in value]
    return value
