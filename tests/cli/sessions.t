#!/bin/sh
# exec, console, attach, run -t, logs, ps, top, killall, cp.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
add_image plain '"exec": ["/bin/probe", "sleep", "1000"], '"$user"
add_image alice '"exec": ["/bin/probe", "sleep", "1000"], "user": "alice", "group": "staff",
    "workingDirectory": "/home/alice", "environment": [{"name": "FROM_IMAGE", "value": "yes"}]'
add_image bare ''
withpty() { "$programs/withpty" "$@"; }
j="$JETPACK -config $config"

run jetpack run -d --net=none -pod-name pod test.example/alice
run jetpack run -d --net=none -pod-name two test.example/plain -name a test.example/plain -name b

# exec.
run jetpack exec pod /bin/probe echo hello
is "$out" hello "exec"
run jetpack exec pod:alice probe echo hello
is "$out" hello "exec searches PATH"
run jetpack exec pod /bin/probe err oops
is "$err" oops "standard error of exec"
run jetpack exec pod /bin/probe exit 9
is "$status" 9 "status of exec"
run jetpack exec pod /bin/probe segv
is "$status" 139 "... by a signal"
fails 127 '/no/such' "exec of nothing" jetpack exec pod /no/such
fails 126 '/etc/passwd' "exec of what is no program" jetpack exec pod /etc/passwd
run jetpack exec pod probe id
like "$out" '^1000 50' "exec as the app's user"
run jetpack exec -u root pod probe id
like "$out" '^0 0' "exec -u"
run jetpack exec pod probe pwd
is "$out" /home/alice "exec in the app's directory"
run jetpack exec -w /data pod probe pwd
is "$out" /data "exec -w"
run jetpack exec -e A=1 -e B='2 3' pod probe env A B FROM_IMAGE
is "$out" "A=1
B=2 3
FROM_IMAGE=yes" "exec -e"
fails 2 'NAME=VALUE' "exec -e without a value" jetpack exec -e A pod probe env
run jetpack exec pod probe args -i -t -- x
is "$out" "[-i]
[-t]
[--]
[x]" "arguments of exec are not ours"
echo typed | "$JETPACK" -config "$config" exec -i pod probe cat - >"$work/out"
is "$(cat "$work/out")" typed "exec -i"
head -c 3000000 /dev/zero | tr '\0' 'z' >"$work/big"
"$JETPACK" -config "$config" exec -i pod probe cat - <"$work/big" >"$work/out"
cmp -s "$work/big" "$work/out"
ok $? "three million bytes there and back"
run jetpack exec pod probe cat -
is "$out" '' "without -i there is no input"
fails 125 'a, b|a b|:APP|several' "exec in a pod of two apps" jetpack exec two probe true
run jetpack exec two:b probe env AC_APP_NAME
is "$out" AC_APP_NAME=b "exec POD:APP"
fails 125 'none' "exec in no app" jetpack exec two:none probe true
run jetpack exec -it pod probe tty
like "$out" 'tty 24 80' "exec -t without a terminal of ours"

# A command whose helpers are missing: it says so at once, also where a supervisor is needed for the
# program alone. (It once waited 10 s for a lock that it held itself.)
mkdir "$work/alone"
cp "$JETPACK" "$work/alone/jetpack"
done_well "a pod that does not run" jetpack prepare -pod-name idle -net none test.example/plain
if [ -e "$("$work/alone/jetpack" -config "$config" config path.libexec)/jetpack-stage1" ]; then
    skip "exec without the supervisor's program" "not here: it is found where Jetpack is installed"
else
    fails 125 'jetpack-stage1' "exec without the supervisor's program" timeout -s KILL 8 \
        "$work/alone/jetpack" -config "$config" -o path.libexec=/nowhere exec idle probe true
fi
done_well "destroy" jetpack destroy idle

# Terminals.
run withpty 'expect tty 33 101;send hi\n;expect got hi;send quit\n' $j exec -it pod probe tty
is "$status" 5 "exec -it: size, input, status"
run withpty 'expect ready;size 44 120;expect now 44 120' $j exec -it pod probe winch
is "$status" 0 "exec -it follows the size"
run withpty 'expect ready;send \x03' $j exec -it pod probe sleep 1000
is "$status" 130 "ctrl-c goes to the program"
run withpty 'expect tty 33 101;send quit\n' $j run -t -destroy --net=none test.example/plain \
    -exec /bin/probe -- tty
is "$status" 5 "run -t"

# console: the user's shell is the probe, which has no arguments and ends with 98.
run withpty '' $j console pod
is "$status" 98 "console starts the shell of the user"
run withpty '' $j console pod alice
is "$status" 98 "... of another user"
# The probe as login shows its arguments. In the form that every login takes: for shadow's, "-fp" is
# the user "p".
mkdir -p "$work/login/usr/bin"
cp "$programs/probe" "$work/login/usr/bin/login"
done_well "a login for the image" jetpack cp "$work/login/usr" pod::/
run withpty '' $j console pod alice
is "$(printf '%s' "$out" | tr -d '\r\n')" '[-p][-f][alice]' "console starts login where there is one"

# The standard streams are the user's, so that /dev/stderr can be opened by name.
run jetpack exec pod probe write /dev/stderr named
is "$err" named "exec: a user opens /dev/stderr"
run jetpack exec pod probe write /dev/stdout named
is "$out" named "... and /dev/stdout"
echo typed | "$JETPACK" -config "$config" exec -i pod probe cat /dev/stdin >"$work/out"
is "$(cat "$work/out")" typed "... and /dev/stdin"
run jetpack exec -u 1234 pod probe write /dev/stderr named
is "$err" named "... also as another user"
run withpty 'expect named' $j exec -it pod probe write /dev/tty named
is "$status" 0 "... and its terminal"
run withpty 'expect named' $j exec -it pod probe write /dev/stdout named
is "$status" 0 "... by the name of a stream"

if [ "$host_os" = linux ]; then
    run withpty 'expect named' $j run -t -destroy --net=none test.example/plain \
        -exec /bin/probe -- write /dev/console named
    is "$status" 0 "the console of run -t is its terminal"
    run withpty 'expect named' $j run -t -destroy --net=none test.example/alice \
        -exec /bin/probe -- write /dev/console named
    is "$status" 0 "... for a user too"
    run jetpack exec -u 0 pod probe write /dev/console unseen
    is "$status$out" 0 "without a terminal the console swallows"
else
    skip "/dev/console" "not here: the devices of a jail have none"
fi

# A pod that does not run.
run jetpack prepare --net=none -pod-name idle test.example/plain
run jetpack exec idle probe echo hello
is "$out" hello "exec in a pod that does not run"
state_of idle running
is "$?" 1 "... which does not run afterwards"
run jetpack prepare --net=none -pod-name empty test.example/bare
run jetpack exec empty probe echo hello
is "$out" hello "exec in an image without app"

run withpty '' $j run -t -destroy --net=none test.example/bare
is "$status" 98 "run -t of an image without app starts a shell"
run jetpack run -destroy --net=none test.example/bare
is "$status" 127 "... without -t there is nothing to run"

# attach.
run jetpack run -d --net=none -pod-name att test.example/plain -exec /bin/probe -- catch HUP TERM
wait_for 30 sh -c "$j logs att | grep -q ready"
in_background "$work/att" attach att
client=$job
more() { jetpack kill -s HUP att && sleep 0.1 && grep -q 'caught 1' "$work/att"; }
wait_for 30 more
ok $? "attach shows what is written"
kill -INT "$client"
end_of "$client"
is "$?" 0 "an interrupt leaves"
state_of att running
ok $? "... and the pod goes on"
# Until it was seen: what came before somebody attached is not told.
poke() { until [ -e "$work/seen" ]; do jetpack kill -s HUP att; sleep 0.2; done; }
poke &
poker=$!
run withpty 'expect caught 1;send \x10\x11' $j attach -it att
touch "$work/seen"
wait "$poker"
is "$status" 0 "ctrl-p ctrl-q leaves"
state_of att running
ok $? "... and the pod goes on"
fails 2 'detach-keys' "bad detach keys" jetpack attach -detach-keys=nonsense att
fails 1 'idle' "attach to a pod that does not run" jetpack attach idle

# logs.
run jetpack logs att
like "$out" '^ready' "logs"
run jetpack logs -t -n 1 att
like "$out" '^[0-9-]{10}T[0-9:.]+Z caught 1$' "logs -t -n"
run jetpack logs -format=json -n 1 att
like "$out" '"stream":"stdout".*"text":"caught 1"' "logs as JSON"
run jetpack logs -since 1h att
like "$out" ready "logs -since"
run jetpack logs two
like "$out" '^a\| ready' "logs of several apps have prefixes"
run jetpack logs -no-prefix two
is "$out" "ready
ready" "logs -no-prefix has none"
run jetpack logs two:b
is "$out" ready "logs POD:APP has none"
in_background "$work/follow" logs -f att
client=$job
wait_for 30 grep -q ready "$work/follow"
jetpack kill -s HUP att
again() { [ "$(grep -c 'caught 1$' "$work/follow")" -ge 2 ]; }
wait_for 60 again # two signals at once are handled the later one first
jetpack stop att
end_of "$client"
is "$?" 0 "logs -f ends with the pod"
like "$(tail -n 1 "$work/follow")" 'caught 15' "... and has the last line"
run jetpack run -d --net=none -pod-name many test.example/plain -exec /bin/probe -- lines 5000
jetpack wait many
run jetpack logs many
is "$(printf '%s\n' "$out" | wc -l | tr -d ' ')" 5000 "five thousand lines"
run jetpack logs -n 3 many
is "$out" "line 4998
line 4999
line 5000" "the last three"

# ps, top, killall.
run jetpack ps pod
like "$out" '^PID +INSIDE +UID' "ps has a header"
like "$out" ' 1000 .*/bin/probe sleep 1000' "... and the app"
run jetpack ps -format=json pod
like "$out" '"uid": 1000' "ps as JSON"
run jetpack top -b -n 2 -s 1 pod
is "$(printf '%s\n' "$out" | grep -c '^pod pod, ')" 2 "top -b -n 2"
run withpty 'expect probe sleep;send q' $j top pod
is "$status" 0 "top on a terminal ends with q"
fails 1 'idle' "ps of a pod that does not run" jetpack ps idle
fails 1 'nonsense' "killall of nothing" jetpack killall pod nonsense
done_well "killall" jetpack killall -s KILL pod probe
run jetpack wait pod
is "$status" 137 "... killed the app"

# cp.
run jetpack run -d --net=none -pod-name files -v vol test.example/plain -m vol:/vol
echo content >"$work/file"
mkdir -p "$work/dir/sub"
echo deep >"$work/dir/sub/deep"
chmod 640 "$work/file"
done_well "cp into a pod" jetpack cp "$work/file" files::/data/copied
is "$err" '' "cp into a pod that runs says nothing"
run jetpack exec files probe cat /data/copied
is "$out" content "... arrives"
run jetpack exec files probe stat /data/copied
like "$out" 'file 0640' "... with its mode"
done_well "cp out of a pod" jetpack cp files:plain:/data/copied "$work/back"
is "$(cat "$work/back")" content "... comes back"
done_well "cp of a directory" jetpack cp "$work/dir" files::/data/
run jetpack exec files probe cat /data/dir/sub/deep
is "$out" deep "... with what is below"
done_well "cp into a volume" jetpack cp "$work/file" files:@vol:/in-volume
run jetpack exec files probe cat /vol/in-volume
is "$out" content "... arrives"

# Row 73: root of a pod cannot give away rights by what is copied out.
cp "$work/file" "$work/dir/set-id"
chmod 6755 "$work/dir/set-id"
chmod 3777 "$work/dir/sub"
mkfifo "$work/dir/fifo"
has_capability=
if command -v setfattr >/dev/null 2>&1 && cp "$work/file" "$work/dir/capable" &&
    setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 \
        "$work/dir/capable" 2>/dev/null; then
    has_capability=1
fi
done_well "cp of set-id files into a volume" jetpack cp "$work/dir" files:@vol:/
run jetpack exec files probe stat /vol/dir/set-id
like "$out" 'file 6755' "... keeps the bits"
done_well "cp of them out of it" jetpack cp files:@vol:/dir "$work/came"
is "$(mode_of "$work/came/set-id") $(mode_of "$work/came/sub")" '0755 1777' "... does not"
is "$([ -p "$work/came/fifo" ] && echo fifo)" fifo "... other kinds come along"
done_well "cp of one file" jetpack cp files::/vol/dir/set-id "$work/one"
is "$(mode_of "$work/one")" 0755 "... does not"
if [ -n "$has_capability" ]; then
    getfattr -n security.capability "$work/root/pods"/*/volumes/vol/dir/capable >/dev/null 2>&1
    ok $? "a file capability comes into a volume"
    ! getfattr -n security.capability "$work/came/capable" >/dev/null 2>&1
    ok $? "... and not out of it"
else
    skip "file capabilities" "not here: setfattr cannot set them"
fi
mknod "$work/dir/device" c 1 3
done_well "cp of a device into a volume" jetpack cp "$work/dir/device" files:@vol:/
fails 1 "'device' is a device" "cp of a device out of it" jetpack cp files:@vol:/device "$work/device"
[ ! -e "$work/device" ]
ok $? "... makes none"
run jetpack stop files
run jetpack cp "$work/file" files::/data/lost
is "$status $(printf '%s' "$err" | grep -c 'warning: .* does not run')" '0 1' \
    "cp into the root of a pod that does not run warns"
run jetpack cp files::/data/file "$work/back"
is "$status$err" 0 "... out of it not"
run jetpack start files
fails 1 'nothing-here' "cp of nothing" jetpack cp files::/nothing-here "$work/x"
fails 2 'absolute|begin|host' "cp of a bare relative path" jetpack cp file files::/x
fails 1 'none' "cp from no pod" jetpack cp none::/x "$work/x"
done_well "destroy" jetpack destroy files pod two idle empty att many
finish
