#!/bin/sh
# Runs tox, as run_tests.sh does: tools/run_tox.sh [tox arguments]
set -eu
exec .venv-tox/bin/tox run "$@"
