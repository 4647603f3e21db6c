#!/bin/sh
# What import makes of an archive, against what GNU tar and bsdtar make of it: types, owners, modes,
# times, links, devices, sizes, attributes, content; on a Debian root file system and on a tree that
# has one of everything. And every odd archive that import takes has the same names for all three.
set -u
TOOL=${IMAGE_TOOL:?path of image-tool}
HOSTILE=${HOSTILE_TEST:?path of hostile_test}
BUILD_DIR=${BUILD_DIR:?path of the build directory}

. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../cache.sh"

[ "$(id -u)" = 0 ] || skip_all 'needs root'
for program in tar bsdtar getfattr setfattr setfacl setcap; do
    command -v "$program" >/dev/null 2>&1 || PATH=$PATH:/sbin:/usr/sbin
    command -v "$program" >/dev/null 2>&1 || skip_all "needs $program"
done
tar --version 2>/dev/null | grep -q GNU || skip_all 'needs GNU tar'

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
umask 022

# One line an entry; files with several names are told by the first of them.
describe() { # DIR FILE
    (cd "$1" && find . -mindepth 1 -printf '%i %n %y %m %U:%G %T@ %s %l\t%P\n' | LC_ALL=C sort -t "$(printf '\t')" -k 2 |
        LC_ALL=C awk -F '\t' '{ split($1, f, " "); if (!(f[1] in first)) first[f[1]] = $2
            sub(/^[0-9]+ /, "", $1); if (f[3] == "d") { sub(/^[0-9]+ /, "", $1); sub(/ [0-9]+ $/, "", $1) }
            print $1 "\t" (f[3] != "d" && f[2] > 1 ? first[f[1]] : "") "\t" $2 }'
        find . \( -type b -o -type c \) -exec stat -c '%n %t:%T' {} + | LC_ALL=C sort
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
        find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m - -e hex --absolute-names) >"$2" 2>/dev/null
}

# GNU tar 1.34 gives directories of bsdtar's archives the time of now; bsdtar 3.6.2 does not take GNU
# tar's ACL of a directory, and with it loses the mask.
no_times() { sed 's/^\(d [0-7]* [0-9:]*\) [0-9.]*/\1/' "$1"; }
no_acl() { sed '/\tacl$/s/^d [0-7]*/d/; /^# file: .\/acl$/,/^$/d' "$1"; }

compare() { # ARCHIVE WHAT [FILTER]: imports it, extracts it twice
    filter=${3:-cat}
    mkdir gnu bsd
    "$TOOL" import "$1" out >id 2>log
    status=$?
    ok $status "$2: imported"
    if [ $status -ne 0 ]; then
        sed 's/^/# /' log
        rm -rf gnu bsd out
        return
    fi
    tr -d '\n' <id >out/id
    tar -C gnu --numeric-owner --xattrs '--xattrs-include=*' --acls -xpSf "$1" 2>log || sed 's/^/# tar: /' log
    bsdtar -C bsd --numeric-owner --xattrs --acls -xpf "$1" 2>log || sed 's/^/# bsdtar: /' log
    describe out/rootfs ours.txt
    describe gnu/rootfs gnu.txt
    describe bsd/rootfs bsd.txt
    "$filter" ours.txt >a
    "$filter" gnu.txt >b
    [ "$(wc -l <ours.txt)" -gt 20 ] && diff a b >difference
    status=$?
    ok $status "$2: the same as by GNU tar"
    [ $status -eq 0 ] || head -n 20 difference | sed 's/^/# /'
    no_acl ours.txt >a
    no_acl bsd.txt >b
    diff a b >difference
    status=$?
    ok $status "$2: the same as by bsdtar"
    [ $status -eq 0 ] || head -n 20 difference | sed 's/^/# /'
    if [ -f out/rootfs/sparse/holes ]; then
        [ "$(stat -c %b out/rootfs/sparse/holes)" -le "$(($(stat -c %b gnu/rootfs/sparse/holes) + 16))" ]
        ok $? "$2: holes stay holes"
    fi
    "$TOOL" verify out >log 2>&1
    status=$?
    ok $status "$2: verified"
    [ $status -eq 0 ] || head -n 5 log | sed 's/^/# /'
    "$TOOL" export out back.tar 2>log && cmp -s "$1" back.tar
    ok $? "$2: exported bit for bit"
    [ "sha512-$(sha512sum <"$1" | cut -d ' ' -f 1)" = "$(cat id)" ]
    ok $? "$2: the id is the SHA-512"
    rm -rf gnu bsd out back.tar
}

# ---- a tree with one of everything ---------------------------------------------------------------
long=$(printf '%0200d' 0)
mkdir aci aci/rootfs
echo '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/rich"}' >aci/manifest
(
    cd aci/rootfs || exit 1
    mkdir -p bin "$long" "d e/f" sparse acl closed empty
    echo hello >bin/hello && chmod 4755 bin/hello && touch -d '2001-02-03 04:05:06.123456789' bin/hello
    ln bin/hello bin/again
    ln -s hello bin/link && touch -h -d '1999-01-01' bin/link && chown -h 5:6 bin/link
    ln bin/link bin/link2
    ln -s "/$long/$long" toolong
    echo "$long" >"$long/$long" && ln "$long/$long" "$long/hard$long"
    printf x >"d e/f/new
line" && printf y >"d e/f/back\\slash" && printf z >"d e/f/$(printf '\377\376')" && printf A >F && printf a >f
    : >empty/file && : >empty/old && touch -d '1969-12-31 23:59:58' empty/old
    printf z >owner && chown 4294967294:3000000000 owner
    mkfifo fifo && mknod null c 1 3 && mknod disk b 8 1 && chown 3:4 null
    truncate -s 3M sparse/holes && printf start | dd of=sparse/holes conv=notrunc 2>/dev/null
    printf middle | dd of=sparse/holes bs=1 seek=1048576 conv=notrunc 2>/dev/null
    truncate -s 1M sparse/nothing
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        printf "$i" | dd of=sparse/many bs=1 seek=$((i * 65536)) conv=notrunc 2>/dev/null
    done
    setfattr -n user.mime -v text/plain bin/hello
    setfattr -n user.binary -v 0x00ff0a3d00 "d e/f" 
    setcap cap_net_bind_service=ep owner
    setfacl -m u:1000:rwx,g:1001:r-x acl && setfacl -d -m u:1002:rwx,m:rwx acl
    echo inherits >acl/file && setfacl -b acl/file && mkdir acl/dir && setfacl -b acl/dir
    chmod 0000 closed && chmod 2775 empty && chmod 1777 sparse
    find . -type d -exec touch -d '2010-10-10 10:10:10.101010101' {} +
    touch -d '2010-10-10 10:10:10.5' .
) || { echo 'Bail out! the tree could not be made'; exit 1; }

x="--xattrs --xattrs-include=* --acls --numeric-owner"
# shellcheck disable=SC2086 # several words
{
    tar -C aci $x --format=posix -Scf pax.tar manifest rootfs
    compare pax.tar 'one of everything, GNU tar, pax'
    tar -C aci $x --format=posix --sparse-version=0.1 -Scf pax.tar manifest rootfs
    compare pax.tar 'one of everything, sparse 0.1'
    tar -C aci $x --format=posix --sparse-version=0.0 -Scf pax.tar rootfs manifest
    compare pax.tar 'one of everything, sparse 0.0'
}
bsdtar -C aci --numeric-owner --acls --xattrs --format=pax -cf pax.tar manifest rootfs 2>/dev/null
compare pax.tar 'one of everything, bsdtar, pax' no_times
# What the older formats cannot hold goes.
setfattr -x user.mime aci/rootfs/bin/hello
setfattr -x user.binary 'aci/rootfs/d e/f'
setcap -r aci/rootfs/owner
setfacl -bk aci/rootfs/acl
tar -C aci --format=gnu --numeric-owner -Scf gnu.tar manifest rootfs 2>/dev/null
compare gnu.tar 'one of everything, GNU format with old sparse files'
find aci \( -name "$long*" -o -name toolong -o -name owner \) -prune -exec rm -rf {} +
tar -C aci --format=ustar --numeric-owner -cf ustar.tar manifest rootfs 2>/dev/null
compare ustar.tar 'one of everything, ustar'
tar -C aci/rootfs --format=gnu --numeric-owner -cf plain.tar . 2>/dev/null
"$TOOL" import plain.tar out aci/manifest >id && tr -d '\n' <id >out/id && "$TOOL" verify out
ok $? 'ROOTFS.tar MANIFEST: verified'
"$TOOL" export out aci.tar && tar -tf aci.tar >/dev/null && bsdtar -tf aci.tar >/dev/null
ok $? 'ROOTFS.tar MANIFEST: GNU tar and bsdtar read the archive that was made'
describe out/rootfs ours.txt
describe aci/rootfs theirs.txt
sed 's/\.[0-9]\{10\}//' ours.txt >a && sed 's/\.[0-9]\{10\}//' theirs.txt >b && cmp -s a b
status=$?
ok $status 'ROOTFS.tar MANIFEST: the tree is the same'
[ $status -eq 0 ] || diff a b | head | sed 's/^/# /'
rm -rf aci out

# ---- Debian --------------------------------------------------------------------------------------
minbase() { # FILE
    timeout 300 debootstrap --variant=minbase bookworm "$work/debian" >log 2>&1 &&
        tar -C debian --xattrs '--xattrs-include=*' --acls --numeric-owner --format=posix -cf "$1" .
}
! command -v debootstrap >/dev/null 2>&1 || kept debian-minbase.tar minbase
debian=${kept-}
rm -rf "$work/debian"
mkdir -p aci/rootfs
echo '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/debian"}' >aci/manifest
if [ -f "$debian" ]; then
    name='Debian'
    tar -C aci/rootfs --xattrs '--xattrs-include=*' --acls --numeric-owner -xpf "$debian"
else
    name='parts of this machine (no debootstrap)'
    cp -a /etc /usr/share/zoneinfo /usr/sbin aci/rootfs/
fi
# shellcheck disable=SC2086
tar -C aci $x --format=posix -cf debian.tar manifest rootfs
compare debian.tar "$name, pax"
tar -C aci --numeric-owner --format=gnu -cf debian.tar rootfs manifest
compare debian.tar "$name, GNU format, manifest last"
rm -rf aci

# ---- odd archives: the same names ----------------------------------------------------------------
mkdir odd
"$HOSTILE" --write odd >list
names() {
    (cd "$1" && find . -mindepth 1 -print0 | LC_ALL=C sort -z)
}
while read -r number what; do
    mkdir gnu bsd
    "$TOOL" import "odd/$number.tar" out >/dev/null 2>log
    ok $? "odd archive: $what: imported"
    tar -C gnu -xf "odd/$number.tar" 2>/dev/null
    bsdtar -C bsd -xf "odd/$number.tar" 2>/dev/null
    names out/rootfs >ours.txt
    names gnu/rootfs >gnu.txt
    names bsd/rootfs >bsd.txt
    cmp -s ours.txt gnu.txt
    ok $? "odd archive: $what: the names that GNU tar sees"
    cmp -s ours.txt bsd.txt
    ok $? "odd archive: $what: the names that bsdtar sees"
    rm -rf gnu bsd out
done <list
finish
