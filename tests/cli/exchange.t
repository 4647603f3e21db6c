#!/bin/sh
# Exchanges of HTTP (src/fetch/transfer.h) with a real server and with an ill-meaning one: what is
# permitted, what is refused, what a password is sent to.
. "$(dirname "$0")/site.sh"

to() { echo "location = /to/$1 { return ${3:-302} $2; }"; }
site "
    $(to same https://example.com/hello) $(to relative /hello) $(to temporary /put 307)
    $(to loop https://example.com/to/loop)
    $(to http http://example.com/hello) $(to file file:///etc/passwd)
    $(to ftp ftp://example.com/x) $(to gopher gopher://example.com/x)
    $(to other https://other.example/hello) $(to port https://example.com:444/hello)
    $(to inside https://inside.example/hello) $(to metadata https://metadata.example/hello)
    $(to private https://private.example/hello)
    $(to address https://127.0.0.1/hello) $(to address6 'https://[::1]/hello')
    $(to user https://name:word@other.example/hello)
    location = /put { return 201; }"
ill
echo hello >"$www/hello"
head -c 3000000 /dev/urandom >"$www/large"

fetches() { # NAME METHOD URL [OPTION...]
    fetches_name=$1
    shift
    run exchange "$@"
    ok "$status" "$fetches_name" || { show out "$out"; show err "$err"; }
}

refuses() { # PATTERN NAME METHOD URL [OPTION...]: nothing of a body, one line that says why
    pattern=$1 refuses_name=$2
    shift 2
    run exchange "$@"
    { [ "$status" -eq 1 ] && printf '%s\n' "$err" | tail -n 1 | grep -Eq -e "$pattern"; }
    ok $? "$refuses_name" || { show status "$status"; show err "$err"; show pattern "$pattern"; }
}

# ---- what works ----

fetches "https" GET https://example.com/hello
is "$out" hello "... the body"
like "$err" '^200 https://example.com/hello' "... status and URL"
like "$err" '^etag: "' "... headers"
exchange GET https://example.com/large >"$work/large" 2>/dev/null
cmp -s "$work/large" "$www/large"
ok $? "a body that is larger than a pipe, byte for byte"
fetches "only its head" HEAD https://example.com/large
like "$err" '^length 3000000' "... says how long it is"
etag=$(printf '%s\n' "$err" | sed -n 's/^etag: //p')
fetches "a validator that still holds" GET https://example.com/large etag="$etag"
like "$err" '^304 ' "... and nothing is sent again"
exchange GET https://example.com/large offset=1000000 if-range="$etag" >"$work/rest" 2>"$work/err"
tail -c 2000000 "$www/large" | cmp -s - "$work/rest"
ok $? "what follows an offset"
like "$(cat "$work/err")" '^206 ' "... is a part"
exchange GET https://example.com/large offset=1000000 if-range='"other"' >"$work/rest" 2>"$work/err"
cmp -s "$www/large" "$work/rest"
ok $? "all of it when the validator is another's"
fetches "an answer that is none of success" GET https://example.com/nothing
like "$err" '^404 ' "... is an answer"
is "$out" '' "... without a body"
echo 'a body to send' >"$work/input"
fetches "a body that is sent" PUT https://example.com/put input="$work/input"
like "$err" '^201 ' "... is taken"
fetches "... and sent again where a redirect says so" PUT https://example.com/to/temporary input="$work/input"
fetches "POST without a body" POST https://example.com/put
fetches "redirects" GET https://example.com/to/same
is "$out" hello "... are followed"
like "$err" '^200 https://example.com/hello' "... and it is told where to"
fetches "relative ones too" GET https://example.com/to/relative
fetches "or left to the one who asked" GET https://example.com/to/same keep-redirect
like "$err" '^302 ' "... as they are"
before=$(requests example)
fetches "two exchanges" GET https://example.com/hello twice
is "$(($(requests example) - before))" 2 "... are two requests"
fetches "several names of a certificate" GET https://www.example.com/hello
fetches "http where its host is named" GET http://example.com/hello http=example.com
fetches "http that the user wrote, where allow.http is on" GET http://example.com/hello allow-http typed

for before in https://nosuch.example/x https://expired.example/hello http://example.com/hello \
    http://ill.example/short http://ill.example/endless; do
    fetches "an exchange after another that failed: $before" GET https://example.com/hello after="$before" http=ill.example
    is "$out" hello "... is a good one"
done

# ---- row 47: no way down ----

refuses 'not https.*-allow-http example.com' "row 47: http" GET http://example.com/hello
refuses 'not https' "row 47: http that is named elsewhere" GET http://example.com/hello http=other.example
refuses 'not https' "row 47: http with allow.http on that nobody wrote" GET http://example.com/hello allow-http
refuses 'not https' "row 47: a redirect to http" GET https://example.com/to/http
refuses 'not https' "row 47: ... also with allow.http on" GET https://example.com/to/http allow-http typed
fetches "row 47: ... but to a host that is named" GET https://example.com/to/http http=example.com
for scheme in file ftp gopher; do
    refuses 'no URL of https or http' "row 47: a redirect to $scheme" GET "https://example.com/to/$scheme"
done
refuses 'more than 10 redirects' "row 47: a redirect in a circle" GET https://example.com/to/loop
refuses 'wrong.name.example|subject name' "row 47: a certificate of another name" GET https://wrong.name.example/hello
refuses 'expired' "row 47: a certificate that has expired" GET https://expired.example/hello
run "$programs/exchange" "$build_dir/src/fetch/jetpack-fetch" GET https://example.com/hello
like "$status $err" '^1 .*certificate' "row 47: an authority that nobody trusts"
refuses 'no URL' "row 47: file" GET file:///etc/passwd
refuses 'no URL' "row 47: another scheme" GET hdfs://example.com/x

# ---- row 48: nothing that a public site says leads inside ----

for where in inside metadata private; do
    refuses 'a public site leads to' "row 48: a redirect to a name that is $where" GET "https://example.com/to/$where"
    is "$(requests $where)" 0 "row 48: ... is not asked"
done
refuses 'a public site leads to' "row 48: a redirect to an address" GET https://example.com/to/address
refuses 'a public site leads to' "row 48: one of IPv6" GET https://example.com/to/address6
refuses 'a public site leads to' "row 48: a link of a page from there" GET https://inside.example/hello public
fetches "row 48: what the user names inside" GET https://inside.example/hello
fetches "row 48: allow.private-addresses" GET https://example.com/to/inside private

# ---- row 49: passwords ----

fetches "row 49: a password" GET https://example.com/hello authorization='Basic c2VjcmV0'
like "$(logged example | tail -n 1)" 'auth=\[Basic c2VjcmV0\]' "row 49: ... is sent"
fetches "row 49: a redirect to another host" GET https://example.com/to/other authorization='Basic c2VjcmV0' header='Accept: x/y'
is "$(requests other 'GET /hello 200 auth=\[-\] cookie=\[-\]')" 1 "row 49: ... does not get it"
fetches "row 49: a redirect to another port" GET https://example.com/to/port authorization='Basic c2VjcmV0'
is "$(requests port444 'GET /hello 200 auth=\[-\] cookie=\[-\]')" 1 "row 49: ... neither"
fetches "row 49: a redirect to the same host" GET https://example.com/to/same authorization='Basic c2VjcmV0'
like "$(logged example | tail -n 1)" 'auth=\[Basic c2VjcmV0\]' "row 49: ... gets it"
fetches "row 49: a redirect to http on the same host" GET https://example.com/to/http http=example.com authorization='Basic c2VjcmV0'
is "$(requests plain 'auth=\[Basic')" 0 "row 49: ... does not"
refuses 'URL with a user' "row 49: a redirect with a password in it" GET https://example.com/to/user

# ---- row 50: too much, too slow ----

refuses 'larger than 100000 bytes' "row 50: a body without end" GET http://ill.example/endless http=ill.example max=100000
refuses 'too slow|[Tt]imeout|timed out' "row 50: a body that hardly comes" GET http://ill.example/slow http=ill.example low-bytes=1000 low-seconds=2
refuses '[Tt]imeout|timed out' "row 50: no answer" GET http://ill.example/silent http=ill.example seconds=2
refuses '.' "row 50: less than was promised" GET http://ill.example/short http=ill.example
refuses '.' "row 50: headers without end" GET http://ill.example/headers http=ill.example
refuses '.' "row 50: no HTTP" GET http://ill.example/garbage http=ill.example
refuses 'status 999' "row 50: a status that there is not" GET http://ill.example/status http=ill.example
refuses 'endless body|larger' "row 50: an error with an endless body" GET http://ill.example/error http=ill.example
exchange GET http://ill.example/bomb http=ill.example max=100000 2>"$work/err" | wc -c >"$work/count"
[ "$(cat "$work/count")" -le 100000 ] && grep -q 'larger than 100000 bytes' "$work/err"
ok $? "row 50: a body that would grow is not unpacked, and counted as it comes" || show err "$(cat "$work/err")"
refuses 'larger than 1048576' "row 51: a page without end" GET http://ill.example/endless http=ill.example metas

exchange GET http://ill.example/cut/large http=ill.example 2>"$work/err" | dd bs=512 2>/dev/null >"$work/half"
head -c 1500000 "$www/large" | cmp -s - "$work/half"
ok $? "row 50: of a body that breaks off, a slow reader has what came" || wc -c "$work/half"

# ---- who asks ----

"$programs/exchange" "$build_dir/src/fetch/jetpack-fetch" GET http://ill.example/silent http=ill.example >/dev/null 2>&1 &
job=$!
asked_silent() { [ "$(grep -c /silent "$site/ill.log")" -eq 2 ]; }
wait_for 60 asked_silent
helper=$(pgrep -P "$job" jetpack-fetch)
like "$(grep -E '^(Uid|Gid|Groups):' "/proc/$helper/status" | tr '\n' ' ')" \
    '^Uid:.65534.65534.65534.65534 Gid:.65534.65534.65534.65534 Groups:.65534 *$' "jetpack-fetch is nobody"
is "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):.0000000000000000$' "/proc/$helper/status")" 5 "... has no capability"
like "$(cat "/proc/$helper/status")" 'NoNewPrivs:.1' "... can get none"
if grep -q 'JP_SANITIZED 1' "$build_dir/config.h"; then
    skip "... its system calls are filtered" "not here: built with sanitizers"
else
    like "$(cat "/proc/$helper/status")" 'Seccomp:.2' "... its system calls are filtered"
fi
kill "$job"
gone() { ! kill -0 "$helper" 2>/dev/null; }
wait_for 60 gone
ok $? "... and ends with the one who asked"
wait "$job" 2>/dev/null

finish
