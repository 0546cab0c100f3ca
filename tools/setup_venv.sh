# To be sourced, from the top of the checkout.
. tools/supervise.sh

# setup_venv DIRECTORY PACKAGE [--editable]: make DIRECTORY a virtual
# environment that holds PACKAGE, if it is not one already that was made of
# the same requirements. Says on stderr what it does, and what is missing.
# If it is interrupted, it leaves nothing.
setup_venv() {
    find_python || return 1
    if is_whole "$1"; then
        return 0
    fi
    # shellcheck disable=SC2016  # it is the other shell's
    supervised --lock . --makes "$1" --progress '... still installing' \
        sh -euc '. tools/setup_venv.sh; python=$1; shift; make_venv "$@"' \
        "$0" "$python" "$@" >&2
}

# is_whole DIRECTORY
is_whole() {
    made_of=$("$python" -c 'import sys; print(sys.version)'
              cat requirements.txt constraints.txt setup.cfg pyproject.toml \
                  lab/pyproject.toml)
    [ -f "$1/made-of" ] && [ "$made_of" = "$(cat "$1/made-of")" ]
}

# make_venv DIRECTORY PACKAGE [--editable]: the same, while no other run does.
make_venv() {
    venv=$1
    if is_whole "$venv"; then
        return 0
    fi
    echo "Setting up $venv with $("$python" --version);" \
         "the first time takes a minute or two" >&2
    rm -f "$venv/made-of"
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >&2; then
        echo "ERROR: $python cannot make virtual environments. Install its" \
             "module venv (on Debian: apt-get install python3-venv)." >&2
        return 1
    fi
    # shellcheck disable=SC2086  # no argument, where it is empty
    if ! "$venv/bin/python" -m pip install --disable-pip-version-check \
            --progress-bar off -qq -c constraints.txt ${3:-} "$2" >&2; then
        echo "ERROR: pip could not install $2 (see above). It needs PyPI, or" \
             "a mirror of it in pip's configuration." >&2
        return 1
    fi
    printf '%s' "$made_of" > "$venv/made-of"
}

# Set python to the name of the first Python that will do.
find_python() {
    if [ -n "${PYTHON-}" ]; then
        # What it says itself explains more.
        try_python "$PYTHON" && return 0
        echo "ERROR: PYTHON=$PYTHON will not do: $why. It must be a Python" \
             "3.10 to 3.13." >&2
        return 1
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        try_python "$candidate" 2>/dev/null && return 0
    done
    echo "ERROR: no Python 3.10 to 3.13 found. Install one, or name it:" \
         "PYTHON=/path/to/python3.12 $0" >&2
    return 1
}

# try_python NAME: set python to it; fail if it will not do, with the reason in
# why.
try_python() {
    python=$1
    status=0
    in_background timeout -k 1 60 "$1" -c 'import sys
sys.exit(sys.version_info[0] == 3 and 100 + sys.version_info[1])' >&2 ||
        status=$?
    case $status in
        11[0-3]) return 0 ;;
        0) why='it is no Python 3' ;;
        124 | 137) why='it does not end' ;;
        126) why='it cannot be executed' ;;
        127) why='there is no such command' ;;
        10? | 11?) why="it is Python 3.$((status - 100))" ;;
        *) why="it ends with status $status" ;;
    esac
    return 1
}
