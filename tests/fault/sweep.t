#!/bin/sh
# kill -9 at every system call, on the real back end: import, prepare, run, stop and destroy are
# killed before each of their system calls by strace's injection, and so are the supervisor, PID 1 of
# the pod and the shim. After each one `gc` must leave nothing behind (no mount, namespace, link,
# control group, process or temporary directory), the store must be sound, and the pod must run again.
#
# Calls that only read or only concern the process's own memory are left out: to be killed before one
# of them leaves what being killed before the next one that changes something leaves.
#
# SWEEP_STRIDE=N tries every N-th point only (default 1, all).
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/../..}" || exit 1
build=${BUILD_DIR:-$PWD/build}
jetpack=$build/src/cli/jetpack
stride=${SWEEP_STRIDE:-1}
harmless='mmap|munmap|mprotect|mremap|madvise|brk|arch_prctl|set_tid_address|set_robust_list|rseq|prlimit64
|rt_sigaction|rt_sigprocmask|rt_sigreturn|sigaltstack|read|pread64|readv|lseek|fstat|newfstatat|lstat
|stat|statx|statfs|fstatfs|access|faccessat|faccessat2|readlink|readlinkat|getdents64|getpid|gettid
|getppid|getuid|geteuid|getgid|getegid|getresuid|getresgid|getrandom|clock_gettime|clock_nanosleep
|gettimeofday|sysinfo|uname|futex|fadvise64|fgetxattr|flistxattr|getxattr|listxattr|lgetxattr
|llistxattr|getsockopt|getsockname|ioctl|sched_getaffinity|getcwd|capget|poll|ppoll|fcntl'
harmless=$(printf %s "$harmless" | tr -d '\n')

. tests/tap.sh
[ "$(id -u)" -eq 0 ] || skip_all 'needs root'
strace -o /dev/null -e inject=getpid:signal=KILL:when=9999 true 2>/dev/null ||
    skip_all 'not here: strace cannot trace'

. tests/own.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/jetpack-sweep.XXXXXX")
bridge=jps$$
own $bridge "$work"
conf=$work/jetpack.conf
cat >"$conf" <<CONF
root.dir = $work/root
net.bridge = $bridge
net.subnet = $own_subnet
net.firewall = off
allow.no-signature = on
mds.user = nobody
mds.port = $service_port
mds.idle = 1
stop.grace = 1
CONF

j() { timeout 60 "$jetpack" -config "$conf" "$@"; }

clean_up() {
    status=$?
    trap - EXIT HUP INT TERM
    j destroy swept >/dev/null 2>&1
    ip link delete "$bridge" 2>/dev/null
    rm -rf "$work"
    end_own
    exit "$status"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# A tiny image: one program that ends at once, or waits for its signal when told to.
mkdir -p "$work/image/rootfs/bin"
cat >"$work/app.c" <<'C'
#include <signal.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        pause();
    return 0;
}
C
program=sweep$$
gcc -O1 -static -o "$work/image/rootfs/bin/$program" "$work/app.c" || exit 1
cat >"$work/image/manifest" <<JSON
{"acKind":"ImageManifest","acVersion":"0.8.11","name":"test/sweep",
 "labels":[{"name":"version","value":"1"}],
 "app":{"exec":["/bin/$program"],"user":"0","group":"0",
  "mountPoints":[{"name":"data","path":"/data"}],
  "isolators":[{"name":"resource/memory","value":{"limit":"64Mi"}}]}}
JSON
tar -C "$work/image" -cf "$work/sweep.aci" manifest rootfs

# What is left of us on this machine, a line each. The kernel takes down links and cgroups of a dead
# pod a little later, so it is asked again for a while.
leftovers() {
    ls "/sys/class/net/$bridge/brif" 2>/dev/null | sed 's/^/link /'
    grep -F "$work" /proc/self/mountinfo | sed 's/^/mount /'
    find /proc/[0-9]*/exe -maxdepth 0 -printf '%p %l\n' 2>/dev/null |
        grep -E "/($program|jetpack|jetpack-image)( |\$)|jetpack-stage" |
        while read -r exe target; do
            pid=${exe#/proc/}
            pid=${pid%/exe}
            { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qE "$program|$work" ||
                find "/proc/$pid/fd" "/proc/$pid/cwd" -printf '%l\n' 2>/dev/null |
                grep -q "$work" || continue
            echo "process $pid $target"
        done
    find "$work/root/tmp" -mindepth 1 -maxdepth 1 2>/dev/null | sed 's/^/tmp /'
    for pod in "$work"/root/pods/*/; do
        [ -d "$pod" ] || continue
        uuid=${pod%/}
        uuid=${uuid##*/}
        find /sys/fs/cgroup -type d -name "*$uuid*" 2>/dev/null | sed 's/^/cgroup /'
        find "$pod/apps" -mindepth 2 -maxdepth 2 2>/dev/null | sed 's/^/clone /'
    done
}

clean_after() { # TEXT: gc, then nothing may be left and the store must be sound
    tries=0
    while :; do
        j gc >"$work/gc.out" 2>&1 || { sed 's/^/# gc: /' "$work/gc.out"; return 1; }
        leftovers >"$work/left"
        [ -s "$work/left" ] || break
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { sed "s/^/# $1: left: /" "$work/left"; return 1; }
        sleep 0.1
    done
    j fsck >"$work/fsck.out" 2>&1 || { sed "s/^/# $1: fsck: /" "$work/fsck.out"; return 1; }
}

# The points of a trace: "NAME N", the N-th call of that name, every stride-th of them.
points_of() {
    sed -nE 's/^([0-9]+ +)?([a-z_0-9]+)\(.*/\2/p' "$1" | grep -vxE "$harmless" |
        awk -v stride="$stride" '{ seen[$1]++; if (n++ % stride == 0) print $1, seen[$1] }'
}

# sweep NAME SETUP CHECK COMMAND...: SETUP and CHECK are functions.
sweep() {
    name=$1 setup=$2 check=$3 bad=0 killed=0
    shift 3
    $setup >"$work/setup.out" 2>&1
    strace -o "$work/trace" "$jetpack" -config "$conf" "$@" >"$work/out" 2>&1 </dev/null || bad=1
    [ "$bad" -eq 0 ] || sed "s/^/# $name: /" "$work/out"
    points_of "$work/trace" >"$work/points"
    while read -r call n <&3; do
        $setup >"$work/setup.out" 2>&1 || { sed 's/^/# setup: /' "$work/setup.out"; bad=1; break; }
        timeout 60 strace -o /dev/null -e inject="$call":signal=KILL:when="$n" \
            "$jetpack" -config "$conf" "$@" >"$work/out" 2>&1 </dev/null
        [ $? -eq 137 ] && killed=$((killed + 1))
        clean_after "$name, $call $n" && $check "$name, $call $n" || bad=$((bad + 1))
        [ "$bad" -lt 3 ] || break
    done 3<"$work/points"
    [ "$bad" -eq 0 ] && [ "$killed" -gt 0 ]
    ok $? "$name killed at each of $killed system calls leaves nothing"
}

nothing() { :; }
with_image() { j import "$work/sweep.aci" || j show-image test/sweep; }
without_image() { j destroy-image test/sweep || :; }
image_is_whole() { j import "$work/sweep.aci" >/dev/null 2>&1; j verify test/sweep >"$work/verify" 2>&1; }
without_pods() {
    for pod in $(j list -q); do j destroy "$pod" || return 1; done
}
with_pod() { j show swept || j prepare --pod-name=swept test/sweep; }
with_running_pod() {
    with_pod || return 1
    j run -d swept
}
runs_again() { j stop swept >/dev/null 2>&1; j run swept >"$work/again" 2>&1 ||
    { sed "s/^/# $1: runs again: /" "$work/again"; return 1; }; }
can_be_made() { without_pods && with_pod >/dev/null 2>&1 && runs_again "$1"; }

sweep import without_image image_is_whole import "$work/sweep.aci"
with_image >/dev/null 2>&1
sweep prepare without_pods can_be_made prepare --pod-name=swept test/sweep
with_pod >/dev/null 2>&1
sweep run with_pod runs_again run swept
sweep "run -d" with_pod runs_again run -d swept

# The supervisor: `path.libexec` leads to a stage 1 that strace starts and kills.
mkdir "$work/libexec"
ln -s "$build/src/stage2/jetpack-stage2" "$work/libexec/jetpack-stage2"
sed "/path.libexec/d" "$conf" >"$work/traced.conf"
echo "path.libexec = $work/libexec" >>"$work/traced.conf"
traced_stage1() { # STRACE-OPTIONS...
    cat >"$work/libexec/jetpack-stage1" <<SCRIPT
#!/bin/sh
exec strace -D -o $work/trace $* $build/src/stage1/jetpack-stage1
SCRIPT
    chmod +x "$work/libexec/jetpack-stage1"
    timeout 60 "$jetpack" -config "$work/traced.conf" run swept >"$work/out" 2>&1 </dev/null
}

# supervisor_sweep NAME FOLLOW CALLS: CALLS is a pattern of the names to try. With "-f" whichever
# process makes the call so many times is killed: PID 1, the shim, or the supervisor.
supervisor_sweep() {
    name=$1 follow=$2 bad=0 killed=0
    with_pod >/dev/null 2>&1
    traced_stage1 "$follow"
    if [ -n "$follow" ]; then # the busiest process of each name gives the counts
        points_of "$work/trace" >/dev/null
        sed -nE 's/^([0-9]+) +([a-z_0-9]+)\(.*/\1 \2/p' "$work/trace" |
            awk '{ c = ++seen[$0]; if (c > most[$2]) { most[$2] = c; print $2, c } }'
    else
        points_of "$work/trace"
    fi | grep -E "^($3) " >"$work/points"
    while read -r call n <&3; do
        with_pod >/dev/null 2>&1
        traced_stage1 "$follow" -e inject="$call":signal=KILL:when="$n"
        grep -q 'killed by SIGKILL' "$work/trace" && killed=$((killed + 1))
        clean_after "$name, $call $n" && runs_again "$name, $call $n" || bad=$((bad + 1))
        [ "$bad" -lt 3 ] || break
    done 3<"$work/points"
    [ "$bad" -eq 0 ] && [ "$killed" -gt 0 ]
    ok $? "$name killed at each of $killed system calls leaves nothing"
}
supervisor_sweep "the supervisor" "" '.*'
supervisor_sweep "PID 1, mounting" -f \
    'fsopen|fsconfig|fsmount|open_tree|move_mount|mount_setattr|pivot_root|umount2|mkdirat|mknodat|unshare'
supervisor_sweep "the shim" -f \
    'setgroups|setresuid|setresgid|capset|execve|execveat|setns|seccomp|setsid|chdir|close_range'

sweep stop with_running_pod runs_again stop swept
sweep destroy with_pod can_be_made destroy swept

finish
