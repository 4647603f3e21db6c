#!/bin/sh
# Readiness (sd_notify): an app whose image says that it tells when it is ready has started when it
# said so, and `run -d`, `start` and `restart` wait for that.
. "$(dirname "$0")/lib.sh"
need_root
[ "$host_os" = linux ] || skip_all "not here: nothing is offered on other systems"

add_image plain '"exec": ["/bin/probe", "sleep", "100000"], "user": "1000", "group": "1000"'
dir=$work/tree.tells
mkdir -p "$dir"
rootfs "$dir/rootfs"
manifest tells '"exec": ["/bin/probe", "sleep", "100000"], "user": "1000", "group": "1000",
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "notify"]}]}, "annotations": [
    {"name": "appc.io/executor/supports-systemd-notify", "value": "true"}], "x": {"y": 0' >"$dir/manifest"
pack "$dir" "$work/tells.aci"
run jetpack import -q "$work/tells.aci"
is "$status" 0 "an image that tells" || show err "$err"

has_pid() { [ -n "$(jetpack ps -H "$1" 2>/dev/null)" ]; }
# started POD:APP COMMAND...: it waits until the app has said READY, and not longer
started() {
    app=$1 pod=${1%:*}
    shift
    in_background "$work/job" "$@"
    wait_for 60 has_pid "$pod"
    ok $? "$1: the app runs" || cat "$work/job"
    run jetpack exec "$app" /bin/probe notify STATUS=busy XREADY=1
    is "$status" 0 "... and may say what it likes" || show err "$err"
    alive "$job"
    ok $? "... and is waited for"
    state_of "$pod" starting
    ok $? "... in a pod that is starting"
    run jetpack exec "$app" /bin/probe notify 'STATUS=up
READY=1'
    is "$status" 0 "... it says READY=1"
    end_of "$job"
    is "$?" 0 "... and has started" || sed 's/^/# /' "$work/job"
    state_of "$pod" running
    ok $? "... in a pod that runs"
}
started one:tells run -d --net=none -pod-name one test.example/tells
run jetpack exec one /bin/probe stat /dev/notify
like "$out" '^[a-z?]+ 0666 0 0' "/dev/notify: every user of the app may speak"
run jetpack exec one /bin/probe notify READY=1 WATCHDOG=1
is "$status" 0 "what is said later is taken, too"
jetpack stop one
started one:tells start one

# One app of two, and one that has ended before it said anything.
done_well "an app that ends without a word" jetpack run -destroy --net=none test.example/tells --exec /bin/probe -- true ---
run jetpack run -destroy --net=none test.example/tells --exec /bin/probe -- args last ---
is "$status $out" '0 tells| [last]' "... has its status and output"
started two:tells run -d --net=none -pod-name two test.example/plain test.example/tells
jetpack destroy two

# Who does not ask is offered nothing; the pod's manifest can say it either way.
run jetpack run -d --net=none -pod-name plain test.example/plain
is "$status" 0 "an app that does not tell is not waited for"
run jetpack exec plain /bin/probe notify READY=1
is "$out" 'nobody listens' "... and finds no socket"
run jetpack exec plain /bin/probe exists /dev/notify
is "$out" no "... in its /dev"
done_well "an annotation of the app takes it back" jetpack run -d --net=none -pod-name silent test.example/tells \
    -a appc.io/executor/supports-systemd-notify=false --pre-start='["/bin/probe", "true"]'
started said:plain run -d --net=none -pod-name said test.example/plain -a appc.io/executor/supports-systemd-notify=true

# A unit of Type=notify is as ready as the pod that runs in its foreground.
hear_notices unit
NOTIFY_SOCKET=$work/unit
export NOTIFY_SOCKET
in_background "$work/job" run --net=none -pod-name unit test.example/plain test.example/tells
unset NOTIFY_SOCKET
has_both() { [ "$(jetpack ps -H unit | grep -c .)" -eq 2 ]; } # each has begun
wait_for 60 has_both
run jetpack exec unit:tells /bin/probe notify STATUS=busy
is "$(cat "$work/unit.told")" listening "run tells its service manager nothing before the pod is ready"
run jetpack exec unit:plain /bin/probe env NOTIFY_SOCKET
is "$out" 'NOTIFY_SOCKET=(unset)' "... and no app has that socket"
run jetpack exec unit:tells /bin/probe notify READY=1
wait_for 60 grep -q READY=1 "$work/unit.told"
is "$(sed -n 2,3p "$work/unit.told" | tr '\n' ' ')" 'READY=1 STATUS=the pod runs ' "... and that it is, then"
state_of unit running
ok $? "... when it runs"
jetpack stop unit
end_of "$job" >/dev/null
is "$(grep -c READY=1 "$work/unit.told")" 1 "... once"
kill "$listener"
# Its supervisor is killed: the status is one that a unit is restarted for.
in_background "$work/job" run --net=none -pod-name mono test.example/plain
wait_for 60 state_of mono running
run jetpack show -format=json mono
kill -KILL "$(json supervisor)"
end_of "$job"
is "$?" 137 "a run whose supervisor is killed has the status of what was killed with it"
like "$(cat "$work/job")" "jetpack: run: the pod's supervisor died" "... and says so"
jetpack destroy mono
jetpack destroy unit

# Stopped on the way: it was not started.
in_background "$work/job" run -d --net=none -pod-name never test.example/tells
wait_for 60 has_pid never
jetpack stop never
end_of "$job"
is "$?" 125 "a pod that is stopped before it was ready"
like "$(cat "$work/job")" 'stopped before it was started' "... says so"

# ---- not for ever ----
fails 125 'app tells: it was not ready \(sd_notify READY=1\) within 1 seconds' "a limit to the waiting" \
    jetpack run -d --net=none test.example/tells -a jetpack/ready-limit=1
jetpack prepare --net=none -pod-name late -a jetpack/ready-limit=1 test.example/tells >"$work/id"
fails 1 'was not ready' "... by the pod's annotation" jetpack start late
state_of late failed
ok $? "... is the failure of the pod"
fails 125 'within 1 seconds' "... or by the configuration" \
    jetpack -o ready.limit=1 run -d --net=none test.example/tells
fails 125 "annotation jetpack/ready-limit: 'soon' is not a number of seconds" "a limit that is none" \
    jetpack run -d --net=none test.example/tells -a jetpack/ready-limit=soon
echo 'ready.limit = 1' >>"$config"
started soon:tells run -d --net=none -pod-name soon test.example/tells -a jetpack/ready-limit=6000
jetpack destroy soon

# ---- started again ----
echo 'ready.limit = 0' >>"$config"
# The app runs, and has not said that it is ready.
is_awaited() { jetpack show "$1" | awk '$1 == "State" { s = $2 } $1 == "Pid" { p = $2 } $1 == "Restarts" { r = $2 }
    END { exit !(s == "starting" && p && r == '"$2"') }'; }
started again:tells run -d --net=none --restart=on-failure -pod-name again test.example/tells
kill -KILL "$(jetpack show again | sed -n 's/^ *Pid *//p')"
wait_for 60 is_awaited again 1
ok $? "an app that is started again by policy is awaited again"
state_of again running
ok $? "... in a pod that runs"
run jetpack exec again /bin/probe notify READY=1
is "$status" 0 "... until it is ready"
wait_for 60 eval 'jetpack show again | grep -Eq "State +running"'
ok $? "... then it runs"
in_background "$work/job" restart again:tells
wait_for 60 is_awaited again 2
alive "$job"
ok $? "restart waits for it, too"
run jetpack exec again /bin/probe notify READY=1
end_of "$job"
is "$?" 0 "... until it is ready" || sed 's/^/# /' "$work/job"
jetpack destroy again

# Once it was ready; after that it never says so.
done_well "an app that is ready" jetpack run -d --net=none -pod-name once -v 'state,kind=empty' test.example/tells \
    -m state:/state --user 0 --group 0 -a jetpack/ready-limit=10 --exec /bin/probe -- ready-once /state/was ---
fails 1 'app tells: it was not ready \(sd_notify READY=1\) within 10 seconds' "... and in its restart is not" \
    jetpack restart once:tells
run jetpack wait once
is "$status" 125 "... has ended with status 125"
like "$(jetpack show once)" 'Error +app tells: it was not ready' "... and show says why"
finish
