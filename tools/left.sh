#!/bin/sh
# left.sh LEDGER BUILDS: fails, and says what it is, when the test programs that are noted in LEDGER
# (tests/own.sh) have left something on this machine: a bridge, a directory or what is mounted in it, a
# process of a program below the directory BUILDS. A control group of a pod without processes that was
# not there before (LEDGER.groups, made by `left.sh LEDGER BUILDS begin`) is told, but fails nothing:
# it may be of another installation on this machine. Elsewhere than on Linux only directories are looked
# for, and it says so.
set -u
ledger=$1 builds=$2
system=$(uname -s)

# Control groups of pods in which nothing runs.
dead_groups() {
    find /sys/fs/cgroup -depth -type d -path '*/jetpack/*-*-*-*-*' 2>/dev/null | while read -r group; do
        [ -z "$(find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null)" ] && echo "control group $group"
    done | sort
}

left() {
    while read -r bridge directory; do
        [ ! -e "$directory" ] || echo "directory $directory"
        [ "$system" = Linux ] || continue
        [ ! -e "/sys/class/net/$bridge" ] || echo "bridge $bridge of $directory"
        grep -F " $directory/" /proc/self/mountinfo 2>/dev/null | sed 's/^/mount /'
    done <"$ledger"
    [ "$system" = Linux ] || return
    find /proc/[0-9]*/exe -maxdepth 0 -lname "$builds/*" -printf 'process %p %l\n' 2>/dev/null
    dead_groups | comm -13 "$ledger.groups" -
}

if [ "${3-}" = begin ]; then
    : >"$ledger"
    dead_groups >"$ledger.groups"
    exit
fi

for file in "$ledger" "$ledger.groups"; do
    [ -f "$file" ] || { echo "      there is no $file: did it begin?"; exit 1; }
done
[ "$system" = Linux ] || echo "      not here: bridges, mounts, processes and control groups that are left"

# The kernel and the metadata service take a moment to let go; what others do is gone by then.
tries=60
left >"$ledger.left"
while [ -s "$ledger.left" ] && [ "$tries" -gt 0 ]; do
    sleep 1
    tries=$((tries - 1))
    left | sort >"$ledger.now"
    sort "$ledger.left" | comm -12 - "$ledger.now" >"$ledger.both"
    mv "$ledger.both" "$ledger.left"
done
sed 's/^/      left: /' "$ledger.left"
grep -qv '^control group ' "$ledger.left"
[ $? -eq 1 ] # nothing else, and the file was there
