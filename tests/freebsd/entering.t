#!/bin/sh
# How processes get into a jail and how they end. Row numbers are those of SECURITY.md.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

# The image has the program of these tests, too.
dir=$work/tree.jailed
mkdir -p "$dir"
rootfs "$dir/rootfs"
cp "$programs/jailed" "$dir/rootfs/bin/jailed"
manifest jailed '"exec": ["/bin/probe", "sleep", "6000"], "user": "0", "group": "0"' >"$dir/manifest"
pack "$dir" "$work/jailed.aci"
jetpack import -q "$work/jailed.aci" >/dev/null || { echo 'Bail out! import'; exit 1; }

# row 63: somebody is always in the middle of a fork
in_jail() { ps -axo jid,command | awk -v jid="$1" '$1 == jid'; }
rounds=0
left=
while [ $rounds -lt 5 ] && [ -z "$left" ]; do
    jetpack run -d --net=none --pod-name relay test.example/jailed -exec /bin/jailed -- relay 6 --- \
        >/dev/null 2>"$work/err" || break
    wait_for 60 says relay ready || break
    jid=$(jail_of "$(uuid_of relay)")
    jetpack kill relay 2>"$work/err" || break
    left=$(in_jail "$jid"; ps -axo command | grep '^/bin/jailed relay')
    jetpack destroy relay 2>"$work/err" || break
    rounds=$((rounds + 1))
done
is "$rounds $left" "5 " "row 63: families of processes that fork for ever are ended, 5 times" ||
    cat "$work/err"

# row 64: root of the jail attaches to all that it sees
done_well "a pod that traces" jetpack run -d --net=none --pod-name tracer test.example/jailed \
    -exec /bin/jailed -- trace ---
wait_for 60 says tracer ready
rounds=0
while [ $rounds -lt 40 ]; do
    jetpack exec tracer /bin/probe true </dev/null >/dev/null 2>&1
    rounds=$((rounds + 1))
done
in_background "$work/victim" exec tracer /bin/probe sleep 600
attached() { says tracer 'traced probe'; }
wait_for 60 attached
ok $? "row 64: it can attach to programs of the pod" || jetpack logs tracer
jetpack logs tracer >"$work/traced" 2>/dev/null
unlike "$(cat "$work/traced")" 'stage' "row 64: but not to what is still on its way in"
done_well "destroy" jetpack destroy tracer

# row 65: the working directory is the jail's
done_well "a pod" jetpack run -d --net=none --pod-name inside test.example/jailed
# The kernel throws unread output away when a session's leader ends and its terminal is held by others.
rounds=0
while [ $rounds -lt 30 ]; do
    "$programs/withpty" 'expect named' "$JETPACK" -config "$config" exec -it inside \
        /bin/probe write /dev/stdout named >/dev/null 2>&1 || break
    rounds=$((rounds + 1))
done
is $rounds 30 "a program that ends at once is heard on a terminal, 30 times"
run jetpack exec inside /bin/jailed climb
is "$out" root "row 65: above the root there is nothing"
run jetpack exec -w /data inside /bin/jailed climb
is "$out" root "... nor above another working directory"
run jetpack exec -w /data inside /bin/probe pwd
is "$out" /data "... which is the one that was asked for"
world=$(cd "$work/root/pods/$(uuid_of inside)/world/0" && pwd -P)
pid=$(ps -axo pid,jid,command | awk -v jid="$(jail_of "$(uuid_of inside)")" \
    '$2 == jid && $3 == "/bin/probe" {print $1; exit}')
is "$(procstat -f "$pid" | awk '$3 ~ /^(cwd|root)$/ {print $3, $NF}')" "cwd $world
root $world" "row 65: seen from the host both are the app's root"
unlike "$(procstat -f "$pid" | awk '$3 ~ /^[0-9]/ && $4 == "v" {print $5}')" d \
    "row 65: it has no directory open"
finish
