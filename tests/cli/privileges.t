#!/bin/sh
# Isolators that only Linux has: kernel parameters of a pod, out-of-memory scores, capabilities, filters
# of system calls.
. "$(dirname "$0")/lib.sh"
need_root
[ "$host_os" = linux ] || skip_all "not here: these isolators are Linux's"
. "$here/subject.sh"

# ---- kernel parameters ------------------------------------------------------------------------------
before=$(cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax)
in_pod -sysctl net.ipv4.ip_default_ttl=33 -sysctl kernel.msgmax=4321 -- -- \
    cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax
is "$(echo $out)" '33 4321' "sysctl: a pod has its own values"
is "$(cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax)" "$before" "sysctl: the host keeps its own"
in_pod -sysctl net.ipv4.ip_default_ttl=33 -net none -- -- cat /proc/sys/net/ipv4/ip_default_ttl
is "$out" 33 "sysctl: without a network too"
run jetpack run -pod-name tuned -sysctl net.ipv4.ip_default_ttl=44 "$subject"
verdict tuned ' os/unix/sysctl: enforced' "sysctl: show says enforced"
jetpack destroy tuned
panic=$(cat /proc/sys/kernel/panic)
run jetpack run -pod-name tuned -sysctl kernel.panic=77 -sysctl net.ipv4.ip_default_ttl=44 "$subject" \
    --exec /bin/probe -- cat /proc/sys/net/ipv4/ip_default_ttl ---
is "$out" 'app| 44' "sysctl: others are set beside a forbidden one"
verdict tuned 'os/unix/sysctl: ignored, because kernel.panic: it belongs to the host' \
    "sysctl: show names what is not for a pod"
jetpack destroy tuned
is "$(cat /proc/sys/kernel/panic)" "$panic" "sysctl: which is not changed"
for key in kernel.panic vm.swappiness net.no_such_thing net..ipv4.ip_forward \
    net.ipv4./.ipv4.ip_forward fs.mqueue../../kernel.panic net.ipv4.ip_default_ttl.; do
    fails 125 "os/unix/sysctl.* is ignored: $(echo "$key" | sed 's/[.]/[.]/g').*strict" \
        "sysctl: a strict pod refuses $key" jetpack run -destroy -strict -sysctl "$key=1" "$subject"
done
# A value is one value, whatever stands in it.
everything() { cat /proc/sys/kernel/panic /proc/sys/kernel/core_pattern /proc/sys/net/ipv4/ip_default_ttl; }
before=$(everything)
for value in '44+kernel.panic=77' '44 kernel.panic=77' "44
kernel.panic=77" '../../kernel/panic'; do
    run jetpack run -destroy -sysctl "net.ipv4.ip_default_ttl=$value" "$subject"
    is "$(everything)" "$before" "row 22: the host's parameters stay with '$(echo "$value" | head -n 1)'"
done
run jetpack run -destroy -sysctl 'kernel.core_pattern=|/bin/probe' "$subject"
is "$(everything)" "$before" "row 22: no core pattern"
fails 125 "the pod has the host's network" "sysctl: of the network, not with the host's" \
    jetpack run -destroy -strict --net=host -sysctl net.ipv4.ip_default_ttl=44 "$subject"
fails 125 "Invalid argument.*strict" "sysctl: a value that the kernel refuses" \
    jetpack run -destroy -strict -sysctl net.ipv4.ip_default_ttl=nonsense "$subject"
fails 125 "belongs to a pod" "sysctl: not of an app" \
    jetpack run -destroy -strict "$subject" '--isolator=os/unix/sysctl={"kernel.msgmax":"4321"}'

# ---- out-of-memory score ----------------------------------------------------------------------------
own=$(cat /proc/self/oom_score_adj)
in_pod -- "--isolator=os/linux/oom-score-adj=500" -- cat /proc/self/oom_score_adj
is "$out" 500 "oom-score-adj: raised"
run jetpack run -pod-name low "$subject" --isolator=os/linux/oom-score-adj=-500 --exec /bin/probe -- \
    cat /proc/self/oom_score_adj ---
if setpriv -d 2>/dev/null | grep -i 'bounding' | grep -q sys_resource; then
    is "$out" 'app| -500' "oom-score-adj: lowered"
else
    is "$out" "app| $own" "oom-score-adj: who may not lower it does not"
    verdict low 'oom-score-adj: ignored, because .*CAP_SYS_RESOURCE' "oom-score-adj: and show says so"
fi
jetpack destroy low
run jetpack run -d -pod-name score "$subject" --isolator=os/linux/oom-score-adj=250 --exec /bin/probe -- sleep 1000 ---
run jetpack exec score /bin/probe cat /proc/self/oom_score_adj
is "$out" 250 "oom-score-adj: of what is executed too"
verdict score 'app: os/linux/oom-score-adj: enforced' "oom-score-adj: show says enforced"
jetpack destroy score

# ---- capabilities -----------------------------------------------------------------------------------
in_pod -- -- call chroot chown sethostname
is "$(echo $out)" 'chroot: ok chown: ok sethostname: Operation not permitted' "capabilities: the default set"
in_pod -- --caps-remove=CAP_SYS_CHROOT,CAP_SYS_ADMIN -- call chroot chown
is "$(echo $out)" 'chroot: Operation not permitted chown: ok' "capabilities: a removed one is gone"
in_pod -- --caps-retain=CAP_CHOWN -- call chroot chown
is "$(echo $out)" 'chroot: Operation not permitted chown: ok' "capabilities: a retained one is left alone"
in_pod -- --caps-retain=CAP_SYS_ADMIN --seccomp=unconfined -- call sethostname chown
is "$(echo $out)" 'sethostname: ok chown: Operation not permitted' "capabilities: one beyond the default set"
fails 2 'there is no capability|CAP_NONSENSE' "capabilities: an unknown one is refused" \
    jetpack prepare "$subject" --caps-retain=CAP_NONSENSE

# ---- system calls -----------------------------------------------------------------------------------
in_pod -- --seccomp=mode=remove,errno=ENOTSUP,mkdir,mkdirat -- call mkdir chroot
is "$(echo $out)" 'mkdir: Operation not supported chroot: ok' "seccomp: a removed call gives the error"
in_pod -- --seccomp=mode=remove,mkdir,mkdirat -- call mkdir
is "$status" 159 "seccomp: without an error the program is killed by SIGSYS"
base=read,write,writev,close,fstat,newfstatat,mmap,munmap,brk,arch_prctl,set_tid_address,set_robust_list
base=$base,rseq,prlimit64,readlinkat,readlink,getrandom,mprotect,ioctl,uname,futex,sched_getaffinity
in_pod -- "--seccomp=mode=retain,errno=EACCES,$base,chroot" -- call mkdir chroot
is "$(echo $out)" 'mkdir: Permission denied chroot: ok' "seccomp: only retained calls are let through"
in_pod -- '--isolator=os/linux/seccomp-retain-set={"set":["@appc.io/all"]}' -- call mkdir chroot
is "$(echo $out)" 'mkdir: ok chroot: ok' "seccomp: @appc.io/all retains all"
in_pod -- '--isolator=os/linux/seccomp-remove-set={"set":["@appc.io/empty","mkdir","mkdirat"]}' -- call mkdir
is "$out" 'mkdir: ok' "seccomp: @appc.io/empty masks what else is removed"
run jetpack run -pod-name filter "$subject" --seccomp=mode=remove,mkdir,no_such_call
verdict filter 'seccomp-remove-set: modified, because unknown here: no_such_call' \
    "seccomp: show names calls that are not known"
jetpack destroy filter
finish
