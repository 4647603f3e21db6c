#!/bin/sh
# Images in lists, which of them nothing needs, and gc of those.
. "$(dirname "$0")/lib.sh"
need_root

hello='"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'

# on NAME VERSION DEPENDENCIES: an image that stands on others; $id
on() {
    dir=$work/tree.on
    mkdir -p "$dir/rootfs"
    : >"$dir/rootfs/$1"
    cat >"$dir/manifest" <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/$1",
 "labels": [{"name": "os", "value": "$host_os"}, {"name": "arch", "value": "$host_arch"},
            {"name": "version", "value": "$2"}], "dependencies": [$3], "app": {$hello}}
END
    pack "$dir" "$work/on.aci"
    rm -rf "$dir"
    run jetpack import -q "$work/on.aci"
    id=$out
}
titles() { jetpack images -H "$@" | cut -f2 | sed 's/,.*@/@/; s/,.*//; s/^test.example.//' | tr '\n' ' '; }
would_go() { jetpack gc -n "$@" | sed -n 's/^image \(.*\): would be removed$/\1/p' | sort; }

add_image base "$hello" 1.0
base1=$id
add_image base "$hello" 2.0
base2=$id
add_image base "$hello" 10.0
base10=$id
on named 1.0 '{"imageName": "test.example/base"}'
named=$id
on by-id 1.0 "{\"imageName\": \"test.example/base\", \"imageID\": \"$base1\"}"
byid=$id
on top 1.0 '{"imageName": "test.example/by-id"}'
top=$id

# ---- lists ----

is "$(titles)" 'base:10.0 base:2.0 base:1.0 by-id:1.0 named:1.0 top:1.0 ' "by name, newest version first"
is "$(titles -outdated)" 'base:2.0 base:1.0 ' "-outdated: a newer version is here"
is "$(titles -outdated test.example/base:1.0)" 'base:1.0 ' "-outdated IMAGE"
is "$(titles -outdated test.example/base:10.0)" '' "... that is not"
jetpack prepare -pod-name for-a-moment test.example/top >/dev/null
is "$(titles -unused)" 'base:10.0 base:2.0 named:1.0 ' "-unused: no pod needs them"
is "$(titles -unused -outdated)" 'base:2.0 ' "-unused -outdated: both"
jetpack destroy for-a-moment
is "$(titles -filter name=test.example/top)" 'top:1.0 ' "-filter name"
is "$(titles -filter label:version=1.0 -filter name=test.example/base)" 'base:1.0 ' "-filter twice"
is "$(titles -filter label:none=1)" '' "-filter: a label that none has"
like "$(titles -sort imported)" '^top:1.0 by-id:1.0 ' "-sort imported: newest first"
like "$(titles -sort size)" '^base' "-sort size: largest first"
fails 2 'expected name, size' "-sort by nothing" jetpack images -sort colour
fails 2 'expected name or label' "-filter by nothing" jetpack images -filter colour=red
fails 2 'expected NAME=VALUE' "-filter without a value" jetpack images -filter name
run jetpack images -l
like "$out" '^ID +NAME +SIZE +CREATED +DISK +SHARED +AGE' "-l: what they take"
shared_of() { jetpack images -format=json "$1" | sed -n 's/^ *"shared": *\([^,]*\),*$/\1/p'; }
disk_of() { jetpack images -format=json "$1" | sed -n 's/^ *"disk": *\([^,]*\),*$/\1/p'; }
is "$(shared_of "$base1")" 0 "an image that stands alone shares nothing"
is "$(shared_of "$top")" $(($(disk_of "$byid") + $(disk_of "$base1"))) "... one that stands on two shares both"
run jetpack show-image "$top"
like "$out" '^Shared +[1-9]' "show-image says it, too"

# ---- gc ----

before=$(jetpack images -q | sort)
is "$(would_go)" '' "gc -n: images stay"
is "$(would_go -images)" "$(printf '%s\n' "$base1" "$base2" "$base10" "$named" "$byid" "$top" | sort)" \
    "gc -n -images: nothing needs any of them"
is "$(would_go -images -keep 1)" "$(printf '%s\n' "$base2" | sort)" \
    "-keep 1: the newest of each name stays, and what it stands on"
is "$(would_go -images -keep 2)" '' "-keep 2"
is "$(would_go -images -older 1h)" '' "-older: they came a moment ago"
jetpack tag "$top" mine
is "$(would_go -images)" "$(printf '%s\n' "$base2" "$base10" "$named" | sort)" \
    "one with a tag stays, and what it stands on"
is "$(would_go -images -tagged)" "$before" "-tagged: that one, too"
jetpack prepare -pod-name user test.example/named >/dev/null
is "$(would_go -images)" "$base2" "a pod keeps its image and what that stands on"
jetpack run user
is "$(would_go -images -exited)" "$(printf '%s\n' "$base2" "$base10" "$named" | sort)" \
    "-n -exited: the pod would go, and then its images"
run jetpack gc -n -exited
like "$out" '^pod [0-9a-f-]*: would be removed$' "-n tells of the pod"
is "$(jetpack images -q | sort)" "$before" "-n did nothing to images"
is "$(jetpack list -q | wc -l | tr -d ' ')" 1 "... nor to pods"
run jetpack gc -n -images -format=json
is "$(json done)" 'would be removed' "-n in JSON"
done_well "gc -images" jetpack gc -images
is "$(titles)" 'base:10.0 base:1.0 by-id:1.0 named:1.0 top:1.0@mine ' "gc -images does what -n said"
done_well "gc -images -exited" jetpack gc -images -exited
is "$(titles)" 'base:1.0 by-id:1.0 top:1.0@mine ' "... with -exited too"
done_well "gc -images -tagged" jetpack gc -images -tagged
is "$(titles)" '' "... and with -tagged"

# ---- refused ----

fails 2 'add -images' "-keep without -images" jetpack gc -keep 1
fails 2 'add -images' "-tagged without -images" jetpack gc -tagged
fails 2 'add -exited or -images' "-older without either" jetpack gc -older 1d
fails 2 'expected a number' "-keep of no number" jetpack gc -images -keep some
finish
