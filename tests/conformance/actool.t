#!/bin/sh
# Our verdict on thousands of generated manifests against that of the specification's own schema
# package (what `actool validate` calls). They may differ only where tests/conformance/exceptions
# quotes the sentence of the specification that the package does not follow.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD_DIR=${BUILD_DIR:-$(cd "$here/../.." && pwd)/build}
manifests=$BUILD_DIR/src/appc/appc-manifests
GOPATH_DIR=${JETPACK_GOPATH:-/usr/share/gocode}

skip() { # REASON
    if [ "${JETPACK_MUST_WORK:-}" = 1 ]; then
        echo "1..1"
        echo "not ok 1 - $1"
        exit 1
    fi
    echo "1..0 # SKIP $1"
    exit 0
}

command -v go >/dev/null 2>&1 || skip 'no go: install golang-go'
[ -d "$GOPATH_DIR/src/github.com/appc/spec/schema" ] ||
    skip 'no github.com/appc/spec: install golang-github-appc-spec-dev'
[ -x "$manifests" ] || skip "no $manifests: build first"

# The Go cache stays in the build directory: the first build takes half a minute.
work=$BUILD_DIR/conformance
mkdir -p "$work" || exit 1
judge=$work/judge
if [ ! -x "$judge" ] || [ "$here/judge.go" -nt "$judge" ]; then
    (cd "$here" && GOPATH=$GOPATH_DIR GO111MODULE=off GOFLAGS= GOCACHE=$work/cache \
        go build -o "$judge" judge.go) >"$work/log" 2>&1 || {
        sed 's/^/# /' "$work/log"
        echo 'not ok 1 - the Go program is built'
        echo '1..1'
        exit 1
    }
fi

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
"$manifests" generate >"$scratch/cases" || exit 1
"$manifests" judge <"$scratch/cases" >"$scratch/ours" || exit 1
"$judge" <"$scratch/cases" >"$scratch/theirs" || exit 1
paste "$scratch/ours" "$scratch/theirs" >"$scratch/both"
LC_ALL=C awk -f "$here/explain.awk" "$here/exceptions" "$scratch/both"
