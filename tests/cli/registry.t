#!/bin/sh
# Images from registries: Debian's docker-registry behind TLS, tokens, passwords, and registries that
# mean harm. What a host gets to know is in its log.
. "$(dirname "$0")/site.sh"
for tool in umoci skopeo docker-registry; do
    command -v "$tool" >/dev/null || skip_all "not here: $tool is not installed"
done
HOME=$work
export HOME
cd "$work" || exit 1
skopeo() { command skopeo --insecure-policy "$@" >>"$work/skopeo.log" 2>&1; }
umoci() { command umoci "$@" >>"$work/umoci.log" 2>&1; }

cat >registry.yml <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: 127.0.0.1:5000}
END
docker-registry serve registry.yml >registry.log 2>&1 &
registry_pid=$!
trap 'kill -KILL $registry_pid 2>/dev/null; end_site' EXIT

# shellcheck disable=SC2016 # nginx's variables
proxy='location /v2/ { proxy_pass http://127.0.0.1:5000; proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme; }'
ask() { echo "add_header WWW-Authenticate '$1' always; return 401;"; }
# guarded PORT NAME CONDITION CHALLENGE: a registry that wants to see something first
guarded() {
    server "203.0.113.10:$1" example.com "$2" "location /v2/ { if (\$http_authorization != '$3') { $(ask "$4") }
        proxy_pass http://127.0.0.1:5000; proxy_set_header Host \$http_host; proxy_set_header X-Forwarded-Proto \$scheme; }" ssl good
}
token='Bearer realm="https://example.com:5002/token?x=1",service="the service",scope="repository:some/app:pull"'
site "$proxy" "
    $(server 203.0.113.10:5009 example.com plain "$proxy")
    $(guarded 5001 token 'Bearer tok.EN' "$token")
    $(server 203.0.113.10:5002 example.com giver 'location /token { return 200 "{\"token\": \"tok.EN\"}"; }' ssl good)
    $(guarded 5003 basic 'Basic YWxpY2U6b3BlbiBzZXNhbWU=' 'Basic realm="x"')
    $(guarded 5004 evil 'Bearer x' 'Bearer realm="https://other.example/token",service="s"')
    $(server 203.0.113.10:5005 example.com moved "location ~ /v2/.*/blobs/ { return 307 https://other.example\$request_uri; } $proxy" ssl good)
    $(guarded 5006 down 'Bearer x' 'Bearer realm="http://example.com/token",service="s"')
    $(guarded 5007 inner 'Bearer x' 'Bearer realm="https://private.example/token",service="s"')
    $(guarded 5008 endless 'Bearer never' "$token")"
cat >>"$config" <<END
fetch.ca-file = $ca
fetch.credentials = $work/netrc
END
cat >netrc <<END
machine example.com:5002 login giver password token
machine example.com:5003 login alice password "open sesame"
machine example.com:5004 login bob password secret
machine example.com:5005 login carol password secret
END
sed 's/sesame/barley/' netrc >netrc2
chmod 600 netrc netrc2
wait_for 60 curl -s http://127.0.0.1:5000/v2/ || { echo "Bail out! docker-registry: $(cat registry.log)"; exit 1; }

rootfs tree
tar -C tree -cf layer.tar .
umoci init --layout lay
umoci new --image lay:v1
umoci raw add-layer --image lay:v1 layer.tar
umoci config --image lay:v1 --os "$host_os" --config.cmd /bin/probe --config.cmd id
skopeo copy --dest-tls-verify=false oci:lay:v1 docker://127.0.0.1:5000/some/app:v1 ||
    { echo "Bail out! skopeo: $(cat skopeo.log)"; exit 1; }
skopeo copy --dest-tls-verify=false oci:lay:v1 docker://127.0.0.1:5000/some/app:latest
digest=$(command skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://127.0.0.1:5000/some/app:v1)
layer=$(command skopeo inspect --tls-verify=false --format '{{index .Layers 0}}' docker://127.0.0.1:5000/some/app:v1)
forget() { for id in $(jetpack images -q); do jetpack destroy-image "$id" >/dev/null 2>&1; done; for id in $(jetpack images -q); do jetpack destroy-image "$id" >/dev/null; done; }
lines() { settle; cat "$site/$1.log" 2>/dev/null; }
left() { find "$work/root/tmp" -mindepth 1; }

done_well "an image of a registry" jetpack fetch docker://example.com/some/app:v1
id=$out
is "$(jetpack images -q example.com/some/app:v1)" "$id" "... has its name and tag"
run jetpack run -destroy example.com/some/app
is "$out" "app| 0 0 0" "... and runs"
m=$(jetpack image-manifest "$id" | tr -d ' \n')
like "$m" '"appc.io/docker/registryurl","value":"example.com"' "the manifest says where from"
like "$m" '"appc.io/docker/repository","value":"some/app"' "... which repository"
like "$m" "\"appc.io/docker/manifesthash\",\"value\":\"$digest\"" "... and which manifest"
before=$(requests example blobs)
done_well "once more" jetpack fetch docker://example.com/some/app:v1
is "$out" "$id" "... it is the same"
is "$(($(requests example blobs/"$layer")))" 1 "... and its layer was fetched once"
[ "$(requests example blobs)" -le "$((before + 1))" ]
ok $? "... nothing but the configuration was asked for again"
done_well "no tag is latest" jetpack fetch docker://example.com/some/app
like "$(jetpack images -q example.com/some/app:latest)" sha512- "... which is its version"
is "$(jetpack images -H | grep -c oci-layer/)" 1 "... with the same layer"
forget
done_well "by digest" jetpack fetch "docker://example.com/some/app@$digest"
fails 1 "404 Not Found" "a tag that is not there" jetpack fetch docker://example.com/some/app:v9
fails 1 "404 Not Found" "a repository that is not there" jetpack fetch docker://example.com/nothing/here:v1
fails 1 "is not a name of an image" "no name" jetpack fetch docker://example.com/Some/App
fails 1 "has no signature" "an unsigned one needs a yes" \
    jetpack -o allow.no-signature=off fetch docker://example.com/some/app:v1
done_well "under another name" jetpack fetch -name test.example/mine:2 docker://example.com/some/app:v1
run jetpack show-image test.example/mine:2
like "$out" 'appc.io/docker/tag=v1$' "... it still says by which tag it came"
done_well "... by none" jetpack fetch -name test.example/mine:3 docker://example.com/some/app
run jetpack show-image test.example/mine:3
like "$out" 'appc.io/docker/tag=latest$' "... that is latest"
done_well "... by digest" jetpack fetch -name test.example/mine:4 "docker://example.com/some/app@$digest"
run jetpack show-image test.example/mine:4
unlike "$out" 'appc.io/docker/tag' "... which is no tag"
forget
fails 1 "speaks no TLS.*-allow-http" "a registry without TLS" jetpack fetch docker://example.com:5009/some/app:v1
forget
done_well "... when its host is named" jetpack fetch -allow-http example.com:5009 docker://example.com:5009/some/app:v1
is "$(left)" '' "nothing is left in tmp/"

# ---- tokens and passwords ----
forget
done_well "a registry that wants a token" jetpack fetch docker://example.com:5001/some/app:v1
like "$(lines giver)" 'GET /token\?x=1&service=the%20service&scope=repository:some/app:pull 200 auth=\[Basic Z2l2ZXI6dG9rZW4=\]' \
    "... which the place it names gives, to whom it knows"
like "$(lines token)" 'manifests/v1 200 auth=\[Bearer tok.EN\]' "... comes with it"
unlike "$(lines token)" 'Basic' "row 49: ... that place's password goes nowhere else"
forget
done_well "a registry that wants a password" jetpack fetch docker://example.com:5003/some/app:v1
fails 1 "401" "... which is not known" jetpack -o "fetch.credentials=$work/netrc2" fetch -name x docker://example.com:5003/some/app:v1
fails 1 "token of example.com:5004|404" "a registry that names a stranger for tokens" \
    jetpack fetch -name y docker://example.com:5004/some/app:v1
like "$(lines other)" 'GET /token.* auth=\[-\]' "row 49: the stranger is asked without its password"
fails 1 "http" "one that names a place without TLS" jetpack fetch -name z docker://example.com:5006/some/app:v1
unlike "$(lines plain)" token "... which is not asked"
fails 1 "private" "one that names a place inside of our network" jetpack fetch -name z docker://example.com:5007/some/app:v1
unlike "$(lines private)" token "row 48: ... which is not asked"
fails 1 "401" "one that is never satisfied" jetpack fetch -name z docker://example.com:5008/some/app:v1
is "$(lines endless | grep -c manifests)" 2 "... is asked twice"

# ---- blobs elsewhere ----
forget
mkdir -p "$www/v2/some/app/blobs"
for b in lay/blobs/sha256/*; do cp "$b" "$www/v2/some/app/blobs/sha256:${b##*/}"; done
chmod -R a+rX "$www"
done_well "a registry whose blobs are elsewhere" jetpack fetch docker://example.com:5005/some/app:v1
like "$(lines moved)" 'blobs/sha256.* 307 auth=\[Basic Y2Fyb2w6c2VjcmV0\]' "... which knows us"
like "$(lines other)" 'blobs/sha256.* 200 auth=\[-\]' "row 49: ... elsewhere nobody does"
forget
printf 'X' | dd of="$www/v2/some/app/blobs/$layer" bs=1 seek=100 conv=notrunc 2>/dev/null
fails 1 "digest|damaged" "row 79: a blob that was changed on the way" jetpack fetch -name z docker://example.com:5005/some/app:v1
is "$(left)" '' "... of which nothing is left"
printf 'more' >>"$www/v2/some/app/blobs/$layer"
fails 1 "more than|limit|bytes" "one that is longer than announced" jetpack fetch -name z docker://example.com:5005/some/app:v1
cp layer.tar "$www/v2/some/app/blobs/$layer"
fails 1 "." "one of another length" jetpack fetch -name z docker://example.com:5005/some/app:v1

# ---- back to a registry ----
forget
image ours '"exec": ["/bin/probe", "id"], "user": "0", "group": "0"'
done_well "an image of ours" jetpack import "$work/ours.aci"
done_well "is pushed" jetpack push test.example/ours docker://example.com/our/thing:v2
pushed=$out
is "$(command skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://127.0.0.1:5000/our/thing:v2)" "$pushed" \
    "... where others find it"
sent=$(requests example 'PUT .*blobs')
done_well "a second time" jetpack push test.example/ours docker://example.com/our/thing:v3
is "$out" "$pushed" "... it is the same"
is "$(requests example 'PUT .*blobs')" "$sent" "... and nothing is sent but the manifest"
umoci init --layout got
skopeo copy --src-tls-verify=false docker://127.0.0.1:5000/our/thing:v3 oci:got:v3
umoci unpack --image got:v3 bundle
is "$(cat bundle/rootfs/data/file)" from-image "umoci unpacks it"
done_well "we fetch it" jetpack fetch "docker://example.com/our/thing@$pushed"
run jetpack run -destroy "$out"
is "$out" "thing| 0 0 0" "... and it runs"
done_well "a registry that wants a token for that" jetpack push test.example/ours docker://example.com:5001/our/thing:v4
done_well "one that wants a password" jetpack push test.example/ours docker://example.com:5003/our/thing:v5
fails 1 401 "one that is never satisfied" jetpack push test.example/ours docker://example.com:5008/our/thing:v6
fails 2 "is not docker://" "another place" jetpack push test.example/ours https://example.com/x
fails 2 "under a tag" "a digest" jetpack push test.example/ours "docker://example.com/our/thing@$pushed"
is "$(left)" '' "nothing is left in tmp/"

finish
