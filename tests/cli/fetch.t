#!/bin/sh
# fetch: images by URL and by path, with what the network does to them on the way; what a host gets
# to know of passwords; what a second fetch costs; what a graph of dependencies brings.
. "$(dirname "$0")/site.sh"
user='"user": "0", "group": "0"'
to() { echo "location = /to/$1 { return ${3:-302} $2; }"; }
site "
    $(to other https://other.example/app.aci) $(to http http://example.com/app.aci)
    $(to inside https://inside.example/app.aci) $(to port https://example.com:444/app.aci)
    location = /fresh.aci { alias $www/app.aci; add_header Cache-Control max-age=3000; }
    location = /private.aci { alias $www/app.aci;
        if (\$http_authorization != 'Basic YWxpY2U6b3BlbiBzZXNhbWU=') { return 401; } }
    location = /token.aci { alias $www/app.aci;
        if (\$http_authorization != 'Bearer abc.def') { return 401; } }
    location = /moved.aci { return 302 https://other.example/app.aci; }"
(cd "$www" && exec "$programs/ill" 203.0.113.12 80 "$site/ill.log") >"$site/ill.out" 2>&1 &
ill_pid=$!
wait_for 60 grep -q ready "$site/ill.out"
echo "fetch.ca-file = $ca" >>"$config"

image app "\"exec\": [\"/bin/probe\"], $user"
cp "$work/app.aci" "$www/app.aci"
gzip -c "$work/app.aci" >"$www/app.aci.gz"
app_id=sha512-$(sha512sum <"$work/app.aci" | cut -d ' ' -f 1)
forget() {
    for id in $(jetpack images -q); do jetpack destroy-image "$id" >/dev/null 2>&1; done
    rm -rf "$work/root/fetched"
}
left() { find "$work/root/tmp" -mindepth 1 ! -name 'fetch-*' | sed 's/^/# left: /'; }

# ---- locations ----

done_well "https" jetpack fetch https://example.com/app.aci
is "$out" "$app_id" "... gives the id of what lies there"
is "$(jetpack images -q)" "$app_id" "... which is an image now"
is "$err" '' "... without a word on standard error, that is no terminal"
forget
done_well "a compressed one" jetpack fetch https://example.com/app.aci.gz
is "$out" "$app_id" "... is the same image"
done_well "once more" jetpack fetch https://example.com/app.aci
like "$err" '^jetpack: the image is here already$' "... is here already"
forget
done_well "a path" jetpack fetch "$work/app.aci"
is "$out" "$app_id" "... too"
done_well "a file URL" jetpack fetch "file://$work/app.aci"
run jetpack fetch - <"$work/app.aci"
out=$(jetpack fetch -q - <"$work/app.aci")
is "$out" "$app_id" "standard input"
forget
done_well "several, and where the ids go" jetpack fetch -saveid "$work/id" -format=json https://example.com/app.aci "$work/app.aci"
is "$(cat "$work/id")" "$app_id" "... -saveid"
is "$(printf '%s\n' "$out" | grep -c '"id": "'"$app_id"'"')" 2 "... -format=json"
fails 1 'exit|ftp|fetched|URL' "another scheme" jetpack fetch ftp://example.com/app.aci
fails 1 "404 Not Found" "what is not there" jetpack fetch https://example.com/nothing.aci
fails 1 'resolve' "a host that is not there" jetpack fetch https://nosuch.example/app.aci
echo '<html>' >"$www/page.html"
fails 1 'import https://example.com/page.html' "a page" jetpack fetch https://example.com/page.html
is "$(left)" '' "nothing is left in tmp/"
fails 1 '404 Not Found' "one of two that fails" jetpack fetch -q https://example.com/nothing.aci "$work/app.aci"
is "$out" "$app_id" "... keeps nobody from fetching the other"

# ---- import, too ----

forget
done_well "import of a URL" jetpack import https://example.com/app.aci
is "$out" "$app_id" "... is the image"
fails 1 "called 'test.example/app', expected 'test.example/other'" "... -name" jetpack import -name test.example/other https://example.com/app.aci
fails 2 'of a URL it is what lies beside it' "... -sig" jetpack import -sig "$work/app.aci" https://example.com/app.aci
fails 1 'not https' "row 47: ... over http" jetpack import http://example.com/app.aci
done_well "... -allow-http" jetpack import -allow-http example.com http://example.com/app.aci
forget
rootfs "$work/bare" && tar -C "$work/bare" -cJf "$www/rootfs.tar.xz" .
manifest fromtar '"exec": ["/bin/probe", "echo", "from a tar"], "user": "0", "group": "0"' >"$www/fromtar.json"
done_well "a root file system and a manifest, both from there" jetpack import https://example.com/rootfs.tar.xz https://example.com/fromtar.json
run jetpack run -destroy --net=none test.example/fromtar
is "$out" 'fromtar| from a tar' "... run"
done_well "... once more, with the manifest from here" jetpack import https://example.com/rootfs.tar.xz "$www/fromtar.json"
fails 1 '404 Not Found' "... with none" jetpack import https://example.com/rootfs.tar.xz https://example.com/nothing.json
fails 1 'no signature' "... unsigned ones not allowed" jetpack -o allow.no-signature=off import https://example.com/rootfs.tar.xz https://example.com/fromtar.json

# ---- signatures are asked for ----

forget
sed -i.bak 's/^allow.no-signature.*/allow.no-signature = off/' "$config"
fails 1 'has no signature.*-allow-unsigned' "no signature" jetpack fetch https://example.com/app.aci
is "$(jetpack images -q)" '' "... no image"
is "$(requests example 'GET /app.aci.asc 404')" 1 "... it was looked for"
done_well "... -allow-unsigned" jetpack fetch -allow-unsigned https://example.com/app.aci
fails 1 'has no signature' "... which says nothing about the next time" jetpack fetch https://example.com/app.aci
sed -i.bak 's/^allow.no-signature.*/allow.no-signature = on/' "$config"

# ---- http ----

forget
fails 1 'not https' "row 47: http" jetpack fetch http://example.com/app.aci
done_well "row 47: -allow-http" jetpack fetch -allow-http example.com http://example.com/app.aci
fails 1 'not https' "row 47: -allow-http of another host" jetpack fetch -allow-http other.example http://example.com/app.aci
fails 1 'not https' "row 47: a redirect from https to http" jetpack fetch https://example.com/to/http
fails 1 'not https' "row 47: ... with allow.http on" jetpack -o allow.http fetch -no-cache https://example.com/to/http
done_well "row 47: allow.http, for what the user wrote" jetpack -o allow.http fetch -no-cache http://example.com/app.aci
fails 1 'certificate' "row 47: a certificate that has expired" jetpack fetch https://expired.example/app.aci
fails 1 'subject name' "row 47: a certificate of another name" jetpack fetch https://wrong.name.example/app.aci
fails 1 'certificate' "row 47: an authority that nobody trusts" jetpack -o fetch.ca-file=/etc/ssl/certs/ca-certificates.crt fetch https://example.com/app.aci
fails 1 'public site leads' "row 48: a redirect inside" jetpack fetch https://example.com/to/inside
done_well "row 48: allow.private-addresses" jetpack -o allow.private-addresses fetch https://example.com/to/inside

# ---- passwords ----

printf 'machine example.com\n  login alice\n  password "open sesame"\n' >"$work/netrc"
chmod 600 "$work/netrc"
forget
fails 1 '401 Unauthorized' "no password" jetpack fetch https://example.com/private.aci
done_well "a netrc" jetpack -o fetch.credentials="$work/netrc" fetch https://example.com/private.aci
chmod 644 "$work/netrc"
fails 1 'chmod 600' "... that others can read" jetpack -o fetch.credentials="$work/netrc" fetch -no-cache https://example.com/private.aci
chmod 600 "$work/netrc"
done_well "basic in the configuration" jetpack -o 'fetch.auth.example.com=basic alice:open sesame' fetch -no-cache https://example.com/private.aci
done_well "bearer" jetpack -o 'fetch.auth.example.com=bearer abc.def' fetch -no-cache https://example.com/token.aci
fails 1 'fetch.auth.example.com: expected' "neither" jetpack -o fetch.auth.example.com=secret fetch -no-cache https://example.com/token.aci
unlike "$(jetpack -o fetch.auth.example.com='bearer abc.def' config)" 'abc.def' "config does not show them"
done_well "row 49: a redirect to another host" jetpack -o fetch.credentials="$work/netrc" fetch -no-cache https://example.com/to/other
done_well "row 49: a redirect to another port" jetpack -o fetch.credentials="$work/netrc" fetch -no-cache https://example.com/to/port
is "$(requests example 'GET /to/other 302 auth=\[Basic')" 1 "row 49: the host that it is for gets it"
is "$(requests other 'auth=\[[^-]')" 0 "row 49: ... another host does not"
is "$(requests port444 'auth=\[[^-]')" 0 "row 49: ... another port does not"
done_well "row 49: http" jetpack -o fetch.credentials="$work/netrc" fetch -no-cache -allow-http example.com http://example.com/app.aci
is "$(requests plain 'auth=\[[^-]')" 0 "row 49: ... never over http"

# ---- not modified ----

forget
done_well "first" jetpack fetch https://example.com/app.aci
before=$(requests example)
done_well "second" jetpack fetch https://example.com/app.aci
like "$err" '^jetpack: not modified$' "... not modified"
is "$out" "$app_id" "... the same id"
is "$(($(requests example) - before))" 1 "... costs one request"
like "$(logged example | tail -n 1)" 'GET /app.aci 304' "... and nothing is sent"
before=$(requests example)
done_well "-no-cache" jetpack fetch -no-cache https://example.com/app.aci
like "$(logged example | tail -n 1)" 'GET /app.aci 200' "... fetches again"
done_well "what says how long it is fresh" jetpack fetch https://example.com/fresh.aci
before=$(requests example)
done_well "... is not asked for again" jetpack fetch https://example.com/fresh.aci
is "$(requests example)" "$before" "... at all"
image app2 "\"exec\": [\"/bin/probe\"], $user" 2.0
mv "$work/app2.aci" "$www/app.aci"
touch -d 2020-01-01 "$www/app.aci" # its validator: nginx makes it of time and size
done_well "what has changed" jetpack fetch https://example.com/app.aci
[ "$out" != "$app_id" ]
ok $? "... is another image"
cp "$work/app.aci" "$www/app.aci"
touch -d 2020-01-02 "$www/app.aci"
done_well "back" jetpack fetch https://example.com/app.aci
jetpack destroy-image "$app_id"
done_well "an image that is gone" jetpack fetch https://example.com/app.aci
is "$out" "$app_id" "... is fetched again"

# ---- what is remembered is bounded ----

forget
done_well "something to remember" jetpack fetch https://example.com/app.aci
kept=$(ls "$work/root/fetched")
echo old >"$work/root/fetched/old"
touch -d '91 days ago' "$work/root/fetched/old"
for i in 1 2 3; do
    head -c 7000000 /dev/zero >"$work/root/fetched/large-$i"
    touch -d "$i days ago" "$work/root/fetched/large-$i"
done
gone=$(printf 'fetched large-3: %s\nfetched old: %s' 'would be removed' 'would be removed')
run jetpack gc -n
is "$status $(printf '%s\n' "$out" | grep '^fetched' | sort)" "0 $gone" "gc -n tells what is old or too much"
is "$(ls "$work/root/fetched" | wc -l)" 5 "... and does nothing"
run jetpack gc
is "$(ls "$work/root/fetched" | sort)" "$(printf '%s\nlarge-1\nlarge-2' "$kept" | sort)" "gc forgets the oldest"
rm "$work"/root/fetched/large-*
before=$(requests example)
done_well "... and no more" jetpack fetch https://example.com/app.aci
like "$err" 'not modified' "... of what is still of use"

# ---- what comes is not whole ----

forget
# asked FILE: what the ill server was asked for there, after what it had broken off
asked() { sed -n "s,^/$1 ,,p" "$site/ill.log" | tr '\n' ' '; }
half=$(($(wc -c <"$work/app.aci") / 2))
done_well "row 50: half of it" jetpack fetch -allow-http ill.example http://ill.example/cut/app.aci
is "$out" "$app_id" "row 50: ... the rest is fetched behind it"
is "$(asked cut/app.aci)" "range=[] if-range=[] range=[ bytes=$half-] if-range=[ \"tag0\"] " "row 50: ... asked for once"
forget
done_well "row 50: half of it, and then a server that is busy" jetpack fetch -allow-http ill.example http://ill.example/busy/app.aci
is "$out" "$app_id" "row 50: ... is asked again"
forget
done_well "row 50: half of it, and a header with blanks elsewhere" jetpack fetch -allow-http ill.example http://ill.example/tight/app.aci
is "$(asked tight/app.aci)" "range=[] if-range=[] range=[ bytes=$half-] if-range=[ \"tag0\"] " "row 50: ... is continued"
forget
done_well "row 50: half of it, and a rest that ends early without having said its length" jetpack fetch -allow-http ill.example http://ill.example/thin/app.aci
is "$out" "$app_id" "row 50: ... is continued once more"
is "$(asked thin/app.aci | tr ']' '\n' | grep -c 'bytes=')" 2 "row 50: ... for a byte"
forget
fails 1 'broke off after [0-9]* bytes, and what is there now is something else' "row 50: half of it, which changes" jetpack fetch -allow-http ill.example http://ill.example/changed/app.aci
fails 1 'something else' "row 50: half of it, and the rest of another" jetpack fetch -allow-http ill.example http://ill.example/swap/app.aci
fails 1 'something else' "row 50: half of it, and another part" jetpack fetch -allow-http ill.example http://ill.example/shift/app.aci
fails 1 'something else' "row 50: half of it, and a part that ends early" jetpack fetch -allow-http ill.example http://ill.example/part/app.aci
fails 1 'something else' "row 50: half of it, and the rest of something longer" jetpack fetch -allow-http ill.example http://ill.example/grown/app.aci
fails 1 'something else' "row 50: half of it, and a rest that is shorter than its range" jetpack fetch -allow-http ill.example http://ill.example/less/app.aci
fails 1 'more than the rest' "row 50: half of it, and more than the rest" jetpack fetch -allow-http ill.example http://ill.example/fat/app.aci
fails 1 'something else' "row 50: half of it, and a rest without a validator" jetpack fetch -allow-http ill.example http://ill.example/bare/app.aci
fails 1 'ill.example' "row 50: half of it, of which nobody says what it is" jetpack fetch -allow-http ill.example http://ill.example/weak/app.aci
is "$(asked weak/app.aci)" "range=[] if-range=[] " "row 50: ... is not continued"
is "$(jetpack images -q)$(left)" '' "row 50: ... and none of them is an image"
done_well "... all of it, by another command" jetpack fetch -allow-http ill.example http://ill.example/weak/app.aci
forget
fails 1 'larger than 100000 bytes' "row 50: without end" jetpack -o fetch.max-size=100000 fetch -allow-http ill.example http://ill.example/endless
fails 1 'slow|imed out|imeout' "row 50: hardly anything" jetpack -o fetch.low-speed=1000 -o fetch.low-speed-time=2 fetch -allow-http ill.example http://ill.example/slow
fails 1 'imed out|imeout' "row 50: nothing" jetpack -o fetch.timeout=2 fetch -allow-http ill.example http://ill.example/silent
fails 1 '.' "row 50: less than was promised" jetpack fetch -allow-http ill.example http://ill.example/short
fails 1 '.' "row 50: a bomb" jetpack -o images.max-size=1000000 fetch -allow-http ill.example http://ill.example/bomb
is "$(jetpack images -q)$(left)" '' "row 50: ... and nothing of it stays"
in_background "$work/interrupted" fetch -allow-http ill.example http://ill.example/silent
is_asked() { [ "$(grep -c /silent "$site/ill.log")" -ge 2 ]; }
wait_for 60 is_asked
kill -INT "$job"
end_of "$job"
is "$?" 1 "Ctrl-C"
like "$(cat "$work/interrupted")" 'interrupted' "... interrupts"

# ---- dependencies ----

depending() { # NAME DEPENDENCIES
    dir=$work/tree.$1
    mkdir -p "$dir/rootfs/data"
    echo "$1" >"$dir/rootfs/data/$1"
    manifest "$1" '' | sed "s|^ \"labels\"|\"dependencies\": [$2], &|" >"$dir/manifest"
    pack "$dir" "$www/$1.aci"
}
depending top '{"imageName": "test.example/gone"}'
fails 1 'test.example/top needs test.example/gone' "a dependency that cannot be had" jetpack fetch https://example.com/top.aci
done_well "... and is not looked for where that is not allowed" jetpack -o allow.autodiscovery=off fetch -no-cache https://example.com/top.aci

finish
