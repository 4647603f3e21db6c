#!/bin/sh
# Images for Linux: refused, with what to load, where the kernel has no Linux ABI; run where it has.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"

# A static program of Linux for amd64 that writes "Linux runs" by Linux's numbers of system calls.
hello() {
    printf '\177ELF\2\1\1\3\0\0\0\0\0\0\0\0\2\0>\0\1\0\0\0x\0@\0\0\0\0\0@\0\0\0\0\0\0\0\0\0\0\0\0\0'
    printf '\0\0\0\0\0\0@\08\0\1\0\0\0\0\0\0\0\1\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0@\0\0\0\0\0\0\0@\0'
    printf '\0\0\0\0\244\0\0\0\0\0\0\0\244\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0\270\1\0\0\0\277\1\0\0\0H'
    printf '\2155\20\0\0\0\272\13\0\0\0\17\5\270<\0\0\0001\377\17\5Linux runs\12'
}
image_of() { # NAME EXEC
    dir=$work/tree.$1
    rootfs "$dir/rootfs"
    hello >"$dir/rootfs/bin/hello"
    chmod 755 "$dir/rootfs/bin/hello"
    host_os=linux host_arch=amd64
    manifest "$1" "\"exec\": [$2], \"user\": \"0\", \"group\": \"0\"" >"$dir/manifest"
    pack "$dir" "$work/$1.aci"
    jetpack import -q "$work/$1.aci" >/dev/null
}
image_of linux '"/bin/hello"'
if ! kldstat -q -m linux64elf 2>/dev/null; then
    fails 125 'this kernel does not run Linux programs: kldload linux64' \
        "an image for Linux is refused, and told what to load" \
        jetpack run --net=none -destroy test.example/linux,os=linux
    like "$(jetpack doctor)" 'MISSING +Linux programs' "doctor tells it, too"
    is "$(mount | grep -c "$work")" 0 "nothing stays mounted"
    skip "a program of Linux" "not here: this kernel has no Linux ABI"
    finish
fi
[ "$(uname -m)" = amd64 ] || skip_all "not here: the program is for amd64"
run jetpack run --net=none -destroy test.example/linux,os=linux
is "$status $out" "0 linux| Linux runs" "a program of Linux runs" || show err "$err"
like "$(jetpack doctor)" 'ok +Linux programs' "doctor tells it, too"
# Its file systems, as long as it runs: a shim of ours keeps the pod open.
image_of idle '"/bin/probe", "sleep", "600"'
done_well "a pod of an image for Linux" \
    jetpack run -d --net=none --pod-name idle test.example/idle,os=linux
world=$work/root/pods/$(uuid_of idle)/world/0
for pair in dev:devfs dev/fd:fdescfs proc:linprocfs sys:linsysfs; do
    like "$(mount)" "^${pair#*:} on $world/${pair%:*} \\(${pair#*:}" "${pair#*:} is on /${pair%:*}"
done
run jetpack exec idle /bin/hello
is "$status $out" "0 Linux runs" "exec runs one in it"
done_well "destroy" jetpack destroy idle
is "$(mount | grep -c "$work")" 0 "nothing stays mounted"
finish
