#!/bin/sh
# The tables that say what Jetpack costs: bench/start.sh, memory.sh, import.sh and lists.sh in turn.
# As root, on a quiet machine: bench/run.sh [BUILD-DIRECTORY]
set -eu
cd "$(dirname "$0")"
build=$(cd .. && cd "${1:-build}" && pwd)
uname -srm
grep -m1 'model name' /proc/cpuinfo | sed 's/.*: //'
date -u +%Y-%m-%d
for part in start memory import lists; do
    echo
    "./$part.sh" "$build"
done
