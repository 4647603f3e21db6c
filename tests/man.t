#!/bin/sh
# The manual: clean for mandoc's lint, and its tables, the sample configuration and the program agree.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
BUILD_DIR=$(cd "${BUILD_DIR:-build}" && pwd) || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

for page in man/*.[0-9]; do
    if command -v mandoc >/dev/null 2>&1; then
        # Whether pages that are referred to are installed is the host's matter.
        mandoc -T lint "$page" 2>/dev/null | grep -Ev 'referenced manual not found' >"$scratch/lint"
        [ ! -s "$scratch/lint" ]
        ok $? "mandoc finds nothing in $page" || sed 's/^/# /' "$scratch/lint"
    else
        skip "mandoc finds nothing in $page" 'no mandoc'
    fi
done

man/update.sh "$BUILD_DIR" "$scratch"
for page in man/*.in; do
    page=${page%.in}
    diff "$page" "$scratch/${page#man/}" >"$scratch/diff"
    ok $? "$page agrees with the program (man/update.sh)" || sed 's/^/# /' "$scratch/diff"
done
diff contrib/jetpack.conf "$scratch/jetpack.conf" >"$scratch/diff"
ok $? "contrib/jetpack.conf agrees with the program (man/update.sh)" ||
    sed 's/^/# /' "$scratch/diff"

finish
