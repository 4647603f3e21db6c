#!/bin/sh
# SECURITY row 72: nothing of the process that typed `jetpack run` reaches the pod.
. "$(dirname "$0")/lib.sh"
need_root

add_image plain '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
odd() { "$programs/odd" "$@"; }
facts='inherited limit rights'

# The image of lib.sh has the probe only.
mkdir -p "$work/tree/rootfs/bin" "$work/tree/rootfs/out"
cp "$programs/isolation" "$work/tree/rootfs/bin/"
manifest facts '"exec": ["/bin/isolation", "inherited", "limit", "rights"],
    "user": "0", "group": "0"' >"$work/tree/manifest"
pack "$work/tree" "$work/facts.aci"
jetpack import -q "$work/facts.aci" >/dev/null || exit 1

# With every system call allowed, so that the facts can be told at all.
unconfined=
[ "$host_os" != linux ] || unconfined='-seccomp unconfined'
pod="run -destroy --net=none test.example/facts $unconfined"
# shellcheck disable=SC2086 # lists of words
{
    "$programs/isolation" $facts >"$work/plain.host"
    odd "$programs/isolation" $facts >"$work/odd.host"
    jetpack $pod >"$work/plain.pod" 2>"$work/plain.err"
    odd "$JETPACK" -config "$config" $pod >"$work/odd.pod" 2>"$work/odd.err"
}
# Without the name of the app before each line; FreeBSD's login class of an app is a pod's own.
told() { sed -e 's/^[a-z]*| //' -e "s/\(login class 'jp\)[0-9a-f]*-/\1-/"; }
told <"$work/plain.pod" >"$work/plain"
told <"$work/odd.pod" >"$work/odd"

# What odd(1) changed, and this host let it: each line is one fact and one subject.
changed() { ! grep -qxF -e "$1" "$work/plain.host" && grep -qxF -e "$1" "$work/odd.host"; }
fact() { # NAME ODD-LINE
    if changed "$2"; then
        ok 0 "control: $1 of the caller is odd"
        ! grep -qxF -e "$2" "$work/odd"
        ok $? "... and does not reach the pod"
    else
        skip "$1" "not here: it cannot be changed"
    fi
}
limit_line() { grep "^limit: ${limit_of-}$1 " "$work/odd.host"; }
fact "nice value" 'inherited: nice 5'
if [ "$host_os" = linux ]; then
    limit_of='Max '
    limits='open_files core_file_size stack_size processes data_size msgqueue_size'
    fact "scheduling class" 'inherited: policy 3'
    fact "I/O priority" 'inherited: io-priority 24576'
    fact "timer slack" 'inherited: timer-slack 123456'
    fact "personality" 'inherited: personality 40000'
    fact "ban of huge pages" 'inherited: transparent-huge-pages-off 1'
    fact "memory policy" 'inherited: memory-policy 1'
    fact "keyring" 'inherited: key found'
    fact "set of processors" 'inherited: Cpus_allowed_list: 0'
    fact "out-of-memory score" 'inherited: 333'
    fact "core dump filter" 'inherited: 00000001'
    fact "umask" 'rights: Umask: 0177'
    fact "signal mask" 'rights: SigBlk: 0000000000004200'
    fact "ignored signals" 'rights: SigIgn: 0000000000000801'
else
    limits='nofile core stack nproc data sbsize kqueues'
    fact "scheduling class" 'inherited: scheduling class 2'
    fact "set of processors" "inherited: processors 1 of $(sysctl -n hw.ncpu)"
    fact "login" "inherited: login 'odd'"
    fact "login class" "inherited: login class 'odd'"
    fact "protection" 'inherited: protected 1'
    fact "layout of addresses" 'inherited: address layout 2'
    fact "gap at the stack" 'inherited: stack gap 10'
    fact "umask" 'rights: umask 0177'
    fact "signal mask" 'rights: signals blocked 15 30'
    fact "ignored signals" 'rights: signals handled or ignored 1 31'
fi
for name in $limits; do
    name=$(echo "$name" | tr _ ' ')
    fact "limit of $name" "$(limit_line "$name")"
done

is "$(cat "$work/odd")" "$(cat "$work/plain")" "a pod is the same whoever started it"
is "$(cat "$work/odd.err")" "$(cat "$work/plain.err")" "... and nothing is said about it"
if [ "$host_os" = linux ]; then
    like "$(cat "$work/odd")" '^limit: Max open files +1024 ' "programs begin with 1024 open files"
    like "$(cat "$work/odd")" '^inherited: key none' "a keyring without keys of anybody"
fi

# The background, and programs that enter later.
# shellcheck disable=SC2086
odd "$JETPACK" -config "$config" run -d --net=none -pod-name back test.example/facts $unconfined >/dev/null
jetpack wait back
is "$(jetpack logs back | told)" "$(cat "$work/plain")" "the same in the background"
# shellcheck disable=SC2086
jetpack run -d --net=none -pod-name stay test.example/plain $unconfined \
    -exec /bin/probe -- sleep 1000 >/dev/null
jetpack cp "$programs/isolation" stay::/bin/
# shellcheck disable=SC2086
odd "$JETPACK" -config "$config" exec stay /bin/isolation $facts | told >"$work/exec"
is "$(cat "$work/exec")" "$(cat "$work/plain")" "... and for exec"
if [ "$host_os" != linux ]; then
    skip "control groups of a unit" "not here: Linux's"
    finish
fi

# Control groups of a service manager's unit: a login's scope ends without the pod. A group that is
# nobody's unit is not left.
tops=$(awk '$3 == "cgroup2" || ($3 == "cgroup" && $4 ~ /name=systemd/) { print $2 }' /proc/mounts)
in_group() { # NAME COMMAND...: the command in groups of that name
    in_name=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    sh -c 'name=$1 tops=$2; shift 2
        for top in $tops; do mkdir -p "$top/$name" && echo $$ >"$top/$name/cgroup.procs" || exit 99; done
        exec "$@"' sh "$in_name" "$tops" "$@"
}
groups_of() { # POD: of its supervisor and processes, in those hierarchies
    for pid in $(jetpack ps -H "$1" | cut -f1) \
        $(jetpack show -format=json "$1" | sed -n 's/.*"supervisor": \([0-9]*\).*/\1/p'); do
        grep -E '^0::|name=systemd' "/proc/$pid/cgroup"
    done
}
unit=jptest$$.scope other=jptest$$.group
if [ -n "$tops" ] && in_group "$unit" true 2>/dev/null; then
    in_group "$unit" "$JETPACK" -config "$config" run -d -pod-name away test.example/plain >/dev/null
    run groups_of away
    uuid=$(jetpack list -q -filter name=away)
    is "$(printf '%s\n' "$out" | grep -c .)" "$(($(printf '%s\n' "$tops" | grep -c .) * 2))" \
        "groups of supervisor and app are known"
    is "$(printf '%s\n' "$out" | grep -vc "jetpack/$uuid/_supervisor\$")" 0 "all are the pod's own"
    run jetpack exec away /bin/probe cat /proc/self/cgroup
    unlike "$(printf '%s\n' "$out" | grep -E '^0::|name=systemd')" '\.\.|scope' "the pod sees its own as the top"
    gone=0
    for top in $tops; do rmdir "$top/$unit" || gone=1; done
    ok "$gone" "the unit's groups can go while the pod runs"
    jetpack destroy away
    left=$(for top in $tops; do find "$top" -name "$uuid"; done)
    is "$left" '' "no group is left"
    in_group "$unit" "$JETPACK" -config "$config" run -d -pod-name killed test.example/plain >/dev/null
    uuid=$(jetpack list -q -filter name=killed)
    kill -9 "$(jetpack show -format=json killed | sed -n 's/.*"supervisor": \([0-9]*\).*/\1/p')"
    wait_for 60 state_of killed failed
    jetpack gc >/dev/null 2>&1
    left=$(for top in $tops; do find "$top" -name "$uuid"; done)
    is "$left" '' "nor by a killed supervisor, after gc"
    jetpack destroy killed
    # The forwarder of published ports is in there with its supervisor.
    in_group "$unit" "$JETPACK" -config "$config" run -d -pod-name open -p "www=$own_port" test.example/plain \
        --port=www,protocol=tcp,port=80 >/dev/null
    uuid=$(jetpack list -q -filter name=open)
    jetpack stop open
    wait_for 60 state_of open exited
    ok $? "a pod with a published port ends"
    left=$(for top in $tops; do find "$top" -name "$uuid"; done)
    is "$left" '' "... and leaves no group"
    jetpack destroy open
    in_group "$other" "$JETPACK" -config "$config" run -d -pod-name stays test.example/plain >/dev/null
    run groups_of stays
    is "$(printf '%s\n' "$out" | grep -vc "/$other\$")" 0 "a group that is no unit is not left"
    jetpack destroy stays
    for top in $tops; do rmdir "$top/$unit" "$top/$other"; done
else
    skip "control groups of a unit" "not here: none can be made"
fi
finish
