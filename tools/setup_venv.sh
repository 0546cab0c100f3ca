# To be sourced, from the top of the checkout.

# setup_venv DIRECTORY PACKAGE [--editable]: make DIRECTORY a virtual
# environment that holds PACKAGE, if it is not one already that was made of
# the same requirements. Says on stderr what it does, and what is missing.
setup_venv() {
    venv=$1
    python=$(find_python) || return 1
    made_of=$("$python" -c 'import sys; print(sys.version)'
              cat requirements.txt constraints.txt setup.cfg pyproject.toml)
    if [ -f "$venv/made-of" ] && [ "$made_of" = "$(cat "$venv/made-of")" ]
    then
        return 0
    fi
    echo "Setting up $venv with $("$python" --version);" \
         "the first time takes a minute or two" >&2
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >&2; then
        echo "ERROR: $python cannot make virtual environments. Install its" \
             "module venv (on Debian: apt-get install python3-venv)." >&2
        return 1
    fi
    (while sleep 15; do echo "... still installing" >&2; done) &
    ticker=$!
    # shellcheck disable=SC2086  # no argument, where it is empty
    if "$venv/bin/python" -m pip install --disable-pip-version-check \
            --progress-bar off -qq -c constraints.txt ${3:-} "$2" >&2; then
        kill $ticker
    else
        kill $ticker
        echo "ERROR: pip could not install $2 (see above). It needs PyPI, or" \
             "a mirror of it in pip's configuration." >&2
        return 1
    fi
    printf '%s' "$made_of" > "$venv/made-of"
}

# Print the name of the first Python that will do.
find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 \
                      python3.10}; do
        if "$candidate" -c 'import sys
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return 0
        fi
    done
    echo "ERROR: no Python 3.10 to 3.13 found. Install one, or name it:" \
         "PYTHON=/path/to/python3.12 $0" >&2
    return 1
}
