#!/bin/sh
# The storage driver zfs on a real ZFS: a Debian guest in QEMU, made from Debian's packages alone
# (kernel for the cloud, zfs-dkms built against its headers, both cached), boots without a disk of its
# own, makes a pool and runs the tests of the drivers and whole commands on it. The last line is
# "N passed, N failed", with ", N skipped" where something could not run.
#
#   check-zfs.sh [TEST.t ...]     these command-line tests instead of the usual ones
#
# Needs root, debootstrap, qemu-system-x86_64 and mke2fs (tools/install-packages.sh zfs), some 5 GB in
# build-check/zfs (or $CHECK_ZFS_DIR), and half an hour the first time. Without KVM the guest is slow.
set -eu
cd "$(dirname "$0")/.."
source=$PWD
dir=${CHECK_ZFS_DIR:-$source/build-check/zfs}
root=$dir/root
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
usual='storage pods images apps sessions'
limit=7200 # seconds for the guest, ten times what it takes

for need in debootstrap qemu-system-x86_64 mke2fs unshare; do
    if [ "$(id -u)" -ne 0 ] || ! command -v "$need" >/dev/null; then
        echo "skipped: not here: needs root and $need"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
done
mkdir -p "$dir"

# inside COMMAND: in the guest's root, with the source at /src; nothing is mounted outside
inside() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare -m -p -f --propagation private sh -euc '
        mount -t proc proc "$1/proc"
        mount --bind "$2" "$1/src"
        mount -o remount,ro,bind "$1/src"
        chroot "$1" sh -euc "$3"' sh "$root" "$source" "$1"
}

make_root() {
    rm -rf "${root:?}"
    debootstrap --variant=minbase --components=main,contrib bookworm "$root" "$mirror"
    mkdir -p "$root/src" "$root/build"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # shellcheck disable=SC2016 # for the inner shell
    inside '
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        install() { apt-get -qq -y --no-install-recommends install "$@"; }
        install linux-image-cloud-amd64 linux-headers-cloud-amd64 kmod busybox-static
        install zfs-dkms zfsutils-linux libzfslinux-dev libtirpc-dev
        install perl iproute2 procps util-linux mount btrfs-progs e2fsprogs acl attr curl xz-utils \
            bzip2 zstd iputils-ping strace
        version=$(ls /lib/modules)
        find "/lib/modules/$version" -name "zfs.ko*" | grep -q . || dkms autoinstall -k "$version"
        apt-get clean'
    find "$root/lib/modules" -name 'zfs.ko*' | grep -q .
    : >"$root/made"
}

build() {
    inside '
        sh /src/tools/install-packages.sh build
        [ -f /build/build.ninja ] || meson setup /build /src -Dtest_hooks=true -Dzfs=enabled
        ninja -C /build'
}

# The first file system: loads what the disk needs and goes on there.
make_initrd() {
    rm -rf "${dir:?}/initrd"
    mkdir -p "$dir/initrd/modules" "$dir/initrd/root" "$dir/initrd/dev"
    cp "$root/bin/busybox" "$dir/initrd/busybox"
    version=$(ls "$root/lib/modules")
    for module in virtio_pci virtio_blk; do
        chroot "$root" modprobe -S "$version" -D "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$dir/modules"
    while read -r module; do
        cp "$root$module" "$dir/initrd/modules/"
        basename "$module"
    done <"$dir/modules" >"$dir/initrd/order"
    cat >"$dir/initrd/init" <<'END'
#!/busybox sh
/busybox mount -t devtmpfs dev /dev
for module in $(/busybox cat /order); do /busybox insmod "/modules/$module"; done
until [ -b /dev/vda ]; do /busybox sleep 0.1; done
/busybox mount -t ext4 /dev/vda /root
exec /busybox switch_root /root /check-zfs
END
    chmod +x "$dir/initrd/init"
    (cd "$dir/initrd" && find . | "$root/bin/busybox" cpio -o -H newc) >"$dir/initrd.img" 2>/dev/null
}

# PID 1 of the guest, and the root file system with it.
make_disk() {
    cat >"$root/check-zfs" <<'END'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
for module in zfs btrfs overlay loop bridge veth; do modprobe "$module"; done
truncate -s 1500M /pool
zpool create -O mountpoint=none tank /pool
zfs create -o mountpoint=none tank/jetpack
zfs create -o mountpoint=none tank/drivers
printf 'storage.driver = zfs\nroot.zfs = tank/jetpack\n' >/config
export SOURCE_DIR=/check BUILD_DIR=/build
# run NAME COMMAND...: its output between two marks
run() {
    name=$1
    shift
    printf "\n=== begin %s\n" "$name"
    prove --nocolor --exec '' --verbose --merge "$@" 2>&1
    echo "=== end $name $?"
}
export JETPACK_TEST_DATASET=tank/drivers
run zfs /build/src/store/store-zfs_test
run conformance /build/src/store/store-conformance_test
export JETPACK_TEST_DATASET=tank/jetpack JETPACK_TEST_CONFIG=/config
for test in $(cat /tests); do run "$test" "/check/tests/cli/$test.t"; done
echo "=== begin left"
if zfs list -H -r -o name tank | grep -E '/(images|pods)/'; then
    echo "not ok 1 - nothing is left on the pool"
else
    echo "ok 1 - nothing is left on the pool"
fi
echo "=== end left 0"
echo o >/proc/sysrq-trigger
sleep 60
END
    chmod +x "$root/check-zfs"
    rm -rf "${root:?}/check"
    mkdir -p "$root/check"
    cp -r tests "$root/check/tests"
    echo "$*" >"$root/tests"
    rm -f "$dir/disk"
    truncate -s 5G "$dir/disk"
    mke2fs -q -F -t ext4 -d "$root" "$dir/disk"
}

boot() {
    accelerator=tcg,thread=multi
    # A virtual machine may have the device without what it stands for.
    if grep -Eqw 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then accelerator=kvm; fi
    timeout "$limit" qemu-system-x86_64 -accel "$accelerator" -cpu max -smp 2 -m 1536 \
        -nographic -no-reboot -net none -kernel "$(ls "$root"/boot/vmlinuz-*)" \
        -initrd "$dir/initrd.img" -append 'console=ttyS0 quiet panic=-1' \
        -drive "file=$dir/disk,if=virtio,format=raw,cache=unsafe" </dev/null | tr -d '\r' >"$dir/console"
}

# The marked parts of what the guest printed, each counted as check.sh does.
count() {
    : >"$dir/summary"
    for name in zfs conformance "$@" left; do
        sed -n "/^=== begin $name\$/,/^=== end $name /p" "$dir/console" >"$dir/part"
        status=$(sed -n "s/^=== end $name //p" "$dir/part")
        awk -v name="$name" -v status="${status:-1}" -f tools/count.awk "$dir/part" >>"$dir/summary"
        tail -n 1 "$dir/summary" | sed 's/^count /     /'
        grep -A 12 '^not ok' "$dir/part" | head -60 || true
        sed -n 's/^ok .*# SKIP/skipped:/p' "$dir/part" | sort | uniq -c
    done
    awk -f tools/total.awk "$dir/summary"
}

# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $usual
[ -f "$root/made" ] || { echo "making the guest (log: $dir/log)"; make_root >"$dir/log" 2>&1; }
echo "building"
build >"$dir/log" 2>&1 || { tail -20 "$dir/log"; exit 1; }
make_initrd
make_disk "$@"
echo "running the guest (console: $dir/console)"
boot
count "$@"
