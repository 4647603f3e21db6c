#!/bin/sh
# Images over the network, keys and signatures on this system: what reads them runs as a user of its own,
# who judges in capability mode. All that can happen to a transfer: ../cli/fetch.t.
#
# signed/ has an image by tar and gzip, signed on 2 January 2026 by GnuPG with the key of Alice, who made
# it on the day before; other.asc is a signature of the same image by somebody else; sealed.aci is the
# image encrypted with the passphrase "open sesame".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ -x "$build_dir/src/fetch/jetpack-fetch" ] || skip_all "not here: built without -Dfetch"
[ -x "$build_dir/src/openpgp/jetpack-openpgp" ] || skip_all "not here: built without librnp"

www=$work/www alice=5b7ebe38230276bf97c6152a69559a4a033a8d67
cp -R "$here/signed" "$www"
cp "$www/signed.aci" "$www/wrong.aci"
cp "$www/other.asc" "$www/wrong.aci.asc"
printf 'x' | dd of="$www/wrong.aci" bs=1 seek=20 conv=notrunc 2>/dev/null
cp "$www/wrong.aci" "$www/broken.aci"
cp "$www/signed.aci.asc" "$www/broken.aci.asc"
cp "$www/signed.aci" "$www/stranger.aci"
cp "$www/other.asc" "$www/stranger.aci.asc"
image app '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
cp "$work/app.aci" "$www/app.aci"
(cd "$www" && exec "$programs/ill" 127.0.0.1 "$own_port" "$work/requests") >"$work/server" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; cleanup' EXIT
wait_for 60 grep -q ready "$work/server"
at=http://127.0.0.1:$own_port
id=$(gzip -dc "$www/signed.aci" | sha512 -q)
app_id=sha512-$(sha512 -q "$work/app.aci")
left() { jetpack images -q; find "$work/root/tmp" -mindepth 1; }
forget() { destroy_images; rm -rf "$work/root/fetched"; }

fails 1 'not https' "http is not taken unasked" jetpack fetch "$at/whole/app.aci"
done_well "fetch" jetpack fetch -allow-http 127.0.0.1 "$at/whole/app.aci"
is "$out" "$app_id" "... gives what lies there"
done_well "... which runs" jetpack run -destroy --net=none test.example/app
done_well "once more" jetpack fetch -allow-http 127.0.0.1 "$at/whole/app.aci"
forget
fails 1 '404' "what is not there" jetpack fetch -allow-http 127.0.0.1 "$at/whole/none.aci"
fails 1 'end|short|closed|transfer' "a body that is cut" jetpack fetch -allow-http 127.0.0.1 "$at/short"
run jetpack fetch -allow-http 127.0.0.1 "$at/weak/app.aci"
unlike "$status" '^0$' "a file of which half came, and whose rest nobody vouches for"
is "$(left | grep -v /fetch-)" "" "... makes no image"

# keys
sed -i.bak 's/^allow.no-signature.*/allow.no-signature = off/' "$config"
get() { jetpack fetch -allow-http 127.0.0.1 "$at/whole/$1"; }
fails 1 'has no signature' "an image without a signature" get app.aci
fails 1 "not trusted for this .key $alice" "an unknown signer" get signed.aci
fails 1 'has no key' "a key with another fingerprint" \
    jetpack trust -prefix example.com/signed -fingerprint "${alice%?}0" "$www/key.asc"
done_well "trust, by its fingerprint" \
    jetpack trust -prefix example.com/signed -fingerprint "$alice" "$www/key.asc"
is "$out" "$alice" "... which it prints"
like "$(jetpack trust -H)" "^example.com/signed	$alice	Alice <alice@example.com>" "... and lists"
done_well "fetch what she signed" get signed.aci
is "$out" "sha512-$id" "... its id"
like "$(jetpack images -H)" 'example.com/signed:1.0' "... its name"
forget
fails 1 'does not fit' "what was changed since" get broken.aci
fails 1 'not trusted' "what somebody else signed" get stranger.aci
fails 1 'not trusted|does not fit' "what somebody else signed, changed" get wrong.aci
done_well "a path, with its signature beside it" jetpack import "$www/signed.aci"
done_well "it verifies" jetpack verify example.com/signed
forget
done_well "untrust" jetpack untrust "$alice"
fails 1 'not trusted' "nothing of hers counts any more" get signed.aci
is "$(left)" "" "nothing is left"

# encrypted
printf 'open sesame\n' >"$work/word"
printf 'closed\n' >"$work/other-word"
chmod 600 "$work/word" "$work/other-word"
done_well "an encrypted image" jetpack fetch -allow-unsigned -passphrase-file "$work/word" \
    -allow-http 127.0.0.1 "$at/whole/sealed.aci"
is "$out" "sha512-$id" "... is the same image"
forget
fails 1 'passphrase' "... not with another passphrase" jetpack fetch -allow-unsigned \
    -passphrase-file "$work/other-word" -allow-http 127.0.0.1 "$at/whole/sealed.aci"
is "$(left)" "" "nothing is left"
finish
