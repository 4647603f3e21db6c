#!/bin/sh
# Does a pod cost more the more there are? So many pods, each with an address and a published port,
# are started one after the other, then removed; the time of each by hundreds. podman's bridge network
# does the same where podman is, with a tenth of them. As root, on a quiet machine.
#
#   bench/many.sh BUILD-DIRECTORY [PODS]
namespaces=-mn
. "$(dirname "$0")/lib.sh"
count=${1:-500}
umount -l /sys/fs/cgroup/unified 2>/dev/null || true # podman refuses v2 beside v1
image sleep 1 '"exec": ["/bin/probe", "sleep", "100000"],
    "ports": [{"name": "tcp", "protocol": "tcp", "port": 80}]' "$build/tests/programs/probe"
uplink

start_ours() { j run -d -pod-name "many$1" -p "tcp=$((20000 + $1))" bench/sleep >/dev/null; }
stop_ours() { j destroy "many$1" >/dev/null; }
start_podman() {
    p run -d --name "many$1" --ulimit nofile=1024:1024 --ulimit nproc=10000:10000 --network bridge \
        -p "$((30000 + $1)):80" localhost/bench /bin/probe sleep 100000 >/dev/null
}
stop_podman() { p rm -f -t 0 "many$1" >/dev/null; }

# each VERB KIND COUNT STEP: a line for each so many
each() {
    verb=$1 kind=$2 all=$3 step=$4 i=0
    while [ "$i" -lt "$all" ]; do
        begin=$(date +%s%N)
        from=$i
        while [ "$i" -lt "$all" ] && [ $((i - from)) -lt "$step" ]; do
            i=$((i + 1))
            "${verb}_$kind" "$i"
        done
        awk -v v="$verb" -v k="$kind" -v a=$((from + 1)) -v b="$i" -v ns=$(($(date +%s%N) - begin)) \
            'BEGIN { printf "| %s | %s | %d to %d | %.1f |\n", k, v, a, b, ns / 1e6 / (b - a + 1) }'
    done
}
echo '| runtime | what | pods | ms each |'
echo '|---|---|---|---|'
each start ours "$count" 100
each stop ours "$count" 100
echo
echo "devices left: $(ip -o link | awk -F': ' '$2 != "lo" { print $2 }' | tr '\n' ' ')"
if command -v podman >/dev/null; then
    tar -C "$work/sleep/rootfs" -cf "$work/podman.tar" bin
    if p import -q "$work/podman.tar" localhost/bench >/dev/null 2>&1 && start_podman 0 2>"$work/err"; then
        stop_podman 0
        echo
        each start podman "$((count / 10))" 25
        each stop podman "$((count / 10))" 25
    else
        echo "bench: no podman: $(tail -n 1 "$work/err" 2>/dev/null)" >&2
    fi
fi
