#!/bin/sh
# Pods on each storage driver: import, run twice, commands on files, destroy, what a killed run leaves.
. "$(dirname "$0")/drivers.sh"

user='"user": "0", "group": "0"'
image true '"exec": ["/bin/probe", "true"], '"$user"
image sleep '"exec": ["/bin/probe", "sleep", "1000"], '"$user"

sleeper_is_gone() { ! state_of sleeper running; }

try() {
    run jetpack init
    like "$out" "storage driver $driver\)" "$driver: init"
    run jetpack info
    like "$out" "^Driver +$driver" "$driver: info names it"
    run jetpack import -q "$work/true.aci"
    is "$status" 0 "$driver: import"
    true_id=$out
    done_well "$driver: import another" jetpack import -q "$work/sleep.aci"
    done_well "$driver: verify" jetpack verify "$true_id"
    rm -f "$work/again.aci"
    done_well "$driver: export" jetpack export "$true_id" "$work/again.aci"

    done_well "$driver: prepare" jetpack prepare -pod-name first -v data test.example/true
    done_well "$driver: run" jetpack run first
    done_well "$driver: run again" jetpack run first
    printf 'to the pod\n' >"$work/note"
    done_well "$driver: run --keep" jetpack run -keep first
    done_well "$driver: cp into the kept root" jetpack cp "$work/note" first::/data/note
    rm -f "$work/note.back"
    done_well "$driver: cp from it" jetpack cp first::/data/note "$work/note.back"
    cmp -s "$work/note" "$work/note.back"
    ok $? "$driver: the same came back"
    done_well "$driver: run once more" jetpack run first
    run jetpack cp first::/data/note "$work/none"
    is "$status" 1 "$driver: every run begins with a clean copy"
    done_well "$driver: destroy" jetpack destroy first
    done_well "$driver: run -destroy" jetpack run -destroy test.example/true

    done_well "$driver: run -d" jetpack run -d -pod-name sleeper test.example/sleep
    wait_for 60 state_of sleeper running
    ok $? "$driver: it runs"
    done_well "$driver: exec" jetpack exec sleeper /bin/probe true
    run jetpack show -format=json sleeper
    supervisor=$(json supervisor)
    [ -n "$supervisor" ] || supervisor=$(json pid)
    kill -KILL "${supervisor:?}"
    wait_for 60 sleeper_is_gone
    ok $? "$driver: its supervisor is killed"
    done_well "$driver: gc" jetpack gc
    done_well "$driver: it can be run again" jetpack run -d sleeper
    done_well "$driver: stopped" jetpack stop sleeper
    done_well "$driver: destroyed" jetpack destroy sleeper
    run jetpack gc
    is "$out" "" "$driver: nothing left for gc"
    done_well "$driver: fsck" jetpack fsck
    is "$(find "$work/root/tmp" "$work/root/pods" -mindepth 1)" "" \
        "$driver: nothing lies about"
}

on_each_driver try

# Chosen by itself.
sed -i.bak '/^storage\.driver/d' "$config"
done_well "auto: init" jetpack init
run jetpack info
like "$out" '^Driver +[a-z]+' "auto: info names what was chosen"
like "$out" '^Driver because +.' "auto: ... and why"
finish
