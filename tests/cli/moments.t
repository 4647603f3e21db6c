#!/bin/sh
# What comes at the wrong moment: a signal between two steps of a command, the end of a pod while a
# request is under way, a supervisor that answers nothing. strace(1) makes the moment.
. "$(dirname "$0")/lib.sh"
need_root
strace -o /dev/null -e inject=getpid:signal=HUP:when=9999 true 2>/dev/null ||
    skip_all "not here: strace cannot trace"

add_image app '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
# at N CALL SIGNAL WORDS...: the signal comes with the N-th of those system calls of the command.
# (Nobody can look for leaks in a program that is traced.)
at() {
    moment=$2:signal=$3:when=$1
    shift 3
    ASAN_OPTIONS=detect_leaks=0 timeout -s KILL 300 strace -o "$work/trace" \
        -e inject="$moment" "$JETPACK" -config "$config" "$@"
}

# Long before there is anything to wait for, but after the command has begun to listen.
done_well "a pod" jetpack run -d --net=none -pod-name pod test.example/app
fails 125 interrupted "an interrupt just before wait waits" at 1 connect INT wait pod
fails 1 interrupted "... or stop" at 1 connect INT stop -t 1000 pod
done_well "kill" jetpack kill pod
in_background "$work/slow" run -d --net=none -pod-name slow test.example/app \
    -pre-start '["/bin/probe", "sleep", "1000"]'
wait_for 60 state_of slow starting
kill -INT "$job"
end_of "$job"
is "$?" 125 "an interrupt while run -d waits for a handler"
like "$(cat "$work/slow")" "'slow': interrupted" "... is told"
not_starting() { ! state_of slow starting; }
wait_for 60 not_starting
ok $? "... and ends the start"

# late N CALL WORDS...: the command stops after that system call, until go_on
late() {
    nth=$1 call=$2
    shift 2
    rm -f "$work/trace"
    : >"$work/late"
    at "$nth" "$call" STOP "$@" >"$work/late" 2>&1 &
    late=$!
    wait_for 60 grep -q 'stopped by SIGSTOP' "$work/trace"
}
# Of those that hold its output, the one that was stopped. Its status: $status
go_on() {
    for file in /proc/[0-9]*/fd/1; do
        [ "$(readlink "$file")" != "$work/late" ] || kill -CONT "$(echo "$file" | cut -d/ -f3)"
    done
    wait "$late"
    status=$?
}

# The pod ends between the greeting and the request.
done_well "start" jetpack start pod
late 1 sendmsg kill -s HUP pod
done_well "stop" jetpack stop pod
go_on
is "$status" 1 "a request to a pod that has just ended"
like "$(cat "$work/late")" "kill: signal pod 'pod': it has just ended" "... says so"

# Somebody else removes the pod after the command has found it: it has locked the store by then, and
# looked for the pod's lock.
for word in stop kill destroy; do
    done_well "a pod" jetpack run -d --net=none -pod-name other test.example/app
    late 2 flock "$word" other
    done_well "destroy" jetpack destroy other
    go_on
    is "$status $(cat "$work/late")" '0 ' "$word: what was to be done is done"
done
for option in '' -destroy; do
    in_background "$work/fore" run $option --net=none -pod-name other test.example/app
    wait_for 60 grep -q ready "$work/fore"
    kill -STOP "$job"
    done_well "destroy" jetpack destroy other
    kill -CONT "$job"
    end_of "$job"
    is "$?" 137 "run $option: it is the app's status that counts"
done
in_background "$work/fore" run -destroy --net=none -pod-name other test.example/app
wait_for 60 grep -q ready "$work/fore"
late 1 sendmsg wait other
done_well "stop" jetpack stop other
end_of "$job"
is "$?" 143 "run -destroy has ended and removed the pod"
go_on
is "$status $(cat "$work/late")" '143 ' "wait learns the status of a pod that was removed at once"

# Another command has the lock of a pod that does not run, for a moment.
add_image short '"exec": ["/bin/probe", "exit", "3"], "user": "0", "group": "0"'
done_well "a pod" jetpack prepare --net=none -pod-name idle test.example/short
late 2 flock stop idle
in_background "$work/fore" run idle
go_on
is "$status" 0 "a slow stop of a pod that does not run"
end_of "$job"
is "$?" 3 "... and waited for"

# The record of an isolation for exec alone, and the run that came before its end was seen.
done_well "a pod" jetpack prepare --net=none -pod-name fresh test.example/short
in_background "$work/fore" exec fresh /bin/probe sleep 1000
wait_for 60 grep -q ready "$work/fore"
kill -STOP "$job"
done_well "stop" jetpack stop fresh
run jetpack run fresh
is "$status" 3 "a run while somebody still believes in exec"
kill -CONT "$job"
end_of "$job"
run jetpack wait fresh
is "$status" 3 "... is the last run that is known"

# PID 1 of a pod gives up the lock, which it has from its supervisor, when it can be found: whoever
# cleans up after a supervisor that was killed finds the lock held or a process of that name.
ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=prctl,close_range -o "$work/trace" \
    "$JETPACK" -config "$config" run -destroy --net=none test.example/app -exec /bin/probe -- true 2>"$work/err"
first=$(sed -n 's/^\([0-9]*\) *prctl(PR_SET_NAME, "jp-.*/\1/p' "$work/trace" | head -n 1)
like "$(grep "^${first:-none} " "$work/trace" | grep -E 'PR_SET_NAME|close_range' | head -n 1)" \
    'PR_SET_NAME, "jp-' "PID 1 is named before it closes what it inherited"

# One that is there and does not answer is killed in the end.
done_well "start" jetpack start pod
run jetpack show -format=json pod
supervisor=$(json supervisor)
[ -n "$supervisor" ] || supervisor=$(json pid)
kill -STOP "${supervisor:?}"
done_well "kill of a pod whose supervisor does not answer" timeout -s KILL 100 \
    "$JETPACK" -config "$config" kill pod
state_of pod failed
ok $? "... ends it"
done_well "start" jetpack start pod
done_well "destroy" jetpack destroy pod slow idle fresh
finish
