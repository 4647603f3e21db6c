#!/bin/sh
# Images that stand on others: dependencies, whitelists, directories that an archive leaves unnamed.
. "$(dirname "$0")/lib.sh"
need_root

jetpack init >/dev/null

# delta NAME VERSION DEPENDENCIES WHITELIST [APP]: $work/NAME.aci of $work/tree, a tar of only the
# entries that $entries names (the whole tree when it is empty)
entries=
delta() {
    has_app=''
    [ -z "${5-}" ] || has_app=", \"app\": {$5}"
    cat >"$work/tree/manifest" <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/$1",
 "labels": [{"name": "version", "value": "$2"}],
 "dependencies": [$3], "pathWhitelist": [$4]$has_app}
END
    # shellcheck disable=SC2086 # a list of words
    tar -C "$work/tree" --no-recursion -cf "$work/$1.aci" manifest ${entries:-$(cd "$work/tree" && find rootfs)}
}
fresh() { rm -rf "$work/tree" && mkdir -p "$work/tree/rootfs"; }
needs() { printf '{"imageName": "test.example/%s"%s}' "$1" "${2-}"; }
import() { jetpack import -q "$work/$1.aci" 2>"$work/err"; }
app='"exec": ["/bin/probe"], "user": "0", "group": "0"'
# try IMAGE ARGUMENT...: what its program says
try() {
    image=$1
    shift
    run jetpack -o "storage.driver=${driver:-auto}" run -destroy "$image" -- "$@" ---
    out=$(printf '%s\n' "$out" | sed 's/^[a-z0-9]*| //') # the app's name
}
driver=auto
layers() { cat "$work"/root/pods/*/apps/*/layers; }

# What is to come later.
fresh
mkdir -p "$work/tree/rootfs/opt"
echo top >"$work/tree/rootfs/opt/top"
delta app 1.0 "$(needs base)" '' "$app"
run jetpack import "$work/app.aci"
is "$status" 0 "import of an image whose dependency is not here"
like "$err" "^jetpack: warning: it needs the image test.example/base" "... warns of it"
like "$out" '^sha512-' "... and gives its id"
run jetpack import -format=json "$work/app.aci"
like "$out" '"test.example/base"' "... also as JSON"
fails 1 "app 'app': dependency 'test.example/base'.* is not here" "prepare refuses it" \
    jetpack prepare test.example/app
fails 125 "dependency 'test.example/base'.* is not here" "run, too" jetpack run test.example/app
is "$(jetpack list -q)" '' "... and no pod is left"

fresh
rootfs "$work/tree/rootfs"
chmod 0711 "$work/tree/rootfs/home"
ln -s data "$work/tree/rootfs/link"
delta base 1.0 '' ''
base=$(import base)
unlike "$(cat "$work/err")" 'needs' "no warning for an image that needs nothing"
try test.example/app cat /opt/top
is "$status" 0 "with the dependency it runs"
is "$out" top "... and sees its own files"
try test.example/app cat /data/file
is "$out" from-image "... and those below"
run jetpack import "$work/app.aci"
unlike "$err" 'needs' "imported again it warns of nothing"

# Who is used cannot be destroyed.
fails 1 "it is used by image 'test.example/app'" "destroy-image of a dependency by name" \
    jetpack destroy-image test.example/base
fresh
rootfs "$work/tree/rootfs"
echo newer >"$work/tree/rootfs/data/file"
delta base2 2.0 '' ''
sed 's/example\/base2/example\/base/' "$work/tree/manifest" >"$work/renamed"
mv "$work/renamed" "$work/tree/manifest"
tar -C "$work/tree" -cf "$work/base2.aci" manifest rootfs
jetpack prepare --pod-name=early test.example/app --exec /bin/probe -- cat /data/file --- >/dev/null
base2=$(import base2)
try test.example/app cat /data/file
is "$out" newer "without a version, the newest image is meant"
fresh
delta pinned 1.0 "$(needs base ", \"imageID\": \"$base\"")" '' "$app"
pinned=$(import pinned)
try test.example/pinned cat /data/file
is "$out" from-image "with an image id, that image"
fails 1 "used by image 'test.example/pinned'" "destroy-image of a dependency by id" \
    jetpack destroy-image "$base"
delta versioned 1.0 "$(needs base ', "labels": [{"name": "version", "value": "2.0"}]')" '' "$app"
import versioned >/dev/null
try test.example/versioned cat /data/file
is "$out" newer "with a label, an image that has it"
fails 1 "used by image 'test.example/versioned'" "destroy-image of the only one that fits" \
    jetpack destroy-image "$base2"
jetpack run -keep --pod-name=kept test.example/app -- true --- >/dev/null
done_well "no longer used" jetpack destroy-image test.example/versioned
fails 1 "used by pod 'kept'" "destroy-image of what a kept root stands on" \
    jetpack destroy-image "$base2"
jetpack destroy kept

# What a dependency means is settled when a pod is made.
of() { run jetpack run "$1"; printf '%s\n' "$out" | sed 's/^[a-z0-9]*| //'; }
jetpack prepare --pod-name=late test.example/app --exec /bin/probe -- cat /data/file --- >/dev/null
is "$(of early) $(of late)" "from-image newer" "each pod has what its dependencies meant at first"
is "$(of early) $(of late)" "from-image newer" "at every start"
fails 1 "used by .*pod 'late'" "destroy-image of a dependency that a pod has pinned" \
    jetpack destroy-image "$base2"
jetpack gc -images >/dev/null 2>&1
is "$(of late)" newer "gc of images leaves it, too"
jetpack rename early first >/dev/null
rm -f "$work"/root/db*
done_well "fsck -repair makes the database anew" jetpack fsck -repair
run jetpack fsck
is "$status" 0 "... which is in order"
is "$(of first) $(of late)" "from-image newer" "... and has the pins, those of a renamed pod, too"
fails 1 "used by .*pod 'late'" "... which hold" jetpack destroy-image "$base2"
jetpack destroy first
jetpack destroy late
done_well "destroy-image where another fits" jetpack destroy-image "$base2"
try test.example/app cat /data/file
is "$out" from-image "... which is used from then on"

# What does not fit.
delta misnamed 1.0 "$(needs other ", \"imageID\": \"$base\"")" '' "$app"
import misnamed >/dev/null
fails 1 "dependency 'test.example/other': image sha512-[0-9a-f]* is 'test.example/base'" \
    "an id of another name" jetpack prepare test.example/misnamed
delta sized 1.0 "$(needs base ', "size": 17')" '' "$app"
import sized >/dev/null
fails 1 "dependency 'test.example/base': image .* has [0-9]* bytes, and 17 are asked for" \
    "another size" jetpack prepare test.example/sized
delta right 1.0 "$(needs base ", \"size\": $(wc -c <"$work/base.aci")")" '' "$app"
import right >/dev/null
done_well "the right size" jetpack run -destroy test.example/right -- true ---
delta one 1.0 "$(needs two)" '' "$app"
import one >/dev/null
delta two 1.0 "$(needs one)" '' "$app"
import two >/dev/null
fails 1 'depends on itself' "a circle" jetpack prepare test.example/one

# Over a symbolic link to a directory comes what the later image has there.
fresh
mkdir -p "$work/tree/rootfs/link"
echo mine >"$work/tree/rootfs/link/file"
delta over 1.0 "$(needs base)" '' "$app"
import over >/dev/null
drivers='overlay copy'
if [ "$host_os" != linux ]; then
    drivers=copy
    skip overlay 'not here: only Linux has it'
fi
for driver in $drivers; do
    try test.example/over cat /link/file /data/file
    is "$out" "mine
from-image" "$driver: a directory replaces a link to a directory, which is not followed"
done
driver=auto

# Directories that the archive does not name.
fresh
mkdir -p "$work/tree/rootfs/tmp" "$work/tree/rootfs/home/bob"
echo t >"$work/tree/rootfs/tmp/t"
echo b >"$work/tree/rootfs/home/bob/b"
entries='rootfs rootfs/tmp/t rootfs/home/bob/b'
delta unnamed 1.0 "$(needs base)" '' "$app"
unnamed=$(import unnamed)
for driver in $drivers; do
    for path in '/tmp 1777' '/home 0711' '/home/bob 0755'; do
        try test.example/unnamed stat "${path% *}"
        is "$out" "dir ${path#* } 0 0" "$driver: unnamed ${path% *} is as below, or 0755"
    done
done
run jetpack verify test.example/unnamed
is "$status" 0 "verify accepts them"
jetpack export -compression=none test.example/unnamed "$work/back.aci"
cmp -s "$work/unnamed.aci" "$work/back.aci"
ok $? "export gives the same archive"
chmod 0700 "$work/root/images/$unnamed/rootfs/tmp"
run jetpack verify test.example/unnamed
is "$status" 1 "verify notices when one was changed"
chmod 0755 "$work/root/images/$unnamed/rootfs/tmp"
mkdir "$work/root/images/$unnamed/rootfs/srv"
printf 'srv\0' >>"$work/root/images/$unnamed/implicit"
run jetpack verify test.example/unnamed
like "$out" 'rootfs/srv' "... and one that the archive does not imply"
delta orphan 1.0 '' '' "$app"
fails 1 "'rootfs/tmp/t': .*not a directory of this archive" \
    "an image without dependencies must name them" jetpack import -q "$work/orphan.aci"
entries='rootfs/tmp/t'
delta rootless 1.0 "$(needs base)" '' "$app"
fails 1 "'rootfs/tmp/t': .*not a directory of this archive" "rootfs itself must be named" \
    jetpack import -q "$work/rootless.aci"
entries=

# Whitelists.
fresh
mkdir -p "$work/tree/rootfs/opt"
echo 1 >"$work/tree/rootfs/opt/one"
echo 2 >"$work/tree/rootfs/opt/two"
delta listed 1.0 "$(needs base)" '"/bin/probe", "/data/", "/opt/one", "/home/alice", "/none"' "$app"
import listed >/dev/null
[ "$host_os" = linux ] && kernels='proc sys ' || kernels= # what the system adds beside /dev
for driver in $drivers; do
    try test.example/listed ls /
    is "$(printf '%s ' $out)" "bin data dev etc home opt $kernels" \
        "$driver: what is listed, what is above it, and what every pod has"
    try test.example/listed ls /opt
    is "$out" one "$driver: not what is beside a listed path"
    try test.example/listed ls /data
    is "$out" '' "$driver: not what is in a listed directory"
    try test.example/listed stat /home
    is "$out" "dir 0711 0 0" "$driver: directories are as the image has them"
done
driver=auto
is "$(find "$work/root/views" -path '*/rootfs/bin/probe' -links +1 | grep -c .)" 1 \
    "a listed file is a further name of the image's own"
run jetpack run -keep --pod-name=kept test.example/listed -- true ---
done_well "gc while a root is kept" jetpack gc
is "$(layers | grep -c '^view-')" 2 "a kept root stands on two views"
is "$(find "$work/root/views" -mindepth 1 -maxdepth 1 | grep -c .)" 2 "... which gc leaves there"
run jetpack exec kept /bin/probe cat /opt/one
is "$out" 1 "... so that it can be looked at"
jetpack destroy kept
run jetpack gc
like "$out" 'view view-.*: removed' "gc removes views that nothing stands on"
is "$(ls "$work/root/views")" '' "... all of them"

# Many layers: more than the options of mount(2) could name.
fresh
deps=''
i=0
while [ "$i" -lt 120 ]; do
    echo "$i" >"$work/tree/rootfs/file"
    delta "many$i" 1.0 '' ''
    import "many$i" >/dev/null
    deps="$deps$(needs "many$i"), "
    i=$((i + 1))
done
rm "$work/tree/rootfs/file"
delta many 1.0 "$deps$(needs base)" '' "$app"
import many >/dev/null
try test.example/many cat /file
is "$status/$out" 0/119 "121 dependencies, the last file wins" || show err "$err"

run jetpack fsck
is "$status" 0 "fsck" || show out "$out"
finish
