#!/bin/sh
# The life of pods: prepare, run, start, stop, kill, destroy, list, show, manifest, wait, rename.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
add_image true '"exec": ["/bin/probe", "true"], '"$user"
true_id=$id
add_image sleep '"exec": ["/bin/probe", "sleep", "1000"], '"$user"
add_image stubborn '"exec": ["/bin/probe", "stubborn"], '"$user"
add_image catch '"exec": ["/bin/probe", "catch", "TERM", "HUP", "USR1"], '"$user"
add_image base ''

# Prepare.
run jetpack prepare -saveid "$work/uuid" -pod-name first test.example/true
is "$status" 0 "prepare"
like "$out" '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' "... prints the UUID"
uuid=$out
is "$(cat "$work/uuid")" "$uuid" "-saveid"
run jetpack list -q
is "$out" "$uuid" "list -q"
run jetpack list
like "$out" '^ID +NAME +STATUS +IP +PORTS +APPS +AGE' "list has a header"
like "$out" "^$uuid +first +prepared +10\.[0-9.]+ +- +true " "list shows the pod"
run jetpack list -H
tab=$(printf '\t')
like "$out" "^$uuid${tab}first${tab}prepared$tab" "list -H"
run jetpack list -format=json
is "$(json uuid)" "$uuid" "list as JSON"
is "$(json state)" prepared "... state"
run jetpack show first
like "$out" "^ID +$uuid" "show by name"
run jetpack show "$(printf %.8s "$uuid")"
like "$out" "^Name +first" "show by a prefix of the UUID"
run jetpack pod "$uuid" show -format=json
is "$(json state)" prepared "pod POD show, as JSON"
run jetpack manifest first
like "$out" "$true_id" "manifest has the id of the image"
like "$out" 'ip-address' "... and the address"
fails 1 'first' "a name twice" jetpack prepare -pod-name first test.example/true
fails 2 'Bad Name|pod-name' "a bad name" jetpack prepare -pod-name 'Bad Name' test.example/true
run jetpack prepare -n test.example/true
like "$out" '"acKind": "PodManifest"' "prepare -n prints the manifest"
is "$(jetpack list -q)" "$uuid" "... and makes nothing"
jetpack manifest first | sed '/ip-address/d' >"$work/first.json"
run jetpack prepare
is "$status" 2 "prepare without anything"

# A pod manifest from a file and from standard input.
cat >"$work/pod.json" <<END
{"acKind": "PodManifest", "acVersion": "0.8.11",
 "apps": [{"name": "a", "image": {"name": "test.example/true"}},
          {"name": "b", "image": {"name": "test.example/true"},
           "app": {"exec": ["/bin/probe", "exit", "3"], "user": "0", "group": "0"}}]}
END
run jetpack run -destroy -f "$work/pod.json"
is "$status" 3 "run -f: the first status that is not 0"
"$JETPACK" -config "$config" run -destroy -f - <"$work/pod.json" >"$work/out" 2>&1
is "$?" 3 "run -f - reads standard input"

# Run: exit statuses.
run jetpack run first
is "$status" 0 "run a prepared pod"
run jetpack list -H
like "$out" "${tab}exited$tab" "... it has exited"
run jetpack run "$uuid"
is "$status" 0 "run it again, by UUID"
run jetpack run -destroy test.example/true -exec /bin/probe -- exit 42
is "$status" 42 "the status of the app"
run jetpack run -destroy test.example/true -exec /bin/probe -- segv
is "$status" 139 "128 and the signal"
run jetpack run -destroy test.example/true -exec /no/such
is "$status" 127 "not found"
run jetpack run -destroy test.example/true -exec /etc/passwd
is "$status" 126 "not executable"
is "$(jetpack list -q)" "$uuid" "-destroy left none of them"
fails 125 'image' "run of a part of a UUID is not a pod" jetpack run "$(printf %.8s "$uuid")"

# Output of one and of several apps.
run jetpack run -destroy test.example/true -exec /bin/probe -- echo hello
is "$out" "true| hello" "output lines begin with the app"
run jetpack run -destroy test.example/true -exec /bin/probe -- err hello
is "$err" "true| hello" "standard error stays standard error"
is "$out" '' "... and only there"
run jetpack run -destroy test.example/true -name a -exec /bin/probe -- echo 1 --- \
    test.example/true -name b -exec /bin/probe -- echo 2
is "$(printf '%s\n' "$out" | sort)" "a| 1
b| 2" "two apps"
run jetpack run -destroy -app b test.example/true -name a -exec /bin/probe -- echo 1 --- \
    test.example/true -name b -exec /bin/probe -- echo 2
is "$out" 2 "-app runs one, without prefix"
before=$(jetpack list -q)
fails 125 "no app 'nope'" "-app of an app that is not there" jetpack run -app nope test.example/true
is "$(jetpack list -q)" "$before" "... leaves no pod"
run jetpack run -destroy test.example/true -exec /bin/probe -- args 'a b' '' '*' -x
is "$out" "true| [a b]
true| []
true| [*]
true| [-x]" "arguments arrive as they are"
run jetpack run -destroy test.example/true -exec '["/bin/probe", "args", "x y"]'
is "$out" "true| [x y]" "-exec as a JSON list"
echo from stdin | "$JETPACK" -config "$config" run -i -destroy test.example/true \
    -exec /bin/probe -- cat - >"$work/out"
is "$(cat "$work/out")" "from stdin" "run -i"

# A clean copy for every run: handlers tell whether a file is there before the app, and behind it.
look='["/bin/probe", "exists", "/data/made"]'
done_well "prepare" jetpack prepare -pod-name clean test.example/true --pre-start="$look" \
    --post-stop="$look" -exec /bin/probe -- write /data/made x
told=''
for turn in 1 2 3; do
    run jetpack run clean
    told="${told}no yes "
    is "$(jetpack logs clean | tr '\n' ' ')" "$told" \
        "run $turn of a pod has a clean copy of the image"
done
done_well "destroy" jetpack destroy clean

# In the background.
run jetpack run -d -pod-name bg test.example/sleep
is "$status" 0 "run -d"
bg=$out
is "$(jetpack list -q -filter name=bg)" "$bg" "... prints the UUID"
state_of bg running
ok $? "... it runs"
fails 125 'running|bg' "run of a running pod" jetpack run bg
run jetpack show -format=json bg
is "$(json state)" running "show: running"
like "$out" '"pid": [0-9]+' "... with a pid"
is "$(json exit)" null "... without an exit status"
wait_for 30 sh -c "'$JETPACK' -config '$config' logs bg | grep -q ready"
ok $? "its output is in the log"
done_well "stop" jetpack stop bg
state_of bg exited
ok $? "... it has exited"
run jetpack wait bg
is "$status" 143 "wait tells how it ended"
done_well "stop of a stopped pod" jetpack stop bg
done_well "start" jetpack start bg
state_of bg running
ok $? "... it runs again"
done_well "kill" jetpack kill bg
run jetpack wait bg
is "$status" 137 "... by SIGKILL"
done_well "start" jetpack start bg
done_well "destroy of a running pod" jetpack destroy bg
fails 1 bg "... it is gone" jetpack show bg

# Signals.
run jetpack run -d -pod-name sig test.example/catch
wait_for 30 sh -c "'$JETPACK' -config '$config' logs sig | grep -q ready"
done_well "kill -s HUP" jetpack kill -s HUP sig
wait_for 30 sh -c "'$JETPACK' -config '$config' logs sig | grep -q 'caught 1\$'"
ok $? "... arrives"
usr1=10
[ "$host_os" != freebsd ] || usr1=30
done_well "kill -s SIGUSR1 POD:APP" jetpack kill -signal=SIGUSR1 sig:catch
wait_for 30 sh -c "'$JETPACK' -config '$config' logs sig | grep -q 'caught $usr1\$'"
ok $? "... arrives, too"
fails 2 'no such signal' "an unknown signal" jetpack kill -s NONSENSE sig
fails 1 'none' "no such app" jetpack kill -s HUP sig:none
done_well "stop" jetpack stop sig
run jetpack wait sig:catch
is "$status" 7 "the status after a caught TERM"
done_well "destroy" jetpack destroy sig

run jetpack run -d -pod-name hard test.example/stubborn
wait_for 30 sh -c "'$JETPACK' -config '$config' logs hard | grep -q ready"
done_well "stop of an app that ignores TERM" jetpack stop -t 1 hard
run jetpack wait hard
is "$status" 137 "... ends in SIGKILL"
done_well "destroy" jetpack destroy hard

# The first interrupt stops, the second kills.
in_background "$work/fg" run -pod-name fg test.example/catch
client=$job
wait_for 30 grep -q ready "$work/fg"
kill -INT "$client"
end_of "$client"
is "$?" 7 "an interrupt stops the pod in order"
state_of fg exited
ok $? "... it has exited"
done_well "destroy" jetpack destroy fg
in_background "$work/fg" run -pod-name fg test.example/stubborn
client=$job
wait_for 30 grep -q ready "$work/fg"
kill -INT "$client"
sleep 0.5
kill -INT "$client"
end_of "$client"
is "$?" 137 "a second one kills it"
done_well "destroy" jetpack destroy fg
in_background "$work/fg" run -pod-name fg test.example/sleep
client=$job
wait_for 30 grep -q ready "$work/fg"
kill -KILL "$client"
end_of "$client" 2>/dev/null
not_running() { ! state_of fg running && ! state_of fg stopping; }
wait_for 60 not_running
ok $? "when its owner is killed, the pod ends"
done_well "destroy" jetpack destroy fg

# wait and its time-out.
run jetpack run -d -pod-name w test.example/sleep
fails 125 '.' "wait -timeout" jetpack wait -timeout 1 w
(sleep 1; jetpack kill w) &
run jetpack wait w
is "$status" 137 "wait"
wait
done_well "destroy" jetpack destroy w
run jetpack run -d -pod-name v test.example/sleep
run jetpack run -d -pod-name w test.example/sleep
fails 125 'none' "wait for several, one of them unknown" jetpack wait v none
fails 125 'still runs' "wait for several, a time-out" jetpack wait -timeout 1 v w
(sleep 1; jetpack kill w; jetpack stop v) &
run jetpack wait v w
is "$status" 143 "wait for several: the first that is not 0"
wait
run jetpack wait w v
is "$status" 137 "... in the order given"
done_well "destroy" jetpack destroy v w
run jetpack prepare -pod-name never test.example/true
fails 125 never "wait for a pod that never ran" jetpack wait never

# rename, filters, several words.
done_well "rename" jetpack rename never ever
fails 1 never "... the old name is gone" jetpack show never
run jetpack show ever
is "$status" 0 "... the new one is there"
fails 1 first "rename to a name that is taken" jetpack rename ever first
run jetpack prepare -pod-name marked -a tier=web --user-label color=red test.example/true
marked=$out
is "$(jetpack list -q -filter annotation:tier=web)" "$marked" "list by annotation"
is "$(jetpack list -q -filter label:color=red)" "$marked" "list by label"
is "$(jetpack list -q -filter label:color=blue)" '' "... that does not fit"
is "$(jetpack list -q -filter state=exited -filter name=first)" "$uuid" "two filters"
is "$(jetpack list -q -filter app=true | wc -l | tr -d ' ')" 3 "list by app"
is "$(jetpack list -q -filter image=test.example/true | wc -l | tr -d ' ')" 3 "list by image"
like "$(jetpack list --format=json)" '"image_name": "test.example/true"' "the image is named in JSON"
is "$(jetpack list -q -filter image=nothing)" '' "list by an image that no pod has"
fails 2 'state=nonsense' "an unknown state" jetpack list -filter state=nonsense
fails 2 'filter=nonsense' "an unknown filter" jetpack list -filter nonsense=1
fails 1 'used|first' "destroy-image of an image in use" jetpack destroy-image test.example/true
run jetpack destroy ever nothing-like-it marked
is "$status" 1 "destroy of several, one of which is not there"
is "$(jetpack list -q)" "$uuid" "... destroys the others"

# Upkeep.
done_well "gc" jetpack gc
is "$(jetpack list -q)" "$uuid" "gc leaves exited pods"
rm -f "$work/root/db" "$work/root/db-wal" "$work/root/db-shm"
done_well "fsck -repair" jetpack fsck -repair
run jetpack show first
is "$status" 0 "... finds the pod again"
done_well "gc -format=json with nothing to do" jetpack gc -format=json
is "$out" '[]' "... is an empty list"
done_well "gc -exited" jetpack gc -exited -format=json
is "$(json kind) $(json done)" 'pod removed' "... says in JSON what it did"
is "$(jetpack list -q)" '' "... removes it"
fails 1 'first' "destroy of a destroyed pod" jetpack destroy first
run jetpack doctor
like "$out" '.' "doctor says something"
run jetpack info
like "$out" "^Root +$work/root" "info"
run jetpack info -format=json
is "$(json root)" "$work/root" "info as JSON"
done_well "jetpack test" jetpack test
finish
