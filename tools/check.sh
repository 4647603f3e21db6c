#!/bin/sh
# The test suite: builds with gcc (tests hooks on), with clang, and with the sanitizers, then runs every
# test program and counts the results. The last line is "N passed, N failed", with ", N skipped" when
# something could not run here; each skip says why. Full output: build-check/log.
#
#   check.sh [unit|house|NAME]...    only the suites named, on the first build: NAME is tests/NAME
#
# The programs of all suites run beside each other, those that take longest first (tools/longest): twice
# as many as there are processors, because half of them wait for something at any time. One
# that has not ended after JETPACK_TEST_LIMIT seconds (an hour) is ended, and has failed.
set -u
cd "$(dirname "$0")/.." || exit 1
SOURCE_DIR=$PWD
log=build-check/log
JETPACK_TEST_CACHE=$SOURCE_DIR/build-check/cache
JETPACK_TEST_LEDGER=$SOURCE_DIR/$log/ledger
export SOURCE_DIR JETPACK_TEST_CACHE JETPACK_TEST_LEDGER
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || getconf NPROCESSORS_ONLN 2>/dev/null || echo 2)
rm -rf "${log:?}"
mkdir -p "$log" "$JETPACK_TEST_CACHE"
: >"$log/summary"
: >"$log/programs"

say() { printf '%s\n' "$*"; }

# build DIRECTORY COMPILER [MESON OPTIONS]
build() {
    dir=$1 compiler=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        CC=$compiler meson setup "$dir" -Dtest_hooks=true "$@" >"$log/setup-$(basename "$dir")" 2>&1 ||
            { tail -20 "$log/setup-$(basename "$dir")"; return 1; }
    fi
    ninja -C "$dir" -j"$processors" >"$log/ninja-$(basename "$dir")" 2>&1 ||
        { grep -E 'error|FAILED' "$log/ninja-$(basename "$dir")" | head -20; return 1; }
}

# One step that is a test by itself: a build that must succeed.
step() {
    name=$1
    shift
    if "$@"; then
        echo "passed $name" >>"$log/summary"
        say "ok   $name"
    else
        echo "failed $name" >>"$log/summary"
        say "FAIL $name"
        return 1
    fi
}

# suite NAME BUILD-DIRECTORY PROGRAM...: to be run. PROGRAM is a file, or "programs": all that Meson knows.
suite() {
    name=$1 dir=$2
    shift 2
    for program in "$@"; do echo "$name $dir $program"; done >>"$log/programs"
}

# Whole tests for one system: elsewhere they are one skip.
freebsd() {
    if [ "$(uname -s)" = FreeBSD ]; then
        # shellcheck disable=SC2046
        suite freebsd build-check/gcc $(scripts tests/freebsd)
    else
        echo "count freebsd 0 passed, 0 failed, 1 skipped" | tee -a "$log/summary" | sed 's/^count /     /'
        say "      1 skipped: not here: no FreeBSD"
    fi
}

scripts() { find "$@" -name '*.t' 2>/dev/null | sort; }

# The cross compiler of tests/cross-freebsd.t: a Python package that carries FreeBSD's headers.
find_zig() { find "$SOURCE_DIR/build-check/venv" -type f -path '*/ziglang/zig' 2>/dev/null; }
provide_zig() {
    venv=$SOURCE_DIR/build-check/venv
    [ -n "$(find_zig)" ] ||
        { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'ziglang==0.17.1'; } >"$log/venv" 2>&1 ||
        tail -3 "$log/venv"
}

house() {
    # shellcheck disable=SC2046
    suite house build-check/gcc $(find tests -maxdepth 1 -name '*.t' | sort)
}

# all_suites PREFIX BUILD-DIRECTORY
all_suites() {
    # shellcheck disable=SC2046 # lists of words without blanks
    {
        suite "$1-unit" "$2" programs
        suite "$1-cli" "$2" $(scripts tests/cli)
        suite "$1-conformance" "$2" $(scripts tests/conformance)
    }
}

# Those of tools/longest in its order, then the others as they were named.
longest_first() {
    awk 'NR == FNR { rank[$1] = FNR; next }
        { name = $3; sub(/^tests\//, "", name); print (name in rank ? rank[name] : 9999), FNR, $0 }' \
        tools/longest "$log/programs" | sort -n -k 1,1 -k 2,2 | cut -d ' ' -f 3-
}

# What run_one.sh has counted, suite by suite. A program of which there is no count has not ended.
count() {
    cut -d ' ' -f 1 "$log/programs" | uniq | while read -r name; do
        awk -v name="$name" '$1 == name { print $3 }' "$log/programs" | while read -r program; do
            grep '^count ' "$log/$name/$(basename "$program").count" 2>/dev/null ||
                echo "count $program 0 passed, 1 failed, 0 skipped"
        done | awk -v name="$(echo "$name" | tr - ' ')" -f tools/total.awk | tee -a "$log/summary" |
            sed 's/^count /     /'
        cat "$log/$name"/*.skipped 2>/dev/null | sort | uniq -c
    done
}

# run_all: the programs of all suites that were named
run_all() {
    export log
    [ -s "$log/programs" ] || return
    tools/left.sh "$JETPACK_TEST_LEDGER" "$SOURCE_DIR/build-check" begin
    longest_first | xargs -P $((2 * processors)) -L 1 tools/run_one.sh
    count
    if tools/left.sh "$JETPACK_TEST_LEDGER" "$SOURCE_DIR/build-check"; then
        say "ok   nothing is left" # by itself no test: a run in which nothing has passed is no success
    else
        echo "failed nothing is left" >>"$log/summary"
        say "FAIL nothing is left"
    fi
}

for name in "$@"; do
    case $name in unit | house) continue ;; esac
    [ -d "tests/$name" ] || { echo "check.sh: there is no suite '$name'" >&2; exit 2; }
done
if [ $# -gt 0 ]; then
    build build-check/gcc gcc || exit 1
    for name in "$@"; do
        # shellcheck disable=SC2046
        case $name in
        unit) suite unit build-check/gcc programs ;;
        house) house ;;
        freebsd) freebsd ;;
        *) suite "$name" build-check/gcc $(scripts "tests/$name") ;;
        esac
    done
else
    provide_zig &
    step "build with gcc" build build-check/gcc gcc && {
        house
        all_suites gcc build-check/gcc
        freebsd
        # shellcheck disable=SC2046
        suite fault build-check/gcc $(scripts tests/fault)
    }
    step "build with clang" build build-check/clang clang
    step "build with sanitizers" build build-check/sanitize gcc -Db_sanitize=address,undefined &&
        all_suites sanitizers build-check/sanitize
    wait
    JETPACK_ZIG=$(find_zig)
    export JETPACK_ZIG
fi
run_all

awk -f tools/total.awk "$log/summary"
