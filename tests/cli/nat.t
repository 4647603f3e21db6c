#!/bin/sh
# net.publish = nat: published ports that the kernel sends on to pods. The host, a client by the way
# out, a neighbour by a device that forwards nothing.
. "$(dirname "$0")/net.sh"
command -v nft >/dev/null || skip_all "not here: no nft(8)"

cat >>"$config" <<END
net.firewall = on
net.publish = nat
net.lab.subnet = 10.78.0.0/24
net.lab.subnet6 = fd78::/64
END
other() { # VARIABLE DEVICE NET NET6: another machine, .9 of the network; the host is .1
    machine "$1"
    eval "other_machine=\$$1"
    ip link add "$2" type veth peer name eth0 netns "$other_machine"
    ip address add "$3.1/24" dev "$2"
    ip address add "$4::1/64" dev "$2" nodad
    ip link set "$2" up
    on "$other_machine" sh -c "ip link set lo up; ip address add $3.9/24 dev eth0
        ip address add $4::9/64 dev eth0 nodad; ip link set eth0 up; ip route add default via $3.1"
}
other client up0 192.0.2 2001:db8:1
other neighbour side0 198.18.0 2001:db8:2
ip route add default via 192.0.2.9
ip address add 192.0.2.2/24 dev up0

asks() { # WHO PROTOCOL ADDRESS PORT [SECONDS]: what it is answered
    who=$1
    shift
    on "$who" "$programs/knock" ask "$@"
}
is_answered() { asks "$@" | grep -q '^[0-9a-f:.]*$'; }
begin() { # NAME PROTOCOL OPTION...: a pod that listens on port 7 of PROTOCOL, published by options
    begin_name=$1 begin_protocol=$2
    shift 2
    done_well "a pod: $begin_name" jetpack run -d -pod-name "$begin_name" "$@" $image \
        --port "service,protocol=$begin_protocol,port=7" \
        --port "shifted,protocol=$begin_protocol,port=5,count=4" \
        --port "straight,protocol=$begin_protocol,port=5,count=4" \
        --exec /bin/knock -- listen "$begin_protocol" :: 7 ---
}
supervisor_of() { jetpack show -format=json "$1" | sed -n 's/^ *"supervisor": *\([0-9]*\).*/\1/p'; }
forwarder_of() {
    for one in $(ps -o pid= --ppid "$(supervisor_of "$1")"); do
        [ "$(cat "/proc/$one/comm")" = jetpack-forward ] && echo "$one"
    done
}
tables() { nft list tables | grep -c jetpack-pod; }

begin web tcp -p service=8080
wait_for 60 is_answered "$client" tcp 192.0.2.1 8080
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "a client is sent on, with its address"
is "$(tables)" 1 "by a table of the pod's own"
forwarder=$(forwarder_of web)
kill -STOP "$forwarder"
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "... past the forwarder"
is "$(asks "$client" tcp 192.0.2.2 8080)" ::ffff:192.0.2.9 "... at every address of the host"
kill -CONT "$forwarder"
is "$(asks $$ tcp 192.0.2.1 8080)" ::ffff:192.0.2.1 "the host itself is served by its address"
is "$(asks $$ tcp 127.0.0.1 8080)" ::ffff:10.77.0.1 "and by its loopback"
is "$(asks "$neighbour" tcp 198.18.0.1 8080)" ::ffff:198.18.0.9 "so is who comes by a device that does not forward"
start other
from other tcp 192.0.2.1 # port 7 of the host: nobody
is "$out" refused "no port but the published one is sent on"
run jetpack exec other /bin/knock ask tcp 192.0.2.1 8080
is "$out" ::ffff:10.77.0.3 "another pod by the host's address"
run jetpack exec web /bin/knock ask tcp 192.0.2.1 8080
like "$out" '^[0-9a-f:.]+$' "the pod itself by the host's address"
jetpack destroy other

# IPv6, when the host forwards it.
like "$(asks "$client" tcp 2001:db8:1::1 8080)" '^[0-9a-f:.]+$' "IPv6 while the host forwards none: carried"
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
jetpack stop web
is "$(tables)" 0 "the table is gone with the run"
like "$(asks "$client" tcp 192.0.2.1 8080)" refused "... and the port refuses"
jetpack run -d web >/dev/null
wait_for 60 is_answered "$client" tcp 2001:db8:1::1 8080
forwarder=$(forwarder_of web)
kill -STOP "$forwarder"
is "$(asks "$client" tcp 2001:db8:1::1 8080)" 2001:db8:1::9 "IPv6 is sent on as well"
kill -CONT "$forwarder"

# ---- what it costs, and what it does not ----

nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }
    add chain inet t f { type filter hook forward priority 0; }; add rule inet t i tcp dport 8080 drop'
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "rules for incoming packets do not see them"
nft 'add rule inet t f ip saddr 192.0.2.9 drop'
is "$(asks "$client" tcp 192.0.2.1 8080 3)" nothing "those for forwarded ones do"
nft delete table inet t
run jetpack doctor
like "$out" 'published ports +.*past .*input' "doctor says so"
nft flush ruleset
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "without its rules a port is carried"
lost='^MISSING +pod [0-9a-f-]+ +has lost rules of its published ports, which are carried$'
run jetpack doctor
like "$out" "$lost" "doctor says that, too"
run jetpack network repair
like "$out$err" 'has lost rules of its published ports' "repair mends it"
is "$(tables)" 1 "... the table is there again"
kill -STOP "$forwarder"
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "... and sends on"
kill -CONT "$forwarder"
run jetpack doctor
unlike "$out" "$lost" "... and doctor is content"
nft flush chain inet "$(nft list tables | sed -n 's/.*\(jetpack-pod-.*\)/\1/p')" prerouting
run jetpack doctor
like "$out" "$lost" "a table without rules is told"
jetpack network repair >/dev/null 2>&1
run jetpack network repair
is "$out" 'nothing to mend' "after a repair there is none"
jetpack destroy web

# ---- pods of another network ----

echo 1 >/proc/sys/net/ipv4/conf/all/forwarding # as where Docker is: every device does
begin web tcp -p service=8080
start lab --net=lab
wait_for 60 is_answered "$client" tcp 192.0.2.1 8080
lab_asks() { jetpack exec lab /bin/knock ask tcp "$1" 8080 3; }
is "$(lab_asks 10.78.0.1)" ::ffff:10.78.0.2 "a pod of another network asks its gateway"
kill -STOP "$(forwarder_of web)"
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "what comes by the other devices is sent on"
is "$(lab_asks 10.78.0.1) $(lab_asks fd78::1)" 'nothing nothing' \
    "a pod's own gateway is not sent on, in either family: names are asked for there"
kill -CONT "$(forwarder_of web)"
jetpack destroy web lab
echo 0 >/proc/sys/net/ipv4/conf/all/forwarding

# ---- UDP, ranges, addresses, sources ----

begin dns udp -p service=5353
wait_for 60 is_answered "$client" udp 192.0.2.1 5353
is "$(asks "$client" udp 192.0.2.1 5353)" ::ffff:192.0.2.9 "UDP, with the client's address"
jetpack destroy dns
begin shifted tcp -p shifted=9000
wait_for 60 is_answered "$client" tcp 192.0.2.1 9002
kill -STOP "$(forwarder_of shifted)"
is "$(asks "$client" tcp 192.0.2.1 9002)" ::ffff:192.0.2.9 "a range with other numbers: the third"
is "$(asks "$client" tcp 192.0.2.1 9001)" refused "... the second, which nobody listens to"
jetpack destroy shifted
begin straight tcp -p straight=5
wait_for 60 is_answered "$client" tcp 192.0.2.1 7
kill -STOP "$(forwarder_of straight)"
is "$(asks "$client" tcp 192.0.2.1 7)" ::ffff:192.0.2.9 "a range with the same numbers"
is "$(asks "$client" tcp 192.0.2.1 8)" refused "... its last"
jetpack destroy straight
begin one tcp -p service=192.0.2.2:8080
wait_for 60 is_answered "$client" tcp 192.0.2.2 8080
is "$(asks "$client" tcp 192.0.2.1 8080)" refused "hostIP: at that address and no other"
jetpack destroy one
begin limited tcp -p service=8080,from=192.0.2.0/28
wait_for 60 is_answered "$client" tcp 192.0.2.1 8080
kill -STOP "$(forwarder_of limited)"
is "$(asks "$client" tcp 192.0.2.1 8080)" ::ffff:192.0.2.9 "from=: who may come is sent on"
kill -CONT "$(forwarder_of limited)"
moves() { # FROM TO: the client's address
    nsenter --net="/proc/$client/ns/net" sh -c "ip address delete 192.0.2.$1/24 dev eth0
        ip address add 192.0.2.$2/24 dev eth0; ip route replace default via 192.0.2.1"
}
moves 9 99
run asks "$client" tcp 192.0.2.1 8080
like "$out" '^(Connection reset by peer|)$' "... who may not is turned away"
moves 99 9
jetpack destroy limited

# ---- a pod's own way; the end ----

begin carried tcp -p service=8080 -annotation jetpack/publish=proxy
wait_for 60 is_answered "$client" tcp 192.0.2.1 8080
is "$(tables)" 0 "a pod that says proxy has no rules"
is "$(asks "$client" tcp 2001:db8:1::1 8080)" 2001:db8:1::9 "carried, a client keeps its IPv6 address as well"
jetpack destroy carried
done_well "a pod that listens at IPv4 alone" jetpack run -d -pod-name four -p service=8080 $image \
    --port service,protocol=tcp,port=7 --exec /bin/knock -- listen tcp 0.0.0.0 7 ---
wait_for 60 is_answered "$client" tcp 192.0.2.1 8080
is "$(asks $$ tcp ::1 8080)" 10.77.0.1 "is reached by IPv6, as the host"
jetpack destroy four
fails 1 "annotation jetpack/publish: 'magic' is not proxy or nat" "a way that there is not" \
    jetpack prepare -annotation jetpack/publish=magic $image
begin killed tcp -p service=8080
wait_for 60 is_answered "$client" tcp 192.0.2.1 8080
kill -KILL "$(supervisor_of killed)"
wait_for 60 state_of killed failed
jetpack gc >/dev/null
is "$(tables)" 0 "gc removes what a killed pod left"
like "$(asks "$client" tcp 192.0.2.1 8080)" refused "... its port refuses"
is "$(jetpack list -q | wc -l)" 1 "the pod is still there"
jetpack destroy killed
is "$(nft list tables | grep -c jetpack)" 0 "nothing is left of ours"

finish
