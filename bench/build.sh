#!/bin/sh
# A build that changes one file of a base of some 200 MB, against buildah on the same base: by turns,
# medians and the ratio to ours. As root, on a quiet machine.
#
#   bench/build.sh BUILD-DIRECTORY [ROUNDS]
#
# BENCH_TREE may name a root file system with a /bin/sh in the place of a minimal Debian.
namespaces=-mn
. "$(dirname "$0")/lib.sh"
rounds=${1:-20}
umount -l /sys/fs/cgroup/unified 2>/dev/null || true # runc refuses v2 beside v1
ip link set lo up

mkdir -p "$work/big"
big_tree "$work/big/rootfs"
[ -x "$work/big/rootfs/bin/sh" ] || { echo "bench: needs a root file system with /bin/sh: name it in BENCH_TREE" >&2; exit 1; }
image big 1 '"exec": ["/bin/sh"]'
echo "Build on a base of $(($(stat -c %s "$work/big.aci") / 1000000)) MB, $rounds rounds:"
echo

mkdir "$work/context"
cat >"$work/context/manifest.json" <<'JSON'
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "bench/changed"}
JSON
printf '#!/bin/sh\necho changed >/etc/motd\n' >"$work/context/change"
chmod 755 "$work/context/change"
printf '%s destroy-image bench/changed >/dev/null 2>&1; exit 0\n' "$jetpack" >"$work/forget.sh"
{
    for net in none pod; do
        echo "jetpack build -net $net|sh $work/forget.sh|$jetpack build -net $net -dir $work/context bench/big ./change"
    done
    echo "jetpack build -net none -reproducible|sh $work/forget.sh|$jetpack build -net none -reproducible -dir $work/context bench/big ./change"
} >"$work/lines"

# The base is one layer; nothing of an earlier build is used again.
b="buildah --root $work/buildah --runroot $work/buildah-run --storage-driver overlay"
at_end umount -l "$work/buildah/overlay"
if have buildah; then
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
    printf 'FROM scratch\nADD rootfs /\n' >"$work/big/Base"
    printf 'FROM localhost/big\nCOPY change /tmp/change\nRUN /tmp/change\n' >"$work/context/Change"
    printf 'FROM localhost/big\nCOPY change /etc/motd\n' >"$work/context/Copy"
    if $b bud -q --signature-policy "$work/policy.json" -t localhost/big -f "$work/big/Base" "$work/big" >"$work/err" 2>&1; then
        for isolation in chroot oci; do
            network=none
            [ "$isolation" = oci ] || network=host # a chroot has no other
            try="$b bud -q --no-cache --signature-policy $work/policy.json --isolation $isolation --network $network -t localhost/changed -f $work/context/Change $work/context"
            if $try >"$work/err" 2>&1; then
                echo "buildah bud, RUN, --isolation $isolation||$try" >>"$work/lines"
            else
                echo "bench: no buildah --isolation $isolation: $(tail -n 1 "$work/err")" >&2
            fi
        done
        echo "buildah bud, only COPY||$b bud -q --no-cache --signature-policy $work/policy.json -t localhost/copied -f $work/context/Copy $work/context" >>"$work/lines"
    else
        echo "bench: no buildah: $(tail -n 1 "$work/err")" >&2
    fi
fi
interleave "$rounds" <"$work/lines"
