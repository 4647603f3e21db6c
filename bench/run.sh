#!/bin/sh
# Measures Jetpack against its peers and against the bare system calls; prints tables.
#
#   run.sh BUILD-DIRECTORY [start] [isolators] [memory] [import] [lists]
#
# State lies on tmpfs (/dev/shm), so that the disk is not the question. Peers that are not installed
# are left out. Needs root. ROUNDS (default 30), IMAGES (10000) and PODS (1000) may be set.
set -eu
cd "$(dirname "$0")/.."
build=$PWD/${1:-build}
[ $# -gt 0 ] && shift
parts=${*:-start isolators memory import lists}
jetpack=$build/src/cli/jetpack
rounds=${ROUNDS:-30}
[ "$(id -u)" -eq 0 ] || { echo "bench: must be root" >&2; exit 1; }

work=$(mktemp -d /dev/shm/jetpack-bench.XXXXXX)
# installation NAME NUMBER: one of its own, whose configuration is $work/NAME.conf
installation() {
    cat >"$work/$1.conf" <<CONF
root.dir = $work/$1
net.bridge = jpbench$2
net.subnet = 172.$((28 + $2)).0.0/16
allow.no-signature = on
mds.user = nobody
mds.port = $((20000 + $$ % 6000 * 2 + $2))
mds.idle = 10
CONF
}
installation root 0
conf=$work/root.conf
j() { "$jetpack" -config "$conf" "$@"; }
have() { command -v "$1" >/dev/null; }

finish() {
    status=$?
    trap - EXIT HUP INT TERM
    for conf in "$work"/*.conf; do
        j list -q 2>/dev/null | while read -r pod; do j destroy "$pod" >/dev/null 2>&1 || true; done
    done
    ip link delete jpbench0 2>/dev/null || true
    ip link delete jpbench1 2>/dev/null || true
    ip link delete jplimit0 2>/dev/null || true
    have podman && podman --root "$work/podman" --runroot "$work/podman-run" rm -fa >/dev/null 2>&1
    umount -l "$work/s/overlay" "$work/podman/overlay" 2>/dev/null || true
    rm -rf "$work" 2>/dev/null || true
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

for program in limit interleave overlaid; do
    gcc -O2 -Wall -static -o "$work/$program" "bench/$program.c"
done

# An image whose root file system holds one static program.
tiny_image() { # NAME PROGRAM-SOURCE -> $work/NAME.aci, $work/NAME/rootfs
    mkdir -p "$work/$1/rootfs/bin"
    printf '%s\n' "$2" >"$work/$1.c"
    gcc -O2 -static -o "$work/$1/rootfs/bin/$1" "$work/$1.c"
    cat >"$work/$1/manifest" <<JSON
{"acKind":"ImageManifest","acVersion":"0.8.11","name":"bench/$1",
 "labels":[{"name":"version","value":"1"}],
 "app":{"exec":["/bin/$1"],"user":"0","group":"0"}}
JSON
    tar -C "$work/$1" -cf "$work/$1.aci" manifest rootfs
    j import "$work/$1.aci" >/dev/null 2>&1
}

sleeper='#include <unistd.h>
int main(void) { for (;;) pause(); }'

clean_overlay() { # makes or empties the three directories of an overlay
    mkdir -p "$1/upper" "$1/work" "$1/merged"
}

bundle() { # an OCI bundle in $1 whose root is $1/merged; with "bare" no network namespace set-up
    sed -e "s|@ROOT@|$1/merged|" bench/config.json >"$1/config.json"
}

# Another installation where a pod runs: what the first pod of a host starts and the last one ends
# (the firewall's table, forwarding, the resolver) is there.
a_pod_runs() {
    installation beside 1
    beside=$work/beside.conf
    tiny_image sleep "$sleeper"
    "$jetpack" -config "$beside" import "$work/true.aci" >/dev/null 2>&1
    "$jetpack" -config "$beside" import "$work/sleep.aci" >/dev/null 2>&1
    "$jetpack" -config "$beside" run -d bench/sleep >/dev/null
}

start() {
    tiny_image true 'int main(void) { return 0; }'
    root=$work/true/rootfs
    ip link add jplimit0 type bridge
    ip address add 172.31.255.1/24 dev jplimit0
    ip link set jplimit0 up
    for peer in limit bare crun runc bwrap; do
        clean_overlay "$work/o-$peer"
        bundle "$work/o-$peer"
    done
    a_pod_runs
    paths() { echo "$root $work/o-$1/upper $work/o-$1/work $work/o-$1/merged"; }
    wipe() { echo "rm -rf $work/o-$1/work/work"; }
    {
        echo "limit: bare system calls, veth|$(wipe limit)|$work/limit $(paths limit) jplimit0 172.31.255.2/24 172.31.255.1 /bin/true"
        echo "limit without veth|$(wipe bare)|$work/limit $(paths bare) - - - /bin/true"
        echo "jetpack run -destroy||$jetpack -config $beside run -destroy bench/true"
        echo "jetpack run -destroy, no other pod||$jetpack -config $conf run -destroy bench/true"
        echo "jetpack run -destroy --net=none||$jetpack -config $conf run -destroy --net=none bench/true"
        prepared=$("$jetpack" -config "$beside" prepare bench/true)
        echo "jetpack run (prepared)||$jetpack -config $beside run $prepared"
        have bwrap && echo "bubblewrap --unshare-all|$(wipe bwrap)|$work/overlaid $(paths bwrap) bwrap --unshare-all --bind $work/o-bwrap/merged / --proc /proc --dev /dev /bin/true"
        have crun && echo "crun run (no cgroups)|$(wipe crun)|$work/overlaid $(paths crun) crun --cgroup-manager=disabled run -b $work/o-crun bench-crun"
        have runc && echo "runc run|$(wipe runc)|$work/overlaid $(paths runc) runc --root $work/runc run -b $work/o-runc bench-runc"
        if have podman && podman_image; then
            echo "podman run --rm, bridge||unshare -mn sh $work/podman.sh run"
        fi
    } >"$work/start.lines"
    echo "Start, run, tear down a static true ($rounds rounds):"
    echo
    "$work/interleave" "$rounds" <"$work/start.lines"
    echo
}

# What each isolator adds to a start; the first line is the one without.
isolators() {
    [ -e "$work/true.aci" ] || tiny_image true 'int main(void) { return 0; }'
    device='{"default":true,"limit":"1G"}'
    line() { echo "$1||$jetpack -config $conf run -destroy $2 bench/true $3"; }
    {
        line "none" "" ""
        line "resource/memory" "" "--memory=64Mi"
        line "resource/cpu" "" "--cpu=1"
        line "resource/block-bandwidth" "" "--isolator=resource/block-bandwidth=$device"
        line "resource/network-bandwidth" "--isolator=resource/network-bandwidth=$device" ""
        line "os/linux/cpu-shares" "" "--isolator=os/linux/cpu-shares=512"
        line "os/unix/sysctl" "--sysctl=net.ipv4.ip_default_ttl=33" ""
        line "os/linux/oom-score-adj" "" "--isolator=os/linux/oom-score-adj=500"
        line "os/linux/capabilities-retain-set" "" "--caps-retain=CAP_CHOWN"
        line "os/linux/seccomp-remove-set" "" "--seccomp=mode=remove,errno=EPERM,mkdir"
        line "os/linux/no-new-privileges" "" "--no-new-privileges"
    } >"$work/isolators.lines"
    echo "What each isolator adds to a start ($rounds rounds):"
    echo
    "$work/interleave" "$rounds" <"$work/isolators.lines"
    echo
}

# podman asks for limits that a root without CAP_SYS_RESOURCE cannot give, and its runtime refuses
# hosts that mount cgroup v2 beside v1: a script gives it what it needs.
podman_script() {
    cat >"$work/podman.sh" <<SH
umount -l /sys/fs/cgroup/unified 2>/dev/null
p="podman --root $work/podman --runroot $work/podman-run --cgroup-manager cgroupfs --storage-driver overlay"
case \$1 in
import) exec \$p import $work/podman-true.tar localhost/bench-true ;;
run) exec \$p run --rm --ulimit nofile=1024:1024 --ulimit nproc=10000:10000 \\
    --network bridge localhost/bench-true /bin/true ;;
esac
SH
}

podman_image() {
    podman_script
    tar -C "$work/true/rootfs" -cf "$work/podman-true.tar" bin
    unshare -mn sh "$work/podman.sh" import >/dev/null 2>&1 &&
        unshare -mn sh "$work/podman.sh" run >/dev/null 2>&1
}

# Sums Pss and Rss of processes, in KiB.
resident() {
    for pid in "$@"; do cat "/proc/$pid/smaps_rollup" 2>/dev/null || true; done |
        awk '/^Pss:/ { pss += $2 } /^Rss:/ { rss += $2 } END { print pss + 0, rss + 0 }'
}

memory() {
    count=20
    tiny_image sleep "$sleeper"
    i=0
    while [ $i -lt $count ]; do
        j run -d bench/sleep >/dev/null
        i=$((i + 1))
    done
    sleep 3 # idle: memory is given back when nothing has happened for a second
    # Supervisors and the PID 1 of each pod; the application itself does not count.
    pids=$(sed -n 's/.*"supervisor":{"pid":\([0-9]*\).*/\1/p' "$work"/root/pods/*/state)
    pids="$pids $(for pid in $pids; do pgrep -P "$pid" -f jetpack-stage1 || true; done)"
    # shellcheck disable=SC2086,SC2046 # lists of words
    set -- $(resident $pids)
    echo "Resident memory per idle pod ($count pods, supervisor and PID 1):"
    echo
    echo "| what | PSS KiB | RSS KiB |"
    echo "|---|---|---|"
    echo "| jetpack | $(($1 / count)) | $(($2 / count)) |"
    echo
    j list -q | while read -r pod; do j destroy "$pod"; done
}

import() {
    tree=${BENCH_TREE:-}
    if [ -z "$tree" ]; then
        tree=$work/tree
        if have debootstrap && debootstrap --variant=minbase bookworm "$tree" >/dev/null 2>&1; then :; else
            mkdir -p "$tree" && cp -a /usr/share /usr/lib "$tree" 2>/dev/null
        fi
    fi
    mkdir -p "$work/big"
    mv "$tree" "$work/big/rootfs"
    sed 's|bench/true|bench/big|' "$work/true/manifest" >"$work/big/manifest" 2>/dev/null ||
        printf '%s' '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"bench/big"}' >"$work/big/manifest"
    tar -C "$work/big" -cf "$work/big.tar" manifest rootfs
    rm -rf "$work/big/rootfs"
    size=$(stat -c %s "$work/big.tar")
    gzip -6 -k -c "$work/big.tar" >"$work/big.tar.gz"
    zstd -q -k "$work/big.tar" -o "$work/big.tar.zst"
    xz -T2 -3 -k -c "$work/big.tar" >"$work/big.tar.xz"
    mkdir -p "$work/x"
    wipe="rm -rf $work/x"
    cat >"$work/limit.sh" <<SH
mkdir -p $work/x
tar -C $work/x -xf $work/big.tar & openssl sha512 $work/big.tar; wait
SH
    cat >"$work/untar.sh" <<SH
mkdir -p $work/x
case \$1 in bsdtar) bsdtar -C $work/x -xpf $work/big.tar.gz ;; zst) zstd -dc $work/big.tar.zst | tar -C $work/x -xf - ;;
xz) xz -dc -T2 $work/big.tar.xz | tar -C $work/x -xf - ;; esac
SH
    forget="$jetpack -config $conf destroy-image bench/big"
    cat >"$work/forget.sh" <<SH
$forget >/dev/null 2>&1; exit 0
SH
    echo "Import of $((size / 1000000)) MB ($(tar -tf "$work/big.tar" | wc -l) entries), 5 rounds:"
    echo
    {
        echo "limit: tar -x beside openssl sha512|$wipe|sh $work/limit.sh"
        for kind in tar tar.gz tar.zst tar.xz; do
            echo "jetpack import ($kind)|sh $work/forget.sh|$jetpack -config $conf import $work/big.$kind"
        done
        have bsdtar && echo "bsdtar -x (gzip)|$wipe|sh $work/untar.sh bsdtar"
        echo "tar -x (zstd)|$wipe|sh $work/untar.sh zst"
        echo "tar -x (xz -T2)|$wipe|sh $work/untar.sh xz"
        oci_peers
    } >"$work/import.lines"
    "$work/interleave" 5 <"$work/import.lines"
    echo
    sh "$work/forget.sh"
}

# The same tree as a gzip layer of an OCI layout, for the peers that take one.
oci_peers() {
    have umoci && have skopeo || return 0
    umoci init --layout "$work/oci" >/dev/null 2>&1
    umoci new --image "$work/oci:big" >/dev/null 2>&1
    gzip -dc "$work/big.tar.gz" | tar -C "$work" -xf - rootfs
    umoci insert --image "$work/oci:big" "$work/rootfs" / >/dev/null 2>&1
    rm -rf "$work/rootfs"
    echo "umoci raw unpack|rm -rf $work/u|umoci raw unpack --image $work/oci:big $work/u"
    printf 'umount -l %s/s/overlay 2>/dev/null; rm -rf %s/s %s/sr\n' "$work" "$work" "$work" >"$work/unstore.sh"
    echo "skopeo copy to storage|sh $work/unstore.sh|skopeo copy -q oci:$work/oci:big containers-storage:[overlay@$work/s+$work/sr]localhost/big:1"
}

lists() {
    images=${IMAGES:-10000} pods=${PODS:-1000}
    tiny_image true 'int main(void) { return 0; }' || true
    i=0
    mkdir -p "$work/many/rootfs"
    while [ $i -lt "$images" ]; do
        printf '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"bench/many-%d","labels":[{"name":"version","value":"1.%d"}]}' \
            $((i / 10)) $((i % 10)) >"$work/many/manifest"
        tar -C "$work/many" -cf "$work/many.aci" manifest rootfs
        j import "$work/many.aci" >/dev/null 2>&1
        i=$((i + 1))
    done
    i=0
    while [ $i -lt "$pods" ]; do
        j prepare --net=none bench/true >/dev/null
        i=$((i + 1))
    done
    echo "Lists, $images images and $pods pods ($rounds rounds):"
    echo
    {
        echo "jetpack version||$jetpack version"
        echo "jetpack images ($images)||$jetpack -config $conf images"
        echo "jetpack show-image by name||$jetpack -config $conf show-image bench/many-77"
        echo "jetpack list ($pods)||$jetpack -config $conf list"
        echo "jetpack gc, nothing to do||$jetpack -config $conf gc"
    } >"$work/lists.lines"
    "$work/interleave" "$rounds" <"$work/lists.lines"
    echo
}

uname -srm
grep -m1 'model name' /proc/cpuinfo | sed 's/.*: //'
date -u +%Y-%m-%d
echo
for part in $parts; do
    case $part in
    start | isolators | memory | import | lists) "$part" ;;
    *) echo "bench: no part '$part'" >&2; exit 2 ;;
    esac
done
