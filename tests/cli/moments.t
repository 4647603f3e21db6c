#!/bin/sh
# What comes at the wrong moment: a signal between two steps of a command, the end of a pod while a
# request is under way, a supervisor that answers nothing. strace(1) makes the moment.
. "$(dirname "$0")/lib.sh"
need_root
strace -o /dev/null -e inject=getpid:signal=HUP:when=9999 true 2>/dev/null ||
    skip_all "not here: strace cannot trace"

add_image app '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
# at CALL:SIGNAL COMMAND...: the signal comes with that system call of the command, the first time.
# (Nobody can look for leaks in a program that is traced.)
at() {
    moment="${1%%:*}:signal=${1##*:}:when=1"
    shift
    ASAN_OPTIONS=detect_leaks=0 timeout -s KILL 60 strace -o "$work/trace" -e inject="$moment" "$JETPACK" -config "$config" "$@"
}

# Long before there is anything to wait for, but after the command has begun to listen.
done_well "a pod" jetpack run -d --net=none -pod-name pod test.example/app
fails 125 interrupted "an interrupt just before wait waits" at connect:INT wait pod
fails 1 interrupted "... or stop" at connect:INT stop -t 1000 pod
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

# The pod ends between the greeting and the request.
done_well "start" jetpack start pod
at sendmsg:STOP kill -s HUP pod >"$work/late" 2>&1 &
late=$!
wait_for 60 grep -q 'stopped by SIGSTOP' "$work/trace"
done_well "stop" jetpack stop pod
# Of those that hold this output, the one that was stopped.
for file in /proc/[0-9]*/fd/1; do
    [ "$(readlink "$file")" != "$work/late" ] || kill -CONT "$(echo "$file" | cut -d/ -f3)"
done
wait "$late"
is "$?" 1 "a request to a pod that has just ended"
like "$(cat "$work/late")" "kill: signal pod 'pod': it has just ended" "... says so"

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
done_well "destroy" jetpack destroy pod slow
finish
