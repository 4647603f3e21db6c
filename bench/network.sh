#!/bin/sh
# What the network adds to a pod: `run -destroy` of a program that does nothing, without a network,
# with one, and with our rules of the firewall, the three in turn; the middle time of each.
# As root, on a quiet machine: bench/network.sh [BUILD-DIRECTORY [ROUNDS]]
namespaces=-n
. "$(dirname "$0")/lib.sh"
rounds=${1:-40}
image true 1 '"exec": ["/bin/probe", "true"]' "$build/tests/programs/probe"
uplink

# one NAME OPTIONS: a run, its time in microseconds
one() {
    file=$work/$1
    shift
    begin=$(date +%s%N)
    j "$@" bench/true >/dev/null 2>&1
    echo $((($(date +%s%N) - begin) / 1000)) >>"$file"
}
turns() {
    rm -f "$work/none" "$work/off" "$work/on"
    for _ in $(seq 1 "$rounds"); do
        one none run -destroy -net=none
        one off -o net.firewall=off run -destroy
        one on run -destroy
    done
    printf '%-28s %8s us  %8s us  %8s us\n' "$1" "$(median "$work/none")" "$(median "$work/off")" "$(median "$work/on")"
}
printf '%-28s %11s  %11s  %11s\n' '' 'no network' 'no rules' 'rules'
turns 'the only pod'
j run -d bench/true -exec '["/bin/probe", "sleep", "1000"]' >/dev/null
turns 'beside another'
