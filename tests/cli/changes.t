#!/bin/sh
# What an app has written: diff, on each storage driver.
. "$(dirname "$0")/drivers.sh"
. "$here/busybox.sh"

busybox_image base

# What is said to the shell of the app.
cat >"$work/script" <<'END'
cd /data
echo more >>changed
rm deleted
touch -r quiet /tmp/when; printf '%s\n' 'quiet of the IMAGE' >quiet; touch -r /tmp/when quiet
mv moved moved-away
rm -r old; mkdir -p old/inner; echo new >old/inner/new
mv kept was-kept
rm link; mkdir link; echo in >link/in
mkdir added; echo a >added/a
printf odd >"$(printf 'new\nline')"
chmod 0600 same
END
cat >"$work/expected" <<'END'
A /data/added
A /data/added/a
M /data/changed
D /data/deleted
D /data/kept
M /data/link
A /data/link/in
D /data/moved
A /data/moved-away
A /data/new\012line
D /data/old/inner/x
A /data/old/inner/new
D /data/old/y
M /data/quiet
M /data/same
M /data/same-too
A /data/was-kept
A /data/was-kept/k
A /tmp/when
END
LC_ALL=C sort -o "$work/expected" "$work/expected"

try() {
    done_well "$driver: init" jetpack init
    done_well "$driver: import" jetpack import -q "$work/base.aci"
    done_well "$driver: prepare" jetpack prepare -pod-name one test.example/base \
        -exec '["/bin/sh", "-c", "true"]'
    fails 1 "left no root file system: 'run -keep'" "$driver: diff of a pod that never ran" jetpack diff one
    done_well "$driver: run" jetpack run one
    fails 1 "left no root file system" "$driver: diff of a run that was not kept" jetpack diff one
    done_well "$driver: run -keep" jetpack run -keep one
    done_well "$driver: diff of an app that did nothing" jetpack diff one
    is "$out" "" "$driver: ... shows nothing: what Jetpack puts into a root is not the app's"
    done_well "$driver: destroy" jetpack destroy one

    done_well "$driver: run what changes files" jetpack run -keep -pod-name two test.example/base \
        -exec "[\"/bin/sh\", \"-c\", $(json_text <"$work/script")]"
    done_well "$driver: diff" jetpack diff two
    # In an overlay the hard links of an image come apart when one is written to.
    printf '%s\n' "$out" | LC_ALL=C sort >"$work/got"
    if [ "$driver" = overlay ]; then
        grep -v same-too "$work/expected" >"$work/wanted"
    else
        cp "$work/expected" "$work/wanted"
    fi
    is "$(cat "$work/got")" "$(cat "$work/wanted")" "$driver: every change is told"
    done_well "$driver: diff in JSON" jetpack diff -format=json two
    like "$out" '"path": "/data/new\\nline"' "$driver: ... with names as they are"
    like "$out" '"change": "D"' "$driver: ... and what became of them"
    done_well "$driver: it is not in the way of a run" jetpack run two
    done_well "$driver: destroy" jetpack destroy two

    done_well "$driver: run -d" jetpack run -d -pod-name three test.example/base \
        -exec '["/bin/sh", "-c", "echo hi >/data/live; sleep 1000"]'
    wrote() { jetpack diff three | grep -qx 'A /data/live'; }
    wait_for 60 wrote
    ok $? "$driver: diff of a pod that runs"
    done_well "$driver: exec" jetpack exec three /bin/rm /data/same
    run jetpack diff three:base
    like "$out" '^D /data/same$' "$driver: diff sees what exec did"
    done_well "$driver: destroy it" jetpack destroy three
    fails 1 "no pod" "$driver: diff of nothing" jetpack diff three
}

on_each_driver try
finish
