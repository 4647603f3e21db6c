#!/bin/sh
# The metadata service: endpoints, who may ask what, its life, what it survives. Requests are made by
# hand (tests/programs/web.c), inside pods and from the host.
. "$(dirname "$0")/lib.sh"
need_root
[ -x "$build_dir/src/mds/jetpack-mds" ] || skip_all 'not here: this build has no metadata service'

CR=$(printf '\r')
web=$programs/web
port=$(jetpack config mds.port)
printf 'mds.logfile = %s\n' "$work/mds.log" >>"$config"

# An image with `web`, annotations and handlers.
dir=$work/tree
mkdir -p "$dir"
rootfs "$dir/rootfs"
cp "$web" "$dir/rootfs/bin/web"
cat >"$dir/manifest" <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/asker",
 "labels": [{"name": "os", "value": "$host_os"}, {"name": "arch", "value": "$host_arch"}],
 "annotations": [{"name": "zeta", "value": "of the image"}, {"name": "both", "value": "of the image"},
                 {"name": "path/like", "value": "with a slash"}],
 "app": {"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0",
         "eventHandlers": [{"name": "pre-start", "exec": ["/bin/probe", "env", "AC_METADATA_URL"]}]}}
END
tar -C "$dir" -b 1 -cf "$work/asker.aci" manifest rootfs
image_id=$(jetpack import -q "$work/asker.aci")
like "$image_id" '^sha512-' "an image"

url_of() { # POD[:APP]
    jetpack exec "$1" /bin/probe env AC_METADATA_URL | sed 's/^AC_METADATA_URL=//'
}
# split URL: $address, $port, $token
split() {
    rest=${1#http://}
    address=${rest%%:*}
    token=${rest#*/~}
}
# ask HOW REQUEST: HOW is "host" or a pod; the raw request with LF; $answer, $code, $type, $body
ask() {
    printf '%s' "$2" | sed "s/\$/$CR/" >"$work/request"
    send "$1"
}
send() { # HOW: what is in $work/request
    case $1 in
    host) "$web" ask "$address" "$port" <"$work/request" >"$work/answer" ;;
    *) jetpack exec -i "$1" /bin/web ask "$address" "$port" <"$work/request" >"$work/answer" ;;
    esac
    answer=$(tr -d '\r' <"$work/answer")
    code=$(printf '%s\n' "$answer" | sed -n '1s/^HTTP.1.1 \([0-9]*\) .*/\1/p')
    type=$(printf '%s\n' "$answer" | sed -n 's/^[Cc]ontent-[Tt]ype: //p' | head -n 1)
    body=$(printf '%s\n' "$answer" | sed '1,/^$/d')
}
get() { # HOW PATH [TOKEN]
    ask "$1" "GET /~${3-$token}$2 HTTP/1.1
Host: $address:$port
Connection: close

"
}
v1=/acMetadata/v1
post() { # HOW PATH BODY [CONTENT-TYPE]
    printf 'POST /~%s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
        "$token" "$v1$2" "$address:$port" "${4-application/x-www-form-urlencoded}" "${#3}" "$3" \
        >"$work/request"
    send "$1"
}
service_pid() { sed -n 's/^pid //p' "$work/root/mds/service"; }
no_service() { ! jetpack mds; }
text='text/plain; charset=us-ascii'

# ---- before the first pod ----
fails 1 'no metadata service is running' "mds says that none runs" jetpack mds
done_well "init" jetpack init
facts_of() { "$programs/probe" stat "$1" | cut -d' ' -f2-; }
is "$(facts_of "$work/root/mds")" "0750 0 $(id -g nobody)" "the directory is the service's to read"
owner_of() { facts_of "$1" | cut -d' ' -f1,2; } # (on FreeBSD a file has the group of its directory)
is "$(owner_of "$work/root/mds/token.key") $(owner_of "$work/root/mds/signing.key")" "0600 0 0600 0" \
    "the keys are root's"
is "$(($(wc -c <"$work/root/mds/token.key")))" 64 "a key has 64 bytes"
cmp -s "$work/root/mds/token.key" "$work/root/mds/signing.key"
is "$?" 1 "two keys"
before=$(cksum "$work/root/mds/token.key")
jetpack init >/dev/null
is "$(cksum "$work/root/mds/token.key")" "$before" "init again leaves the keys alone"

# The user is made where there is none: seen on a copy of /etc.
if command -v useradd >/dev/null && unshare -m true 2>/dev/null; then
    user=_jpt$$
    cp -a /etc "$work/etc"
    # shellcheck disable=SC2016 # the inner shell's
    run unshare -m sh -c 'mount --make-rprivate / && mount --bind "$1/etc" /etc && shift && exec "$@"' sh \
        "$work" "$JETPACK" -config "$config" -o root.dir="$work/other" -o mds.user=$user init
    is "$status" 0 "init makes the user" || show err "$err"
    like "$(cat "$work/etc/passwd")" "^$user:x:[0-9]+:[0-9]+:.*:/nonexistent:.*nologin\$" "... without home and shell"
    is "$(stat -c '%a %g' "$work/other/mds")" "750 $(sed -n "s/^$user:x:\([0-9]*\):.*/\1/p" "$work/etc/group")" \
        "... whose group may read the registrations"
    is "$(grep -c "^$user:" /etc/passwd)" 0 "... and the host's /etc was not touched"
else
    skip "init makes the user" "not here: neither useradd nor unshare"
fi
fails 1 'does not run as root' "root is no user for it" jetpack -o root.dir="$work/third" -o mds.user=root init

# ---- a pod ----
# Whoever starts the first pod starts the service, and leaves it nothing of its own.
as_somebody() { (ulimit -S -n 200 && CALLERS_SECRET=secret nice -n 5 "$JETPACK" -config "$config" "$@"); }
done_well "a pod" as_somebody run -d -pod-name one -a note=podly -a 'odd="quoted"' test.example/asker -name app \
    -a both=app -a extra=app test.example/asker -name other
uuid=$out
jetpack logs one:app >"$work/handler"
url=$(url_of one:app)
split "$url"
like "$url" "^http://10\\.[0-9.]+:$port/~[0-9a-f]{128}\$" "AC_METADATA_URL"
is "$(url_of one:other)" "$url" "the same in every app of the pod"
like "$(cat "$work/handler")" "AC_METADATA_URL=$url" "... and in event handlers"
run jetpack mds
like "$out" "^Metadata service OK: MDS\\[$(service_pid)\\] \\(u$(id -u nobody) g$(id -g nobody) 127.0.0.1:$port .*\\), 1 pods\$" \
    "mds says that all is well"

get one:app $v1/pod/uuid
is "$code $type $body" "200 $text $uuid" "pod/uuid"
is "$(tail -c 36 "$work/answer")" "$uuid" "... without a newline at its end"
like "$answer" '^Referrer-Policy: no-referrer' "answers do not tell where they came from"
unlike "$answer" '^Access-Control' "... and no other site may read them"
get one:app $v1/pod/manifest
is "$code $type" "200 application/json" "pod/manifest"
is "$body" "$(jetpack manifest one)" "... is the reified manifest"
get one:app $v1/pod/annotations
is "$code $type" "200 application/json" "pod/annotations"
like "$body" '^\[.*\{"name":"note","value":"podly"\},\{"name":"odd","value":"\\"quoted\\""\}' \
    "... in the manifest's order"
like "$body" "\"name\":\"ip-address\"" "... with the address"
get one:app $v1/apps/app/annotations
is "$code $body" '200 [{"name":"zeta","value":"of the image"},{"name":"both","value":"app"},{"name":"path/like","value":"with a slash"},{"name":"extra","value":"app"}]' \
    "apps/NAME/annotations: the image's with the app's over them"
get one:app $v1/apps/other/annotations
is "$code $body" '200 [{"name":"zeta","value":"of the image"},{"name":"both","value":"of the image"},{"name":"path/like","value":"with a slash"}]' \
    "... of another app of the pod"
get one:app $v1/apps/app/image/id
is "$code $type $body" "200 $text $image_id" "apps/NAME/image/id"
get one:app $v1/apps/app/image/manifest
is "$code $type" "200 application/json" "apps/NAME/image/manifest"
printf '%s\n' "$body" | cmp -s - "$dir/manifest"
is "$?" 0 "... is the image's own, byte for byte"
get one:app $v1/pod/annotations/note
is "$code $type $body" "200 text/plain; charset=utf-8 podly" "pod/annotations/NAME"
get one:app $v1/apps/app/annotations/both
is "$code $body" "200 app" "apps/NAME/annotations/NAME"
get one:app $v1/apps/app/annotations/path/like
is "$code $body" "200 with a slash" "... whose name has a slash"
get one:app $v1/apps/app/annotations/path%2Flike
is "$code $body" "200 with a slash" "... or %2F"
ask one:app "HEAD /~$token$v1/pod/uuid HTTP/1.1
Host: $address:$port
Connection: close

"
is "$code $body" "200 " "HEAD: no body"

for path in $v1/pod/nonsense $v1/pod $v1/pod/ $v1 / '' $v1/pod/uuid/ $v1/apps/nobody/image/id $v1/apps/app \
    $v1/apps/app/image $v1/pod/annotations/nonsense $v1/pod/annotations/ $v1/pod/image/id \
    $v1/pod/../pod/uuid '/..;/' $v1/pod/uuid%00 $v1/pod/annotations/note%00 $v1/pod/annotations/%zz /_info; do
    get one:app "$path"
    is "$code" 404 "no such endpoint: '$path'"
done

# ---- identity ----
post one:app /pod/hmac/sign 'content=Old+MacDonald%20had+a+farm'
is "$code $type" "200 $text" "hmac/sign"
signature=$body
like "$signature" '^[A-Za-z0-9+/]{86}==$' "... is 64 bytes in base64"
urlencode() { printf '%s' "$1" | sed 's/+/%2B/g; s|/|%2F|g; s/=/%3D/g'; }
verify() { # CONTENT UUID SIGNATURE
    post one:app /pod/hmac/verify "content=$1&uuid=$2&signature=$(urlencode "$3")"
}
verify 'Old+MacDonald+had+a+farm' "$uuid" "$signature"
is "$code $type" "200 $text" "hmac/verify: the same content, written in another way"
verify 'Old+MacDonald+had+a+barn' "$uuid" "$signature"
is "$code" 403 "... another content"
verify 'Old+MacDonald+had+a+farm' 00000000-0000-4000-8000-000000000000 "$signature"
is "$code" 403 "... another pod"
verify 'Old+MacDonald+had+a+farm' "$uuid" "${signature%?}"
is "$code" 403 "... a truncated signature"
verify 'Old+MacDonald+had+a+farm' "$uuid" "$signature="
is "$code" 403 "... an extended one"
verify 'Old+MacDonald+had+a+farm' "$uuid" "$(printf '%s' "$signature" | tr 'a-zA-Z' 'A-Za-z')"
is "$code" 403 "... letters of the other case"
verify 'Old+MacDonald+had+a+farm' "$uuid" ''
is "$code" 403 "... an empty one"
post one:app /pod/hmac/verify "content=x&uuid=nonsense&signature=x"
is "$code" 400 "... no UUID"
post one:app /pod/hmac/verify "content=x&uuid=$uuid"
is "$code" 400 "... no signature"
post one:app /pod/hmac/sign 'something=else'
is "$code" 400 "nothing to sign"
post one:app /pod/hmac/sign 'content='
is "$code" 200 "an empty content is one"
post one:app /pod/hmac/sign 'content=a&content=b'
is "$code" 400 "two contents are none"
post one:app /pod/hmac/sign 'content=%zz'
is "$code" 400 "a broken form"
post one:app /pod/hmac/sign 'content=a%00b'
with_zero=$body
post one:app /pod/hmac/sign 'content=a'
unlike "$with_zero" "^$body\$" "a zero byte does not end the content"
post one:app /pod/hmac/sign 'content=x' text/plain
is "$code" 415 "not a form"
post one:app /pod/uuid 'content=x'
is "$code" 405 "POST where there is nothing to post"
get one:app $v1/pod/hmac/sign
is "$code" 405 "GET where there is nothing to get"
like "$answer" '^Allow: POST' "... says what is allowed"
ask one:app "DELETE /~$token$v1/pod/uuid HTTP/1.1
Host: $address:$port

"
is "$code" 405 "DELETE"
ask one:app "POST /~$token$v1/pod/hmac/sign HTTP/1.1
Host: $address:$port
Content-Type: application/x-www-form-urlencoded
Content-Length: 70000

"
is "$code" 413 "a body of more than 64 KiB"
ask one:app "POST /~$token$v1/pod/hmac/sign HTTP/1.1
Host: $address:$port
Content-Type: application/x-www-form-urlencoded
Transfer-Encoding: chunked

9
content=x
0

"
is "$code" 411 "a chunked body"
ask one:app "POST /~$token$v1/pod/hmac/sign HTTP/1.1
Host: $address:$port
Content-Type: application/x-www-form-urlencoded
Content-Length: 9
Content-Length: 10

content=xx"
like "$code" '^4' "two lengths"

# ---- who is refused (rows 53 to 55) ----
done_well "another pod" jetpack run -d -pod-name two test.example/asker
two_url=$(url_of two)
unlike "$two_url" "$token" "each pod has a token of its own"
get one:app $v1/pod/uuid "${two_url#*/~}"
refusal=$(printf '%s\n' "$answer" | grep -v '^Date:')
is "$code" 403 "row 54: the token of another pod"
refused() { # NAME
    is "$(printf '%s\n' "$answer" | grep -v '^Date:')" "$refusal" "$1: refused in the same words"
}
get two $v1/pod/uuid
refused "row 54: our token from another pod"
get host $v1/pod/uuid
refused "row 54: our token from the host"
get one:app $v1/pod/uuid "$(printf '%s' "$token" | tr 0-9 1-90)"
refused "row 54: a wrong token"
get one:app $v1/pod/uuid "${token%?}"
refused "a truncated token"
get one:app $v1/pod/uuid "$(printf '%s' "$token" | tr a-f A-F)"
refused "a token in capitals"
get one:app $v1/pod/uuid ''
refused "an empty token"
get one:app /_info "$token$token$token$token$token$token$token$token$token"
refused "a long token"
for path in / '/~' '/~tok' "/$token" '/~/' '//' "$v1/pod/uuid" '/_info' '/~x/_info'; do
    ask one:app "GET $path HTTP/1.1
Host: $address:$port
X-Forwarded-For: 127.0.0.1

"
    refused "GET $path"
done
header() { # HEADER NAME
    ask one:app "GET /~$token$v1/pod/uuid HTTP/1.1
$1

"
    refused "row 55: $2"
}
header "Host: evil.example" "another Host"
header "Host: $address" "Host without the port"
header "Host: $address:$port
Origin: http://evil.example" "an Origin"
header "Host: $address:$port
Sec-Fetch-Site: cross-site" "a request from another site"
ask one:app "GET /~$token$v1/pod/uuid HTTP/1.0

"
refused "row 55: HTTP/1.0 without Host"

# ---- row 53: where the token is not ----
long=$(printf 'x%.0s' $(seq 1 9000))
get one:app "/$long"
like "$code" '^(4|$)' "row 56: headers of more than 8 KiB"
wait_for 60 grep -q "GET $v1/pod/uuid\" 200 36" "$work/mds.log"
ok $? "the access log has the path" || show log "$(tail -n 3 "$work/mds.log")"
like "$(cat "$work/mds.log")" "^[0-9.]+ - $uuid \\[.*\\] \"GET $v1/pod/uuid\" 200 36\$" "... in the common format, with the pod's UUID"
grep -q "$token" "$work/mds.log"
is "$?" 1 "row 53: the access log has no token"
# (Not what is mounted in there: on FreeBSD the roots of pods are, with their /dev.)
is "$(find "$work/root" -xdev -name logs -prune -o -type f -exec grep -l "$token" {} + 2>/dev/null)" '' "... nor has a file below the root directory"
printf '%s\n' "$token" >"$work/token"
is "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c -f "$work/token")" 0 "... nor a command line"
unlike "$(jetpack show one; jetpack show -format=json one)" "$token" "... nor does show tell it"
mds_pid=$(service_pid)
# What its process is, as Linux tells it.
is_confined() {
    is "$(sed -n 's/^\(Uid\|Gid\|Groups\|CapEff\|CapPrm\|CapBnd\|NoNewPrivs\):[[:space:]]*//p' "/proc/$mds_pid/status" | head -n 2 | tr -s '\t\n' ' ')" \
        "$(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -u nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody) $(id -g nobody) " "the service is not root"
    like "$(cat "/proc/$mds_pid/status")" '^CapEff:[[:space:]]*0+$' "... and has no capability"
    like "$(cat "/proc/$mds_pid/status")" '^NoNewPrivs:[[:space:]]*1$' "... nor can it get any"
    is "$(tr '\0' '\n' <"/proc/$mds_pid/environ" | grep -vc '^PATH=')" 0 "its environment is not the caller's"
    like "$(cat "/proc/$mds_pid/limits")" '^Max open files +[0-9]{4}' "its limits are not the caller's"
    is "$(sed 's/.*) //' "/proc/$mds_pid/stat" | cut -d' ' -f17)" 0 "... nor is its priority"
    is "$(sed 's/.*) //' "/proc/$mds_pid/stat" | cut -d' ' -f4)" "$mds_pid" "... nor its session"
    wait_for 60 sh -c "! grep -qv ':/\$' /proc/$mds_pid/cgroup"
    is "$(grep -vc ':/$' "/proc/$mds_pid/cgroup")" 0 "... nor are its control groups"
    is "$(ls -l "/proc/$mds_pid/fd" | sed -n 's/.* -> //p' | grep -vcE "^(/dev/null|$work/|socket:|pipe:|anon_inode:)")" 0 \
        "... nor any descriptor"
    case $(jetpack version; grep -c 'JP_SANITIZED 1' "$build_dir/config.h") in
    *0) like "$(cat "/proc/$mds_pid/status")" '^Seccomp:[[:space:]]*2$' "its system calls are filtered" ;;
    *) skip "its system calls are filtered" "not here: a build with sanitizers" ;;
    esac
}
if [ "$host_os" = linux ]; then
    is_confined
else
    is "$(ps -o uid= -o ruid= -p "$mds_pid" | tr -s ' ' | sed 's/^ //;s/ $//')" "$(id -u nobody) $(id -u nobody)" \
        "the service is not root"
fi

# ---- in the host's network, and without one ----
done_well "a pod in the host's network" jetpack run -d --net=host -pod-name hosted test.example/asker
hosted=$out
split "$(url_of hosted)"
is "$address" 127.0.0.1 "... finds the service on the host's loopback"
get hosted $v1/pod/uuid
is "$code $body" "200 $hosted" "... and is answered"
get host $v1/pod/uuid
is "$code $body" "200 $hosted" "... at an address of the host"
address=${url#http://}
address=${address%%:*}
get two $v1/pod/uuid
refused "its token from a pod"
run jetpack run -destroy --net=none test.example/asker -exec /bin/probe -- env AC_METADATA_URL
like "$out" 'AC_METADATA_URL=http://10' "a pod without a network has the variable"
like "$(cat "$work/err")" 'warning: the pod has no network: nothing answers' "... and a warning"

# ---- the end of a token ----
split "$(url_of two)"
old=$token
done_well "stop" jetpack stop two
is "$(ls "$work/root/mds" | grep -c -- '-.*-.*-.*-')" 2 "a pod that ended is not registered"
jetpack start two >/dev/null
split "$(url_of two)"
unlike "$token" "$old" "row 53: another start, another token"
get two $v1/pod/uuid "$old"
refused "row 53: the token of an earlier start"
get two $v1/pod/uuid
is "$code" 200 "... and the new one works"

# ---- a supervisor that was killed ----
done_well "another pod in the host's network" jetpack run -d --net=host -pod-name orphan test.example/asker
split "$(url_of orphan)"
get host $v1/pod/uuid
is "$code" 200 "is answered"
kill -9 "$(jetpack show -format=json orphan | sed -n 's/.*"supervisor": \([0-9]*\).*/\1/p')"
is_refused() { get host $v1/pod/uuid && [ "$code" = 403 ]; }
wait_for 120 is_refused
ok $? "not any more when its supervisor was killed"
[ -f "$work/root/mds/$(jetpack list -q -filter name=orphan)" ]
ok $? "... though nobody has cleaned up"
jetpack destroy orphan

# ---- row 56: bursts, floods, trickles ----
split "$(url_of hosted)"
printf 'GET /~%s%s/pod/uuid HTTP/1.1\r\nHost: %s:%s\r\n\r\n' "$token" "$v1" "$address" "$port" >"$work/one"
is "$("$web" many "$address" "$port" 2000 <"$work/one")" 2000 "2,000 requests over one connection"
memory() { ps -o rss= -p "$mds_pid"; }
first=$(memory)
is "$("$web" many "$address" "$port" 100000 <"$work/one")" 100000 "row 56: 100,000 more"
if grep -q 'JP_SANITIZED 1' "$build_dir/config.h"; then
    skip "row 56: ... and no more memory" "not here: the sanitizers' memory would be counted"
else
    [ "$(memory)" -le $((first + 512)) ]
    ok $? "row 56: ... and no more memory" || show memory "$first, then $(memory) KiB"
fi
"$web" burst "$address" "$port" 10000 >"$work/burst"
like "$(cat "$work/burst")" '^[0-9]+$' "a burst of 10,000 connections"
get_works() { get two $v1/pod/uuid && [ "$code" = 200 ]; }
split "$(url_of two)"
wait_for 60 get_works
ok $? "... and another pod is served"
is "$(service_pid) $(kill -0 "$mds_pid" && echo alive)" "$mds_pid alive" "... by the same process"
split "$(url_of hosted)"
get_works_on_host() { get host $v1/pod/uuid && [ "$code" = 200 ]; }
wait_for 60 get_works_on_host
ok $? "... and so is who made the burst"
# More than one address may have at a time: they wait, and keep nobody else waiting.
is "$("$web" together "$address" "$port" 1000 <"$work/one")" 1000 "row 56: 1,000 requests at once are all answered"
"$web" hold "$address" "$port" 1000 >"$work/holding" &
holder=$!
wait_for 60 grep -q holding "$work/holding"
ok $? "one who takes 1,000 connections and says nothing"
split "$(url_of two)"
get two $v1/pod/uuid
is "$code" 200 "... and another pod is served beside it"
kill "$holder"
wait "$holder" 2>/dev/null
split "$(url_of hosted)"
wait_for 60 get_works_on_host
ok $? "... and its neighbours when it has gone"
printf 'POST /~%s%s/pod/hmac/sign HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\ncontent=' \
    "$token" "$v1" "$address" "$port" >"$work/slow"
"$web" trickle "$address" "$port" <"$work/slow" >"$work/slow.out" &
slow=$!
printf 'GET /~%s%s/pod/uuid HTTP/1.1\r\nHost: %s:%s\r\nX: ' "$token" "$v1" "$address" "$port" >"$work/slow2"
"$web" trickle "$address" "$port" <"$work/slow2" >"$work/slow2.out"
like "$(cat "$work/slow2.out")" '^closed' "row 56: headers that trickle in have an end"
wait "$slow"
like "$(cat "$work/slow.out")" '^closed' "row 56: and so has a body"
printf 'POST /~%s%s/pod/hmac/sign HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\ncontent=' \
    "wrong$token" "$v1" "$address" "$port" >"$work/slow"
like "$("$web" trickle "$address" "$port" <"$work/slow")" '^closed [0-9]* HTTP/1.1 403' \
    "a wrong token is refused before the body comes"

# ---- the service's life ----
kill -KILL "$mds_pid"
wait_for 30 no_service
ok $? "a service that was killed is missed"
done_well "the next pod starts another" jetpack run -d -pod-name three test.example/asker
split "$(url_of two)"
get two $v1/pod/uuid
is "$code" 200 "... that knows the pods of before"

for name in one two three hosted; do
    jetpack destroy $name || echo "# destroy $name failed"
done
is "$(ls "$work/root/mds" | grep -c -- '-.*-.*-.*-')" 0 "no registration is left"
wait_for 120 no_service
ok $? "without pods the service ends"

# Somebody else on the port: no pod gets a token that could be sent to a stranger.
split "$url"
in_netns() { "$web" listen "$1" "$port" >"$work/squat" & squatter=$!; wait_for 30 grep -q . "$work/squat"; }
in_netns 127.0.0.1
fails 125 "another program has port $port of 127.0.0.1" "a port that somebody else has: no pod starts" \
    jetpack run -destroy test.example/asker -exec /bin/probe -- true
kill "$squatter"
wait "$squatter" 2>/dev/null
in_netns 0.0.0.0
if [ "$host_os" = freebsd ]; then
    done_well "... on every address: what has one of its own comes first" \
        jetpack run -destroy test.example/asker -exec /bin/probe -- true
else
    fails 125 "another program has port $port" "... on every address" \
        jetpack run -destroy test.example/asker -exec /bin/probe -- true
fi
kill "$squatter"
wait "$squatter" 2>/dev/null
done_well "... and when it is gone they do" jetpack run -destroy test.example/asker -exec /bin/probe -- true

# Several starts at once: one service.
for n in 1 2 3 4 5 6; do
    jetpack run -d -pod-name "p$n" test.example/asker >"$work/p$n" 2>&1 &
    eval "job$n=\$!"
done
for n in 1 2 3 4 5 6; do
    eval "wait \$job$n" || { echo "# p$n: $(cat "$work/p$n")"; false; }
    ok $? "pod $n of six that start at once"
done
mds_pid=$(service_pid)
open_files() { if [ "$host_os" = freebsd ]; then procstat -af; else ls -l /proc/[0-9]*/fd; fi 2>/dev/null; }
is "$(open_files | grep -c "$work/root/mds/service\$")" 1 "... have one service"
run jetpack mds
like "$out" ', 6 pods$' "... that knows them all"

# gc removes what is stale and nothing else.
printf x >"$work/root/mds/00000000-0000-4000-8000-000000000000"
printf x >"$work/root/mds/.token.key.12345678"
supervisor=$(jetpack show -format=json p1 | sed -n 's/.*"supervisor": *\([0-9]*\).*/\1/p' | head -n 1)
done_well "gc" jetpack gc
is "$(ls -A "$work/root/mds" | grep -cE '^00000000|^\.')" 0 "gc removes strange registrations and drafts"
is "$(ls "$work/root/mds" | grep -c -- '-.*-.*-.*-')" 6 "... and those of running pods stay"
is "$(($(wc -c <"$work/root/mds/token.key")))" 64 "... as do the keys"

# In the foreground: waits for the one that runs.
# What a service manager is told, as by sd_notify(3).
hear_notices notify
NOTIFY_SOCKET=$work/notify
export NOTIFY_SOCKET
in_background "$work/serve" mds -serve
unset NOTIFY_SOCKET
wait_for 60 grep -q 'takes over when it ends' "$work/serve"
ok $? "mds -serve waits for the service that runs" || show out "$(cat "$work/serve")"
like "$(ls -l "/proc/$job/fd")" 'pidfd' "... without looking again and again"
kill -TERM "$mds_pid"
served() { [ "$(service_pid)" = "$job" ] && jetpack mds; }
wait_for 60 served
ok $? "... and takes over when it ends" || show out "$(cat "$work/serve")"
wait_for 60 grep -q serving "$work/notify.told"
is "$(tr '\n' ' ' <"$work/notify.told")" \
    'listening READY=1 STATUS=waiting for the end of the service that runs READY=1 STATUS=serving ' \
    "... which its service manager is told"
kill "$listener"
split "$(url_of p2)"
get p2 $v1/pod/uuid
is "$code" 200 "... and answers"
for n in 1 2 3 4 5 6; do
    jetpack destroy "p$n" || echo "# destroy p$n failed"
done
sleep 3
run jetpack mds
is "$status" 0 "it stays without pods"
done_well "a pod does not start another" jetpack run -destroy test.example/asker -exec /bin/probe -- true
is "$(service_pid)" "$job" "... and it is still the same"
kill -TERM "$job"
end_of "$job"
is "$?" 0 "SIGTERM ends it with status 0"

# Called by hand like the prototype's; keys from the configuration are on no command line.
secret=$(printf 'ab%.0s' $(seq 1 32))
ln -s "$build_dir/src/mds/jetpack-mds" "$work/mds" 2>/dev/null
"$build_dir/src/mds/jetpack-mds" -config "$config" >"$work/serve" 2>&1 </dev/null &
job=$!
wait_for 60 served
ok $? "jetpack-mds by hand becomes the service" || show out "$(cat "$work/serve")"
kill -TERM "$job"
end_of "$job" >/dev/null
done_well "a pod with a configured key" jetpack -o mds.signing-key="$secret" -o mds.token-key="$secret" \
    run -d -pod-name keyed test.example/asker
is "$(tr '\0' ' ' <"/proc/$(service_pid)/cmdline" | grep -c "$secret")" 0 "the key is not on the service's command line"
split "$(url_of keyed)"
get keyed $v1/pod/uuid
is "$code" 200 "... and the pod is answered"
fails 125 'stop it first' "a service of another configuration is not taken for ours" \
    jetpack -o mds.port=$((port + 1)) run -destroy test.example/asker -exec /bin/probe -- true
jetpack destroy keyed
finish
