# What isolation.t has to know of Linux; sourced by it.
told='^namespace: pid '

# Two pods differ in the numbers of namespaces, mounts and (overlay shows them) descriptors of who made
# these, and in the order that follows.
unnumbered() {
    sed -e 's/\[[0-9]*\]/[]/' -e 's/^\(mount: \)[0-9]* [0-9]* [0-9]*:[0-9]* /\1/' \
        -e 's|/proc/self/fd/[0-9]*|FD|g' -e 's/dir=[0-9][0-9:]*/dir=FD/g' "$1" | sort
}

after_restart() {
    grep '^mount: ' "$work/first" >"$work/mounts.first"
    grep '^mount: ' "$work/other" >"$work/mounts.other"
    ! cmp -s "$work/mounts.first" "$work/mounts.other"
    ok $? "control: its mounts are others"
}

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
translate() {
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
    done
}
# Kernels without control groups have neither.
ordinary() {
    translate
    [ -e /proc/self/ns/cgroup ] || echo "namespace: cgroup own"
    [ -e /proc/self/cgroup ] || echo "cgroup: /"
}

is_mounted() { grep -q "^mount: [^ ]* [^ ]* [^ ]* [^ ]* $1 " "$work/other"; }
of_this_system() {
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
}
