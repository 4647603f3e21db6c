#!/bin/sh
# Limits by rctl: the rules are there, they bind, and they go with the pod. Without RACCT a pod runs,
# and is told.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

rules_of() { rctl -hn 2>/dev/null | grep -E "$1"; }
class_of() { printf 'jp%s%s\n' "$(echo "$1" | cut -c 1-8)" "$(echo "$1" | cut -c 10-13)"; }
add_image sleeper '"exec": ["/bin/probe", "sleep", "600"], "user": "0", "group": "0"'

# The pod's limits stand before the first image, an app's behind it.
run jetpack run -d --net=none -memory 512Mi --pod-name limited test.example/sleeper -memory 64Mi -cpu 0.5
is "$status" 0 "a pod with limits runs" || show err "$err"
uuid=$(uuid_of limited)
run jetpack show limited
if [ "$(sysctl -n kern.racct.enable 2>/dev/null)" != 1 ]; then
    like "$out" 'resource/memory: ignored, because RACCT is off: set kern.racct.enable=1' \
        "without RACCT they are ignored, and show says why"
    fails 125 'RACCT is off' "a strict pod does not run" \
        jetpack run -d --net=none --strict -memory 64Mi --pod-name strict test.example/sleeper
    done_well "stop" jetpack destroy limited
    skip "rules" "not here: RACCT is off"
    finish
fi
like "$out" 'resource/memory: modified, because checked once a second' "show: what became of memory"
like "$out" 'resource/cpu: enforced' "show: cpu"
like "$(rules_of "^jail:")" "^jail:[^:]*$uuid:memoryuse:sigkill=(512M|536870912)" \
    "the pod's rule is on its jail"
like "$(rules_of "^loginclass:$(class_of "$uuid")-0:memoryuse")" 'sigkill=(64M|67108864)' \
    "the app's on its class"
like "$(rules_of "^loginclass:$(class_of "$uuid")-0:pcpu")" 'deny=50' "... for the processor, too"
run jetpack exec limited /bin/probe hold 150
is "$status" 137 "what is above the limit is killed"
run jetpack exec limited /bin/probe eat 8
is "$out" "ate 8" "what is below is not"
done_well "destroy" jetpack destroy limited
is "$(rules_of "$uuid|$(class_of "$uuid")")" "" "the rules go with the pod"

done_well "another" jetpack run -d --net=none --pod-name killed test.example/sleeper -memory 64Mi
uuid=$(uuid_of killed)
kill -KILL "$(supervisor_of "$uuid")"
wait_for 60 gone "$uuid"
norules() { [ -z "$(rules_of "$uuid|$(class_of "$uuid")")" ]; }
wait_for 60 norules
ok $? "... and with its supervisor"

# The kernel lists the rules of all jails: ours are found among many.
many() { # -a or -r
    n=0
    while [ "$n" -lt 1500 ]; do
        n=$((n + 1))
        echo "jail:jetpack-test-$$-$n-with-a-name-as-long-as-those-of-pods-have:memoryuse:deny=1g"
    done | xargs -n 100 rctl "$1"
}
trap 'many -r; cleanup' EXIT
many -a
done_well "beside 1,500 jails with limits" jetpack run -d --net=none --pod-name many \
    test.example/sleeper -memory 64Mi
uuid=$(uuid_of many)
like "$(rules_of "^loginclass:$(class_of "$uuid")-0:memoryuse")" 'sigkill=' "its rule is there"
done_well "destroy" jetpack destroy many
is "$(rules_of "$uuid|$(class_of "$uuid")")" "" "... and goes"
finish
