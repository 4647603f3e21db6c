#!/bin/sh
# Isolators of Linux on this system: what nothing stands for is ignored, told with its reason, and
# refused by a strict pod. What stands for others: limits.t, ../cli/isolators.t.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/../cli/subject.sh"

# ignored WHOSE OPTION REASON: WHOSE is "app" or "pod"
ignored() {
    case $1 in
    app) run jetpack run -pod-name odd "$subject" "--isolator=$2" ;;
    pod) run jetpack run -pod-name odd "--isolator=$2" "$subject" ;;
    esac
    is "$status" 0 "${2%%=*} of the $1: it runs" || show err "$err"
    like "$err" "isolator '${2%%=*}' is ignored: $3" "... and warns"
    verdict odd " ${2%%=*}: ignored, because $3" "... show says why"
    jetpack destroy odd
    case $1 in
    app) fails 125 "${2%%=*}.* ignored.*$3.*strict" "... a strict one refuses" \
        jetpack run -destroy -strict "$subject" "--isolator=$2" ;;
    pod) fails 125 "${2%%=*}.* ignored.*$3.*strict" "... a strict one refuses" \
        jetpack run -destroy -strict "--isolator=$2" "$subject" ;;
    esac
}
ignored app 'os/linux/capabilities-retain-set={"set":["CAP_CHOWN"]}' 'there are none here: root has'
ignored app 'os/linux/capabilities-remove-set={"set":["CAP_CHOWN"]}' 'there are none here: root has'
ignored app 'os/linux/seccomp-remove-set={"set":["mkdir"]}' 'this system has no filter of system calls'
ignored app 'os/linux/seccomp-retain-set={"set":["read"]}' 'this system has no filter of system calls'
ignored app os/linux/oom-score-adj=5 'this is not Linux'
ignored app 'os/linux/apparmor-profile={"profile":"none"}' 'this is not Linux'
ignored app 'os/linux/selinux-context={"user":"a","role":"b","type":"c","level":"d"}' 'this is not Linux'
ignored pod 'os/unix/sysctl={"net.ipv4.ip_default_ttl":"33"}' 'a jail has no kernel parameters of its own'
ignored pod 'resource/network-bandwidth={"default":true,"limit":"1M"}' 'this system has no counterpart'
if [ "$(sysctl -n kern.racct.enable 2>/dev/null)" = 1 ]; then
    ignored app os/linux/cpu-shares=100 'this system has no shares of a processor'
else
    skip "os/linux/cpu-shares" "not here: RACCT is off"
fi

# no-new-privileges is enforced: ../cli/isolators.t runs a set-user-ID program. Nothing that the app
# sees can make it more, also what it mounts.
mkdir "$work/volume"
done_well "no new privileges" jetpack run -d -pod-name held -v "data:$work/volume" "$subject" -m data:/data \
    --no-new-privileges --exec /bin/probe -- sleep 600 ---
verdict held 'os/linux/no-new-privileges: enforced' "... show says enforced"
world=$work/root/pods/$(uuid_of held)/world
is "$(mount | grep -F "$world" | grep -vc nosuid)" 0 "no mount of its root takes set-user-ID bits" ||
    show mounts "$(mount | grep -F "$world")"
[ "$(mount | grep -Fc "$world")" -ge 4 ]
ok $? "... of four" || show mounts "$(mount)"
done_well "destroy" jetpack destroy held
finish
