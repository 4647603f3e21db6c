# What takes long to make and is the same for every build: made once, in $JETPACK_TEST_CACHE (the test
# suite's), else in the build directory.
#
#   kept NAME COMMAND...    $kept is the path of what the command has made; it is called with a path as
#                           one more word, unless somebody has made it before. Who comes at the same
#                           time waits.

kept() {
    cache=${JETPACK_TEST_CACHE:-${build_dir:-$BUILD_DIR}}
    kept=$cache/$1
    shift
    [ ! -e "$kept" ] || return 0
    mkdir -p "$cache"
    (
        ! command -v flock >/dev/null || flock 9
        [ -e "$kept" ] || { "$@" "$kept.$$" && mv "$kept.$$" "$kept"; }
    ) 9>"$kept.lock"
}
