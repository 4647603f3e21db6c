#!/bin/sh
# Tags: given, moved, taken away, and used wherever an image is named.
. "$(dirname "$0")/lib.sh"
need_root

hello='"exec": ["/bin/probe", "echo", "hello"], "user": "0", "group": "0"'
add_image redis "$hello" 6.0
old=$(jetpack images -q test.example/redis:6.0)
add_image redis "$hello" 7.0
new=$(jetpack images -q test.example/redis:7.0)
add_image other "$hello"
id_of() { jetpack show-image -format=json "$1" | sed -n 's/^ *"id": "\(.*\)",/\1/p' | head -n 1; }

# ---- given and taken ----

done_well "tag" jetpack tag test.example/redis:6.0 stable environment/production
run jetpack images -H -q test.example/redis@stable
is "$out" "$old" "NAME@TAG finds it"
is "$(id_of test.example/redis@stable)" "$old" "... also where a newer one is there without"
is "$(id_of test.example/redis@stable,environment/production)" "$old" "NAME@TAG,TAG"
is "$(id_of test.example/redis)" "$new" "without a tag the newest version"
run jetpack images -H test.example/redis:6.0
like "$out" '@environment/production,stable' "shown in the list"
run jetpack show-image test.example/redis:6.0
like "$out" '^Name .*@environment/production,stable$' "shown by show-image"
run jetpack images -format=json test.example/redis:6.0
is "$(printf '%s' "$out" | tr -d ' \n' | grep -o '"tags":[^]]*]')" '"tags":["environment/production","stable"]' \
    "a key in JSON"
done_well "the same tags again" jetpack tag test.example/redis:6.0 stable,environment/production
is "$(id_of "$old")" "$old" "the id is the same"
run jetpack verify "$old"
is "$status" 0 "... and so is the image"
done_well "several images may have one" jetpack tag test.example/other stable
is "$(jetpack images -q -tag stable | sort)" \
    "$(printf '%s\n' "$old" "$(jetpack images -q test.example/other)" | sort)" "images -tag"
run jetpack images -q -tag stable -tag environment/production
is "$out" "$old" "images -tag -tag: with all of them"
run jetpack images -q -tag nothing
is "$status$out" 0 "images -tag: none"
done_well "untag" jetpack untag test.example/redis@stable environment/production
run jetpack images -H test.example/redis:6.0
like "$out" '@stable' "the others stay"
unlike "$out" production "... and that one is gone"

# ---- moved ----

done_well "tag -unique" jetpack tag -unique test.example/redis:7.0 stable
is "$(jetpack images -q test.example/redis@stable)" "$new" "moved from the other of that name"
is "$(jetpack images -q test.example/other@stable)" "$(jetpack images -q test.example/other)" \
    "other names keep theirs"
done_well "and back" jetpack tag -unique test.example/redis:6.0 stable
is "$(jetpack images -q test.example/redis@stable)" "$old" "moved back"

# ---- used ----

run jetpack run -destroy test.example/redis@stable
is "$out" 'redis| hello' "run NAME@TAG"
run jetpack prepare -n test.example/redis@stable
like "$out" "\"id\": \"$old\"" "the reified manifest names the image, not the tag"
pod=$(jetpack prepare test.example/redis@stable)
jetpack tag -unique test.example/redis:7.0 stable
run jetpack manifest "$pod"
like "$out" "$old" "a pod keeps its image when the tag moves"
jetpack destroy "$pod"
done_well "export NAME@TAG" jetpack export test.example/redis@stable "$work/out.aci"

# ---- kept ----

cp "$work/root/db" "$work/db.old"
rm -f "$work/root/db" "$work/root/db-wal" "$work/root/db-shm"
run jetpack images -q test.example/redis@stable
is "$out" "$new" "a lost database is made anew with the tags"
done_well "fsck finds nothing" jetpack fsck
run jetpack import -q "$work/redis.aci"
is "$(jetpack images -q test.example/redis@stable)" "$new" "imported again, it keeps them"

# ---- refused ----

fails 1 "'Stable' is no tag" "a tag that is none" jetpack tag test.example/redis Stable
fails 1 "'a/../b' is no tag" "one with dots for a path" jetpack tag test.example/redis a/../b
fails 1 "'-x' is no tag" "one that looks like an option" jetpack tag -- test.example/redis -x
fails 1 "has no tag 'nothing'" "untag what is not there" jetpack untag test.example/redis nothing
fails 125 "'test.example/redis@nothing' is not here" "NAME@TAG that nothing has" \
    jetpack run test.example/redis@nothing
fails 1 'test.example/none' "no such image" jetpack tag test.example/none x
fails 2 'tag' "tag without a tag" jetpack tag test.example/redis
fails 1 "'' is no tag" "tag with an empty one" jetpack tag test.example/redis ,
jetpack images -q >"$work/before"
run jetpack tag test.example/redis:7.0 good Bad
is "$(jetpack images -q -tag good)" '' "all or none"
finish
