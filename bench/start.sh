#!/bin/sh
# Start, run and tear down a static program that does nothing, everything included: Jetpack in four
# ways, its peers that are here, and the bare system calls (limit.c) as the first line. By turns,
# medians and the ratio to the first line. As root, on a quiet machine.
#
#   bench/start.sh BUILD-DIRECTORY [ROUNDS]
namespaces=-mn
. "$(dirname "$0")/lib.sh"
rounds=${1:-30}
umount -l /sys/fs/cgroup/unified 2>/dev/null || true # podman and runc refuse v2 beside v1
for source in limit overlaid; do
    gcc -O2 -Wall -static -o "$work/$source" "bench/$source.c"
done
static true 'int main(void) { return 0; }'
static sleep '#include <unistd.h>
int main(void) { for (;;) pause(); }'
uplink
ip link add jplimit0 type bridge
ip address add 172.31.255.1/24 dev jplimit0
ip link set jplimit0 up

# Another installation where a pod runs: what the first pod of a host starts and the last one ends
# (the firewall's table, forwarding, the resolver) is there.
image true 1 '"exec": ["/bin/true"]' "$work/bin/true"
installation beside 2
beside="$binary -config $work/beside.conf"
first=$jetpack
jetpack=$beside
image true 1 '"exec": ["/bin/true"]' "$work/bin/true"
image sleep 1 '"exec": ["/bin/sleep"]' "$work/bin/sleep"
j run -d bench/sleep >/dev/null
prepared=$(j prepare bench/true)
jetpack=$first

# overlay PEER: the directories of one of its own; the last is where it is mounted
overlay() {
    over=$work/o-$1
    mkdir -p "$over/upper" "$over/work" "$over/merged"
    sed "s|@ROOT@|$over/merged|" bench/config.json >"$over/config.json"
    paths="$work/true/rootfs $over/upper $over/work $over/merged"
    wipe="rm -rf $over/work/work"
}
# peer NAME TITLE WORD...: a line for a program that gets such a mount, if it is here
peer() {
    name=$1 title=$2
    shift 2
    overlay "$name"
    ! have "$name" || echo "$title|$wipe|$work/overlaid $paths $*"
}
{
    overlay limit
    echo "limit: bare system calls, veth|$wipe|$work/limit $paths jplimit0 172.31.255.2/24 172.31.255.1 /bin/true"
    overlay bare
    echo "limit without veth|$wipe|$work/limit $paths - - - /bin/true"
    echo "jetpack run -destroy||$beside run -destroy bench/true"
    echo "jetpack run -destroy, no other pod||$jetpack run -destroy bench/true"
    echo "jetpack run -destroy --net=none||$jetpack run -destroy --net=none bench/true"
    echo "jetpack run (prepared)||$beside run $prepared"
    peer bwrap 'bubblewrap --unshare-all' \
        "bwrap --unshare-all --bind $work/o-bwrap/merged / --proc /proc --dev /dev /bin/true"
    peer crun 'crun run (no cgroups)' "crun --cgroup-manager=disabled run -b $work/o-crun bench-crun"
    peer runc 'runc run' "runc --root $work/runc run -b $work/o-runc bench-runc"
    if have podman && tar -C "$work/true/rootfs" -c bin | p import - localhost/bench-true >/dev/null 2>&1; then
        # A root without CAP_SYS_RESOURCE cannot give the limits that podman asks for by itself.
        echo "podman run --rm, bridge||$podman run --rm --ulimit nofile=1024:1024 --ulimit nproc=10000:10000 --network bridge localhost/bench-true /bin/true"
    fi
} >"$work/lines"
echo "Start, run, tear down a static true ($rounds rounds):"
echo
interleave "$rounds" <"$work/lines"
