# What the tests of a FreeBSD kernel share, beside ../cli/lib.sh.
. "$here/../cli/lib.sh"
[ "$(uname -s)" = FreeBSD ] || skip_all 'not here: no FreeBSD'
need_root

uuid_of() { jetpack list -H | awk -v name="$1" '$2 == name {print $1}'; }
jail_of() { jls -n name jid 2>/dev/null | sed -n "s/^name=.*$1 jid=\([0-9]*\).*/\1/p"; }
mounts_of() { mount | grep -c "$1/world"; }
gone() { [ -z "$(jail_of "$1")" ] && [ "$(mounts_of "$1")" -eq 0 ]; }
host_end() { printf 'jp%s\n' "$(printf '%s' "$1" | tr -d - | cut -c 1-12)"; }
# (The keeper is the same program.)
supervisor_of() { sed -n 's/.*"supervisor":{"pid":\([0-9]*\).*/\1/p' "$work/root/pods/$1/state"; }
keeper_of() { ps -axo pid,command | awk -v title="jp-$1" '$2 == title {print $1}'; }
says() { jetpack logs "$1" 2>/dev/null | grep -q "$2"; }
