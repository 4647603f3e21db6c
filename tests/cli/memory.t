#!/bin/sh
# Row 35: whatever the image and its compression, import, verify and export work within 256 MiB of
# address space: memory does not grow with sizes, counts or dictionaries; what wants more is refused.
. "$(dirname "$0")/lib.sh"
need_root

limit=262144 # KiB
within() { (ulimit -v "$limit" && exec "$JETPACK" -config "$config" "$@"); }
jetpack init >/dev/null
within info >/dev/null 2>&1 ||
    skip_all "not here: this build needs more address space to begin with (sanitizers)"

# A thousand small files, deep directories, and a hundred megabytes of zeros with some noise.
tree=$work/tree
rootfs "$tree/rootfs"
manifest large '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"' >"$tree/manifest"
(
    cd "$tree/rootfs" && mkdir many && cd many &&
        awk 'BEGIN { for (i = 0; i < 1000; i++) print "a-file-whose-name-has-some-length-" i }' |
        xargs touch
)
deep=$tree/rootfs/deep
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do deep=$deep/directory-$i; done
mkdir -p "$deep" && echo bottom >"$deep/file"
{
    head -c 1000000 /dev/urandom
    head -c 100000000 /dev/zero
} >"$tree/rootfs/big"
pack "$tree" "$work/large.tar"
rm -rf "$tree"

# packed NAME PROGRAM...
packed() {
    packed_name=$1
    shift
    if ! command -v "$1" >/dev/null 2>&1; then
        skip "$packed_name" "not here: no $1"
        return
    fi
    "$@" -c "$work/large.tar" >"$work/packed"
    done_well "$packed_name" within import -q "$work/packed"
    is "$out" "$id" "... the same image"
    jetpack destroy-image "$id"
}
done_well "plain" within import -q "$work/large.tar"
id=$out
done_well "... verified" within verify "$id"
for compression in none gzip bzip2 xz zstd; do
    done_well "... exported, $compression" \
        within export -compression "$compression" "$id" "$work/back.$compression"
done
cmp -s "$work/large.tar" "$work/back.none"
ok $? "... as it came"
jetpack destroy-image "$id"
packed "gzip" gzip -1
packed "bzip2" bzip2
packed "zstd" zstd -q -3
packed "zstd, a window of 128 MiB" zstd -q -3 --long=27
packed "xz, several blocks" xz -0 -T2 --block-size=4MiB
packed "xz, a dictionary of 64 MiB" xz -0 --lzma2=preset=0,dict=64MiB

refused() { # NAME REGEX FILE OPTIONS...
    refused_name=$1 refused_pattern=$2 refused_file=$3
    shift 3
    fails 1 "$refused_pattern" "$refused_name" within "$@" import -q "$refused_file"
    [ -z "$(jetpack images -q)" ] && [ -z "$(ls "$work/root/tmp")" ]
    ok $? "... and nothing is left"
}
refused "more than images.max-size" 'larger than' "$work/packed" -o images.max-size=64Mi
refused "more than images.max-entries" 'more than 1000 entries' "$work/packed" -o images.max-entries=1000
if command -v zstd >/dev/null 2>&1; then
    zstd -q -3 --long=30 <"$work/large.tar" >"$work/packed"
    refused "zstd, a window of 1 GiB" 'memory|window' "$work/packed"
fi
finish
