#!/bin/sh
# The smoke test of the prototype: images/example.showenv, made with our own client of the metadata
# service, run with a volume, handlers, a user and annotations; and that client's every word.
. "$(dirname "$0")/lib.sh"
need_root
[ -x "$build_dir/src/mds/jetpack-mds" ] || skip_all 'not here: this build has no metadata service'

mdc=$build_dir/src/mdc/ac-mdc
done_well "make the image" "$source_dir/images/example.showenv/make-aci.sh" "$work/showenv.aci" "$mdc" \
    "$host_os" "$host_arch"
done_well "import it" jetpack import "$work/showenv.aci"
id=$out
done_well "prepare a pod" jetpack prepare -pod-name show -v data example.com/showenv -a greeting='hello, pod'
uuid=$out
run jetpack run show
is "$status" 0 "it runs" || show err "$err"
like "$out" "^showenv\\| pod: +$uuid\$" "... knows its pod"
like "$out" '^showenv\| address: +10\.[0-9.]+$' "... its address"
like "$out" "^showenv\\| image: +$id\$" "... its image"
like "$out" '^showenv\| greeting: +hello, pod$' "... an annotation of the pod's manifest"
like "$out" '^showenv\| about: +Shows where' "... one of the image"
like "$out" '^showenv\| container: +jetpack$' "... its executor"
like "$out" '^showenv\| user, home: +games, /srv$' "... and its user"
like "$out" "^showenv\\| pre-start of showenv in $uuid\$" "the handler before it asks too"
like "$out" "^showenv\\| $id\$" "... and the one after"
run jetpack run show
is "$status" 0 "again, from a clean copy"

in_pod() { # WORD...: ac-mdc in a pod of its own
    run jetpack run -destroy -a pod-note=noted example.com/showenv -a a/b=slashed -exec /bin/ac-mdc -- "$@" ---
    said=$(printf '%s\n' "$out" | sed -n 's/^showenv| //p' | sed -e 1d -e '$d')
}
in_pod uuid
like "$said" '^[0-9a-f-]{36}$' "ac-mdc uuid"
in_pod annotation pod-note
is "$said" noted "ac-mdc annotation NAME"
in_pod app-annotation a/b
is "$said" slashed "ac-mdc app-annotation NAME"
in_pod annotation nothing
like "$status $said$err" "^1 .*there is no annotation 'nothing'" "... that is not there: status 1"
in_pod image-id
is "$said" "$id" "ac-mdc image-id"
in_pod manifest
like "$said" '"acKind": *"PodManifest"' "ac-mdc manifest"
in_pod image-manifest
like "$said" '"name": "example.com/showenv"' "ac-mdc image-manifest"
in_pod expand '[{{.PodAnnotation "pod-note"}}|{{ .PodAnnotation "none" }}|{{.PodAnnotationHas "none"}}|{{.AppAnnotationHas "a/b"}}|{{.AppAnnotationOr "none" "a \"default\""}}]'
is "$said" '[noted||false|true|a "default"]' "ac-mdc expand"
in_pod expand '{{.AppAnnotationMust "none"}}'
is "$status" 1 "... Must fails"
in_pod expand '{{if .UUID}}x{{end}}'
like "$status $said$err" '^1 .*only .* is known' "... what it does not know is refused"
in_pod nonsense
is "$status" 2 "unknown words: status 2"
run env -u AC_METADATA_URL "$mdc" uuid
like "$status $err" '^1 ac-mdc: AC_METADATA_URL is not set' "outside of a pod"
run env AC_METADATA_URL="http://127.0.0.1:1/~secret" "$mdc" uuid
like "$status $err" '^1 ac-mdc: connect to the metadata service at 127.0.0.1:1: ' "nobody there"
unlike "$err" secret "... and no token in the message"
for url in nonsense http://name.example/x http://127.0.0.1:x/ http:///; do
    run env AC_METADATA_URL="$url" "$mdc" uuid
    like "$status $err" '^1 ac-mdc: the URL' "a bad URL: $url"
done
finish
