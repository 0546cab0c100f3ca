# SPDX-License-Identifier: Apache-2.0
"""The files beside the code, and how to put them in place.

Vitrage reads the state mappings from a directory of its configuration, and
the templates and the role are loaded by hand; pip puts them where neither
looks. This must work with the datasource alone, without the lab.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import importlib.resources
import io
import os
import pathlib
import shlex
import sys
import tempfile

from oslo_config import cfg
from oslo_config import generator

# Vitrage and its client read files: no zip can hold this package.
ETC = pathlib.Path(str(importlib.resources.files('vitrage_k8s'))) / 'etc'

# Below ETC.
VALUES = pathlib.PurePosixPath('vitrage/datasources_values')
TEMPLATES = pathlib.PurePosixPath('vitrage/templates')
ALERTS = pathlib.PurePosixPath('vitrage/prometheus_conf.yaml')
RBAC = pathlib.PurePosixPath('kubernetes/rbac.yaml')

# Files of another datasource. Where there is one already, ours is written
# beside it, with this at the end of its name: Vitrage reads all *.yaml.
_OTHERS = ('prometheus_conf.yaml', 'prometheus.yaml')
_BESIDE = '.vitrage-k8s'

_SAMPLE = 'vitrage-k8s.conf.sample'

# The types are Vitrage's default, and ours.
_DATASOURCES = """\
# For vitrage.conf: what enables the Kubernetes datasource, and its options.

[datasources]

# Add kubernetes to the types that you have.
types = nova.host,nova.instance,nova.zone,cinder.volume,neutron.port,\
neutron.network,kubernetes

# vitrage_k8s must be the first. Vitrage has an old datasource of the same
# name. In the other order it loads that one, and does not say so.
path = vitrage_k8s,vitrage.datasources

"""


def find() -> dict[pathlib.PurePosixPath, pathlib.Path]:
    """Return the files that come with this package, by their paths in ETC.

    :raises FileNotFoundError: there are none
    """
    found = {pathlib.PurePosixPath(path.relative_to(ETC)): path
             for path in sorted(ETC.rglob('*.yaml'))}
    if RBAC not in found:
        raise FileNotFoundError(
            f'the files of vitrage-k8s are not in {ETC}; install vitrage-k8s '
            'anew with pip')
    return found


def run(directory: pathlib.Path, force: bool) -> int:
    """Put all files in place, and say so.

    :param directory: where to, typically /etc/vitrage
    :param force: whether to overwrite files that differ
    :returns: the exit status
    """
    outcomes: dict[pathlib.Path, str] = {}
    failure = None
    try:
        contents = {directory / _place(name): path.read_bytes()
                    for name, path in find().items()}
        contents[directory / _SAMPLE] = _sample().encode()
        for path, content in contents.items():
            is_ours = path.name not in _OTHERS
            outcome = _put(path, content, force and is_ours)
            if outcome == 'differs' and not is_ours:
                path = path.with_name(path.name + _BESIDE)
                outcome = _put(path, content, force=True)
            outcomes[path] = outcome
    except OSError as error:
        failure = error
    # Printed last: a reader that stops early must not stop the writing.
    differing = [path for path, outcome in outcomes.items()
                 if outcome == 'differs']
    for path, outcome in outcomes.items():
        if outcome != 'differs':
            print(f'{outcome} {path}')
    if failure:
        print(f'ERROR: {failure}', file=sys.stderr)
        return 1
    for path in differing:
        print(f'ERROR: {path} is there with other content, and was left as '
              'it is; --force overwrites it', file=sys.stderr)
    print(*_advice(directory, outcomes), sep='\n')
    return 1 if differing else 0


def _place(name: pathlib.PurePosixPath) -> pathlib.PurePosixPath:
    """Return the path of a file below the directory."""
    return (name.relative_to('vitrage') if name.is_relative_to('vitrage')
            else name)


def _sample() -> str:
    """Make the sample configuration.

    :raises FileNotFoundError: our options are not registered for the
        generator
    """
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    # Empty, or oslo.config would look for files to read.
    conf(['--namespace', 'vitrage_k8s'], default_config_files=[],
         default_config_dirs=[])
    generated = io.StringIO()
    generator.generate(conf, generated)
    # Without the group DEFAULT, which is empty.
    _, header, options = generated.getvalue().partition('[kubernetes]')
    if not header:
        raise FileNotFoundError(
            'oslo.config does not find the options of vitrage-k8s, for it is '
            'not installed: pip install it')
    return f'{_DATASOURCES}\n{header}{options}'


def _put(path: pathlib.Path, content: bytes, force: bool) -> str:
    """Write a file, unless it is there.

    :returns: what became of it: wrote, unchanged or differs
    :raises OSError: if it cannot be written, or what is there cannot be read
    """
    try:
        if path.exists():
            if path.read_bytes() == content:
                return 'unchanged'
            if not force:
                return 'differs'
        _make_directory(path.parent)
        _write(path, content)
    except OSError as error:
        raise OSError(f'cannot write {path}: {error.strerror}') from error
    return 'wrote'


def _make_directory(path: pathlib.Path) -> None:
    """Make a directory that Vitrage can read, whatever the umask is."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        each.chmod(0o755)


def _write(path: pathlib.Path, content: bytes) -> None:
    """Write a file so that whoever reads it sees all of it, or the old one."""
    # Not named *.yaml at its end: Vitrage reads all that are.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f'.{path.name}.',
                                     delete=False) as temporary:
        try:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
            os.fchmod(temporary.fileno(), 0o644)
            os.replace(temporary.name, path)
        except BaseException:
            os.unlink(temporary.name)
            raise


def _advice(directory: pathlib.Path,
            paths: Iterable[pathlib.Path]) -> Iterator[str]:
    """Yield what is left to do, with the files that are in place."""
    values = directory / _place(VALUES)
    yield '\nNext:'
    if not (values / 'default.yaml').exists():
        yield (f'* {values} has no default.yaml. Vitrage needs one; it comes '
               "with Vitrage's deployment.")
    yield f'* Copy into vitrage.conf what {directory / _SAMPLE} sets.'
    for path in paths:
        if path.suffix == _BESIDE:
            yield (f'* If you use the datasource prometheus: '
                   f'{path.with_suffix("")} stays as it is: copy into it '
                   f'what {path} has.')
    yield f'* Run: kubectl apply -f {_quote(directory / RBAC)}'
    yield '* Make a kubeconfig for the service account vitrage.'
    yield '* Run: vitrage-k8s check'
    yield '* Restart vitrage-graph.'
    yield ('* Run: vitrage template add --path '
           f'{_quote(directory / _place(TEMPLATES))} --overwrite')


def _quote(path: pathlib.Path) -> str:
    return shlex.quote(str(path))
