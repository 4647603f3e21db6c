#!/bin/sh
# Images of FreeBSD as the project publishes them: OCI layouts of one layer or more, in a compressed tar,
# with file flags. The layouts are made here, by tar and sha256; the systems in them are this one's own
# programs. With JETPACK_TEST_DATASET on zfs, too.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
cd "$work" || exit 1

t=application/vnd.oci.image
case $host_arch in aarch64) arch=arm64 ;; *) arch=$host_arch ;; esac
# blob FILE: puts it into the layout; its digest and size, as members of a descriptor
blob() {
    digest=$(sha256 -q "$1")
    cp "$1" "layout/blobs/sha256/$digest"
    printf '"digest":"sha256:%s","size":%s' "$digest" "$(stat -f %z "$1")"
}
# layout NAME:VERSION COMMAND LAYER.tar...: $work/layout
layout() {
    ref=$1 command=$2
    shift 2
    rm -rf layout
    mkdir -p layout/blobs/sha256
    ids='' layers=''
    for layer in "$@"; do
        ids="$ids${ids:+,}\"sha256:$(sha256 -q "$layer")\""
        gzip -1nc "$layer" >"$layer.gz"
        layers="$layers${layers:+,}{\"mediaType\":\"$t.layer.v1.tar+gzip\",$(blob "$layer.gz")}"
    done
    printf '{"created":"2025-06-01T00:00:00Z","architecture":"%s","os":"freebsd","config":{"cmd":[%s]},"rootfs":{"type":"layers","diff_ids":[%s]}}\n' \
        "$arch" "$command" "$ids" >config
    printf '{"schemaVersion":2,"mediaType":"%s.manifest.v1+json","config":{"mediaType":"%s.config.v1+json",%s},"layers":[%s],"annotations":{}}\n' \
        "$t" "$t" "$(blob config)" "$layers" >list
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s.manifest.v1+json",%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}\n' \
        "$t" "$(blob list)" "$ref" >layout/index.json
    echo '{"imageLayoutVersion": "1.0.0"}' >layout/oci-layout
}

mkdir empty

# ---- a base: programs, hard links, what only root changes --------------------------------------------
mkdir -p base/bin base/etc base/lib base/root base/tmp base/usr/bin base/var/empty base/dev
chmod 1777 base/tmp
for program in sh cat chflags rm; do
    cp "/bin/$program" base/bin/ || skip_all "not here: no /bin/$program"
done
echo program >base/usr/bin/passwd
ln base/usr/bin/passwd base/usr/bin/chfn
echo library >base/lib/libc.so.7
echo 'root:*:0:0:Charlie:/root:/bin/sh' >base/etc/passwd
echo 'wheel:*:0:root' >base/etc/group
echo gone >base/etc/gone
ln -s usr/bin/passwd base/link
clear_flags() { chflags -R 0 base tree again 2>/dev/null; }
trap 'clear_flags; cd /; cleanup' EXIT
chflags schg base/usr/bin/passwd base/lib/libc.so.7 base/var/empty base/etc/gone ||
    skip_all "not here: file flags cannot be set"
chflags nodump base/bin/cat
tar -C base --strip-components 1 -cf base.tar .
layout freebsd-runtime:15.0-RELEASE '"/bin/sh","-c","cat /etc/passwd"' base.tar
tar -C layout --xz --options xz:compression-level=0 --strip-components 1 -cf base.txz .
# What stands on it: replaces a file with flags, removes one, and one of two names.
mkdir -p tree/lib tree/etc tree/usr/bin tree/var/empty
echo 'another library' >tree/lib/libc.so.7
chflags schg tree/lib/libc.so.7
: >tree/etc/.wh.gone
: >tree/usr/bin/.wh.chfn
echo told >tree/var/empty/told
tar -C tree --strip-components 1 -cf more.tar .
layout freebsd-toolchain:15.0-RELEASE '"/bin/cat","/lib/libc.so.7","/var/empty/told"' base.tar more.tar

# flags ROOT: of each file that has some
flags() { (cd "$1" && find . -exec stat -f '%N %Sf' {} + | sed 's/,*uarch//' | grep -v ' -*$' | LC_ALL=C sort); }
base_flags='./bin/cat nodump
./etc/gone schg
./lib/libc.so.7 schg
./usr/bin/chfn schg
./usr/bin/passwd schg
./var/empty schg'
root_of() { find "$work/root/pods/$(uuid_of "$1")/apps" -type d -name rootfs | head -n 1; }

try() {
    done_well "$driver: an archive as FreeBSD's own" jetpack import oci:base.txz
    base=$out
    like "$base" '^sha512-[0-9a-f]{128}$' "$driver: ... its id"
    done_well "$driver: ... runs" jetpack run -destroy freebsd-runtime:15.0-RELEASE
    is "$out" 'freebsd-runtime| root:*:0:0:Charlie:/root:/bin/sh' "$driver: ... its command"
    done_well "$driver: with another on top" jetpack import oci:layout
    is "$(jetpack images -H | grep -c oci-layer/)" 2 "$driver: ... whose layer below is the same"
    run jetpack run -keep -pod-name both freebsd-toolchain:15.0-RELEASE
    is "$out" "freebsd-toolchain| another library
freebsd-toolchain| told" "$driver: a file with flags is replaced, a directory with flags is added to" || show err "$err"
    is "$(flags "$(root_of both)")" "./bin/cat nodump
./lib/libc.so.7 schg
./usr/bin/passwd schg" "$driver: a root has the flags of its image; what was removed is gone"
    is "$(jetpack diff both)" "" "$driver: ... and differs in nothing"
    done_well "$driver: destroy the pod" jetpack destroy both
    run jetpack run -keep -pod-name alone freebsd-runtime:15.0-RELEASE
    is "$(flags "$(root_of alone)")" "$base_flags" "$driver: the base's own are what they were" || show out "$(ls -lRo "$(root_of alone)")"
    jetpack destroy alone
    run jetpack run -destroy freebsd-runtime:15.0-RELEASE --exec /bin/sh -- -c \
        'chflags noschg /lib/libc.so.7; rm -f /lib/libc.so.7; cat /lib/libc.so.7' ---
    like "$out" 'library$' "$driver: root of a jail does not get past them" || show err "$err"

    # Made here, out and in.
    done_well "$driver: a build in which flags are taken and given" jetpack build -dir empty -saveid id \
        freebsd-runtime:15.0-RELEASE /bin/sh -c 'chflags noschg /lib/libc.so.7 &&
        echo built >/lib/libc.so.7 && chflags schg /lib/libc.so.7 && chflags nodump /etc/group &&
        echo "{\"acKind\": \"ImageManifest\", \"acVersion\": \"0.8.11\", \"name\": \"test.example/built\"}" >manifest.json'
    built=$(cat id 2>/dev/null)
    run jetpack run -keep -pod-name built "$built" --exec /bin/cat -- /lib/libc.so.7 ---
    like "$out" 'built$' "$driver: ... its result" || show err "$err"
    like "$(flags "$(root_of built)")" '^\./lib/libc\.so\.7 schg$' "$driver: ... has the flags that it was given"
    like "$(flags "$(root_of built)")" '^\./etc/group nodump$' "$driver: ... also where nothing else was changed"
    jetpack destroy built
    done_well "$driver: ... destroyed" jetpack destroy-image "$built"
    done_well "$driver: all verify" jetpack verify -all
    done_well "$driver: out as one layout again" jetpack export -oci freebsd-runtime:15.0-RELEASE again.tar
    rm -rf again && mkdir again && tar -C again -xf again.tar
    for layer in again/blobs/sha256/*; do tar -tf "$layer" >/dev/null 2>&1 && mkdir -p again/tree && tar -C again/tree -xpf "$layer"; done
    is "$(flags again/tree)" "$base_flags" "$driver: ... with the flags"
    chflags -R 0 again
    done_well "$driver: flat" jetpack export -flat freebsd-toolchain:15.0-RELEASE flat.aci

    for image in $(jetpack images -q | grep -v "$base"); do jetpack destroy-image "$image" >/dev/null 2>&1; done
    destroy_images
    is "$(jetpack images -q)" "" "$driver: every image can be destroyed, whatever flags it has" || jetpack images
    jetpack gc >/dev/null
    is "$(find "$work/root/images" "$work/root/tmp" "$work/root/views" -mindepth 1 | head -n 3)" "" "$driver: nothing is left"
}

driver=copy
echo 'storage.driver = copy' >>"$config"
try
if [ -n "${JETPACK_TEST_DATASET-}" ]; then
    rm -rf "$work/root"
    sed -i.bak '/^storage\.driver/d' "$config"
    printf 'storage.driver = zfs\nroot.zfs = %s\n' "$JETPACK_TEST_DATASET" >>"$config"
    driver=zfs
    try
else
    skip zfs "not here: no dataset is given in JETPACK_TEST_DATASET"
fi

# ---- what is wrong -----------------------------------------------------------------------------------
digest=$(sha256 -q more.tar.gz)
printf x >>"layout/blobs/sha256/$digest"
fails 1 'bytes, not|has the digest' "a layer that is longer than it says" jetpack import oci:layout
arch=mips64
layout freebsd-runtime:15.0-RELEASE '"/bin/sh"' base.tar
fails 1 "mips64|no word for" "a machine that App Container has no word for" jetpack import oci:layout
finish
