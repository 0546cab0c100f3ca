# To be sourced.

# install_servers: install the servers that tests/e2e starts for itself, where
# they are missing. Says on stderr what it does. Without them these tests are
# skipped, which is said loudly, and is no failure; skipped_because is then
# the reason, and else empty.
#
# No package leaves a service that runs, or that starts with the machine. Of
# MariaDB these are the programs alone, without a database or a service.
install_servers() {
    skipped_because=
    packages=$(missing_servers)
    # shellcheck disable=SC2086  # one word for each package
    if [ -z "$packages" ]; then
        return 0
    elif ! command -v apt-get >/dev/null; then
        skipped_because='there is no apt-get'
    elif [ "$(id -u)" != 0 ]; then
        skipped_because='only root may do so'
    elif ! apt_install $packages; then
        skipped_because='apt-get has failed'
    elif [ -n "$(missing_servers)" ]; then
        skipped_because='apt-get has put them elsewhere'
    fi
    [ -z "$skipped_because" ] || warn_of_servers "$skipped_because"
}

# Print the packages to install; nothing if all is there.
# tests/support/services.py looks for the same programs in the same places.
missing_servers() (
    PATH=/usr/lib/rabbitmq/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin
    missing=
    for program in rabbitmq-server epmd; do
        if ! command -v $program >/dev/null; then
            missing=rabbitmq-server
        fi
    done
    for program in mariadbd mariadb-install-db my_print_defaults; do
        if ! command -v $program >/dev/null; then
            missing="$missing mariadb-server-core mariadb-client-core"
            break
        fi
    done
    if ! command -v prometheus-alertmanager >/dev/null; then
        missing="$missing prometheus-alertmanager"
    fi
    echo "${missing# }"
)

# apt_install PACKAGE...: says what it does. One run of this machine does so at
# a time.
apt_install() {
    echo "Installing $* with apt-get, for the end-to-end tests;" \
         "this may take a minute" >&2
    apt_step '' apt_download "$@" && apt_step --gently apt_unpack "$@"
}

# apt_step OPTION FUNCTION PACKAGE...
apt_step() {
    option=$1
    shift
    # shellcheck disable=SC2016,SC2086  # the other shell's; may be no option
    supervised --lock /usr/sbin --progress '... still installing' $option \
        sh -euc '. tools/install_servers.sh; "$@"' "$0" "$@" >&2
}

# It may be killed at any moment: what is there in part does no harm.
apt_download() {
    apt_get install --download-only "$@" 2>/dev/null && return 0
    # What apt knows of the packages may be nothing, or too old.
    apt_get update && apt_get install --download-only "$@"
}

# If it were killed, dpkg would leave packages that do not work.
apt_unpack() {
    # The services of the packages are not to be started. This is how
    # Debian knows; where there is such a file, it stays as it is.
    policy=/usr/sbin/policy-rc.d
    made_policy=
    if [ ! -e $policy ]; then
        made_policy=$policy
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod 755 $policy
    fi
    status=0
    apt_get install "$@" || status=$?
    rm -f $made_policy
    for service; do
        # Not every package has one.
        update-rc.d "$service" disable >/dev/null 2>&1 || :
    done
    return $status
}

# Says the last of what apt-get has said, if it fails.
apt_get() (
    log=$TMPDIR/log
    # Not everything that it starts may enter there.
    unset TMPDIR
    DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends \
        -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \
        -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120 \
        -o Dpkg::Use-Pty=0 "$@" </dev/null > "$log" 2>&1 ||
        { tail -n 20 "$log" >&2; return 1; }
)

# warn_of_servers WHY
warn_of_servers() {
    cat >&2 <<END
******************************************************************************
WARNING: end-to-end tests (tests/e2e) are SKIPPED: a server that they start for
themselves (RabbitMQ, MariaDB, Alertmanager) is missing, and could not be
installed ($1). To run them, on Debian or Ubuntu:
    sudo apt-get install --no-install-recommends $(missing_servers)
******************************************************************************
END
}
