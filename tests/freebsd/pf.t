#!/bin/sh
# Pods and pf(4): the way out, published ports that are sent on, what doctor misses, and what is left
# of it. The outside is a jail with a network stack of its own, which knows no way back to pods.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ "$(sysctl -n kern.features.vimage 2>/dev/null)" = 1 ] || skip_all 'not here: this kernel has no VIMAGE'
[ -c /dev/pf ] || skip_all 'not here: no pf'
pfctl -s info 2>/dev/null | grep -q 'Status: Disabled' ||
    skip_all 'not here: pf is at work, and this test writes its rules'

probe=$programs/probe knock=$programs/knock
street=jpstreet$$ far=198.51.100.2 near=198.51.100.1 strange=198.51.100.77
loop=lo$((100 + $$ % 30000))
forwarded=$(sysctl -n net.inet.ip.forwarding)
end_street() {
    pfctl -q -d 2>/dev/null
    pfctl -q -F all 2>/dev/null
    sysctl -q net.inet.ip.forwarding="$forwarded" >/dev/null
    [ -z "${pair-}" ] || ifconfig "$pair" destroy 2>/dev/null
    jail -r "$street" 2>/dev/null
    ifconfig "$loop" destroy 2>/dev/null
}
trap 'end_street; cleanup' EXIT
sysctl -q net.inet.ip.forwarding=0 >/dev/null

pair=$(ifconfig epair create)
other=${pair%a}b
jail -c name="$street" persist vnet path=/
ifconfig "$pair" inet "$near/24" up
ifconfig "$other" vnet "$street"
jexec "$street" ifconfig lo0 127.0.0.1/8 up
jexec "$street" ifconfig "$other" inet "$far/24" up
jexec "$street" ifconfig "$other" inet "$strange/24" alias
listening() { jexec "$street" "$knock" ask tcp "$far" 7 >/dev/null 2>&1; }
jexec "$street" "$knock" listen tcp "$far" 7 >/dev/null 2>&1 &
outside=$!
trap 'kill "$outside"; end_street; cleanup' EXIT
wait_for 60 listening

prefix=${own_subnet%.0/24}
cat >>"$config" <<END
net.firewall = on
jail.interface = $loop
net.back.subnet = 10.97.$(($$ % 256)).0/24
net.back.interface = jpk$$
END
add_image app '"exec": ["/bin/probe", "sleep", "600"], "user": "0", "group": "0",
    "ports": [{"name": "k", "protocol": "tcp", "port": 7}, {"name": "u", "protocol": "udp", "port": 7}]'
address_of() { jetpack list -H | awk -v name="$1" '$2 == name {print $4}'; }
# What a program in a pod, or outside, is answered by a port; it says where it was asked from.
from() { run jetpack exec "$1" /bin/knock ask tcp "$2" "$3" 5; }
from_street() { run jexec "$street" "$knock" ask "$1" "$2" "$3" 5; }
doctor() { jetpack doctor 2>&1; }
anchor=$(jetpack network show pod | sed -n 's/^# in the anchor \(.*\):$/\1/p')
rules() { { pfctl -a "$anchor" -s nat && pfctl -a "$anchor" -s rules; } 2>/dev/null; }

# Without pf
run jetpack run -d --pod-name one test.example/app
is "$status" 0 "pf off: a pod runs"
like "$err" 'warning.*reaches nothing outside of this host: pf is not enabled: sysrc' "pf off: and tells"
is "$(sysctl -n net.inet.ip.forwarding)" 0 "pf off: nothing is forwarded"
from one "$far" 7
unlike "$out" "^$prefix|^$near" "pf off: the outside is not reached"
like "$(doctor)" 'MISSING +firewall +pods reach nothing outside of this host' "pf off: doctor tells it"
jetpack stop one >/dev/null

# With pf, but without places for our rules
pfctl -q -e
echo "pass all" | pfctl -q -f -
done_well "no places: a pod runs" jetpack start one
like "$(doctor)" 'pf.conf +has no place for the rules of pods.*' "no places: doctor tells"
for line in 'nat-anchor "jetpack/\*"' 'rdr-anchor "jetpack/\*"' ' anchor "jetpack/\*"'; do
    like "$(doctor)" "add the line:.*$line" "no places: what to add: $line"
done
from one "$far" 7
unlike "$out" "^$near" "no places: the outside is not reached"

# As it should be
places='nat-anchor "jetpack/*"
rdr-anchor "jetpack/*"
anchor "jetpack/*"'
printf '%s\npass all\n' "$places" | pfctl -q -f -
unlike "$(doctor)" 'pf.conf|pf anchor|firewall|forwarding' "doctor misses nothing any more" || doctor
from one "$far" 7
is "$out" "$near" "a pod reaches the outside, with the host's address" || rules
is "$(sysctl -n net.inet.ip.forwarding)" 1 "forwarding is on"
like "$(rules)" "^nat on $pair inet from $own_subnet to ! $own_subnet -> \($pair:0\)" "its rules are in our anchor"
like "$(jetpack network show pod)" "^nat on $pair inet from $own_subnet" "network show tells them"
jexec "$street" route -q add -net "$own_subnet" "$near" >/dev/null
done_well "a pod that listens" jetpack run -d --pod-name two test.example/app --exec /bin/knock -- \
    listen tcp 0.0.0.0 7 ---
two=$(address_of two)
served() { "$knock" ask tcp "$two" 7 >/dev/null 2>&1; }
wait_for 60 served
ok $? "the host reaches it"
from one "$two" 7
is "$out" "$(address_of one)" "so does another pod, with its own address"
from_street tcp "$two" 7
like "$out" 'nothing|unreachable' "who comes from outside does not"
done_well "a pod of another network" jetpack run -d --net=back --pod-name aside test.example/app
from aside "$two" 7
like "$out" 'nothing|unreachable' "nor does a pod of another network"
from aside "$far" 7
is "$out" "$near" "... which reaches the outside, too"
jetpack destroy aside two

# Published ports that are sent on
published() { jetpack -o net.publish=nat run -d --pod-name pub -p "$1" test.example/app \
    --exec /bin/knock -- listen "$2" 0.0.0.0 7 ---; }
done_well "net.publish = nat: a pod" published "k=$own_port" tcp
pub=$(uuid_of pub)
ready() { "$knock" ask tcp "$(address_of pub)" 7 >/dev/null 2>&1; }
wait_for 60 ready
like "$(pfctl -a "jetpack/$pub" -s nat 2>/dev/null)" "rdr on ! $bridge .* port = $own_port tag jetpack" \
    "its rule is in an anchor of its own"
from_street tcp "$near" "$own_port"
is "$out" "$far" "who asks from outside is seen with his address"
run "$knock" ask tcp 127.0.0.1 "$own_port"
is "$out" "$prefix.1" "who asks on the host is carried"
# It is pf.conf's to say who may come.
printf '%s\nblock drop in quick on %s inet from %s to any\npass all\n' "$places" "$pair" "$strange" |
    pfctl -q -f -
run jexec "$street" "$knock" ask tcp "$near" "$own_port" 5
is "$out" "$far" "what pf.conf lets pass comes"
printf '%s\nblock drop in quick on %s inet from any to any\npass all\n' "$places" "$pair" | pfctl -q -f -
from_street tcp "$near" "$own_port"
like "$out" 'nothing' "what it blocks does not: it is filtered as what comes to the pod"
printf '%s\npass all\n' "$places" | pfctl -q -f -
jetpack destroy pub
is "$(pfctl -a "jetpack/$pub" -s nat 2>/dev/null)" "" "destroy: its rule is gone"
done_well "datagrams" published "u=$own_port" udp
sent_on() {
    from_street udp "$near" "$own_port"
    [ "$out" = "$far" ]
}
wait_for 60 sent_on
is "$out" "$far" "datagrams: likewise" || show err "$err"
pub=$(uuid_of pub)
kill -KILL "$(supervisor_of "$pub")"
wait_for 60 gone "$pub"
jetpack gc >/dev/null
is "$(pfctl -a "jetpack/$pub" -s nat 2>/dev/null)" "" "a killed supervisor: its rule is gone"
jetpack destroy pub

# Looked after
pfctl -q -a "$anchor" -F all 2>/dev/null
sysctl -q net.inet.ip.forwarding=0 >/dev/null
like "$(doctor)" 'pf anchor +is empty' "doctor: rules that were flushed"
like "$(doctor)" 'net.inet.ip.forwarding +is off' "doctor: forwarding that was switched off"
run jetpack network repair
like "$out" 'pf anchor: is empty: mended' "network repair mends the rules"
like "$out" 'forwarding.*: mended' "... and forwarding"
from one "$far" 7
is "$out" "$near" "the pod reaches the outside again"

# An alias
done_well "an alias" jetpack -o net.mode=alias run -d --pod-name shared test.example/app
from shared "$far" 7
is "$out" "$near" "alias: the outside is reached, with the host's address"
unlike "$(jetpack -o net.mode=alias doctor)" 'is skipped by pf' "alias: doctor misses nothing"
printf 'set skip on %s\n%s\npass all\n' "$loop" "$places" | pfctl -q -f -
like "$(jetpack -o net.mode=alias doctor)" "$loop +is skipped by pf: rules on it are idle" \
    "alias: doctor tells of 'set skip'"
printf '%s\npass all\n' "$places" | pfctl -q -f -
jetpack destroy shared

# The last one
jetpack stop one
is "$(rules)" "" "the last pod takes the rules along"
is "$(sysctl -n net.inet.ip.forwarding)" 0 "... and puts forwarding back"
done_well "again" jetpack start one
kill -KILL "$(supervisor_of "$(uuid_of one)")"
wait_for 60 gone "$(uuid_of one)"
jetpack gc >/dev/null
is "$(rules)$(sysctl -n net.inet.ip.forwarding)" 0 "gc does so for one whose supervisor was killed"
sysctl -q net.inet.ip.forwarding=1 >/dev/null
done_well "on a host that forwards" jetpack start one
jetpack stop one
is "$(sysctl -n net.inet.ip.forwarding)" 1 "what was on stays on"
done_well "net.firewall = off" jetpack -o net.firewall=off start one
is "$(rules)" "" "... makes no rules"
jetpack destroy one
ifconfig "jpk$$" destroy
finish
