#!/bin/sh
# Shows Kubernetes nodes in a Vitrage of its own: ./run_demo.sh --help
#
# Sets itself up in .venv of this checkout, with Python 3.10 to 3.13 and what
# PyPI has, and again whenever the requirements have changed. PYTHON names the
# one to use. Only the demo itself writes to stdout.
set -eu
cd "$(dirname "$0")"
. tools/setup_venv.sh
setup_venv .venv ./lab '--editable . --editable'
exec .venv/bin/vitrage-k8s-demo "$@"
