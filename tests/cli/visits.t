#!/bin/sh
# exec, console and cp in a pod that does not run: its isolation is there as long as anybody needs it,
# whoever came first, and the last run is what the pod is known by.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
add_image app '"exec": ["/bin/probe", "exit", "3"], '"$user"
j="$JETPACK -config $config"
done_well "a pod" jetpack prepare --net=none -pod-name pod test.example/app

# together N: so many commands at once, each with a status of its own
together() {
    n=1 jobs=''
    while [ "$n" -le "$1" ]; do
        $j exec pod probe exit "$n" >>"$work/together" 2>&1 </dev/null &
        jobs="$jobs $!"
        n=$((n + 1))
    done
    n=1 wrong=0
    for job in $jobs; do
        wait "$job"
        [ $? -eq "$n" ] || wrong=$((wrong + 1))
        n=$((n + 1))
    done
}
for size in 3 10 30; do
    : >"$work/together"
    all=0
    for round in 1 2 3; do
        together "$size"
        all=$((all + wrong))
    done
    is "$all$(cat "$work/together")" 0 "$size at once, three times"
    state_of pod prepared
    ok $? "... and the pod is as before"
done
run jetpack run pod
is "$status" 3 "it can be run at once"

# visitor NAME: a program in the pod that answers what it is told, until its input ends
visitor() {
    mkfifo "$work/$1.in"
    $j exec -i pod probe cat - <"$work/$1.in" >"$work/$1.out" 2>&1 3>&- 4>&- &
    eval "$1=\$!"
}
answers() { wait_for 60 grep -q "$2" "$work/$1.out"; }
forget() { rm -f "$work/$1.in" "$work/$1.out"; }

for order in first last; do
    visitor a
    exec 3>"$work/a.in"
    echo one >&3
    answers a one
    ok $? "one starts the isolation"
    visitor b
    exec 4>"$work/b.in"
    echo two >&4
    answers b two
    ok $? "... another joins it"
    state_of pod running
    ok $? "... it is there"
    fails 125 "'pod' does not run, but exec, console or cp is at work in it.*jetpack stop pod" \
        "... and run says why it cannot" jetpack run pod
    if [ "$order" = first ]; then
        exec 3>&-
        wait "$a"
        is "$?" 0 "the one who started it ends first"
        echo three >&4
        answers b three
        ok $? "... the other goes on"
        exec 4>&-
        wait "$b"
    else
        exec 4>&-
        wait "$b"
        is "$?" 0 "the one who started it ends last"
        echo three >&3
        answers a three
        ok $? "... it goes on"
        exec 3>&-
        wait "$a"
    fi
    is "$?" 0 "... to its end"
    state_of pod exited
    ok $? "... and is gone when the command is"
    run jetpack wait pod
    is "$status" 3 "the last run is what is remembered"
    forget a
    forget b
done

# Killed: the one who started it, the supervisor.
visitor a
exec 3>"$work/a.in"
echo one >&3
answers a one
visitor b
exec 4>"$work/b.in"
echo two >&4
answers b two
ok $? "two again"
kill -KILL "$a"
wait "$a" 2>/dev/null
echo three >&4
answers b three
ok $? "the one who started it is killed: the other goes on"
run jetpack show -format=json pod
supervisor=$(json supervisor)
kill -KILL "${supervisor:?}"
wait "$b"
is "$?" 137 "the supervisor is killed: so was the command's program"
like "$(cat "$work/b.out")" 'supervisor died' "... and says so"
exec 3>&- 4>&-
# (Its PID 1 may hold the lock for a moment longer.)
wait_for 60 state_of pod exited
ok $? "the pod is what its last run made of it"
run jetpack exec pod probe exit 5
is "$status" 5 "the next one starts another"
run jetpack gc
is "$status$(jetpack gc 2>&1)" 0 "gc finds nothing to mend"
forget a
forget b

# stop ends all of them.
visitor a
exec 3>"$work/a.in"
echo one >&3
answers a one
done_well "stop" jetpack stop pod
wait "$a"
is "$?" 137 "... kills the program"
exec 3>&-
forget a
run jetpack run pod
is "$status" 3 "... and the pod can be run at once"

# Nothing is left for a moment: what ends a session is there when the command is over.
again=0
for i in 1 2 3 4 5; do
    $j exec pod /no/such/program 2>/dev/null
    $j run pod >/dev/null 2>&1
    [ $? -eq 3 ] || again=$((again + 1))
    $j exec pod probe lines 1000000 2>/dev/null | head -n 1 >/dev/null
    $j run pod >/dev/null 2>&1
    [ $? -eq 3 ] || again=$((again + 1))
    $j cp pod::/data/file "$work/file"
    $j run pod >/dev/null 2>&1
    [ $? -eq 3 ] || again=$((again + 1))
done
is "$again" 0 "a run just after a program that is not there, output that nobody wants, a copy"

# A copy is a visitor like others.
visitor a
exec 3>"$work/a.in"
echo one >&3
answers a one
echo brought >"$work/brought"
run jetpack cp "$work/brought" pod::/data/brought
is "$status" 0 "cp beside a program"
like "$err" 'does not run' "... warns"
run jetpack exec pod probe cat /data/brought
is "$out" brought "... of what can be seen now"
exec 3>&-
wait "$a"
is "$?" 0 "... and ends nobody"
run jetpack exec pod probe exists /data/brought
is "$out" no "... and not later"
done_well "destroy" jetpack destroy pod
finish
