#!/bin/sh
# The main job on real input: two images from Debian packages, one pod of two apps and a volume.
#
#   demo.sh BUILD-DIRECTORY
#
# Everything lives in a root directory, bridge and subnet of its own, removed at the end.
set -eu
cd "$(dirname "$0")/.."
jetpack=$PWD/${1:-build}/src/cli/jetpack
if [ "$(id -u)" -ne 0 ]; then
    echo "demo: must be root to make namespaces and mounts; try: sudo ./demo" >&2
    exit 1
fi

work=$(mktemp -d /var/tmp/jetpack-demo.XXXXXX)
# A subnet that this host does not route anywhere yet.
for net in 29 30 31 28 27 26 25 24; do
    ip -4 route show | grep -q "172\.$net\." || break
done
cat >"$work/jetpack.conf" <<CONF
root.dir = $work/root
net.bridge = jpdemo0
net.subnet = 172.$net.0.0/16
allow.no-signature = on
mds.user = nobody
mds.port = 1105
mds.idle = 1
CONF

quiet() { "$jetpack" -config "$work/jetpack.conf" "$@"; }
bold='' plain=''
if [ -t 1 ]; then
    bold=$(printf '\033[1m') plain=$(printf '\033[0m')
fi
run() {
    printf '\n%s$ jetpack %s%s\n' "$bold" "$*" "$plain"
    quiet "$@"
}
say() { printf '\n# %s\n' "$*"; }

finish() {
    status=$?
    trap - EXIT HUP INT TERM
    quiet destroy demo >/dev/null 2>&1 || true
    ip link delete jpdemo0 2>/dev/null || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

case $(uname -m) in
x86_64) arch=amd64 ;;
aarch64) arch=aarch64 ;;
*) arch=$(uname -m) ;;
esac

say "Two images, made from Debian packages"
for image in redis webdis; do
    sed -e "s/@ARCH@/$arch/" -e s/@VERSION@/demo/ "images/example.$image/manifest" >"$work/$image.json"
    case $image in
    redis) packages='redis-server dash coreutils' ;;
    webdis) packages=webdis ;;
    esac
    # shellcheck disable=SC2086 # a list of words
    images/debian/make-aci.sh "$work/$image.aci" "$work/$image.json" "images/example.$image/root" \
        $packages
    run import "$work/$image.aci"
done
run images

say "A pod of both, with a volume, in the background"
cat images/example.redis/pod.json
run run -d --pod-name=demo -f images/example.redis/pod.json
run list
run show demo

address=$(quiet list -H | awk '$2 == "demo" { print $4 }')
# webdis may need a moment until it answers.
fetch() { curl -sS --retry 20 --retry-connrefused --retry-delay 1 --max-time 60 --noproxy '*' "$@"; }
say "The host talks to webdis, webdis talks to Redis inside the pod: http://$address:7379"
fetch "http://$address:7379/SET/greeting/hello"
echo
reply=$(fetch "http://$address:7379/GET/greeting")
echo "$reply"
[ "$reply" = '{"GET":"hello"}' ]
run exec demo:redis redis-cli get greeting
run exec demo:redis sh -c 'echo dirt >/tmp/dirt; ls /tmp'
run logs demo:redis

say "Stopped and run again: the volume is kept, the root file system is clean"
run stop demo
run list
run run -d demo
reply=$(fetch "http://$address:7379/GET/greeting")
echo "$reply"
[ "$reply" = '{"GET":"hello"}' ]
if quiet exec demo:redis ls /tmp/dirt 2>/dev/null; then
    echo "demo: /tmp/dirt survived" >&2
    exit 1
fi
echo "/tmp/dirt is gone"

say "Destroyed"
run destroy demo
run destroy-image example.com/webdis
run destroy-image example.com/redis
run gc
run list
run images
say "Done: nothing is left of it."
