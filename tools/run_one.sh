#!/bin/sh
# run_one.sh SUITE BUILD-DIRECTORY PROGRAM: runs one program of the test suite and says how it ended.
# PROGRAM is a file, or "programs": all that Meson knows. Called by check.sh, with its variables.
# In $log/SUITE: NAME has the output, NAME.count the points (as tools/count.awk has them), NAME.skipped
# the reasons of what could not run.
set -u
name=$(echo "$1" | tr - ' ') program=$3
BUILD_DIR=$SOURCE_DIR/$2
export BUILD_DIR
mkdir -p "$log/$1"
output=$log/$1/$(basename "$program")
began=$(date +%s)

# Ends with 124 or 137 what does not end by itself, and all that it has started and that has no process
# group of its own. At a terminal it leaves the group as it is: an interrupt is for all of them.
limit=${JETPACK_TEST_LIMIT:-3600}
foreground=
[ ! -t 2 ] || foreground=--foreground
limited() {
    if command -v timeout >/dev/null; then
        timeout $foreground -k 60 "$limit" "$@"
    else
        "$@"
    fi
}

if [ "$program" = programs ]; then
    # Those of one build that may not run beside each other are Meson's matter.
    testlog=$BUILD_DIR/meson-logs/testlog.json
    rm -f "$testlog"
    # Its usual limit is 30 seconds: on a loaded machine some need more.
    meson test -C "$BUILD_DIR" --no-rebuild --timeout-multiplier 10 --num-processes 2 \
        --suite unit --suite root >"$output" 2>&1
    status=$?
    tools/count_meson.py "$name" "$testlog" "$status" >"$output.points"
    grep '^count ' "$output.points" >"$output.count"
    sed -n 's/^skipped: [^:]*: /skipped: /p' "$output.points" >"$output.skipped"
else
    limited prove --exec '' --verbose --merge --timer "$program" >"$output" 2>&1
    status=$?
    awk -v name="$name" -v status="$status" -v must="${JETPACK_MUST_WORK:-}" -f tools/count.awk \
        "$output" >"$output.points"
    case $status in
    124 | 137) echo "has not ended after $limit s" >>"$output.points" ;;
    esac
    grep '^count ' "$output.points" >"$output.count"
    # Points, and whole programs.
    sed -nE -e 's/^ok .*# *[Ss][Kk][Ii][Pp]/skipped:/p' -e 's/^.* \.+ skipped: /skipped: /p' "$output" >"$output.skipped"
fi

seconds=$(($(date +%s) - began))
if grep -q ' 0 failed' "$output.count"; then
    echo "ok   $name ${program#tests/} ($seconds s)"
    exit 0
fi
# One piece of text, whatever else is said meanwhile.
report=$(
    echo "FAIL $name ${program#tests/} ($seconds s)"
    grep -v '^count ' "$output.points"
    [ "$program" = programs ] || {
        sed -n '/^Test Summary Report/,$p' "$output"
        grep -E -A 12 '^not ok' "$output" | grep -v '^ok' | head -80
    }
)
printf '%s\n' "$report"
