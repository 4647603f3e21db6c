# A test on each storage driver. What needs a file system of its own gets one in a file, in a mount
# namespace of the test. Sourced in the place of lib.sh.
#
#   on_each_driver FUNCTION     calls it with $driver; the root directory is empty before and after
. "$(dirname "$0")/mounts.sh"
need_root

# place DRIVER: a root directory that the driver can work in; $reason when there is none
place() {
    reason=
    if [ "$1" = zfs ]; then
        if [ -z "${JETPACK_TEST_DATASET-}" ]; then
            reason="not here: no dataset is given in JETPACK_TEST_DATASET"
            return 1
        fi
        echo "root.zfs = $JETPACK_TEST_DATASET" >>"$config"
    fi
    [ "$1" = btrfs ] || return 0
    if [ "$(uname -s)" != Linux ] || [ ! -e /dev/loop-control ]; then
        reason="not here: no loop devices"
    elif ! command -v mkfs.btrfs >/dev/null; then
        reason="no mkfs.btrfs"
    elif ! grep -qw btrfs /proc/filesystems && ! modprobe -q btrfs; then
        reason="not here: the kernel has no btrfs"
    else
        truncate -s 256M "$work/btrfs.image"
        mkdir -p "$work/root"
        mkfs.btrfs -q "$work/btrfs.image" >/dev/null 2>&1 && mount -o loop "$work/btrfs.image" "$work/root" ||
            reason="btrfs cannot be mounted"
    fi
    [ -z "$reason" ]
}

no_service() { ! jetpack mds; }

leave() {
    for pod in $(jetpack list -q); do jetpack destroy "$pod"; done
    destroy_images
    jetpack gc
    wait_for 60 no_service # it keeps its directory and the port
    # What was killed takes a moment to let go.
    [ "$1" != btrfs ] || wait_for 60 umount "$work/root"
    rm -rf "$work/root"
}

on_each_driver() {
    for driver in zfs overlay btrfs copy; do
        if [ "$driver" = overlay ] && [ "$(uname -s)" != Linux ]; then
            skip "$driver" "not here: only Linux has it"
        elif place "$driver"; then
            sed -i.bak '/^storage\.driver/d' "$config" # what was set for all tests
            echo "storage.driver = $driver" >>"$config"
            "$1"
            leave "$driver" >/dev/null 2>&1
        else
            skip "$driver" "$reason"
        fi
    done
}
