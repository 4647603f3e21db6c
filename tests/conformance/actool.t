#!/bin/sh
# Our verdict on thousands of generated manifests against that of the specification's own schema
# package (what `actool validate` calls). They may differ only where tests/conformance/exceptions
# quotes the sentence of the specification that the package does not follow.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD_DIR=${BUILD_DIR:-$(cd "$here/../.." && pwd)/build}
manifests=$BUILD_DIR/src/appc/appc-manifests
. "$here/go.sh"

skip() { # REASON
    if [ "${JETPACK_MUST_WORK:-}" = 1 ]; then
        echo "1..1"
        echo "not ok 1 - $1"
        exit 1
    fi
    echo "1..0 # SKIP $1"
    exit 0
}

reason=$(no_go schema)
[ -z "$reason" ] || skip "$reason"
[ -x "$manifests" ] || skip "no $manifests: build first"

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

go_program "judge-$(cksum <"$here/judge.go" | tr ' ' -)" "$here/judge.go" >"$scratch/log" 2>&1 || {
    sed 's/^/# /' "$scratch/log"
    echo 'not ok 1 - the Go program is built'
    echo '1..1'
    exit 1
}
judge=$kept
"$manifests" generate >"$scratch/cases" || exit 1
"$manifests" judge <"$scratch/cases" >"$scratch/ours" || exit 1
"$judge" <"$scratch/cases" >"$scratch/theirs" || exit 1
paste "$scratch/ours" "$scratch/theirs" >"$scratch/both"
LC_ALL=C awk -f "$here/explain.awk" "$here/exceptions" "$scratch/both"
