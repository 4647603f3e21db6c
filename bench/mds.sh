#!/bin/sh
# The metadata service against a bare libmicrohttpd program that gives the same bytes
# (bench/bare_mds.c): requests a second and the 99th percentile, by wrk with 32 connections that stay
# open; both in turn, round after round, the median of each; then 10,000 connections at once, each for
# one request; and what memory the service has before and after all that, and with PODS pods of which
# each has asked it for something. As root, on a quiet machine.
#
#   bench/mds.sh BUILD-DIRECTORY [ROUNDS [SECONDS [PODS]]]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
rounds=${2:-3}
seconds=${3:-3}
pods=${4:-1000}
jetpack=$PWD/$build/src/cli/jetpack
for program in wrk cc curl; do
    command -v $program >/dev/null || { echo "bench: needs $program" >&2; exit 1; }
done

work=$(mktemp -d /dev/shm/jetpack-mds.XXXXXX)
port=$((20000 + $$ % 12000))
bare_port=$((port + 1))
cat >"$work/jetpack.conf" <<CONF
root.dir = $work/root
allow.no-signature = on
mds.user = nobody
mds.port = $port
mds.idle = 1
CONF
j() { "$jetpack" -config "$work/jetpack.conf" "$@"; }
bare=
finish() {
    trap - EXIT HUP INT TERM
    for pod in $(j list -q 2>/dev/null); do j destroy "$pod" >/dev/null 2>&1 || true; done
    [ -z "$bare" ] || kill "$bare" 2>/dev/null || true
    rm -rf "${work:?}"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

images/example.showenv/make-aci.sh "$work/image.aci" "$PWD/$build/src/mdc/ac-mdc"
j import -q "$work/image.aci" >/dev/null
mkdir "$work/data"
# The image's own program ends at once.
cp /bin/busybox "$work/data/busybox" 2>/dev/null || { echo "bench: needs busybox (static)" >&2; exit 1; }
j run -d --net=host -pod-name bench -v "data:$work/data" example.com/showenv \
    -exec /srv/data/busybox -- sleep 3600 >/dev/null
url=$(j exec bench /bin/ac-mdc expand '{{.Env "AC_METADATA_URL"}}')
uuid=$(j exec bench /bin/ac-mdc uuid)
mds=$(sed -n 's/^pid //p' "$work/root/mds/service")

cc -O2 -o "$work/bare" bench/bare_mds.c -lmicrohttpd -lnettle
printf %s "$uuid" >"$work/uuid"
j exec bench /bin/ac-mdc image-manifest >"$work/manifest"
cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.body = "content=" .. string.rep("x", 92)
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
LUA

measure() { # URL [WRK-OPTION...]: "requests-a-second p99-in-ms"
    target=$1
    shift
    wrk -t2 -c32 -d"${seconds}s" --latency "$@" "$target" >"$work/wrk"
    ! grep -q 'Non-2xx' "$work/wrk" || { echo "bench: refused" >&2; exit 1; }
    awk '/Requests\/sec/ { rps = $2 }
         $1 == "99%" { p = $2; v = p + 0; if (p ~ /us$/) v /= 1000; else if (p ~ /[0-9]s$/ && p !~ /ms$/) v *= 1000 }
         END { printf "%.0f %.2f\n", rps, v }' "$work/wrk"
}
median() { sort -n "$1" | awk '{ v[NR] = $0 } END { print v[int((NR + 1) / 2)] }'; }

compare() { # NAME PATH BARE-FILE [WRK-OPTION...]
    name=$1 path=$2 file=$3
    shift 3
    "$work/bare" "$bare_port" "$file" &
    bare=$!
    until curl -s -o "$work/there" "http://127.0.0.1:$bare_port/"; do sleep 0.1; done
    : >"$work/ours" && : >"$work/theirs" && : >"$work/p99" && : >"$work/p99.bare"
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        measure "http://127.0.0.1:$bare_port/~x$path" "$@" >"$work/line"
        cut -d' ' -f1 "$work/line" >>"$work/theirs"
        cut -d' ' -f2 "$work/line" >>"$work/p99.bare"
        measure "$url$path" "$@" >"$work/line"
        cut -d' ' -f1 "$work/line" >>"$work/ours"
        cut -d' ' -f2 "$work/line" >>"$work/p99"
    done
    kill "$bare"
    wait "$bare" 2>/dev/null || true
    bare=
    ours=$(median "$work/ours") theirs=$(median "$work/theirs")
    printf '| %s | %s | %s | **%s** | %s | %s |\n' "$name" "$theirs" "$ours" \
        "$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.2f", a / b }')" \
        "$(median "$work/p99.bare")" "$(median "$work/p99")"
}

memory() { # WHEN
    awk -v when="$1" '/^Private_Dirty|^Pss:|^Rss/ { text = text sprintf(", %s %s KiB", $1, $2) }
        END { print "memory " when text }' "/proc/$mds/smaps_rollup"
}
memory "at first"

v1=/acMetadata/v1
echo '| what | bare requests/s | jetpack-mds requests/s | ratio | bare p99 ms | p99 ms |'
echo '|---|---|---|---|---|---|'
compare 'pod/uuid' $v1/pod/uuid "$work/uuid"
compare 'image/manifest' $v1/apps/showenv/image/manifest "$work/manifest"
compare 'hmac/sign, 100 bytes' $v1/pod/hmac/sign "$work/uuid" -s "$work/post.lua"
echo
# All from one address, which has 64 at a time: the others wait for them.
if ulimit -n 10500 2>/dev/null; then
    wrk -t2 -c10000 -d"$((seconds * 3))s" --timeout 30s -H 'Connection: close' "$url$v1/pod/uuid" >"$work/burst"
    awk '/requests in/ { n = $1 } /Requests\/sec/ { rps = $2 } /Socket errors/ { sub(/^ */, ""); errors = $0 }
        END { printf "burst of 10,000 connections: %d requests answered, %.0f a second; %s\n", n, rps,
            errors ? errors : "no errors" }' "$work/burst"
else
    echo "burst: not here: fewer than 10,500 open files are allowed"
fi
memory "after that"

n=0
while [ "$n" -lt "$pods" ]; do
    n=$((n + 1))
    j run -d --net=host -v "data:$work/data" example.com/showenv -exec /srv/data/busybox -- \
        sh -c '/bin/ac-mdc image-manifest >/dev/null; exec /srv/data/busybox sleep 3600' >/dev/null
done
memory "with $((pods + 1)) pods"
