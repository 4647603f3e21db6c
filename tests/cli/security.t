#!/bin/sh
# Rows of SECURITY.md that show at the command line only. Each has a positive control.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
tools=$build_dir/src/platform/fingerprint
tree=$work/tools
mkdir -p "$tree"
rootfs "$tree/rootfs"
[ "$host_os" != linux ] || cp "$tools" "$tree/rootfs/bin/tools"
manifest tools '"exec": ["/bin/probe", "sleep", "100000"], '"$user" >"$tree/manifest"
pack "$tree" "$work/tools.aci"
jetpack import -q "$work/tools.aci" >/dev/null 2>"$work/err" || { cat "$work/err"; exit 1; }
j="$JETPACK -config $config"
if [ "$host_os" = linux ]; then
    mounts() { cat /proc/self/mountinfo; }
    sockets() { cat /proc/net/unix; }
    race=/bin/tools descriptors=/proc/self/fd
else
    mounts() { mount | grep -F "$work"; }
    sockets() { sockstat -u; }
    race=/bin/probe descriptors=/dev/fd
fi
before=$(mounts)

run jetpack run -d --net=none -pod-name pod test.example/tools
is "$status" 0 "a pod"
supervisor=$(jetpack show -format=json pod | sed -n 's/^ *"supervisor": *\([0-9]*\).*/\1/p' | head -n 1)

# Row 1 (CVE-2019-5736).
attack_programs() {
    cksum "$build_dir/src/stage1/jetpack-stage1" "$build_dir/src/stage2/jetpack-stage2" "$JETPACK" >"$work/sums"
    jetpack exec pod /bin/tools exes 1000 >"$work/exes" 2>&1 &
    attack=$!
    wait_for 30 grep -q ready "$work/exes"
    i=0
    while [ "$i" -lt 30 ]; do
        jetpack exec pod /proc/self/exe >/dev/null 2>&1
        jetpack exec pod /bin/probe true
        i=$((i + 1))
    done
    wait "$attack"
    like "$(cat "$work/exes")" 'looked [0-9]{4,} read [1-9]' "row 1: a thousand looks at programs in /proc"
    unlike "$(cat "$work/exes")" 'wrote' "row 1: ... and none could be written"
    cksum "$build_dir/src/stage1/jetpack-stage1" "$build_dir/src/stage2/jetpack-stage2" "$JETPACK" >"$work/sums2"
    cmp -s "$work/sums" "$work/sums2"
    ok $? "row 1: our programs are what they were"
    if [ -n "$supervisor" ]; then
        run "$tools" seals "/proc/$supervisor/fd/7"
        like "$out" '^seals seal shrink grow write' "row 1: the shim's file is sealed"
        like "$out" '^write (Operation not permitted|Text file busy)' "row 1: ... against root of the host too"
    else
        ok 1 "row 1: the supervisor is known"
    fi
}
if [ "$host_os" = linux ]; then
    attack_programs
else
    skip "row 1: programs of ours in /proc" "not here: a pod has no /proc"
fi

# Row 3 (CVE-2024-21626).
refused=0
for fd in 3 4 5 6 7 8 9; do
    jetpack exec -w "$descriptors/$fd" pod /bin/probe pwd 3</ 4</ 5</ 6</ 7</ 8</ 9</ >"$work/cwd" 2>/dev/null || refused=$((refused + 1))
done
is "$refused" 7 "row 3: no inherited descriptor is a working directory"
run jetpack exec -w /data pod /bin/probe pwd
is "$out" /data "row 3: ... a directory is"

# Row 8 (CVE-2019-14271): what runs in a pod before its program loads nothing from there.
if command -v readelf >/dev/null 2>&1; then
    for program in stage1/jetpack-stage1 stage2/jetpack-stage2; do
        like "$(readelf -h "$build_dir/src/$program")" 'ELF' "row 8: ${program#*/} is a program"
        unlike "$(readelf -ld "$build_dir/src/$program")" 'NEEDED|INTERP' "row 8: ... and static"
    done
else
    skip "row 8: static programs" "needs readelf"
fi

# Row 10 (CVE-2017-5226).
cat >"$work/terminal" <<END
$j exec -it pod /bin/probe type
stty -icanon min 0 time 10
head -c 100 | sed 's/^/seen:/'
END
"$programs/withpty" 'expect tiocsti' sh "$work/terminal" >"$work/out" 2>&1
like "$(cat "$work/out")" 'tiocsti' "row 10: a program types into its terminal"
unlike "$(cat "$work/out")" 'seen:.*[a-z]' "row 10: ... and nothing arrives in the caller's"

# Row 19 (CVE-2018-15664).
mkdir "$work/secret"
echo secret >"$work/secret/file"
mkdir -p "$work/up/dst"
echo harmless >"$work/up/dst/file"
ln -s "$work/secret" "$work/up/link"
jetpack cp "$work/up" pod::/data/ 2>"$work/err"
is "$(jetpack exec pod /bin/probe cat /data/up/dst/file)" harmless "row 19: cp takes a link along"
jetpack exec pod "$race" race /data/up/dst /data/up/link >/dev/null 2>&1 &
racer=$!
leaked=0 copied=0 i=0
while [ "$i" -lt 60 ]; do
    rm -rf "$work/got"
    if jetpack cp pod::/data/up/dst/file "$work/got" 2>/dev/null; then
        copied=$((copied + 1))
        grep -q secret "$work/got" && leaked=$((leaked + 1))
    fi
    jetpack cp "$work/jetpack.conf" pod::/data/up/dst/put 2>/dev/null
    i=$((i + 1))
done
is "$leaked" 0 "row 19: cp out of a pod meets no file of the host"
is "$(ls "$work/secret")" file "row 19: ... nor makes one"
[ "$copied" -gt 0 ]
ok $? "row 19: ... and works between the exchanges ($copied of 60)"
kill "$racer" 2>/dev/null
wait "$racer" 2>/dev/null

# Row 23 (CVE-2022-0492).
if [ "$host_os" = linux ]; then
    run jetpack exec pod /bin/tools write /sys/fs/cgroup/x /sys/kernel/uevent_helper
    unlike "$out" ' ok$' "row 23: control groups and helpers of the kernel are out of reach"
    run jetpack exec pod /bin/tools evil
    like "$out" 'mount Operation not permitted' "row 23: ... and cannot be mounted"
else
    skip "row 23: control groups" "not here: they are Linux's"
fi

# Row 24 (CVE-2021-43784).
many=$(awk 'BEGIN { for (i = 0; i < 5000; i++) print "argument" i }')
# shellcheck disable=SC2086
run jetpack run -destroy --net=none test.example/tools -exec /bin/probe -- args $many
is "$(printf '%s\n' "$out" | sed 's/^tools| //' | tr -d '[]' | cksum)" "$(printf '%s\n' "$many" | cksum)" "row 24: five thousand arguments arrive whole"
# shellcheck disable=SC2086
fails 125 '65536 bytes' "row 24: ... or are refused" jetpack exec pod /bin/probe args $many
big=$(head -c 100000 /dev/zero | tr '\0' v)
run jetpack run -destroy --net=none test.example/tools -e BIG="$big" -exec /bin/probe -- env BIG
is "$(printf '%s\n' "$out" | sed 's/^tools| //' | tr -d '\n' | cksum)" "$(printf %s "BIG=$big" | cksum)" "row 24: a variable of 100 kB arrives whole"

# Row 25.
if [ "$host_os" = linux ]; then
    is "$(mounts)" "$before" "row 25: a running pod has no mount on the host"
else
    skip "row 25: a running pod has no mount on the host" "not here: mounts are the whole system's"
fi
if unshare -m --propagation shared true 2>/dev/null; then
    # A namespace whose mounts are shared, as systemd makes the host's: what is mounted in a copy
    # of it and not made private first comes back.
    unshare -m --propagation shared sh -c "
        cat /proc/self/mountinfo >'$work/mounts1'
        $j run -d --net=none -pod-name shared test.example/tools
        cat /proc/self/mountinfo >'$work/mounts2'
        $j destroy shared" >"$work/out" 2>&1
    cmp -s "$work/mounts1" "$work/mounts2" && grep -q shared: "$work/mounts1"
    ok $? "row 25: nothing comes back where mounts are shared" || show out "$(cat "$work/out")"
else
    skip "row 25: nothing comes back where mounts are shared" "not here: the root is no mount (a chroot)"
fi

# Row 26 (CVE-2021-41091).
root_mode=$(ls -ld "$work/root" | cut -c 1-10)
is "$root_mode" drwx--x--x "row 26: others may pass our directory, not list it"
modes=$(ls -l "$work/root" | sed -n 's/^d\(.........\).*/\1/p' | sort -u)
like "$modes" '^rwx' "row 26: there are directories in it"

# Row 27.
if command -v strace >/dev/null 2>&1; then
    TMPDIR=/tmp strace -f -qq -e trace=open,openat,mkdir,mkdirat,unlink,unlinkat,rename,renameat2 \
        -o "$work/trace" "$JETPACK" -config "$config" run -destroy --net=none test.example/tools -exec /bin/probe -- true
    grep -q rootfs "$work/trace"
    ok $? "row 27: the calls of a run were seen"
    is "$(grep '"/\(var/\)\{0,1\}tmp/' "$work/trace" | grep -vF -e "\"$work" -e "\"$build_dir" | grep -cv ENOENT)" 0 "row 27: no other name in /tmp is used"
else
    skip "row 27: names in /tmp" "needs strace"
fi

# Row 58 (CVE-2020-15257).
like "$(sockets)" "$work/root/pods/|control" "row 58: the control socket has a path"
if [ "$host_os" = linux ]; then
    unlike "$(sockets)" ' @.*(jetpack|control|'"$(jetpack list -q | head -n 1)"')' \
        "row 58: no socket of ours is in the abstract namespace"
else
    skip "row 58: the abstract namespace" "not here: it is Linux's"
fi
socket=$(find "$work/root/pods" -name control -type s | head -n 1)
is "$(ls -l "$socket" | cut -c 1-10)" srw------- "row 58: ... and it is root's"

# Row 62.
for name in -R 'a;b' '$(id)' 'a b' 'a/b' '../x' 'a
b'; do
    run jetpack prepare --net=none -pod-name="$name" test.example/tools
    [ "$status" -ne 0 ]
    ok $? "row 62: no pod is called '$(printf %s "$name" | tr '\n' ' ')'"
done
is "$(grep -rnE '(^|[^_a-zA-Z])(system|popen)\(' "$source_dir/src" --include='*.c' | grep -v '^\S*_test.c')" '' "row 62: no shell is ever asked"

done_well "destroy" jetpack destroy pod
is "$(mounts)" "$before" "row 25: nor does a pod that is gone leave one"
finish
