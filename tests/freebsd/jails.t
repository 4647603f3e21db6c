#!/bin/sh
# What only a FreeBSD kernel can show: the pod's jail, its /dev, its volumes, what is left when a
# supervisor is killed. Row numbers are those of SECURITY.md.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

add_image sleeper '"exec": ["/bin/probe", "sleep", "600"], "user": "0", "group": "0"'

# row 66: every allow.* off, but what every other system has on
run jetpack run -d --pod-name first test.example/sleeper
is "$status" 0 "a pod runs in a jail"
first=$(uuid_of first)
jid=$(jail_of "$first")
like "$jid" '^[0-9]+$' "its jail ends in the UUID"
is "$(jls -j "$jid" -n host.hostuuid | cut -d = -f 2)" "$first" "host.hostuuid is the UUID"
is "$(jls -j "$jid" -n enforce_statfs children.max | tr ' ' '\n' | sort | tr '\n' ' ')" \
    'children.max=0 enforce_statfs=2 ' "row 66: enforce_statfs 2, no jails inside"
is "$(jls -j "$jid" -n all | tr ' ' '\n' | grep '^allow\.' | grep -v '\.no')" \
    allow.reserved_ports "row 66: of allow.* only reserved ports"

# row 68: what /dev shows
run jetpack exec first /bin/probe ls /dev
unlike "$out" 'vtbd|mem|pci|console|bpf|pf$' "row 68: no device of the host in /dev"
like "$out" null "... and /dev/null is there"
fails 125 'ruleset 4711 is missing or empty' "row 68: a ruleset that is not there stops the start" \
    jetpack run -d -a jetpack/devfs-ruleset=4711 --pod-name nodev test.example/sleeper

# row 69: lengths
long=$(printf 'a%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34)
fails 125 'osrelease: more than' "row 69: a release that is too long is refused" \
    jetpack run -d -a jetpack/jail.conf/osrelease="$long" --pod-name long test.example/sleeper
fails 125 "set by jetpack" "the jail's path is not the pod's to say" \
    jetpack run -d -a jetpack/jail.conf/path=/ --pod-name path test.example/sleeper

# a killed supervisor
supervisor=$(supervisor_of "$first")
kill -KILL "$supervisor"
wait_for 60 gone "$first"
ok $? "row 63: nothing of a pod is left when its supervisor is killed" || { jls; mount; }
ifconfig "$(host_end "$first")" >/dev/null 2>&1
is $? 1 "... nor its network device"
run jetpack start first
is "$status" 0 "it starts again at once"
wait_for 60 state_of first running
keeper=$(keeper_of "$first")
kill -KILL "${keeper:?}"
wait_for 60 state_of first failed
ok $? "a pod whose keeper is killed is ended by its supervisor" || jetpack list
run jetpack start first
is "$status" 0 "... and starts again"
done_well "and stops" jetpack stop first
gone "$first"
ok $? "nothing is left when it was stopped" || { jls; mount; }

# row 70: many rounds under one name
rounds=0
while [ $rounds -lt 10 ]; do
    jetpack start first >/dev/null 2>"$work/err" || break
    now=$(jail_of "$first")
    [ -n "$now" ] && [ "$now" != "$jid" ] || break
    jid=$now
    jetpack kill first >/dev/null 2>"$work/err" || break
    rounds=$((rounds + 1))
done
is $rounds 10 "row 70: 10 starts and ends, each in a jail of its own" || cat "$work/err"

# The keeper of a killed supervisor is still at work, and the next start must not meet it.
rounds=0
while [ $rounds -lt 10 ]; do
    jetpack start first >/dev/null 2>"$work/err" || break
    supervisor=$(supervisor_of "$first")
    kill -KILL "${supervisor:?}"
    jetpack start first >/dev/null 2>"$work/err" || break
    jetpack exec first /bin/probe true 2>"$work/err" || break
    jetpack kill first 2>"$work/err" || break
    rounds=$((rounds + 1))
done
is $rounds 10 "row 70: 10 starts right behind the death of a supervisor" || cat "$work/err"

# A keeper that is stopped in the middle of its work: the next start waits for it.
run jetpack start first
[ "$status" = 0 ] || show err "$err"
keeper=$(keeper_of "$first") supervisor=$(supervisor_of "$first")
kill -STOP "${keeper:?}"
kill -KILL "${supervisor:?}"
in_background "$work/started" start first
wait_for 10 ended "$job" # one that does not wait does
kill -CONT "$keeper"
wait_for 60 ended "$keeper"
end_of "$job"
is $? 0 "row 70: a start waits for a keeper that is at work" || cat "$work/started"
like "$(jail_of "$first")" '^[0-9]+$' "row 70: ... which does not take its jail down"
done_well "... stop" jetpack stop first

# Nobody but gc is left to take a pod down, and every step of that is noted. In another order the
# kernel panics now and then: it takes the network of a removed jail down by itself, at the same time.
done_well "a pod with a network" jetpack run -d --pod-name ordered test.example/sleeper
ordered=$(uuid_of ordered)
keeper=$(keeper_of "$ordered") supervisor=$(supervisor_of "$ordered")
kill -KILL "${keeper:?}" "${supervisor:?}"
wait_for 60 ended "$supervisor"
run ktrace -i -t c -f "$work/calls" "$JETPACK" -config "$config" gc
is "$status" 0 "gc takes down what nobody else does" || show err "$err"
gone "$ordered"
ok $? "... all of it" || { jls; mount; }
run "$programs/jailed" ends "$work/calls"
is "$(echo $out)" "device jail" \
    "row 70: its devices are destroyed before its jail is removed"
jetpack destroy ordered

# A connection that lingers keeps its jail dying for a minute.
add_image server '"exec": ["/bin/probe", "source", "8080", "4"], "user": "0", "group": "0"'
done_well "a server" jetpack run -d --pod-name lingers test.example/server
lingers=$(uuid_of lingers)
jid=$(jail_of "$lingers")
wait_for 60 says lingers ready
run "$programs/probe" pull "$(jetpack list -H | awk '$2 == "lingers" {print $4}')" 8080
is "$status" 0 "... answers"
done_well "... is killed" jetpack kill lingers
is "$(jls -dn name jid dying | sed -n "s/^name=.*$lingers //p")" "jid=$jid dying=1" \
    "row 70: its jail is dying, and has its name" || jls -dn name jid dying
done_well "row 70: it starts again at once" jetpack start lingers
like "$(jls -n name jid | sed -n "s/^name=.*$lingers jid=//p" | grep -v "^$jid\$")" '^[0-9]+$' \
    "row 70: in another jail" || jls -dn name jid dying
is "$(jetpack exec lingers /bin/probe pwd 2>"$work/err")" / "row 70: which exec finds" ||
    cat "$work/err"
like "$(jetpack ps lingers)" 'probe source' "... and ps"
done_well "... destroy" jetpack destroy lingers

# row 67: a volume of two pods
mkdir "$work/shared"
add_image shares '"exec": ["/bin/probe", "sleep", "600"], "user": "0", "group": "0",
    "mountPoints": [{"name": "data", "path": "/data"}]'
done_well "a pod has a volume" \
    jetpack run -d --pod-name owner -v "data:$work/shared" test.example/shares
fails 125 'in use by another pod' "row 67: another pod does not get it as well" \
    jetpack run -d --pod-name thief -v "data:$work/shared" test.example/shares
mkdir "$work/shared/sub"
fails 125 'in use by another pod' "row 67: nor a directory in it" \
    jetpack run -d --pod-name subthief -v "data:$work/shared/sub" test.example/shares
done_well "unless it was asked for" jetpack run -d -a jetpack/share-volumes=on \
    --pod-name guest -v "data:$work/shared" test.example/shares
finish
