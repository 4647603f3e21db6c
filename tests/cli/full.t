#!/bin/sh
# A full disk: whatever takes room says so in one line and leaves the store as it was; what makes
# room works, because the store keeps a reserve for that; afterwards everything works again. On a
# small tmpfs and on a small ext4, in a mount namespace of this test's own. And a disk that cannot be
# written at all.
. "$(dirname "$0")/mounts.sh"
need_root

root=$work/root
mkdir "$root"

contents() { (cd "$root" && find . ! -name 'db*' ! -name '.' ! -name filler ! -name reserve | sort); }
remember() { before=$(contents); }
unchanged() {
    contents >"$work/now"
    printf '%s\n' "$before" | cmp -s - "$work/now"
    ok $? "... and the store is unchanged" || {
        printf '%s\n' "$before" | diff - "$work/now" | sed 's/^/# /' | head -n 5
    }
}
free_kib() { df -kP "$root" | awk 'NR == 2 { print $4 }'; }
# Fills the disk to the last block, also with small writes.
fill() {
    for size in 65536 4096 512; do
        dd if=/dev/zero bs=$size 2>/dev/null >>"$root/filler"
    done
    [ "$(free_kib)" -le 4 ] || echo "# $(free_kib) KiB are free"
}
full() { # NAME COMMAND...
    full_name=$1
    shift
    fill
    remember
    fails 1 'No space left on device' "$kind: $full_name" jetpack "$@"
    unchanged
}
well() { # NAME COMMAND...
    well_name=$1
    shift
    fill
    done_well "$kind: $well_name" jetpack "$@"
}
reserve_is_whole() { [ "$(wc -c <"$root/reserve")" -eq 1048576 ]; }

image big '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
image other '"exec": ["/bin/probe", "echo", "hello"], "user": "0", "group": "0"'
image third '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'

sequence() {
    kind=$1
    done_well "$kind: images before" jetpack import -q "$work/big.aci"
    done_well "$kind: another" jetpack import -q "$work/other.aci"
    done_well "$kind: a pod" jetpack prepare --pod-name=first --net=none test.example/other
    done_well "$kind: one to be removed" jetpack prepare --pod-name=second --net=none test.example/other
    done_well "$kind: one that runs" jetpack run -d --pod-name=running --net=none test.example/big
    done_well "$kind: another" jetpack run -d --pod-name=ending --net=none test.example/big
    in_background "$work/shown" run --pod-name=shown --net=none test.example/big
    shown=$job
    wait_for 60 state_of shown running
    ok $? "$kind: one in the foreground"
    reserve_is_whole
    ok $? "$kind: there is a reserve"

    full "import" import -q "$work/third.aci"
    full "prepare" prepare --net=none --pod-name=third test.example/other
    full "rename" rename first renamed
    fill
    remember
    fails 125 'No space left on device' "$kind: run a new pod" \
        jetpack run --net=none --pod-name=third test.example/other
    unchanged

    fill
    pids=
    for i in 1 2 3 4 5 6 7 8; do
        jetpack list -q >"$work/list.$i" 2>&1 </dev/null &
        pids="$pids $!"
    done
    bad=0
    for pid in $pids; do wait "$pid" || bad=$((bad + 1)); done
    is "$bad" 0 "$kind: eight lists at once" || cat "$work"/list.*
    well "images" images
    like "$out" 'test.example/other' "... lists them"
    well "list" list
    like "$out" 'running' "... lists them"
    well "show" show first
    well "fsck" fsck
    well "gc" gc
    well "destroy" destroy second
    well "stop the one in the foreground" stop shown
    end_of "$shown"
    is $? 143 "... it has ended"
    well "destroy it" destroy shown
    well "signal" kill -s INT ending
    wait_for 60 state_of ending exited
    ok $? "... an app that ends by itself is known to have"
    well "stop" stop running
    state_of running exited
    ok $? "... the pod has ended"
    rm "$root/reserve"
    truncate -s 4M "$root/filler"
    done_well "$kind: gc without a reserve" jetpack gc
    reserve_is_whole
    ok $? "... makes one"
    well "destroy what ran" destroy running ending
    well "destroy-image" destroy-image test.example/big
    run jetpack images
    unlike "$out" 'test.example/big' "... it is gone"
    rm "$root/filler"
    done_well "$kind: gc after" jetpack gc
    reserve_is_whole
    ok $? "$kind: the reserve is whole again"
    done_well "$kind: fsck after" jetpack fsck
    done_well "$kind: run after" jetpack run first
    like "$out" 'hello' "... it runs"
    done_well "$kind: import after" jetpack import -q "$work/third.aci"
    done_well "$kind: the end" jetpack destroy first
}

on_tmpfs() {
    mount -t tmpfs -o size=24m,mode=0711 jetpack-full "$root" || return 1
    sequence tmpfs
    umount -l "$root"
}

on_ext4() {
    truncate -s 32M "$work/disk" && mkfs.ext4 -q -F -m 0 "$work/disk" 2>"$work/why" &&
        mount -o loop "$work/disk" "$root" 2>>"$work/why" || return 1
    rmdir "$root/lost+found"
    sequence ext4
    umount -l "$root"
}

# A unit with ProtectSystem=strict sees it so.
read_only() {
    jetpack init >/dev/null 2>&1 && mount --bind "$root" "$root" || return 1
    mount -o remount,bind,ro "$root" && fails 1 "list: $root: open 'lock': Read-only file system" \
        "a disk that is read-only: what cannot be written is named" jetpack list
    umount -l "$root"
}

read_only || skip "read-only" "not here: no mount can be made read-only"
on_tmpfs || skip "tmpfs" "not here: no tmpfs can be mounted"
on_ext4 || skip "ext4" "not here: $(tail -n 1 "$work/why")"
finish
