#!/bin/sh
# What an app finds (ace.md "Apps Perspective", "Volume Setup", OS-SPEC.md), item by item.
. "$(dirname "$0")/../cli/lib.sh"
need_root
[ "$host_os" = linux ] || skip_all 'not here: OS-SPEC.md is about Linux'

jetpack init >/dev/null
jetpack_run() { run jetpack run -destroy --net=none "$@"; }
plain() { out=$(printf '%s\n' "$out" | sed 's/^[a-z0-9]*| //'); } # without the app's name

# Variables, for the main process and both handlers; nothing of the image can take them away.
handlers='"eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "env"]},
                            {"name": "post-stop", "exec": ["/bin/probe", "env"]}]'
add_image env "\"exec\": [\"/bin/probe\", \"env\"], \"user\": \"1000\", \"group\": \"1000\", $handlers"
jetpack_run test.example/env
plain
for variable in 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    AC_APP_NAME=env container=jetpack; do
    is "$(printf '%s\n' "$out" | grep -cFx "$variable")" 3 "$variable: before, in and after the app"
done
jetpack_run test.example/env -name renamed
is "$(printf '%s\n' "$out" | grep -c 'AC_APP_NAME=renamed$')" 3 "AC_APP_NAME is the name in the pod"

# Working directory.
add_image plain '"exec": ["/bin/probe"], "user": "0", "group": "0"'
jetpack_run test.example/plain -- pwd ---
plain
is "$out" / "the working directory is the root by default"
jetpack_run test.example/plain --workdir=/home/alice -- pwd ---
plain
is "$out" /home/alice "... or what was asked for"

# OS-SPEC.md.
for device in null zero full random urandom tty; do
    jetpack_run test.example/plain -- stat "/dev/$device" ---
    plain
    like "$out" '^char 0666 0 ' "/dev/$device"
done
for directory in /proc /sys /dev/pts /dev/shm; do
    jetpack_run test.example/plain -- stat "$directory" ---
    plain
    like "$out" '^dir ' "$directory"
done
jetpack_run test.example/plain -- cat /proc/self/mountinfo ---
for kind in '/proc .* - proc ' '/sys .* - sysfs ' '/dev/pts .* - devpts ' '/dev/shm .* - tmpfs '; do
    like "$out" " $kind" "... mounted: ${kind##* - }"
done
jetpack_run test.example/plain -- stat /dev/ptmx ---
plain
like "$out" '^(link|char) ' "/dev/ptmx"
run "$programs/withpty" 'expect char' "$JETPACK" -config "$config" run -t -destroy --net=none \
    test.example/plain -- stat /dev/console ---
is "$status" 0 "/dev/console" || show out "$out"

# /etc/hosts: ours where there is none, the image's where there is one.
jetpack_run test.example/plain -- cat /etc/hosts ---
like "$out" '127\.0\.0\.1[[:blank:]].*localhost' "/etc/hosts has localhost"
dir=$work/tree.hosts
mkdir -p "$dir"
rootfs "$dir/rootfs"
echo '192.0.2.1 mine' >"$dir/rootfs/etc/hosts"
manifest hosts '"exec": ["/bin/probe", "cat", "/etc/hosts"], "user": "0", "group": "0"' >"$dir/manifest"
pack "$dir" "$work/hosts.aci"
jetpack import -q "$work/hosts.aci" >/dev/null
jetpack_run test.example/hosts
plain
is "$out" '192.0.2.1 mine' "... and is left alone in an image that has one"
mkdir "$work/etc"
echo '192.0.2.2 volume' >"$work/etc/hosts"
jetpack_run -v "etc:$work/etc" test.example/plain -m etc:/etc -- cat /etc/hosts ---
plain
is "$out" '192.0.2.2 volume' "... and in a volume"
is "$(cat "$work/etc/hosts")" '192.0.2.2 volume' "... which is not written to"

# Volumes.
mkdir -p "$work/host/below"
echo host >"$work/host/file"
jetpack_run -v "v:$work/host" test.example/plain -m v:/a/b/c -- cat /a/b/c/file ---
plain
is "$out" host "a volume at a path that is not there"
for path in /a /a/b; do
    jetpack_run -v "v:$work/host" test.example/plain -m v:/a/b/c -- stat "$path" ---
    plain
    is "$out" "dir 0755 0 0" "... $path is made, 0755 root:root"
done
is "$(cd "$work/host" && find . | sort | tr '\n' ' ')" ". ./below ./file " "nothing is made in a volume"
jetpack_run -v "v:$work/host" test.example/plain -m v:/data/file -- cat /data/file/file ---
is "$(printf '%s\n' "$out" | sed 's/^[a-z]*| //')" host "a volume in the place of a file"
like "$err" "warning: .*replaces '/data/file' of the image" "... is warned about"
if mount -t tmpfs none "$work/host/below" 2>/dev/null; then
    echo inner >"$work/host/below/inner"
    jetpack_run -v "v:$work/host" test.example/plain -m v:/srv -- cat /srv/below/inner ---
    plain
    is "$out" inner "a volume is recursive by default"
    jetpack_run -v "v,kind=host,source=$work/host,recursive=false" test.example/plain -m v:/srv \
        -- ls /srv/below ---
    plain
    is "$out" '' "... unless it says otherwise"
    umount "$work/host/below"
else
    skip "recursive volumes" "no tmpfs to be had"
fi

# Network.
run jetpack run -destroy test.example/plain -- cat /proc/net/fib_trie ---
like "$out" ' 127\.0\.0\.1$' "a pod has a loopback interface"
like "$out" " ${own_subnet%.*}\.[0-9]+\$" "... and an address on the other"

# User labels and annotations change nothing.
run jetpack prepare -n --user-label=os=plan9 --user-annotation=jetpack/net=host test.example/plain \
    --user-label=jetpack/strict=true
unlike "$out" '"name": "jetpack/' "user labels and annotations are not annotations"
# The same pod with and without: what it finds, but for the numbers of namespaces.
noted() {
    jetpack_run -pod-name same "$@" -- fingerprint ---
    printf '%s\n' "$status" "$err" "$out" | sed 's/\[[0-9]*\]/[]/g'
    jetpack_run -pod-name same "$@" -- env ---
    printf '%s\n' "$out" | sed 's/~[0-9a-f]*$/~/'
}
noted test.example/plain >"$work/without"
add_image noted '"exec": ["/bin/probe"], "user": "0", "group": "0",
    "userAnnotations": {"jetpack/stop-signal": "KILL", "PATH": "/evil"},
    "userLabels": {"CONTAINER": "evil", "jetpack/strict": "true"}'
for note in hostname=evil restart=always net=host strict=true dns=192.0.2.1 volume-symlinks=true; do
    set -- "$@" "--user-annotation=jetpack/$note" "--user-label=jetpack/$note" "--user-label=${note%%=*}=evil"
done
noted "$@" test.example/noted -name plain "$@" >"$work/with"
cmp -s "$work/without" "$work/with"
ok $? "user labels and annotations have no effect" || diff "$work/without" "$work/with" | sed 's/^/# /'
finish
