#!/bin/sh
# What an app has written: diff, and images of it: commit; on each storage driver.
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
A /data/new\x0aline
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

# tree_of POD: its root as lines
tree_of() { jetpack exec "$1" /bin/tree list / >"$2" 2>"$work/err"; }

# same_tree A B NAME
same_tree() {
    [ -s "$1" ] && cmp -s "$1" "$2"
    ok $? "$3" || diff "$1" "$2" | head -n 20 | sed 's/^/# /'
}

# Everything that a file system can hold.
cat >"$work/hostile" <<'END'
cd /data
echo more >>changed; chown 1000:1000 changed; chmod 6755 changed
rm deleted
mv moved moved-away
rm -r old; mkdir -p old/inner; echo new >old/inner/new; chmod 1777 old; chown 7:8 old
rm link; mkdir link; echo in >link/in
rm -r kept; echo 'a file now' >kept
ln same third-name; ln added-first added-second 2>/dev/null; echo one >first; ln first second
mkfifo fifo
mknod null c 1 3; mknod disk b 8 1
ln -s /nowhere/at/all dangling; ln -s ../../../../etc/passwd out
printf odd >"$(printf 'new\nline')"; printf x >'\back\slash'; printf x >' '; printf x >'-rf'
printf utf >"$(printf 'caf\303\251')"
dd if=/dev/zero of=holes bs=1M seek=3 count=1 2>/dev/null; echo end >>holes
dd if=/dev/zero of=empty bs=1 count=0 2>/dev/null
touch -d '1969-12-31 23:59:58' before-the-epoch; touch -d '2100-01-01 00:00:00' later
tree attribute quiet user.colour blue; tree attribute . user.directory yes
mkdir deep; tree deep deep 200
mkdir private; chmod 0 private; touch -d '2001-01-01 00:00:00' private
chmod 0750 /tmp; mkdir -p /opt/new/dir; touch -d '2002-02-02 00:00:00' /opt/new
END

# A file flag alone is a change, and in the archive. Only an overlay (which keeps those two as
# attributes) lets a tree with files be removed that nobody may change.
try_flag() {
    [ "$1" = nodump ] || [ "$driver" = overlay ] || return 0
    caps=
    [ "$1" = nodump ] || caps=-caps-retain=CAP_LINUX_IMMUTABLE
    # shellcheck disable=SC2086 # one word or none
    run jetpack run -keep -pod-name flags test.example/base $caps \
        -exec "[\"/bin/tree\", \"flag\", \"/data/same\", \"$1\"]"
    if [ "$status" = 77 ]; then
        skip "$driver: the flag $1" "not here: the file system has no such flag"
    else
        is "$status" 0 "$driver: the flag $1" || show err "$err"
        like "$(jetpack diff flags)" '^M /data/same' "$driver: ... is a change"
        done_well "$driver: ... commit" jetpack commit flags "test.example/$1"
        [ "$host_os" = freebsd ] || like "$err" 'file flags, which this system cannot set' "$driver: ... tells that they are kept for export"
        rm -f "$work/flags.aci" "$work/flags.again"
        jetpack export -compression=none "test.example/$1" "$work/flags.aci"
        is "$(flagged "$1" "$work/flags.aci")" 1 "$driver: ... it is in the archive, once"
        rm -f "$work/flags.aci"
        done_well "$driver: ... export -flat" jetpack export -flat -compression=none "test.example/$1" "$work/flags.aci"
        is "$(flagged "$1" "$work/flags.aci")" 1 "$driver: ... it is in the flat one"
        done_well "$driver: ... export -oci" jetpack export -oci -compression=none "test.example/$1" "$work/flags.oci"
        is "$(flagged "$1" "$work/flags.oci")" 1 "$driver: ... in the OCI image"
        done_well "$driver: ... an image that takes something away" jetpack run -keep -pod-name less "test.example/$1" \
            -exec '["/bin/rm", "/data/deleted"]'
        done_well "$driver: ... commit" jetpack commit less "test.example/less-$1"
        rm -f "$work/flags.aci"
        jetpack export -flat -compression=none "test.example/less-$1" "$work/flags.aci" >/dev/null
        is "$(flagged "$1" "$work/flags.aci")" 1 "$driver: ... it is in what is left"
        jetpack destroy less
    fi
    jetpack destroy flags
}
flagged() { LC_ALL=C grep -aco "SCHILY.fflags=$1\$" "$2"; }

# A root directory that nobody backs up: its flag is not that of the files below, though they have it.
try_inherited() {
    [ "$host_os" != freebsd ] || return 0
    for directory in "$work/root" "$work/root/tmp" "$work/root/pods"; do
        "$programs/tree" flag "$directory" nodump
        [ $? != 77 ] || { skip "$driver: a root directory with nodump" "not here: no such flag"; return 0; }
    done
    done_well "$driver: in a root directory with nodump" jetpack run -keep -pod-name lies test.example/base \
        -exec '["/bin/sh", "-c", "echo new >/data/new; echo more >>/data/same"]'
    is "$(jetpack diff lies | grep -v same-too | tr '\n' ' ')" "A /data/new M /data/same " "$driver: ... an app's changes are its own"
    done_well "$driver: ... commit" jetpack commit lies test.example/lies
    rm -f "$work/flags.aci"
    jetpack export -compression=none test.example/lies "$work/flags.aci"
    is "$(flagged nodump "$work/flags.aci")" 0 "$driver: ... and so is the image"
    jetpack destroy lies
}

# The archive has the file by its last name, what is packed from the tree by its first one.
try_linked() {
    [ "$host_os" != freebsd ] || return 0
    rm -rf "$work/image"
    mkdir -p "$work/image/rootfs/data"
    manifest linked "\"exec\": [\"/data/z\"], \"user\": \"0\", \"group\": \"0\"" >"$work/image/manifest"
    echo file >"$work/image/rootfs/data/z"
    ln "$work/image/rootfs/data/z" "$work/image/rootfs/data/a"
    # A record of its time becomes one of a flag, which no tar here writes.
    touch -d @1112911993.5 "$work/image/rootfs/data/z"
    if tar -C "$work/image" --no-recursion --format=pax -cf "$work/linked.tar" manifest rootfs rootfs/data \
        rootfs/data/z rootfs/data/a && grep -aq ' mtime=1112911993\.5$' "$work/linked.tar"; then
        LC_ALL=C sed 's/ mtime=1112911993\.5$/ SCHILY.fflags=schg/' "$work/linked.tar" >"$work/linked.aci"
        done_well "$driver: a file with a flag and two names" jetpack import "$work/linked.aci"
        rm -f "$work/flags.oci"
        done_well "$driver: ... export -oci" jetpack export -oci -compression=none test.example/linked "$work/flags.oci"
        is "$(flagged schg "$work/flags.oci")" 1 "$driver: ... the flag is in it by whatever name"
    else
        skip "$driver: a file with a flag and two names" "not here: no tar that keeps such a time"
    fi
}

try_commit() {
    done_well "$driver: run what makes everything" jetpack run -keep -pod-name work test.example/base \
        -exec "[\"/bin/sh\", \"-c\", $(json_text <"$work/hostile")]"
    tree_of work "$work/tree.pod"
    like "$(cat "$work/tree.pod")" 'user.colour=626c7565' "$driver: it was made"
    done_well "$driver: commit" jetpack commit -saveid "$work/saved" work test.example/mine:2.0,stage=one
    id=$out
    is "$(cat "$work/saved")" "$id" "$driver: -saveid"
    like "$id" '^sha512-[0-9a-f]{128}$' "$driver: it prints the id"
    done_well "$driver: verify" jetpack verify "$id"
    done_well "$driver: fsck" jetpack fsck
    run jetpack image-manifest "$id"
    like "$out" '"pathWhitelist"' "$driver: something was deleted: a whitelist"
    like "$out" '"imageID": "'"$base_id" "$driver: the parent by its id"
    unlike "$out" '"/data/deleted"' "$driver: ... without what was deleted"
    unlike "$out" '/data/old/y|/data/kept/k' "$driver: ... and what was in it"
    like "$out" '"/etc/resolv.conf"' "$driver: ... with the parent's resolv.conf"
    rm -f "$work/mine.aci"
    done_well "$driver: export" jetpack export -compression=none "$id" "$work/mine.aci"
    names=$(tar -tf "$work/mine.aci")
    unlike "$names" 'rootfs/(bin/busybox|etc/passwd|etc/resolv.conf|data/link$|proc|sys)' \
        "$driver: only what differs is in it"
    is "$(printf '%s\n' "$names" | sed -n '1p;2p' | tr '\n' ' ')" "manifest rootfs/ " "$driver: in order"

    done_well "$driver: run it" jetpack run -keep -pod-name again test.example/mine -exec /bin/true
    tree_of again "$work/tree.again"
    same_tree "$work/tree.pod" "$work/tree.again" "$driver: the image shows the very tree"
    run jetpack diff again
    is "$out" "" "$driver: ... and its own run differs in nothing"

    done_well "$driver: commit what did not change" jetpack commit again test.example/same
    rm -f "$work/same.aci"
    jetpack export -compression=none test.example/same "$work/same.aci"
    is "$(tar -tf "$work/same.aci" | grep -v '^rootfs/etc/$' | tr '\n' ' ')" "manifest rootfs/ " \
        "$driver: ... holds nothing"
    unlike "$(jetpack image-manifest test.example/same)" pathWhitelist "$driver: ... and lists nothing"

    rm -f "$work/flat.aci"
    done_well "$driver: export -flat" jetpack export -flat "$id" "$work/flat.aci"
    flat=$out
    done_well "$driver: import the flat one" jetpack import -q "$work/flat.aci"
    is "$out" "$flat" "$driver: it has the id that was printed"
    unlike "$(jetpack image-manifest "$flat")" 'dependencies|pathWhitelist' "$driver: it depends on nothing"
    done_well "$driver: run it" jetpack run -keep -pod-name flat "$flat" -exec /bin/true
    tree_of flat "$work/tree.flat"
    same_tree "$work/tree.pod" "$work/tree.flat" "$driver: the flat image shows the very tree"
    rm -f "$work/flat.again"
    done_well "$driver: export -flat of a flat one" jetpack export -flat -compression=none "$flat" "$work/flat.again"
    is "$out" "$flat" "$driver: ... is itself"

    one=$(jetpack commit -reproducible work test.example/mine:3.0)
    sleep 1
    two=$(jetpack commit -reproducible work test.example/mine:3.0)
    is "$two" "$one" "$driver: -reproducible gives the same id"
    like "$(jetpack image-manifest "$two")" '"value": "1970-01-01T00:00:00Z"' \
        "$driver: ... a parent without timestamp stands for the beginning of time"
    run env SOURCE_DATE_EPOCH=1600000000 "$JETPACK" -config "$config" commit -reproducible work test.example/mine:3.1
    like "$(jetpack image-manifest "$out")" '"value": "2020-09-13T12:26:40Z"' "$driver: SOURCE_DATE_EPOCH is heard"
    run env SOURCE_DATE_EPOCH=yesterday "$JETPACK" -config "$config" commit -reproducible work test.example/mine:3.2
    is "$status" 2 "$driver: ... when it is a number"
    fails 2 "tags" "$driver: no tags" jetpack commit work 'test.example/mine:1@stable'
    for pod in work again flat; do jetpack destroy "$pod"; done

    # The same with so many files that a list of them would be long.
    done_well "$driver: run what makes everything, and very much" jetpack run -keep -pod-name work test.example/base \
        -exec "[\"/bin/sh\", \"-c\", $({ cat "$work/hostile" && echo "cd /opt; i=0
            while [ \$i -lt 5300 ]; do : >\"$(printf %0200d 0)\$i\"; i=\$((i + 1)); done"; } | json_text)]"
    tree_of work "$work/tree.pod"
    done_well "$driver: commit" jetpack commit work test.example/large:1.0
    like "$(jetpack image-manifest test.example/large)" '"jetpack/removed"' "$driver: ... says what is gone"
    unlike "$(jetpack image-manifest test.example/large)" 'pathWhitelist' "$driver: ... not what is left"
    done_well "$driver: run it" jetpack run -keep -pod-name again test.example/large -exec /bin/true
    tree_of again "$work/tree.again"
    same_tree "$work/tree.pod" "$work/tree.again" "$driver: the image shows the very tree"
    for pod in work again; do jetpack destroy "$pod"; done

    # What an image cannot hold.
    done_well "$driver: a socket" jetpack run -keep -pod-name sockets test.example/base \
        -exec '["/bin/tree", "node", "/data/socket", "socket"]'
    done_well "$driver: ... in a commit" jetpack commit sockets test.example/sockets
    like "$err" 'warning: a socket was left out' "$driver: ... is left out with a warning"
    jetpack destroy sockets
    # Overlay itself refuses to make one, and so does a jail.
    run jetpack run -keep -pod-name white test.example/base -exec '["/bin/tree", "node", "/data/same.2", "whiteout"]'
    if [ "$status" = 0 ] && [ "$driver" != overlay ] && [ "$host_os" != freebsd ]; then
        fails 1 "data/same.2.*(whiteout|device 0:0|0:0)" "$driver: what means a deletion to an overlay is refused" \
            jetpack commit white test.example/white
    else
        is "$status" 1 "$driver: what means a deletion to an overlay cannot be made"
    fi
    jetpack destroy white
    for flag in nodump schg sappnd; do try_flag "$flag"; done
    try_inherited
    try_linked
    done_well "$driver: a name that is no text" jetpack run -keep -pod-name names test.example/base \
        -exec '["/bin/sh", "-c", "touch \"/data/$(printf \\\\377)\""]'
    done_well "$driver: ... is packed" jetpack commit names test.example/names
    run jetpack diff -format=json names
    like "$out" '"path_hex": "2f646174612fff"' "$driver: ... and told"
    done_well "$driver: ... with something deleted" jetpack exec names /bin/rm /data/same
    fails 1 "name 'data/.377' is not UTF-8" "$driver: ... it cannot be listed" jetpack commit names test.example/names:2
    jetpack destroy names
}

try() {
    done_well "$driver: init" jetpack init
    done_well "$driver: import" jetpack import -q "$work/base.aci"
    base_id=$out
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
    try_commit
}

on_each_driver try
finish
