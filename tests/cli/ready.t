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

# Stopped on the way: it was not started.
in_background "$work/job" run -d --net=none -pod-name never test.example/tells
wait_for 60 has_pid never
jetpack stop never
end_of "$job"
is "$?" 125 "a pod that is stopped before it was ready"
like "$(cat "$work/job")" 'stopped before it was started' "... says so"
finish
