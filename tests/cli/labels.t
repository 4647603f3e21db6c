#!/bin/sh
# Labels of security modules: SELinux contexts, AppArmor profiles. Where the host has the module, the
# label is on every process of the app and bites, and what the module does not know keeps the pod from
# running; where it has none, the label is ignored and told, and a strict pod refuses.
#
# AppArmor is tried with profiles of our own, which are unloaded at the end. A policy of SELinux is
# the host's: its tests run where JETPACK_TEST_SELINUX is a context (user:role:type:level) whose
# processes may do everything but change the owner of a file (labels.cil beside this test is a policy
# for a machine made for it).
. "$(dirname "$0")/lib.sh"
need_root
[ "$host_os" = linux ] || skip_all "not here: no other system has these modules"

add_image app '"exec": ["/bin/probe", "true"], "user": "0", "group": "0",
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "cat", "/proc/self/attr/current"]},
                      {"name": "post-stop", "exec": ["/bin/probe", "cat", "/proc/self/attr/current"]}]'
add_image plain '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
subject=test.example/plain

selinux() { echo "--isolator=os/linux/selinux-context={\"user\":\"$1\",\"role\":\"$2\",\"type\":\"$3\",\"level\":\"$4\"}"; }
apparmor() { echo "--isolator=os/linux/apparmor-profile={\"profile\":\"$1\"}"; }
verdict() { # POD REGEX NAME: a line of `show`
    run jetpack show "$1"
    like "$out" "$2" "$3"
}
# ignored ISOLATOR MODULE OPTION: of the pod and of an app
ignored() {
    fails 125 "$1' is ignored: this host has no $2, and the pod is strict" \
        "$1: a strict pod refuses without $2" jetpack run -destroy --net=none -strict "$3" "$subject"
    fails 125 "app 'plain': isolator '$1' is ignored" "$1: of an app, too" \
        jetpack run -destroy --net=none -strict "$subject" "$3"
    done_well "$1: ignored where the host has no $2" \
        jetpack run --net=none -pod-name labelled "$3" "$subject" "$3"
    verdict labelled "  $1: ignored, because this host has no $2" "$1: and told, of the pod"
    verdict labelled "plain: $1: ignored, because this host has no $2" "$1: and of the app"
    jetpack destroy labelled
}
# refused STATUS REGEX NAME OPTION: for the pod and for an app, and nothing of it ran
refused() {
    fails "$1" "$2" "$3" jetpack run -destroy --net=none "$4" "$subject" --exec /bin/probe -- hosts ---
    is "$out" '' "... and nothing ran"
    fails "$1" "$2" "... of an app" jetpack run -destroy --net=none "$subject" "$4"
}
# everywhere LABEL: pod `live` runs; each way in has the label, handlers too
everywhere() {
    is "$(jetpack exec live /bin/probe cat /proc/self/attr/current | tr -d '\0')" "$1" "$1: exec"
    is "$("$programs/withpty" '' "$JETPACK" -config "$config" exec -it live \
        /bin/probe cat /proc/self/attr/current | tr -d '\0\r')" "$1" "$1: exec on a terminal"
    is "$(tr -d '\0' <"/proc/$(jetpack ps -H live | head -n 1 | cut -f1)/attr/current")" "$1" \
        "$1: the main process"
    jetpack stop live
    is "$(jetpack logs live | tr -d '\0' | grep -cF "$1")" 2 "$1: both handlers"
    jetpack destroy live
}

has_apparmor() { [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; }
has_selinux() { grep -q '[[:blank:]]selinuxfs$' /proc/filesystems; }

# ---- none ----
if has_selinux; then
    skip "selinux-context: ignored" "not here: this host has SELinux"
else
    ignored os/linux/selinux-context SELinux "$(selinux system_u system_r dhcpc_t s0)"
fi
if has_apparmor; then
    skip "apparmor-profile: ignored" "not here: this host has AppArmor"
else
    ignored os/linux/apparmor-profile AppArmor "$(apparmor no-such)"
fi

# ---- a host that claims to have one: what the kernel then does not take keeps the pod from running ----
claims='
    mount -t tmpfs none /sys/module && mkdir -p /sys/module/apparmor/parameters &&
    echo Y >/sys/module/apparmor/parameters/enabled &&
    mount -t tmpfs none /sys/kernel && mkdir -p /sys/kernel/security/apparmor &&
    printf "some (enforce)\nlisted one (complain)\nother (enforce)\n" >/sys/kernel/security/apparmor/profiles &&
    { cat /proc/filesystems; printf "nodev\tselinuxfs\n"; } >"$1/filesystems" &&
    mount --bind "$1/filesystems" /proc/filesystems && shift && exec "$@"'
claiming() { unshare -m sh -c "$claims" claiming "$work" "$@"; }
pretending() { claiming "$JETPACK" -config "$config" run -destroy --net=none "$@"; }
if claiming true 2>/dev/null; then
    for name in no-such som 'some ' other/hat 'listed one (complain)'; do
        fails 125 "app plain: os/linux/apparmor-profile: profile '.*' is not loaded on this host" \
            "apparmor-profile: '$name' is not loaded: refused" pretending "$subject" "$(apparmor "$name")"
    done
    fails 125 "os/linux/apparmor-profile: profile 'no-such' is not loaded" \
        "apparmor-profile: nor for the pod" pretending "$(apparmor no-such)" "$subject"
    for name in some 'listed one' other; do
        fails 125 'apply the security label' \
            "apparmor-profile: '$name' is listed, and the kernel does not take it: refused" \
            pretending "$subject" "$(apparmor "$name")" --exec /bin/probe -- hosts ---
        is "$out" '' "... and nothing ran"
    done
    if has_selinux; then
        skip "selinux-context: the kernel does not take it" "not here: it has SELinux"
    else
        fails 125 'apply the security label' \
            "selinux-context: the kernel does not take it: refused" \
            pretending "$(selinux system_u system_r dhcpc_t s0)" "$subject" --exec /bin/probe -- hosts ---
        is "$out" '' "... and nothing ran"
    fi
else
    skip "a host that claims to have modules" "not here: no mount namespace, or no /sys/module"
fi

# ---- AppArmor ----
profile=jetpack-test-$$
profiles="$profile $profile-pod"
unload() {
    for name in $profiles; do
        printf 'profile %s {\n}\n' "$name" | apparmor_parser -R 2>/dev/null
    done
}
load() { # NAME RULE: everything but
    printf 'profile %s flags=(attach_disconnected,mediate_deleted) {
        file, capability, network, mount, umount, pivot_root, signal, ptrace, unix, dbus,
        %s\n}\n' "$1" "$2" | apparmor_parser -r
}
if ! has_apparmor || ! command -v apparmor_parser >/dev/null; then
    skip "AppArmor" "not here: there is none, or no apparmor_parser"
else
    trap 'unload; cleanup' EXIT
    load "$profile" 'audit deny /data/** r,' && load "$profile-pod" 'audit deny capability chown,' ||
        { echo "Bail out! apparmor_parser cannot load a profile"; exit 1; }
    refused 125 "os/linux/apparmor-profile: profile 'no-such-profile' is not loaded on this host" \
        "apparmor-profile: one that is not loaded is refused" "$(apparmor no-such-profile)"
    reading() { run jetpack run -destroy --net=none "$@" --exec /bin/probe -- cat /data/file ---; }
    reading "$subject"
    is "$out" 'plain| from-image' "control: the file can be read"
    reading "$subject" "$(apparmor "$profile")"
    like "$status $out$err" '^1 .*Permission denied' "apparmor-profile: of an app: what it denies is denied"
    reading "$(apparmor "$profile")" "$subject"
    like "$status $out$err" '^1 .*Permission denied' "apparmor-profile: of the pod, likewise"
    reading "$(apparmor "$profile")" "$subject" "$(apparmor "$profile-pod")"
    is "$out" 'plain| from-image' "apparmor-profile: that of the app counts before the pod's"
    reading "$(apparmor "$profile-pod")" "$subject" "$(apparmor "$profile")" --user 1000 --no-new-privileges
    like "$status $out$err" '^1 .*Permission denied' "apparmor-profile: of a user without new privileges"
    run jetpack run -destroy --net=none "$(apparmor "$profile-pod")" "$subject" --exec /bin/probe -- call chown ---
    is "$out" 'plain| chown: Operation not permitted' "apparmor-profile: a capability that it denies"
    done_well "apparmor-profile: a pod that stays" jetpack run -d --net=none -pod-name live \
        test.example/app "$(apparmor "$profile")" --exec /bin/probe -- sleep 1000 ---
    verdict live 'app: os/linux/apparmor-profile: enforced' "apparmor-profile: show says so"
    everywhere "$profile (enforce)"
    printf 'profile %s flags=(complain) {\n}\n' "$profile" | apparmor_parser -r
    reading "$subject" "$(apparmor "$profile")"
    is "$out" 'plain| from-image' "apparmor-profile: one that only complains"
    done_well "apparmor-profile: a strict pod takes one that is there" \
        jetpack run -destroy --net=none -strict "$subject" "$(apparmor "$profile")"
    unload
    trap cleanup EXIT
fi

# ---- SELinux ----
if ! has_selinux || [ -z "${JETPACK_TEST_SELINUX:-}" ]; then
    skip "SELinux" "not here: there is none, or JETPACK_TEST_SELINUX does not name a context"
else
    # shellcheck disable=SC2046 # words
    context=$(selinux $(echo "$JETPACK_TEST_SELINUX" | sed 's/^\([^:]*\):\([^:]*\):\([^:]*\):/\1 \2 \3 /'))
    refused 125 "os/linux/selinux-context: the policy of this host has no context 'no_u:no_r:no_t:s0'" \
        "selinux-context: one that the policy does not know is refused" "$(selinux no_u no_r no_t s0)"
    owning() { run jetpack run -destroy --net=none "$@" --exec /bin/probe -- call chown ---; }
    owning "$subject"
    is "$out" 'plain| chown: ok' "control: an owner can be changed"
    owning "$subject" "$context"
    is "$out" 'plain| chown: Operation not permitted' "selinux-context: of an app: what it denies is denied"
    owning "$context" "$subject"
    is "$out" 'plain| chown: Operation not permitted' "selinux-context: of the pod, likewise"
    if [ "$JETPACK_TEST_SELINUX" = all_u:all_r:app_t:s0:c0.c2 ]; then
        owning "$subject" "$(selinux all_u all_r app_t s0:c0,c1,c2)"
        is "$out" 'plain| chown: Operation not permitted' "selinux-context: a level that is written otherwise"
    fi
    done_well "selinux-context: a pod that stays" jetpack run -d --net=none -pod-name live \
        test.example/app "$context" --exec /bin/probe -- sleep 1000 ---
    verdict live 'app: os/linux/selinux-context: enforced' "selinux-context: show says so"
    everywhere "$JETPACK_TEST_SELINUX"
fi
finish
