#!/bin/sh
# Discovery: images by their names alone, from pages that say where they are, to the letter of
# discovery.md; what pages cannot do; keys on first use; run and prepare of what is not here.
. "$(dirname "$0")/site.sh"
user='"user": "0", "group": "0"'
page_at() { echo "location = $1 { default_type text/html; alias $www/pages/$2.html; }"; }
site "
    $(page_at /app app) $(page_at /tree tree) $(page_at /body body) $(page_at /comment comment)
    $(page_at /near near) $(page_at /http http) $(page_at /inside inside) $(page_at /choice choice)
    $(page_at /other other) $(page_at /script script) $(page_at /keys keys) $(page_at /huge huge)
    $(page_at /httpkeys httpkeys) $(page_at /keyed keyed) $(page_at /graph graph) $(page_at /cached cached) $(page_at /plain plain)
    location = /moved { return 302 https://example.com/app?ac-discovery=1; }
    location = /down { return 302 http://example.com/app?ac-discovery=1; }
    location = /broken { return 500; }
    location = /absent { return 410; }"
echo "fetch.ca-file = $ca" >>"$config"
mkdir -p "$www/pages" "$www/images/example.com"
host=$host_os-$host_arch

# page NAME META...: each PREFIX and URL, of images
page() {
    page_file=$www/pages/$1.html
    shift
    printf '<!DOCTYPE html>\n<html><head><title>images</title>\n' >"$page_file"
    for meta in "$@"; do
        printf '<meta name="ac-discovery" content="%s">\n' "$meta" >>"$page_file"
    done
    printf '</head><body>nothing to see</body></html>\n' >>"$page_file"
}

# aci NAME VERSION FILE [MEMBERS]: an image of that name, below $www; its id is $id
aci() {
    dir=$work/tree.aci
    rm -rf "$dir"
    mkdir -p "$dir/rootfs/bin" "$dir/rootfs/etc" "$(dirname "$www/$3")"
    cp "$programs/probe" "$dir/rootfs/bin/"
    echo "$1" >"$dir/rootfs/etc/name"
    cat >"$dir/manifest" <<END
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "$1",
 "labels": [{"name": "os", "value": "$host_os"}, {"name": "arch", "value": "$host_arch"},
            {"name": "version", "value": "$2"}],
 "app": {"exec": ["/bin/probe", "echo", "$1"], $user}${4-}}
END
    pack "$dir" "$www/$3"
    id=sha512-$(sha512sum <"$www/$3" | cut -d ' ' -f 1)
}
forget() {
    for image in $(jetpack images -q) $(jetpack images -q) $(jetpack images -q); do
        jetpack destroy-image "$image" >/dev/null 2>&1
    done
    rm -rf "$work/root/fetched"
}
template='https://example.com/images/{name}-{version}-{os}-{arch}.{ext}'

# ---- names ----

page app "example.com/app $template"
aci example.com/app 1.0 "images/example.com/app-1.0-$host.aci"
old=$id
aci example.com/app 2.0 "images/example.com/app-latest-$host.aci"
new=$id
done_well "a name with a version" jetpack fetch example.com/app:1.0
is "$out" "$old" "... is that image"
is "$(requests example 'GET /app?ac-discovery=1 200')" 1 "... its page was asked"
done_well "a name" jetpack fetch example.com/app
is "$out" "$new" "... is the latest"
fails 1 '404' "a version that is not there" jetpack fetch example.com/app:3.0
fails 1 'app-1.0-freebsd-i386.aci.: 404' "another system is asked for as it is called" jetpack fetch example.com/app:1.0,os=freebsd,arch=i386
fails 2 "tags are this host's" "tags" jetpack fetch example.com/app@production
fails 1 "resolve" "a host that is not there" jetpack fetch nosuch.example/app

page tree "example.com https://example.com/images/{name}.{ext}"
for path in tree/deep/deeper tree/deep; do
    forget
    aci "example.com/$path" 1.0 "images/example.com/$path.aci"
    done_well "a page above: $path" jetpack fetch "example.com/$path"
    is "$out" "$id" "... says it"
done
like "$(logged example | tail -n 4 | tr '\n' ' ')" 'GET /tree/deep.ac-discovery=1 404.*GET /tree.ac-discovery=1 200' "... after those below"
page absent "example.com https://example.com/images/{name}.{ext}"
fails 1 'no page from https://example.com/absent up' "no page at all" jetpack fetch example.com/absent
fails 1 '500' "a page that fails ends the search" jetpack fetch example.com/broken/app
forget
aci example.com/moved 1.0 images/moved.aci
page app "example.com https://example.com/images/moved.{ext}"
done_well "a page that has moved" jetpack fetch example.com/moved
is "$out" "$id" "... is followed"

# ---- places ----

forget
aci example.com/choice 1.0 images/choice-1.0.aci
page choice "example.com hdfs://example.com/{name}-{version}.{ext}" \
    "example.com https://example.com/nothing-{version}.{ext}" \
    "example.com https://nosuch.example/{name}-{version}.{ext}" \
    "example.com https://example.com/images/choice.{ext}" \
    "example.com https://example.com/images/choice-{version}.{ext}"
done_well "several places are tried in order" jetpack fetch example.com/choice:1.0
is "$out" "$id" "... until one has it"
is "$(requests example 'GET /images/choice.aci ')" 0 "... templates that use fewer labels are none"
page choice "example.com https://example.com/images/choice.{ext}" "example.com https://example.com/images/choice-1.0.{ext}"
aci example.com/else 1.0 images/choice.aci
forget
fails 1 "called 'example.com/else', expected 'example.com/choice'" "row 40: an image of another name" jetpack fetch example.com/choice
is "$(jetpack images -q)" '' "row 40: ... no image"
aci example.com/choice 9.0 images/choice.aci
fails 1 "'version' is '9.0', expected '1.0'" "row 40: another version" jetpack fetch example.com/choice:1.0
fails 1 "'os' is '$host_os', expected 'freebsd'" "row 40: another system" jetpack fetch example.com/choice,os=freebsd,arch=i386
fails 1 "'channel' is '', expected 'beta'" "row 40: a label that it has not" jetpack fetch example.com/choice,channel=beta
done_well "what nobody asked for" jetpack fetch example.com/choice

# ---- row 41 ----

aci example.com/near 1.0 images/near.aci
for prefix in example.com/nea example.com/near/ example.com/nearby EXAMPLE.com example.co '' @ example.com/./near; do
    page near "$prefix https://example.com/images/near.{ext}"
    fails 1 'no page' "row 41: the prefix '$prefix'" jetpack fetch example.com/near
done
page near "example.com/near https://example.com/images/near.{ext}"
done_well "row 41: its own" jetpack fetch example.com/near

# ---- rows 47 and 48 ----

aci example.com/http 1.0 images/http.aci
page http "example.com http://example.com/images/http.{ext}"
fails 1 'not https' "row 47: a template that leads to http" jetpack fetch example.com/http
fails 1 'not https' "row 47: ... with allow.http on" jetpack -o allow.http fetch example.com/http
fails 1 'not https' "row 47: ... with another host named" jetpack fetch -allow-http other.example example.com/http
page http "example.com hdfs://example.com/images/http.{ext}"
fails 1 'no URL of https or http' "row 47: another scheme alone" jetpack fetch example.com/http
page http "example.com file:///etc/passwd?{ext}"
fails 1 'no URL of https or http' "row 47: a file" jetpack fetch example.com/http
fails 1 'not https' "row 47: a page that is redirected to http" jetpack fetch example.com/down
before=$(requests plain)
fails 1 'expired' "row 47: a page whose certificate has expired" jetpack fetch expired.example/app
fails 1 'subject name' "row 47: a page of another name" jetpack fetch wrong.name.example/app
is "$(requests plain)" "$before" "row 47: ... is not asked over http instead"
page plain "example.com http://example.com/images/plain.{ext}"
aci example.com/plain 1.0 images/plain.aci
done_well "http for a host that is named" jetpack fetch -allow-http example.com example.com/plain
is "$(requests plain 'GET /plain?ac-discovery=1 200')" 1 "... its pages too"
aci example.com/inside 1.0 images/inside.aci
for inner in inside metadata private; do
    page inside "example.com https://$inner.example/images/inside.{ext}"
    fails 1 'a public site leads to' "row 48: a template that leads to a host that is $inner" jetpack fetch example.com/inside
    is "$(requests $inner)" 0 "row 48: ... which is not asked"
done
done_well "row 48: allow.private-addresses" jetpack -o allow.private-addresses fetch example.com/inside

# ---- a name without a host ----

fails 1 'is it in a registry. docker://nosuch:1\.0' "a name without a host" jetpack fetch nosuch:1.0
fails 1 'is it in a registry. docker://library/nosuch' "... of two parts" jetpack fetch library/nosuch
fails 1 'is it in a registry. docker://nosuch' "... in prepare" jetpack prepare nosuch
run jetpack fetch nosuch.example/app
unlike "$err" 'registry' "one with a host is no registry's"

# ---- row 51 ----

meta='<meta name="ac-discovery" content="example.com https://example.com/images/http.{ext}">'
echo "<html><head><title>x</title></head><body>$meta</body></html>" >"$www/pages/body.html"
echo "<html><head><!-- $meta --></head></html>" >"$www/pages/comment.html"
echo "<html><head><script>$meta</script><style>$meta</style></head><head>$meta</head></html>" >"$www/pages/script.html"
cat >"$www/pages/other.html" <<END
<?xml version="1.0"?><!DOCTYPE html [<!ENTITY who SYSTEM "file:///etc/passwd">
<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>
<html><head><meta name="ac-discovery" content="example.com https://example.com/&who;&c;.{ext}"></head></html>
END
{ echo '<html><head>' && head -c 2000000 /dev/zero | tr '\0' ' ' && echo "$meta</head>"; } >"$www/pages/huge.html"
for where in body comment script; do
    fails 1 'no page' "row 51: a tag in $where" jetpack fetch "example.com/$where"
done
fails 1 '.' "row 51: entities" jetpack fetch example.com/other
unlike "$err" 'root:|aaaaaaaaaa' "row 51: ... are not filled in"
fails 1 'larger than 1048576' "row 51: a page without measure" jetpack fetch example.com/huge

# ---- twice ----

forget
aci example.com/cached 1.0 images/cached.aci
page cached "example.com https://example.com/images/cached.{ext}"
done_well "by name" jetpack fetch example.com/cached
before=$(requests example)
done_well "... again" jetpack fetch example.com/cached
is "$out $err" "$id jetpack: not modified" "... not modified"
is "$(($(requests example) - before))" 1 "... one request"
touch -d 2020-01-01 "$www/images/cached.aci"
aci example.com/cached 2.0 images/cached-2.aci
page cached "example.com https://example.com/images/cached-2.{ext}"
done_well "what has changed" jetpack fetch example.com/cached
is "$out" "$id" "... is discovered anew"

# ---- dependencies ----

forget
page graph "example.com https://example.com/images/{name}.{ext}"
ln -sf graph.html "$www/pages/index.html"
aci example.com/graph/base 1.0 images/example.com/graph/base.aci
base=$id
aci example.com/graph/left 1.0 images/example.com/graph/left.aci ', "dependencies": [{"imageName": "example.com/graph/base", "imageID": "'"$base"'"}]'
left=$id
aci example.com/graph/right 1.0 images/example.com/graph/right.aci ', "dependencies": [{"imageName": "example.com/graph/base", "labels": [{"name": "version", "value": "1.0"}]}]'
right=$id
aci example.com/graph/top 1.0 images/example.com/graph/top.aci ', "dependencies": [{"imageName": "example.com/graph/left"}, {"imageName": "example.com/graph/right", "imageID": "'"$right"'"}]'
top=$id
done_well "an image that depends on others" jetpack fetch example.com/graph/top
is "$out" "$top" "... is fetched"
is "$(jetpack images -q | sort | tr '\n' ' ')" "$(printf '%s\n' "$base" "$left" "$right" "$top" | sort | tr '\n' ' ')" "... with all of them"
is "$(requests example 'GET /images/example.com/graph/base.aci 200')" 1 "... each once"
jetpack destroy-image "$top" "$left" "$base" >/dev/null 2>&1
done_well "run of what is not here" jetpack run -destroy --net=none example.com/graph/top
is "$out" "top| example.com/graph/top" "... runs it"
jetpack destroy-image "$top" "$left" "$right" >/dev/null 2>&1
jetpack destroy-image "$base"
run jetpack -o allow.autodiscovery=off fetch https://example.com/images/example.com/graph/top.aci
is "$(jetpack images -q)" "$top" "an image without what it needs"
done_well "... prepare fetches that" jetpack prepare --net=none "$top"
jetpack destroy "$out"
is "$(jetpack images -q | grep -c .)" 4 "... all of it"
forget
fails 125 'not here|no image|no such' "run where autodiscovery is off" jetpack -o allow.autodiscovery=off run -destroy --net=none example.com/graph/top
fails 125 'allow.autodiscovery is off' "... and by URL" jetpack -o allow.autodiscovery=off run -destroy --net=none https://example.com/images/moved.aci
fails 125 'no page' "run of what is nowhere" jetpack run -destroy --net=none example.com/absent
fails 125 "'example.com/absent' is not here: discover" "... says both" jetpack run -destroy --net=none example.com/absent
fails 125 'in a registry. docker://redis:7' "run of a short name" jetpack run -destroy --net=none redis:7
done_well "run of a URL" jetpack run -destroy --net=none https://example.com/images/moved.aci
is "$out" "moved| example.com/moved" "... runs what lies there"
mkdir "$work/built"
echo '{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "example.com/built"}' >"$work/built/manifest.json"
done_well "build on an image that is not here" \
    jetpack build --net=none -dir "$work/built" example.com/graph/top /bin/probe true
done_well "... on one by URL" jetpack build --net=none -dir "$work/built" \
    https://example.com/images/moved.aci /bin/probe true
forget
aci example.com/graph/wrong 1.0 images/example.com/graph/wrong.aci ', "dependencies": [{"imageName": "example.com/graph/base", "imageID": "'"$top"'"}]'
fails 1 'expected sha512' "row 40: a dependency that is another image" jetpack fetch example.com/graph/wrong
aci example.com/graph/lost 1.0 images/example.com/graph/lost.aci ', "dependencies": [{"imageName": "example.com/graph/nothing"}]'
fails 1 'example.com/graph/lost needs example.com/graph/nothing' "a dependency that is nowhere" jetpack fetch example.com/graph/lost

# ---- keys on first use ----

if [ ! -x "$build_dir/src/openpgp/jetpack-openpgp" ]; then
    skip "signatures" "not here: built without librnp"
    finish
fi
HOME=$work/home GNUPGHOME=$work/gnupg
export HOME GNUPGHOME
mkdir -m 700 "$HOME" "$GNUPGHOME"
quiet_gpg() { gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' "$@" 2>>"$work/gpg.log"; }
quiet_gpg --quick-generate-key 'alice <alice@example.com>' ed25519 sign never
quiet_gpg --armor --export alice@example.com >"$www/images/alice.asc"
alice=$(quiet_gpg --with-colons --list-keys alice | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1 | tr A-F a-f)
sign() { rm -f "$www/$1.asc" && quiet_gpg --armor --output "$www/$1.asc" --detach-sign "$www/$1"; }
key_page() { # PAGE URL: of images/PAGE.aci, and of keys
    page "$1" "example.com https://example.com/images/$1.{ext}"
    sed -i "s|</head>|<meta name=\"ac-discovery-pubkeys\" content=\"example.com $2\">&|" "$www/pages/$1.html"
}
sed -i.bak 's/^allow.no-signature.*/allow.no-signature = off/' "$config"
aci example.com/keys 1.0 images/keys.aci
keys=$id
sign images/keys.aci
key_page keys https://example.com/images/alice.asc
forget
run jetpack fetch example.com/keys
like "$status $err" "^1 " "row 46: an unknown signer, nobody to ask"
like "$err" "$alice" "row 46: ... the fingerprint is shown in full"
is "$(jetpack images -q)$(jetpack trust -q 2>/dev/null)" '' "row 46: ... no image, no key"
asked() { # ANSWER COMMAND...: on a terminal
    answer=$1
    shift
    "$programs/withpty" "expect (yes/no)?;send $answer\\n" "$JETPACK" -config "$config" "$@" >"$work/pty" 2>&1
}
asked no fetch example.com/keys
is "$(jetpack images -q)$(jetpack trust -q 2>/dev/null)" '' "row 46: the answer is no"
asked yes fetch example.com/keys
like "$(cat "$work/pty")" "$alice" "row 46: the answer is yes"
is "$(jetpack images -q)" "$id" "row 46: ... the image is fetched"
is "$(ls "$work/root/keys")" example.com,keys "row 46: ... the key is for this name alone"
jetpack untrust "$alice" >/dev/null
aci example.com/keyed 1.0 images/keyed.aci
sign images/keyed.aci
jetpack trust -prefix example.com/keyed -fingerprint "$alice" "$www/images/alice.asc" >/dev/null 2>&1
page keyed "example.com https://example.com/nothing.{ext}" "example.com https://example.com/images/keyed.{ext}"
fails 1 "nothing.aci.: 404 Not Found" "an image that is not there is not said to lack a signature" jetpack fetch https://example.com/nothing.aci
done_well "signed images, too, are looked for at the next place" jetpack fetch example.com/keyed
is "$out" "$id" "... where they are"
jetpack untrust "$alice" >/dev/null
key_page httpkeys http://other.example/images/alice.asc
trust_line() { run sh -c '"$0" -config "$1" trust -fingerprint "$2" -allow-http "$3" "$4" 2>&1 >/dev/null | tail -n 1' "$JETPACK" "$config" "$@"; }
trust_line "$alice" other.example example.com/httpkeys
like "$out" "'http://other.example/images/alice.asc': keys are fetched over https only" "row 46: a key over http from a host that is named, of a page over https"
key_page httpkeys https://example.com/images/alice.asc
trust_line "$alice" example.com example.com/httpkeys
like "$out" "'http://example.com/httpkeys.ac-discovery=1': keys are fetched over https only" "row 46: a page over http that names a key over https"
is "$(jetpack trust -q 2>/dev/null)" '' "row 46: ... no key"
fails 1 'nobody can be asked' "row 46: trust NAME, nobody to ask" sh -c "'$JETPACK' -config '$config' trust example.com/keys 2>&1 >/dev/null | tail -n 1 >&2; exit 1"
is "$(jetpack trust -q 2>/dev/null)" '' "row 46: ... no key"
# A name of a file that a shell would run: what is printed to be pasted is pasted.
hostile="k';touch\$IFS\$9pwned;'\$(touch\$IFS\$9pwned)&touch\$IFS\$9pwned.asc"
cp "$www/images/alice.asc" "$www/images/$hostile"
key_page keys KEY
sed -i "s|KEY|https://example.com/images/$(printf %s "$hostile" | sed 's/&/\\\&amp;/')|" "$www/pages/keys.html"
run jetpack trust example.com/keys
like "$status $err" '^1 ' "row 46: a key whose URL is made for a shell"
mkdir "$work/paste"
{
    printf '%s\n' 'jetpack() { printf "%s\n" "$@" >words; }'
    printf '%s\n' "$err" | sed -n "s/.*: \('\{0,1\}jetpack trust .*\)/\1/p"
} >"$work/paste/script"
(cd "$work/paste" && sh script) >/dev/null 2>&1
is "$(ls "$work/paste" | tr '\n' ' ')" 'script words ' "row 46: ... is one word of the command that is printed"
is "$(cat "$work/paste/words" 2>&1 | tr '\n' ' ')" "trust -prefix example.com/keys -fingerprint FINGERPRINT https://example.com/images/$hostile " \
    "row 46: ... in which the fingerprint is left to who compares it"
key_page keys https://example.com/images/alice.asc
done_well "row 46: trust NAME, with the fingerprint" jetpack trust -fingerprint "$alice" example.com/keys
is "$(ls "$work/root/keys")" example.com,keys "row 46: ... for this name alone"
fails 1 'has no key' "row 46: ... another fingerprint" sh -c "'$JETPACK' -config '$config' trust -fingerprint 0000000000000000000000000000000000000000 example.com/keys 2>&1 >/dev/null | tail -n 1 >&2; exit 1"
fails 1 'over https only' "row 46: a key by an http URL" jetpack -o allow.http trust -prefix example.com http://example.com/images/alice.asc
done_well "a key by an https URL" jetpack trust -prefix example.com/other -fingerprint "$alice" https://example.com/images/alice.asc
jetpack untrust -prefix example.com/other "$alice" >/dev/null
aci example.com/httpkeys 1.0 images/httpkeys.aci
sign images/httpkeys.aci
key_page httpkeys http://example.com/images/alice.asc
"$programs/withpty" 'eof' "$JETPACK" -config "$config" fetch -allow-http example.com example.com/httpkeys >"$work/pty" 2>&1
like "$(cat "$work/pty")" 'over https only' "row 46: a key over http, also where http is permitted"
is "$(ls "$work/root/keys")" example.com,keys "row 46: ... is not offered"
printf x >>"$www/images/keys.aci"
forget
fails 1 '.' "row 42: an image that is not what was signed" jetpack fetch example.com/keys
is "$(jetpack images -q)" '' "row 42: ... is none"
truncate -s -1 "$www/images/keys.aci"
done_well "a trusted signer" jetpack fetch example.com/keys
before=$(requests example)
done_well "... again" jetpack fetch example.com/keys
like "$err" 'not modified' "... not modified"
is "$(($(requests example) - before))" 1 "... one request"

[ -f "$work/root/images/$keys/signature" ] && cmp -s "$work/root/images/$keys/signature" "$www/images/keys.aci.asc"
ok $? "the signature is kept beside the image"
forget
done_well "a file whose signature lies beside it" jetpack fetch "$www/images/keys.aci"
forget
fails 1 'has no signature' "... and one without" jetpack fetch "$www/images/moved.aci"

# Of a place nobody knows the name before the manifest says it.
aci example.com/keysandmore 1.0 images/more.aci
sign images/more.aci
for place in "$www/images/more.aci" "file://$www/images/more.aci" https://example.com/images/more.aci; do
    for command in fetch 'fetch -no-cache' import prepare run; do
        failure=1
        [ "$command" != run ] || failure=125
        # shellcheck disable=SC2086 # words of a command
        fails $failure "$alice, which is not trusted for images called 'example.com/keysandmore'" \
            "row 41: a trusted key, another name: $command ${place%%/*}" jetpack $command "$place"
    done
done
is "$(jetpack images -q; ls "$work/root/images" | grep -v :)" '' "row 41: ... no image"
for command in fetch import; do
    done_well "row 41: its own: $command" jetpack $command https://example.com/images/keys.aci
    run jetpack show-image "$keys"
    like "$out" "^Signed by +$alice" "row 41: ... is signed"
    forget
done

# Where unsigned images are allowed, one beside a file counts all the same; of URLs nobody looks for one.
for place in "$www/images/more.aci" "file://$www/images/more.aci"; do
    for command in fetch 'fetch -no-cache' import prepare run; do
        failure=1
        [ "$command" != run ] || failure=125
        # shellcheck disable=SC2086 # words of a command
        fails $failure "$alice, which is not trusted for images called 'example.com/keysandmore'" \
            "row 41: ... -allow-unsigned: $command ${place%%/*}" jetpack $command -allow-unsigned "$place"
    done
done
cp "$www/images/keys.aci.asc" "$www/images/more.aci.asc"
for command in fetch import prepare; do
    fails 1 'does not fit' "row 42: the signature of another image beside a file: $command -allow-unsigned" \
        jetpack $command -allow-unsigned "$www/images/more.aci"
done
cp "$www/images/keys.aci" "$work/keys.aci"
cp "$www/images/keys.aci.asc" "$work/keys.aci.asc"
for command in fetch import; do
    done_well "a signature by a trusted key beside a file: $command -allow-unsigned" jetpack $command -allow-unsigned "$work/keys.aci"
    run jetpack show-image "$keys"
    like "$out" "^Signed by +$alice" "... is said"
    forget
done
jetpack untrust -prefix example.com/keys "$alice" >/dev/null
for command in fetch import; do
    done_well "a signature by an unknown key beside a file: $command -allow-unsigned" jetpack $command -allow-unsigned "$work/keys.aci"
    like "$err" "^jetpack: warning: .*$alice" "... is a warning"
    run jetpack show-image "$keys"
    unlike "$out" '^Signed by' "... and counts for nothing"
    forget
done
jetpack trust -prefix example.com/keys -fingerprint "$alice" "$www/images/alice.asc" >/dev/null 2>&1
fails 1 'does not fit' "row 42: the signature of another image" jetpack import https://example.com/images/more.aci
before=$(requests example 'GET /images/more.aci.asc')
for command in fetch import; do
    done_well "$command -allow-unsigned URL" jetpack $command -allow-unsigned https://example.com/images/more.aci
    is "$(requests example 'GET /images/more.aci.asc')" "$before" "... does not ask for its signature"
    run jetpack show-image "$(jetpack images -q)"
    unlike "$out" 'Signed by' "... nor say that it has one"
    like "$(jetpack help $command | tr -s ' \n' ' ')" 'no signature is looked for' "... as help $command says"
    forget
done

# ---- downloads that are continued ----

(cd "$www/images" && exec "$programs/ill" 203.0.113.12 80 "$site/ill.log") >"$site/ill.out" 2>&1 &
ill_pid=$!
wait_for 60 grep -q ready "$site/ill.out"
jetpack trust -prefix example.com -fingerprint "$alice" "$www/images/alice.asc" >/dev/null 2>&1
fetch_ill() { jetpack fetch -no-cache -allow-http ill.example "http://ill.example/$1/keys.aci"; }
cp "$www/images/keys.aci.asc" "$www/images/half.asc"
half=$(($(wc -c <"$www/images/keys.aci") / 2))
# A signature is small, and as broken as the rest: asked for once before, it comes whole.
prime() { "$programs/exchange" "$build_dir/src/fetch/jetpack-fetch" GET "http://ill.example/$1/keys.aci.asc" http=ill.example >/dev/null 2>&1; }
for kind in cut changed weak part grown bare less tight thin fat; do prime $kind; done
forget
done_well "half, and then the rest" fetch_ill cut
is "$out" "$keys" "... make the whole"
like "$(grep '^/cut/keys.aci ' "$site/ill.log" | tail -n 1)" "range=\[ bytes=$half-\] if-range=\[ \"tag0\"\]" "row 50: ... with the validator of the first half"
forget
done_well "half, and then another" fetch_ill changed
like "$(grep '^/changed/keys.aci ' "$site/ill.log" | sed -n 2p)" "range=\[ bytes=$half-\]" "row 50: ... is asked for"
is "$out" "$keys" "row 50: ... and taken whole"
for kind in part grown bare less; do
    forget
    done_well "half, and then a rest that is none: $kind" fetch_ill $kind
    is "$out" "$keys" "row 50: ... $kind: taken whole"
    is "$(sed -n "s,^/$kind/keys.aci range=,,p" "$site/ill.log" | tr '\n' ' ')" "[] if-range=[] [ bytes=$half-] if-range=[ \"tag0\"] [] if-range=[] " "row 50: ... $kind: from the beginning"
done
forget
done_well "half, and a header with blanks elsewhere" fetch_ill tight
like "$(grep '^/tight/keys.aci ' "$site/ill.log" | tail -n 1)" "range=\[ bytes=$half-\] if-range=\[ \"tag0\"\]" "row 50: ... is continued"
forget
done_well "half, and a rest that ends early without having said its length" fetch_ill thin
is "$out" "$keys" "row 50: ... is continued once more"
forget
fails 1 'bytes came, not' "half, and more than the rest" fetch_ill fat
is "$(find "$work/root/tmp" -name 'fetch-*')" '' "row 50: ... of which nothing is kept"
fails 1 '.' "half, with a weak validator" fetch_ill weak
unlike "$(cat "$site/ill.log")" '^/weak/keys.aci range=\[ bytes' "row 50: ... is not continued"
is "$(find "$work/root/tmp" -name 'fetch-*')" '' "row 50: ... nor kept"
done_well "... but fetched from the beginning" fetch_ill weak

partial=$work/root/tmp/fetch-$(printf %s http://ill.example/cut/keys.aci | sha256sum | cut -d ' ' -f 1)
leave_partial() { # BYTES-OF TAG
    head -c 1000 "$1" >"$partial"
    printf %s "$2" >"$partial.tag"
}
forget
leave_partial "$www/images/keys.aci" '"tag0"'
done_well "what an interrupted command left" fetch_ill cut
like "$(grep '^/cut/keys.aci ' "$site/ill.log" | tail -n 1)" 'range=\[ bytes=1000-\] if-range=\[ "tag0"\]' "... is continued"
is "$out" "$keys" "... to the whole"
[ ! -e "$partial" ]
ok $? "... and gone"
forget
leave_partial /dev/urandom '"tag0"'
fails 1 '.' "row 50: what was left and is something else" fetch_ill cut
is "$(jetpack images -q)" '' "row 50: ... is no image"
leave_partial /dev/urandom '"older"'
done_well "row 50: what was left of another version" fetch_ill cut
is "$out" "$keys" "row 50: ... is fetched anew"
forget
leave_partial "$www/images/keys.aci" '"tag0"
5000000'
done_well "row 50: what was left of something longer" fetch_ill cut
like "$(grep '^/cut/keys.aci ' "$site/ill.log" | tail -n 1)" 'range=\[\] if-range=\[\]' "row 50: ... is fetched anew"
forget
leave_partial "$www/images/keys.aci" '"tag0"'
done_well "gc" jetpack gc
[ ! -e "$partial" ]
ok $? "... removes what was left"

finish
