#!/bin/sh
# build: an image from a command on top of another one, on each storage driver.
. "$(dirname "$0")/drivers.sh"
. "$here/busybox.sh"

busybox_image base '"exec": ["/bin/sh"], "user": "1000", "group": "1000",
    "workingDirectory": "/data", "environment": [{"name": "OF_THE_IMAGE", "value": "yes"}],
    "mountPoints": [{"name": "data", "path": "/data"}],
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/false"]}]'

# What a build says of its image.
manifest_json() { # [MEMBERS]
    printf '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/built"%s}\n' "${1-}"
}

mkdir -p "$work/context/sub" "$work/more"
printf '#!/bin/sh\nexit 0\n' >"$work/context/run"
chmod 755 "$work/context/run"
echo inside >"$work/context/sub/file"
chown -R 1000:1000 "$work/context"
echo extra >"$work/more/extra"
echo lone >"$work/lone"
manifest_json ', "labels": [{"name": "version", "value": "1"}],
    "app": {"exec": ["/bin/cat", "/built"], "user": "0", "group": "0"}' >"$work/context/manifest.json"

parent=test.example/base
# build [OPTION...] -- SCRIPT: with the directory above
build() {
    options=
    while [ "$1" != -- ]; do options="$options $1"; shift; done
    shift
    # shellcheck disable=SC2086 # words
    run jetpack build -dir "$work/context" $options "$parent" /bin/sh -c "$1"
}

# built NAME [OPTION...] -- SCRIPT: it makes an image; $id
built() {
    name=$1
    shift
    build -saveid "$work/id" "$@"
    ok "$status" "$name" || { show out "$out"; show err "$err"; }
    id=$(cat "$work/id" 2>/dev/null)
    rm -f "$work/id"
}

# refused STATUS REGEX NAME [OPTION...] -- SCRIPT: no image, no pod, one line
refused() {
    wanted=$1 pattern=$2 name=$3
    shift 3
    before=$(jetpack images -q)
    build "$@"
    is "$status" "$wanted" "$name"
    like "$err" "^jetpack: build: .*($pattern)" "... and says so"
    is "$(jetpack list -q)$(jetpack images -q)" "$before" "... leaving neither pod nor image"
}

nothing_left() { jetpack gc >/dev/null 2>&1; [ -z "$(jetpack list -q)$(find "$work/root/tmp" "$work/root/pods" -mindepth 1)" ]; }

try() {
    done_well "$driver: import" jetpack import -q "$work/base.aci"
    base_id=$out
    built "$driver: build" -cp "$work/more" -cp "$work/lone" -- '
        set -e
        { pwd; ls -ldn . run sub/file lone more/extra; id -u; env; } >/built
        ls /data >>/built
        rm /data/deleted; mkdir -p /opt/made; echo made >/opt/made/it; mv lone /opt/'
    run jetpack run -destroy test.example/built
    like "$out" '/.jetpack.build.$' "$driver: it ran in the build directory"
    like "$out" 'drwx------ +[0-9]+ 0 +0 .* [.]$' "$driver: ... that nobody but root enters"
    like "$out" '-rwxr-xr-x +1 0 +0 .* run$' "$driver: ... with files of root's"
    unlike "$out" '1000' "$driver: ... and nobody else's"
    like "$out" 'AC_METADATA_URL=http' "$driver: with a metadata service"
    unlike "$out" 'OF_THE_IMAGE' "$driver: and nothing of the image's own app"
    like "$out" 'same-too$' "$driver: what is under a mount point of the image is seen"
    rm -f "$work/built.aci"
    done_well "$driver: export" jetpack export -compression=none "$id" "$work/built.aci"
    is "$(tar -tf "$work/built.aci" | grep -v '^rootfs/etc/$' | tr '\n' ' ')" \
        "manifest rootfs/ rootfs/built rootfs/data/ rootfs/opt/ rootfs/opt/lone rootfs/opt/made/ rootfs/opt/made/it " \
        "$driver: only what differs is in it, without the build directory"
    manifest=$(jetpack image-manifest "$id")
    like "$manifest" '"imageID": "'"$base_id"'"' "$driver: it depends on its parent"
    like "$manifest" '"value": "'"$host_os"'"' "$driver: labels of the parent"
    like "$manifest" '"timestamp"' "$driver: a timestamp"
    like "$manifest" '"/data/same"' "$driver: a whitelist, since something was deleted"
    unlike "$manifest" '/data/deleted|jetpack.build' "$driver: ... of what is left"
    done_well "$driver: verify" jetpack verify "$id"
    is "$(jetpack list -q)" "" "$driver: no pod is left"

    parent=$id
    built "$driver: build on that" -- 'test -e /data/same && ! test -e /data/deleted && echo two >/built2; chmod 4711 /opt/made/it; ln /opt/made/it /opt/linked'
    second=$id parent=test.example/base
    done_well "$driver: export -flat" jetpack export -flat "$second" "$work/flat.aci"
    rm -f "$work/flat.aci"
    built "$driver: -reproducible" -reproducible -- 'touch /a; mkdir /b; touch /b/c'
    first=$id
    built "$driver: ... again" -reproducible -- 'mkdir /b; touch /b/c; sleep 1; touch /a'
    is "$id" "$first" "$driver: ... is the same image"
}

# What does not depend on how roots are kept.
try_once() {
    done_well "import" jetpack import -q "$work/base.aci"

    built "an empty label takes the parent's away" -- \
        "echo '$(manifest_json ', "labels": [{"name": "os", "value": ""}, {"name": "arch", "value": ""}]')' >manifest.json"
    unlike "$(jetpack image-manifest "$id" | sed '/dependencies/,$d')" '"os"|"arch"' "... os and arch"
    built "further dependencies" -- "echo '$(manifest_json ', "dependencies": [{"imageName": "test.example/other"}]')' >manifest.json"
    is "$(jetpack image-manifest "$id" | sed -n 's/.*"imageName": "\(.*\)".*/\1/p' | tr '\n' ' ')" \
        "test.example/base test.example/other " "... come after the parent"
    like "$err" 'test.example/other' "... and are missed"
    built "-environment, -net, -hostname" -e GREETING=hello -net none -hostname builder -- \
        'test "$GREETING $(hostname) $(ls /sys/class/net 2>/dev/null || echo lo)" = "hello builder lo"'
    mkdir -p "$work/volume"
    built "-volume, -mount" -v "cache:$work/volume" -m cache:/var/cache -- 'echo cached >/var/cache/it'
    is "$(cat "$work/volume/it")" cached "... keeps what is written there"
    jetpack export -compression=none "$id" "$work/volume.aci"
    unlike "$(tar -tf "$work/volume.aci")" 'var/cache/it' "... out of the image"
    run jetpack build -dir "$work/context" -format=json test.example/base /bin/true
    like "$out" '"changes": 0' "a build that changes nothing"

    refused 125 'not copied into itself|is mounted on' "a directory in which images and pods are kept" \
        -cp "$work" -- true
    refused 7 'status 7' "a command that fails" -- 'exit 7'
    refused 139 'status 139' "... that is killed" -- 'kill -SEGV $$'
    refused 127 "status 127" "... that is not there" -- 'exec nothere'
    refused 125 'left no manifest.json' "no manifest" -- 'rm manifest.json'
    refused 125 'manifest.json: .*(links|symbolic)' "a manifest that is a link" -- 'ln -sf /etc/passwd manifest.json'
    refused 125 'not a regular file' "... a pipe" -- 'rm manifest.json; mkfifo manifest.json'
    refused 125 'not a regular file' "... a directory" -- 'rm manifest.json; mkdir manifest.json'
    if [ "$host_os" = freebsd ]; then
        skip "... a device" "not here: a jail makes none"
    else
        refused 125 'manifest.json' "... a device" -- 'rm manifest.json; mknod manifest.json c 1 5'
    fi
    refused 125 'manifest.json.*(larger|limit|more than|at most)' "... without an end" -- \
        'dd if=/dev/zero of=manifest.json bs=1M seek=4000 count=1 2>/dev/null'
    refused 125 'manifest.json: ' "... that is no JSON" -- 'echo hello >manifest.json'
    refused 125 'manifest.json: name' "... that lacks its name" -- 'echo "{\"acKind\": \"ImageManifest\", \"acVersion\": \"0.8.11\"}" >manifest.json'
    refused 125 'pathWhitelist is made by build' "... with a whitelist" -- \
        "echo '$(manifest_json ', "pathWhitelist": ["/bin"]')' >manifest.json"
    refused 125 'jetpack/removed. is made by build' "... with a list of what is gone" -- \
        "echo '$(manifest_json ', "annotations": [{"name": "jetpack/removed", "value": "/bin"}]')' >manifest.json"
    refused 125 'links|symbolic|Not a directory' "a build directory that is a link now" -- \
        'cd /; rm -r /.jetpack.build.; ln -s /etc /.jetpack.build.; echo "{}" >/etc/manifest.json'
    refused 125 'left no manifest.json' "... that is gone" -- 'cd /; rm -r /.jetpack.build.'
    refused 125 'No such file' "a directory that is not there" -dir "$work/nowhere" -- true
    refused 125 'No such file' "a file that is not there" -cp "$work/nowhere" -- true
    fails 125 'not here' "a parent that is not here" jetpack build -dir "$work/context" test.example/none /bin/true
    fails 2 'expected' "no command" jetpack build test.example/base

    built "a command that leaves something running" -- '(sleep 1000; echo late >/late) & echo now >/now'
    jetpack export -compression=none "$id" "$work/left.aci"
    like "$(tar -tf "$work/left.aci")" 'rootfs/now' "... is read when all is dead"

    build -keep -- 'echo half >/half; exit 3'
    is "$status" 3 "-keep"
    pod=$(jetpack list -q)
    like "$(jetpack diff "$pod")" '^A /half$' "... keeps the pod of a build that fails"
    jetpack gc
    is "$(jetpack list -q)" "$pod" "... also from gc"
    done_well "... until it is destroyed" jetpack destroy "$pod"

    # The name is taken.
    mkdir "$work/taken"
    (cd "$work/taken" && mkdir rootfs && cp -a "$work/image/rootfs/." rootfs/ && mkdir rootfs/.jetpack.build. &&
        echo theirs >rootfs/.jetpack.build./manifest.json && manifest taken '"exec": ["/bin/sh"], "user": "0", "group": "0"' >manifest)
    pack "$work/taken" "$work/taken.aci"
    done_well "an image with a directory of that name" jetpack import -q "$work/taken.aci"
    run jetpack build -dir "$work/context" test.example/taken /bin/sh -c 'pwd; cat /.jetpack.build./manifest.json'
    like "$out" '/.jetpack.build.[0-9a-f]{8}-' "... gets another one"
    like "$out" '^theirs$' "... beside it"
    id=$(printf '%s\n' "$out" | tail -n 1)
    jetpack export -compression=none "$id" "$work/taken.out"
    unlike "$(tar -tf "$work/taken.out")" 'jetpack.build' "... which is no part of the image"

    # The end of ours, at any moment.
    in_background "$work/interrupted" build -dir "$work/context" test.example/base /bin/sh -c 'echo ready; sleep 1000'
    wait_for 60 grep -q ready "$work/interrupted"
    kill -INT "$job"
    end_of "$job"
    is "$([ "$?" -ge 125 ] && jetpack list -q)" "" "an interrupt leaves nothing"
    in_background "$work/killed" build -dir "$work/context" test.example/base /bin/sh -c 'echo ready; sleep 1000'
    wait_for 60 grep -q ready "$work/killed"
    ran=$(jetpack list -q)
    done_well "gc while it runs" jetpack gc
    is "$(jetpack list -q)" "$ran" "... leaves it alone"
    kill -KILL "$job"
    end_of "$job"
    wait_for 60 nothing_left
    ok $? "what kill -9 leaves, gc removes" || show left "$(jetpack list; ls -lR "$work/root/tmp" "$work/root/pods")"

    hooks=
    JETPACK_FAULT='*:1:KILL' jetpack images >/dev/null 2>&1 || hooks=1
    images=$(jetpack images -q)
    point=3 points=0 left=
    while [ -n "$hooks" ] && [ "$points" -lt 40 ]; do
        JETPACK_FAULT="*:$point:KILL" jetpack build -dir "$work/context" test.example/base /bin/sh -c 'echo x >/x; rm /data/same' \
            >"$work/out" 2>"$work/err" </dev/null
        status=$?
        [ "$status" = 0 ] && break
        wait_for 60 nothing_left || left="$left $point"
        points=$((points + 1)) point=$((point + 1 + point / 6))
    done
    if [ -n "$hooks" ]; then
        is "$left" "" "kill -9 at $points of its steps: gc removes what is left"
        is "$status" 0 "... until nothing is killed any more"
        built "... and a build goes well" -- true
        jetpack fsck >/dev/null
        ok $? "... in a store that is sound"
        for id in $(jetpack images -q); do
            case $images in *"$id"*) ;; *) jetpack verify -q "$id" || ok 1 "$id is whole" ;; esac
        done
    else
        skip "kill -9 at each step" "not here: a build without test hooks"
    fi
}

on_each_driver try
done_well "init" jetpack init
try_once
finish
