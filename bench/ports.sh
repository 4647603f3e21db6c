#!/bin/sh
# Bytes and connections (pour.c) to a pod by a published port of each kind, from pod to pod, and
# through podman's bridge network where podman is, against the bare veth pair by which the client comes.
# By turns, the median of each. As root, on a quiet machine.
#
#   bench/ports.sh BUILD-DIRECTORY [ROUNDS [MIB [CALLS]]]
namespaces=-mn podman_storage=vfs
. "$(dirname "$0")/lib.sh"
rounds=${1:-5} mib=${2:-2048} calls=${3:-4000}
mkdir -p "$work/bin"
gcc -O2 -Wall -static -o "$work/bin/pour" bench/pour.c
image poured 1 '"exec": ["/bin/pour", "serve", "80"],
    "ports": [{"name": "tcp", "protocol": "tcp", "port": 80}]' "$work/bin/pour"
umount -l /sys/fs/cgroup/unified 2>/dev/null || true # podman refuses v2 beside v1
outside

"$work/bin/pour" serve 81 &
processes="$processes $!"
j run -d -pod-name proxy -p tcp=8080 bench/poured >/dev/null
j -o net.publish=nat run -d -pod-name nat -p tcp=8081 bench/poured >/dev/null
j run -d -pod-name asker bench/poured >/dev/null
asker=$(j show -format=json asker | sed -n 's/^ *"pid": *\([0-9][0-9]*\).*/\1/p' | head -n 1)

# The process in whose network the client runs, address and port of each way
cat >"$work/ways" <<END
bare $client 192.0.2.1 81
proxy $client 192.0.2.1 8080
nat $client 192.0.2.1 8081
pods $asker $(j list -H -filter name=proxy | cut -f4) 80
END
if have podman && tar -C "$work/poured/rootfs" -c . | p import -q - poured >/dev/null 2>&1 &&
    p run -d --ulimit nofile=1024:1024 --ulimit nproc=10000:10000 --network bridge -p 8082:80 \
        localhost/poured /bin/pour serve 80 >/dev/null 2>"$work/podman.err"; then
    echo "podman $client 192.0.2.1 8082" >>"$work/ways"
else
    echo "bench: no podman: $(tail -n 1 "$work/podman.err" 2>/dev/null)" >&2
fi
sleep 1

for _ in $(seq "$rounds"); do
    while read -r way where address port; do
        pour="nsenter -t $where -n $work/bin/pour $address $port"
        $pour "$mib" >>"$work/bytes.$way"
        $pour calls "$calls" >>"$work/calls.$way"
    done <"$work/ways"
done
bytes=$(median "$work/bytes.bare") one=$(median "$work/calls.bare")
echo '| way | MiB/s | of bare | connections/s | of bare |'
echo '|---|---|---|---|---|'
while read -r way _; do
    awk -v way="$way" -v mib="$mib" -v calls="$calls" -v b="$(median "$work/bytes.$way")" -v c="$(median "$work/calls.$way")" \
        -v bare_b="$bytes" -v bare_c="$one" \
        'BEGIN { printf "| %s | %.0f | **%.2f** | %.0f | **%.2f** |\n", way, mib / b, bare_b / b, calls / c, bare_c / c }'
done <"$work/ways"
