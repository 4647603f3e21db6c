#!/bin/sh
# Makes an App Container Image from Debian packages, without a container tool and without running
# their installation scripts:
#
#   make-aci.sh OUT.aci MANIFEST OVERLAY-DIRECTORY PACKAGE...
#
# The packages and all that they depend on are downloaded with the host's apt sources and unpacked
# into rootfs/; OVERLAY-DIRECTORY (configuration, /etc/passwd) is copied over it. Needs apt, dpkg,
# tar and gzip, and root so that owners are kept.
set -eu

[ $# -ge 4 ] || { echo "usage: make-aci.sh OUT.aci MANIFEST OVERLAY-DIRECTORY PACKAGE..." >&2; exit 2; }
out=$1 manifest=$2 overlay=$3
shift 3

work=$(mktemp -d "${TMPDIR:-/tmp}/make-aci.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/archives/partial" "$work/image/rootfs"
: >"$work/status"

# An empty status file makes apt believe that nothing is installed: it fetches the whole closure.
apt-get -qq -o Dir::State::status="$work/status" -o Dir::Cache::archives="$work/archives" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
    --no-install-recommends --download-only -y install "$@" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }

for package in "$work"/archives/*.deb; do
    dpkg-deb --extract "$package" "$work/image/rootfs"
done
rm -rf "$work/image/rootfs/usr/share/doc" "$work/image/rootfs/usr/share/man" \
    "$work/image/rootfs/usr/share/locale" "$work/image/rootfs/usr/share/lintian"
mkdir -p "$work/image/rootfs/tmp" "$work/image/rootfs/root" "$work/image/rootfs/etc"
chmod 1777 "$work/image/rootfs/tmp"
cp -R "$overlay"/. "$work/image/rootfs/"
chown -R 0:0 "$work/image/rootfs/etc"
install -m 0644 "$manifest" "$work/image/manifest"

tar -C "$work/image" --numeric-owner --sort=name -cf "$work/image.tar" manifest rootfs
gzip -1 <"$work/image.tar" >"$out"
