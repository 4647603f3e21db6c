#!/bin/sh
# The test suite: builds with gcc (tests hooks on), with clang, and with the sanitizers, runs every
# test program under prove(1) and counts the results. The last line is "N passed, N failed", with
# ", N skipped" when something could not run here; each skip says why. Full output: build-*/log.
#
#   check.sh [unit|house|NAME]...    only the suites named, on the first build: NAME is tests/NAME
set -u
cd "$(dirname "$0")/.." || exit 1
SOURCE_DIR=$PWD
export SOURCE_DIR
jobs=2
log=build-check/log
mkdir -p build-check/log
: >"$log/summary"

say() { printf '%s\n' "$*"; }

# build DIRECTORY COMPILER [MESON OPTIONS]
build() {
    dir=$1 compiler=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        CC=$compiler meson setup "$dir" -Dtest_hooks=true "$@" >"$log/setup-$(basename "$dir")" 2>&1 ||
            { tail -20 "$log/setup-$(basename "$dir")"; return 1; }
    fi
    ninja -C "$dir" -j"$jobs" >"$log/ninja-$(basename "$dir")" 2>&1 ||
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
    fi
}

# suite NAME BUILD-DIRECTORY TEST-PROGRAM...: counts into the summary.
suite() {
    name=$1 BUILD_DIR=$SOURCE_DIR/$2
    shift 2
    [ $# -gt 0 ] || return 0
    export BUILD_DIR
    output=$log/$(echo "$name" | tr ' /' '--')
    prove --exec '' --verbose --merge --timer -j "$jobs" "$@" >"$output" 2>&1
    status=$?
    awk -v name="$name" -v status="$status" -v must="${JETPACK_MUST_WORK:-}" -f tools/count.awk \
        "$output" >>"$log/summary"
    tail -n 1 "$log/summary" | sed 's/^count /     /'
    if [ "$status" -ne 0 ]; then
        sed -n '/^Test Summary Report/,$p' "$output"
        grep -E -A 12 '^not ok' "$output" | grep -v '^ok' | head -80
    fi
    grep -iE '^ok .*# SKIP' "$output" | sed 's/.*# *[Ss][Kk][Ii][Pp]/skipped:/' | sort | uniq -c
    return 0
}

# programs NAME BUILD-DIRECTORY: the compiled test programs, with the arguments that Meson knows.
programs() {
    output=$log/$(echo "$1" | tr ' /' '--')
    meson test -C "$2" --no-rebuild --num-processes "$jobs" --suite unit --suite root \
        >"$output" 2>&1
    tools/count_meson.py "$1" "$2/meson-logs/testlog.json" >"$output.points"
    grep '^count ' "$output.points" >>"$log/summary"
    sed 's/^count /     /' "$output.points"
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
provide_zig() {
    venv=$SOURCE_DIR/build-check/venv
    zig=$(find "$venv" -type f -path '*/ziglang/zig' 2>/dev/null)
    if [ -z "$zig" ]; then
        python3 -m venv "$venv" >"$log/venv" 2>&1 &&
            "$venv/bin/pip" install --quiet 'ziglang==0.17.1' >>"$log/venv" 2>&1 || tail -3 "$log/venv"
        zig=$(find "$venv" -type f -path '*/ziglang/zig' 2>/dev/null)
    fi
    JETPACK_ZIG=$zig
    export JETPACK_ZIG
}

house() {
    # shellcheck disable=SC2046
    suite house build-check/gcc $(find tests -maxdepth 1 -name '*.t' | sort)
}

all_suites() {
    prefix=$1 dir=$2
    # shellcheck disable=SC2046 # lists of words without blanks
    {
        programs "$prefix unit" "$dir"
        suite "$prefix cli" "$dir" $(scripts tests/cli)
        suite "$prefix conformance" "$dir" $(scripts tests/conformance)
    }
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
        unit) programs unit build-check/gcc ;;
        house) house ;;
        freebsd) freebsd ;;
        *) suite "$name" build-check/gcc $(scripts "tests/$name") ;;
        esac
    done
else
    step "build with gcc" build build-check/gcc gcc
    provide_zig
    house
    all_suites "gcc" build-check/gcc
    freebsd
    # shellcheck disable=SC2046
    suite "fault" build-check/gcc $(scripts tests/fault)
    step "build with clang" build build-check/clang clang
    step "build with sanitizers" build build-check/sanitize gcc -Db_sanitize=address,undefined
    all_suites "sanitizers" build-check/sanitize
fi

awk -f tools/total.awk "$log/summary"
