#!/bin/sh
# run -d with a terminal, with input, with -destroy: what the supervisor keeps and ends by itself.
. "$(dirname "$0")/lib.sh"
need_root

add_image plain '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
add_image bare ''
withpty() { "$programs/withpty" "$@"; }
j="$JETPACK -config $config"
says() { jetpack logs "$1" | tr -d '\r' | grep -q -e "$2"; }
is_gone() { ! jetpack list -q -filter "name=$1" | grep -q .; }
# background NAME OPTIONS ARGUMENT-OF-THE-PROBE...
background() {
    name=$1 options=$2
    shift 2
    # shellcheck disable=SC2086 # a list of words
    run jetpack run -d $options --net=none -pod-name "$name" test.example/plain -exec /bin/probe -- "$@"
}

# A terminal that nobody looks at.
background term -t tty
is "$status" 0 "run -d -t"
wait_for 60 says term '^tty 24 80$'
ok $? "the app has a terminal of the usual size, and what it writes is logged"
run withpty 'send \x0d' $j attach -it term -nonsense
is "$status" 2 "attach with a bad option"
run withpty 'send hi\n;expect got hi;send \x10\x11' $j attach -it term
is "$status" 0 "attach types; ctrl-p ctrl-q leaves"
state_of term running
ok $? "... and the pod goes on"
run withpty 'send again\n;expect got again;send \x01d' $j attach -it -detach-keys ctrl-a,d term
is "$status" 0 "attach once more, with other keys"
state_of term running
ok $? "... and the pod goes on"
run withpty 'send quit\n' $j attach -it term
is "$status" 0 "attach ends with the app"
run jetpack wait term
is "$status" 5 "... whose status is kept"

# The size of the terminal that attaches: it is the app's when the answer comes.
background size -t winch
wait_for 60 says size ready
run withpty 'expect now 33 101' $j attach -it size
is "$status" 0 "the app is told the size of the terminal that attached"
background same -t catch 28 TERM
wait_for 60 says same ready
run withpty 'expect caught 28;send \x10\x11' $j attach -it same
is "$status" 0 "... as a signal"
run withpty 'expect caught 28;send \x10\x11' $j attach -it same
is "$status" 0 "... also when it is the same again, so that the app draws anew"
run withpty 'expect caught 28;size 44 120;expect caught 28;send \x10\x11' $j attach -it same
is "$status" 0 "... and follows it"
run withpty '' $j run -d -t --net=none -pod-name born test.example/plain -exec /bin/probe -- tty
wait_for 60 says born '^tty 33 101$'
ok $? "a terminal is born with the size of the one that run -d -t was typed on"

# Input without a terminal; the last words arrive.
background in -i cat -
is "$status" 0 "run -d -i"
state_of in running
ok $? "without anybody attached the input is open"
echo typed | "$JETPACK" -config "$config" attach -i in >"$work/out"
is "$?:$(cat "$work/out")" 0:typed "attach -i sends input and its end"
run jetpack wait in
is "$status" 0 "... which ends the app"
head -c 3000000 /dev/zero | tr '\0' 'z' >"$work/big"
background big -i cat -
"$JETPACK" -config "$config" attach -i big <"$work/big" >"$work/out"
cmp -s "$work/big" "$work/out"
ok $? "three million bytes there and back, to the last one"
wrong=0
for i in 1 2 3 4 5 6 7 8; do
    background "last$i" -t tty
    withpty 'send word\n;send quit\n;expect got word' $j attach -it "last$i" >"$work/out" || wrong=1
done
is "$wrong" 0 "what an app says before it ends is seen, eight times"

# -destroy: by the supervisor.
background gone -destroy exit 3
is "$status" 0 "run -d -destroy"
wait_for 60 is_gone gone
ok $? "the pod is gone by itself"
background later -destroy catch HUP TERM
wait_for 60 says later ready
run jetpack list -q
like "$out" . "a pod that runs is there"
in_background "$work/wait" wait later
waiter=$job
in_background "$work/follow" logs -f later
follower=$job
in_background "$work/attach" attach later
attached=$job
wait_for 60 grep -q ready "$work/follow"
# Who attaches is not told what was said before: it hears the answer to a signal.
heard() { jetpack kill -s HUP later && sleep 0.1 && grep -q 'caught 1' "$work/attach"; }
wait_for 60 heard
ok $? "attach hears"
done_well "stop" jetpack stop later
end_of "$waiter"
is "$?" 7 "who waits for such a pod learns its status" || show wait "$(cat "$work/wait")"
end_of "$follower"
is "$?" 0 "logs -f ends well"
like "$(cat "$work/follow")" 'caught 15' "... with the last line"
end_of "$attached"
is "$?" 0 "attach ends well"
wait_for 60 is_gone later
ok $? "... and the pod goes"
background killed -destroy catch TERM
done_well "kill" jetpack kill killed
wait_for 60 is_gone killed
ok $? "a pod that was killed goes too"
background taken -destroy catch TERM
done_well "destroy" jetpack destroy taken
is_gone taken
ok $? "... and one that is destroyed"
run jetpack -o stop.grace=3 run -d -destroy --net=none -pod-name opts test.example/plain -exec /bin/probe -- exit 0
wait_for 60 is_gone opts
ok $? "the supervisor uses the configuration of the command, options too"
(cd "$work" && "$JETPACK" -config jetpack.conf run -d -destroy --net=none -pod-name here \
    test.example/plain -exec /bin/probe -- exit 0 >/dev/null)
wait_for 60 is_gone here
ok $? "... and a file that was named from another directory"
fails 127 '/no/such' "a start that fails leaves nothing" jetpack run -d -destroy --net=none \
    -pod-name never test.example/plain -exec /no/such
is_gone never
ok $? "... at all"
# In the foreground the command does it; when it is killed, its supervisor.
in_background "$work/fore" run -destroy --net=none -pod-name fore test.example/plain
wait_for 60 grep -q ready "$work/fore"
kill -KILL "$job"
wait_for 60 is_gone fore
ok $? "run -destroy that is killed leaves no pod"

# A supervisor that is killed cannot do it: gc does.
background dead "-destroy -saveid $work/dead" sleep 1000
supervisor=$(sed -n 's/.*"supervisor":{"pid":\([0-9]*\).*/\1/p' "$work/root/pods/$(cat "$work/dead")/state")
like "$supervisor" '^[0-9]+$' "the supervisor is found"
kill -KILL "${supervisor:?}"
wait_for 60 ended "$supervisor"
state_of dead failed
ok $? "its pod is there, and failed"
background kept '' exit 0
jetpack wait kept
done_well "gc" jetpack gc
is_gone dead
ok $? "gc removes what was to be destroyed"
state_of kept exited
ok $? "... and no other pod"

# Combinations.
fails 127 'no program' "run -d -t of an image without program" jetpack run -d -t -destroy --net=none \
    -pod-name nothing test.example/bare
background all '-t -i -destroy' tty
is "$status" 0 "run -d -t -i -destroy"
run withpty 'send a\n;expect got a;send quit\n' $j attach -it all
is "$status" 0 "attach, and quit"
wait_for 60 is_gone all
ok $? "... and it is gone"
fails 2 'keep' "-destroy and -keep" jetpack run -d -destroy -keep test.example/plain
finish
