#!/bin/sh
# SECURITY row 4, and what a pod is by default: the same confinement for main process, handlers,
# exec and console, and what is in the golden file isolation.SYSTEM beside this test. How facts of a
# system are compared, and what it alone has, says isolation_SYSTEM.sh.
#
# JETPACK_GOLDEN=PATH writes what was found there, for whoever means a change.
. "$(dirname "$0")/lib.sh"
need_root
golden=$here/isolation.$host_os
. "$here/isolation_$host_os.sh"

dir=$work/tree
mkdir -p "$dir/rootfs/bin" "$dir/rootfs/etc" "$dir/rootfs/tell"
cp "$programs/isolation" "$programs/probe" "$dir/rootfs/bin/"
printf 'root:x:0:0::/:/bin/isolation\nalice:x:1000:1000::/:/bin/isolation\n' >"$dir/rootfs/etc/passwd"
printf 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n' >"$dir/rootfs/etc/group"
manifest facts '"exec": ["/bin/isolation", "-to", "/tell/main"], "user": "alice", "group": "staff",
    "mountPoints": [{"name": "tell", "path": "/tell"}],
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/isolation", "-to", "/tell/pre-start"]},
                      {"name": "post-stop", "exec": ["/bin/isolation", "-to", "/tell/post-stop"]}]' \
    >"$dir/manifest"
pack "$dir" "$work/facts.aci"
jetpack import -q "$work/facts.aci" >/dev/null || exit 1
mkdir -m 1777 "$work/tell"

# Of every process: all but who it is, and where its standard streams lead.
facts() { # FILE
    [ -s "$1" ] || echo "nothing was told"
    tr -d '\r' <"$1" | sed -e '/^credentials: /d' -e 's/^\(descriptor: [0-9]*\) .*/\1/'
}
same() { # NAME FILE
    facts "$2" >"$work/other"
    cmp -s "$work/first" "$work/other"
    ok $? "$1 is confined like the main process" || diff "$work/first" "$work/other" | sed 's/^/# /'
}

# One run: handlers and main process. Then one that stays, for what enters later.
done_well "run" jetpack run --net=none -pod-name facts -hostname pod -v "tell:$work/tell" test.example/facts
cp "$work/tell/main" "$work/main"
facts "$work/main" >"$work/first"
like "$(cat "$work/first")" "$told" "the main process tells"
same "the pre-start handler" "$work/tell/pre-start"
same "the post-stop handler" "$work/tell/post-stop"

done_well "a pod that stays" jetpack run -d --net=none -pod-name stay -hostname pod \
    -v "tell:$work/tell" test.example/facts -exec /bin/probe -- sleep 1000
rm -f "$work"/tell/*
done_well "exec" jetpack exec stay /bin/isolation -to /tell/exec
facts "$work/tell/exec" >"$work/first"
unnumbered "$work/first" >"$work/first.run"
facts "$work/main" >"$work/other"
unnumbered "$work/other" >"$work/other.run"
cmp -s "$work/first.run" "$work/other.run"
ok $? "exec is confined like the main process" || diff "$work/other.run" "$work/first.run" | sed 's/^/# /'
done_well "exec as root" jetpack exec -u root stay /bin/isolation -to /tell/root
same "exec of another user" "$work/tell/root"
done_well "exec with input" sh -c "echo | '$JETPACK' -config '$config' exec -i stay /bin/isolation -to /tell/in"
same "exec with input" "$work/tell/in"
"$programs/withpty" '' "$JETPACK" -config "$config" exec -it stay /bin/isolation >"$work/tty"
same "exec on a terminal" "$work/tty"
"$programs/withpty" '' "$JETPACK" -config "$config" console stay >"$work/console"
same "console" "$work/console"
"$programs/withpty" '' "$JETPACK" -config "$config" console stay alice >"$work/console"
same "console of another user" "$work/console"
# Another root, another mount namespace, which must have the very same in it.
done_well "restart of the app" jetpack restart -t 0 stay:facts
rm -f "$work/tell/exec" "$work/tell/post-stop"
done_well "exec after it" jetpack exec stay /bin/isolation -to /tell/exec
facts "$work/tell/exec" >"$work/other"
unnumbered "$work/other" >"$work/other.run"
cmp -s "$work/first.run" "$work/other.run"
ok $? "an app that is started again is confined as before" ||
    diff "$work/first.run" "$work/other.run" | sed 's/^/# /'
after_restart
facts "$work/tell/exec" >"$work/first"
jetpack stop stay
same "the post-stop handler of that pod" "$work/tell/post-stop"

# Against the golden file.
ordinary <"$work/other" | sort -u >"$work/ordinary"
[ -z "${JETPACK_GOLDEN:-}" ] || cp "$work/ordinary" "$JETPACK_GOLDEN"
grep -v '^#' "$golden" | sort -u >"$work/golden"
cmp -s "$work/ordinary" "$work/golden"
ok $? "a pod is as the golden file says" || diff "$work/golden" "$work/ordinary" | sed 's/^/# /'

of_this_system
is "$(jetpack logs facts)" '' "nothing was said elsewhere"
finish
