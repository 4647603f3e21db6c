# What the tests of networks share; sourced in the place of lib.sh. The "host" of such a test is a
# network namespace of its own.
if [ "${JETPACK_TEST_NET-}" != own ] && [ "$(id -u)" -eq 0 ] && [ "$(uname -s)" = Linux ]; then
    JETPACK_TEST_NET=own exec unshare -n -- sh "$0"
fi
. "$(dirname "$0")/lib.sh"
need_root
[ "$(uname -s)" = Linux ] || skip_all "not here: network namespaces of Linux"
command -v ip >/dev/null || skip_all "not here: no ip(8)"

cat >>"$config" <<END
net.subnet = 10.77.0.0/16
net.subnet6 = fd77::/64
net.lab.subnet = 10.78.0.0/24
net.lab.subnet6 = fd78::/64
net.lab.interface = jplab
net.quiet.subnet = 10.79.0.0/24
net.quiet.isolation = pod
net.routed.kind = routed
net.routed.subnet = 198.51.100.0/24
END
ip link set lo up
# A namespace begins with what the machine does now, and some programs leave a machine forwarding.
echo 0 >/proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/ipv6 ] || echo 0 >/proc/sys/net/ipv6/conf/all/forwarding

# Other machines, and whatever else runs beside a test: $jobs end with it.
jobs=
stop_jobs() {
    # shellcheck disable=SC2086 # a list
    [ -z "$jobs" ] || kill -KILL $jobs 2>/dev/null
    cleanup
}
trap stop_jobs EXIT
# machine VARIABLE: a network namespace of its own; the variable is the process that it lives by
machine() {
    unshare -n "$programs/probe" sleep 100000 >"$work/machine.$1" 2>&1 &
    eval "$1=$!"
    jobs="$jobs $!"
    wait_for 60 grep -q ready "$work/machine.$1"
}
# on MACHINE COMMAND...
on() {
    on_machine=$1
    shift
    nsenter --net="/proc/$on_machine/ns/net" "$@"
}
in_outside() { on "$outside" "$@"; } # once there is a machine of that name

add_image app '"exec": ["/bin/probe", "sleep", "100000"], "user": "0", "group": "0"'
image=test.example/app

# start NAME [OPTION...]: a pod that listens on port 7 of all its addresses
start() {
    name=$1
    shift
    done_well "a pod: $name" jetpack run -d -pod-name "$name" "$@" $image \
        --exec /bin/knock -- listen tcp :: 7 ---
    wait_for 60 listens "$name"
}
listens() { jetpack exec "$1" /bin/knock ask tcp 127.0.0.1 7 >/dev/null 2>&1; }
# from POD PROTOCOL ADDRESS [SECONDS]: what a program in a pod is answered
from() { run jetpack exec "$1" /bin/knock ask "$2" "$3" 7 ${4-}; }
