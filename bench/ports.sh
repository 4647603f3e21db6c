#!/bin/sh
# Measures a published port against the bare veth pair by which its client comes: throughput and
# connections, as ratios. Needs root.
#
#   ports.sh BUILD-DIRECTORY
#
# MIB (default 2048), CALLS (4000) and ROUNDS (5) may be set.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${PORTS_INSIDE-}" ]; then
    PORTS_INSIDE=1 exec unshare -n sh "bench/ports.sh" "$@"
fi
build=$PWD/${1:-build}
jetpack=$build/src/cli/jetpack
work=$(mktemp -d /dev/shm/jetpack-ports.XXXXXX)
conf=$work/jetpack.conf
cat >"$conf" <<CONF
root.dir = $work/root
net.bridge = jpbench1
net.subnet = 10.99.0.0/24
allow.no-signature = on
mds.user = nobody
mds.port = 11040
mds.idle = 1
CONF
j() { "$jetpack" -config "$conf" "$@"; }
processes=
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    j destroy ports >/dev/null 2>&1 || true
    for one in $processes; do kill -KILL "$one" 2>/dev/null || true; done
    rm -rf "$work" 2>/dev/null || true
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

mkdir -p "$work/image/rootfs/bin"
gcc -O2 -Wall -static -o "$work/image/rootfs/bin/pour" bench/pour.c
cat >"$work/image/manifest" <<JSON
{"acKind":"ImageManifest","acVersion":"0.8.11","name":"bench/pour",
 "labels":[{"name":"version","value":"1"}],
 "app":{"exec":["/bin/pour","serve","80"],"user":"0","group":"0",
        "ports":[{"name":"tcp","protocol":"tcp","port":80}]}}
JSON
tar -C "$work/image" -cf "$work/image.aci" manifest rootfs
j import -q "$work/image.aci" >/dev/null

ip link set lo up
unshare -n sleep 10000 &
client=$!
processes=$client
while [ "$(readlink /proc/$client/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link add bench0 type veth peer name eth0 netns "$client"
ip addr add 192.0.2.1/24 dev bench0
ip link set bench0 up
nsenter -t "$client" -n sh -c 'ip addr add 192.0.2.9/24 dev eth0; ip link set eth0 up'
pour=$work/image/rootfs/bin/pour
"$pour" serve 81 &
processes="$processes $!"
j run -d -pod-name ports -p tcp=80 bench/pour >/dev/null

# Rounds by turns, so that other load on the machine meets both; the median counts.
measure() { # TITLE WORDS...
    title=$1
    shift
    for _ in $(seq "${ROUNDS:-5}"); do
        nsenter -t "$client" -n "$pour" 192.0.2.1 81 "$@" >>"$work/bare.$title"
        nsenter -t "$client" -n "$pour" 192.0.2.1 80 "$@" >>"$work/port.$title"
    done
    for kind in bare port; do
        sort -n "$work/$kind.$title" | sed -n "$(((${ROUNDS:-5} + 1) / 2))p" >"$work/median.$kind"
    done
    awk -v title="$title" -v bare="$(cat "$work/median.bare")" -v port="$(cat "$work/median.port")" \
        'BEGIN { printf "| %-12s | %.2f |\n", title, bare / port }'
}
sleep 1
echo "| published port | of the bare veth pair |"
echo "|---|---|"
measure throughput "${MIB:-2048}"
measure connections calls "${CALLS:-4000}"
