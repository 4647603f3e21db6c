# What the command-line tests share. A test program sources it, says what it expects and ends with
# `finish`. It has a root directory, a bridge and a subnet of its own below a temporary directory;
# whatever it leaves is removed, also when it fails or is interrupted. The machine's firewall and names
# are left alone: outside.t and names.t, which have network namespaces of their own, switch ours on.
#
#   run COMMAND...          runs it: $status, $out (standard output), $err (standard error)
#   is GOT EXPECTED NAME    equal texts
#   like GOT REGEX NAME     extended regular expression, somewhere
#   unlike GOT REGEX NAME
#   fails STATUS REGEX NAME COMMAND...
#                           fails with that status and one line on standard error that fits
#   jetpack ...             the command with the test's configuration
#   image NAME JSON         $work/NAME.aci: the probe, users, and the given members of the app
#   $own_port               a port of the host that no other test program has

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tap.sh"
source_dir=${SOURCE_DIR:-$(cd "$here/../.." && pwd)}
build_dir=${BUILD_DIR:-$source_dir/build}
JETPACK=$build_dir/src/cli/jetpack
programs=$build_dir/tests/programs
unset JETPACK_CONF JETPACK_FAULT
LC_ALL=C
export LC_ALL
umask 022

[ -x "$JETPACK" ] || { echo "Bail out! $JETPACK is not built"; exit 1; }

. "$here/../own.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/jetpack-cli-XXXXXX") || exit 1
config=$work/jetpack.conf
bridge=jpt$$
own $bridge "$work"

cat >"$config" <<END
root.dir = $work/root
net.bridge = $bridge
net.subnet = $own_subnet
net.subnet6 = fd7e:$(printf %x $(($$ & 65535))):$(printf %x $(($$ / 65536)))::/64
net.firewall = off
net.names = off
allow.no-signature = on
allow.autodiscovery = off
stop.grace = 5
mds.port = $service_port
mds.user = nobody
mds.idle = 1
END
# More of it for all tests: another storage driver, for instance.
[ -z "${JETPACK_TEST_CONFIG-}" ] || cat "$JETPACK_TEST_CONFIG" >>"$config"

jetpack() { "$JETPACK" -config "$config" "$@"; }

# Every image, those that others stand on after these.
destroy_images() {
    destroyed=
    remaining=$(jetpack images -q 2>/dev/null)
    while [ -n "$remaining" ] && [ "$remaining" != "$destroyed" ]; do
        destroyed=$remaining
        for image in $remaining; do jetpack destroy-image "$image" >/dev/null 2>&1; done
        remaining=$(jetpack images -q 2>/dev/null)
    done
}

cleanup() {
    trap '' INT TERM HUP
    if [ -d "$work/root" ] && [ "$(id -u)" -eq 0 ]; then
        for pod in $(jetpack list -q 2>/dev/null); do
            jetpack destroy "$pod" >/dev/null 2>&1
        done
        destroy_images # they may be mounted
        jetpack gc >/dev/null 2>&1
    fi
    # It stays when its last pod has gone, and when the root directory has.
    ! ip link show "$bridge" >/dev/null 2>&1 || ip link delete "$bridge"
    rm -rf "$work"
    end_own
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

need_root() {
    [ "$(id -u)" -eq 0 ] || skip_all "needs root"
}

show() { # TITLE TEXT
    printf '%s\n' "$2" | sed "s/^/# $1: /"
}

is() {
    [ "$1" = "$2" ]
    ok $? "$3" || { show got "$1"; show expected "$2"; }
}

like() {
    printf '%s\n' "$1" | grep -Eq -e "$2"
    ok $? "$3" || { show got "$1"; show pattern "$2"; }
}

unlike() {
    ! printf '%s\n' "$1" | grep -Eq -e "$2"
    ok $? "$3" || { show got "$1"; show "unwanted" "$2"; }
}

run() {
    "$@" >"$work/out" 2>"$work/err" </dev/null
    status=$?
    out=$(cat "$work/out")
    # What every pod is warned of that does not reach the host; mds.t and network.t look at it.
    err=$(grep -v 'the pod .*: nothing answers at its AC_METADATA_URL' "$work/err")
}

# done_well NAME COMMAND...: status 0
done_well() {
    done_name=$1
    shift
    run "$@"
    ok "$status" "$done_name" || { show out "$out"; show err "$err"; }
}

fails() {
    wanted=$1 pattern=$2 name=$3
    shift 3
    run "$@"
    lines=$(printf '%s\n' "$err" | grep -c .)
    if [ "$status" -eq "$wanted" ] && [ "$lines" -eq 1 ] &&
        printf '%s\n' "$err" | grep -Eq -e "^jetpack: .*($pattern)"; then
        ok 0 "$name"
    else
        ok 1 "$name"
        echo "# status $status, expected $wanted; pattern: $pattern"
        show err "$err"
    fi
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
    limit=$(($1 * 10))
    shift
    while ! "$@" >/dev/null 2>&1; do
        limit=$((limit - 1))
        [ "$limit" -gt 0 ] || return 1
        sleep 0.1
    done
}

# in_background OUTPUT COMMAND...: the command of ours as a job that can be interrupted; $job
in_background() {
    job_output=$1
    shift
    : >"$job_output" # now, not when the job comes to it: what an earlier job wrote is no answer
    "$programs/interruptible" "$JETPACK" -config "$config" "$@" >"$job_output" 2>&1 </dev/null &
    job=$!
}

# hear_notices NAME: what is said to the socket $work/NAME by sd_notify(3) goes to $work/NAME.told, a line
# each; $listener, which is to be killed
hear_notices() {
    perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die;
        $| = 1; print "listening\n"; while (defined $s->recv(my $text, 4096)) { print "$text\n" }' \
        "$work/$1" >"$work/$1.told" 2>&1 </dev/null &
    listener=$!
    wait_for 60 grep -q listening "$work/$1.told"
}

# end_of PID: its status; a job that does not end within a minute is killed (status 137)
alive() { kill -0 "$1"; }
ended() { ! alive "$1"; }
end_of() {
    wait_for 60 ended "$1" || kill -KILL "$1"
    wait "$1"
}

host_os=$(uname -s | tr '[:upper:]' '[:lower:]')
case $(uname -m) in
x86_64 | amd64) host_arch=amd64 ;;
aarch64) host_arch=aarch64 ;;
i?86) host_arch=i386 ;;
*) host_arch=$(uname -m) ;;
esac

# rootfs DIRECTORY: the tree of a small image
rootfs() {
    mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/data" "$1/home/alice"
    chmod 1777 "$1/tmp"
    cp "$programs/probe" "$programs/knock" "$1/bin/"
    printf 'root:x:0:0:root:/root:/bin/probe\nalice:x:1000:1000::/home/alice:/bin/probe\n' \
        >"$1/etc/passwd"
    printf 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\ngames:x:60:\n' >"$1/etc/group"
    echo from-image >"$1/data/file"
}

# manifest NAME JSON [VERSION]: an image manifest whose app has the given members
manifest() {
    app=''
    [ -z "$2" ] || app=", \"app\": {$2}"
    cat <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/$1",
 "labels": [{"name": "os", "value": "$host_os"}, {"name": "arch", "value": "$host_arch"},
            {"name": "version", "value": "${3:-1.0}"}]$app}
END
}

pack() { # DIRECTORY FILE
    tar -C "$1" -b 1 -cf "$2" manifest rootfs
}

image() { # NAME JSON [VERSION]
    dir=$work/tree.$1
    mkdir -p "$dir"
    rootfs "$dir/rootfs"
    manifest "$@" >"$dir/manifest"
    pack "$dir" "$work/$1.aci"
    rm -rf "$dir"
}

# add_image NAME JSON [VERSION]: made and imported; $id
add_image() {
    image "$@"
    id=$(jetpack import -q "$work/$1.aci" 2>"$work/err") || {
        echo "Bail out! import of the test image $1: $(cat "$work/err")"
        exit 1
    }
}

# json KEY...: a member of the JSON in $out, as text (python3 or perl would be one more need)
json() { printf '%s\n' "$out" | sed -n "s/^ *\"$1\": *\"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" | head -n 1; }

# mode_of FILE: permissions, octal; stat(1) has other options on each system
mode_of() { "$programs/probe" stat "$1" | awk '{print $2}'; }

state_of() { jetpack list -q -filter "name=$1" -filter "state=$2" | grep -q .; }
