#!/bin/sh
# Output that somebody does not take: it waits where it is made, complete and in order, and nobody
# else waits with it.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
total=60000 # lines on each stream: several times what pipes and sockets hold
add_image app '"exec": ["/bin/probe", "both", "'$total'", "/shared/go"], '"$user"
mkdir "$work/shared"
two() { # NAME: a pod of two such apps
    done_well "a pod of two" jetpack run -d --net=none -pod-name "$1" \
        -v shared:"$work/shared" test.example/app -name a -m shared:/shared test.example/app -name b -m shared:/shared
}
# is_whole FILE NAME: "out 1" to the last and "err 1" to the last, each stream in its order
is_whole() {
    seq "$total" >"$work/expected"
    for stream in out err; do
        sed -n "s/^$stream //p" "$1" | cmp -s - "$work/expected"
        ok $? "$2: $stream is complete and in order" ||
            show lines "$(sed -n "s/^$stream //p" "$1" | wc -l)"
    done
}
# logged POD:APP LINE
logged() { jetpack logs "$1" 2>&1 | grep -q "^$2\$"; }
begin() { : >"$work/shared/go"; }
over() { rm -f "$work/shared/go"; }
is_stopped() { case $(ps -o state= -p "$1") in T*) ;; *) false ;; esac; }
stop_it() { # PID
    kill -STOP "$1"
    wait_for 60 is_stopped "$1"
}

# In the foreground, all of a pod's output.
in_background "$work/fore" run --net=none -pod-name fore -v shared:"$work/shared" \
    test.example/app -name a -m shared:/shared test.example/app -name b -m shared:/shared
wait_for 60 grep -q 'b| ready' "$work/fore"
stop_it "$job"
begin
# As much as there is room for: one line of each is on its way when the last one waits.
wait_for 60 logged fore:a "out 100"
ok $? "a stalled terminal: the apps write while there is room"
run jetpack exec fore:a probe echo alive
is "$out" alive "... others are served"
run jetpack ps fore
ok "$status" "... and told"
[ "$(jetpack logs fore:a 2>&1 | wc -l)" -lt $((2 * total)) ]
ok $? "... the app waits"
kill -CONT "$job"
end_of "$job"
is "$?" 0 "it goes on to its end"
for app in a b; do
    sed -n "s/^$app| //p" "$work/fore" >"$work/part"
    is_whole "$work/part" "the terminal, app $app"
    jetpack logs fore:$app >"$work/log" 2>&1
    is_whole "$work/log" "the log, app $app"
done
over
jetpack destroy fore

# attached NAME POD:APP: each stream in a file of its own, as it would be in the middle of a line that
# the other one's begins. $job
attached() {
    : >"$work/$1.out"
    "$programs/interruptible" "$JETPACK" -config "$config" attach "$2" >"$work/$1.out" \
        2>"$work/$1.err" </dev/null &
    job=$!
    wait_for 60 grep -q ready "$work/$1.out"
}
both_whole() { # NAME TEXT
    cat "$work/$1.out" "$work/$1.err" >"$work/part"
    is_whole "$work/part" "$2"
}

# Attached to one app: the other one does not wait, nor who is attached to it.
two pod
attached slow pod:a
slow=$job
attached quick pod:b
quick=$job
in_background "$work/follow" logs -f pod:b
follow=$job
stop_it "$slow"
begin
# The log may be ahead of the client by what is on its way.
wait_for 120 logged pod:b "err $total"
ok $? "the other app comes to its end"
last() { grep -q "^err $total\$" "$work/quick.err" && grep -q "^out $total\$" "$work/quick.out"; }
wait_for 120 last
ok $? "... its client hears all of it"
both_whole quick "the other client"
jetpack logs pod:b >"$work/log" 2>&1
is_whole "$work/log" "the other log"
state_of pod running
ok $? "... and the first app still waits"
kill -CONT "$slow"
end_of "$slow"
is "$?" 0 "it goes on to its end"
both_whole slow "the stalled client"
end_of "$quick"
end_of "$follow"
is_whole "$work/follow" "logs -f"
jetpack wait pod >/dev/null 2>&1
jetpack logs pod:a >"$work/log" 2>&1
is_whole "$work/log" "its log"
over

# stop does not wait for it.
done_well "again" jetpack start pod
attached slow pod:a
slow=$job
stop_it "$slow"
begin
busy() { jetpack logs -n 100 pod:a 2>&1 | grep -q '^out'; }
wait_for 60 busy
done_well "stop while a client is stalled" timeout -s KILL 120 "$JETPACK" -config "$config" stop pod
kill -CONT "$slow"
end_of "$slow"
[ $? -ne 137 ]
ok $? "... which ends, too"
# It was given up, unless what there was to hear had found room before that; it may say so in the middle
# of a line.
like "$(grep -ao 'jetpack: .*' "$work/slow.err")" '^$|the pod was stopped while this command did not read its output$' \
    "... and says why"

# Nor is what runs then taken for what it was attached to.
over
done_well "again" jetpack start pod
attached slow pod:a
slow=$job
stop_it "$slow"
begin
wait_for 60 busy
done_well "stop while a client is stalled" timeout -s KILL 120 "$JETPACK" -config "$config" stop pod
over
done_well "... and start" jetpack start pod
kill -CONT "$slow"
end_of "$slow"
like "$(grep -ao 'jetpack: .*' "$work/slow.err")" '^$|the pod has ended, and was started again since$' \
    "... the client tells that it is another run"
state_of pod running
ok $? "... which goes on"
done_well "stop" jetpack stop pod
done_well "destroy" jetpack destroy pod
finish
