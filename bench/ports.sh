#!/bin/sh
# Measures a published port against the bare veth pair by which its client comes: throughput and
# connections, as ratios. Needs root.
#
#   ports.sh BUILD-DIRECTORY
#
# MIB (default 2048), CALLS (4000) and ROUNDS (5) may be set.
namespaces=-n
. "$(dirname "$0")/lib.sh"
pour=$work/pour
gcc -O2 -Wall -static -o "$pour" bench/pour.c
image poured 1 '"exec": ["/bin/pour", "serve", "80"],
    "ports": [{"name": "tcp", "protocol": "tcp", "port": 80}]' "$pour"

ip link set lo up
machine client
ip link add bench0 type veth peer name eth0 netns "$client"
ip addr add 192.0.2.1/24 dev bench0
ip link set bench0 up
nsenter -t "$client" -n sh -c 'ip addr add 192.0.2.9/24 dev eth0; ip link set eth0 up'
"$pour" serve 81 &
processes="$processes $!"
j run -d -pod-name ports -p tcp=80 bench/poured >/dev/null

# Rounds by turns, so that other load on the machine meets both; the median counts.
measure() { # TITLE WORDS...
    title=$1
    shift
    for _ in $(seq "${ROUNDS:-5}"); do
        nsenter -t "$client" -n "$pour" 192.0.2.1 81 "$@" >>"$work/bare.$title"
        nsenter -t "$client" -n "$pour" 192.0.2.1 80 "$@" >>"$work/port.$title"
    done
    for kind in bare port; do
        median "$work/$kind.$title" >"$work/median.$kind"
    done
    awk -v title="$title" -v bare="$(cat "$work/median.bare")" -v port="$(cat "$work/median.port")" \
        'BEGIN { printf "| %-12s | %.2f |\n", title, bare / port }'
}
sleep 1
echo "| published port | of the bare veth pair |"
echo "|---|---|"
measure throughput "${MIB:-2048}"
measure connections calls "${CALLS:-4000}"
