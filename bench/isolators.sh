#!/bin/sh
# What each isolator adds to a pod's start: `run -destroy` of a program that does nothing, without any
# and with each in turn; the middle time of each, and the difference. As root, on a quiet machine:
#
#   bench/isolators.sh BUILD-DIRECTORY [ROUNDS]
set -eu
cd "$(dirname "$0")/.."
case ${1-} in own) shift ;; *) exec unshare -n -- sh "bench/isolators.sh" own "$@" ;; esac
build=$PWD/${1:-build}
rounds=${2:-31}
work=$(mktemp -d /dev/shm/jetpack-isolators.XXXXXX)
jetpack() { "$build/src/cli/jetpack" -config "$work/conf" "$@"; }
cleanup() {
    for pod in $(jetpack list -q); do jetpack destroy "$pod" >/dev/null 2>&1; done
    jetpack gc >/dev/null 2>&1
    rm -rf "${work:?}"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
printf 'root.dir = %s\nnet.bridge = jpbench0\nnet.firewall = off\nnet.names = off\nallow.no-signature = on
mds.user = nobody\nmds.idle = 1\n' "$work/root" >"$work/conf"
mkdir -p "$work/image/rootfs/bin"
cp "$build/tests/programs/probe" "$work/image/rootfs/bin/probe"
printf '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "bench.example/true",
 "labels": [{"name": "os", "value": "linux"}], "app":
 {"exec": ["/bin/probe", "true"], "user": "0", "group": "0"}}' >"$work/image/manifest"
tar -C "$work/image" -cf "$work/true.aci" manifest rootfs
jetpack import -q "$work/true.aci" >/dev/null
ip link set lo up
jetpack run -d bench.example/true -exec '["/bin/probe", "sleep", "100000"]' >/dev/null # not the only pod

cat >"$work/isolators" <<'END'
resource/memory={"limit": "64Mi"}
resource/cpu={"limit": "500m"}
resource/block-bandwidth={"default": true, "limit": "64Mi"}
resource/block-iops={"default": true, "limit": "1000"}
os/linux/capabilities-retain-set={"set": ["CAP_NET_BIND_SERVICE"]}
os/linux/capabilities-remove-set={"set": ["CAP_SYS_CHROOT"]}
os/linux/seccomp-retain-set={"set": ["@appc.io/all"]}
os/linux/seccomp-remove-set={"set": ["reboot", "mount"], "errno": "EPERM"}
os/linux/no-new-privileges=true
os/linux/oom-score-adj=100
os/linux/cpu-shares=512
END
cat >"$work/pod-isolators" <<'END'
resource/memory={"limit": "64Mi"}
resource/cpu={"limit": "500m"}
resource/network-bandwidth={"default": true, "limit": "64Mi"}
os/unix/sysctl={"net.ipv4.ip_local_port_range": "20000 30000"}
END

# once FILE COMMAND...: its time in microseconds goes into the file
once() {
    file=$1
    shift
    begin=$(date +%s%N)
    "$build/src/cli/jetpack" -config "$work/conf" "$@" >"$work/said" 2>&1 ||
        { echo "bench: $*: $(tail -n 1 "$work/said")" >&2; exit 1; }
    echo $((($(date +%s%N) - begin) / 1000)) >>"$file"
}
median() { sort -n "$1" | awk '{ v[NR] = $0 } END { print v[int((NR + 1) / 2)] }'; }
for _ in $(seq "$rounds"); do
    once "$work/none" run -destroy bench.example/true
    n=0
    while read -r isolator; do
        n=$((n + 1))
        once "$work/app.$n" run -destroy bench.example/true -isolator "$isolator"
    done <"$work/isolators"
    n=0
    while read -r isolator; do
        n=$((n + 1))
        once "$work/pod.$n" run -destroy -isolator "$isolator" bench.example/true
    done <"$work/pod-isolators"
done
none=$(median "$work/none")
echo '| isolator | of | start and end, ms | added, ms |'
echo '|---|---|---|---|'
awk -v a="$none" 'BEGIN { printf "| none | | %.1f | |\n", a / 1000 }'
tell() { # KIND LIST
    n=0
    while read -r isolator; do
        n=$((n + 1))
        awk -v kind="$1" -v name="${isolator%%=*}" -v a="$(median "$work/$1.$n")" -v b="$none" \
            'BEGIN { printf "| %s | %s | %.1f | **%+.1f** |\n", name, kind, a / 1000, (a - b) / 1000 }'
    done <"$2"
}
tell app "$work/isolators"
tell pod "$work/pod-isolators"
