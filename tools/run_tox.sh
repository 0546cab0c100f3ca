#!/bin/sh
# Runs tox, as run_tests.sh does: tools/run_tox.sh [tox arguments]
set -eu
# When pip is killed, it leaves what it was installing without what it writes
# last, and then takes it for installed, as tox does.
for package in .tox/*/lib/python*/site-packages/*.dist-info; do
    if [ -d "$package" ] && [ ! -e "$package/INSTALLER" ]; then
        echo "Making ${package%%/lib/*} anew: its setting up had no end" >&2
        rm -rf "${package%%/lib/*}"
    fi
done
exec .venv-tox/bin/tox run "$@"
