#!/bin/sh
# OCI and Docker images in: made by umoci, skopeo and buildah, compared with what umoci unpacks; and
# layouts that mean harm.
. "$(dirname "$0")/layouts.sh"

# ---- layers with everything ----
umoci init --layout lay
umoci new --image lay:one
fresh
rootfs tree
mkdir -p tree/usr/share/doc/a tree/usr/share/doc/b tree/opt/deep/er tree/becomes-file/in tree/opaque/sub
for f in usr/share/doc/a/f usr/share/doc/b/f opt/deep/er/x becomes-file/in/f becomes-dir opaque/old opaque/sub/old gone; do
    echo "$f" >"tree/$f"
done
ln tree/usr/share/doc/b/f tree/opt/hard
ln -s /etc/passwd tree/opt/link
ln -s nowhere tree/becomes-real
mkfifo tree/opt/fifo
printf 'with a newline' >"tree/opt/odd
name"
setfattr -n user.note -v one tree/opt/deep/er/x
chown 33:34 tree/opt/deep
chmod 2750 tree/opt/deep
touch -h -d '2001-02-03 04:05:06.789' tree/opt/link tree/opt/deep/er/x
umoci config --image lay:one --os "$host_os" --config.entrypoint /bin/probe --config.cmd cat --config.cmd /etc/said \
    --config.user alice --config.env A=b --config.env 'bad name=x' --config.exposedports 80/tcp \
    --config.exposedports 53/udp --config.exposedports 8080 --config.volume /var/lib/x \
    --config.workingdir /data --config.label some.key=value --config.stopsignal SIGINT --author me
entries='.
bin bin/probe bin/knock data data/file etc etc/group etc/passwd gone home home/alice tmp
becomes-dir becomes-file becomes-file/in becomes-file/in/f becomes-real
opaque opaque/old opaque/sub opaque/sub/old
opt opt/deep opt/deep/er opt/deep/er/x opt/fifo opt/hard opt/link usr usr/share usr/share/doc
usr/share/doc/a usr/share/doc/a/f usr/share/doc/b usr/share/doc/b/f'
layer lay:one
entries=
fresh
mkdir -p tree/usr/share/doc tree/opt tree/becomes-dir tree/etc tree/opaque
touch tree/usr/share/doc/.wh.a tree/opt/.wh.deep tree/.wh.gone tree/opaque/.wh..wh..opq tree/etc/.wh.never-there
echo new >tree/opaque/new
echo said >tree/etc/said
echo real >tree/becomes-real
echo file >tree/becomes-file
echo in >tree/becomes-dir/in
chmod 0700 tree/opt
layer lay:one
fresh
mkdir -p tree/opt/deep tree/etc
echo again >tree/opt/deep/again
echo said twice >tree/etc/said
chmod 0700 tree/opt
entries='etc/said opt opt/deep opt/deep/again' # etc is left unnamed
layer lay:one
entries=

run jetpack import oci:lay:one
is "$status" 0 "an OCI layout is imported"
like "$err" "^jetpack: warning: .*environment variable 'bad name'" "... with a word on what it cannot hold"
id=$out
like "$id" '^sha512-' "... and its id is printed"
is "$(jetpack images -q lay:one)" "$id" "... it is found by the name of the layout and its tag"
is "$(jetpack images -H | grep -c oci-layer/sha256-)" 3 "... it stands on an image for each layer"
run jetpack run -destroy lay:one
is "$out" "lay| said twice" "... and runs"
same lay:one lay:one "three layers with whiteouts"
unlike "$(cat ours)" '^(gone|opaque/old|opaque/sub|usr/share/doc/a|opt/deep/er)' "what whiteouts name is gone"
like "$(cat ours)" '^opt/deep/again' "... and can come again"

m=$(jetpack image-manifest lay:one | tr -d ' \n')
for want in '"labels":\[\{"name":"version","value":"one"\},\{"name":"os","value":"'"$host_os"'"\},\{"name":"arch","value":"'"$host_arch"'"\}\]' \
    '"exec":\["/bin/probe","cat","/etc/said"\]' \
    '"user":"alice","group":"1000","supplementaryGIDs":\[50\]' '"workingDirectory":"/data"' \
    '\{"name":"A","value":"b"\}' '\{"name":"volume-var-lib-x","path":"/var/lib/x"\}' \
    '\{"name":"80-tcp","protocol":"tcp","port":80\}' '\{"name":"53-udp","protocol":"udp","port":53\}' \
    '\{"name":"8080","protocol":"tcp","port":8080\}' '"userLabels":\{"some.key":"value"\}' \
    '"name":"authors","value":"me"' '"name":"jetpack/stop-signal","value":"SIGINT"' \
    '"name":"appc.io/docker/entrypoint","value":"\[\\"/bin/probe\\"\]"' \
    '"name":"appc.io/docker/imageid","value":"sha256:[0-9a-f]{64}"'; do
    like "$m" "$want" "manifest: $(printf '%s' "$want" | tr -d '\\' | cut -c1-60)"
done

# ---- once, and always the same ----
run jetpack import oci:lay:one
is "$out" "$id" "a second time it is the same image"
like "$err" 'here already' "... and nothing new"
umoci config --image lay:one --tag two --config.cmd id
run jetpack import oci:lay:two
is "$(jetpack images -H | grep -c oci-layer/sha256-)" 3 "another image of the same layers brings none"
sed "s|$work/root|$work/root2|" "$config" >config2
run "$JETPACK" -config "$work/config2" import oci:lay:one
is "$out" "$id" "elsewhere it has the same id"
run jetpack verify -all
is "$status" 0 "what was imported verifies"
run jetpack fsck
is "$status" 0 "... and fsck finds nothing wrong"

# ---- out again ----
run jetpack export -oci lay:one gone-out/
is "$status" 0 "a layout in a directory" || show err "$err"
digest=$out
like "$digest" '^sha256:[0-9a-f]{64}$' "... and its manifest's digest"
is "$(command skopeo inspect --format '{{.Digest}}' oci:gone-out:one 2>&1)" "$digest" "... which skopeo sees, too"
run jetpack export -oci lay:one gone-out.tar
is "$out" "$digest" "... as a tar it is the same"
is "$(command skopeo inspect --format '{{.Digest}}' oci-archive:gone-out.tar:one 2>&1)" "$digest" "... for skopeo, too"
"$JETPACK" -config "$config" export -oci lay:one >again.tar
cmp -s gone-out.tar again.tar
ok $? "... every time, to the last bit"
run "$JETPACK" -config "$work/config2" export -oci lay:one gone-out2/
is "$out" "$digest" "... elsewhere, too"
rm -rf bundle theirs.tree
umoci unpack --image gone-out:one bundle
(tree bundle/rootfs) >exported
rm -rf bundle
umoci unpack --image lay:one bundle
(tree bundle/rootfs) >theirs
diff theirs exported >differences
ok $? "the tree is what it was before it came" || show difference "$(head -n 20 differences)"
config_of() { command skopeo inspect --config "$1" | sed -n '/"config": {/,/^    }/p' | tr -d ,; }
is "$(config_of oci:gone-out:one | sort)" "$(config_of oci:lay:one | grep -v 'bad name' | sed 's/8080": {}/8080\/tcp": {}/' | sort)" "... the configuration, too"
is "$(command skopeo inspect --config oci:gone-out:one | grep -c '"created_by"')" "$(command skopeo inspect --format '{{len .Layers}}' oci:gone-out:one)" \
    "... with a history for each layer"
run jetpack import -name back:1 oci:gone-out
done_well "... and it can come back" jetpack run -destroy back
is "$out" "back| said twice" "... and runs"
fails 1 "is not empty" "a directory that is not empty" jetpack export -oci lay:one gone-out/
fails 2 "none, gzip or zstd" "a compression that OCI has not" jetpack export -oci -compression=xz lay:one x.tar
for c in none zstd; do
    done_well "layers with compression $c" jetpack export -oci -compression=$c lay:one "out-$c.tar"
    done_well "... come back" jetpack import -name "back:$c" "oci:out-$c.tar"
done
image plain '"exec": ["/bin/probe", "id"], "user": "0", "group": "0", "ports": [{"name": "p", "protocol": "udp", "port": 7000, "count": 3}]'
plain=$(jetpack import -q "$work/plain.aci")
run jetpack export -oci "$plain" plain/
is "$status" 0 "an image that was never one of OCI" || show err "$err"
like "$(command skopeo inspect --config oci:plain:1.0 | tr -d ' \n')" '"ExposedPorts":\{"7000/udp":\{\},"7001/udp":\{\},"7002/udp":\{\}\},"Entrypoint":\["/bin/probe","id"\]' \
    "... has its command and ports"
run jetpack import -name plain-back oci:plain
done_well "... and comes back" jetpack run -destroy plain-back

# ---- the forms it comes in ----
reimport() { # NAME LOCATION [OPTION...]
    title=$1 location=$2
    shift 2
    run jetpack import "$@" -name lay:one "$location"
    is "$status" 0 "$title" || show err "$err"
    is "$(jetpack image-manifest "$out" | grep imageID)" "$(jetpack image-manifest "$id" | grep imageID)" \
        "... with the same layers"
}
tar -C lay -cf lay.tar .
reimport "a layout as a tar" oci:lay.tar:one
gzip -k lay.tar
reimport "... compressed" oci:lay.tar.gz:one
skopeo copy oci:lay:one docker-archive:saved.tar:example.com:5000/some/thing_x:v1
reimport "what docker save writes" docker-archive:saved.tar
xz -0 -k saved.tar
reimport "... compressed" docker-archive:saved.tar.xz
"$JETPACK" -config "$config" import -name lay:one docker-archive:- <saved.tar.xz >stdin.out 2>stdin.err
is "$(jetpack image-manifest "$(cat stdin.out)" | grep imageID)" "$(jetpack image-manifest "$id" | grep imageID)" \
    "... from standard input"
run jetpack import docker-archive:saved.tar
like "$(jetpack show-image -format=json "$out")" '"name": "example.com-5000/some/thing-x"' \
    "the name in the archive becomes an AC Identifier"
# As Docker wrote them before there was a manifest.json; skopeo still adds all that was in them.
mkdir old && tar -C old -xf saved.tar && rm old/manifest.json && tar -C old -cf old.tar .
reimport "what Docker 1.9 and older saved" docker-archive:old.tar
run jetpack import docker-archive:old.tar:example.com:5000/some/thing_x:v1
old=$out
like "$(jetpack show-image -format=json "$old")" '"name": "example.com-5000/some/thing-x"' "... its name is that in the archive"
run jetpack run -destroy "$old"
like "$out" 'said twice$' "... and it runs"
fails 1 "there is no 'other:tag': there is example.com:5000/some/thing_x:v1" "... a name that it lacks" \
    jetpack import docker-archive:old.tar:other:tag
fails 1 "there is no 'other:tag': there is example.com:5000/some/thing_x:v1" "a name that it lacks" \
    jetpack import docker-archive:saved.tar:other:tag
fails 1 "several images are there, say which: .*(one, two|two, one)" "a layout of several images" jetpack import oci:lay
fails 1 "docker-archive:FILE or oci:PATH" "an archive of docker save is recognised as such" jetpack import saved.tar
fails 1 "docker-archive:FILE or oci:PATH" "... so is a layout" jetpack import lay.tar
fails 1 "has no signature" "an unsigned one needs a yes" \
    jetpack -o allow.no-signature=off import oci:lay:one
if command -v buildah >/dev/null; then
    buildah() { command buildah --root "$work/bs" --runroot "$work/br" --storage-driver vfs "$@" >>buildah.log 2>&1; }
    fresh
    rootfs tree
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >policy.json
    c=$(command buildah --root "$work/bs" --runroot "$work/br" --storage-driver vfs from scratch 2>buildah.log)
    if [ -n "$c" ] && buildah copy "$c" tree / && buildah config --entrypoint '["/bin/probe"]' --cmd 'id' "$c" &&
        buildah commit --format docker --signature-policy policy.json "$c" oci:built:b; then
        run jetpack import oci:built:b
        is "$status" 0 "an image by buildah" || show err "$err"
        same built:b built:b "an image by buildah"
        c=$(command buildah --root "$work/bs" --runroot "$work/br" --storage-driver vfs from --signature-policy policy.json oci:gone-out:one 2>>buildah.log)
        mounted=$(command buildah --root "$work/bs" --runroot "$work/br" --storage-driver vfs mount "$c" 2>>buildah.log)
        if [ -n "$mounted" ]; then
            (tree "$mounted") | grep -v "^$(printf 'opt|d')" >theirs
            grep -v "^$(printf 'opt|d')" exported | diff theirs - >differences
            ok $? "buildah sees what we export" || show difference "$(head -n 20 differences)"
            printf 'FROM oci:gone-out:one\nENV NEXT=yes\nCOPY tree/data/file /again\nCOPY tree/data/file /and-again\n' >Containerfile
            buildah bud --layers --signature-policy policy.json -t onours -f Containerfile . &&
                buildah push --signature-policy policy.json onours oci:onours:x
            ok $? "buildah builds on it, step by step" || show log "$(tail -n 3 buildah.log)"
            run jetpack import -name onours:1 oci:onours:x
            is "$status" 0 "... and we take what it made" || show err "$err"
            run jetpack run -destroy onours -exec '["/bin/probe", "cat", "/and-again"]'
            is "$out" "onours| from-image" "... which runs"
        else
            skip "buildah sees what we export" "not here: buildah cannot mount: $(tail -n 1 buildah.log | tr '#' ' ')"
        fi
    else
        skip "an image by buildah" "not here: buildah cannot work: $(tail -n 1 buildah.log | tr '#' ' ')"
    fi
else
    skip "an image by buildah" "not here: buildah is not installed"
fi

# ---- layouts made by hand ----
# blob FILE: puts it into the layout `hand`, prints its descriptor's digest and size
blob() {
    sum=$(sha256sum <"$1")
    rm -f "hand/blobs/sha256/${sum%% *}" # it may be a link
    cp "$1" "hand/blobs/sha256/${sum%% *}"
    printf '"digest": "sha256:%s", "size": %d' "${sum%% *}" "$(wc -c <"$1")"
}
plain() { sha256sum <"$1" | sed 's/^\([0-9a-f]*\).*/sha256:\1/'; }
t=application/vnd.oci.image
# hand TAR...: the descriptor of a manifest with these layers, in $made; for the architecture $arch
arch=$host_arch
[ "$arch" != aarch64 ] || arch=arm64
made_for=$arch
hand() {
    mkdir -p hand/blobs/sha256
    echo '{"imageLayoutVersion": "1.0.0"}' >hand/oci-layout
    ids='' layers=''
    for l in "$@"; do
        ids="$ids${ids:+, }\"$(plain "$l")\""
        layers="$layers${layers:+, }{\"mediaType\": \"$t.layer.v1.tar\", $(blob "$l")${more_layer-}}"
    done
    echo "{\"os\": \"$host_os\", \"architecture\": \"$made_for\", \"config\": {\"${command_key-Cmd}\": [\"/bin/probe\", \"id\"]${more_config-}},
      \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [${diff_ids-$ids}]}}" >config.json
    echo "{\"schemaVersion\": 2, \"config\": {\"mediaType\": \"$t.config.v1+json\", $(blob config.json)},
      \"layers\": [${layer_list-$layers}]${more_manifest-}}" >manifest.json
    made="\"mediaType\": \"$t.manifest.v1+json\", $(blob manifest.json)"
}
# index DESCRIPTOR...: writes index.json
index() {
    list=
    for one in "$@"; do list="$list${list:+, }{$one}"; done
    echo "{\"schemaVersion\": 2, \"manifests\": [$list]${more_index-}}" >hand/index.json
}
named() { jetpack images -H | grep -v oci-layer/; }
refused() { # REGEX NAME [LOCATION]
    before=$(named)
    fails 1 "$1" "$2" jetpack import "${3-oci:hand}"
    is "$(named; find "$work/root/tmp" -mindepth 1 | head -n 3)" "$before" "... and nothing is left of it"
}
fresh
rootfs tree
(cd tree && tar -cf ../base.tar bin data etc home tmp)
hand base.tar
index "$made"
run jetpack import oci:hand
is "$status" 0 "a layout made by hand" || show err "$err"
run jetpack run -destroy "$out"
is "$out" 'hand| 0 0 0' "... runs"
command_key=cmd hand base.tar
index "$made, \"annotations\": {\"org.opencontainers.image.ref.name\": \"freebsd-runtime:14.2-RELEASE\"}"
run jetpack import oci:hand
is "$status" 0 "as FreeBSD's own images are written" || show err "$err"
run jetpack run -destroy freebsd-runtime:14.2-RELEASE
is "$out" 'freebsd-runtime| 0 0 0' "... found by the name and version that the layout gives it; its command runs"
unset command_key
umoci new --image lay:inserted
umoci insert --image lay:inserted tree /
umoci config --image lay:inserted --os "$host_os" --config.entrypoint /bin/probe --config.cmd id
run jetpack import oci:lay:inserted
is "$status" 0 "a layer whose top is called '/' (umoci insert)" || show err "$err"
run jetpack run -destroy "$out"
like "$out" '\| 0 0 0$' "... runs" || show err "$err"

flip() { printf 'X' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
sum=$(sha256sum <base.tar)
fresh && echo other >tree/other && tar -C tree -cf other.tar other
hand other.tar
index "$made"
sum=$(sha256sum <other.tar)
flip "hand/blobs/sha256/${sum%% *}" 520
refused 'has the digest sha256:[0-9a-f]*, not sha256:' "row 79: a layer whose bytes are not what its digest says"
cp other.tar "hand/blobs/sha256/${sum%% *}"
printf 'more' >>"hand/blobs/sha256/${sum%% *}"
refused 'bytes, not' "... whose size is not"
gzip -nc other.tar >other.gz
hand other.gz # the diff_id is that of the compressed bytes
index "$made"
refused 'the uncompressed layer has the digest' "... whose content is not what the configuration says"
diff_ids="\"$(plain other.tar)\"" hand other.gz
index "$made"
cp hand/index.json good.json
done_well "... and one that is compressed, with the right one" jetpack import oci:hand
sum=$(sha256sum <config.json)
sed 's/probe/prob3/' config.json >"hand/blobs/sha256/${sum%% *}"
refused 'a document has the digest' "a configuration that was changed"
rm -f "hand/blobs/sha256/${sum%% *}"
cp config.json elsewhere.json
ln -s "$work/elsewhere.json" "hand/blobs/sha256/${sum%% *}"
refused "the configuration: " "... that is a link out of the layout"
rm -f "hand/blobs/sha256/${sum%% *}"
diff_ids='' hand other.tar
index "$made"
refused '1 layers, but the configuration speaks of 0' "more layers than digests of their content"
diff_ids='"sha256:../../../etc/passwd"' hand other.tar
index "$made"
refused 'is not a digest' "row 80: a digest that is a path"
hand other.tar
index "\"mediaType\": \"$t.manifest.v1+json\", \"digest\": \"sha256:../../../../../../../../../../../../../etc/passwd\", \"size\": 1"
refused 'is not a digest' "... in the index"
layer_list="{\"mediaType\": \"$t.layer.nondistributable.v1.tar\", \"digest\": \"sha256:$(printf %064d 0)\", \"size\": 10, \"urls\": [\"file:///etc/passwd\"]}" \
    diff_ids="\"sha256:$(printf %064d 0)\"" hand
index "$made"
refused 'layer 1 of 1' "a foreign layer is not looked for where its URL says"
more_manifest=', "manifests": []' hand other.tar
index "$made"
refused "could be taken for another kind" "row 79: a manifest that is an index, too"
more_manifest=", \"mediaType\": \"$t.index.v1+json\"" hand other.tar
index "$made"
refused "its media type is" "... that calls itself one"
more_manifest=', "layers": []' hand other.tar
index "$made"
refused "duplicate" "... that has its layers twice"
more_manifest=', "x": "'$(printf '\\')'u0000"' hand other.tar
index "$made"
refused "not valid JSON" "... with a NUL"
hand other.tar
index "$made"
{ printf '{"schemaVersion": 2, "manifests": [], "x": "'; head -c 5000000 /dev/zero | tr '\0' x; echo '"}'; } >hand/index.json
refused 'a document of 50.* bytes' "an index of five megabytes"
{ printf '{"schemaVersion": 2, "manifests": ['; for i in $(seq 20000); do printf '{"digest": "sha256:%064d", "size": 1},' "$i"; done; echo '{}]}'; } >hand/index.json
refused 'too long' "... of very many entries"
d=$made
for i in 1 2 3 4 5 6; do
    echo "{\"schemaVersion\": 2, \"manifests\": [{$d}], \"x\": $i}" >nested.json
    d="\"mediaType\": \"$t.index.v1+json\", $(blob nested.json)"
    [ "$i" -ne 2 ] || two=$d
done
index "$two"
done_well "an index in an index" jetpack import oci:hand
index "$d"
refused 'more than 4 deep' "... six deep"
echo '{"schemaVersion": 1, "fsLayers": []}' >old.json
index "\"mediaType\": \"$t.manifest.v1+json\", $(blob old.json)"
refused "first schema" "Docker's first schema"
index "\"mediaType\": \"application/x\", $(blob old.json)"
refused "is not an image" "another media type"
fresh && touch tree/.wh... && tar -C tree -cf evil.tar .wh...
hand base.tar evil.tar && index "$made"
refused "a whiteout of nothing" "a whiteout of '..'"
fresh && mkdir tree/.wh.d && touch tree/.wh.d/x && tar -C tree -cf evil.tar .wh.d
hand base.tar evil.tar && index "$made"
refused "name of a whiteout" "a whiteout that is a directory"
fresh && mkdir tree/d && touch tree/d/x && tar -C tree --transform 's|^d/x|d/../../x|' -P -cf evil.tar d
hand base.tar evil.tar && index "$made"
refused "has a component '..'" "a layer with '..' in a name"
fresh && ln -s nowhere tree/etc && mkdir tree/real && touch tree/real/x && tar -C tree --transform 's|^real|etc|' -cf evil.tar etc real/x
hand base.tar evil.tar && index "$made"
refused "below something that is not a directory" "a layer that writes through its own link"
fresh && head -c 3000000 /dev/zero >tree/zeros && tar -C tree -cf bomb.tar zeros
hand base.tar bomb.tar && index "$made"
fails 1 'larger than|more than|limit' "a layer larger than the limit" \
    jetpack -o images.max-size=2000000 import oci:hand
dd if=other.tar of=cut.tar bs=512 count=1 2>/dev/null
hand cut.tar && index "$made"
refused "truncated" "a layer that is cut short"

# What AUFS leaves in layers, a second directory, parents that the lowest layer does not name.
fresh
rootfs tree
mkdir -p tree/.wh..wh.plnk tree/un/named
touch tree/.wh..wh.plnk/1.2 tree/.wh..wh.aufs tree/un/named/file
(cd tree && tar --no-recursion -cf ../low.tar .wh..wh.plnk .wh..wh.plnk/1.2 .wh..wh.aufs un/named/file etc etc/passwd etc/group bin bin/probe)
hand low.tar && index "$made"
done_well "a lowest layer that leaves directories unnamed, with what AUFS leaves" \
    jetpack import -name low oci:hand
stack low ours
like "$(cat ours)" '^un/named\|d\|755\|0:0\|0.0' "... they are root's"
unlike "$(cat ours)" 'wh\.' "... and nothing of AUFS's is in it"
fresh && touch tree/.wh.bin tree/.wh.etc tree/.wh.un && tar -C tree -cf nothing.tar .wh.bin .wh.etc .wh.un
hand low.tar nothing.tar && index "$made"
done_well "a layer that takes everything away" jetpack import -name nothing oci:hand
top=$(jetpack image-manifest nothing | sed -n 's/.*"imageID": "\(.*\)".*/\1/p')
like "$(jetpack image-manifest "$top" | tr -d '\n')" '"jetpack/removed", *"value": "/bin /etc /un"' "... says what"
stack nothing ours
is "$(grep -vc '^\(dev\|etc\|proc\|sys\|tmp\|var\)' ours)" 0 "... and leaves nothing but the root"

# As many layers as Docker allows, of which each takes away what the one below adds.
i=0 many=
while [ $i -lt 127 ]; do
    fresh
    echo $i >"tree/f$i"
    [ $i -eq 0 ] || : >"tree/.wh.f$((i - 1))"
    tar -C tree -cf "many$i.tar" "f$i" $([ $i -eq 0 ] || echo ".wh.f$((i - 1))")
    many="$many many$i.tar"
    i=$((i + 1))
done
# shellcheck disable=SC2086 # a list of words
hand base.tar $many && index "$made"
done_well "an image of 128 layers with whiteouts" jetpack import -q -name many oci:hand
for driver in overlay copy; do
    run jetpack -o storage.driver=$driver run -destroy many --exec /bin/probe -- cat /f126 ---
    is "$out" 'many| 126' "... $driver: shows the topmost" || show err "$err"
done
done_well "... is flattened" jetpack export -flat many flat.aci
is "$(tar -tf flat.aci | grep -c '/f[0-9]')" 1 "... and shows nothing else"
layer_list=$(printf "{\"mediaType\": \"$t.layer.v1.tar\", \"digest\": \"sha256:%064d\", \"size\": 1}, " $(seq 498))
layer_list="$layer_list{\"mediaType\": \"$t.layer.v1.tar\", \"digest\": \"sha256:$(printf %064d 0)\", \"size\": 1}" hand base.tar
unset layer_list
index "$made"
refused "more than 498 layers" "more layers than can be stacked"

# Somebody's own image under the name of a layer is not that layer.
hand base.tar && index "$made"
name=$(jetpack images -H | grep -o 'oci-layer/sha256-[0-9a-f]*' | grep "$(plain base.tar | cut -d: -f2)")
mkdir -p fake/rootfs/bin
cat >fake/manifest <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "$name"}
END
tar -C fake -cf fake.aci manifest rootfs
sed "s|$work/root|$work/root3|" "$config" >config3
# row 40
fake=$("$JETPACK" -config "$work/config3" import -q fake.aci)
top=$("$JETPACK" -config "$work/config3" import -q oci:hand)
unlike "$("$JETPACK" -config "$work/config3" image-manifest "$top")" "$fake" "row 40: an image that calls itself a layer is not taken for it"

# ---- which machine ----
made_for=mips64 hand base.tar
other_one="$made, \"platform\": {\"os\": \"$host_os\", \"architecture\": \"mips64\"}"
hand base.tar
mine="$made, \"platform\": {\"os\": \"$host_os\", \"architecture\": \"$arch\"}"
index "$other_one" "$mine"
run jetpack import -name which oci:hand
is "$status" 0 "of several machines' images, this one's is taken" || show err "$err"
fails 1 "several images are there, say which: sha256:" "... and not a machine's that has none" \
    jetpack import -platform=plan9/mips64 oci:hand
echo "{\"schemaVersion\": 2, \"manifests\": [{$other_one}, {$mine}]}" >both.json
index "\"mediaType\": \"$t.index.v1+json\", $(blob both.json)"
done_well "the same in an index of its own" jetpack import -name which oci:hand
fails 1 "is no image for plan9/mips64: it is for .*mips64" "... where the error says what there is" \
    jetpack import -platform=plan9/mips64 oci:hand
fails 1 "has no word for the system $host_os/mips64" "one that App Container has no word for" \
    jetpack import "-platform=$host_os/mips64" oci:hand
index "$mine"
fails 1 "no image for plan9/mips64: it is for $host_os/$arch" "an only image that is for another than asked for" \
    jetpack import -platform=plan9/mips64 oci:hand
done_well "... and for the one asked for" jetpack import "-platform=$host_os/$arch" -name which oci:hand
fails 2 "must be OS/ARCH" "-platform needs both" jetpack import -platform=linux oci:hand

# ---- archives made by hand ----
saved() { # CONFIG LAYER
    echo "[{\"Config\": \"$1\", \"RepoTags\": [\"a/b:1\"], \"Layers\": [\"$2\"]}]" >manifest.json
    tar -cf saved.tar manifest.json config.json dir link
}
mkdir dir && cp base.tar dir/layer.tar && mkdir -p link && ln -s ../dir/layer.tar link/layer.tar && ln -s ../../../../../../etc/passwd link/evil
hand base.tar
saved config.json link/layer.tar
done_well "an archive in which a layer is a link to another" jetpack import docker-archive:saved.tar
saved /etc/passwd dir/layer.tar
refused "the archive has no '/etc/passwd'" "row 80: a path of the host as configuration" docker-archive:saved.tar
saved ../../../../etc/passwd dir/layer.tar
refused "the archive has no" "... with '..'" docker-archive:saved.tar
fresh && echo evil >tree/evil && tar -C tree -cf evil.tar evil
hand evil.tar
saved config.json link/evil
refused "the archive has no 'link/evil'" "... as a link in the archive, for a layer" docker-archive:saved.tar
hand base.tar
saved "$(printf %064d 0).json" dir/layer.tar
cp config.json "$(printf %064d 0).json"
tar -rf saved.tar "$(printf %064d 0).json"
refused "its digest is" "a configuration whose name is another one's digest" docker-archive:saved.tar
saved config.json dir/layer.tar
tar -rf saved.tar config.json
refused "is in the archive twice" "an archive with a name twice" docker-archive:saved.tar
refused "neither an OCI image layout nor" "an archive that is neither" docker-archive:base.tar
# old REPOSITORIES LAYER-JSON: as before manifest.json, of one layer
layer_id=$(printf %064d 7)
old() {
    rm -rf legacy && mkdir -p "legacy/$layer_id" && echo "$1" >legacy/repositories && echo "$2" >"legacy/$layer_id/json"
    cp base.tar "legacy/$layer_id/layer.tar"
    tar -C legacy -cf old.tar .
}
old "{\"a\": {\"b\": \"$layer_id\", \"c\": \"$layer_id\"}}" "{\"id\": \"$layer_id\", \"architecture\": \"$arch\", \"config\": {\"Cmd\": [\"/bin/probe\", \"id\"]}}"
done_well "an old archive, of one image with two names" jetpack import -q docker-archive:old.tar
done_well "... by its second one" jetpack import -q docker-archive:old.tar:a:c
old "{\"a\": {\"b\": \"$layer_id\"}}" "{\"id\": \"$layer_id\", \"parent\": \"$layer_id\"}"
refused "more than 498 layers" "row 79: layers in a circle" docker-archive:old.tar
old "{\"a\": {\"b\": \"$layer_id\"}}" "{\"id\": \"$layer_id\", \"parent\": \"../../../../etc\"}"
refused "the archive has no '../../../../etc/json'" "row 80: a layer that is a path" docker-archive:old.tar
old "{\"a\": {\"b\": \"../../etc\"}}" "{}"
refused "'a:b' has no id of a layer" "... an image that is one" docker-archive:old.tar
old "{\"a\": {\"b\": \"$layer_id\"}}" "{\"id\": \"$(printf %064d 8)\"}"
refused "is about another layer" "a layer that says that it is another" docker-archive:old.tar
old '{"a": []}' '{}'
refused "'a' has no list of tags" "repositories of another form" docker-archive:old.tar
old '{}' '{}'
refused "there is no 'image': there is nothing" "an old archive without an image" docker-archive:old.tar
fails 1 "No such file" "a file that is not there" jetpack import oci:missing:x
fails 2 "names no file" "no file" jetpack import oci:

finish
