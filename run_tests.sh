#!/bin/sh
# Runs the linters, mypy and all tests: ./run_tests.sh [tox arguments]
#
# Sets itself up in this checkout (.venv-tox for tox, .tox for what tox makes)
# with Python 3.10 to 3.13 and what PyPI has.
set -eu
cd "$(dirname "$0")"
. tools/setup_venv.sh
setup_venv .venv-tox tox ''
exec .venv-tox/bin/tox run "$@"
