#!/bin/sh
# Installs the packages of one purpose, when one is missing:
#
#   install-packages.sh build|demo|check|zfs
#
# apt on Debian and its kin, pkg on FreeBSD; with sudo when not root. Elsewhere it names them.
set -eu

debian_build='gcc musl-dev meson ninja-build make pkg-config libc6-dev libssl-dev libjansson-dev
    libsqlite3-dev libseccomp-dev liblzma-dev libbz2-dev libzstd-dev zlib1g-dev libisal-dev
    libmicrohttpd-dev nettle-dev librnp-dev libcurl4-openssl-dev libxml2-dev'
debian_demo="$debian_build iproute2 curl tar gzip ca-certificates mmdebstrap"
# Tests run these by themselves; as services of the host nobody asked for them.
debian_servers='docker-registry nginx-light'
debian_check="$debian_build clang clang-format perl tar gzip bzip2 xz-utils zstd
    libarchive-tools attr acl strace iproute2 nftables iputils-ping procps util-linux mandoc shellcheck git
    bash zsh fish debootstrap busybox-static binutils golang-go golang-github-appc-spec-dev python3-venv curl e2fsprogs btrfs-progs iptables
    bmake mmdebstrap xvfb xauth dnsmasq-base bind9-dnsutils gnupg sq
    skopeo umoci buildah $debian_servers"
debian_zfs='debootstrap qemu-system-x86 e2fsprogs util-linux'
freebsd_build='meson ninja pkgconf jansson sqlite3 zstd isa-l libmicrohttpd nettle rnp curl libxml2'
freebsd_demo="$freebsd_build curl"
freebsd_check="$freebsd_build perl5 mandoc bash zsh fish"

purpose=${1:-build}
case $purpose in
build) debian=$debian_build freebsd=$freebsd_build ;;
demo) debian=$debian_demo freebsd=$freebsd_demo ;;
check) debian=$debian_check freebsd=$freebsd_check ;;
zfs) debian=$debian_zfs freebsd= ;;
*) echo "usage: install-packages.sh build|demo|check|zfs" >&2; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "cannot install packages: neither root nor sudo; needed: $missing" >&2
        exit 1
    fi
}

# What a package would start is not started, nor at boot: policy-rc.d is Debian's word for it.
policy=/usr/sbin/policy-rc.d
without_services() {
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root sh -c "cat >$policy && chmod 755 $policy"
    "$@"
    as_root rm -f "$policy"
    trap - EXIT HUP INT TERM
}

leave_services() { # PACKAGE...: those that were just installed
    for package in "$@"; do
        case " $debian_servers " in *" $package "*) ;; *) continue ;; esac
        as_root update-rc.d "${package%-light}" disable >/dev/null 2>&1 || true
    done
}

missing=
if command -v apt-get >/dev/null; then
    for package in $debian; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || exit 0
    echo "Installing:$missing"
    as_root apt-get -qq -o DPkg::Lock::Timeout=600 update
    # shellcheck disable=SC2086 # a list of words
    without_services as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        --no-install-recommends -o DPkg::Lock::Timeout=600 install $missing >/dev/null
    # shellcheck disable=SC2086 # a list of words
    leave_services $missing
elif command -v pkg >/dev/null; then
    for package in $freebsd; do
        pkg info -e "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || exit 0
    echo "Installing:$missing"
    # shellcheck disable=SC2086 # a list of words
    as_root pkg install -y $missing
else
    echo "No apt or pkg here; please install what a Debian host would need:" >&2
    echo "$debian" >&2
    exit 1
fi
