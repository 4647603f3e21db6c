#!/bin/sh
# Resident memory of an idle pod: its supervisor and its PID 1; the program in it does not count.
# As root: bench/memory.sh BUILD-DIRECTORY [PODS]
namespaces=-mn
. "$(dirname "$0")/lib.sh"
count=${1:-20}
static sleep '#include <unistd.h>
int main(void) { for (;;) pause(); }'
image sleep 1 '"exec": ["/bin/sleep"]' "$work/bin/sleep"
uplink
for _ in $(seq "$count"); do j run -d bench/sleep >/dev/null; done
sleep 3 # idle: memory is given back when nothing has happened for a second

supervisors=$(sed -n 's/.*"supervisor":{"pid":\([0-9]*\).*/\1/p' "$work"/jetpack/pods/*/state)
echo "Resident memory per idle pod ($count pods, supervisor and PID 1):"
echo
echo '| what | PSS KiB | RSS KiB |'
echo '|---|---|---|'
for pid in $supervisors; do
    echo "$pid"
    pgrep -P "$pid" -f jetpack-stage1 || true
done | while read -r pid; do cat "/proc/$pid/smaps_rollup"; done |
    awk -v n="$count" '/^Pss:/ { pss += $2 } /^Rss:/ { rss += $2 }
        END { printf "| jetpack | %d | %d |\n", pss / n, rss / n }'
