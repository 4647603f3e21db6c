# For tests that mount things: sourced in the place of lib.sh. They run in a mount namespace of their
# own.
if [ "${JETPACK_TEST_MOUNTS-}" != own ] && [ "$(id -u)" -eq 0 ] && [ "$(uname -s)" = Linux ]; then
    if ! unshare -m --propagation private true 2>/dev/null; then
        echo "1..0 # SKIP not here: the root is no mount (a chroot)"
        exit 0
    fi
    JETPACK_TEST_MOUNTS=own exec unshare -m --propagation private -- sh "$0"
fi
. "$(dirname "$0")/lib.sh"
