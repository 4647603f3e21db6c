#!/bin/sh
# Input that must be refused with one clear line, the right status and an unchanged store.
. "$(dirname "$0")/lib.sh"
need_root

jetpack init >/dev/null
contents() { (cd "$work/root" && find . ! -name 'db*' ! -name '.' | sort); }
before=$(contents)

unchanged() {
    contents >"$work/now"
    printf '%s\n' "$before" | cmp -s - "$work/now"
    ok $? "... and the store is unchanged" || {
        printf '%s\n' "$before" | diff - "$work/now" | sed 's/^/# /' | head -n 5
    }
}

# refused NAME REGEX FILE
refused() {
    fails 1 "$2" "$1" jetpack import -q "$3"
    unchanged
}

image good '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
size=$(wc -c <"$work/good.aci")

refused "a missing file" 'No such file' "$work/missing.aci"
refused "a directory" '.' "$work"
: >"$work/empty"
refused "an empty file" '.' "$work/empty"
echo 'this is no archive' >"$work/text"
refused "a text" '.' "$work/text"
head -c 100000 /dev/urandom >"$work/noise"
refused "noise" '.' "$work/noise"
for part in 1 512 1024 $((size / 2)) $((size - 1024)) $((size - 512)) $((size - 1)); do
    head -c "$part" "$work/good.aci" >"$work/part"
    refused "the first $part bytes" '.' "$work/part"
done
gzip -c "$work/good.aci" >"$work/good.gz"
head -c $(($(wc -c <"$work/good.gz") / 2)) "$work/good.gz" >"$work/part.gz"
refused "half of a gzip stream" '.' "$work/part.gz"
cp "$work/good.gz" "$work/flip.gz"
printf 'XXXX' | dd of="$work/flip.gz" bs=1 seek=$(($(wc -c <"$work/good.gz") / 2)) conv=notrunc 2>/dev/null
refused "a damaged gzip stream" '.' "$work/flip.gz"
cat "$work/good.aci" "$work/text" >"$work/more"
refused "something after the end" '.' "$work/more"

# Manifests.
tree=$work/tree
mkdir "$tree"
rootfs "$tree/rootfs"
m=$tree/manifest
with_manifest() { # NAME REGEX
    pack "$tree" "$work/m.aci"
    refused "$1" "$2" "$work/m.aci"
}
echo 'not JSON' >"$m"
with_manifest "a manifest that is not JSON" 'manifest'
manifest m '' | sed 's/"acKind"/"name": "a.b\/c", "acKind"/' >"$m"
with_manifest "a manifest with duplicate keys" 'manifest'
manifest m '' | sed 's/ImageManifest/PodManifest/' >"$m"
with_manifest "a manifest of another kind" 'acKind|Kind'
manifest 'Not A Name' '' >"$m"
with_manifest "a bad name" 'name'
manifest m '"exec": ["/x"], "group": "0"' >"$m"
with_manifest "no user" 'user'
manifest m '"exec": ["/x"], "user": "0", "group": "0", "ports": [{"name": "p", "port": 0}]' >"$m"
with_manifest "a bad port" 'ports\[0\]'
printf '[]' >"$m"
with_manifest "a manifest that is a list" 'manifest'
{ printf '{"x":"'; head -c 5000000 /dev/zero | tr '\0' x; printf '"}'; } >"$m"
with_manifest "a manifest of 5 MB" 'manifest'
{ printf '{"x":"'; head -c 100000000 /dev/zero | tr '\0' x; printf '"}'; } >"$m"
with_manifest "a manifest of 100 MB" 'manifest'
manifest m '' >"$m"

# Archives.
tar -C "$tree" -cf "$work/a.aci" manifest
refused "no rootfs" 'rootfs' "$work/a.aci"
tar -C "$tree" -cf "$work/a.aci" rootfs
refused "no manifest" 'manifest' "$work/a.aci"
mkdir "$tree/other"
tar -C "$tree" -cf "$work/a.aci" manifest rootfs other
refused "something beside manifest and rootfs" 'other' "$work/a.aci"
tar -C "$tree" -cf "$work/a.aci" manifest rootfs
tar -C "$tree" -rf "$work/a.aci" manifest
refused "two manifests" 'manifest' "$work/a.aci"
ln -s / "$tree/rootfs/escape"
tar -C "$tree" -cf "$work/a.aci" manifest rootfs
mkdir "$tree/t" "$tree/t/rootfs" "$tree/t/rootfs/escape"
echo bad >"$tree/t/rootfs/escape/canary-$$"
tar -C "$tree/t" -rf "$work/a.aci" "rootfs/escape/canary-$$"
refused "a file behind a symbolic link" 'escape' "$work/a.aci"
test ! -e "/canary-$$"
ok $? "... did not leave the root"
rm "$tree/rootfs/escape"

# Limits.
fails 1 'limit|larger|more than|entries' "more entries than allowed" \
    jetpack -o images.max-entries=3 import -q "$work/good.aci"
fails 1 'limit|larger|more than' "larger than allowed" \
    jetpack -o images.max-size=1000 import -q "$work/good.aci"
unchanged

# A full disk.
if [ "$(uname -s)" = Linux ] && mkdir "$work/small" &&
    mount -t tmpfs -o size=512k none "$work/small" 2>/dev/null; then
    fails 1 'space|larger|free' "a full disk" \
        jetpack -o "root.dir=$work/small/root" import -q "$work/good.aci"
    left=$(find "$work/small/root/images" "$work/small/root/tmp" -mindepth 1 2>/dev/null)
    is "$left" '' "... leaves nothing"
    umount "$work/small"
else
    skip "a full disk" "no tmpfs to be had"
fi

# Ctrl-C in the middle: a stream that never ends.
mkfifo "$work/fifo"
(head -c $((size / 2)) "$work/good.aci"; exec sleep 100) >"$work/fifo" 2>/dev/null &
writer=$!
"$programs/interruptible" "$JETPACK" -config "$config" import -q - \
    <"$work/fifo" >"$work/out" 2>"$work/err" &
reader=$!
drafts() { [ -n "$(ls "$work/root/tmp")" ]; }
wait_for 30 drafts
kill -INT "$reader"
end_of "$reader"
is "$?" 1 "an interrupted import"
is "$(grep -c . "$work/err")" 1 "... says one line"
unchanged
kill "$writer" 2>/dev/null
wait "$writer" 2>/dev/null

# Pods that cannot be.
add_image app '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
add_image who '"exec": ["/bin/probe", "true"], "user": "nobody-here", "group": "0"'
add_image cwd '"exec": ["/bin/probe", "true"], "user": "0", "group": "0", "workingDirectory": "/no/such"'
add_image gone '"exec": ["/no/such/program"], "user": "0", "group": "0"'
add_image noexec '"exec": ["/etc/passwd"], "user": "0", "group": "0"'
before=$(contents)
bad_pod() { # STATUS REGEX NAME COMMAND...
    fails "$@"
    is "$(jetpack list -q)" '' "... and no pod is left"
    unchanged
}
bad_pod 1 'test.example/none' "prepare: missing image" jetpack prepare test.example/none
bad_pod 125 'test.example/none' "run: missing image" jetpack run test.example/none
bad_pod 1 '/no/such/volume' "prepare: missing source of a volume" \
    jetpack prepare -v x:/no/such/volume test.example/app -m x:/data
bad_pod 125 '/no/such/volume' "run: missing source of a volume" \
    jetpack run -v x:/no/such/volume test.example/app -m x:/data
bad_pod 1 'no-such-point' "prepare: a mount point that the image lacks" \
    jetpack prepare -v x test.example/app -m x:no-such-point
printf 'not JSON' >"$work/pod.json"
bad_pod 1 '.' "prepare: a pod manifest that is not JSON" jetpack prepare -f "$work/pod.json"
bad_pod 1 'No such file' "prepare: no pod manifest" jetpack prepare -f "$work/none.json"
bad_pod 125 'nobody-here' "run: unknown user" jetpack run -destroy --net=none test.example/who
bad_pod 125 '/no/such' "run: unknown working directory" \
    jetpack run -destroy --net=none test.example/cwd
bad_pod 127 '/no/such/program' "run: unknown program" \
    jetpack run -destroy --net=none test.example/gone
bad_pod 126 '/etc/passwd' "run: not executable" jetpack run -destroy --net=none test.example/noexec

# A supervisor that does not come to life is told as such, whenever it is noticed.
mkdir "$work/libexec"
ln -s "$build_dir/src/stage2/jetpack-stage2" "$work/libexec/jetpack-stage2"
broken_stage1() { # NAME TEXT
    printf '%s' "$2" >"$work/libexec/jetpack-stage1"
    chmod +x "$work/libexec/jetpack-stage1"
    jetpack prepare --net=none --pod-name=stillborn test.example/app >/dev/null
    for i in 1 2 3 4 5; do
        fails 125 'the supervisor .*(could not be executed|ended before|died)' "$1" \
            jetpack -o path.libexec="$work/libexec" run -d stillborn
    done
    jetpack destroy stillborn
}
broken_stage1 "a supervisor that cannot be executed" '#!/no/such/interpreter
'
broken_stage1 "a supervisor that ends at once" '#!/bin/sh
exit 3
'
fails 1 'nothing-like-it' "show: no such pod" jetpack show nothing-like-it
fails 1 'nothing-like-it' "stop: no such pod" jetpack stop nothing-like-it
fails 125 'nothing-like-it' "exec: no such pod" jetpack exec nothing-like-it /bin/probe true
fails 2 'memory' "a bad quantity" jetpack prepare --memory=much test.example/app
fails 1 'everywhere' "a network that there is not" jetpack prepare --net=everywhere test.example/app
finish
