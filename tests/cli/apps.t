#!/bin/sh
# What an app finds: environment, users, directories, volumes, handlers, hosts; two apps in a pod.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
add_image plain '"exec": ["/bin/probe"], '"$user"
add_image alice '"exec": ["/bin/probe"], "user": "alice", "group": "staff",
    "supplementaryGIDs": [60, 7], "workingDirectory": "/home/alice",
    "environment": [{"name": "FROM_IMAGE", "value": "yes"}],
    "mountPoints": [{"name": "store", "path": "/store"},
                    {"name": "look", "path": "/look", "readOnly": true}]'
add_image handlers '"exec": ["/bin/probe", "cat", "/tmp/pre"], "user": "alice", "group": "alice",
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "write", "/tmp/pre", "made\n"]},
                      {"name": "post-stop", "exec": ["/bin/probe", "id"]}]'

# app OPTIONS... -- ARGS...: runs it without network, destroys it
app() { run jetpack run -destroy --net=none "$@"; }

app test.example/alice -- env AC_APP_NAME container HOME USER LOGNAME SHELL PATH FROM_IMAGE
is "$out" "alice| AC_APP_NAME=alice
alice| container=jetpack
alice| HOME=/home/alice
alice| USER=alice
alice| LOGNAME=alice
alice| SHELL=/bin/probe
alice| PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
alice| FROM_IMAGE=yes" "the environment of the specification"
app test.example/alice -e FROM_IMAGE=no -e NEW='a b=c' -- env FROM_IMAGE NEW
is "$out" "alice| FROM_IMAGE=no
alice| NEW=a b=c" "variables from the command line"
SECRET=leak app test.example/plain -- env
unlike "$out" 'leak|JETPACK|SUDO' "nothing comes from the caller"

app test.example/alice -- id
is "$out" "alice| 1000 50 7,50,60" "user, group and supplementary groups"
app test.example/plain -user alice -group alice -- id
like "$out" "^plain\| 1000 1000 " "names from the command line"
app test.example/plain -user 1234 -group 4321 -- id
is "$out" "plain| 1234 4321 4321" "numbers"
app test.example/plain -user /tmp -group /tmp -- id
like "$out" "^plain\| 0 0" "the owner of a file"
app test.example/plain -user 01x -- id
is "$status" 125 "an unknown user"
app test.example/alice -- pwd
is "$out" "alice| /home/alice" "the working directory"
app test.example/alice -workdir /data -- pwd
is "$out" "alice| /data" "... from the command line"

# The standard streams are the app's user's.
app test.example/alice -- write /dev/stderr named
is "$err" "alice| named" "a user opens /dev/stderr"
app test.example/alice -- write /dev/stdout named
is "$out" "alice| named" "... and /dev/stdout"
add_image handlers2 '"exec": ["/bin/probe", "true"], "user": "alice", "group": "alice",
    "eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "write", "/dev/stderr", "pre\n"]}]'
app test.example/handlers2
is "$err" "handlers2| pre" "... and so does a handler"

# The root file system.
app test.example/plain -- ls /
unlike "$out" 'manifest|rootfs' "the root is the image's"
app test.example/plain -read-only -- write /data/x y
is "$status" 1 "a read-only root"
app test.example/plain -- write /data/x y
is "$status" 0 "... and a writable one"
app test.example/plain -- stat /dev/null
like "$out" 'char 0666' "/dev/null"
app test.example/plain -- stat /tmp
like "$out" 'dir 1777 0 0' "modes of the image"

# Volumes.
mkdir "$work/host"
echo from-host >"$work/host/file"
app -v "store:$work/host" test.example/alice -user 0 -- cat /store/file
is "$out" "alice| from-host" "a host volume at a mount point"
app -v "store:$work/host" test.example/alice -user 0 -- write /store/new x
is "$(cat "$work/host/new")" x "... can be written"
app -v "-store:$work/host" test.example/alice -user 0 -- write /store/ro x
is "$status" 1 "a read-only volume cannot"
app -v "look:$work/host" test.example/alice -user 0 -- write /look/ro x
is "$status" 1 "nor can a read-only mount point"
test ! -e "$work/host/ro"
ok $? "... indeed"
app -v "store:$work/host" test.example/plain -m store:/data -- true
is "$err" "jetpack: warning: app 'plain': volume 'store' hides what is in '/data' of the image" "... with a warning when it covers files"
run jetpack run -d --net=none -v "store:$work/host" -pod-name warned test.example/plain -m store:/data -- true
like "$err" "hides what is in '/data'" "... in the background too"
run jetpack show warned
like "$out" "^Warning .*hides what is in '/data'" "... and show tells it later"
app -v "other:$work/host" test.example/plain -m other:/data/deep/er -- cat /data/deep/er/file
is "$out" "plain| from-host" "a volume at a path that the image lacks"
app test.example/alice -- stat /store
is "$out" "alice| dir 0755 0 0" "a missing volume is made empty"
app -v store,kind=empty,mode=0700,uid=1000,gid=60 test.example/alice -- stat /store
is "$out" "alice| dir 0700 1000 60" "mode and owner of an empty volume"
app -v "store,kind=host,source=$work/host,readOnly=true" test.example/alice -user 0 -- cat /store/file
is "$out" "alice| from-host" "the form of the specification"
ln -s "$work/host" "$work/link"
app -v "store:$work/link" test.example/alice -user 0 -- cat /store/file
is "$status" 125 "a symbolic link as source is refused"
like "$err" 'link' "... says why"
app -v "store:$work/link" --allow-volume-symlinks test.example/alice -user 0 -- cat /store/file
is "$out" "alice| from-host" "... unless it is allowed"

run jetpack prepare --net=none -pod-name keep -v store test.example/alice -user 0 -- \
    write /store/kept x
jetpack run keep
find "$work/root/pods" -name kept | grep -q .
ok $? "an empty volume keeps its content between runs"
done_well "destroy" jetpack destroy keep

# Two apps share a volume and see each other.
run jetpack run -destroy --net=none -v share \
    test.example/plain -name one -m share:/data -exec /bin/probe -- write /data/x shared --- \
    test.example/plain -name two -m share:/srv -exec /bin/probe -- stat /srv
is "$status" 0 "two apps with one volume"
like "$out" 'two\| dir' "... both have it"

# Handlers.
app test.example/handlers
is "$(printf '%s\n' "$out" | head -1)" "handlers| made" "pre-start runs before the app"
like "$out" 'handlers\| 0 0' "post-stop runs afterwards, as root of the app"
app test.example/plain -pre-start '["/bin/probe", "exit", "3"]' -- echo no
[ "$status" -ne 0 ]
ok $? "a failing pre-start is a failure"
unlike "$out" 'no' "... and the app does not run"

# Names of the host.
app --hostname box test.example/plain -- hosts
like "$out" '127\.0\.0\.1.*localhost' "/etc/hosts"
like "$out" 'box' "... with the host name"

# Same confinement for the app, its handlers and exec; nothing leaks.
run jetpack run -d --net=none -pod-name print test.example/plain \
    -pre-start '["/bin/probe", "fingerprint"]' -exec '["/bin/probe", "sleep", "1000"]'
jetpack exec print /bin/probe fingerprint >"$work/exec"
jetpack logs print 2>/dev/null | grep -v '^ready$' >"$work/handler"
cmp -s "$work/exec" "$work/handler"
ok $? "exec is confined like a handler" || diff "$work/exec" "$work/handler" | sed 's/^/# /'
unlike "$(cat "$work/exec")" 'leaked' "no descriptor leaks"
if [ "$host_os" = linux ]; then
    like "$(cat "$work/exec")" 'CapInh:.*0000000000000000' "no inheritable capability"
else
    skip "no inheritable capability" "not here: only Linux has them"
fi
jetpack destroy print
exec 9<"$0" 8</
app test.example/plain -- fingerprint
exec 9<&- 8<&-
unlike "$out" 'leaked' "nor do the caller's"

# Network: reachable from the host, with its own loopback.
run jetpack run -d -pod-name net test.example/plain -exec '["/bin/probe", "sleep", "1000"]'
is "$status" 0 "a pod with an address"
address=$(jetpack list -H -filter name=net | cut -f4)
like "$address" '^10\.' "... of the subnet"
if command -v ping >/dev/null 2>&1; then
    ping -c 1 -W 5 "$address" >/dev/null 2>&1
    ok $? "... that answers"
else
    skip "... that answers" "no ping"
fi
run jetpack run -d -pod-name net2 test.example/plain -exec '["/bin/probe", "sleep", "1000"]'
[ "$(jetpack list -H -filter name=net2 | cut -f4)" != "$address" ]
ok $? "another pod has another address"
done_well "destroy" jetpack destroy net net2
run jetpack run -destroy --net=host test.example/plain -- true
is "$status" 0 "--net=host"
finish
