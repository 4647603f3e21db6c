#!/bin/sh
# Discovery against the specification's own tool: `actool discover` is asked the same names of the
# same pages, over HTTPS with the same certificates. Where it and the text of discovery.md differ,
# the text counts: those cases say so.
. "$(dirname "$0")/site.sh"
. "$here/../conformance/actool.sh"
site '
    location / { default_type text/html; try_files /pages$uri.html =404; }
    location = / { rewrite ^ /top last; }
    location = /moved { return 302 https://other.example/pages/moved.html; }
    location = /broken { return 500; }'
mkdir -p "$www/pages/deep/er"

# page NAME LINE...: a page with these lines in its head
page() {
    file=$www/pages/$1.html
    shift
    { echo '<!DOCTYPE html><html><head><title>images</title>' && printf '%s\n' "$@" &&
        echo '</head><body><p>nothing</p></body></html>'; } >"$file"
}
meta() { printf '<meta name="ac-discovery" content="%s">' "$1"; }
keys() { printf '<meta name="ac-discovery-pubkeys" content="%s">' "$1"; }

# What each says: lines of places and keys; its status
theirs() { SSL_CERT_FILE=$ca HOME=$work no_proxy='*' "$actool" discover "$@" 2>"$work/err.theirs" | grep -v ' walk: prefix: ' >"$work/theirs"; }
ours() {
    "$programs/discover" "$build_dir/src/fetch/jetpack-fetch" "$ca" "$@" >"$work/ours.raw" 2>"$work/err.ours"
    grep . "$work/ours.raw" >"$work/ours"
}

# agree WHAT IMAGE...: both find the same, and something
agree() {
    what=$1
    shift
    theirs "$@"
    ours "$@"
    [ -s "$work/ours" ] && cmp -s "$work/theirs" "$work/ours"
    ok $? "$what" || show difference "$(diff "$work/theirs" "$work/ours")" "$(cat "$work/err.theirs" "$work/err.ours")"
}

# neither WHAT IMAGE: both find nothing
neither() {
    theirs "$2"
    ours "$2"
    is "$(cat "$work/theirs" "$work/ours")" '' "$1"
}

os_arch=os=linux,arch=amd64
# Without a key somewhere the tool says nothing of images either.
page top "$(keys 'example.com https://example.com/top.asc')"
page app "$(meta 'example.com/app https://example.com/images/{name}-{version}-{os}-{arch}.{ext}')" "$(keys 'example.com/app https://example.com/keys.asc')"
agree "a version" "example.com/app:1.0,$os_arch"
like "$(cat "$work/ours")" '^ACI: https://example.com/images/example.com/app-1.0-linux-amd64.aci, ASC: https://.*[.]aci[.]asc$' "... in full"
like "$(cat "$work/ours")" '^PublicKeys: https://example.com/keys.asc$' "... with its keys"
agree "no version is the latest" "example.com/app,$os_arch"
like "$(cat "$work/ours")" 'app-latest-linux' "... in full"
agree "another system" "example.com/app:2.0-1,os=freebsd,arch=i386"
agree "more labels than the page knows" "example.com/app:1.0,$os_arch,channel=beta"

page many "$(meta 'example.com https://one.example.com/{name}.{ext}')" "$(meta 'example.com https://two.example.com/{name}.{ext}')" \
    "$(meta 'other.example https://three.example.com/{name}.{ext}')" "$(keys 'example.com https://example.com/a.asc')" \
    "$(keys 'other.example https://example.com/b.asc')" "$(keys 'example.com https://example.com/c.asc')"
agree "several places and keys, in order" "example.com/many,$os_arch"
is "$(wc -l <"$work/ours")" 3 "... two places and a line of keys"
page labels "$(meta 'example.com https://example.com/{name}/{channel}-{version}.{ext}')"
agree "a label of one's own" "example.com/labels:1.0,$os_arch,channel=beta"
neither "... which is not given" "example.com/labels:1.0,$os_arch"
page name "$(meta 'example.com https://example.com/{name}.{ext}')"
agree "a name alone" "example.com/name,$os_arch"
page spaces '<META  CONTENT="  example.com   https://example.com/spaces.{ext}  " NAME="ac-discovery" >'
agree "spaces, capitals, another order" "example.com/spaces,$os_arch"
page entity '<meta name="ac-discovery" content="example.com https://example.com/e.{ext}?a=1&amp;b=2">'
agree "an entity of HTML" "example.com/entity,$os_arch"
page single "<meta name='ac-discovery' content='example.com https://example.com/single.{ext}'/>"
agree "single quotes, a closed tag" "example.com/single,$os_arch"
page comment "<!-- $(meta 'example.com https://example.com/comment.{ext}') -->"
neither "a comment" "example.com/comment,$os_arch"
page script "<script>$(meta 'example.com https://example.com/script.{ext}' | tr '"' "'")</script>"
neither "a script" "example.com/script,$os_arch"
page half "$(meta 'example.com')" "$(meta '')"
neither "a prefix alone" "example.com/half,$os_arch"

page deep "$(meta 'example.com https://example.com/deep/{name}.{ext}')"
agree "the page above" "example.com/deep/er/est,$os_arch"
page top "$(meta 'example.com https://example.com/top/{name}.{ext}')" "$(keys 'example.com https://example.com/top.asc')"
agree "the host's own page" "example.com/nowhere/at/all,$os_arch"
page keyless "$(meta 'example.com https://example.com/keyless.{ext}')"
agree "keys from the page above" "example.com/keyless,$os_arch"
page moved "$(meta 'example.com https://example.com/moved.{ext}')"
agree "a page that has moved" "example.com/moved,$os_arch"
agree "several images" "example.com/app:1.0,$os_arch" "example.com/deep/er,$os_arch"
page top "$(keys 'example.com https://example.com/top.asc')"
neither "nothing anywhere" "example.com/nowhere,$os_arch"
neither "a certificate of another name" "wrong.name.example/app,$os_arch"
neither "one that has expired" "expired.example/app,$os_arch"

# Where the tool does something else, and the text what we do.
differ() { # WHAT IMAGE THEIRS OURS
    theirs "$2"
    ours "$2"
    like "$(cat "$work/theirs" "$work/err.theirs")" "$3" "$1: the tool"
    like "$(cat "$work/ours" "$work/err.ours")" "$4" "... the text"
}
page near "$(meta 'example.com/ne https://example.com/near.{ext}')"
differ "a prefix ends within a component" "example.com/near,$os_arch" 'near.aci' 'no page'
page body
echo "<body>$(meta 'example.com https://example.com/body.{ext}')</body>" >>"$www/pages/body.html"
differ "a tag in the body" "example.com/body,$os_arch" 'body.aci' 'no page'
page fewer "$(meta 'example.com https://example.com/fewer.{ext}')" "$(meta 'example.com https://example.com/{version}.{ext}')"
differ "a template that uses fewer labels" "example.com/fewer:1.0,$os_arch" 'fewer.aci' '^ACI: https://example.com/1.0.aci'
is "$(grep -c ACI "$work/ours")" 1 "... that alone"
differ "a page that fails" "example.com/broken,$os_arch" 'failed' '500'
finish
