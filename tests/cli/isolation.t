#!/bin/sh
# SECURITY row 4, and what a pod is by default: the same confinement for main process, handlers,
# exec and console, and what is in the golden file isolation.SYSTEM beside this test.
#
# JETPACK_GOLDEN=PATH writes what was found there, for whoever means a change.
. "$(dirname "$0")/lib.sh"
need_root
[ "$host_os" = linux ] || skip_all "not here: the program tells what Linux has"
golden=$here/isolation.$host_os

dir=$work/tree
mkdir -p "$dir/rootfs/bin" "$dir/rootfs/etc" "$dir/rootfs/tell"
cp "$programs/isolation" "$programs/probe" "$dir/rootfs/bin/"
printf 'root:x:0:0::/:/bin/isolation\nalice:x:1000:1000::/:/bin/isolation\n' >"$dir/rootfs/etc/passwd"
printf 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n' >"$dir/rootfs/etc/group"
manifest facts '"exec": ["/bin/isolation", "-to", "/tell/main"], "user": "alice", "group": "staff",
    "mountPoints": [{"name": "tell", "path": "/tell"}],
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/isolation", "-to", "/tell/pre-start"]},
                      {"name": "post-stop", "exec": ["/bin/isolation", "-to", "/tell/post-stop"]}]' \
    >"$dir/manifest"
pack "$dir" "$work/facts.aci"
jetpack import -q "$work/facts.aci" >/dev/null || exit 1
mkdir -m 1777 "$work/tell"

# Of every process: all but who it is, and where its standard streams lead.
facts() { # FILE
    [ -s "$1" ] || echo "nothing was told"
    tr -d '\r' <"$1" | sed -e '/^credentials: /d' -e 's/^\(descriptor: [0-9]*\) .*/\1/'
}
same() { # NAME FILE
    facts "$2" >"$work/other"
    cmp -s "$work/first" "$work/other"
    ok $? "$1 is confined like the main process" || diff "$work/first" "$work/other" | sed 's/^/# /'
}

# One run: handlers and main process. Then one that stays, for what enters later.
done_well "run" jetpack run --net=none -pod-name facts -hostname pod -v "tell:$work/tell" test.example/facts
cp "$work/tell/main" "$work/main"
facts "$work/main" >"$work/first"
like "$(cat "$work/first")" '^namespace: pid ' "the main process tells"
# Two pods differ in the numbers of namespaces, mounts and (overlay shows them) descriptors of who made
# these, and in the order that follows.
namespaces() {
    sed -e 's/\[[0-9]*\]/[]/' -e 's/^\(mount: \)[0-9]* [0-9]* [0-9]*:[0-9]* /\1/' \
        -e 's|/proc/self/fd/[0-9]*|FD|g' -e 's/dir=[0-9][0-9:]*/dir=FD/g' "$1" | sort
}
same "the pre-start handler" "$work/tell/pre-start"
same "the post-stop handler" "$work/tell/post-stop"

done_well "a pod that stays" jetpack run -d --net=none -pod-name stay -hostname pod \
    -v "tell:$work/tell" test.example/facts -exec /bin/probe -- sleep 1000
rm -f "$work"/tell/*
done_well "exec" jetpack exec stay /bin/isolation -to /tell/exec
facts "$work/tell/exec" >"$work/first"
namespaces "$work/first" >"$work/first.run"
facts "$work/main" >"$work/other"
namespaces "$work/other" >"$work/other.run"
cmp -s "$work/first.run" "$work/other.run"
ok $? "exec is confined like the main process" || diff "$work/other.run" "$work/first.run" | sed 's/^/# /'
done_well "exec as root" jetpack exec -u root stay /bin/isolation -to /tell/root
same "exec of another user" "$work/tell/root"
done_well "exec with input" sh -c "echo | '$JETPACK' -config '$config' exec -i stay /bin/isolation -to /tell/in"
same "exec with input" "$work/tell/in"
"$programs/withpty" '' "$JETPACK" -config "$config" exec -it stay /bin/isolation >"$work/tty"
same "exec on a terminal" "$work/tty"
"$programs/withpty" '' "$JETPACK" -config "$config" console stay >"$work/console"
same "console" "$work/console"
"$programs/withpty" '' "$JETPACK" -config "$config" console stay alice >"$work/console"
same "console of another user" "$work/console"
# Another root, another mount namespace, which must have the very same in it.
done_well "restart of the app" jetpack restart -t 0 stay:facts
rm -f "$work/tell/exec" "$work/tell/post-stop"
done_well "exec after it" jetpack exec stay /bin/isolation -to /tell/exec
facts "$work/tell/exec" >"$work/other"
namespaces "$work/other" >"$work/other.run"
cmp -s "$work/first.run" "$work/other.run"
ok $? "an app that is started again is confined as before" ||
    diff "$work/first.run" "$work/other.run" | sed 's/^/# /'
grep '^mount: ' "$work/first" >"$work/mounts.first"
grep '^mount: ' "$work/other" >"$work/mounts.other"
! cmp -s "$work/mounts.first" "$work/mounts.other"
ok $? "control: its mounts are others"
facts "$work/tell/exec" >"$work/first"
jetpack stop stay
same "the post-stop handler of that pod" "$work/tell/post-stop"

# Against the golden file: everything that is not the same on every kernel is taken out first, or
# replaced by what it is compared with.
host_limit() { sed -n "s/^$1 *[^ ]* *\([^ ]*\) .*/\1/p" /proc/1/limits; }
# What the golden file says, where the host's own PID 1 may have no more than the pod got.
usual() { # RESOURCE SOFT-LIMIT
    hard=$(host_limit "$1")
    wanted=$(sed -n "s/^limit: $1: //p" "$golden")
    if [ "$2" = "$hard" ] && [ "$2" != unlimited ] &&
        { [ "$wanted" = unlimited ] || [ "${wanted:-0}" -gt "$2" ]; }; then
        echo "$wanted"
    else
        echo "$2"
    fi
}
ordinary() {
    while read -r group name rest; do
        case $group in
        namespace:)
            case $name in # of other kernels: more
            cgroup | ipc | mnt | net | pid | user | uts) ;;
            *) continue ;;
            esac
            own=own
            [ "$rest" != "$(readlink "/proc/self/ns/$name")" ] || own="the host's"
            echo "$group $name $own" ;;
        mount:) # ID PARENT DEVICE ROOT POINT OPTIONS ... - TYPE SOURCE SUPER-OPTIONS
            # shellcheck disable=SC2086 # words
            set -- $rest
            root=$3 point=$4 options=$5
            while [ "$1" != - ]; do shift; done
            type=$2
            case $point in
            /) root=/ type=ROOT ;;
            /tell) root=/ type=HOST ;;
            # Hidden where the kernel has them: looked at below.
            /proc/kcore | /proc/keys | /proc/latency_stats | /proc/timer_list | /proc/timer_stats | \
                /proc/sched_debug | /proc/interrupts | /proc/acpi | /proc/scsi | /proc/asound | \
                /proc/bus | /proc/fs | /proc/irq | /proc/sysrq-trigger | /sys/* | /dev/mqueue) continue ;;
            esac
            echo "$group $point $root $type $options" ;;
        limit:)
            case $name in Limit) continue ;; esac
            resource=$(echo "$name $rest" | sed 's/  .*//')
            soft=$(echo "$name $rest" | sed 's/.*[a-z]  *\([0-9u][0-9a-z]*\)  *[0-9u][0-9a-z]* *[a-z]*$/\1/')
            echo "$group $resource: $(usual "$resource" "$soft")" ;;
        inherited:)
            case "$name" in Cpus_allowed_list: | THP_enabled: | 0000*) continue ;; esac
            echo "$group $name${rest:+ $rest}" ;;
        rights:)
            case "$name" in Seccomp_filters:) continue ;; esac
            echo "$group $name${rest:+ $rest}" ;;
        cgroup:) # whatever hierarchies there are
            echo "$group ${name##*:}" ;;
        *) echo "$group $name${rest:+ $rest}" ;;
        esac
    done | sort -u
}
# Kernels without control groups have neither.
{
    ordinary <"$work/other"
    [ -e /proc/self/ns/cgroup ] || echo "namespace: cgroup own"
    [ -e /proc/self/cgroup ] || echo "cgroup: /"
} | sort -u >"$work/ordinary"
[ -z "${JETPACK_GOLDEN:-}" ] || cp "$work/ordinary" "$JETPACK_GOLDEN"
grep -v '^#' "$golden" | sort -u >"$work/golden"
cmp -s "$work/ordinary" "$work/golden"
ok $? "a pod is as the golden file says" || diff "$work/golden" "$work/ordinary" | sed 's/^/# /'

is_mounted() { grep -q "^mount: [^ ]* [^ ]* [^ ]* [^ ]* $1 " "$work/other"; }
for name in proc/kcore proc/keys proc/latency_stats proc/timer_list proc/timer_stats \
    proc/sched_debug proc/interrupts proc/acpi proc/scsi proc/asound proc/bus proc/fs proc/irq \
    proc/sysrq-trigger sys/firmware sys/devices/virtual/powercap; do
    if [ -e "/$name" ]; then
        is_mounted "/$name"
        ok $? "/$name is covered"
    else
        skip "/$name is covered" "not here: this kernel has none"
    fi
done
# With limits: groups of the app's own, which it sees as the top, as every process of it does.
rm -f "$work"/tell/*
done_well "a pod with limits" jetpack run -d --net=none -pod-name bounded -hostname pod -v "tell:$work/tell" \
    test.example/facts --memory=256Mi --cpu=1 -exec /bin/probe -- sleep 1000
done_well "exec" jetpack exec bounded /bin/isolation -to /tell/exec
if grep -qE '^[^:]*:(memory|):/' /proc/self/cgroup && jetpack show bounded | grep -q 'memory: enforced'; then
    main=$(jetpack ps -H bounded | head -n 1 | cut -f1)
    like "$(cat "/proc/$main/cgroup")" "/$(jetpack list -q -filter name=bounded)/facts\$" \
        "control: the host sees its groups"
    facts "$work/tell/exec" >"$work/first"
    is "$(sed -n 's/^cgroup: [0-9]*:[^:]*://p' "$work/first" | sort -u)" / \
        "control groups of limits are the top of what the app sees"
    is "$(grep '^namespace: cgroup ' "$work/first")" \
        "namespace: cgroup $(readlink "/proc/$main/ns/cgroup")" "the main process is in the same namespace"
    same "the pre-start handler with limits" "$work/tell/pre-start"
    "$programs/withpty" '' "$JETPACK" -config "$config" console bounded >"$work/console"
    same "the console with limits" "$work/console"
    jetpack stop bounded
    same "the post-stop handler with limits" "$work/tell/post-stop"
else
    skip "control groups of limits" "not here: there is none for memory"
    jetpack stop bounded
fi

is "$(jetpack logs facts)" '' "nothing was said elsewhere"
finish
