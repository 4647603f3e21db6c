#!/bin/sh
# Socket activation: ports that an image calls socketActivated are listened on before the app begins,
# found by it as sd_listen_fds(3) says, and kept while it is started again.
. "$(dirname "$0")/lib.sh"
need_root
[ "$host_os" = linux ] || skip_all "not here: the test's client is for Linux"

wire=$programs/wire
dir=$work/tree.served
mkdir -p "$dir"
rootfs "$dir/rootfs"
cp "$programs/activated" "$wire" "$dir/rootfs/bin/"
manifest served '"exec": ["/bin/activated"], "user": "1000", "group": "1000",
    "environment": [{"name": "LISTEN_FDS", "value": "9"}, {"name": "LISTEN_PID", "value": "1"}],
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "env", "LISTEN_FDS", "LISTEN_FDNAMES"]}],
    "ports": [
    {"name": "www", "protocol": "tcp", "port": 80, "socketActivated": true},
    {"name": "plain", "protocol": "tcp", "port": 81},
    {"name": "dns", "protocol": "udp", "port": 53, "socketActivated": true},
    {"name": "many", "protocol": "tcp", "port": 90, "count": 3, "socketActivated": true}]' >"$dir/manifest"
pack "$dir" "$work/served.aci"
run jetpack import -q "$work/served.aci"
is "$status" 0 "an image whose ports are socketActivated" || show err "$err"
image=test.example/served
cat >"$work/found" <<'END'
5
3 www tcp 80
4 dns udp 53
5 many tcp 90
6 many tcp 91
7 many tcp 92
END

shown() { run jetpack run -destroy "$@" --exec /bin/activated -- show ---; out=$(printf '%s\n' "$out" | sed 's/^served| //'); }
shown --net=none $image
is "$status" 0 "an app that is not root begins" || show err "$err"
is "$(printf '%s\n' "$out" | tail -n 6)" "$(cat "$work/found")" "... and finds its ports, in their order, and nothing else"
is "$(printf '%s\n' "$out" | head -n -6 | tr '\n' '|')" 'LISTEN_FDS=(unset)|LISTEN_FDNAMES=(unset)|' \
    "its handler finds none"
shown $image
is "$(printf '%s\n' "$out" | tail -n 6)" "$(cat "$work/found")" "likewise in a network of the pod's own"
run jetpack run -destroy --net=none $image --exec /bin/probe -- exit 7 ---
is "$status" 7 "one that does not look is none the worse"
run jetpack run -destroy --net=none $image --exec /bin/nothing
is "$status" 127 "a program that is not there is told"
like "$err" "execute '/bin/nothing'" "... as ever"

# ---- those who come ------------------------------------------------------------------------------
ask() { # PROTOCOL ADDRESS PORT: the first line that comes back, without the process
    "$wire" ask "$1" "$2" "$3" hello 2>&1 | head -n 1 | sed 's/ [0-9]*:/:/'
}
address_of() { jetpack list -format=json | tr -d ' \n' | sed -n "s/.*\"name\":\"$1\"[^[]*\"$2\":\"\([^\"]*\)\".*/\1/p"; }
done_well "a pod that publishes two of them" \
    jetpack run -d -pod-name one -p "www=$own_port" -p "dns=$own_port" $image
is "$(ask tcp 127.0.0.1 "$own_port")" '80 www: hello' "what is published reaches the socket"
is "$(ask tcp ::1 "$own_port")" '80 www: hello' "... by IPv6 as well"
is "$(ask udp 127.0.0.1 "$own_port")" '53 dns: hello' "... and datagrams"
is "$(ask tcp "$(address_of one address)" 92)" '92 many: hello' "so does who comes to the pod's address"
is "$(ask tcp "$(address_of one address6)" 91)" '91 many: hello' "... of either family"
run jetpack exec one /bin/probe env LISTEN_FDS LISTEN_PID LISTEN_FDNAMES
is "$out" 'LISTEN_FDS=(unset)
LISTEN_PID=(unset)
LISTEN_FDNAMES=(unset)' "exec is told of none"
run jetpack exec one /bin/activated show
is "$out" 0 "... and has none"
run jetpack show one
like "$out" 'Sockets +www 80/tcp' "show tells the first"
like "$out" '^ +many 92/tcp' "... and the last"
run jetpack show one -format=json
like "$(printf '%s' "$out" | tr -d ' \n')" '"sockets":\[{"name":"www","protocol":"tcp","port":80},{"name":"dns","protocol":"udp","port":53}' \
    "... and keys"
before=$("$wire" ask tcp 127.0.0.1 "$own_port" x 2>&1)
done_well "the app is started again" jetpack restart one:served
after=$("$wire" ask tcp 127.0.0.1 "$own_port" x 2>&1)
like "$after" '^80 www [0-9]+: x$' "... and serves"
[ "$before" != "$after" ]
is $? 0 "... as another process"
jetpack stop one
run jetpack show one
unlike "$out" Sockets "a pod that has ended listens on none"
like "$(ask tcp "$(address_of one address)" 80)" 'connect|wait' "... and nobody answers"
jetpack destroy one

# An app that ends after each connection: who comes while nobody runs waits.
done_well "an app that serves one at a time" \
    jetpack run -d -pod-name single --restart=always $image --exec /bin/activated -- once ---
single=$(address_of single address)
for n in 1 2 3 4; do
    is "$(ask tcp "$single" 80)" '80 www: hello' "connection $n is answered, by whoever runs next"
done
run jetpack logs single
unlike "$out" nonblocking "each finds them blocking, though the one before left them otherwise"
jetpack destroy single

# ---- said otherwise --------------------------------------------------------------------------------
add_image bare '"exec": ["/bin/probe", "sleep", "100000"], "user": "0", "group": "0"'
done_well "by an option, in the host's network" jetpack run -d -pod-name host --net=host test.example/bare \
    "--port=x,protocol=tcp,port=$own_port,socketActivated=true"
like "$(jetpack show host)" "Sockets +x $own_port/tcp" "... show tells it"
fails 125 "app bare: port 'x' \(tcp $own_port\): bind a socket to port $own_port: Address (already )?in use" \
    "a port that somebody has" jetpack run -d --net=host test.example/bare \
    "--port=x,protocol=tcp,port=$own_port,socketActivated=true"
jetpack destroy host
fails 125 "app 'bare': port 'x': only tcp and udp can be socketActivated, not 'sctp'" "another protocol" \
    jetpack run --net=none test.example/bare --port=x,protocol=sctp,port=80,socketActivated=true
fails 125 "app 'bare': more than 256 ports are socketActivated" "too many" \
    jetpack run --net=none test.example/bare --port=x,protocol=tcp,port=80,count=257,socketActivated=true
run jetpack run -destroy --net=none test.example/bare --exec /bin/probe \
    --port=x,protocol=tcp,port=1000,count=256,socketActivated=true -- true ---
is "$status" 0 "as many as there may be" || show err "$err"

# ---- sockets of a unit -----------------------------------------------------------------------------
# A service manager has bound the published port, and its first client waits already.
dir=$work/tree.echo
mkdir -p "$dir"
rootfs "$dir/rootfs"
cp "$wire" "$dir/rootfs/bin/"
manifest echo '"exec": ["/bin/wire", "tcp", "80"], "user": "0", "group": "0", "ports": [
    {"name": "www", "protocol": "tcp", "port": 80}, {"name": "dns", "protocol": "udp", "port": 53}]' >"$dir/manifest"
pack "$dir" "$work/echo.aci"
jetpack import -q "$work/echo.aci" >/dev/null
handed() { # SOCKETS OPTION...: `run -d` of the app with these sockets
    sockets=$1
    shift
    # shellcheck disable=SC2086 # words
    run "$programs/handover" $sockets -- "$JETPACK" -config "$config" run -d "$@"
}
fails 125 "port 'www': .* has tcp port $own_port of the host" "a port of somebody who hands over nothing" \
    "$programs/handover" tcp 127.0.0.1 "$own_port" -- env LISTEN_PID=1 \
    "$JETPACK" -config "$config" run -d -destroy -p "www=$own_port" $image
handed "tcp :: $own_port udp 127.0.0.1 $own_port" -pod-name unit -p "www=$own_port" -p "dns=$own_port" $image
is "$status" 0 "a pod takes over the sockets that were bound for it" || show err "$err"
is "$err" '' "... without a word"
is "$(ask tcp 127.0.0.1 "$own_port")" '80 www: hello' "... which reach it"
is "$(ask tcp ::1 "$own_port")" '80 www: hello' "... in both families"
is "$(ask udp 127.0.0.1 "$own_port")" '53 dns: hello' "... and datagrams"
like "$("$wire" ask udp ::1 "$own_port" hello 2>&1)" 'connect|wait|refused' "... at their addresses only"
jetpack destroy unit
handed "tcp :: $own_port" -pod-name unit -p "www=$own_port" test.example/echo
is "$status" 0 "the app need not know" || show err "$err"
answered() { ask tcp 127.0.0.1 "$own_port" | grep -q hello; } # it listens when it comes to it
wait_for 60 answered
is "$("$wire" ask tcp 127.0.0.1 "$own_port" hello 2>&1 | head -n 1 | sed 's/.*: //')" hello "... and is reached"
jetpack destroy unit
handed "tcp :: $own_port" -pod-name unit -p "www=$own_port,from=192.0.2.0/24" $image
unlike "$(ask tcp 127.0.0.1 "$own_port")" hello "limits to networks hold for IPv4 in a socket of both families"
jetpack destroy unit
handed "tcp :: $own_port" -pod-name unit -p "www=$own_port,from=127.0.0.0/8" $image
is "$(ask tcp 127.0.0.1 "$own_port")" '80 www: hello' "... for those who are let in, too"
jetpack destroy unit
handed "tcp 127.0.0.1 $own_port" -pod-name unit --net=none $image
like "$err" "warning: tcp port $own_port was handed over \(LISTEN_FDS\), and the pod does not publish it" \
    "a socket for nobody is warned of"
jetpack destroy unit
fails 125 "port 'dns': the socket for datagrams that was handed over is of both families" "one for datagrams of both families" \
    "$programs/handover" udp :: "$own_port" -- "$JETPACK" -config "$config" run -d -p "dns=$own_port" $image

# In the host's network the app itself gets them.
dir=$work/tree.lone
mkdir -p "$dir"
rootfs "$dir/rootfs"
cp "$programs/activated" "$dir/rootfs/bin/"
manifest lone '"exec": ["/bin/activated"], "user": "1000", "group": "1000"' >"$dir/manifest"
pack "$dir" "$work/lone.aci"
jetpack import -q "$work/lone.aci" >/dev/null
www=--port=www,protocol=tcp,port=$own_port,socketActivated=true
handed "tcp 127.0.0.1 $own_port tcp ::1 $own_port" -pod-name hosted --net=host test.example/lone "$www"
is "$status $err" '0 ' "in the host's network an app finds what was bound for its port" || show err "$err"
is "$(ask tcp 127.0.0.1 "$own_port")" "$own_port www: hello" "... and is reached"
is "$(ask tcp ::1 "$own_port")" "$own_port www: hello" "... by each of several sockets"
done_well "... is started again" jetpack restart hosted:lone
is "$(ask tcp ::1 "$own_port")" "$own_port www: hello" "... and finds them again"
is "$(jetpack show hosted | grep -c "www $own_port/tcp")" 2 "show tells both"
jetpack destroy hosted
handed "udp 127.0.0.1 $own_port tcp 127.0.0.1 $own_port" -destroy --net=host test.example/lone "$www" \
    --exec /bin/probe -- true ---
like "$err" "warning: udp port $own_port was handed over \(LISTEN_FDS\), and no app of the pod has a port" \
    "... a socket for no app is warned of"

# ---- a program of others ---------------------------------------------------------------------------
proxyd=/lib/systemd/systemd-socket-proxyd
if [ -x "$proxyd" ] && command -v ldd >/dev/null; then
    dir=$work/tree.proxied
    mkdir -p "$dir"
    rootfs "$dir/rootfs"
    for file in "$proxyd" $(ldd "$proxyd" | sed -n 's|.* \(/[^ ]*\) (0x.*|\1|p; s|^[[:space:]]*\(/[^ ]*\) (0x.*|\1|p'); do
        mkdir -p "$dir/rootfs$(dirname "$file")"
        cp -L "$file" "$dir/rootfs$file"
    done
    manifest proxied '"exec": ["/lib/systemd/systemd-socket-proxyd", "127.0.0.1:8080"], "user": "1000",
        "group": "1000", "ports": [{"name": "http", "protocol": "tcp", "port": 80, "socketActivated": true}]' \
        >"$dir/manifest"
    pack "$dir" "$work/proxied.aci"
    jetpack import -q "$work/proxied.aci" >/dev/null
    sed 's/, "socketActivated": true//; s|example/served|example/behind|' "$work/tree.served/manifest" \
        >"$work/manifest" && mv "$work/manifest" "$work/tree.served/manifest"
    pack "$work/tree.served" "$work/behind.aci"
    jetpack import -q "$work/behind.aci" >/dev/null
    done_well "systemd-socket-proxyd and a server behind it" jetpack run -d -pod-name proxied -p "http=$own_port" \
        test.example/proxied test.example/behind --exec /bin/wire -- tcp 8080 ---
    # (This program drops what is on its way back when it sees the client's end.)
    answered() { WIRE_KEEP=1 "$wire" ask tcp 127.0.0.1 "$own_port" hello 2>/dev/null | grep -q '^127.0.0.1: hello'; }
    wait_for 60 answered
    is $? 0 "... which finds its socket" || jetpack logs proxied | sed 's/^/# /'
    jetpack destroy proxied
else
    skip "systemd-socket-proxyd" "not here: not installed"
fi
finish
