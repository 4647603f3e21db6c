#!/bin/sh
# Pods and the world outside the host: out with the host's address, nobody in, nothing left behind.
# "Outside" is another network namespace of this test, joined by a cable.
. "$(dirname "$0")/net.sh"

cat >>"$config" <<END
net.firewall = on
net.quiet.interface = jpquiet
net.routed.interface = jprouted
END

# ---- the host, a cable, a server outside ----

machine outside
ip link add up0 type veth peer name far0 netns "$outside"
ip address add 192.0.2.1/24 dev up0
ip address add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
in_outside ip link set lo up
in_outside ip address add 192.0.2.2/24 dev far0
in_outside ip address add 2001:db8::2/64 dev far0 nodad
in_outside ip link set far0 up
ip route add default via 192.0.2.2
ip -6 route add default via 2001:db8::2
# A neighbour who knows the way: to pods by way of the host.
in_outside ip route add 10.77.0.0/16 via 192.0.2.1
in_outside ip route add 198.51.100.0/24 via 192.0.2.1
for protocol in tcp udp; do
    nsenter --net="/proc/$outside/ns/net" "$programs/knock" listen $protocol :: 7 \
        >"$work/server.$protocol" 2>&1 &
    jobs="$jobs $!"
    wait_for 60 grep -q ready "$work/server.$protocol"
done

forwards() { cat "/proc/sys/net/ipv4/conf/$1/forwarding"; }
has_nft() { command -v nft >/dev/null; }
tables() { nft list tables | grep -c jetpack; }

is "$(forwards up0)" 0 "the host forwards nothing at first"
start one
from one tcp 192.0.2.2
is "$out" ::ffff:192.0.2.1 "a pod reaches the outside with the host's address"
from one udp 192.0.2.2
is "$out" ::ffff:192.0.2.1 "by UDP as well"
is "$(forwards up0)" 1 "the way out forwards"
is "$(forwards all)" 0 "the rest of the host does not"

from one tcp 2001:db8::2
is "$out" unreachable "without IPv6 forwarding, a program is told at once"
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
start two
from two tcp 2001:db8::2
is "$out" 2001:db8::1 "with it, IPv6 goes out with the host's address, too"

run in_outside "$programs/knock" ask tcp 192.0.2.1 7 3
is "$out" refused "the outside reaches the host"
run in_outside "$programs/knock" ask tcp 10.77.0.2 7 3
is "$out" nothing "row 75: but no pod, even when it knows the way"

# Forwarding was switched on for pods: it makes the host nobody's router.
machine back
ip link add back0 type veth peer name far1 netns "$back"
ip address add 198.18.0.1/24 dev back0
ip link set back0 up
in_back() { on "$back" "$@"; }
in_back sh -c 'ip address add 198.18.0.2/24 dev far1; ip link set far1 up
    ip route add default via 198.18.0.1'
in_outside ip route add 198.18.0.0/24 via 192.0.2.1
came() { in_back cat /proc/net/snmp | awk '/^Udp:/ { print $3 }' | tail -n 1; }
run "$programs/knock" ask udp 198.18.0.2 99
is "$out" refused "the host reaches another network of its own"
before=$(came)
run in_outside "$programs/knock" ask udp 198.18.0.2 99 3
is "$(came)" "$before" "row 76: the outside does not by way of the host"
ip link delete back0

start lab --net=lab
from lab tcp 192.0.2.2
is "$out" ::ffff:192.0.2.1 "pods of another network go out as well"
from lab tcp 10.77.0.2 3
is "$out" nothing "row 75: but do not reach pods of the first"
from two tcp fd78::2 3
is "$out" nothing "row 75: nor the other way round"

# Past the bridge's isolation by way of the host: what two pods do with routes of their own.
start q1 --net=quiet
start q2 --net=quiet
detour() { # add|delete POD ADDRESS
    jetpack show -format=json "$2" >"$work/detour.json"
    pid=$(sed -n 's/^ *"pid": *\([0-9][0-9]*\).*/\1/p' "$work/detour.json" | head -n 1)
    nsenter --net="/proc/$pid/ns/net" ip route "$1" "$3/32" via 10.79.0.1
}
detour add q1 10.79.0.3
detour add q2 10.79.0.2
from q1 tcp 10.79.0.3 3
is "$out" nothing "row 75: isolated pods reach no neighbour by way of the host"
from q1 tcp 192.0.2.2
is "$out" ::ffff:192.0.2.1 "it does reach the outside"

start routed --net=routed
from routed tcp 192.0.2.2
is "$out" ::ffff:198.51.100.2 "a routed pod goes out with its own address"
run in_outside "$programs/knock" ask tcp 198.51.100.2 7
is "$out" ::ffff:192.0.2.2 "and is reached from outside"

# ---- looked after ----

run jetpack network list
like "$out" "^pod +bridge +$bridge +10\.77\.0\.0/16 +fd77::/64 +2\$" "network list"
like "$out" '^routed +routed +jprouted +198\.51\.100\.0/24 +- +1$' "... with every network"
run jetpack network list -format=json
is "$(json free)" 65531 "as JSON, with what is free"
run jetpack network show quiet
like "$out" '^Isolation +pod$' "network show"
like "$out" "ip saddr 10\.77\.0\.0/16 oifname != \"$bridge\" masquerade" "... with the rules"
fails 1 "there is no network 'moon'" "of an unknown network" jetpack network show moon
fails 2 'expected list, show .NAME. or repair' "an unknown verb" jetpack network mend
run jetpack list -format=json -filter name=one
is "$(json address6)" fd77::2 "list has the IPv6 address"
run jetpack network repair
is "$status $out" "0 nothing to mend" "nothing to mend at first"

ip link delete "$bridge"
run jetpack doctor
like "$out" "^MISSING +bridge $bridge +is gone" "doctor misses the bridge"
like "$out" 'is cut off from its bridge' "and the pods on it"
from one tcp 192.0.2.2 2
unlike "$out" 192.0.2.1 "such a pod reaches nobody"
run jetpack network repair
is "$status" 0 "network repair"
like "$out" "^bridge $bridge: is gone: mended" "... says what it mended"
from one tcp 192.0.2.2
is "$out" ::ffff:192.0.2.1 "the pod runs on and reaches the outside"
from two tcp fd77::2
is "$out" fd77::3 "and its neighbour, over IPv6"

ip address delete 10.77.0.1/16 dev "$bridge"
ip address add 10.66.0.1/16 dev "$bridge"
run jetpack doctor
like "$out" "^MISSING +bridge $bridge .*lost its address" "doctor misses the bridge's address"
run jetpack network repair
from one tcp 192.0.2.2
is "$out" ::ffff:192.0.2.1 "repaired"
port=$(ip -o link show master "$bridge" | sed -n '1s/^[0-9]*: \([^@:]*\).*/\1/p')
ip link set "$port" down
run jetpack doctor
like "$out" 'is cut off from its bridge' "doctor misses a device that is down"
run jetpack network repair
like "$out" 'is cut off from its bridge: mended' "... which is brought up again"
ip -6 address delete fd77::1/64 dev "$bridge"
run jetpack network repair
like "$out" 'lost its IPv6 address: mended' "so is the IPv6 address"
echo 0 >/proc/sys/net/ipv4/conf/up0/forwarding
run jetpack network repair
like "$out" 'device up0: does not forward: mended' "and forwarding"

# The way out becomes another one.
ip link add up1 type veth peer name far1 netns "$outside"
ip address add 192.0.3.1/24 dev up1
ip link set up1 up
in_outside sh -c 'ip address add 192.0.3.2/24 dev far1; ip link set far1 up'
ip route replace default via 192.0.3.2
run jetpack doctor
like "$out" '^MISSING +device up1 +does not forward' "doctor misses forwarding by a default route that moved"
run jetpack network repair
like "$out" '^device up1: does not forward: mended' "network repair switches it on"
from one udp 192.0.3.2
is "$out" ::ffff:192.0.3.1 "pods go out that way"
ip route replace default via 192.0.2.2
ip link delete up1

if has_nft; then
    for damage in 'flush ruleset' 'flush table inet' 'delete rule inet'; do
        table=$(nft list tables | sed -n 's/table inet \(jetpack.*\)/\1/p')
        case $damage in
        'flush ruleset') nft flush ruleset ;;
        'flush table inet') nft flush table inet "$table" ;;
        *)
            handle=$(nft -a list chain inet "$table" postrouting | sed -n 's/.*# handle //p' | sed -n 3p)
            nft delete rule inet "$table" postrouting handle "$handle"
            ;;
        esac
        run jetpack doctor
        like "$out" "^MISSING +firewall table jetpack.*(is gone or empty|was changed)" "doctor after: $damage"
        run jetpack network repair
        like "$out" '^firewall table .*mended' "mended"
        from one udp 192.0.2.2
        is "$out" ::ffff:192.0.2.1 "the pod reaches the outside"
    done
else
    skip "a flushed table is mended" "not here: no nft(8)"
fi

# ---- others' rules, and the end ----

if has_nft; then
    nft add table inet theirs
    nft add chain inet theirs forward '{ type filter hook forward priority 10; }'
    nft add rule inet theirs forward tcp dport 7 counter drop
    nft list table inet theirs | sed 's/packets.*bytes [0-9]*//' >"$work/theirs"
    from one tcp 192.0.2.2 3
    is "$out" nothing "what the administrator drops stays dropped"
    is "$(tables)" 1 "one table of ours"
    unlike "$(jetpack doctor)" 'drops what' "doctor has nothing to say of rules"
    nft 'add chain inet theirs forward { policy drop; }; add table ip theirs2
        add chain ip theirs2 in { type filter hook input priority 0; policy drop; }'
    run jetpack doctor
    like "$out" '^ok +forwarding +the host drops what theirs forward does not name: pods reach' \
        "doctor tells of a host that drops what it forwards"
    like "$out" '^ok +input +the host drops what theirs2 in does not name: .* names .*metadata' \
        "... and what comes to it"
    nft 'add chain inet theirs forward { policy accept; }; delete table ip theirs2'
else
    skip "what the administrator drops stays dropped" "not here: no nft(8)"
    skip "one table of ours" "not here: no nft(8)"
    skip "doctor tells of a host that drops what it forwards" "not here: no nft(8)"
fi
jetpack destroy two lab q1 q2 routed
if has_nft; then
    is "$(tables)" 1 "it stays as long as a pod needs it"
else
    skip "it stays as long as a pod needs it" "not here: no nft(8)"
fi
is "$(forwards up0)" 1 "and so does forwarding"
jetpack destroy one
is "$(forwards up0)" 0 "with the last pod, forwarding is put back"
if has_nft; then
    is "$(tables)" 0 "and the table is gone"
    nft list table inet theirs | sed 's/packets.*bytes [0-9]*//' >"$work/theirs.after"
    is "$(cat "$work/theirs.after")" "$(cat "$work/theirs")" "the administrator's is as it was"
    nft delete table inet theirs
else
    skip "and the table is gone" "not here: no nft(8)"
    skip "the administrator's is as it was" "not here: no nft(8)"
fi

# ---- two installations, two networks ----

start mine
cp "$config" "$work/other.conf"
sed -i "s|^root.dir = .*|root.dir = $work/other|" "$work/other.conf"
echo "mds.port = $own_port" >>"$work/other.conf"
other() { "$JETPACK" -config "$work/other.conf" "$@"; }
other import -q "$work/app.aci" >/dev/null
fails 125 "bridge '$bridge' is that of another installation with pods that run \\('$work/root/net'\\)" \
    "an installation that shares the bridge of one with pods is refused" other run $image --exec /bin/probe -- true ---
jetpack destroy mine
run other run -destroy $image --exec /bin/probe -- true ---
is "$status $err" '0 ' "it may have it when they are gone"
for pod in $(other list -q); do other destroy "$pod"; done
other destroy-image test.example/app
run jetpack doctor
unlike "$out" 'overlaps' "nothing overlaps so far"
ip route add 10.77.5.0/24 via 192.0.2.2
run jetpack run -destroy $image --exec /bin/probe -- true ---
like "$status $err" '^0 .*the host has a route to 10\.77\.5\.0/24 by up0, which are addresses of the pods' \
    "a route of the host's to some of the pods' addresses is told"
run jetpack doctor
like "$out" '^MISSING +network 10\.77\.0\.0/16 +overlaps the host.s route to 10\.77\.5\.0/24 by up0' "doctor, too"
ip route delete 10.77.5.0/24
ip route add 10.0.0.0/8 via 192.0.2.2
run jetpack run -destroy $image --exec /bin/probe -- true ---
is "$status $err" '0 ' "a wider one loses addresses to the pods"
run jetpack doctor
like "$out" '^MISSING +network 10\.77\.0\.0/16 +overlaps the host.s route to 10\.0\.0\.0/8' "... which doctor says"
ip route delete 10.0.0.0/8

# ---- booted meanwhile ----

start booted
jetpack destroy booted
echo 1 >/proc/sys/net/ipv4/conf/up0/forwarding
echo 'up0 0 12345678-1234-4234-8234-123456789abc' >"$work/root/net/forwarding"
start booted
jetpack destroy booted
is "$(forwards up0)" 1 "what a pod switched on before the host was booted is the host's own now"
echo 0 >/proc/sys/net/ipv4/conf/up0/forwarding

# ---- killed ----

start killed
is "$(forwards up0)" 1 "a pod whose supervisor is killed"
run jetpack show -format=json killed
kill -KILL "$(json supervisor)"
wait_for 60 state_of killed failed
is "$(forwards up0)" 1 "... leaves forwarding behind"
done_well "gc" jetpack gc
is "$(forwards up0)" 0 "gc puts it back"
if has_nft; then
    is "$(tables)" 0 "and removes the table"
else
    skip "and removes the table" "not here: no nft(8)"
fi

# ---- a kernel without nftables ----

poor() { "$programs/without" "$JETPACK" -config "$config" "$@"; }
run poor run -d -pod-name poor $image --exec /bin/knock -- listen tcp :: 7 ---
like "$status $err" "^0 .*reaches nothing outside .*: this kernel has no nftables.*'jetpack network show' tells" \
    "without nftables a pod runs, and is told of"
from poor tcp 192.0.2.2 3
is "$out" nothing "... it does not reach the outside"
run poor network repair
like "$status $out" '^1 firewall table .*: this kernel has no nftables.*net.firewall = off' "network repair says what to do"
is "$(forwards up0)" 0 "row 76: ... and switches on nothing that nobody guards"
run poor doctor
like "$out" '^MISSING +firewall table .*no nftables' "so does doctor"
run poor network show
is "$status" 0 "network show tells the rules"
like "$out" '^iptables -t nat -A POSTROUTING -s 10\.77\.0\.0/16 ! -o [^ ]* -j MASQUERADE$' "... for iptables"
if command -v iptables-nft >/dev/null; then
    printf '%s\n' "$out" | sed -n 's/^iptables /iptables-nft /p; s/^ip6tables /ip6tables-nft /p; /^sysctl/p' \
        >"$work/rules"
    iptables-nft -A FORWARD -j ACCEPT # what the host lets through before
    sh -e "$work/rules" >/dev/null 2>"$work/err"
    is "$? $(cat "$work/err")" '0 ' "they are taken as they are"
    from poor tcp 192.0.2.2
    is "$out" ::ffff:192.0.2.1 "... and let the pod out"
    run in_outside "$programs/knock" ask tcp 10.77.0.2 7 3
    is "$out" nothing "... and nobody in"
    nft flush ruleset
else
    skip "they are taken as they are" "not here: no iptables"
    skip "... and let the pod out" "not here: no iptables"
    skip "... and nobody in" "not here: no iptables"
fi
jetpack destroy poor
echo 0 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv6/conf/all/forwarding

# ---- left to the administrator ----

echo 1 >/proc/sys/net/ipv4/ip_forward
start router
jetpack destroy router
is "$(forwards all) $(forwards up0)" "1 1" "a host that forwards anyway goes on"
echo 0 >/proc/sys/net/ipv4/ip_forward
done_well "net.firewall = off" jetpack -o net.firewall=off run -d -pod-name alone $image \
    --exec /bin/knock -- listen tcp :: 7 ---
is "$(forwards up0)" 0 "leaves forwarding alone"
if has_nft; then
    is "$(tables)" 0 "and makes no table"
else
    skip "and makes no table" "not here: no nft(8)"
fi
from alone tcp 192.0.2.2 3
is "$out" nothing "the way out is the administrator's then"

finish
