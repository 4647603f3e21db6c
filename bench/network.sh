#!/bin/sh
# What the network adds to a pod: `run -destroy` of a program that does nothing, without a network,
# with one, and with our rules of the firewall, the three in turn; the middle time of each.
# As root, on a quiet machine: bench/network.sh [BUILD-DIRECTORY [ROUNDS]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case ${1-} in own) shift ;; *) exec unshare -n -- sh "$0" own "$@" ;; esac
build=$(cd "${1:-$here/../build}" && pwd)
rounds=${2:-40}
work=$(mktemp -d)
jetpack() { "$build/src/cli/jetpack" -config "$work/conf" "$@"; }
cleanup() {
    for pod in $(jetpack list -q); do jetpack destroy "$pod" >/dev/null 2>&1; done
    jetpack gc >/dev/null 2>&1
    rm -rf "${work:?}"
}
trap cleanup EXIT
printf 'root.dir = %s\nnet.bridge = jpbench0\nallow.no-signature = on\nmds.user = nobody\nmds.idle = 1\n' \
    "$work/root" >"$work/conf"
mkdir -p "$work/image/rootfs/bin"
cp "$build/tests/programs/probe" "$work/image/rootfs/bin/probe"
printf '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "bench.example/true",
 "labels": [{"name": "os", "value": "linux"}], "app":
 {"exec": ["/bin/probe", "true"], "user": "0", "group": "0"}}' >"$work/image/manifest"
tar -C "$work/image" -cf "$work/true.aci" manifest rootfs
jetpack import "$work/true.aci" >/dev/null
ip link set lo up
ip link add up0 type veth peer name far0
ip address add 192.0.2.1/24 dev up0
ip link set up0 up
ip link set far0 up
ip route add default via 192.0.2.2

# one NAME OPTIONS: a run, its time in microseconds
one() {
    file=$work/$1
    shift
    begin=$(date +%s%N)
    "$build/src/cli/jetpack" -config "$work/conf" "$@" bench.example/true >/dev/null 2>&1
    echo $((($(date +%s%N) - begin) / 1000)) >>"$file"
}
middle() { sort -n "$work/$1" | sed -n "$((rounds / 2 + 1))p"; }
turns() {
    rm -f "$work/none" "$work/off" "$work/on"
    for _ in $(seq 1 "$rounds"); do
        one none run -destroy -net=none
        one off -o net.firewall=off run -destroy
        one on run -destroy
    done
    printf '%-28s %8s us  %8s us  %8s us\n' "$1" "$(middle none)" "$(middle off)" "$(middle on)"
}
printf '%-28s %11s  %11s  %11s\n' '' 'no network' 'no rules' 'rules'
turns 'the only pod'
jetpack run -d bench.example/true -exec '["/bin/probe", "sleep", "1000"]' >/dev/null
turns 'beside another'
