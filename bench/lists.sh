#!/bin/sh
# What the lists cost where there are many images and pods. As root, on a quiet machine.
#
#   bench/lists.sh BUILD-DIRECTORY [IMAGES [PODS [ROUNDS]]]
namespaces=-mn
. "$(dirname "$0")/lib.sh"
images=${1:-10000} pods=${2:-1000} rounds=${3:-30}
static true 'int main(void) { return 0; }'
image true 1 '"exec": ["/bin/true"]' "$work/bin/true"
mkdir -p "$work/many/rootfs"
for i in $(seq 0 $((images - 1))); do
    printf '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"bench/many-%d","labels":[{"name":"version","value":"1.%d"}]}' \
        $((i / 10)) $((i % 10)) >"$work/many/manifest"
    tar -C "$work/many" -cf "$work/many.aci" manifest rootfs
    j import -q "$work/many.aci" >/dev/null
done
for _ in $(seq "$pods"); do j prepare --net=none bench/true >/dev/null; done
echo "Lists, $images images and $pods pods ($rounds rounds):"
echo
interleave "$rounds" <<END
jetpack version||$jetpack version
jetpack images ($images)||$jetpack images
jetpack show-image by name||$jetpack show-image bench/many-7
jetpack list ($pods)||$jetpack list
jetpack gc, nothing to do||$jetpack gc
END
