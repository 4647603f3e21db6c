#!/bin/sh
# Where the kernel gives pods no network stacks of their own: addresses on an interface, by itself.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ "$(sysctl -n kern.features.vimage 2>/dev/null)" != 1 ] || skip_all 'not here: this kernel has VIMAGE'

prefix=${own_subnet%.0/24}
loop=lo$((100 + $$ % 30000))
printf '%s\n' "jail.interface = $loop" 'net.back.subnet = 10.98.7.0/24' >>"$config"
trap 'ifconfig "$loop" destroy 2>/dev/null; cleanup' EXIT
address_of() { jetpack list -H | awk -v name="$1" '$2 == name {print $4}'; }
add_image server '"exec": ["/bin/probe", "source", "8080", "4"], "user": "0", "group": "0"'
like "$(jetpack doctor)" 'MISSING +network stacks +this kernel has no VIMAGE: pods have addresses on' \
    "doctor tells it"
done_well "a pod" jetpack run -d --pod-name one test.example/server
one=$(address_of one)
like "$one" "^$prefix\.[0-9]+\$" "its address is of the pool"
like "$(ifconfig "$loop")" "inet $one " "... and on the interface, which was made"
wait_for 60 says one ready
run "$programs/probe" pull "$one" 8080
is "$status" 0 "the host reaches it"
run jetpack run -destroy test.example/server --exec /bin/probe -- pull "$one" 8080
is "$status" 0 "another pod does"
jetpack cp "$build_dir/src/mdc/ac-mdc" one::/bin/ac-mdc
run jetpack exec one /bin/ac-mdc uuid
is "$status $out" "0 $(uuid_of one)" "it reaches the metadata service"
done_well "stop" jetpack stop one
unlike "$(ifconfig "$loop")" "inet $one " "its address is gone"
done_well "run it again" jetpack start one
done_well "destroy" jetpack destroy one

addresses() { jetpack run "$@" -destroy test.example/server --exec /bin/knock -- addresses ---; }
run addresses --net=none
is "$status $out" "0 " "a pod without a network has no address at all" || show err "$err"
run addresses --net=host
like "$out" ' 127\.0\.0\.1' "one in the host's network has the host's"
fails 125 "network 'back': this kernel has no network stacks" "a named network cannot be joined" \
    jetpack run --net=back -destroy test.example/server
fails 125 "network 'pod': this kernel has no network stacks.*set net.mode = alias" \
    "nor a stack be had that is asked for" jetpack -o net.mode=vnet run -destroy test.example/server
is "$(mount | grep -c "$work")" 0 "nothing stays mounted"
finish
