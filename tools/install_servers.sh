# To be sourced.

# install_servers: install the servers that tests/e2e starts for itself, where
# they are missing. Says on stderr what it does. Without them these tests are
# skipped: that is said loudly, and is no failure.
#
# Of MariaDB it is the server alone: the package mariadb-server would also
# make a database, and a service that starts with the machine.
install_servers() {
    packages=$(missing_servers)
    if [ -z "$packages" ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null; then
        warn_of_servers "there is no apt-get"
    elif [ "$(id -u)" != 0 ]; then
        warn_of_servers "this is not root"
    elif ! apt_install "$packages"; then
        warn_of_servers "apt-get could not install them (see above)"
    elif [ -n "$(missing_servers)" ]; then
        warn_of_servers "they are not where they are looked for, though" \
                        "apt-get has installed them"
    fi
}

# Print the packages to install; nothing if all is there. tests/e2e/programs.py
# looks in the same places.
missing_servers() (
    PATH=$PATH:/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/sbin:/sbin
    missing=
    command -v rabbitmq-server >/dev/null || missing="$missing rabbitmq-server"
    command -v mariadbd >/dev/null || missing="$missing mariadb-server-core"
    echo "${missing# }"
)

# apt_install PACKAGES: in a subshell, for the traps and variables.
apt_install() (
    echo "Installing $1 with apt-get, for the end-to-end tests;" \
         "this takes about a minute" >&2
    log=$(mktemp)
    policy=/usr/sbin/policy-rc.d
    made_policy=
    ticker=
    trap 'rm -f "$log" $made_policy; [ -z "$ticker" ] || kill $ticker' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # The packages' own services are not to be started. This is how Debian
    # asks; who has such a file has answered already.
    if [ ! -e $policy ]; then
        made_policy=$policy
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod +x $policy
    fi
    (while sleep 15; do echo "... still installing" >&2; done) &
    ticker=$!
    # What is known of the packages may be nothing, or too old to be found.
    # shellcheck disable=SC2086  # one word for each package
    apt_get install $1 > "$log" 2>&1 ||
        { apt_get update && apt_get install $1; } > "$log" 2>&1 ||
        { tail -n 20 "$log" >&2; exit 1; }
)

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends \
        -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \
        -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# warn_of_servers WHY
warn_of_servers() {
    cat >&2 <<END
******************************************************************************
WARNING: the end-to-end tests (tests/e2e) will be SKIPPED. They need a RabbitMQ
and a MariaDB to start for themselves, and there is none:
    missing: $(missing_servers)
    not installed, for $*
To run them, on Debian or Ubuntu:
    sudo apt-get install --no-install-recommends $(missing_servers)
******************************************************************************
END
}
