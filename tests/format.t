#!/bin/sh
# Every C file is laid out as .clang-format says. Other versions of the program think otherwise in
# places, so one decides: that of Debian 12.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
. tests/tap.sh

version=14
program=clang-format-$version
command -v "$program" >/dev/null || skip_all "not here: no $program"

for directory in src tests fuzz bench; do
    bad=$(find "$directory" -name '*.[ch]' -exec "$program" --dry-run --Werror {} + 2>&1 |
        sed -n 's/^\([^ ]*:[0-9]*\):[0-9]*: error:.*/# \1/p' | sort -u)
    [ -z "$bad" ]
    ok $? "$directory is laid out as 'make fmt' does" || printf '%s\n' "$bad"
done
finish
