#!/bin/sh
# Fetching and importing an image of some 200 MB from a site (nginx) and from a registry (Debian's
# docker-registry) on loopback, against curl with tar, skopeo, umoci and podman: by turns, medians and
# the ratio to the first line. As root, on a quiet machine.
#
#   bench/fetch.sh BUILD-DIRECTORY [ROUNDS]
#
# BENCH_TREE may name a root file system (a minimal Debian) in the place of a part of this host's.
namespaces=-mn
. "$(dirname "$0")/lib.sh"
rounds=${1:-7}
for program in nginx docker-registry skopeo umoci curl; do
    have $program || { echo "bench: needs $program" >&2; exit 1; }
done
umount -l /sys/fs/cgroup/unified 2>/dev/null || true # podman refuses v2 beside v1
ip link set lo up
export HOME="$work"

mkdir -p "$work/big" "$work/www" "$work/x"
big_tree "$work/big/rootfs"
image big 1 '"exec": ["/bin/sh"]'
mv "$work/big.aci" "$work/www/big.tar"
gzip -6 -k -c "$work/www/big.tar" >"$work/www/big.tar.gz"

cat >"$work/nginx.conf" <<END
daemon off; user root root; error_log stderr; pid $work/nginx.pid;
events {}
http { access_log off; sendfile on; server { listen 127.0.0.1:8080; root $work/www; } }
END
nginx -c "$work/nginx.conf" -p "$work" 2>"$work/nginx.log" &
processes="$processes $!"
cat >"$work/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: 127.0.0.1:5000}
END
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
processes="$processes $!"
curl -s --retry 60 --retry-connrefused --retry-delay 1 http://127.0.0.1:5000/v2/ http://127.0.0.1:8080/ >/dev/null

umoci init --layout "$work/oci" 2>/dev/null
umoci new --image "$work/oci:big" 2>/dev/null
tar -C "$work/big/rootfs" -cf "$work/layer.tar" .
umoci raw add-layer --image "$work/oci:big" "$work/layer.tar" 2>/dev/null
rm "$work/layer.tar"
umoci config --image "$work/oci:big" --os linux --config.cmd /bin/sh 2>/dev/null
skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$work/oci:big" docker://127.0.0.1:5000/big:1
rm -rf "$work/big" "$work/oci"

echo "Fetch and import of $(($(stat -c %s "$work/www/big.tar") / 1000000)) MB, $(($(stat -c %s "$work/www/big.tar.gz") / 1000000)) MB as gzip, $rounds rounds:"
echo
cat >"$work/forget.sh" <<END
for id in \$($jetpack images -q); do $jetpack destroy-image \$id; done >/dev/null 2>&1
exit 0
END
cat >"$work/forget-peers.sh" <<END
umount -l $work/s/overlay $work/podman/overlay 2>/dev/null
rm -rf $work/s $work/sr $work/x $work/u $work/layout $work/podman $work/podman-run
mkdir $work/x
END
untar="sh $work/untar.sh"
printf 'curl -fsS "http://127.0.0.1:8080/$1" | tar -C %s -x $2 -f -\n' "$work/x" >"$work/untar.sh"
printf 'skopeo --insecure-policy copy -q --src-tls-verify=false docker://127.0.0.1:5000/big:1 oci:%s:1 && umoci raw unpack --image %s:1 %s\n' \
    "$work/layout" "$work/layout" "$work/u" >"$work/umoci.sh"
wipe="sh $work/forget-peers.sh"
fetch="$jetpack fetch -allow-http 127.0.0.1:8080"
{
    echo "limit: curl, tar -x|$wipe|$untar big.tar"
    echo "jetpack fetch (tar, site)|sh $work/forget.sh|$fetch http://127.0.0.1:8080/big.tar"
    echo "curl, tar -xz|$wipe|$untar big.tar.gz -z"
    echo "jetpack fetch (gzip, site)|sh $work/forget.sh|$fetch http://127.0.0.1:8080/big.tar.gz"
    echo "jetpack fetch (registry)|sh $work/forget.sh|$jetpack fetch -allow-http 127.0.0.1:5000 docker://127.0.0.1:5000/big:1"
    echo "skopeo copy to a layout (registry)|$wipe|skopeo --insecure-policy copy -q --src-tls-verify=false docker://127.0.0.1:5000/big:1 oci:$work/layout:1"
    echo "skopeo, umoci raw unpack (registry)|$wipe|sh $work/umoci.sh"
    echo "skopeo copy to storage (registry)|$wipe|skopeo --insecure-policy copy -q --src-tls-verify=false docker://127.0.0.1:5000/big:1 containers-storage:[overlay@$work/s+$work/sr]localhost/big:1"
} >"$work/lines"
if have podman; then
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
    pull="podman --root $work/podman --runroot $work/podman-run --cgroup-manager cgroupfs --storage-driver overlay pull -q --tls-verify=false --signature-policy $work/policy.json 127.0.0.1:5000/big:1"
    if $pull >"$work/err" 2>&1; then
        echo "podman pull (registry)|$wipe|$pull" >>"$work/lines"
    else
        echo "bench: no podman: $(tail -n 1 "$work/err")" >&2
    fi
fi
at_end umount -l "$work/s/overlay"
j destroy-image bench/big >/dev/null 2>&1 || true
interleave "$rounds" <"$work/lines"
