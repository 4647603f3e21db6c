# Images with a shell, for tests that change files in many ways. Sourced after lib.sh or drivers.sh.
#
#   busybox_rootfs DIRECTORY    the files of a small system
#   busybox_make MAKE DIRECTORY that make as /usr/bin/make of it; here they are called $gnu and $bsd
#   busybox_image NAME [JSON]   $work/NAME.aci: the system; JSON are members of the app
# FreeBSD has its own programs in the place of busybox.
[ "$(uname -s)" = FreeBSD ] || { command -v busybox >/dev/null && busybox true; } ||
    skip_all "no static busybox"

system_tools="sh ls cat rm mv cp ln mkdir mkfifo mknod chmod chown touch stat find sleep sync tar env
    id pwd tr dd true false test seq head wc kill vi readlink rmdir sort sed grep
    hostname awk uname"

# with_libraries PROGRAM ROOTFS PATH: the program with what it needs
with_libraries() {
    mkdir -p "$(dirname "$2/$3")"
    cp -L "$1" "$2/$3"
    ldd "$1" 2>/dev/null | sed -n 's/^.*[ \t]\(\/[^ ]*\) (.*$/\1/p' >"$work/libraries"
    [ ! -s "$work/libraries" ] || [ ! -e /libexec/ld-elf.so.1 ] || # FreeBSD's ldd does not name it
        echo /libexec/ld-elf.so.1 >>"$work/libraries"
    while read -r library; do
        mkdir -p "$2$(dirname "$library")"
        cp -L "$library" "$2$library"
    done <"$work/libraries"
}

busybox_rootfs() { # DIRECTORY
    mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/data/old/inner" "$1/data/kept" "$1/dev" "$1/proc" "$1/sys"
    chmod 1777 "$1/tmp"
    cp "$programs/tree" "$1/bin/tree"
    if [ "$(uname -s)" = FreeBSD ]; then
        for tool in $system_tools; do
            for place in /bin /usr/bin /sbin /usr/sbin; do
                [ ! -x "$place/$tool" ] || with_libraries "$place/$tool" "$1" "bin/$tool"
            done
        done
    else
        cp "$(command -v busybox)" "$1/bin/busybox"
        for tool in $system_tools; do ln -s busybox "$1/bin/$tool"; done
    fi
    printf 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nalice:x:1000:\n' >"$1/etc/group"
    printf 'nameserver 192.0.2.1\n' >"$1/etc/resolv.conf"
    for name in same changed deleted quiet moved; do echo "$name of the image" >"$1/data/$name"; done
    echo x >"$1/data/old/inner/x"
    echo y >"$1/data/old/y"
    echo k >"$1/data/kept/k"
    ln "$1/data/same" "$1/data/same-too"
    ln -s same "$1/data/link"
    find "$1" -exec touch -h -d 2020-02-02T02:02:02 {} +
}

busybox_image() { # NAME [JSON]
    rm -rf "$work/image"
    mkdir -p "$work/image"
    busybox_rootfs "$work/image/rootfs"
    manifest "$1" "${2:-\"exec\": [\"/bin/sh\"], \"user\": \"0\", \"group\": \"0\"}" >"$work/image/manifest"
    pack "$work/image" "$work/$1.aci"
}

gnu=make
"$gnu" --version 2>/dev/null | grep -q GNU || gnu=gmake
bsd=bmake
[ "$host_os" != freebsd ] || bsd=make
busybox_make() {
    with_libraries "$(command -v "$1")" "$2" usr/bin/make
    mkdir -p "$2/usr/share"
    for rules in /usr/share/bmake /usr/share/mk; do
        [ "$1" = "$gnu" ] || [ ! -d "$rules" ] || cp -RL "$rules" "$2/usr/share/"
    done
}

# json_text: standard input as a string in JSON
json_text() {
    printf '"'
    sed 's/\\/\\\\/g; s/"/\\"/g' | awk '{ printf "%s\\n", $0 }'
    printf '"'
}
