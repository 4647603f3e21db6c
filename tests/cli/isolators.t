#!/bin/sh
# Isolators: a program in a pod runs into each of them; `show` says what became of it, and a strict
# pod refuses what would be ignored. Rates are compared with and without the limit, never with a clock.
# Those that only Linux has: privileges.t; what other systems say of them: ../freebsd/isolators.t.
. "$(dirname "$0")/lib.sh"
need_root
. "$here/subject.sh"

# at_least FACTOR A B NAME: A >= FACTOR * B
at_least() {
    awk -v f="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(a != "" && b != "" && a >= f * b) }'
    ok $? "$4" || show figures "$2 and $3, factor $1"
}

# The middle of some numbers: what else the machine does for a moment decides nothing.
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

has_controller() {
    awk -v c="$1" '$1 == c && $4 == 1 { found = 1 } END { exit !found }' /proc/cgroups 2>/dev/null &&
        jetpack doctor 2>/dev/null | grep -q "cgroup-$1 *v[12]"
}

# ---- memory -----------------------------------------------------------------------------------------
if has_controller memory; then
    in_pod -- --memory=64Mi -- eat 16
    is "$status $out" '0 ate 16' "memory: a program below its limit is left alone"
    run jetpack run -pod-name hungry "$subject" --memory=64Mi --exec /bin/probe -- eat 256 ---
    is "$status" 137 "memory: a program above its limit is killed"
    verdict hungry 'Killed +out of memory' "memory: show says that it was out of memory"
    verdict hungry 'app: resource/memory: enforced' "memory: show says enforced"
    run jetpack show -format=json hungry
    is "$(json out_of_memory)" true "memory: in JSON too"
    jetpack destroy hungry
    run jetpack run -pod-name bounded --memory=32Mi "$subject" --memory=512Mi --exec /bin/probe -- eat 128 ---
    is "$status" 137 "memory: the pod bounds its app"
    verdict bounded "app: resource/memory: modified, because bounded by the pod's limit" \
        "memory: show says modified"
    verdict bounded ' resource/memory: enforced' "memory: and enforced for the pod"
    jetpack destroy bounded
    run jetpack run -pod-name small "$subject" --memory=1K --exec /bin/probe -- true ---
    is "$status" 137 "memory: a page is too little for any program"
    verdict small 'app: resource/memory: modified, because memory[a-z_.]* says [1-9][0-9]* instead of 1000: whole pages' \
        "memory: what is no whole page is rounded up, and told"
    jetpack destroy small

    run jetpack run -destroy --memory=32Mi "$subject" --exec /bin/probe -- eat 128 ---
    is "$status" 137 "memory: of the pod alone, it bounds an app that asks for nothing"
else
    skip "memory" "not here: no memory controller"
fi

# ---- processor --------------------------------------------------------------------------------------
if has_controller cpu; then
    for turn in 1 2 3; do
        in_pod -- -- burn 1000
        echo "$out" >>"$work/free"
        in_pod -- --cpu=20m -- burn 1000
        echo "$out" >>"$work/limited"
        in_pod --cpu=20m -- --cpu=1 -- burn 1000
        echo "$out" >>"$work/bounded"
    done
    at_least 2 "$(median "$work/free")" "$(median "$work/limited")" "cpu: a program gets less with a limit"
    at_least 2 "$(median "$work/free")" "$(median "$work/bounded")" "cpu: the pod bounds its app"

    # Two apps on one processor, one with a hundredth of the other's shares. Each sees only the other,
    # and both begin when they are let.
    mkdir "$work/gate"
    shares() { printf '{"name":"os/linux/cpu-shares","value":%s}' "$1"; }
    cat >"$work/shares.json" <<END
{"acVersion": "0.8.11", "acKind": "PodManifest", "apps": [
 {"name": "much", "image": {"name": "$subject"}, "app": {"exec": ["/bin/probe", "burn", "3000", "0", "/gate/open"],
  "mountPoints": [{"name": "gate", "path": "/gate"}],
  "user": "0", "group": "0", "isolators": [$(shares 10240)]}},
 {"name": "little", "image": {"name": "$subject"}, "app": {"exec": ["/bin/probe", "burn", "3000", "0", "/gate/open"],
  "mountPoints": [{"name": "gate", "path": "/gate"}],
  "user": "0", "group": "0", "isolators": [$(shares 102)]}}],
 "volumes": [{"name": "gate", "kind": "host", "source": "$work/gate"}]}
END
    done_well "cpu-shares: a pod" jetpack prepare -pod-name shares -f "$work/shares.json"
    for turn in 1 2 3; do
        rm -f "$work/gate/open"
        jetpack start shares # both run
        : >"$work/gate/open"
        jetpack wait shares
        echo "$(jetpack logs -n 1 shares:much) $(jetpack logs -n 1 shares:little)" |
            awk '{ print $1 / ($2 + 1) }' >>"$work/ratios"
    done
    at_least 3 "$(median "$work/ratios")" 1 "cpu-shares: decide between two apps"
    verdict shares 'much: os/linux/cpu-shares: enforced' "cpu-shares: show says enforced"
    jetpack destroy shares
else
    skip "cpu" "not here: no cpu controller"
fi

# ---- block devices ----------------------------------------------------------------------------------
# The size of the file and the limit follow from what the device does without one.
device_of() { df -P "$1" | awk 'NR == 2 { print $1 }'; }
if has_controller blkio && [ -b "$(device_of "$work")" ]; then
    mkdir "$work/disk"
    dd if=/dev/urandom of="$work/disk/file" bs=1048576 count=4 conv=fsync 2>/dev/null
    in_pod -v "disk:$work/disk" -- -m disk:/disk -- slurp /disk/file
    free=$out
    if [ "$status" -eq 0 ]; then
        # Five times as long as without, and not less than a second.
        limit=$(awk -v us="$free" 'BEGIN { s = us * 5 / 1e6; if (s < 1) s = 1; printf "%d", 4194304 / s }')
        limited() { printf '{"default":true,"limit":"%s"}' "$1"; }
        in_pod -v "disk:$work/disk" -- -m disk:/disk \
            "--isolator=resource/block-bandwidth=$(limited "$limit")" -- slurp /disk/file
        at_least 2 "$out" "$free" "block-bandwidth: reading takes longer with a limit"
        in_pod -v "disk:$work/disk" "--isolator=resource/block-bandwidth=$(limited "$limit")" -- \
            -m disk:/disk -- slurp /disk/file
        at_least 2 "$out" "$free" "block-bandwidth: of the pod, it holds for its app"
        # 64 requests of 64 KiB.
        limit=$(awk -v us="$free" 'BEGIN { s = us * 5 / 1e6; if (s < 1) s = 1; n = 64 / s; printf "%d", n < 1 ? 1 : n }')
        run jetpack run -pod-name disk -v "disk:$work/disk" "$subject" -m disk:/disk \
            "--isolator=resource/block-iops=$(limited "$limit")" --exec /bin/probe -- slurp /disk/file ---
        at_least 2 "${out#app| }" "$free" "block-iops: reading takes longer with a limit"
        verdict disk 'app: resource/block-iops: enforced' "block-iops: show says enforced"
        jetpack destroy disk
        # The same limits for a pod that runs.
        slurp() { jetpack exec disk /bin/probe slurp /disk/file; }
        run jetpack run -d -pod-name disk -v "disk:$work/disk" "$subject" -m disk:/disk \
            --exec /bin/probe -- sleep 100000 ---
        for turn in 1 2 3; do slurp; done >"$work/before"
        bytes=$(awk -v us="$(median "$work/before")" 'BEGIN { s = us * 5 / 1e6; if (s < 1) s = 1; printf "%d", 4194304 / s }')
        done_well "set: an app gets a limit of block bandwidth" jetpack set -block-bandwidth "$bytes" disk:app
        at_least 2 "$(slurp)" "$(median "$work/before")" "set: which it feels"
        verdict disk 'app: resource/block-bandwidth: enforced' "set: show says so"
        jetpack stop disk
        jetpack start disk
        for turn in 1 2 3; do slurp; done >"$work/before"
        requests=$(awk -v us="$(median "$work/before")" 'BEGIN { s = us * 5 / 1e6; if (s < 1) s = 1; n = 64 / s; printf "%d", n < 1 ? 1 : n }')
        done_well "set: the pod gets a limit of requests" jetpack set -block-iops "$requests" disk
        at_least 2 "$(slurp)" "$(median "$work/before")" "set: which its app feels"
        verdict disk ' resource/block-iops: enforced' "set: show says so"
        jetpack destroy disk
    else
        skip "block-bandwidth" "not here: files cannot be read past the page cache"
    fi
else
    skip "block-bandwidth" "not here: no blkio controller, or no block device below $work"
fi

# ---- network ----------------------------------------------------------------------------------------
run jetpack run -d -pod-name free "$subject" --exec /bin/probe -- source 7000 2048 ---
run jetpack run -d -pod-name slow --isolator='resource/network-bandwidth={"default":true,"limit":"1M"}' \
    "$subject" --exec /bin/probe -- source 7000 2048 ---
address() { jetpack list -H -filter "name=$1" | cut -f4; }
pull() { "$programs/probe" pull "$(address "$1")" 7000; }
# The best of five: what goes unhindered may still have to wait for a processor.
best() { for i in 1 2 3 4 5; do "$@"; done | sort -n | head -n 1; }
wait_for 60 pull free
free=$(best pull free)
of_host="the pod has the host's network"
if jetpack show slow | grep -q 'resource/network-bandwidth: ignored'; then
    of_host=$(jetpack show slow | sed -n 's/.*Isolators.*bandwidth: ignored, because //p')
    skip "network-bandwidth" "not here: $of_host"
else
    wait_for 60 pull slow
    at_least 3 "$(pull slow)" "$free" "network-bandwidth: what the pod sends takes longer"
    verdict slow ' resource/network-bandwidth: enforced' "network-bandwidth: show says enforced"
    loopback() { jetpack exec slow /bin/probe pull 127.0.0.1 7000; }
    at_least 3 "$(pull slow)" "$(best loopback)" "network-bandwidth: the loopback is free"
    "$programs/probe" source "$own_port" 2048 >/dev/null &
    source_pid=$!
    gateway=$(ip -4 -o addr show dev "$bridge" | awk '{ sub("/.*", "", $4); print $4 }')
    from_host() { jetpack exec "$1" /bin/probe pull "$gateway" "$own_port"; }
    wait_for 60 from_host free
    at_least 3 "$(from_host slow)" "$(best from_host free)" "network-bandwidth: what the pod receives takes longer"
    kill "$source_pid"
fi
jetpack destroy free
jetpack destroy slow
run jetpack run -d -pod-name open -p "source=$own_port" "$subject" \
    --port source,protocol=tcp,port=7000 --exec /bin/probe -- source 7000 2048 ---
through() { "$programs/probe" pull 127.0.0.1 "$own_port"; }
wait_for 60 through
free=$(best through)
run jetpack set -network-bandwidth 1M open
if [ "$status" -ne 0 ]; then
    skip "network-bandwidth: a published port" "not here: $err"
else
    slow=$(through)
    at_least 3 "$slow" "$free" "network-bandwidth: holds for a published port, set while the pod runs"
    jetpack set -network-bandwidth 1G open
    at_least 3 "$slow" "$(best through)" "network-bandwidth: ... and is raised"
fi
jetpack destroy open
bandwidth='resource/network-bandwidth={"default":true,"limit":"1M"}'
run jetpack run -destroy "$subject" "--isolator=$bandwidth"
like "$err" "isolator 'resource/network-bandwidth' is ignored: the apps of a pod share one network" \
    "network-bandwidth: of an app it is ignored, and said"
fails 125 "network-bandwidth.* is strict" "network-bandwidth: of an app, a strict pod refuses" \
    jetpack run -destroy -strict "$subject" "--isolator=$bandwidth"
fails 125 "$of_host.*strict" "network-bandwidth: with the host's network it refuses too" \
    jetpack run -destroy -strict --net=host "--isolator=$bandwidth" "$subject"

# ---- no new privileges ------------------------------------------------------------------------------
dir=$work/tree.setuid
mkdir -p "$dir"
rootfs "$dir/rootfs"
cp "$programs/probe" "$dir/rootfs/bin/become"
chmod 4755 "$dir/rootfs/bin/become"
manifest setuid '"exec": ["/bin/become", "call", "chown"], "user": "1000", "group": "1000"' >"$dir/manifest"
pack "$dir" "$work/setuid.aci"
run jetpack import "$work/setuid.aci"
run jetpack run -destroy test.example/setuid
is "$out" 'setuid| chown: ok' "no-new-privileges: a set-user-ID program gains root without it"
run jetpack run -destroy test.example/setuid --no-new-privileges
is "$out" 'setuid| chown: Operation not permitted' "no-new-privileges: and nothing with it"

# ---- limits of a running pod ------------------------------------------------------------------------
if has_controller memory && has_controller cpu; then
    run jetpack run -d -pod-name live "$subject" --exec /bin/probe -- hold 16 ---
    uuid=$out
    main_pid() { jetpack ps -H live | head -n 1 | cut -f1; }
    ate() { jetpack logs live | grep -q 'ate 16'; }
    wait_for 60 ate
    unlike "$(cat "/proc/$(main_pid)/cgroup")" "$uuid/app" "set: a pod without limits has no group for its app"
    done_well "set: an app gets a memory limit" jetpack set -memory 64Mi live:app
    like "$(cat "/proc/$(main_pid)/cgroup")" "memory:.*/$uuid/app|0::.*/$uuid/app" "set: what runs is moved under it"
    verdict live 'app: resource/memory: enforced' "set: show says so"
    run jetpack exec live /bin/probe eat 16
    is "$status" 0 "set: a program below it is left alone"
    run jetpack exec live /bin/probe eat 256
    is "$status" 137 "set: one above it is killed"
    done_well "set: the limit is raised" jetpack set -memory 512Mi live:app
    run jetpack exec live /bin/probe eat 256
    is "$status" 0 "set: and that program has its memory" || show err "$err"
    done_well "set: and lowered" jetpack set -memory 64Mi live:app
    run jetpack exec live /bin/probe eat 256
    is "$status" 137 "set: and it has not"
    burnt() { # FILE: three turns
        for turn in 1 2 3; do jetpack exec live /bin/probe burn 1000; done >"$1"
    }
    burnt "$work/before"
    done_well "set: the pod gets a processor limit" jetpack set --cpu=20m live
    burnt "$work/after"
    at_least 2 "$(median "$work/before")" "$(median "$work/after")" "set: which a program feels"
    done_well "set: the app gets one too, above the pod's" jetpack set -cpu 500m live:app
    verdict live "app: resource/cpu: modified, because bounded by the pod's limit" "set: and is bounded by it"
    done_well "set: the pod's is raised" jetpack set -cpu 1 live
    verdict live "app: resource/cpu: enforced" "set: and the app's holds"
    done_well "set: both are lowered by lowering the pod's" jetpack set -cpu 100m live
    verdict live "app: resource/cpu: modified" "set: the app's is bounded again"
    done_well "set: the app gets shares of the processor" jetpack set -cpu-shares 512 live:app
    verdict live 'app: os/linux/cpu-shares: enforced' "set: show says so"
    # A weight of v2 is on another scale.
    is "$(cat $(find /sys/fs/cgroup -path "*/$uuid/app/cpu.shares" -o -path "*/$uuid/app/cpu.weight") | tr '\n' ' ')" \
        "$(if jetpack doctor | grep -q 'cgroup-cpu *v1'; then echo 512; else echo 20; fi) " "set: the kernel has them"
    fails 1 'an app takes no such limit' "set: no bandwidth of an app" jetpack set -network-bandwidth 1M live:app
    done_well "set: the pod's bandwidth" jetpack set -network-bandwidth 1M live
    verdict live ' resource/network-bandwidth: enforced' "set: is told"
    fails 2 'no limit named' "set: nothing" jetpack set live
    fails 2 'memory.*much' "set: a bad quantity" jetpack set -memory much live
    fails 2 'cannot be nothing' "set: no limit of 0" jetpack set -memory 0 live
    for shares in 1 262145; do
        fails 2 "-cpu-shares=$shares: must be between 2 and 262144" "set: $shares shares, as little as the isolator" \
            jetpack set -cpu-shares $shares live:app
    done
    fails 1 "no app|there is no app" "set: an unknown app" jetpack set -memory 1Gi live:nobody
    jetpack stop live
    fails 1 'not running' "set: a pod that does not run" jetpack set -memory 1Gi live
    jetpack destroy live
    is "$(find /sys/fs/cgroup -type d -name "$uuid" 2>/dev/null)" '' "set: no group is left"

    # v2 makes room by killing.
    if jetpack doctor | grep -q 'cgroup-memory *v1'; then
        run jetpack run -d -pod-name live "$subject" --memory=64Mi --cpu=1 --exec /bin/probe -- hold 16 ---
        wait_for 60 ate
        fails 1 'set limits of pod .live.: memory: ' "set: less memory than is used is refused" \
            jetpack set -memory 4Mi -cpu 20m live:app
        run jetpack exec live /bin/probe eat 16
        is "$status" 0 "set: and what was before is in force"
        run cat $(find /sys/fs/cgroup -path "*/$(jetpack list -q)/app/cpu.cfs_quota_us" | head -n 1)
        is "$out" 100000 "set: of the other limit too"
        jetpack destroy live
    fi
fi

# ---- no control groups ------------------------------------------------------------------------------
# The host's are hidden from the command and from the supervisor that it starts.
bare() { unshare -m sh -c 'umount -R -l /sys/fs/cgroup && exec "$@"' bare "$JETPACK" -config "$config" "$@"; }
if bare version >/dev/null 2>&1; then
    run bare run -pod-name bare "$subject" --memory=64Mi --cpu=1
    is "$status" 0 "without control groups a pod runs"
    verdict bare 'app: resource/memory: ignored, because this host has no such controller' \
        "and show says what is ignored"
    jetpack destroy bare
    fails 125 "app 'app': isolator 'resource/cpu' is ignored: .*strict" "and a strict pod refuses" \
        bare run -destroy -strict "$subject" --cpu=1
    done_well "without limits nothing is missed" bare run -destroy -strict "$subject"
else
    skip "without control groups" "not here: there are none to hide"
fi

# ---- scope, what nobody knows -----------------------------------------------------------------------
for isolator in 'os/linux/capabilities-retain-set={"set":["CAP_CHOWN"]}' 'os/linux/no-new-privileges=true' \
    'os/linux/oom-score-adj=5'; do
    fails 125 "${isolator%%=*}.*belongs to an app" "${isolator%%=*} of a pod is refused by a strict one" \
        jetpack run -destroy -strict "--isolator=$isolator" "$subject"
done
run jetpack run -pod-name odd "$subject" '--isolator=example.com/odd={"a":1}'
is "$status" 0 "an unknown isolator does not keep a pod from running"
verdict odd 'app: example.com/odd: ignored, because unknown isolator' "... and is named by show"
jetpack destroy odd
finish
