#!/bin/sh
# Requests per second and the 99th percentile of one nginx, by wrk with 32 connections that stay open:
# bare (behind the veth pair by which its client comes), in a pod by a published port of each kind, from
# pod to pod, and published by podman's bridge network where podman is. By turns, the median of each.
# As root, on a quiet machine; makes an image of Debian's nginx at first (tests/cli/servers.sh).
#
#   bench/requests.sh BUILD-DIRECTORY [ROUNDS [SECONDS]]
# Downloaded while there is a network.
servers=${1:-build}/servers.aci
[ -n "${BENCH_INSIDE-}" ] || [ -e "$servers" ] || "$(dirname "$0")/../tests/cli/servers.sh" "$servers" >&2
namespaces=-mn podman_storage=vfs
. "$(dirname "$0")/lib.sh"
rounds=${1:-5}
seconds=${2:-3}
servers=$build/servers.aci
for program in wrk ip nsenter; do
    have $program || { echo "bench: needs $program" >&2; exit 1; }
done
umount -l /sys/fs/cgroup/unified 2>/dev/null || true # podman refuses v2 beside v1
at_end umount -l "$work/bare/proc"
outside

mkdir "$work/bare"
tar -C "$work/bare" -xf "$servers"
nginx="/usr/sbin/nginx -p /tmp -c /etc/nginx.conf"
sed -i 's/listen 80;/listen 81;/' "$work/bare/rootfs/etc/nginx.conf"
# shellcheck disable=SC2086 # words
chroot "$work/bare/rootfs" $nginx >/dev/null 2>&1 &
processes="$processes $!"
j import -q "$servers" >/dev/null
# shellcheck disable=SC2086
for way in proxy nat; do
    port=8080
    [ $way = proxy ] || port=8081
    j -o net.publish=$way run -d -pod-name $way -p http=$port test.example/servers -exec /usr/sbin/nginx \
        -- -p /tmp -c /etc/nginx.conf --- >/dev/null
done
j run -d -pod-name asker test.example/servers -exec /usr/bin/redis-server -- --save '' --- >/dev/null
asker=$(j show -format=json asker | sed -n 's/^ *"pid": *\([0-9][0-9]*\).*/\1/p' | head -n 1)
address=$(j list -H -filter name=proxy | cut -f4)

# WHO URL of each way
ways='bare proxy nat pods'
way_bare="$client http://192.0.2.1:81/who"
way_proxy="$client http://192.0.2.1:8080/who"
way_nat="$client http://192.0.2.1:8081/who"
way_pods="$asker http://$address/who"
if have podman && sed -i 's/listen 81;/listen 80;/' "$work/bare/rootfs/etc/nginx.conf" &&
    tar -C "$work/bare/rootfs" -cf "$work/podman.tar" . && p import -q "$work/podman.tar" servers >/dev/null 2>&1 &&
    p run -d --ulimit nofile=1024:1024 --ulimit nproc=10000:10000 --network bridge -p 8082:80 \
        localhost/servers $nginx >/dev/null 2>"$work/podman.err"; then
    ways="$ways podman"
    way_podman="$client http://192.0.2.1:8082/who"
else
    echo "bench: no podman: $(tail -n 1 "$work/podman.err" 2>/dev/null)" >&2
fi
sleep 2

result() { # WAY COLUMN
    cut -d' ' -f"$2" "$work/result.$1" >"$work/column"
    median "$work/column"
}
for _ in $(seq "$rounds"); do
    for way in $ways; do
        eval "set -- \$way_$way"
        requests "nsenter -t $1 -n" "$seconds" "$2" >>"$work/result.$way"
    done
done
echo '| way | requests/s | of bare | p99 ms |'
echo '|---|---|---|---|'
for way in $ways; do
    awk -v way="$way" -v a="$(result "$way" 1)" -v b="$(result bare 1)" -v p="$(result "$way" 2)" \
        'BEGIN { printf "| %s | %d | **%.2f** | %s |\n", way, a, a / b, p }'
done
