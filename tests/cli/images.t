#!/bin/sh
# The life of images: import, list, show, verify, export, destroy.
. "$(dirname "$0")/lib.sh"
need_root

run jetpack init
like "$out" "$work/root is ready" "init"
run jetpack init
is "$status" 0 "init a second time"
like "$out" 'ready already' "... says so"
run jetpack images -H
is "$out" '' "no images yet"

# Import.
image one '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
fails 1 'allow-unsigned' "an unsigned image needs a yes" \
    jetpack -o allow.no-signature=off import "$work/one.aci"
run jetpack -o allow.no-signature=off import -allow-unsigned -saveid "$work/id" "$work/one.aci"
is "$status" 0 "import -allow-unsigned"
like "$out" '^sha512-[0-9a-f]{128}$' "... prints the id"
id=$out
is "$(cat "$work/id")" "$id" "-saveid"
is "$err" '' "no progress where there is no terminal"
if command -v sha512sum >/dev/null 2>&1; then
    is "$id" "sha512-$(sha512sum <"$work/one.aci" | cut -d' ' -f1)" "the id is that of the archive"
fi
run jetpack import "$work/one.aci"
is "$status" 0 "import again"
like "$err" 'here already' "... says so"
is "$out" "$id" "... and gives the same id"

for method in gzip bzip2 xz zstd; do
    command -v "$method" >/dev/null 2>&1 || { skip "import of $method" "no $method"; continue; }
    "$method" -c "$work/one.aci" >"$work/one.$method"
    run jetpack import -q "$work/one.$method"
    is "$out" "$id" "import of $method gives the same id"
done
"$JETPACK" -config "$config" import -q - <"$work/one.aci" >"$work/out" 2>&1
is "$(cat "$work/out")" "$id" "import from standard input"
run jetpack import -q "file://$work/one.aci"
is "$out" "$id" "import of a file:// URL"
run jetpack import -format=json "$work/one.aci"
is "$(json id)" "$id" "import as JSON"
is "$(json was_here)" true "... tells that it was here"
fails 1 'other.example/name|test.example/one' "import -name of another image" \
    jetpack import -name other.example/name "$work/one.aci"

# A root file system and a manifest.
mkdir "$work/tree"
rootfs "$work/tree/rootfs"
manifest two '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"' 2.0 >"$work/two.json"
tar -C "$work/tree/rootfs" -cf "$work/two.tar" .
run jetpack import -q "$work/two.tar" "$work/two.json"
is "$status" 0 "import ROOTFS MANIFEST"
two=$out
run jetpack import -q "$work/two.tar" "$work/two.json"
is "$out" "$two" "... gives the same id each time"
# bare NAME ENTRY...: an image of a tar of only these, made of the tree's root
bare() {
    name=$1
    shift
    sed "s|example/two|example/$name|" "$work/two.json" >"$work/$name.json"
    tar -C "$work/tree/rootfs" --no-recursion --mode=go-w -cf "$work/$name.tar" "$@"
    run jetpack import -q "$work/$name.tar" "$work/$name.json"
}
tree_of() { (cd "$work/root/images/$1/rootfs" && find . | sort | tr '\n' ' '); }
bare few bin/probe data data/file etc/passwd etc/group
is "$status" 0 "a tar of some files, without their directories" || show err "$err"
is "$(tree_of "$out")" ". ./bin ./bin/probe ./data ./data/file ./etc ./etc/group ./etc/passwd " "... which are there"
is "$(stat -c %a:%u "$work/root/images/$out/rootfs/bin" 2>/dev/null || echo 755:0)" 755:0 "... root's"
done_well "... and it runs" jetpack run -destroy test.example/few
bare late bin bin/probe etc etc/passwd .
is "$status" 0 "a tar in which './' comes last" || show err "$err"
unlike "$err" warning "... and says nothing new of it"
chmod 0711 "$work/tree/rootfs"
bare later bin bin/probe .
is "$status" 0 "... and something new"
like "$err" 'warning: .*what its root directory is' "... which is left out, with a word"
chmod 0755 "$work/tree/rootfs"
for name in few late later; do
    jetpack destroy-image "test.example/$name"
done
fails 1 'manifest' "import ROOTFS with a bad manifest" \
    jetpack import -q "$work/two.tar" "$work/one.aci"

# List and show.
run jetpack images
like "$out" '^ID +NAME +SIZE +CREATED' "images has a header"
run jetpack images -H -l
tab=$(printf '\t')
like "$out" "^$id$tab""test.example/one:1.0,arch=$host_arch,os=$host_os$tab" "images -H -l"
run jetpack images -H
like "$out" "^$(printf %.39s "$id")$tab" "short ids have 39 characters"
run jetpack images -q
is "$(printf '%s\n' "$out" | sort)" "$(printf '%s\n%s\n' "$id" "$two" | sort)" "images -q"
run jetpack images -q test.example/two
is "$out" "$two" "images NAME"
run jetpack images -format=json test.example/one
is "$(json id)" "$id" "images as JSON: id"
is "$(json version)" 1.0 "... labels"
run jetpack image list -q
like "$out" "$id" "image list"

run jetpack show-image test.example/one
like "$out" "^ID +$id" "show-image: id"
like "$out" '^Exec +\[0:0\] /bin/probe true' "... exec"
run jetpack image test.example/one show
like "$out" "^ID +$id" "image IMAGE show"
run jetpack show-image -format=json "$id"
is "$(json name | head -1)" test.example/one "show-image as JSON, by id"
run jetpack show-image "$(printf %.20s "$id")"
like "$out" "$id" "by a prefix of the id"
run jetpack image-manifest test.example/one
like "$out" '"name": "test.example/one"' "image-manifest"
like "$out" '^  "' "... indented by two"

# Names: the newest version, ambiguity, what is not there.
mkdir "$work/versions"
rootfs "$work/versions/rootfs"
for version in 9.0 10.0; do
    manifest ver '' "$version" >"$work/versions/manifest"
    pack "$work/versions" "$work/ver.$version.aci"
    run jetpack import -q "$work/ver.$version.aci"
    eval "ver_$(echo "$version" | tr . _)=\$out"
done
run jetpack show-image -format=json test.example/ver
is "$(json id)" "$ver_10_0" "the newest version wins, by number"
run jetpack show-image -format=json test.example/ver:9.0
is "$(json id)" "$ver_9_0" "an older version by name"
fails 1 'test.example/none' "no such image" jetpack show-image test.example/none
fails 2 'sha512-' "an id without digits" jetpack show-image sha512-
run jetpack show-image 'Not An Image!'
is "$status" 2 "not a word for an image"

# Verify and export.
run jetpack verify test.example/one
is "$status" 0 "verify"
like "$out" 'intact' "... says so"
run jetpack verify -all
is "$status" 0 "verify -all"
for method in none gzip bzip2 xz zstd; do
    run jetpack export -compression="$method" test.example/one "$work/export.$method"
    is "$status" 0 "export with $method"
done
cmp -s "$work/one.aci" "$work/export.none"
ok $? "the exported archive is the imported one"
gzip -dc "$work/export.gzip" | cmp -s - "$work/one.aci"
ok $? "... also compressed"
"$JETPACK" -config "$config" export -compression=none test.example/one >"$work/stdout.aci"
cmp -s "$work/one.aci" "$work/stdout.aci"
ok $? "export to standard output"
if [ -x "$programs/withpty" ]; then
    run "$programs/withpty" 'expect terminal' "$JETPACK" -config "$config" export test.example/one
    is "$status" 2 "export refuses a terminal"
    run "$programs/withpty" 'expect sha512-' "$JETPACK" -config "$config" import "$work/one.aci"
    is "$status" 0 "import on a terminal"
fi
jetpack export -compression=none "$two" "$work/two.aci"
jetpack destroy-image "$two"
run jetpack import -q "$work/two.aci"
is "$out" "$two" "export and import give the same id"

# Some storage drivers let nobody write to an image.
if (echo changed >>"$work/root/images/$id/rootfs/data/file") 2>/dev/null; then
    run jetpack verify test.example/one
    is "$status" 1 "verify after a change"
    like "$out" 'rootfs/data/file' "... names the file"
    run jetpack verify -format=json test.example/one
    is "$(json path)" rootfs/data/file "... as JSON"
    fails 1 '.' "export after a change" jetpack export -compression=none "$id" "$work/changed"
    test ! -e "$work/changed"
    ok $? "... leaves no file"
else
    like "$(jetpack info)" '^Driver +(zfs|btrfs)$' "an image cannot be changed"
fi

# The archive as it came.
run jetpack destroy-image test.example/one
xz -9 -c "$work/one.aci" >"$work/one.xz"
done_well "import, the archive kept" jetpack -o images.aci.store=on import -q "$work/one.xz"
id=$out
done_well "export gives it back" jetpack export "$id" "$work/as-it-came"
cmp -s "$work/one.xz" "$work/as-it-came"
ok $? "... bit for bit"
done_well "... in another compression, too" jetpack export -compression=none "$id" "$work/plain"
cmp -s "$work/one.aci" "$work/plain"
ok $? "... made anew"
done_well "verify" jetpack verify "$id"
done_well "import from a pipe, the archive kept" sh -c \
    "'$JETPACK' -config '$config' destroy-image '$id' && cat '$work/one.aci' |
        '$JETPACK' -config '$config' -o images.aci.store=on import -q -"
done_well "export gives it back" jetpack export "$id" "$work/as-it-came"
cmp -s "$work/one.aci" "$work/as-it-came"
ok $? "... bit for bit"
printf X | dd of="$work/root/images/$id/archive" bs=1 seek=3000 conv=notrunc 2>/dev/null
run jetpack verify "$id"
is "$status" 1 "verify after a change of it"
like "$out" 'archive: content differs' "... names it"
fails 1 '.' "export after a change of it" jetpack export "$id" "$work/spoilt"
test ! -e "$work/spoilt"
ok $? "... leaves no file"
run jetpack destroy-image "$id"
head -c 3000 "$work/one.xz" >"$work/part.xz"
fails 1 'truncated' "half an archive is not kept" \
    jetpack -o images.aci.store=on import -q "$work/part.xz"
is "$(ls "$work/root/tmp")" '' "... nor anything else"
run jetpack import -q "$work/one.aci"

# Destroy.
done_well "destroy-image" jetpack destroy-image test.example/one
run jetpack images -q
unlike "$out" "$id" "... it is gone"
fails 1 'test.example/one' "destroy-image again" jetpack destroy-image test.example/one
fails 1 'test.example/none' "of several, the others are destroyed" \
    jetpack destroy-image test.example/none test.example/two
run jetpack images -q test.example/two
is "$out" '' "... indeed"

# Upkeep.
run jetpack fsck
is "$status" 0 "fsck"
rm -f "$work/root/db" "$work/root/db-wal" "$work/root/db-shm"
done_well "fsck -repair rebuilds a deleted database" jetpack fsck -repair
run jetpack show-image -format=json test.example/ver:9.0
is "$(json id)" "$ver_9_0" "... images are there again"
done_well "gc -images" jetpack gc -images
run jetpack images -q
is "$out" '' "... removes images that nothing uses"
finish
