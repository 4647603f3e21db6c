#!/bin/sh
# Published ports, between network namespaces of this test's own: our host, a client, a neighbour,
# joined by veth.
#
# What needs the world: real servers of Debian, one image that is kept beside the build.
here=$(cd "$(dirname "$0")" && pwd)
build_dir=${BUILD_DIR:-$here/../../build}
. "$here/../cache.sh"
if [ "${JETPACK_TEST_NET-}" != own ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    kept servers.aci "$here/servers.sh" >&2 || echo "not ok - an image of nginx and redis"
    JETPACK_TEST_SERVERS=$kept # for this program again, in a network of its own
    export JETPACK_TEST_SERVERS
fi
servers=${JETPACK_TEST_SERVERS-}
. "$here/net.sh"
command -v nsenter >/dev/null || skip_all "not here: no nsenter"

wire=$programs/wire
# joined PID HERE THERE OURS THEIRS OURS6 THEIRS6
joined() {
    ip link add "$2" type veth peer name "$3" netns "$1"
    ip addr add "$4/24" dev "$2"
    ip -6 addr add "$6/64" dev "$2" nodad
    ip link set "$2" up
    on "$1" sh -c "ip link set lo up; ip addr add $5/24 dev $3
        ip -6 addr add $7/64 dev $3 nodad; ip link set $3 up; ip route add default via $4
        ip -6 route add default via $6"
}
machine client
machine neighbour
joined "$client" toclient eth0 192.0.2.1 192.0.2.9 2001:db8:1::1 2001:db8:1::9
joined "$neighbour" toneighbour eth0 198.18.0.1 198.18.0.9 2001:db8:2::1 2001:db8:2::9

mkdir -p "$work/tree/rootfs/bin"
rootfs "$work/tree/rootfs"
cp "$wire" "$work/tree/rootfs/bin/wire"
manifest wire '"exec": ["/bin/wire", "tcp", "80"], "user": "0", "group": "0", "ports": [
    {"name": "http", "protocol": "tcp", "port": 80},
    {"name": "dns", "protocol": "udp", "port": 53},
    {"name": "range", "protocol": "tcp", "port": 80, "count": 3},
    {"name": "wide", "protocol": "tcp", "port": 80, "count": 512}]' >"$work/tree/manifest"
pack "$work/tree" "$work/wire.aci"
jetpack import -q "$work/wire.aci" >/dev/null

begin() { # NAME OPTION... -- what follows the image
    pod_name=$1
    shift
    run jetpack run -d -pod-name "$pod_name" "$@"
    [ "$status" -eq 0 ] || { show err "$err"; return 1; }
}
end() { jetpack destroy "$1" >/dev/null 2>&1; }
asks() { # WHO PROTOCOL ADDRESS PORT: the first line that comes back to "hello", or why none does
    who=$1
    shift
    reply=$(on "$who" "$wire" ask "$1" "$2" "$3" hello 2>&1)
    printf '%s\n' "$reply" | head -n 1
}
served() { case $(asks "$@") in *': hello') ;; *) return 1 ;; esac; }
refused() { asks "$@" | grep -q 'Connection refused'; }
this=$$

# ---- what comes through -------------------------------------------------------------------------
begin web -p http=8080 test.example/wire
is "$status" 0 "a pod with a published port"
wait_for 60 served "$client" tcp 192.0.2.1 8080
is "$(asks "$client" tcp 192.0.2.1 8080)" '192.0.2.9: hello' "the client's address is kept"
is "$(on "$client" "$wire" ask tcp 192.0.2.1 8080 hello | tail -n 1)" bye \
    "... and its end, after which it is still answered"
gateway=$(ip -4 -o addr show dev "$bridge" | sed 's/.* inet \([0-9.]*\).*/\1/')
is "$(asks "$this" tcp 127.0.0.1 8080)" "$gateway: hello" "the host by its loopback is the gateway"
is "$(on "$client" env WIRE_FROM=777 "$wire" ask tcp 192.0.2.1 8080 hello 2>&1 | head -n 1)" \
    '192.0.2.9: hello' \
    "a client whose port only root has (NFS, a NAT)"
is "$(asks "$this" tcp 192.0.2.1 8080)" "192.0.2.1: hello" "the host by its address is that"
like "$(asks "$client" tcp 2001:db8:1::1 8080)" ': hello$' "IPv6 to a pod that has IPv4"
begin other test.example/wire
address=$(jetpack list -H -filter name=other | cut -f4)
is "$(jetpack exec other /bin/wire ask tcp 192.0.2.1 8080 hello 2>/dev/null | head -n 1)" \
    "$address: hello" "another pod by the host's address"
like "$(jetpack exec web /bin/wire ask tcp "$gateway" 8080 hello 2>/dev/null | head -n 1)" \
    ': hello$' "the pod itself by the host's address"
end other
is "$(on "$client" "$wire" many 192.0.2.1 8080 10000)" 10000 "10,000 connections, a thousand at once"
nsenter --net="/proc/$client/ns/net" "$wire" hold 192.0.2.1 8080 500 >"$work/held" 2>&1 &
holder=$!
jobs="$jobs $holder"
wait_for 60 grep -q held "$work/held"
is "$(on "$neighbour" "$wire" many 192.0.2.1 8080 500)" 500 "others beside 500 that say nothing"
kill -KILL "$holder"
nsenter --net="/proc/$client/ns/net" "$wire" hold 192.0.2.1 8080 9000 >"$work/held" 2>&1 &
holder=$!
jobs="$jobs $holder"
wait_for 60 grep -q held "$work/held"
is "$(on "$neighbour" "$wire" many 192.0.2.1 8080 500)" 500 "others beside one who takes all that it can, 9,000"
kill -KILL "$holder"
wait_for 60 served "$client" tcp 192.0.2.1 8080
is $? 0 "... who is served again when it has let go"

# ---- what is told ------------------------------------------------------------------------------
run jetpack list
like "$out" '8080->80/tcp' "list shows the port"
run jetpack show web
like "$out" '^Ports +http 8080->80/tcp$' "show, too"
run jetpack show --format=json web
is "$(json host_port) $(json pod_port) $(json protocol)" '8080 80 tcp' "... and as JSON"

# ---- what the forwarder may --------------------------------------------------------------------
supervisor=$(json supervisor)
forwarder=$(for one in $(ps -o pid= --ppid "$supervisor"); do
    [ "$(cat "/proc/$one/comm")" = jetpack-forward ] && echo "$one"
done)
facts=$(cat "/proc/$forwarder/status")
like "$facts" '^Uid:	65534	65534	65534	65534$' "the forwarder is not root"
like "$facts" '^CapPrm:	0000000000002000$' "... has one capability, to name its clients"
like "$facts" '^CapBnd:	0000000000000000$' "... can get no other"
like "$facts" '^Seccomp:	2$' "... and few system calls"
is "$(readlink "/proc/$forwarder/ns/net")" \
    "$(readlink "/proc/$(jetpack show --format=json web | sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' |
        head -n 1)/ns/net")" "... is in the pod's network, and reaches nothing but the pod"

# ---- in use ------------------------------------------------------------------------------------
fails 125 "port 'http': pod 'web' has tcp port 8080 of the host" "a port that a pod has" \
    jetpack run -p http=8080 -pod-name second test.example/wire
"$wire" tcp 8099 >/dev/null 2>&1 &
stranger=$!
jobs="$jobs $stranger"
wait_for 60 served "$this" tcp 127.0.0.1 8099
fails 125 "port 'http': wire \(process $stranger\) has tcp port 8099 of the host" \
    "a port that another program has" jetpack run -p http=8099 -pod-name third test.example/wire
kill -KILL "$stranger"
is "$(jetpack list -H | cut -f2 | sort | tr '\n' ' ')" 'web ' "... and nothing is half-made"
run jetpack run -destroy -p dns=8080 test.example/wire -exec /bin/probe -- true
is "$status" 0 "the same number of the other protocol is free"

# ---- the end -----------------------------------------------------------------------------------
jetpack stop web
is "$(asks "$client" tcp 192.0.2.1 8080)" 'wire: connect: Connection refused' \
    "a stopped pod's port refuses at once"
jetpack run -d web >/dev/null
wait_for 60 served "$client" tcp 192.0.2.1 8080
is $? 0 "and is there again when the pod is"
supervisor=$(jetpack show --format=json web | sed -n 's/^ *"supervisor": *\([0-9]*\).*/\1/p')
kill -KILL "$supervisor"
wait_for 60 ended "$supervisor" # which it is a moment after kill(1), and until then the pod runs
run jetpack run -d web
is "$status" 0 "a pod whose supervisor was killed can be started at once" || show err "$err"
wait_for 60 served "$client" tcp 192.0.2.1 8080
supervisor=$(jetpack show --format=json web | sed -n 's/^ *"supervisor": *\([0-9]*\).*/\1/p')
kill -KILL "$supervisor"
wait_for 60 refused "$client" tcp 192.0.2.1 8080
is $? 0 "... and when it is killed its ports refuse"
"$wire" tcp 8080 >/dev/null 2>&1 &
stranger=$!
jobs="$jobs $stranger"
wait_for 60 served "$this" tcp 127.0.0.1 8080
fails 125 "port 'http': wire \(process $stranger\) has tcp port 8080 of the host" \
    "who has taken one meanwhile is named, and not the pod's own last run" jetpack run -d web
kill -KILL "$stranger"
wait_for 60 refused "$client" tcp 192.0.2.1 8080
jetpack list >/dev/null
run jetpack gc
is "$status" 0 "gc"
unlike "$(ps -eo args)" "^jetpack-forward $work" "... nothing is left"
jetpack run -d web >/dev/null
wait_for 60 served "$client" tcp 192.0.2.1 8080
forwarder=$(for one in $(pgrep -x jetpack-forward); do
    [ "$(ps -o ppid= -p "$one" | tr -d ' ')" = "$(jetpack show --format=json web |
        sed -n 's/^ *"supervisor": *\([0-9]*\).*/\1/p')" ] && echo "$one"
done)
kill -KILL "$forwarder"
warned() { jetpack show web | grep -q 'forwarder .* has ended (signal 9)'; }
wait_for 60 warned
is $? 0 "a forwarder that dies is told"
is "$(asks "$client" tcp 192.0.2.1 8080)" 'wire: connect: Connection refused' "... its ports refuse"
unlike "$(jetpack list)" '8080->80' "... and are not shown"
end web

# ---- UDP, ranges, addresses, sources -----------------------------------------------------------
begin dns -p dns=5353 test.example/wire -exec /bin/wire -- udp 53
wait_for 60 served "$client" udp 192.0.2.1 5353
like "$(asks "$client" udp 192.0.2.1 5353)" ': hello$' "UDP"
like "$(asks "$client" udp 2001:db8:1::1 5353)" ': hello$' "UDP by IPv6"
like "$(asks "$this" udp 127.0.0.1 5353)" ': hello$' "UDP from the host"
end dns
begin range -p range=9000 test.example/wire -exec /bin/wire -- tcp 82
wait_for 60 served "$client" tcp 192.0.2.1 9002
is $? 0 "the last one of a range"
like "$(asks "$client" tcp 192.0.2.1 9001)" 'reset' "... one that nobody listens on in the pod"
like "$(asks "$client" tcp 192.0.2.1 9003)" 'refused' "... and the one behind it"
like "$(jetpack list)" '9000-9002->80-82/tcp' "list shows the range"
end range
run sh -c 'ulimit -S -n 1024; exec "$@"' sh "$JETPACK" -config "$config" \
    run -d -pod-name wide -p wide=12000 test.example/wire
is "$status $err" '0 ' "as many ports as there may be, from a login with the usual limit of files"
wait_for 60 served "$client" tcp 192.0.2.1 12000
like "$(asks "$client" tcp 2001:db8:1::1 12511)" 'reset' "... all of which are there"
end wide
begin one -p http=198.18.0.1:8080 test.example/wire
wait_for 60 served "$neighbour" tcp 198.18.0.1 8080
is "$(asks "$neighbour" tcp 198.18.0.1 8080)" '198.18.0.9: hello' "hostIP: at that address"
like "$(asks "$client" tcp 192.0.2.1 8080)" refused "... and at no other"
end one
begin six -p 'http=[2001:db8:1::1]:8080' test.example/wire
wait_for 60 served "$client" tcp 2001:db8:1::1 8080
is $? 0 "an IPv6 address of the host"
like "$(asks "$client" tcp 192.0.2.1 8080)" refused "... and no other"
end six
begin limited -p http=8080,from=192.0.2.0/24,from=2001:db8:1::/64 test.example/wire
wait_for 60 served "$client" tcp 192.0.2.1 8080
is $? 0 "from=: who may come comes"
like "$(asks "$neighbour" tcp 192.0.2.1 8080)" 'reset|Broken' "... who may not does not"
like "$(jetpack show limited)" 'from 192.0.2.0/24, 2001:db8:1::/64' "show tells from where"
end limited
begin alone --net=none -p http=8080 test.example/wire
wait_for 60 served "$client" tcp 192.0.2.1 8080
is $? 0 "a pod that reaches nothing can be reached"
end alone
run jetpack run -destroy --net=host -p http=8080 test.example/wire -exec /bin/probe -- true
like "$err" "has the host's network: its ports are the host's" "--net=host publishes nothing, and says so"

# ---- what cannot be ----------------------------------------------------------------------------
bad() { # STATUS PATTERN OPTION...
    bad_status=$1 bad_pattern=$2
    shift 2
    fails "$bad_status" "$bad_pattern" "refused: $*" jetpack run "$@" test.example/wire
}
bad 2 "'0' is not a port" -p http=0
bad 2 "'65536' is not a port" -p http=65536
bad 125 "range passes 65535" -p range=65534
bad 125 "share host port" -p http=9001 -p range=9000
bad 125 "no app has a port 'ftp'" -p ftp=21
service=$(jetpack config mds.port)
bad 125 "port 'http': tcp port $service of the host is the metadata service's \(mds.port\)" -p "http=$service"
bad 125 "port 'http': tcp port $service of the host is the metadata" -p "http=127.0.0.1:$service"
bad 125 "port 'range': tcp port $service of the host is the metadata" -p "range=$((service - 2))"
done_well "its number by udp, and at another address" jetpack run -d -pod-name beside -p "dns=$service" \
    -p "http=127.0.0.2:$service" test.example/wire
end beside
bad 125 "the host has no address 203.0.113.7" -pod-name homeless -p http=203.0.113.7:80
end homeless
bad 2 "is not from=NETWORK" -p http=80,to=10.0.0.0/8
bad 125 "has bits beyond its network" -p http=80,from=10.0.0.1/8
bad 125 "'10.0.0.0/33'" -p http=80,from=10.0.0.0/33
bad 125 "no port 'x' is published" -annotation jetpack/port-from/x=10.0.0.0/8
is "$(jetpack list -H)" '' "no pod is left of them"

# ---- the host's firewall -----------------------------------------------------------------------
begin web -p http=8080 test.example/wire
wait_for 60 served "$client" tcp 192.0.2.1 8080
blocked() { ! served_soon "$1"; }
served_soon() { timeout 5 nsenter -t "$1" -n "$wire" ask tcp 192.0.2.1 8080 x >/dev/null 2>&1; }
firewall() { # TOOL, then two commands: drop the port, drop a source
    if ! command -v "$1" >/dev/null; then
        skip "$1 drops the port" "not here: no $1"
        return
    fi
    sh -c "$2"
    blocked "$client"
    is $? 0 "$1: a host that drops the port in its input chain drops it"
    sh -c "$3"
    sh -c "$4"
    blocked "$client"
    is $? 0 "$1: ... that drops a source there drops that"
    served "$neighbour" tcp 192.0.2.1 8080
    is $? 0 "$1: ... and nobody else"
    sh -c "$3"
    served "$client" tcp 192.0.2.1 8080
    is $? 0 "$1: ... until the rule is gone"
}
chain='add table inet t; add chain inet t i { type filter hook input priority 0; }; add rule inet t i'
firewall nft "nft '$chain tcp dport 8080 drop'" 'nft delete table inet t' \
    "nft '$chain ip saddr 192.0.2.9 drop'"
firewall iptables-nft 'iptables-nft -A INPUT -p tcp --dport 8080 -j DROP' 'iptables-nft -F INPUT' \
    'iptables-nft -A INPUT -s 192.0.2.9 -j DROP'
end web

# ---- real servers ------------------------------------------------------------------------------
if [ -e "$servers" ]; then
    jetpack import -q "$servers" >/dev/null
    mkdir "$work/servers"
    tar -C "$work/servers" -xf "$servers"
    inside() { on "$client" chroot "$work/servers/rootfs" "$@"; }

    begin nginx -p http=8080 test.example/servers -exec /usr/sbin/nginx -- -p /tmp -c /etc/nginx.conf
    get() { on "$client" curl -sS --noproxy '*' --max-time 60 "http://192.0.2.1:8080/$1"; }
    wait_for 60 get who
    is "$(get who)" 192.0.2.9 "nginx sees its client"
    get big | cmp -s - "$work/servers/rootfs/www/big"
    is $? 0 "... and gives it 8 MB as they are"
    end nginx

    begin redis -p redis test.example/servers -exec /usr/bin/redis-server -- --save '' \
        --protected-mode no
    redis() { inside /usr/bin/redis-cli -h 192.0.2.1 -p 6379 "$@"; }
    pong() { [ "$(redis ping 2>/dev/null)" = PONG ]; }
    wait_for 60 pong
    is "$(redis set a b) $(redis get a)" 'OK b' "redis"
    like "$(redis client list)" 'addr=192.0.2.9:' "... sees its client"
    end redis
else
    skip "nginx and redis" "not here: no packages of Debian"
fi
finish
