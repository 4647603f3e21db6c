#!/bin/sh
# An App Container image from the archive of a root file system and a manifest:
#
#   makeaci.sh ROOTFS.tgz MANIFEST OUT.aci
#
# Whoever is not root needs fakeroot(1), so that owners are those of the archive. The image is
# compressed with xz. (jetpack import takes the two as they are: import ROOTFS.tgz MANIFEST.)
set -eu

[ $# -eq 3 ] || { echo "usage: makeaci.sh ROOTFS.tgz MANIFEST OUT.aci" >&2; exit 2; }
if [ "$(id -u)" -ne 0 ] && [ -z "${FAKEROOTKEY-}" ]; then
    command -v fakeroot >/dev/null || { echo "makeaci.sh: not root, and no fakeroot" >&2; exit 1; }
    exec fakeroot -- "$0" "$@"
fi
for input in "$1" "$2"; do
    [ -r "$input" ] || { echo "makeaci.sh: cannot read $input" >&2; exit 1; }
done
rootfs=$1 manifest=$2 out=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/makeaci.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$work/rootfs"
tar -C "$work/rootfs" -xpf "$rootfs"
install -m 0644 "$manifest" "$work/manifest"
tar -C "$work" -cf "$work/image.tar" manifest rootfs
if [ -t 2 ] && command -v pv >/dev/null; then
    pv "$work/image.tar" | xz -c >"$out.new"
else
    xz -c "$work/image.tar" >"$out.new"
fi
mv "$out.new" "$out"
