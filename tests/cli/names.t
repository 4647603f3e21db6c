#!/bin/sh
# Names: pods of a network find each other, and the world, whatever the host's resolver is. The
# "host" has a mount namespace of its own, too: /etc/resolv.conf is this test's.
if [ "${JETPACK_TEST_NET-}" != own ] && [ "$(id -u)" -eq 0 ] && [ "$(uname -s)" = Linux ]; then
    if ! unshare -m true 2>/dev/null; then
        echo "1..0 # SKIP not here: the root is no mount (a chroot)"
        exit 0
    fi
    JETPACK_TEST_NET=own exec unshare -n -m -- sh "$0"
fi
. "$(dirname "$0")/net.sh"
command -v dnsmasq >/dev/null || skip_all "not here: no dnsmasq"
[ -f /etc/resolv.conf ] || skip_all "not here: no /etc/resolv.conf that could be covered"

echo 'net.names = auto' >>"$config"
chmod 711 "$work" # the resolver is not root

resolv=$work/resolv.conf
: >"$resolv"
mount --bind "$resolv" /etc/resolv.conf
mount -t tmpfs none /run
host_uses() { printf "$@" >"$resolv"; }

# ---- the world: a server of names outside, and one on the host's own loopback ----

machine outside
resolvers() { pgrep -f "^[^ ]*dnsmasq .*$work/root/names" | wc -l; }
resolvers_are() { [ "$(resolvers)" -eq "$1" ]; }
# runs N WHAT: so many resolvers; what a starting one has left behind is about to go
runs() {
    wait_for 60 resolvers_are "$1"
    is "$(resolvers)" "$1" "$2"
}
resolver_of() { cat "$work/root/names/$1/pid"; }
ip link add up0 type veth peer name far0 netns "$outside"
ip address add 192.0.2.1/24 dev up0
ip link set up0 up
in_outside sh -c 'ip link set lo up; ip address add 192.0.2.2/24 dev far0; ip link set far0 up
    ip route add 10.77.0.0/16 via 192.0.2.1; ip route add 10.78.0.0/24 via 192.0.2.1'
start_server() { # LOG COMMAND...: dnsmasq in the foreground
    log=$1
    shift
    "$@" --no-daemon --conf-file=/dev/null --pid-file= --no-resolv --no-hosts --bind-interfaces \
        --log-queries >"$log" 2>&1 </dev/null &
    jobs="$jobs $!"
    wait_for 60 grep -q started "$log"
}
start_server "$work/far.log" nsenter --net="/proc/$outside/ns/net" dnsmasq \
    --listen-address=192.0.2.2 --address=/outside.example/203.0.113.5
start_server "$work/near.log" dnsmasq --interface=lo --listen-address=127.0.0.1 \
    --address=/outside.example/203.0.113.6
near=${jobs##* }

# ---- asking as programs do: the C library, with a pod's network and the pod's resolv.conf ----

address() { jetpack list -H -filter "name=$1" | cut -f4; }
pid_in() { jetpack show -format=json "$1" | sed -n 's/^ *"pid": *\([0-9][0-9]*\).*/\1/p' | head -n 1; }
# lookup POD DATABASE NAME: its addresses, sorted, in one line; DATABASE: ahostsv4 or ahostsv6
lookup() {
    pod_pid=$(pid_in "$1")
    cat "/proc/$pod_pid/root/etc/resolv.conf" >"$work/pod.conf"
    nsenter --net="/proc/$pod_pid/ns/net" unshare -m sh -c '
        mount --bind "$1" /etc/resolv.conf && mount --bind /dev/null /etc/hosts &&
        getent "$2" "$3" | sed -n "s/ *STREAM.*//p" | sort | tr "\n" " "' sh "$work/pod.conf" "$2" "$3" |
        sed 's/ $//'
}
finds() { [ "$(lookup "$1" ahostsv4 "$2")" = "$3" ]; } # POD NAME ADDRESSES
found() { # POD NAME ADDRESSES WHAT: soon; a change takes the resolver a moment
    wait_for 60 finds "$1" "$2" "$3"
    is "$(lookup "$1" ahostsv4 "$2")" "$3" "$4"
}

host_uses 'nameserver 192.0.2.2\nsearch example\n'
runs 0 "no resolver without pods"
start web
runs 1 "the first pod brings one"
at_top() { ! grep -qv ':/$' "/proc/$(resolver_of pod)/cgroup"; }
wait_for 60 at_top
is "$(grep -vc ':/$' "/proc/$(resolver_of pod)/cgroup")" 0 "it leaves the control groups of who started it"
run jetpack exec web /bin/probe cat /etc/resolv.conf
is "$(printf '%s\n' "$out" | tail -n 1)" 'search pods.jetpack.internal apps.jetpack.internal example' \
    "the domains of pods are searched before the host's"
like "$out" '^nameserver 10\.77\.0\.1$' "the server is the host's address on the bridge"
start db
runs 1 "the second finds it"
found web db 10.77.0.3 "a pod is found by its name"
found db web 10.77.0.2 "and the other way round"
is "$(lookup web ahostsv6 db)" fd77::3 "by its IPv6 address as well"
is "$(lookup web ahostsv4 db.pods.jetpack.internal)" 10.77.0.3 "by its full name"
is "$(lookup web ahostsv4 app)" '10.77.0.2 10.77.0.3' "an app's name means every pod that has it"
is "$(lookup web ahostsv4 app.db.pods.jetpack.internal)" 10.77.0.3 "or one, with the pod's"
is "$(lookup web ahostsv4 nobody)" '' "nobody's name is nobody's"
unlike "$(cat "$work/far.log")" 'query.*(nobody from|jetpack)' "and asked for nowhere else"
is "$(lookup web ahostsv4 outside.example)" 203.0.113.5 "the host's resolver is asked for the rest"
is "$(lookup web ahostsv4 outside)" 203.0.113.5 "with the host's domains"
run "$programs/knock" ask udp 10.77.0.1 99
start late
found web late 10.77.0.4 "one that comes later is found by those that were there"

# ---- who is called what ----

jetpack rename late later
found web later 10.77.0.4 "a pod that runs, under its new name"
is "$(lookup web ahostsv4 late)" '' "and not under the old one"
start dotted.name
is "$(lookup web ahostsv4 dotted.name.)$(lookup web ahostsv4 dotted.name.pods.jetpack.internal)" '' \
    "row 77: a name with a dot is none: it could be somebody else's"
jetpack destroy dotted.name
add_image web '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
done_well "a pod with an app called like another pod" jetpack run -d -pod-name thief test.example/web
found db thief 10.77.0.6 "it is there"
is "$(lookup db ahostsv4 web) $(lookup db ahostsv4 web.)" '10.77.0.2 10.77.0.2' \
    "row 77: an image's name is not taken for another pod's"
jetpack destroy thief
note() { # ANNOTATION VALUE, as JSON: a pod manifest with it
    printf '{"acVersion": "0.8.11", "acKind": "PodManifest",
        "annotations": [{"name": "%s", "value": "%s"}],
        "apps": [{"name": "app", "image": {"id": "%s"}}]}' "$1" "$2" "$id" >"$work/note.json"
}
note jetpack/name 'x\\n10.9.9.9 db'
fails 1 "cannot name a pod" "row 77: a name of two lines is none" jetpack prepare -f "$work/note.json"
note jetpack/dns '192.0.2.9\\nsearch evil'
fails 1 "is not the address of a name server" "row 77: nor is a server of two" \
    jetpack prepare -f "$work/note.json"
note jetpack/hostname 'x\\n10.9.9.9 db'
fails 1 "is not a host name" "row 77: nor a host name" jetpack prepare -f "$work/note.json"

# ---- as pods go ----

jetpack stop later
found web later '' "a pod that ended is not found"
jetpack destroy later
run jetpack show -format=json db
kill -KILL "$(json supervisor)"
wait_for 60 state_of db failed
jetpack gc >/dev/null
found web db '' "nor one whose supervisor was killed, after gc"
jetpack destroy db

# ---- networks ----

start lab --net=lab
runs 2 "another network has a resolver of its own"
found lab lab 10.78.0.2 "whose pods are found there"
is "$(lookup web ahostsv4 lab.pods.jetpack.internal)" '' "and nowhere else"
is "$(lookup lab ahostsv4 web.pods.jetpack.internal)" '' "nor the other way round"
start q1 --net=quiet
start q2 --net=quiet
is "$(lookup q1 ahostsv4 q2)" '' "pods that are kept apart do not find each other"
is "$(lookup q1 ahostsv4 outside.example)" 203.0.113.5 "but the rest of the world"
jetpack destroy q1 q2 lab
runs 1 "with the last pod of a network its resolver is gone"

# ---- who may ask, and what the resolver may ----

resolver=$(resolver_of pod)
like "$(cat "/proc/$resolver/status")" '^Uid:	[1-9]' "row 78: the resolver is not root"
is "$(stat -c '%a %U' "$work/root/names/pod/hosts")" '2750 root' "row 78: who are pods is not everybody's"
dig_from_outside() { # ADDRESS [OPTION]
    in_outside dig +time=2 +tries=1 +short "$2" @"$1" web.pods.jetpack.internal 2>&1
}
if command -v dig >/dev/null; then
    is "$(dig +short @10.77.0.1 web.pods.jetpack.internal)" 10.77.0.2 "the host may ask it"
    is "$(dig +short +tcp @10.77.0.1 web.pods.jetpack.internal)" 10.77.0.2 "... by TCP, too"
    unlike "$(dig_from_outside 10.77.0.1 +notcp)" '10\.77\.0\.2' \
        "row 78: a neighbour of the host is not answered"
    unlike "$(dig_from_outside 10.77.0.1 +tcp)" '10\.77\.0\.2' "row 78: ... by TCP neither"
    unlike "$(dig_from_outside 192.0.2.1 +notcp)" '10\.77\.0\.2' "row 78: ... nor at the host's own address"
else
    skip "row 78: a neighbour of the host is not answered" "not here: no dig"
fi

# ---- killed ----

kill -KILL "$resolver"
wait_for 60 ended "$resolver"
run jetpack doctor
like "$out" '^MISSING +resolver of network pod +does not run' "doctor misses a resolver that was killed"
like "$(jetpack network show pod)" '^Names +does not run: pods are not found by name' "... and so does network show"
run jetpack network repair
like "$out" '^resolver of network pod: does not run.*: mended' "network repair starts it"
found web web "$(address web)" "it answers"
like "$(jetpack network show pod)" '^Names +/.*dnsmasq$' "network show tells which program"
like "$(jetpack -o net.names=off network show pod)" '^Names +off \(net.names\)$' "... or that there is none"
kill -KILL "$(resolver_of pod)"
start db
found web db "$(address db)" "the next pod starts it as well"
jetpack destroy db
# What is no resolver of ours has nothing to fear from a number in a file.
sleep 1000 &
stranger=$!
jobs="$jobs $stranger"
kill -KILL "$(resolver_of pod)"
echo "$stranger" >"$work/root/names/pod/pid"
jetpack destroy web
kill -0 "$stranger"
is $? 0 "a process that got the resolver's number is left alone"
runs 0 "after the last pod there is none"

# ---- many at once ----

for n in 1 2 3 4 5 6 7 8; do echo "crowd$n"; done | xargs -P 8 -I NAME "$JETPACK" -config "$config" \
    run -d -pod-name NAME $image --exec /bin/probe -- sleep 1000 --- >"$work/crowd" 2>&1
is "$(grep -v '^[0-9a-f-]*$' "$work/crowd")" '' "eight pods at once, no complaint"
runs 1 "one resolver"
for n in 1 4 8; do
    found crowd1 "crowd$n" "$(address "crowd$n")" "crowd$n is found"
done
# shellcheck disable=SC2046 # a list
printf '%s\n' $(jetpack list -q) | xargs -P 8 -I POD "$JETPACK" -config "$config" destroy POD
runs 0 "all gone at once, it is gone"

# ---- whatever the host's resolver is ----

host_uses 'nameserver 127.0.0.1\n'
start web
is "$(lookup web ahostsv4 outside.example)" 203.0.113.6 "a host whose resolver is on its loopback"
jetpack destroy web
host_uses ''
start web
found web web "$(address web)" "a host that has none: pods find each other"
run jetpack -o ace.dns-servers=192.0.2.2 run -d -pod-name asked $image
found asked outside.example 203.0.113.5 "ace.dns-servers are asked in its place"
jetpack destroy asked web
start own --dns 192.0.2.2 --dns 2001:db8::9
run jetpack exec own /bin/probe cat /etc/resolv.conf
is "$out" 'nameserver 192.0.2.2
nameserver 2001:db8::9' "--dns: these and no others"
runs 0 "which need no resolver of ours"
run jetpack doctor
unlike "$out" 'resolver of network' "and doctor misses none"
start web
found web own "$(address own)" "such a pod is found by others"
jetpack destroy web own
fails 2 'expected an address' "--dns that is none" jetpack prepare --dns example.org $image
fails 125 "ace.dns-servers: 'moon' is not the address of a name server" "nor in the configuration" \
    jetpack -o ace.dns-servers=moon -o net.names=off run $image

# Without a resolver of ours.
echo 'net.names = off' >>"$config"
host_uses 'nameserver 127.0.0.53\n'
run jetpack run -destroy $image --exec /bin/probe -- true ---
like "$status $err" '^0 .*the pod has no name server: the host.s listens on its loopback alone; install' \
    "a resolver on the loopback is no use: told, with what to do"
run jetpack doctor
like "$out" '^MISSING +name servers' "doctor, too"
mkdir -p /run/systemd/resolve
echo 'nameserver 192.0.2.2' >/run/systemd/resolve/resolv.conf
run jetpack run -destroy $image --exec /bin/probe -- cat /etc/resolv.conf ---
is "$out$err" 'app| nameserver 192.0.2.2' "systemd-resolved: what it asks itself"
rm /run/systemd/resolve/resolv.conf
host_uses ''
run jetpack run -destroy $image --exec /bin/probe -- true ---
is "$status $err" '0 ' "a host without name servers"
host_uses 'nameserver 127.0.0.53\nnameserver 192.0.2.2\n'
run jetpack run -destroy $image --exec /bin/probe -- cat /etc/resolv.conf ---
is "$out$err" 'app| nameserver 192.0.2.2' "one server on the loopback is left out"
echo 'net.names = auto' >>"$config"

# A port that somebody else has.
ip link add "$bridge" type bridge 2>/dev/null
ip address add 10.77.0.1/16 dev "$bridge" 2>/dev/null
ip link set "$bridge" up
start_server "$work/rival.log" dnsmasq --interface="$bridge" --except-interface=lo
rival=${jobs##* }
run jetpack run -d -pod-name rivalled $image
like "$status $err" "^0 .*pods of network 'pod' are not found by name: dnsmasq .process $rival. has port 53 of 10\.77\.0\.1: " \
    "a resolver that cannot be is told, and who is in its way"
run jetpack exec rivalled /bin/probe cat /etc/resolv.conf
is "$out" 'nameserver 192.0.2.2' "and the pod has the host's servers"
run jetpack doctor
like "$out" '^MISSING +name of pod rivalled +is not known: no resolver could be started' "doctor tells it, too"
kill "$rival"
jetpack destroy rivalled
is "$(ls "$work/root/names/pod/hosts")" '' "nothing is left of its name"

# Somebody publishes a server of names himself, beside the resolver of pods.
mkdir -p "$work/wire/rootfs/bin"
rootfs "$work/wire/rootfs"
cp "$programs/wire" "$work/wire/rootfs/bin/wire"
manifest wire '"exec": ["/bin/wire", "udp", "53"], "user": "0", "group": "0", "ports": [
    {"name": "dns", "protocol": "udp", "port": 53}, {"name": "slow", "protocol": "tcp", "port": 53}]' >"$work/wire/manifest"
pack "$work/wire" "$work/wire.aci"
jetpack import -q "$work/wire.aci" >/dev/null
kill "$near"
gone() { ! kill -0 "$near" 2>/dev/null; }
wait_for 60 gone
host_uses 'nameserver 192.0.2.2\n'
asks_wire() { in_outside "$programs/wire" ask udp 192.0.2.1 53 hello 2>&1 | grep -q 'hello$'; }
for way in proxy nat; do
    run jetpack -o net.publish=$way run -d -pod-name server -p dns=53 -p slow=53 test.example/wire
    like "$status $err" "^0 .*port 'dns': udp port 53 is taken at one address of the host: it is published at [1-9]" \
        "$way: port 53 is published, and where is told"
    like "$err" "port 'slow': tcp port 53 is taken" "$way: ... of both protocols"
    wait_for 60 asks_wire
    is "$(in_outside "$programs/wire" ask udp 192.0.2.1 53 hello | sed 's/.*: //')" hello \
        "$way: the world reaches the pod's"
    start asker
    found asker server "$(address server)" "$way: pods reach that of their names"
    jetpack destroy asker server
done
run jetpack run -d -pod-name first -p dns=192.0.2.1:53 test.example/wire
fails 125 "port 'dns': pod 'first' has udp port 53 of the host" \
    "an address that another has keeps out who wants all" jetpack run -p dns=53 test.example/wire
jetpack destroy first
runs 0 "they leave no resolver"

# A server of names that listens everywhere answers pods itself.
dnsmasq --no-daemon --conf-file=/dev/null --pid-file= --no-resolv --no-hosts --log-queries \
    --address=/outside.example/203.0.113.7 >"$work/wide.log" 2>&1 </dev/null &
wide=$!
jobs="$jobs $wide"
wait_for 60 grep -q started "$work/wide.log"
host_uses 'nameserver 127.0.0.1\nsearch example\n'
run jetpack run -d -pod-name wide $image
like "$status $err" "^0 .*not found by name: dnsmasq .process $wide. has port 53 of" "one that listens everywhere is told"
like "$err" "^jetpack: warning: the pod's name server is the host's, dnsmasq .process $wide., at 10\.77\.0\.1$" \
    "... and that pods ask it"
run jetpack exec wide /bin/probe cat /etc/resolv.conf
is "$out" 'nameserver 10.77.0.1
search example' "the pod asks it"
is "$(lookup wide ahostsv4 outside.example)" 203.0.113.7 "and is answered"
kill "$wide"
jetpack destroy wide
host_uses 'nameserver 192.0.2.2\nsearch example\n'

# ---- files of the image ----

mkdir -p "$work/bare/rootfs/bin" "$work/full/rootfs/bin" "$work/full/rootfs/etc"
for kind in bare full; do
    cp "$programs/probe" "$programs/knock" "$work/$kind/rootfs/bin/"
    manifest $kind '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"' >"$work/$kind/manifest"
    echo '192.0.2.77 image' >"$work/full/rootfs/etc/hosts"
    pack "$work/$kind" "$work/$kind.aci"
    jetpack import -q "$work/$kind.aci" >/dev/null
done
run jetpack run -destroy -hostname bare test.example/bare --exec /bin/probe -- cat /etc/hosts ---
like "$out" ' 127\.0\.0\.1	localhost$' "an image without /etc gets /etc/hosts"
like "$out" ' 10\.77\.[0-9.]*	bare$' "... with the pod's own name"
run jetpack run -destroy test.example/bare --exec /bin/probe -- cat /etc/resolv.conf ---
like "$out" ' nameserver 10\.77\.0\.1$' "... and /etc/resolv.conf"
run jetpack run -destroy test.example/full --exec /bin/probe -- cat /etc/hosts ---
is "$out" 'full| 192.0.2.77 image' "an image's own /etc/hosts is not touched"
runs 0 "no resolver is left"

finish
