#!/bin/sh
# Runs the linters, mypy and all tests: ./run_tests.sh [tox arguments]
#
# Sets itself up in this checkout (.venv-tox for tox, .tox for what tox makes)
# with Python 3.10 to 3.13 and what PyPI has. PYTHON names the one to use. As
# root it installs RabbitMQ, MariaDB and Alertmanager with apt-get, if they are
# missing; without them the end-to-end tests are skipped.
set -eu
cd "$(dirname "$0")"
. tools/setup_venv.sh
. tools/install_servers.sh
setup_venv .venv-tox tox ''
install_servers
status=0
# One at a time: two would make the same environments.
supervised --lock . sh tools/run_tox.sh "$@" || status=$?
# Again, for by now this is far up.
[ -z "$skipped_because" ] || warn_of_servers "$skipped_because"
exit $status
