# To be sourced, from the top of the checkout.
#
# On SIGHUP, SIGINT and SIGTERM the script ends with 129, 130 and 143, and what
# it runs with these functions ends before it.

# supervised OPTION... COMMAND...: see tools/supervise.py, which $python runs.
supervised() {
    # shellcheck disable=SC2154
    in_background "$python" tools/supervise.py "$@"
}

# in_background COMMAND...: run a command that ends all of itself on SIGTERM,
# and wait for it. In the foreground, traps would wait for it, too.
in_background() {
    "$@" &
    wait "$!"
}

# end STATUS
end() {
    trap '' HUP INT TERM
    # Again and again, for what has just been forked may miss it.
    while kill -s TERM "${!-}" 2>/dev/null; do
        sleep 0.1
    done
    exit "$1"
}

trap 'end 129' HUP
trap 'end 130' INT
trap 'end 143' TERM
