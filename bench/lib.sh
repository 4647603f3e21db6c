# What the measurements share. A script sets `namespaces` (an option of unshare(1), or nothing) and
# sources this with its own words, of which the first, the build directory, is taken away:
#
#   $build, $work          the build directory; a directory on tmpfs that is removed at the end
#   j WORD...              jetpack with a root directory, bridge and subnet of its own ($work/jetpack.conf)
#   installation NAME NUMBER
#                          another of its own, in $work/NAME.conf
#   $jetpack, $podman      the same as words of a line for interleave
#   p WORD...              podman with a store of its own
#   have PROGRAM           is it here?
#   image NAME VERSION JSON [FILE...]
#                          imports bench/NAME with these programs in /bin, and the members of its app
#   static NAME SOURCE     compiles a static program from C: $work/bin/NAME
#   interleave ROUNDS      times lines of commands by turns (interleave.c)
#   median FILE            of numbers, one a line
#   requests PREFIX SECONDS WRK-WORD...
#                          "requests-a-second p99-in-ms" of 32 connections that stay open; the prefix
#                          (nsenter and its words, or nothing) says where wrk runs
#   machine VARIABLE       a network namespace as another machine: the process that keeps it
#   outside                a client's machine ($client) at 192.0.2.9, by a veth pair to our 192.0.2.1
#   uplink                 something to be routed by: there is NAT for pods that can get out
#   $processes             are killed at the end; at_end COMMAND... is done before that
set -eu
if [ -n "${namespaces-}" ] && [ -z "${BENCH_INSIDE-}" ]; then
    BENCH_INSIDE=1 exec unshare "$namespaces" sh "$0" "$@"
fi
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "bench: must be root" >&2; exit 1; }
build=$(cd "${1:-build}" && pwd)
[ $# -eq 0 ] || shift
[ -x "$build/tests/programs/probe" ] || ninja -C "$build" tests/programs/probe >/dev/null
work=$(mktemp -d /dev/shm/jetpack-bench.XXXXXX)
processes='' last_things=:
at_end() { last_things="$last_things; $*"; }
finish() {
    status=$?
    trap - EXIT HUP INT TERM
    for conf in "$work"/*.conf; do
        jetpack="$binary -config $conf"
        for pod in $(j list -q 2>/dev/null); do j destroy "$pod" >/dev/null 2>&1 || true; done
        j gc >/dev/null 2>&1 || true
    done
    [ ! -d "$work/podman" ] || p rm -fa >/dev/null 2>&1 || true
    eval "$last_things" >/dev/null 2>&1 || true
    for one in $processes; do kill -KILL "$one" 2>/dev/null || true; done
    umount -l "$work/podman/overlay" "$work/podman/vfs" 2>/dev/null || true
    rm -rf "${work:?}" 2>/dev/null || true
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

installation() {
    cat >"$work/$1.conf" <<CONF
root.dir = $work/$1
net.bridge = jpbench$2
net.subnet = 10.$((98 + $2)).0.0/16
allow.no-signature = on
mds.user = nobody
mds.port = $((11039 + $2))
mds.idle = 1
CONF
}
binary=$build/src/cli/jetpack
installation jetpack 1
jetpack="$binary -config $work/jetpack.conf"
j() { $jetpack "$@"; }
podman="podman --root $work/podman --runroot $work/podman-run --cgroup-manager cgroupfs --storage-driver ${podman_storage:-overlay}"
p() { $podman "$@"; }
have() { command -v "$1" >/dev/null; }

static() { mkdir -p "$work/bin" && printf '%s\n' "$2" | gcc -O2 -static -x c -o "$work/bin/$1" -; }
image() {
    mkdir -p "$work/$1/rootfs/bin"
    cat >"$work/$1/manifest" <<JSON
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "bench/$1",
 "labels": [{"name": "version", "value": "$2"}], "app": {"user": "0", "group": "0", $3}}
JSON
    image_name=$1
    shift 3
    [ $# -eq 0 ] || cp "$@" "$work/$image_name/rootfs/bin/"
    tar -C "$work/$image_name" -cf "$work/$image_name.aci" manifest rootfs
    j import -q "$work/$image_name.aci" >/dev/null
}

# big_tree DIRECTORY: a root file system of some 200 MB: $BENCH_TREE, a minimal Debian, or, without
# a network, the first of this host's /usr.
big_tree() {
    if [ -n "${BENCH_TREE-}" ]; then
        cp -a "$BENCH_TREE" "$1"
    elif ! have debootstrap || ! debootstrap --variant=minbase bookworm "$1" >/dev/null 2>&1; then
        rm -rf "${1:?}"
        mkdir -p "$1"
        (cd / && find usr -xdev -type f -printf '%p %s\n' | LC_ALL=C sort |
            awk '(total += $NF) > 2e8 { exit } { sub(/ [0-9]+$/, ""); print }' |
            tar -T - -cf - | tar -C "$1" -xf -)
    fi
}

interleave() {
    [ -x "$work/interleave" ] || gcc -O2 -Wall -static -o "$work/interleave" bench/interleave.c
    "$work/interleave" "$@" 2>"$work/interleave.err" || { cat "$work/interleave.err" >&2; return 1; }
}

median() { sort -n "$1" | awk '{ v[NR] = $0 } END { print v[int((NR + 1) / 2)] }'; }

requests() {
    where=$1 span=$2
    shift 2
    $where wrk -t2 -c32 -d"${span}s" --latency "$@" >"$work/wrk" 2>&1
    ! grep -q 'Non-2xx\|Socket errors' "$work/wrk" || { cat "$work/wrk" >&2; return 1; }
    awk '/Requests\/sec/ { rps = $2 }
         $1 == "99%" { p = $2; v = p + 0; if (p ~ /us$/) v /= 1000; else if (p ~ /[0-9]s$/ && p !~ /ms$/) v *= 1000 }
         END { printf "%.0f %.2f\n", rps, v }' "$work/wrk"
}

machine() {
    unshare -n sleep 100000 &
    eval "$1=$!"
    processes="$processes $!"
    while [ "$(readlink "/proc/$!/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
}

uplink() {
    ip link set lo up
    ip link add up0 type veth peer name far0
    ip address add 192.0.2.1/24 dev up0
    ip link set up0 up
    ip link set far0 up
    ip route add default via 192.0.2.2
}

outside() {
    ip link set lo up
    machine client
    ip link add bench0 type veth peer name eth0 netns "$client"
    ip address add 192.0.2.1/24 dev bench0
    ip link set bench0 up
    ip route add default via 192.0.2.9
    nsenter -t "$client" -n sh -c 'ip address add 192.0.2.9/24 dev eth0; ip link set eth0 up; ip link set lo up'
}
