#!/bin/sh
# packages.sh DIRECTORY [FILE.deb...] -- PACKAGE...: a mirror of Debian in a directory, of these packages
# and all that they depend on, as a line `deb [trusted=yes] copy:DIRECTORY ./` reads it. They are
# downloaded with the host's own sources, once: what is there is left alone.
set -eu
target=$1
shift
[ ! -e "$target/Release" ] || exit 0
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$work/archives/partial"
: >"$work/status"

while [ "$1" != -- ]; do
    cp "$1" "$work/archives/"
    shift
done
shift

# An empty status file makes apt believe that nothing is installed: it fetches the whole closure.
apt-get -qq -o Acquire::Retries=5 -o Dir::State::status="$work/status" \
    -o Dir::Cache::archives="$work/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o APT::Sandbox::User=root --no-install-recommends --download-only -y install "$@" >&2

cd "$work"
rm -rf archives/partial archives/lock status
for package in archives/*.deb; do
    dpkg-deb -f "$package"
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$package" "$(wc -c <"$package")" \
        "$(sha256sum <"$package" | cut -c 1-64)"
done >Packages
printf 'Codename: bookworm\nSHA256:\n %s %s Packages\n' "$(sha256sum <Packages | cut -c 1-64)" \
    "$(wc -c <Packages)" >Release
chmod -R a+rX .
cd /
rm -rf "$target"
mv "$work" "$target"
