#!/bin/sh
# What each isolator adds to a pod's start: `run -destroy` of a program that does nothing, without any
# and with each in turn; the middle time of each, and the difference. As root, on a quiet machine:
#
#   bench/isolators.sh BUILD-DIRECTORY [ROUNDS]
namespaces=-n
. "$(dirname "$0")/lib.sh"
rounds=${1:-31}
printf 'net.firewall = off\nnet.names = off\n' >>"$work/jetpack.conf"
image true 1 '"exec": ["/bin/probe", "true"]' "$build/tests/programs/probe"
ip link set lo up
j run -d bench/true -exec '["/bin/probe", "sleep", "100000"]' >/dev/null # not the only pod

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
    j "$@" >"$work/said" 2>&1 ||
        { echo "bench: $*: $(tail -n 1 "$work/said")" >&2; exit 1; }
    echo $((($(date +%s%N) - begin) / 1000)) >>"$file"
}
for _ in $(seq "$rounds"); do
    once "$work/none" run -destroy bench/true
    n=0
    while read -r isolator; do
        n=$((n + 1))
        once "$work/app.$n" run -destroy bench/true -isolator "$isolator"
    done <"$work/isolators"
    n=0
    while read -r isolator; do
        n=$((n + 1))
        once "$work/pod.$n" run -destroy -isolator "$isolator" bench/true
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
