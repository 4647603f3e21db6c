#!/bin/sh
# What is installed: contrib/freebsd/pkg-plist names exactly that, the services are scripts and units
# that their interpreters accept, and the version of the port is ours.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
SOURCE_DIR=$(pwd)
BUILD_DIR=$(cd "${BUILD_DIR:-build}" && pwd) || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

DESTDIR=$scratch/dest meson install -C "$BUILD_DIR" --no-rebuild >"$scratch/log" 2>&1
ok $? "meson install" || cat "$scratch/log"
prefix=$(sed -n 's/^#define JP_PREFIX "\(.*\)"/\1/p' "$BUILD_DIR/config.h")

# Of the two kinds of services one is installed; the list is FreeBSD's.
(cd "$scratch/dest$prefix" && find . ! -type d) | sed 's|^\./||' |
    grep -Ev '^(lib/systemd/system|etc/rc\.d)/' | sort >"$scratch/installed"
sed -e 's/^@sample \([^ ]*\).*/\1/' -e '/^@/d' -e '/man\/man/s/\.gz$//' \
    contrib/freebsd/pkg-plist | grep -v '^etc/rc\.d/' | sort >"$scratch/listed"
diff "$scratch/listed" "$scratch/installed" | sed 's/^/# /' >"$scratch/diff"
[ ! -s "$scratch/diff" ]
ok $? "pkg-plist names what is installed" || cat "$scratch/diff"
grep -qx 'etc/rc\.d/jetpack' contrib/freebsd/pkg-plist
ok $? "pkg-plist names the rc.d script"
services=$(cd "$scratch/dest$prefix" && find lib/systemd/system etc/rc.d -type f 2>/dev/null | sort)
case $services in
'lib/systemd/system/jetpack-gc.service
lib/systemd/system/jetpack-gc.timer
lib/systemd/system/jetpack-mds.service
lib/systemd/system/jetpack@.service' | 'etc/rc.d/jetpack
etc/rc.d/jetpack_mds') ok 0 "one kind of service is installed" ;;
*) ok 1 "one kind of service is installed, not: $services" ;;
esac
ninja -C "$BUILD_DIR" -t query programs >"$scratch/programs" 2>&1
for program in $(cd "$scratch/dest$prefix" && find bin libexec -type f | sed 's|.*/||'); do
    grep -q "/$program\$" "$scratch/programs"
    ok $? "make builds $program"
done
(cd "$scratch/dest" && find . ! -type d ! -path ".$prefix/*") >"$scratch/elsewhere"
[ ! -s "$scratch/elsewhere" ]
ok $? "nothing is installed outside of $prefix" || cat "$scratch/elsewhere"

"$scratch/dest$prefix/bin/jetpack" version >"$scratch/version" 2>&1
version=$(sed -n "1s/[^0-9.]*$//p" "$scratch/version")
[ -n "$version" ] && grep -q "^DISTVERSION=.$version\$" contrib/freebsd/Makefile
ok $? "the port has the version of the program" || cat "$scratch/version"

# Libraries that are installed to build on FreeBSD, and those that the port depends on.
needed=$(sed -n "s/^freebsd_build='\(.*\)'/\1/p" tools/install-packages.sh)
for package in $needed; do
    case $package in
    meson | ninja | pkgconf) continue ;; # USES=meson pkgconfig
    sqlite3) pattern='^USES=.* sqlite' ;;
    *) pattern=":[a-z]*/$package\>" ;;
    esac
    grep -q "$pattern" contrib/freebsd/Makefile
    ok $? "the port depends on $package"
done

# What both services call is in the table of commands.
sh -n "$BUILD_DIR/contrib/jetpack" && sh -n "$BUILD_DIR/contrib/jetpack_mds"
ok $? "the rc.d scripts are shell scripts"
! grep -q '@[A-Z]*DIR@' "$BUILD_DIR/contrib/jetpack" "$BUILD_DIR/contrib/jetpack@.service" \
    "$BUILD_DIR/contrib/jetpack_mds" "$BUILD_DIR"/contrib/jetpack-*.service
ok $? "services name the installed program"
"$BUILD_DIR/src/cli/jetpack" help -format=words >"$scratch/words"
for command in $(sed -n 's/.*jetpack_run \([a-z][a-z]*\).*/\1/p' contrib/rc.d/jetpack.in) \
    $(sed -n 's/^Exec.*jetpack \([a-z][a-z]*\).*/\1/p' contrib/systemd/*.service.in); do
    grep -qx "$command" "$scratch/words"
    ok $? "a service calls $command"
done
# No status tells a start that can never succeed from one that failed once: all are tried, five times.
unit=$BUILD_DIR/contrib/jetpack@.service
! grep -q '^RestartPreventExitStatus' "$unit" && grep -qx 'Restart=on-failure' "$unit"
ok $? "whatever its status, a start that failed is tried again"
# Five tries that fail at once, and the waits between them, fit into the interval.
number() { sed -n "/^\[$1\]/,/^\[/s/^$2=\([0-9][0-9]*\)$/\1/p" "$unit"; }
burst=$(number Unit StartLimitBurst) interval=$(number Unit StartLimitIntervalSec)
pause=$(number Service RestartSec)
[ -n "$burst" ] && [ -n "$interval" ] && [ -n "$pause" ] && [ $((burst * pause)) -lt "$interval" ]
ok $? "... and what can never start is given up: $burst tries, $pause s apart, in $interval s"
if command -v systemd-analyze >/dev/null 2>&1; then
    mkdir "$scratch/units"
    for unit in jetpack@.service jetpack-mds.service jetpack-gc.service jetpack-gc.timer; do
        sed "s|$prefix/bin/jetpack|/bin/true|" "$BUILD_DIR/contrib/$unit" >"$scratch/units/$unit"
    done
    systemd-analyze verify --man=no "$scratch/units/jetpack@shop.service" \
        "$scratch/units/jetpack-mds.service" "$scratch/units/jetpack-gc.timer" >"$scratch/log" 2>&1 &&
        ! grep -q 'jetpack[-@]' "$scratch/log"
    ok $? "systemd accepts the units" || cat "$scratch/log"
else
    skip "systemd accepts the units" 'not here: no systemd-analyze'
fi

finish
