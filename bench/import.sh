#!/bin/sh
# Import of a root file system of some 200 MB, hash, check and database included, against tar beside
# openssl, bsdtar, umoci and skopeo: by turns, medians and the ratio to the first line. As root.
#
#   bench/import.sh BUILD-DIRECTORY [ROUNDS]
#
# BENCH_TREE may name a root file system in the place of a minimal Debian.
namespaces=-m
. "$(dirname "$0")/lib.sh"
rounds=${1:-5}
mkdir -p "$work/big" "$work/x"
big_tree "$work/big/rootfs"
image big 1 '"exec": ["/bin/sh"]'
mv "$work/big.aci" "$work/big.tar"
gzip -6 -k -c "$work/big.tar" >"$work/big.tar.gz"
zstd -q -k "$work/big.tar" -o "$work/big.tar.zst"
xz -T2 -3 -k -c "$work/big.tar" >"$work/big.tar.xz"
echo "Import of $(($(stat -c %s "$work/big.tar") / 1000000)) MB ($(tar -tf "$work/big.tar" | wc -l) entries), $rounds rounds:"
echo

# script NAME: of its input
script() { cat >"$work/$1.sh"; echo "sh $work/$1.sh"; }
forget=$(echo "$jetpack destroy-image bench/big >/dev/null 2>&1; exit 0" | script forget)
wipe="rm -rf $work/x; mkdir $work/x"
wipe=$(echo "$wipe" | script wipe)
{
    echo "limit: tar -x beside openssl sha512|$wipe|$(script limit <<SH
tar -C $work/x -xf $work/big.tar & openssl sha512 $work/big.tar; wait
SH
    )"
    for kind in tar tar.gz tar.zst tar.xz; do
        echo "jetpack import ($kind)|$forget|$jetpack import $work/big.$kind"
    done
    ! have bsdtar || echo "bsdtar -x (gzip)|$wipe|bsdtar -C $work/x -xpf $work/big.tar.gz"
    echo "tar -x (zstd)|$wipe|$(echo "zstd -dc $work/big.tar.zst | tar -C $work/x -xf -" | script zstd)"
    echo "tar -x (xz -T2)|$wipe|$(echo "xz -dc -T2 $work/big.tar.xz | tar -C $work/x -xf -" | script xz)"
} >"$work/lines"

# The same tree as a gzip layer of an OCI layout, for the peers that take one.
if have umoci && have skopeo; then
    umoci init --layout "$work/oci" 2>/dev/null
    umoci new --image "$work/oci:big" 2>/dev/null
    umoci insert --image "$work/oci:big" "$work/big/rootfs" / 2>/dev/null
    unstore=$(script unstore <<SH
umount -l $work/s/overlay 2>/dev/null; rm -rf $work/s $work/sr
SH
    )
    at_end umount -l "$work/s/overlay"
    cat >>"$work/lines" <<END
umoci raw unpack (gzip)|rm -rf $work/u|umoci raw unpack --image $work/oci:big $work/u
skopeo copy to storage (gzip)|$unstore|skopeo copy -q oci:$work/oci:big containers-storage:[overlay@$work/s+$work/sr]localhost/big:1
END
fi
rm -rf "$work/big"
interleave "$rounds" <"$work/lines"
