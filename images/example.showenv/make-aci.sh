#!/bin/sh
# The smallest image that shows something: one static program, ac-mdc, and a template for it.
#
#   make-aci.sh OUT.aci [AC-MDC [OS ARCH]]
#
# AC-MDC is the program for that system; without it, that of the installation on this one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
mdc=${2:-$(jetpack config path.libexec)/ac-mdc}
os=${3:-$(uname -s | tr '[:upper:]' '[:lower:]')}
case $(uname -m) in
x86_64) machine=amd64 ;;
*) machine=$(uname -m) ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -e "s/@OS@/$os/" -e "s/@ARCH@/${4:-$machine}/" "$here/manifest" >"$work/manifest"
cp -R "$here/root" "$work/rootfs"
mkdir -p "$work/rootfs/bin" "$work/rootfs/srv/data"
cp "$mdc" "$work/rootfs/bin/ac-mdc"
chmod 755 "$work/rootfs/bin/ac-mdc"
tar -C "$work" -cf "$out" manifest rootfs
