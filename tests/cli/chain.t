#!/bin/sh
# The chain of images/: a release as an archive, a base built on it, and showenv and portbuilder on that,
# each by its Makefile, on each storage driver. The system is a busybox, on FreeBSD its own programs, with
# a freebsd-version and a freebsd-update that play, and the makes of both families by turns.
. "$(dirname "$0")/drivers.sh"
. "$here/busybox.sh"
command -v "$bsd" >/dev/null && command -v xz >/dev/null || skip_all "no $bsd or no xz"
command -v "$gnu" >/dev/null || gnu=$bsd
[ -x "$build_dir/src/mds/jetpack-mds" ] || skip_all 'not here: this build has no metadata service'
unset BUILD_DIR # is a variable of the macros
unset MAKEFLAGS MFLAGS MAKELEVEL

# base_txz MAKE: what a release's base.txz is like
base_txz() {
    rm -rf "$work/base"
    busybox_rootfs "$work/base"
    busybox_make "$1" "$work/base"
    mkdir -p "$work/base/var/db/freebsd-update"
    echo 'Components src world kernel' >"$work/base/etc/freebsd-update.conf"
    printf '#!/bin/sh\ncat /etc/level\n' >"$work/base/bin/freebsd-version"
    echo 14.3-RELEASE >"$work/base/etc/level"
    cat >"$work/base/bin/freebsd-update" <<'END'
#!/bin/sh
grep -qx 'Components world' /etc/freebsd-update.conf || exit 1
echo "$*" >/var/db/freebsd-update/words
echo 14.3-RELEASE-p2 >/etc/level
END
    chmod 755 "$work/base/bin/freebsd-version" "$work/base/bin/freebsd-update"
    tar -C "$work/base" -cJf "$images/freebsd-base.release/base.txz" .
}

# made MAKE FOLDER [WORD...]
made() {
    tool=$1 folder=$2
    shift 2
    run "$tool" -C "$images/$folder" JETPACK="$JETPACK" JETPACK_FLAGS="-config $config" "$@"
    ok "$status" "$driver: $folder: $tool" || { show out "$out"; show err "$err"; }
    id=$(cat "$images/$folder/image.aci.id" 2>/dev/null)
}

inside=$bsd
try() {
    here_make=$inside
    if [ "$inside" = "$gnu" ]; then inside=$bsd; else inside=$gnu; fi
    images=$work/images
    rm -rf "$images"
    cp -R "$source_dir/images" "$images"
    base_txz "$inside"

    made "$here_make" freebsd-base.release OS="$host_os" ARCH="$host_arch" RELEASE=14.3-RELEASE
    release=$id
    is "$(jetpack images -q -l example.com/freebsd-base/release:14.3)" "$release" "$driver: the release, by its number"
    made "$here_make" freebsd-base
    base=$id
    is "$(jetpack images -q -l example.com/freebsd-base:14.3.2)" "$base" "$driver: the base, by its patch level"
    like "$(jetpack image-manifest "$base")" "$release" "$driver: ... on the release"
    made "$here_make" example.showenv PARENT_IMAGE=example.com/freebsd-base PARENT_DIR=
    showenv=$id
    like "$(jetpack image-manifest "$showenv")" "$base" "$driver: showenv on the base"
    run jetpack run -destroy -v data example.com/showenv -a greeting='hello, pod'
    is "$status" 0 "$driver: it runs" || show err "$err"
    like "$out" '^showenv\| greeting: +hello, pod$' "$driver: ... shows what it was told"
    like "$out" "^showenv\\| image: +$showenv\$" "$driver: ... its image"
    like "$out" '^showenv\| pre-start of showenv in ' "$driver: ... the handler before it"
    like "$out" "^showenv\\| $showenv\$" "$driver: ... and the one after it"
    done_well "$driver: all are intact" jetpack verify "$release" "$base" "$showenv"

    made "$here_make" example.showenv PARENT_IMAGE=example.com/freebsd-base PARENT_DIR= flat-aci
    done_well "$driver: destroy showenv" jetpack destroy-image "$showenv"
    done_well "$driver: and import it flat" jetpack import -q "$images/example.showenv/image.flat.aci"
    run jetpack run -destroy example.com/showenv
    like "$out" '^showenv\| from image: +yes$' "$driver: ... the same without what it was built on"
    ported
}

# A port that is made by the tree's own rules.
ported() {
    made "$here_make" portbuilder PARENT_DIR=
    ports=$work/ports
    mkdir -p "$ports/misc/figlet" "$work/packages"
    printf 'package:\n\techo "%s" >$(PACKAGES)/figlet.pkg\nclean:\n\ttouch $(DISTDIR)/cleaned\n' \
        '$(BATCH) $(WRKDIRPREFIX)' >"$ports/misc/figlet/Makefile"
    run jetpack run -destroy -v "-ports:$ports" -v "packages:$work/packages" example.com/portbuilder
    like "$status $out$err" '^2 .*which port' "$driver: portbuilder asks which port"
    run jetpack run -destroy -v "-ports:$ports" -v "packages:$work/packages" example.com/portbuilder \
        -a port=misc/none
    like "$status $out$err" '^1 .*there is no /usr/ports/misc/none' "$driver: ... that must be there"
    done_well "$driver: ... makes it" jetpack run -destroy -v "-ports:$ports" -v "packages:$work/packages" \
        -v "distfiles:$work/packages" example.com/portbuilder -a port=misc/figlet
    is "$(cat "$work/packages/figlet.pkg")" "yes /tmp/work" "$driver: ... in the volume of packages"
    ls "$work/packages/cleaned" >/dev/null 2>&1
    ok $? "$driver: ... and cleans"
    rm -rf "$work/packages"
}

on_each_driver try
finish
