# SPDX-License-Identifier: Apache-2.0
"""Count which one-line mutants of the product its unit tests kill.

    .tox/mutants/bin/python tools/mutants.py [--count N] [MODULE ...]

A mutant is a module with one change: another comparison, constant or return
value, a negated condition, `and` for `or`, `-` for `+`, a statement less. Each
is put to the unit tests of its own module, in a process of its own with a
bound of time. The sample is fixed: which mutants are in it depends on them and
on the seed alone, so a change of one line leaves the others in.

cosmic-ray runs one command for all modules and takes no sample; mutmut finds
the tests of a function by a run of all, and takes no sample either; both
import all of Vitrage for each mutant, which takes longer than the tests.
"""

import argparse
import collections
from collections.abc import Iterable
from collections.abc import Iterator
import contextlib
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import math
import os
import pathlib
import resource
import signal
import sys
import time
import types
import unittest

import hypothesis
from mutations import find_mutants
from mutations import Mutant
from mutations import PRODUCT

CHECKOUT = pathlib.Path(__file__).parents[1]
PACKAGES = ('api', 'graph')
# Whose tests are a module's, too.
TESTED_BY = {'logins': 'credentials', 'reader': 'reflector'}
# They try much, and take seconds.
SLOW = ('_machine', '_any', '_states')
SEED = 11
# Percent of the sample.
ENOUGH = 90
# A mutant may take so many times as long as the module, and so many seconds.
SLOWNESS, PATIENCE = 5, 10
MOST_MEMORY = 4 << 30

def sample(modules: Iterable[str], count: int | None) -> list[Mutant]:
    """Return the mutants to try, in the order of the source.

    :param count: how many; None for all
    """
    found: dict[str, Mutant] = {}
    for module in modules:
        # Which of equal ones it is, and not in which line it stands.
        seen: collections.Counter[str] = collections.Counter()
        for mutant in find_mutants(module):
            text = f'{SEED} {module} {mutant.old} {mutant.new}'
            seen[text] += 1
            found[hashlib.sha256(
                f'{text} {seen[text]}'.encode()).hexdigest()] = mutant
    return sorted(found[key] for key in sorted(found)[:count])


def tests_of(module: str) -> list[str]:
    """Return the names of the test modules of a module; slow ones last."""
    package, name = module.split('/')
    directory = CHECKOUT / 'tests/unit' / package
    found = {path.stem for each in (name, TESTED_BY.get(name, name))
             for path in directory.glob(f'test_{each}*.py')}
    # Another module's name may begin with this one's.
    found -= {path.stem for other in modules_of(package)
              if len(other) > len(name) and other.startswith(name)
              for path in directory.glob(f'test_{other}*.py')}
    return [f'tests.unit.{package}.{each}' for each in sorted(
        found, key=lambda each: (each.endswith(SLOW), each))]


def modules_of(package: str) -> list[str]:
    return sorted(path.stem for path in (
        PRODUCT / package).glob('[!_]*.py'))


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f'{PRODUCT.name}.{mutant.module}'.replace('/', '.')

    def find_spec(self, name: str, path: object, target: object = None,
                  ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(
            name, self._mutant.path, loader=self) \
            if name == self._name else None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(compile(  # noqa: S102  # our own source
            self._mutant.source(), self._mutant.path, 'exec'),
            vars(module))


def run_tests(names: Iterable[str]) -> bool:
    """Run test modules until one fails; return whether none does."""
    for name in names:
        suite = unittest.defaultTestLoader.loadTestsFromName(name)
        result = unittest.TestResult()
        result.failfast = True
        suite.run(result)
        if not result.wasSuccessful():
            return False
    return True


def start(module: str, mutant: Mutant | None, seconds: float) -> int:
    """Put a module to its tests in a process, and return its id.

    The process ends with 0 where no test fails.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        signal.alarm(math.ceil(seconds))
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        if mutant:
            sys.meta_path.insert(0, Mutated(mutant))
        os._exit(not run_tests(tests_of(module)))
    except BaseException:
        os._exit(1)


def wait() -> tuple[int, bool]:
    """Wait for a process; return its id and whether no test failed."""
    pid, status = os.wait()
    with contextlib.suppress(ProcessLookupError):
        # What its tests started.
        os.killpg(pid, signal.SIGKILL)
    return pid, status == 0


def measure(module: str) -> float:
    """Return how many seconds the tests of a module take.

    :raises SystemExit: they fail
    """
    began = time.monotonic()
    start(module, None, 300)
    _, is_well = wait()
    if not is_well:
        sys.exit(f'The tests of {module} fail without a mutant, too')
    return time.monotonic() - began


def import_libraries(modules: Iterable[str]) -> None:
    """Import what all processes need, and that does not change."""
    for module in modules:
        for name in tests_of(module):
            importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition('.')[0] in ('tests', PRODUCT.name):
            del sys.modules[name]


def try_all(mutants: list[Mutant], seconds: dict[str, float],
            jobs: int) -> Iterator[Mutant]:
    """Yield the mutants that survive."""
    running: dict[int, Mutant] = {}
    waiting = iter(mutants)
    for done in itertools.count():
        for mutant in itertools.islice(waiting, jobs - len(running)):
            running[start(mutant.module, mutant,
                          seconds[mutant.module])] = mutant
        if not running:
            return
        pid, has_survived = wait()
        if done % 20 == 0:
            print(f'{done} of {len(mutants)}', file=sys.stderr, flush=True)
        mutant = running.pop(pid)
        if has_survived:
            print(f'  {mutant}', file=sys.stderr, flush=True)
            yield mutant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--count', type=int, default=300,
                        help='how many mutants; 0 for all (default: 300)')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    parser.add_argument('modules', nargs='*', help='such as api/text; all')
    arguments = parser.parse_args()
    sys.path.insert(0, str(CHECKOUT))
    hypothesis.settings.register_profile(
        'mutants', phases=(hypothesis.Phase.explicit,
                           hypothesis.Phase.generate))
    hypothesis.settings.load_profile('mutants')
    mutants = sample(arguments.modules or [
        f'{package}/{module}' for package in PACKAGES
        for module in modules_of(package)], arguments.count or None)
    modules = sorted({mutant.module for mutant in mutants})
    import_libraries(modules)
    seconds = {}
    for module in modules:
        took = measure(module)
        seconds[module] = took * SLOWNESS + PATIENCE
        print(f'{module}: {took:.1f} s without a mutant', file=sys.stderr,
              flush=True)
    survivors = sorted(try_all(mutants, seconds, arguments.jobs))
    killed = len(mutants) - len(survivors)
    print('Survivors:', *map(str, survivors), sep='\n  ')
    print(f'Killed {killed}/{len(mutants)} '
          f'({killed * 100 / len(mutants):.1f} %)')
    if killed * 100 < ENOUGH * len(mutants):
        sys.exit(f'Less than {ENOUGH} % of the mutants die')


if __name__ == '__main__':
    main()
