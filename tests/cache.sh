# What takes long to make and is the same for every build: made once, in $JETPACK_TEST_CACHE (the test
# suite's), else in the build directory.
#
#   kept NAME COMMAND...    $kept is the path of what the command has made; it is called with a path as
#                           one more word, unless somebody has made it before, by the same words. Who
#                           comes at the same time waits. The path ends with NAME.
#
# Without flock(1) (or with cache_lock=mkdir) a directory is the lock. That of a maker who was killed
# stays: after an hour it is named, and nothing is made.

kept() {
    cache=${JETPACK_TEST_CACHE:-${build_dir:-$BUILD_DIR}}
    kept=$cache/$(printf '%s\n' "$@" | cksum | tr ' ' -)-$1
    shift
    [ ! -e "$kept" ] || return 0
    mkdir -p "$cache"
    if [ "${cache_lock-}" != mkdir ] && command -v flock >/dev/null; then
        (flock 9 && make_kept "$@") 9>"$kept.lock"
    else
        (lock_kept && make_kept "$@")
    fi
}

make_kept() { [ -e "$kept" ] || { "$@" "$kept.$$" && mv "$kept.$$" "$kept"; }; }

# Called in a subshell, which gives the lock back when it ends.
lock_kept() {
    cache_tries=3600
    until mkdir "$kept.locked" 2>/dev/null; do
        [ ! -e "$kept" ] || return 0
        cache_tries=$((cache_tries - 1))
        [ "$cache_tries" -gt 0 ] || { echo "$kept.locked is there for an hour: is anybody making it?" >&2; return 1; }
        sleep 1
    done
    trap 'rmdir "$kept.locked"' EXIT
    trap 'exit 1' HUP INT TERM
}
