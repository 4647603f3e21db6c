#!/bin/sh
# Networks of pods: addresses of both families, static ones, several networks, their kinds.
. "$(dirname "$0")/net.sh"

cat >>"$config" <<END
net.tiny.subnet = 10.80.0.0/29
net.street.kind = macvlan
net.street.interface = street0
net.street.subnet = 192.0.2.0/24
END

address() { jetpack list -H -filter "name=$1" | cut -f4; }

# ---- both families ----

start one
is "$(address one)" 10.77.0.2 "the first address of the subnet"
run jetpack exec one /bin/knock addresses
like "$out" '^eth0 10\.77\.0\.2/16$' "it is there"
like "$out" '^eth0 fd77::2/64$' "and the IPv6 address beside it"
run "$programs/knock" addresses
like "$out" "^$bridge 10\.77\.0\.1/16\$" "the host has the first one"
like "$out" "^$bridge fd77::1/64\$" "of either family"
run "$programs/knock" ask tcp fd77::2 7
is "$out" fd77::1 "the host reaches the pod over IPv6"
run "$programs/knock" ask tcp 10.77.0.2 7
is "$out" ::ffff:10.77.0.1 "and over IPv4"
start two
from two tcp fd77::2
is "$out" fd77::3 "pods reach each other over IPv6"
from two tcp 10.77.0.2
is "$out" ::ffff:10.77.0.3 "and over IPv4"
run jetpack exec two /bin/probe cat /etc/hosts
like "$out" '^fd77::3	two$' "/etc/hosts knows both addresses"
run jetpack exec two /bin/probe cat /proc/sys/net/ipv6/conf/eth0/accept_ra
is "$out" 0 "row 74: no pod listens to who calls itself a router"
is "$(cat "/proc/sys/net/ipv6/conf/$bridge/accept_ra")" 0 "row 74: nor does the host on the bridge"

# ---- what pods hear of each other ----

heard() { jetpack exec one /bin/probe cat /proc/net/dev | awk '$1 == "eth0:" { print $3 }'; }
before=$(heard)
for n in 1 2 3 4 5 6 7 8; do
    jetpack run -d -pod-name "beside$n" $image >/dev/null
done
from beside8 tcp 127.0.0.1 2 # after what is told at once
[ $(($(heard) - before)) -lt 8 ]
ok $? "a pod is not told of each that comes" || show heard "$before, then $(heard)"
is "$(jetpack exec beside8 /bin/knock addresses | grep -c '^eth0 fe80::.*/64$')" 1 \
    "each has one link-local address"
jetpack destroy beside1 beside2 beside3 beside4 beside5 beside6 beside7 beside8
for group in ff02::fb 224.0.0.251 ff15::4a 239.255.7.7; do
    done_well "a pod that hears the group $group" jetpack run -d -pod-name hearer $image \
        --exec /bin/knock -- listen udp $group 7 ---
    from two udp $group
    like "$out" '^(fe80|fd77|10\.77\.)' "... is asked by another"
    jetpack destroy hearer
done
ip link set "$bridge" type bridge mcast_snooping 1
before=$(heard)
start seen
reports() { [ "$(heard)" -gt "$before" ]; }
wait_for 60 reports
is $? 0 "on a bridge that looks at groups, they are told"
jetpack destroy seen
ip link set "$bridge" type bridge mcast_snooping 0

# ---- an address that is asked for ----

start static --ip 10.77.1.9
is "$(address static)" 10.77.1.9 "a static address"
start six --ip fd77::10a
is "$(address six)" 10.77.1.10 "said by its IPv6 address"
start pair --net=pod,ip=10.77.1.11
is "$(address pair)" 10.77.1.11 "said with the network"
fails 1 "10\.77\.1\.9 is leased to pod 'static'" "one that is leased" \
    jetpack prepare --ip 10.77.1.9 $image
for bad in 10.78.0.9 10.77.0.0 10.77.0.1 10.77.255.255 fd78::9 fd77::1:0:0:0; do
    fails 1 "'$bad' cannot be a pod's: in the subnet 10.77.0.0/16 they are 10.77.0.2 to 10.77.255.254" \
        "no pod's address: $bad" jetpack prepare --ip "$bad" $image
done
fails 1 "'fd77::1' cannot be a pod's" "the host's, by its IPv6 address" jetpack prepare --ip fd77::1 $image
fails 2 'expected an address' "no address" jetpack prepare --ip 10.77.1 $image
fails 1 'has no network of its own' "an address without a network" \
    jetpack prepare --net=host --ip 10.77.1.12 $image
jetpack destroy static six pair
done_well "given back, it can be asked for again" jetpack prepare --pod-name again --ip 10.77.1.9 $image
jetpack destroy again

# ---- several networks ----

start lab --net=lab
is "$(address lab)" 10.78.0.2 "an address of the other network"
run "$programs/knock" addresses
like "$out" '^jplab 10\.78\.0\.1/24$' "with a bridge of its own"
run "$programs/knock" ask tcp fd78::2 7
is "$out" fd78::1 "it has IPv6 as well"
run jetpack show lab
like "$out" 'Network *lab' "show names the network"
fails 1 "there is no network 'moon': set net.moon.subnet" "an unknown network" \
    jetpack prepare --net=moon $image
fails 2 'expected pod, host, none or the name of a network' "an impossible name" \
    jetpack prepare --net=Moon $image

start q1 --net=quiet
start q2 --net=quiet
from q1 tcp 10.79.0.3 3
like "$out" '^(nothing|unreachable)$' "with net.isolation, pods do not reach each other"
run "$programs/knock" ask tcp 10.79.0.3 7
is "$out" ::ffff:10.79.0.1 "... but the host reaches them"

# macvlan: on a device of the host, whose other end is a machine in the street.
machine street
in_street() { on "$street" "$@"; }
ip link add street0 type veth peer name far0 netns "$street"
ip link set street0 up
in_street ip address add 192.0.2.1/24 dev far0
in_street ip link set far0 up
start mac --net=street,ip=192.0.2.50 --isolator 'resource/network-bandwidth={"default": true, "limit": "1M"}'
like "$(cat "$work/err")" 'the pod does not reach the host .macvlan.: nothing answers at its AC_METADATA_URL' \
    "a macvlan pod is told that the host is out of its reach"
like "$(jetpack show mac)" 'network-bandwidth.*only what the pod sends is limited' \
    "... and what of its bandwidth is limited"
run in_street "$programs/knock" ask tcp 192.0.2.50 7
is "$out" ::ffff:192.0.2.1 "a macvlan pod is a neighbour of who is outside"
jetpack destroy mac
kill "$street"
fails 125 "no device 'gone0' for macvlan" "macvlan on a device that is not there" \
    jetpack -o net.street.interface=gone0 run --net=street $image

# ---- used up ----

for n in 2 3 4 5 6; do
    run jetpack prepare --net=tiny --pod-name "tiny$n" $image
    is "$(address "tiny$n")" "10.80.0.$n" "tiny$n has its address"
done
fails 1 "all 5 addresses of the pods' subnet 10.80.0.0/29 are leased: destroy pods" "used up" \
    jetpack prepare --net=tiny $image
jetpack destroy tiny4
done_well "one given back is enough" jetpack prepare --net=tiny --pod-name tiny4 $image
is "$(address tiny4)" 10.80.0.4 "it is that one"

# ---- net.mode: what a pod gets that asks for no network ----

addresses_of() { jetpack "$@" -destroy $image --exec /bin/knock -- addresses --- |
    sed 's/^[a-z]*| //'; }
run addresses_of -o net.mode=vnet run
like "$out" '^eth0 10\.77\.' "net.mode = vnet: a stack of its own"
run addresses_of -o net.mode=none run
is "$(printf '%s\n' "$out" | grep -vc '^lo ')" 0 "net.mode = none: its own loopback" ||
    show out "$out"
run addresses_of -o net.mode=host run
like "$out" "^$bridge 10\.77\.0\.1/16\$" "net.mode = host: as the host"
run addresses_of -o net.mode=host run --net=pod
like "$out" '^eth0 10\.77\.' "... unless it asks for another"
done_well "a pod made so" jetpack -o net.mode=none prepare --pod-name mode $image
like "$(jetpack show mode)" '^Network +none' "... keeps it, whatever net.mode says later"
jetpack destroy mode
fails 1 'net.mode = alias: this system has no such networks' "net.mode = alias is FreeBSD's" \
    jetpack -o net.mode=alias prepare $image

# ---- many at once ----

for n in $(seq 1 200); do echo "crowd$n"; done |
    xargs -P 20 -I NAME "$JETPACK" -config "$config" prepare --pod-name NAME $image >"$work/crowd" 2>&1
is "$(jetpack list -H | grep -c 'crowd')" 200 "200 pods prepared side by side"
is "$(jetpack list -H | cut -f4 | sort | uniq -d)" '' "no address twice"

# ---- what the configuration gets wrong ----

bad() { # PATTERN NAME OPTION...
    bad_pattern=$1 bad_name=$2
    shift 2
    fails 1 "$bad_pattern" "$bad_name" jetpack "$@" list
}
bad 'networks pod .* and inner .* overlap' "networks that overlap" -o net.inner.subnet=10.77.3.0/24
bad 'IPv6 networks of pod and inner overlap' "in IPv6 too" -o net.inner.subnet=10.90.0.0/24 \
    -o net.inner.subnet6=fd77::/80
bad 'same bridge' "two networks with one bridge" -o net.inner.subnet=10.90.0.0/24 \
    -o "net.inner.interface=$bridge"
bad 'net\.inner: the network has no subnet: set net\.inner\.subnet' "a network without a subnet" \
    -o net.inner.kind=routed
bad "net\.host: a network is called by" "a name that means something else" -o net.host.subnet=10.90.0.0/24
bad "net\.averyverylongname: a network is called by up to 12" "too long a name" \
    -o net.averyverylongname.subnet=10.90.0.0/24
bad "net\.inner\.interface: 'sixteen-letters-' cannot be" "too long an interface" \
    -o net.inner.subnet=10.90.0.0/24 -o net.inner.interface=sixteen-letters-
bad 'net.bridge: .a/b. cannot be' "an impossible bridge" -o net.bridge=a/b
bad 'a macvlan network needs a device' "macvlan on nothing" -o net.inner.subnet=10.90.0.0/24 \
    -o net.inner.kind=macvlan
fails 2 'net.subnet6.* must be a subnet such as fd00:1::/64, auto or none' "no IPv6 network" \
    jetpack -o net.subnet6=fd77::1/64 list
fails 125 "10\.77\.0\.2 is not of network 'pod' .10\.91\.0\.0/16.: its subnet was changed" \
    "a pod of the subnet of yesterday" \
    sh -c '"$0" -config "$1" stop one && "$0" -config "$1" -o net.subnet=10.91.0.0/16 run one' \
    "$JETPACK" "$config"
jetpack -o net.subnet6=none run -d --pod-name four $image >/dev/null
run jetpack exec four /bin/knock addresses
unlike "$out" '^eth0 fd77' "without IPv6 when it is configured so"

finish
