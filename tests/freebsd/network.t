#!/bin/sh
# The two ways to join a pod to the network, their leases, and what is left of them.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

address_of() { jetpack list -H | awk -v name="$1" '$2 == name {print $4}'; }
add_image server '"exec": ["/bin/probe", "source", "8080", "4"], "user": "0", "group": "0"'
add_image client '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
prefix=${subnet%.0/24}
loop=lo$((100 + $$ % 30000))

# A stack of its own
done_well "a pod with a stack of its own" jetpack run -d --pod-name vnet test.example/server
uuid=$(uuid_of vnet)
address=$(address_of vnet)
like "$address" "^$prefix\.[0-9]+\$" "its address is of the pool"
ifconfig "$(host_end "$uuid")" >/dev/null 2>&1
ok $? "its device is on the host"
like "$(ifconfig "$bridge")" "member: $(host_end "$uuid")" "... and on the bridge"
wait_for 60 says vnet ready
run jetpack run -destroy test.example/client -- pull "$address" 8080
is "$status" 0 "another pod reaches it" || show err "$err"
run "$programs/probe" pull "$address" 8080
is "$status" 0 "so does the host"
run jetpack exec vnet /bin/probe pull 127.0.0.1 8080
is "$status" 0 "and itself, by its own loopback"
done_well "stop" jetpack stop vnet
ifconfig "$(host_end "$uuid")" >/dev/null 2>&1
is $? 1 "its device is gone"

# An alias on an interface of the host
alias() { jetpack -o net.mode=alias -o jail.interface="$loop" "$@"; }
is_alias() { ifconfig "$loop" | grep -q "inet $1 "; }
no_alias() { ! is_alias "$1"; }
fails 125 "there is no interface '$loop'" "alias: an interface that is not there" \
    alias run --pod-name nowhere test.example/client
ifconfig "$loop" create
trap 'ifconfig "$loop" destroy 2>/dev/null; cleanup' EXIT
ifconfig "$loop" up
done_well "alias: a pod" alias run -d --pod-name shared test.example/server
uuid=$(uuid_of shared)
first=$(address_of shared)
like "$first" "^$prefix\.[0-9]+\$" "alias: its address is of the same pool"
unlike "$first" "^$address\$" "... and not that of the pod that has one already"
is_alias "$first"
ok $? "alias: the address is on the interface" || ifconfig "$loop"
is "$(jls -j "$(jail_of "$uuid")" -n ip4.addr | cut -d = -f 2)" "$first" \
    "alias: the jail may use no other"
wait_for 60 says shared ready
run "$programs/probe" pull "$first" 8080
is "$status" 0 "alias: the host reaches it"
run jetpack exec shared /bin/probe pull 127.0.0.1 8080
is "$status" 0 "alias: the jail's address stands for 127.0.0.1"
done_well "alias: a second pod" alias run -d --pod-name second test.example/server
second=$(address_of second)
unlike "$second" "^($first|$address)\$" "alias: it has another address"
run alias run -destroy test.example/client -- pull "$second" 8080
is "$status" 0 "alias: pods reach each other"
done_well "alias: stop" jetpack stop second
no_alias "$second"
ok $? "alias: the address is gone from the interface" || ifconfig "$loop"
kill -KILL "$(supervisor_of "$uuid")"
wait_for 60 no_alias "$first"
ok $? "alias: also when the supervisor is killed" || ifconfig "$loop"
done_well "alias: gc" jetpack gc
done_well "alias: and it starts again" alias start shared
is_alias "$first"
ok $? "... with its address"
done_well "destroy" jetpack destroy shared
no_alias "$first"
ok $? "... which goes"

# Linux programs
if kldstat -q -m linux64elf 2>/dev/null; then
    skip "Linux programs" "not here: this kernel runs them"
else
    host_os=linux
    add_image linux '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
    host_os=freebsd
    fails 125 'this kernel does not run Linux programs: kldload linux64' \
        "an image for Linux is refused, and told what to load" \
        jetpack run --net=none -destroy test.example/linux,os=linux
fi
finish
