#!/bin/sh
# The metadata service against a bare libmicrohttpd program that gives the same bytes
# (bench/bare_mds.c): requests a second and the 99th percentile, by wrk with 32 connections that stay
# open; both in turn, round after round, the median of each; then 10,000 connections at once, each for
# one request; and what memory the service has before and after all that, and with PODS pods of which
# each has asked it for something. As root, on a quiet machine.
#
#   bench/mds.sh BUILD-DIRECTORY [ROUNDS [SECONDS [PODS]]]
namespaces=-n
. "$(dirname "$0")/lib.sh"
rounds=${1:-3} seconds=${2:-3} pods=${3:-1000}
for program in wrk curl busybox; do
    have $program || { echo "bench: needs $program" >&2; exit 1; }
done
ip link set lo up
bare_port=11050

images/example.showenv/make-aci.sh "$work/image.aci" "$build/src/mdc/ac-mdc"
j import -q "$work/image.aci" >/dev/null
mkdir "$work/data"
cp "$(command -v busybox)" "$work/data/busybox" # static; the image's own program ends at once
j run -d --net=host -pod-name bench -v "data:$work/data" example.com/showenv \
    -exec /srv/data/busybox -- sleep 3600 >/dev/null
url=$(j exec bench /bin/ac-mdc expand '{{.Env "AC_METADATA_URL"}}')
uuid=$(j exec bench /bin/ac-mdc uuid)
mds=$(sed -n 's/^pid //p' "$work/jetpack/mds/service")

gcc -O2 -o "$work/bare" bench/bare_mds.c -lmicrohttpd -lnettle
printf %s "$uuid" >"$work/uuid"
j exec bench /bin/ac-mdc image-manifest >"$work/manifest"
cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.body = "content=" .. string.rep("x", 92)
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
LUA

compare() { # NAME PATH BARE-FILE [WRK-OPTION...]
    name=$1 path=$2 file=$3
    shift 3
    "$work/bare" "$bare_port" "$file" &
    bare=$!
    processes="$processes $bare"
    until curl -s -o "$work/there" "http://127.0.0.1:$bare_port/"; do sleep 0.1; done
    : >"$work/ours" && : >"$work/theirs" && : >"$work/p99" && : >"$work/p99.bare"
    for _ in $(seq "$rounds"); do
        requests "" "$seconds" "http://127.0.0.1:$bare_port/~x$path" "$@" >"$work/line"
        cut -d' ' -f1 "$work/line" >>"$work/theirs"
        cut -d' ' -f2 "$work/line" >>"$work/p99.bare"
        requests "" "$seconds" "$url$path" "$@" >"$work/line"
        cut -d' ' -f1 "$work/line" >>"$work/ours"
        cut -d' ' -f2 "$work/line" >>"$work/p99"
    done
    kill "$bare"
    wait "$bare" 2>/dev/null || true
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

for _ in $(seq "$pods"); do
    j run -d --net=host -v "data:$work/data" example.com/showenv -exec /srv/data/busybox -- \
        sh -c '/bin/ac-mdc image-manifest >/dev/null; exec /srv/data/busybox sleep 3600' >/dev/null
done
memory "with $((pods + 1)) pods"
