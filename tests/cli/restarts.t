#!/bin/sh
# ace.md: every execution begins with a clean copy. Apps that are started again while their pod runs,
# by policy and by `restart POD:APP`, on each storage driver.
. "$(dirname "$0")/drivers.sh"

user='"user": "0", "group": "0"'
image sleep '"exec": ["/bin/probe", "sleep", "1000"], '"$user"
image ruin '"exec": ["/bin/probe", "ruin", "/keep/found"], '"$user"
mkdir "$work/keep"

app_json() { jetpack show -format=json "$1" | sed -n "s/.*\"$2\": *\([^,]*\).*/\1/p" | tail -n 1; }
member() { jetpack list -format=json -filter "name=$1" | tr -d '\n' | grep -o "\"name\": \"$2\"[^}]*" |
    sed -n "s/.*\"$3\": *\([^,}]*\).*/\1/p"; }
pid_in() { member "$1" "$2" pid; }
supervisor_of() {
    run jetpack show -format=json "$1"
    json supervisor
}
# The same in every start but for the number of its mount namespace.
facts() { jetpack exec duo:a /bin/probe fingerprint | sed 's/mnt:.*//'; }
restarts_are() { [ "$(member "$1" "$2" restarts)" -ge "$3" ] 2>/dev/null; }
runs() { [ -n "$(pid_in "$1" "$2")" ]; }
# What lies about for a root: directories of apps, and what waits to be removed.
roots() { find "$work/root/tmp" "$work/root"/pods/*/apps -mindepth 1 -maxdepth 1 ! -name 'mark-*' | sort; }
no_trash() { [ -z "$(find "$work/root/tmp" -mindepth 1)" ]; }

by_policy() {
    : >"$work/keep/found"
    run jetpack run -destroy --net=none --restart=on-failure:3 -v "keep:$work/keep" \
        test.example/ruin -m keep:/keep
    is "$status" 3 "$driver: an app that ruins its root, started again by policy"
    is "$(tr '\n' ' ' <"$work/keep/found")" 'clean clean clean clean ' \
        "$driver: ... finds a clean one each time, and volumes as they were"
    wait_for 60 no_trash
    ok $? "$driver: ... and leaves nothing"
    run jetpack run --net=none -keep -pod-name kept --restart=on-failure:2 test.example/sleep \
        -pre-start '["/bin/probe", "write", "/tmp/last", "x"]' -exec /bin/probe -- exit 3
    is "$status" 3 "$driver: with --keep"
    run jetpack exec kept /bin/probe cat /tmp/last
    is "$out" x "$driver: ... the last root is kept"
    done_well "$driver: destroy it" jetpack destroy kept
}

# In a pod of two: one is started again, the other must not notice. (FreeBSD's devfs has no place for
# the pod's shared memory.)
[ "$host_os" = linux ] && shared=/dev/shm/shared || shared=/keep/shared
by_order() {
    run jetpack run -d --net=none -pod-name duo -v "keep:$work/keep" test.example/sleep -name a \
        -m keep:/keep test.example/sleep -name b
    is "$status" 0 "$driver: a pod of two apps"
    a=$(pid_in duo a) b=$(pid_in duo b)
    facts >"$work/before"
    jetpack exec duo:b /bin/probe write /tmp/dirt b
    jetpack exec duo:a /bin/probe write $shared x
    jetpack exec duo:a /bin/probe ruin /keep/found
    done_well "$driver: restart of one whose root is ruined" jetpack restart -t 0 duo:a
    [ "$(pid_in duo a)" != "$a" ] && [ "$(pid_in duo b)" = "$b" ]
    ok $? "$driver: another process, the other app's is the same"
    run jetpack exec duo:a /bin/probe exists /gone /etc/passwd /keep/found $shared
    is "$(echo $out)" "no yes yes yes" \
        "$driver: a clean root; volumes and the pod's shared memory are as they were"
    run jetpack exec duo:b /bin/probe exists /tmp/dirt
    is "$out" yes "$driver: the other app's root is as it was"
    facts >"$work/after"
    cmp -s "$work/before" "$work/after"
    ok $? "$driver: confined as before" || diff "$work/before" "$work/after" | sed 's/^/# /'
    fails 1 'No such file' "$driver: cp looks into the new root" jetpack cp duo:a:/gone "$work/none"
    done_well "$driver: cp into it" jetpack cp "$work/before" duo:a:/tmp/copied
    run jetpack exec duo:a /bin/probe exists /tmp/copied
    is "$out" yes "$driver: ... arrives"
}

trash_is() { [ "$(find "$work/root/tmp" -mindepth 1 -maxdepth 1 | wc -l)" -eq "$1" ]; }
session_of() { jetpack ps -H duo | grep 'sleep 999' | cut -f1; }
has_session() { [ -n "$(session_of)" ]; }
in_old_root() {
    jetpack exec duo:a /bin/probe write /tmp/dirt x
    in_background "$work/session" exec duo:a /bin/probe sleep 999
    wait_for 60 has_session
    done_well "$driver: restart beside an exec" jetpack restart -t 0 duo:a
    run jetpack exec duo:a /bin/probe exists /tmp/dirt
    is "$out" no "$driver: what comes later is in the new root"
    [ "$host_os" != linux ] || {
        [ -e "/proc/$(session_of)/root/tmp/dirt" ]
        ok $? "$driver: the exec stays in the old one"
    }
    wait_for 60 trash_is 1 # others are on their way out
    jetpack gc >/dev/null
    trash_is 1
    ok $? "$driver: which not even gc removes"
    kill -TERM "$job"
    end_of "$job"
    wait_for 60 no_trash
    ok $? "$driver: it is removed when the exec has ended"
}

fds() { [ "$host_os" != linux ] || ls "/proc/$1/fd" | wc -l; }
# (A jail's root of an app has another number each time.)
mounts() {
    if [ "$host_os" = linux ]; then cat /proc/self/mountinfo; else mount; fi |
        sed 's,/world/\([0-9]*\)\.[0-9]*,/world/\1,'
}
mounts_of() { [ "$host_os" != linux ] || cat "/proc/$1/mountinfo"; }
processes() { jetpack ps -H duo | wc -l; }
# As often as it takes for commands that were there to be forgotten.
held() { echo "$(fds "$supervisor") $(processes)"; }
holds() { [ "$(held)" = "$1" ]; }
is_calm() { calm=$(held); sleep 0.2; holds "$calm"; }
fifty() {
    done_well "$driver: once more" jetpack restart -t 0 duo:a
    wait_for 60 no_trash
    supervisor=$(supervisor_of duo) b=$(pid_in duo b)
    wait_for 60 is_calm
    was=$(held)
    mounts >"$work/mounts"
    mounts_of "$b" >"$work/mounts.b"
    roots >"$work/roots"
    n=0 failed=0
    while [ "$n" -lt 50 ]; do
        jetpack restart -t 0 duo:a || failed=$((failed + 1))
        n=$((n + 1))
    done
    is "$failed" 0 "$driver: fifty restarts"
    wait_for 60 no_trash
    ok $? "$driver: ... leave no root"
    roots >"$work/roots.after"
    cmp -s "$work/roots" "$work/roots.after"
    ok $? "$driver: ... nor directory" || diff "$work/roots" "$work/roots.after" | sed 's/^/# /'
    wait_for 60 holds "$was"
    ok $? "$driver: ... nor descriptor nor process"
    mounts >"$work/mounts.after"
    cmp -s "$work/mounts" "$work/mounts.after"
    ok $? "$driver: ... nor mount of the host" || diff "$work/mounts" "$work/mounts.after" | sed 's/^/# /'
    mounts_of "$b" >"$work/mounts.after"
    cmp -s "$work/mounts.b" "$work/mounts.after"
    ok $? "$driver: ... nor of the other app"
    is "$(pid_in duo b)" "$b" "$driver: ... which runs on"
}

# A root that cannot be made: the start counts as failed, and the next one tries again.
cannot() {
    mv "$config" "$config.away"
    echo nonsense >"$config"
    "$JETPACK" -config "$config.away" restart -t 0 duo:a >"$work/out" 2>"$work/err"
    is "$?" 1 "$driver: a root that cannot be made"
    like "$(cat "$work/err")" 'clean root' "$driver: ... is what restart tells"
    mv "$config.away" "$config"
    is "$(member duo a state)" '"exited"' "$driver: ... is an end of the app"
    fails 125 'no root file system' "$driver: ... in which nothing can be started" \
        jetpack exec duo:a /bin/probe true
    fails 1 'no root file system' "$driver: ... and from which nothing be copied" \
        jetpack cp duo:a:/etc/passwd "$work/none"
    done_well "$driver: ... until it can" jetpack restart duo:a
    run jetpack exec duo:a /bin/probe exists /etc/passwd
    is "$out" yes "$driver: ... and is whole"
}

# At whatever moment the supervisor is killed, gc leaves nothing, and the pod runs again.
# What made a root dies with the supervisor, and holds the lock until then.
is_cleaned() { jetpack gc && no_trash && [ -z "$(find "$work/root"/pods/*/apps -mindepth 2)" ]; }
killed() {
    n=0 wrong=
    while [ "$n" -lt 12 ]; do
        supervisor=$(supervisor_of duo)
        in_background "$work/restart" restart -t 0 duo:a
        m=0
        while [ "$m" -lt $((n * 40)) ]; do m=$((m + 1)); done # another moment each time
        kill -KILL "${supervisor:?}"
        end_of "$job"
        wait_for 60 is_cleaned || wrong="$wrong roots"
        jetpack start duo >/dev/null 2>"$work/err" || wrong="$wrong start"
        wait_for 60 runs duo a || wrong="$wrong run"
        n=$((n + 1))
    done
    is "$wrong" "" "$driver: a supervisor killed beside a restart leaves nothing"
}

# PID 1 keeps a proc without masks for roots to come: even who may look at PID 1 must not find it.
out_of_reach() {
    [ "$host_os" = linux ] || return 0
    done_well "a pod that may trace" jetpack run -d --net=none -pod-name spy \
        test.example/sleep -caps-retain=CAP_SYS_PTRACE,CAP_DAC_OVERRIDE
    done_well "which has shared memory" jetpack exec spy /bin/probe write /dev/shm/found x
    for path in /proc/1/root /proc/1/root/.. /proc/1/root/../.. /proc/1/cwd/..; do
        run jetpack exec spy /bin/probe ls "$path"
        is "$status $out" '0 ' "there is nothing in $path"
    done
    run jetpack exec spy /bin/probe ls /proc/self/root/..
    like "$out" '^bin' "control: such a path leads somewhere"
    jetpack destroy spy
}

try() {
    jetpack init >/dev/null
    jetpack import -q "$work/sleep.aci" >/dev/null && jetpack import -q "$work/ruin.aci" >/dev/null ||
        ok 1 "$driver: import"
    [ "$driver" != copy ] || out_of_reach
    by_policy
    by_order
    in_old_root
    fifty
    cannot
    killed
    done_well "$driver: destroy" jetpack destroy duo
    run jetpack gc
    is "$out" "" "$driver: nothing left for gc"
    is "$(find "$work/root/tmp" "$work/root/pods" -mindepth 1)" "" "$driver: nothing lies about"
}
on_each_driver try
finish
