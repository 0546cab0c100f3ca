# SPDX-License-Identifier: Apache-2.0
"""Print the lines of OpenStack's upper-constraints that concern us.

    .tox/py3/bin/python tools/pick_constraints.py 2025.2 LIST \
        > constraints/2025.2.txt

LIST is upper-constraints.txt of the branch of that release in
openstack/requirements. What counts is what the demo and the tests install
under it, and, for other versions of Python, what constraints.txt names. What
the list does not have stays as in constraints.txt.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

CHECKOUT = pathlib.Path(__file__).parents[1]
REQUIREMENTS = ('.', './lab', '-r', 'test-requirements.txt')


def name_of(line: str) -> str:
    """Return the normalized name of a requirement or constraint."""
    return re.sub('[-_.]+', '-', re.split('[=;]', line)[0]).lower()


def read(path: pathlib.Path) -> list[str]:
    return [line for line in path.read_text().splitlines()
            if line and not line.startswith('#')
            # The oldest Python that we support is 3.10.
            and "python_version=='3.9'" not in line]


def resolve(constraints: list[str]) -> dict[str, str]:
    """Return what pip installs under constraints, as lines, by name."""
    with tempfile.NamedTemporaryFile('w') as file:
        file.write('\n'.join(constraints))
        file.flush()
        done = subprocess.run(  # noqa: S603  # fixed arguments
            [sys.executable, '-m', 'pip', 'install', '--quiet', '--dry-run',
             '--ignore-installed', '--report', '-', '-c', file.name,
             *REQUIREMENTS], cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
    projects = [each['metadata']
                for each in json.loads(done.stdout)['install']]
    return {name_of(each['name']): f'{each["name"]}=={each["version"]}'
            for each in projects}


def main(release: str, path: str) -> None:
    listed = read(pathlib.Path(path))
    names = {name_of(line) for line in listed}
    ours = read(CHECKOUT / 'constraints.txt')
    others = [line for line in ours if name_of(line) not in names]
    installed = resolve(listed + others)
    wanted = installed.keys() | {name_of(line) for line in ours}
    print(f'# Of the upper-constraints of OpenStack {release}, what the demo '
          'and the tests\n# install: tools/pick_constraints.py')
    print('\n'.join(sorted((line for line in listed
                            if name_of(line) in wanted), key=str.lower)))
    print('# Not in that list.')
    print('\n'.join(sorted((line for name, line in installed.items()
                            if name not in names and not
                            name.startswith('vitrage-k8s')),
                           key=str.lower)))


if __name__ == '__main__':
    main(*sys.argv[1:])
