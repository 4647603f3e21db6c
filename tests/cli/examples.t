#!/bin/sh
# The examples of images/ that are made of Debian packages: each is made by its Makefile, with GNU make
# or BSD make, and run as its page says. Debian itself is a mirror in a directory (packages.sh).
. "$(dirname "$0")/lib.sh"
need_root
[ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null || skip_all "not here: no Debian"
unshare -m --propagation private true 2>/dev/null || skip_all "not here: the root is no mount (a chroot)"
for program in mmdebstrap bmake curl; do
    command -v "$program" >/dev/null || skip_all "no $program"
done
. "$here/../cache.sh"
unset BUILD_DIR # is a variable of the macros
unset MAKEFLAGS MFLAGS MAKELEVEL

# A Java that runs jars of ours: words before -jar are options, the jar is a script.
stand_in=$work/jre
mkdir -p "$stand_in/DEBIAN" "$stand_in/usr/bin"
cat >"$stand_in/DEBIAN/control" <<END
Package: openjdk-17-jre-headless
Version: 17.0.0-standin
Architecture: all
Maintainer: nobody <nobody@example.com>
Description: stands for Java
END
cat >"$stand_in/usr/bin/java" <<'END'
#!/bin/sh
while [ "$1" != -jar ]; do echo "option $1"; shift; done
exec sh "$2"
END
chmod 755 "$stand_in/usr/bin/java"
cp "$programs/knock" "$stand_in/usr/bin/knock"
dpkg-deb --root-owner-group --build "$stand_in" "$work/jre.deb" >/dev/null

make_mirror() { # DIRECTORY
    "$here/packages.sh" "$1" "$work/jre.deb" -- '?essential' apt make nginx-light redis-server webdis x11-apps
}
if ! kept packages make_mirror >"$work/packages.log" 2>&1; then
    show log "$(tail -5 "$work/packages.log")"
    skip_all "not here: no packages of Debian can be downloaded"
fi
mirror=$kept

images=$work/images
cp -R "$source_dir/images" "$images"

# example MAKE NAME [WORD...]: made as its page says, but from the mirror; $made is its image's id
example() {
    tool=$1 folder=$2
    shift 2
    # In the pod the mirror is where it is here.
    run "$tool" -C "$images/$folder" JETPACK="$JETPACK" JETPACK_FLAGS="-config $config" \
        MIRROR="deb [trusted=yes] copy:$mirror ./" \
        BUILD_FLAGS="-net none -v -mirror:$mirror -m mirror:$mirror" "$@"
    ok "$status" "$folder: $tool" || { show out "$out"; show err "$err"; finish; }
    made=$(cat "$images/$folder/image.aci.id" 2>/dev/null)
}
address_of() { jetpack list -H -filter "name=$1" | cut -f 4; }
answers() { curl -fsS --max-time 10 --noproxy '*' "$@" >"$work/answer" 2>"$work/answer.err"; }
says() { answers "$@" && grep -q . "$work/answer"; }

# nginx, and the base that it finds missing.
example make example.nginx WORKERS=3
base=$(cat "$images/debian-base/image.aci.id")
like "$(jetpack images -H -l)" "example.com/debian:[0-9.]+,arch=$host_arch,codename=bookworm,os=linux" \
    "debian-base: was made first"
like "$(jetpack image-manifest "$made")" "$base" "... and nginx depends on it"
jetpack export -compression=none "$made" "$work/nginx.tar"
like "$(tar -xOf "$work/nginx.tar" rootfs/etc/nginx/nginx.conf)" '^worker_processes 3;' \
    "example.nginx: a variable goes into it"
unlike "$(tar -tf "$work/nginx.tar")" '^rootfs/(var/lib/apt/lists/.|var/cache/apt/.*bin|\.jetpack)' \
    "... and what installing needs does not"
rm -f "$work/nginx.tar"
done_well "example.nginx: run" jetpack run -d -pod-name web -p "http=127.0.0.1:$own_port" example.com/nginx
wait_for 60 says "http://127.0.0.1:$own_port/"
is "$(cat "$work/answer")" "Hello from a pod." "... greets at a port of the host" || show err "$(cat "$work/answer.err")"
echo "of the volume" >"$work/index.html"
done_well "... cp into its volume" jetpack cp "$work/index.html" web:@www:/index.html
answers "http://127.0.0.1:$own_port/"
is "$(cat "$work/answer")" "of the volume" "... shows it"
jetpack destroy web >/dev/null 2>&1
run make -C "$images/example.nginx" JETPACK="$JETPACK" JETPACK_FLAGS="-config $config"
is "$status $(cat "$images/example.nginx/image.aci.id")" "0 $made" "make again: nothing to do"
jetpack destroy-image "$made" >/dev/null 2>&1
example bmake example.nginx
done_well "... when the image is no longer here, it is made again" jetpack show-image "$made"

# A pod of two.
example bmake example.redis
example make example.webdis
done_well "example.redis: the pod" jetpack run -d -pod-name shop -f "$images/example.redis/pod.json"
redis=http://$(address_of shop):7379
wait_for 60 says "$redis/SET/greeting/hello"
is "$(cat "$work/answer")" '{"SET":[true,"OK"]}' "... webdis finds Redis" || show err "$(cat "$work/answer.err")"
run jetpack exec shop:redis redis-cli get greeting
is "$out" hello "... which keeps what it is told"
done_well "... stop" jetpack stop shop
done_well "... run again" jetpack run -d shop
wait_for 60 says "$redis/GET/greeting"
is "$(cat "$work/answer")" '{"GET":"hello"}' "... the volume is kept"
jetpack destroy shop >/dev/null 2>&1

# The base, and what sees itself.
done_well "debian-base: a command" jetpack run -destroy example.com/debian --exec /bin/sh -- -c 'cat /etc/debian_version' ---
example bmake example.showenv
run jetpack run -destroy -v data example.com/showenv -a greeting=hello
like "$out" '^showenv\| greeting: +hello$' "example.showenv: run" || show err "$err"
like "$out" "^showenv\\| image: +$made\$" "... its image"
like "$out" '^showenv\| user, home: +games,' "... and Debian's user of that name"

# The server that wants a licence.
run make -C "$images/minecraft-server" JETPACK="$JETPACK" JETPACK_FLAGS="-config $config"
like "$status $err" '^2 server.jar is not here' "minecraft-server: without server.jar"
cat >"$images/minecraft-server/server.jar" <<'END'
grep -x eula=true eula.txt || exit 1
echo "a world of $(id -un)" >>world/level.dat
exec knock listen tcp :: 25565
END
example make minecraft-server VERSION=1.2.3
like "$(jetpack images)" 'example.com/minecraft-server:1.2.3,' "... its version"
mkdir -p "$work/world"
run jetpack run -destroy -net none -v "data:$work/world" example.com/minecraft-server
unlike "$status" '^0$' "... without the licence it does not start"
like "$out$err" 'is not accepted.*-a eula=true' "... and says what to do"
is "$(ls "$work/world")" "" "... leaving the volume alone"
done_well "... with it" jetpack run -d -pod-name mc -p "minecraft=127.0.0.1:$own_port" -v "data:$work/world" \
    example.com/minecraft-server -a eula=true -a java-opts='-Xmx256M -Xms8M'
plays() { "$programs/knock" ask tcp 127.0.0.1 "$own_port"; }
wait_for 60 plays
ok $? "... answers at a port of the host" || show log "$(jetpack logs mc)"
like "$(jetpack logs mc)" 'option -Xmx256M' "... has the options of the annotation"
is "$(cat "$work/world/world/level.dat")" "a world of minecraft" "... writes in the volume, as its own user"
is "$(stat -c %u "$work/world/eula.txt")" 199 "... what the handler has made and given to it"
jetpack destroy mc >/dev/null 2>&1

# A window on an X server that has no screen: its picture changes when the clock is drawn.
if ! command -v Xvfb >/dev/null || ! command -v xauth >/dev/null; then
    skip "example.desktop" "no Xvfb or no xauth"
    finish
fi
example bmake example.desktop
display=:$((own_number + 100))
mkdir "$work/screen" "$work/cookies"
xauth -q -f "$work/authority" add "$display" . "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" 2>/dev/null
Xvfb "$display" -screen 0 320x240x24 -nolisten tcp -auth "$work/authority" -fbdir "$work/screen" \
    >"$work/xvfb.log" 2>&1 &
server=$!
end_server() { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; cleanup; }
trap end_server EXIT
wait_for 60 test -S "/tmp/.X11-unix/X${display#:}"
cp "$work/screen/Xvfb_screen0" "$work/before"
shows() { ! cmp -s "$work/screen/Xvfb_screen0" "$work/before"; }
on_display() { # OUTPUT [WORD...]
    desktop_output=$1
    shift
    TMPDIR=$work/cookies DISPLAY=$display XAUTHORITY=$work/authority JETPACK=$JETPACK JETPACK_FLAGS="-config $config" \
        "$images/example.desktop/run" "$@" >"$desktop_output" 2>&1 </dev/null
}
on_display "$work/desktop.log" -name clock &
desktop=$!
wait_for 60 shows
ok $? "example.desktop: run draws on the screen" || show log "$(cat "$work/desktop.log" "$work/xvfb.log")"
run jetpack exec "$(jetpack list -q -filter state=running)" /usr/bin/id -un
is "$out" desk "... by a user of its own"
jetpack stop "$(jetpack list -q -filter state=running)" >/dev/null 2>&1
end_of "$desktop"
is "$(jetpack list -q)$(ls "$work/cookies")" "" \
    "... and leaves neither pod nor cookie"
finish
