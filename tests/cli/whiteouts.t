#!/bin/sh
# What layers take away: random stacks by every way out, compared with what umoci unpacks; lists that
# mean harm.
. "$(dirname "$0")/layouts.sh"

# ---- random stacks ----
# scatter SEED: fills $work/tree with files, directories, links, whiteouts and opaque directories, of
# names of which one has a newline
scatter() {
    fresh
    awk -v x="$1" '
        function chance(n) { x = (x * 16807) % 2147483647; return int(x / 7) % n }
        function fill(dir, depth,   i, kind, path) {
            for (i = 1; i <= 4; i++) {
                path = dir substr("abcn", i, 1)
                if (chance(4) == 0)
                    print "whiteout", dir ".wh." substr("abcn", i, 1)
                kind = chance(8)
                if (kind < 3) {
                    print "dir", path, 700 + chance(5) * 11
                    if (chance(4) == 0)
                        print "whiteout", path "/.wh..wh..opq"
                    if (depth < 3)
                        fill(path "/", depth + 1)
                } else if (kind == 3)
                    print "link", path
                else if (kind < 6)
                    print "file", path, chance(1000)
            }
        }
        BEGIN { for (i = 0; i < 5; i++) chance(2); fill("", 1) }' |
        while read -r kind path more; do
            case $kind in
            whiteout) : >"tree/$path" ;;
            dir) mkdir -m "$more" "tree/$path" ;;
            link) ln -s b "tree/$path" ;;
            file) echo "$more" >"tree/$path" ;;
            esac
        done
    find tree -depth -name n -execdir mv n 'n
l' \;
    find tree -depth -name .wh.n -execdir mv .wh.n '.wh.n
l' \;
    find tree -exec touch -h -d "@$((1000000000 + $1))" {} +
}
compare() { # NAME FILE
    [ -s "$2" ] && diff theirs "$2" >differences
    ok $? "$1" || show difference "$(head -n 20 differences)"
}
sed "s|$work/root|$work/root2|" "$config" >config2
round=0
while [ $round -lt 8 ]; do
    round=$((round + 1))
    umoci init --layout "lay$round"
    umoci new --image "lay$round:r"
    umoci config --image "lay$round:r" --os "$host_os" --config.entrypoint /none
    layers=0
    while [ $layers -lt 5 ]; do
        layers=$((layers + 1))
        scatter $((round * 100 + layers))
        layer "lay$round:r"
    done
    run jetpack import "oci:lay$round:r"
    is "$status $err" "0 $err" "stack $round is imported"
    same "lay$round:r" "lay$round:r" "stack $round"
    pod=$(jetpack prepare "lay$round:r")
    jetpack -o storage.driver=copy run -keep "$pod" >run.log 2>&1
    (tree "$work/root/pods/$pod"/apps/*/rootfs) | grep -Ev '^(dev|etc|proc|sys|tmp)[|/]| \./etc/' >ours
    is "$(jetpack diff "$pod" | grep -v '^. /\(dev\|etc\|proc\|sys\|tmp\)')" '' "... which differs in nothing from its layers"
    jetpack destroy "$pod" >/dev/null
    compare "... as a copy" ours
    jetpack export -flat "lay$round:r" flat.aci >/dev/null
    rm -rf flat && mkdir flat && tar -C flat --xattrs -xf flat.aci
    (tree flat/rootfs) >ours
    compare "... in a flat archive" ours
    rm -rf again bundle
    jetpack export -oci "lay$round:r" again/ >/dev/null
    umoci unpack --image again:r bundle
    (tree bundle/rootfs) >ours
    compare "... as an OCI image again" ours
done
run jetpack verify -all
is "$status" 0 "all verify"
is "$(jetpack images -q | wc -l)" 48 "... as many as there are layers, and the images on top"

# ---- out and in, image by image ----
rm -f exported.*
n=0
image=$(jetpack images -q lay1:r)
top=$image
while [ -n "$image" ]; do
    n=$((n + 1))
    run jetpack export "$image" "exported.$n"
    [ $n -gt 1 ] || like "$err" "warning: .*takes paths away.*-flat" "who exports is told that others do not know the list"
    image=$(jetpack image-manifest "$image" | sed -n 's/.*"imageID": "\(.*\)".*/\1/p')
done
is "$n" 6 "an image and its five layers are exported"
while [ $n -gt 0 ]; do
    last=$("$JETPACK" -config config2 import -q "exported.$n" 2>>again.log)
    n=$((n - 1))
done
is "$last" "$top" "elsewhere they have the same ids" || show log "$(cat again.log)"
rm -rf bundle flat && mkdir flat
umoci unpack --image lay1:r bundle
(tree bundle/rootfs) >theirs
"$JETPACK" -config config2 export -flat "$top" flat.aci >/dev/null
tar -C flat --xattrs -xf flat.aci
(tree flat/rootfs) >ours
compare "... and show the same tree" ours
run jetpack export -flat lay1:r flat.aci
is "$err" '' "a flat one is for everybody"
unlike "$(tar -xOf flat.aci manifest)" 'removed' "... and has no list"

# ---- what is written beside it ----
pod=$(jetpack prepare lay1:r)
jetpack run -keep "$pod" >/dev/null 2>&1
jetpack gc
is "$(find "$work/root/views" -mindepth 1 -maxdepth 1 -name 'view-without-*' | head -n 1 | grep -c .)" 1 \
    "what is taken away is a layer of its own"
jetpack destroy "$pod"
jetpack gc
is "$(find "$work/root/views" -mindepth 1 -maxdepth 1)" '' "... which gc removes when nobody needs it"

# ---- lists that mean harm ----
# aci NAME REMOVED: $work/NAME.aci, on top of test.example/base
aci() {
    cat >tree/manifest <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/$1",
 "annotations": [{"name": "jetpack/removed", "value": "$2"}],
 ${3-"\"dependencies\": [{\"imageName\": \"test.example/base\"}],"}
 "app": {"exec": ["/bin/probe", "true"], "user": "0", "group": "0"}}
END
    tar -C tree -cf "$1.aci" manifest rootfs
}
fresh
rootfs tree/rootfs
mkdir -p tree/rootfs/real/deep tree/rootfs/out
echo kept >tree/rootfs/real/kept
echo kept >tree/rootfs/real/deep/kept
ln -s real tree/rootfs/link
ln -s "$work/outside" tree/rootfs/host
# Never "/" itself: where a link is followed after all, what it leads to is removed.
ln -s "../../../../../../../../../../..$work/outside" tree/rootfs/up
mkdir outside && echo host >outside/file
aci base ''  ' '
base=$(jetpack import -q base.aci)
fresh && mkdir tree/rootfs
for bad in /../etc/passwd /real/../../x real/kept //real /real//kept /./real '/real/..' '/a%00b' '/a%2Fb' '/%2e%2e' '/a ' '/a  /b'; do
    aci bad "$bad"
    fails 1 "annotations\[0\].value: .*(not a path that can be removed|space)" "row 92: the list '$bad' is refused" \
        jetpack import -q bad.aci
done
aci bad "/$(printf %0256d 0)"
fails 1 "not a path that can be removed" "... and a name that is too long" jetpack import -q bad.aci
aci bad "$(printf '/a%.0s' $(seq 2049))"
fails 1 "not a path that can be removed" "... and a path that is too long" jetpack import -q bad.aci
aci links "/link/kept /link/deep/ /host/file /up/file /host/ /up/ /none/x /real/kept/x /real/kept/"
jetpack import -q links.aci >/dev/null
for driver in overlay copy; do
    if [ $driver = overlay ] && [ "$host_os" != linux ]; then
        skip overlay 'not here: only Linux has it'
        continue
    fi
    for file in /real/kept /real/deep/kept; do
        run jetpack -o storage.driver=$driver run -destroy test.example/links --exec /bin/probe -- cat $file ---
        like "$out" 'kept$' "row 92: $driver: nothing is removed through a link: $file"
    done
    is "$(cat outside/file)" host "... on the host neither"
    pod=$(jetpack prepare test.example/links)
    jetpack -o storage.driver=$driver run -keep "$pod" >/dev/null 2>&1
    is "$(grep -c without "$work/root/pods/$pod"/apps/*/layers)" 0 "... there is nothing to take away"
    jetpack destroy "$pod"
done
# As many paths as a manifest holds, three times.
fresh && mkdir tree/rootfs
for n in 1 2 3; do
    aci "big$n" REMOVED "\"dependencies\": [{\"imageName\": \"test.example/$([ $n -gt 1 ] && echo "big$((n - 1))" || echo base)\"}],"
    awk 'BEGIN { RS = "REMOVED"; ORS = ""; d = "0123456789abcdefghijklmnopqrstuvwxyz" }
        NR == 2 {
            for (i = 0; i < 690000; i++) {
                path = ""
                for (x = i + 46656; x; x = int(x / 36))
                    path = path substr(d, x % 36 + 1, 1)
                printf "%s/%s", i ? " " : "", path
            }
        }
        { print }' tree/manifest >big.manifest
    mv big.manifest tree/manifest
    tar -C tree -cf "big$n.aci" manifest rootfs
    done_well "an image that takes away 690,000 paths: $n" jetpack import -q "big$n.aci"
done
done_well "row 92: ... two of them make a root" jetpack -o storage.driver=copy prepare --pod-name=big test.example/big2
jetpack destroy big
fails 1 "take away more than 2000000 paths" "row 92: ... three are refused" jetpack prepare test.example/big3
# A name that OCI has no whiteout for.
fresh && mkdir tree/rootfs && : >"tree/rootfs/$(printf %0252d 0)"
aci long '' ' '
sed 's/"name": "test.example.long"/"name": "test.example\/longer"/; s/^ "app"/ "dependencies": [{"imageName": "test.example\/long"}],&/; s/"value": ""/"value": "\/'"$(printf %0252d 0)"'"/' tree/manifest >longer
jetpack import -q long.aci >/dev/null
fresh && mkdir tree/rootfs && mv longer tree/manifest && sed -i 's/^{"acKind"/{"labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}], "acKind"/' tree/manifest
tar -C tree -cf longer.aci manifest rootfs
done_well "an image that takes away a name of 252 bytes" jetpack import -q longer.aci
fails 1 "its name is too long for a layer to say so" "... cannot be one of OCI" jetpack export -oci test.example/longer longer.tar
fresh && mkdir tree/rootfs
aci itself '/bin/ /new' ' '
mkdir -p tree/rootfs/bin && cp "$work/root/images/$base/rootfs/bin/probe" tree/rootfs/bin/probe && echo x >tree/rootfs/new
aci itself '/bin/ /new' ' '
jetpack import -q itself.aci >/dev/null
run jetpack run -destroy test.example/itself --exec /bin/probe -- cat /new ---
like "$out" 'x$' "an image's own files are not taken away" || show err "$err"

finish
