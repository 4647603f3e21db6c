#!/bin/sh
# The specification's own validator: its two images as one pod, which says of each part whether what
# an app sees is what ace.md promises: clean copies, shared volume, environment, working directory,
# metadata service. Three runs, with the volume emptied in between, on each storage driver.
. "$(dirname "$0")/../cli/lib.sh"
need_root
. "$here/go.sh"
reason=$(no_go ace/validator.go)
[ -z "$reason" ] || skip_all "$reason"

go_program ace-validator github.com/appc/spec/ace >"$work/go.log" 2>&1
ok $? "the validator is built" || {
    show log "$(cat "$work/go.log")"
    finish
}
validator=$kept

# What the validator expects of the image that it is in: of main a port, an isolator, handlers of
# both events, a working directory, a variable; the volume of both is called `database`.
mount_points='"mountPoints": [{"name": "database", "path": "/db"}]'
main_app='"exec": ["/ace-validator", "main"], "user": "0", "group": "0",
    "eventHandlers": [{"name": "pre-start", "exec": ["/ace-validator", "prestart"]},
                      {"name": "post-stop", "exec": ["/ace-validator", "poststop"]}],
    "workingDirectory": "/opt/acvalidator",
    "environment": [{"name": "IN_ACE_VALIDATOR", "value": "correct"}],
    "ports": [{"name": "www", "protocol": "tcp", "port": 80}],
    "isolators": [{"name": "resource/memory", "value": {"limit": "1G"}}]'
annotations='"annotations": [{"name": "created", "value": "2014-10-27T19:32:27.67021798Z"},
    {"name": "authors", "value": "Carly Container <carly@example.com>"},
    {"name": "homepage", "value": "https://github.com/appc/spec"},
    {"name": "lorem", "value": "ipsum"}]'

# validator_image NAME APP MORE
validator_image() {
    tree=$work/tree.$1
    mkdir -p "$tree/rootfs/opt/acvalidator"
    cp "$validator" "$tree/rootfs/ace-validator"
    cat >"$tree/manifest" <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "coreos.com/ace-validator-$1",
 "labels": [{"name": "version", "value": "0.8.11"}, {"name": "os", "value": "$host_os"},
            {"name": "arch", "value": "$host_arch"}],
 "app": {$2, $mount_points}$3}
END
    pack "$tree" "$work/$1.aci"
    rm -rf "$tree"
    done_well "import of the image '$1'" jetpack import -q "$work/$1.aci"
}
validator_image main "$main_app" ", $annotations"
validator_image sidekick '"exec": ["/ace-validator", "sidekick"], "user": "0", "group": "0"' ''

# Without the metadata service `main` has nothing to ask, and that must be all that it complains of.
has_service=no
[ ! -x "$build_dir/src/mds/jetpack-mds" ] || has_service=yes
main_said() { # NAME
    if [ "$has_service" = yes ]; then
        said main "$1"
    else
        is "$(printf '%s\n' "$err" | sed -n 's/.*==> //p')" 'AC_METADATA_URL is not set' \
            "$1: nothing but the metadata service is missing"
        skip "$1: main OK" 'not here: this build has no metadata service'
    fi
}

said() { # PART NAME
    printf '%s\n' "$out" | grep -q "| $1 OK\$"
    ok $? "$2: $1 OK" || {
        show out "$out"
        show err "$err"
    }
}

for driver in ${JETPACK_DRIVERS:-overlay copy}; do
    run jetpack -o "storage.driver=$driver" prepare -v database coreos.com/ace-validator-main \
        -m database coreos.com/ace-validator-sidekick -m database
    uuid=$out
    is "$status" 0 "$driver: prepare" || show err "$err"
    for time in first second third; do
        run jetpack -o "storage.driver=$driver" run "$uuid"
        [ "$has_service" = no ] || is "$status" 0 "$driver: the $time run"
        main_said "$driver, the $time run"
        for part in prestart sidekick poststop; do
            said "$part" "$driver, the $time run"
        done
        is "$(ls "$work/root/pods/$uuid/volumes/database" | tr '\n' ' ')" "main sidekick " \
            "$driver: both wrote to the volume"
        rm -f "$work/root/pods/$uuid/volumes/database/main" \
            "$work/root/pods/$uuid/volumes/database/sidekick"
    done
    # The control: what was left in the volume is noticed.
    touch "$work/root/pods/$uuid/volumes/database/main"
    run jetpack -o "storage.driver=$driver" run "$uuid"
    is "$status" 1 "$driver: a volume that is not empty fails the validator"
    like "$out" 'main FAIL' "... it says so"
    jetpack destroy "$uuid"
done
finish
