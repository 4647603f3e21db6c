#!/bin/sh
# share/jetpack.image.mk with BSD make and with GNU make, on the host and in the pod; makeaci.sh.
. "$(dirname "$0")/lib.sh"
need_root
. "$here/busybox.sh"
share=$source_dir/share
unset BUILD_DIR # is a variable of the macros
unset MAKEFLAGS MFLAGS MAKELEVEL # of the make that runs this test

# base_with MAKE: an image whose /usr/bin/make is that one
base_with() {
    rm -rf "$work/image"
    mkdir -p "$work/image"
    busybox_rootfs "$work/image/rootfs"
    busybox_make "$1" "$work/image/rootfs"
    printf '#!/bin/sh\nshift; mkdir -p /installed\nfor p in "$@"; do echo "$ASSUME_ALWAYS_YES" >"/installed/$p"; done\n' \
        >"$work/image/rootfs/bin/pkg"
    chmod 755 "$work/image/rootfs/bin/pkg"
    manifest "base-$1" '' >"$work/image/manifest"
    pack "$work/image" "$work/base-$1.aci"
    done_well "$1: a base" jetpack import -q "$work/base-$1.aci"
}

project() { # MAKE
    rm -rf "$work/project"
    mkdir "$work/project" "$work/project/sub"
    echo "of the project" >"$work/project/sub/data"
    echo "beside" >"$work/beside"
    cat >"$work/project/Makefile" <<END
JETPACK = $JETPACK
JETPACK_FLAGS = -config $config -o path.share=$share
PARENT_IMAGE = test.example/base-$1
PKG_INSTALL = first second
BUILD_CP = $work/beside
BUILD_VARS = GREETING UNSET
BUILD_ARGS = FROM_ARGS=yes
CLEAN_FILES = prepared
VERSION = 3.1
GREETING = it's a "test"

prepare.mark:
	echo prepared >prepared

build.data: build..pkg-install
	mkdir -p /srv
	cp sub/data beside prepared /srv/
	printf '%s\n' "\$\${GREETING}\$(GREETING)" >/srv/greeting || true
	printf '%s %s\n' '\$(FROM_ARGS)' '\$(UNSET)' >/srv/arguments
build.list: build.data
	ls /installed >/srv/installed

# Names that end as files that a make knows how to make of others.
build.a: build.data
	printf a >>/srv/suffixes
build.c: build.a
	printf c >>/srv/suffixes

manifest.json: manifest.in
	sed 's/@VERSION@/\$(VERSION)/' manifest.in >manifest.json

clean.own:
	rm -f own

.jetpack.image.mk != echo \`\${JETPACK} \${JETPACK_FLAGS} config path.share 2>/dev/null\`/jetpack.image.mk
include \${.jetpack.image.mk}
END
    cat >"$work/project/manifest.in" <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/made-by-$1",
 "labels": [{"name": "version", "value": "@VERSION@"}]}
END
}

try() { # MAKE
    make=$1
    command -v "$make" >/dev/null || { skip "$make" "no $make"; return; }
    base_with "$make"
    project "$make"
    cd "$work/project" || exit 1
    done_well "$make" "$make"
    id=$(cat image.aci.id)
    like "$id" '^sha512-[0-9a-f]{128}$' "$make: the id of the image"
    is "$(jetpack images -q -l "test.example/made-by-$make:3.1")" "$id" "$make: ... under the name of its manifest"
    done_well "$make: again" "$make"
    is "$(cat image.aci.id)" "$id" "$make: ... does nothing"
    done_well "$make aci" "$make" aci
    done_well "$make flat-aci" "$make" flat-aci
    is "$(tar -xOf image.aci rootfs/srv/data rootfs/srv/beside rootfs/srv/prepared rootfs/srv/arguments rootfs/srv/installed)" \
        "yes 
beside
of the project
first
second
prepared" "$make: what was prepared, copied, installed and said"
    is "$(tar -xOf image.aci rootfs/srv/suffixes)" ac "$make: targets, whatever they are called"
    like "$(tar -xOf image.aci rootfs/srv/greeting)" "it's a" "$make: BUILD_VARS"
    like "$(tar -tf image.flat.aci)" '^rootfs/bin/tree$' "$make: flat"
    unlike "$(tar -tf image.aci)" 'bin/tree|jetpack.build' "$make: not flat"
    done_well "$make clean" "$make" clean
    is "$(ls | tr '\n' ' ')" "Makefile manifest.in sub " "$make: ... leaves what was there"
    run "$make" PARENT_IMAGE=
    unlike "$status" '^0$' "$make: without PARENT_IMAGE"
    like "$err" 'PARENT_IMAGE is not set' "$make: ... says so"
    printf 'build.fail:\n\tfalse\n' >>Makefile
    run "$make"
    unlike "$status" '^0$' "$make: a target that fails"
    is "$(ls image.* 2>/dev/null)$(jetpack list -q)" "" "$make: ... leaves neither file nor pod"
    cd / || exit 1
}

try "$gnu"
try "$bsd"

# makeaci.sh
mkdir -p "$work/tree/bin"
cp "$programs/probe" "$work/tree/bin/"
chown -R 7:8 "$work/tree/bin"
tar -C "$work/tree" -czf "$work/rootfs.tgz" .
manifest packed '"exec": ["/bin/probe", "echo", "packed"], "user": "0", "group": "0"' >"$work/packed.json"
done_well "makeaci.sh" "$share/makeaci.sh" "$work/rootfs.tgz" "$work/packed.json" "$work/packed.aci"
done_well "import it" jetpack import -q "$work/packed.aci"
run jetpack run -destroy "$out"
is "$out" "packed| packed" "run it"
like "$(tar --numeric-owner -tvf "$work/packed.aci" | grep 'bin/probe')" ' 7/8 ' "owners are those of the archive"
run "$share/makeaci.sh" "$work/rootfs.tgz"
is "$status" 2 "makeaci.sh without arguments"
run "$share/makeaci.sh" "$work/none" "$work/packed.json" "$work/none.aci"
like "$status $err" '^1 makeaci.sh: cannot read' "makeaci.sh of nothing"
is "$(ls "$work"/none.aci* 2>/dev/null)" "" "... makes nothing"
finish
