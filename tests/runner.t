#!/bin/sh
# The test suite's runner (tools/check.sh and what it calls) on programs made to fool it: no failure is
# lost, and nothing that did not run counts as passed. In a tree of its own, with a false meson.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "${scratch:?}"' EXIT
trap 'exit 1' HUP INT TERM
unset JETPACK_MUST_WORK JETPACK_TEST_LIMIT
tree=$scratch/tree bin=$scratch/bin build=$scratch/tree/build-check/gcc
mkdir -p "$bin" "$tree/tests" "$build/meson-logs"
cp -R tools "$tree"
: >"$build/build.ninja"
cat >"$tree/tools/left.sh" <<'END'
#!/bin/sh
exit "${LEFT:-0}"
END

# program FILE LINE...: of these shell commands
program() {
    file=$1
    shift
    mkdir -p "$(dirname "$file")"
    { echo '#!/bin/sh' && printf '%s\n' "$@"; } >"$file"
    chmod +x "$file"
}

# runs NAME LAST-LINE STATUS SUITE: how check.sh ends
runs() {
    "$tree/tools/check.sh" "$4" >"$scratch/out" 2>&1
    status=$?
    last=$(tail -1 "$scratch/out")
    [ "$last" = "$2" ] && [ "$status" = "$3" ]
    ok $? "$1" || { echo "# status $status" && sed 's/^/# /' "$scratch/out"; }
}

program "$bin/ninja" 'exit 0'
program "$bin/meson" 'exit 1'
PATH=$bin:$PATH
export PATH

program "$tree/tests/good/one.t" 'echo "ok 1 - a"' 'echo 1..1'
runs "one point counts once" '1 passed, 0 failed' 0 good
LEFT=1
export LEFT
runs "what is left is a failure" '1 passed, 1 failed' 1 good
unset LEFT
program "$tree/tests/good/skip.t" 'echo "1..0 # SKIP not here: a thing"'
runs "a skip stands in the last line" '1 passed, 0 failed, 1 skipped' 0 good
program "$tree/tests/died/none.t" 'exit 1'
runs "who dies without a plan has failed" '0 passed, 1 failed' 1 died
program "$tree/tests/died/late.t" 'echo "ok 1 - a"' 'echo 1..1' 'exit 3'
runs "who dies after the last point too" '1 passed, 2 failed' 1 died
mkdir "$tree/tests/empty"
runs "a suite without programs is no success" '0 passed, 0 failed' 1 empty

program "$tree/tests/hangs/one.t" 'sleep 600'
if command -v timeout >/dev/null; then
    JETPACK_TEST_LIMIT=1
    export JETPACK_TEST_LIMIT
    runs "what hangs is ended, and has failed" '0 passed, 1 failed' 1 hangs
    unset JETPACK_TEST_LIMIT
    grep -q 'has not ended after 1 s' "$scratch/out"
    ok $? "and it is told"
else
    skip "what hangs is ended" 'not here: no timeout(1)'
fi

log='{"name": "a", "result": "OK", "returncode": 0, "stdout": "ok 1 - a\\nok 2 - b\\n1..2\\n"}'
printf '%s\n' "$log" | sed 's/\\\\/\\/g' >"$scratch/testlog.json"
runs "meson did not start" '0 passed, 1 failed' 1 unit
cp "$scratch/testlog.json" "$build/meson-logs"
runs "meson did not start: an old log does not count" '0 passed, 1 failed' 1 unit
program "$bin/meson" "cp '$scratch/testlog.json' '$build/meson-logs'; exit 1"
runs "meson failed without a failed point" '2 passed, 1 failed' 1 unit
program "$bin/meson" "cp '$scratch/testlog.json' '$build/meson-logs'"
runs "meson's points" '2 passed, 0 failed' 0 unit
program "$bin/meson" 'exit 0'
runs "meson ran nothing" '0 passed, 1 failed' 1 unit
program "$bin/python3" 'exit 1'
runs "an empty count is a failure" '0 passed, 1 failed' 1 unit
rm "$bin/python3"

# What is left, as another system than Linux can tell; the minute that it waits passes at once.
program "$bin/uname" 'echo Other'
program "$bin/sleep" 'exit 0'
ledger=$scratch/ledger
! tools/left.sh "$ledger" "$build" >"$scratch/out"
ok $? "what is left: without a ledger nobody knows"
tools/left.sh "$ledger" "$build" begin
tools/left.sh "$ledger" "$build" >"$scratch/out" && grep -q 'not here: ' "$scratch/out"
ok $? "what is left: nothing, and what is not looked for is told"
echo "bridge $scratch" >"$ledger"
! tools/left.sh "$ledger" "$build" >"$scratch/out" && grep -q "left: directory $scratch" "$scratch/out"
ok $? "what is left: a directory" || sed 's/^/# /' "$scratch/out"
rm "$bin/uname" "$bin/sleep"

# shellcheck disable=SC2317 # is called by kept
# made DIRECTORY: is called once; a second one at the same time would find a part of it
made() { echo made >>"$scratch/made" && mkdir "$1" && sleep 1; }
JETPACK_TEST_CACHE=$scratch/cache
. tests/cache.sh
for how in flock mkdir; do
    [ "$how" != flock ] || command -v flock >/dev/null || { skip "kept once, by flock" 'not here: no flock(1)'; continue; }
    rm -rf "${scratch:?}/cache" "$scratch/made"
    for _ in 1 2 3; do (kept thing.d made && [ -d "$kept" ] && echo "$kept" >>"$scratch/made") & done
    wait
    [ "$(grep -cx made "$scratch/made")" = 1 ] && [ "$(sort -u "$scratch/made" | wc -l)" -eq 2 ] &&
        [ "$(wc -l <"$scratch/made")" -eq 4 ] && [ -z "$(find "$scratch/cache"/*thing.d -mindepth 1)" ]
    ok $? "kept once for three at the same time, by $how" || sed 's/^/# /' "$scratch/made"
    cache_lock='mkdir'
done
finish
