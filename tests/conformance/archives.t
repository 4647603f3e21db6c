#!/bin/sh
# Whole images against the specification's own tool: `actool validate` takes what build, commit and
# export give, `actool cat-manifest` reads the manifest that we show, and what `actool build` makes is
# imported. What one refuses the other refuses.
. "$(dirname "$0")/../cli/lib.sh"
need_root
. "$here/../cli/busybox.sh"
. "$here/actool.sh"

# both NAME IMAGE [EXPORT-OPTION...]: exported, validated, the same manifest
both() {
    both_name=$1 image=$2
    shift 2
    rm -f "$work/exported"
    run jetpack export -q "$@" "$image" "$work/exported"
    is "$status" 0 "$both_name" || show err "$err"
    done_well "... actool validate" "$actool" validate -type=appimage "$work/exported"
    run "$actool" cat-manifest "$work/exported"
    theirs=$out
    [ $# -gt 0 ] || is "$(printf '%s' "$theirs" | tr -d ' \n\t')" \
        "$(jetpack image-manifest "$image" | tr -d ' \n\t')" "... the same manifest"
}

busybox_image base
base=$(jetpack import -q "$work/base.aci")
both "an image as it came" "$base"

mkdir "$work/context"
manifest built '"exec": ["/bin/sh"], "user": "0", "group": "0", "ports": [{"name": "http", "protocol": "tcp", "port": 80}]' \
    >"$work/context/manifest.json"
run jetpack build -net none -dir "$work/context" -saveid "$work/id" test.example/base /bin/sh -c \
    'rm /data/deleted; echo new >"/data/a name"; ln /data/same /data/again; truncate -s 3M /data/hole'
is "$status" 0 "build" || show err "$err"
built=$(cat "$work/id")
both "an image that was built" "$built"
both "... flat" "$built" -flat
run jetpack image-manifest "$built"
like "$out" '"pathWhitelist"' "... it has a whitelist"
unlike "$theirs" '"pathWhitelist"|"dependencies"' "... and flat it has none"

done_well "a run that is kept" jetpack run -keep -net none -pod-name kept test.example/base -exec /bin/sh -- -c 'echo x >/x' ---
done_well "commit" jetpack commit kept test.example/committed:1.0
both "what was committed" test.example/committed
both "... flat" test.example/committed -flat

# A layout of theirs.
mkdir -p "$work/layout"
cp -a "$work/image/rootfs" "$work/layout/rootfs"
manifest theirs '"exec": ["/bin/sh", "-c", "cat /data/same"], "user": "0", "group": "0"' >"$work/layout/manifest"
done_well "actool build" "$actool" build "$work/layout" "$work/theirs.aci"
done_well "... import" jetpack import -q "$work/theirs.aci"
run jetpack run -destroy -net none test.example/theirs
like "$out" 'same of the image$' "... run" || show err "$err"
both "... export" test.example/theirs

# refused NAME FILE
refused() {
    run "$actool" validate "$2"
    unlike "$status" '^0$' "$1: actool refuses it"
    run jetpack import "$2"
    unlike "$status" '^0$' "... and so does import"
}
mkdir -p "$work/bad/rootfs"
manifest 'UPPER case' '' >"$work/bad/manifest"
pack "$work/bad" "$work/name.aci"
refused "a name that is none" "$work/name.aci"
manifest nothing '' >"$work/bad/manifest"
tar -C "$work/bad" -cf "$work/bare.aci" manifest
refused "no rootfs" "$work/bare.aci"
echo x >"$work/bad/surplus"
tar -C "$work/bad" -cf "$work/surplus.aci" manifest rootfs surplus
refused "something beside them" "$work/surplus.aci"
rm "$work/bad/manifest"
tar -C "$work/bad" -cf "$work/bodiless.aci" rootfs
refused "no manifest" "$work/bodiless.aci"
finish
