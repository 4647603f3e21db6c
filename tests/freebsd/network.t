#!/bin/sh
# The two ways to join a pod to the network, their leases, and what is left of them.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

back=10.$((100 + $$ % 100)).$(($$ / 100 % 256)) far=10.99.$(($$ % 256))
cat >>"$config" <<END
net.back.subnet = $back.0/24
net.back.interface = jpk$$
net.back.isolation = pod
net.far.kind = macvlan
net.far.interface = vtnet0
net.far.subnet = $far.0/24
END

address_of() { jetpack list -H | awk -v name="$1" '$2 == name {print $4}'; }
add_image server '"exec": ["/bin/probe", "source", "8080", "4"], "user": "0", "group": "0"'
add_image client '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
prefix=${own_subnet%.0/24}
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

like "$(jetpack doctor)" 'names of pods +not on this system: pods know each other by address' \
    "doctor tells that pods have no names for each other"

# Published ports: a forwarder on the host, whose address the pod sees.
knock=$programs/knock
add_image knocker '"exec": ["/bin/knock", "listen", "tcp", "0.0.0.0", "7"], "user": "0", "group": "0",
    "ports": [{"name": "k", "protocol": "tcp", "port": 7}, {"name": "u", "protocol": "udp", "port": 7}]'
[ -d /var/empty ] || mkdir /var/empty
done_well "a pod with a published port" \
    jetpack run -d -p "k=$own_port" --pod-name published test.example/knocker
wait_for 60 says published ready
run "$knock" ask tcp 127.0.0.1 "$own_port"
is "$out" "$prefix.1" "published: who asks the host is answered by the pod" || show err "$err"
fails 125 "port 'k': pod 'published' has tcp port $own_port" "published: a port that a pod has" \
    jetpack run -p "k=$own_port" --pod-name thief test.example/knocker
jetpack destroy thief 2>/dev/null
kill -KILL "$(supervisor_of "$(uuid_of published)")"
served() { [ "$("$knock" ask tcp 127.0.0.1 "$own_port")" = "$prefix.1" ]; }
refused() { [ "$("$knock" ask tcp 127.0.0.1 "$own_port")" = refused ]; }
wait_for 60 refused
ok $? "published: the port is free when the supervisor is killed"
done_well "published: and it starts again" jetpack start published
wait_for 60 served
done_well "published: destroy" jetpack destroy published
done_well "a published port of datagrams" jetpack run -d -p "u=$own_port" --pod-name datagrams \
    test.example/knocker -exec /bin/knock -- listen udp 0.0.0.0 7 ---
wait_for 60 says datagrams ready
run "$knock" ask udp 127.0.0.1 "$own_port"
is "$out" "$prefix.1" "published: datagrams come back" || show err "$err"
done_well "published: they go" jetpack destroy datagrams

# net.mode: what a pod gets that asks for no network
addresses_of() { jetpack "$@" -destroy test.example/client --exec /bin/knock -- addresses --- |
    sed 's/^[a-z]*| //'; }
run addresses_of -o net.mode=vnet run
like "$out" "^eth0 $prefix\." "net.mode = vnet: a stack of its own" || show err "$err"
run addresses_of -o net.mode=none run
is "$(printf '%s\n' "$out" | grep -vc '^lo0 ')" 0 "net.mode = none: its own loopback" ||
    show out "$out"
run addresses_of -o net.mode=host run
like "$out" "^$bridge $prefix\.1" "net.mode = host: as the host"
run addresses_of -o net.mode=host run --net=pod
like "$out" "^eth0 $prefix\." "... unless it asks for another"

# Networks beside that one, and what this system has not
done_well "a pod of a named network" jetpack run -d --net=back --pod-name left test.example/server
done_well "another" jetpack run -d --net=back --pod-name right test.example/server
left=$(address_of left)
like "$left" "^$back\." "its address is of that network"
wait_for 60 says left ready
run "$programs/probe" pull "$left" 8080
is "$status" 0 "the host reaches it"
run jetpack exec right /bin/knock ask tcp "$left" 8080 3
like "$out" 'nothing|unreachable' "an isolated pod does not reach its neighbour"
jetpack destroy left right >/dev/null 2>&1
ifconfig "jpk$$" destroy
fails 125 "network 'far': this system has only bridges" "a macvlan network is refused" \
    jetpack run --net=far test.example/client

# An alias on an interface of the host
alias() { jetpack -o net.mode=alias -o jail.interface="$loop" "$@"; }
is_alias() { ifconfig "$loop" | grep -q "inet $1 "; }
no_alias() { ! is_alias "$1"; }
fails 125 "there is no interface 'nowhere0'" "alias: an interface that is not there" \
    jetpack -o net.mode=alias -o jail.interface=nowhere0 run --pod-name nowhere test.example/client
trap 'ifconfig "$loop" destroy 2>/dev/null; cleanup' EXIT
done_well "alias: a pod, on a loopback that is made for it" alias run -d --pod-name shared test.example/server
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
jetpack cp "$build_dir/src/mdc/ac-mdc" shared::/bin/ac-mdc
run jetpack exec shared /bin/ac-mdc uuid
is "$status $out" "0 $uuid" "alias: it reaches the metadata service" || show err "$err"
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

# An interface that is in a network of its own: addresses are of that one, but not the host's.
own=10.98.$(($$ % 256))
ifconfig "$loop" inet "$own.3/29" alias
# (The metadata service of the pods before listens elsewhere, and ends without pods.)
service=$(sed -n 's/^pid //p' "$work/root/mds/service")
no_service() { [ -z "$service" ] || ! kill -0 "$service" 2>/dev/null; }
wait_for 60 no_service
done_well "alias: a pod in the interface's own network" alias run -d --pod-name own1 test.example/server
done_well "alias: another" alias run -d --pod-name own2 test.example/server
is "$(address_of own1) $(address_of own2)" "$own.2 $own.4" \
    "alias: they have addresses of it, and not the host's"
like "$(alias network show pod)" "$own.0/29" "... which network show shows"
wait_for 60 says own2 ready
run alias run -destroy test.example/client -- pull "$own.4" 8080
is "$status" 0 "... and reach each other"
done_well "alias: they go" jetpack destroy own1 own2

finish
