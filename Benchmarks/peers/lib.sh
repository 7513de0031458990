# What the start scripts of the peers share. Sourced by bash after `usage` is defined.
# They stand beside Mailrace in comparisons: same address to listen on, same upstream, no logs, in the foreground.
set -euo pipefail

listen='' upstream='' threads=1 certificate='' key='' proxy=''
need() { [ $# -ge 2 ] || { usage >&2 && exit 64; }; }
while [ $# -gt 0 ]; do
    case $1 in
    --listen) need "$@" && listen=$2 && shift ;;
    --upstream) need "$@" && upstream=$2 && shift ;;
    --threads) need "$@" && threads=$2 && shift ;;
    --certificate) need "$@" && certificate=$2 && shift ;;
    --key) need "$@" && key=$2 && shift ;;
    --send-proxy) proxy=yes ;;
    --help) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
    esac
    shift
done
[ -n "$listen" ] && [ -n "$upstream" ] || { usage >&2 && exit 64; }

# need_program NAME PACKAGE
need_program() {
    PATH=$PATH:/usr/sbin:/sbin
    command -v "$1" >/dev/null || { echo "$1 is missing: apt-get install $2" >&2 && exit 69; }
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/mailrace-peer.XXXXXX")
peer_pid=''
clean_up() {
    [ -z "$peer_pid" ] || kill "$peer_pid" 2>/dev/null || true
    [ -z "$peer_pid" ] || wait "$peer_pid" 2>/dev/null || true
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 0' INT TERM

# Runs the peer until it or this script is ended. Says when it is there, and its process id for whoever measures it.
run_peer() {
    "$@" &
    peer_pid=$!
    local tries=0
    until (exec 3<>"/dev/tcp/${listen%:*}/${listen##*:}") 2>/dev/null; do
        tries=$((tries + 1))
        kill -0 "$peer_pid" 2>/dev/null && [ $tries -lt 500 ] || { echo "$1 does not listen on $listen" >&2 && exit 69; }
        sleep 0.02
    done
    echo "listening on $listen (pid $peer_pid)"
    wait "$peer_pid"
}
