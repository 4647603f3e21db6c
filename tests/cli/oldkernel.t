#!/bin/sh
# Kernels before 5.12, played by the seam for faults: without mount_setattr(2) a pod has the very
# same mounts as with it.
. "$(dirname "$0")/mounts.sh"
need_root
[ "$host_os" = linux ] || skip_all "not here: the system call is Linux's"
without=mount_setattr:1:ENOSYS

dir=$work/tree
mkdir -p "$dir/rootfs/bin"
cp "$programs/isolation" "$programs/probe" "$dir/rootfs/bin/"
manifest facts '"exec": ["/bin/isolation", "mount"], "user": "0", "group": "0"' >"$dir/manifest"
pack "$dir" "$work/facts.aci"
jetpack import -q "$work/facts.aci" >/dev/null || exit 1
run jetpack doctor -format=json
like "$out" '"mount-api"' "doctor looks for the call"
run env JETPACK_FAULT=$without "$JETPACK" -config "$config" doctor -format=json
printf '%s\n' "$out" | grep -q 'one by one' || skip_all "not here: this build has no seam for faults"
like "$out" 'one by one' "control: the call is missed"

# A tree of three mounts, one of them with a blank in its name, and a single file.
cat >"$work/mounts.sh" <<END
mkdir "$work/volume"
mount -t tmpfs one "$work/volume" && mkdir "$work/volume/a b" &&
    mount -t tmpfs -o nosuid two "$work/volume/a b" && mkdir "$work/volume/a b/c" &&
    mount -t tmpfs -o noexec three "$work/volume/a b/c" || exit 1
echo text >"$work/volume/file"
pod() { # NAME OPTIONS...
    name=\$1
    shift
    for fault in '' $without; do
        out=$work/\$name.\${fault%%:*}
        if [ -n "\$fault" ]; then export JETPACK_FAULT=\$fault; else unset JETPACK_FAULT; fi
        "$JETPACK" -config "$config" run -destroy --net=none "\$@" >"\$out" 2>"\$out.err"
        echo "status \$?" >>"\$out"
    done
}
pod plain test.example/facts
pod root test.example/facts -read-only
pod writable -v "data:$work/volume" test.example/facts -m data:/data
pod locked -v "-data:$work/volume" test.example/facts -m data:/data
pod file -v "-data:$work/volume/file" test.example/facts -m data:/file
pod write -v "-data:$work/volume" test.example/facts -m data:/data \
    -exec /bin/probe -- write '/data/a b/c/new' text
pod read -v "-data:$work/volume" test.example/facts -m data:/data -exec /bin/probe -- cat /data/file
END
unshare -m sh "$work/mounts.sh"
is "$?" 0 "pods ran"
# Of the rows without their numbers, and without the order that follows from these.
mounts() { sed 's/^facts| mount: [0-9]* [0-9]* [0-9]*:[0-9]* /mount: /' "$1" | sort; }
for name in plain root writable locked file write read; do
    mounts "$work/$name." >"$work/with"
    mounts "$work/$name.mount_setattr" >"$work/without"
    cmp -s "$work/with" "$work/without"
    ok $? "$name: the same" || diff "$work/with" "$work/without" | sed 's/^/# /'
    is "$(cat "$work/$name.mount_setattr.err")" "$(cat "$work/$name..err")" "... and the same is said"
done
like "$(cat "$work/locked.mount_setattr")" '/data/a\\040b/c ro,nodev,noexec' "control: all of the tree is read-only"
like "$(cat "$work/writable.mount_setattr")" '/data/a\\040b rw,nosuid,nodev' "... or not"
like "$(cat "$work/root.mount_setattr")" ' / ro,nodev' "... and a root"
like "$(cat "$work/write.mount_setattr.err")" 'Read-only file system' "... in truth"
like "$(cat "$work/read.mount_setattr")" 'text$' "... and readable"
finish
