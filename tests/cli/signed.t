#!/bin/sh
# Images with signatures: import -sig, FILE.asc, what is kept of them, and files that change between
# being checked and being unpacked. Which signatures count: signatures.t.
. "$(dirname "$0")/lib.sh"
need_root
. "$here/gpg.sh"
sed -i 's/^allow.no-signature.*/allow.no-signature = off/' "$config"

quiet_gpg() {
    gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' "$@" 2>>"$work/gpg.log"
}
new_key() { # NAME
    quiet_gpg --quick-generate-key "$1 <$1@example.com>" ed25519 sign never
    quiet_gpg --armor --export "$1@example.com" >"$work/$1.key"
    quiet_gpg --with-colons --list-keys "$1@example.com" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' |
        head -n 1 | tr A-F a-f
}
sign() { # NAME FILE SIGNATURE
    rm -f "$3"
    quiet_gpg --armor --local-user "$1@example.com" --detach-sign -o "$3" "$2"
}
none_here() { # NAME
    is "$(jetpack images -q; ls "$work/root/images" "$work/root/tmp" | grep -v :)" '' "$1"
}
id_of() { echo "sha512-$(sha512sum <"$1" | cut -d' ' -f1)"; }

alice=$(new_key alice) mallory=$(new_key mallory)
for name in one two; do
    image "$name" '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
done
cp "$work/one.aci" "$work/image.aci"
one=$(id_of "$work/one.aci")
sign alice "$work/image.aci" "$work/alice.sig"
sign mallory "$work/image.aci" "$work/mallory.sig"
sign alice "$work/two.aci" "$work/two.sig"

# Nobody is trusted.
fails 1 'has no signature' "an image without a signature" jetpack import "$work/image.aci"
fails 1 "not trusted for this .key $alice" "an unknown signer" \
    jetpack import -sig "$work/alice.sig" "$work/image.aci"
fails 1 'not trusted' "... is none even where unsigned images are allowed, when -sig names it" \
    jetpack import -allow-unsigned -sig "$work/alice.sig" "$work/image.aci"
none_here "nothing was imported"

jetpack trust -prefix test.example/one -fingerprint "$alice" "$work/alice.key" >/dev/null 2>&1
fails 1 "not trusted for this .key $mallory" "somebody else's signature" \
    jetpack import -sig "$work/mallory.sig" "$work/image.aci"
fails 1 'does not fit' "row 42: the signature of another image by the same key" \
    jetpack import -sig "$work/two.sig" "$work/image.aci"
fails 1 "which is not trusted for images called 'test.example/two'" \
    "row 41: a trusted key, another name" jetpack import -sig "$work/two.sig" "$work/two.aci"
fails 1 'not trusted for this' "... named before" \
    jetpack import -name test.example/two -sig "$work/two.sig" "$work/two.aci"
fails 1 "called 'test.example/one', expected 'test.example/one/x'" "... or named otherwise" \
    jetpack import -name test.example/one/x -sig "$work/alice.sig" "$work/image.aci"
fails 1 'No such file' "a signature that is not there" \
    jetpack import -allow-unsigned -sig "$work/none" "$work/image.aci"
fails 1 'no detached OpenPGP signature' "the image as its own signature" \
    jetpack import -sig "$work/mallory.key" "$work/image.aci"
none_here "nothing was imported"

run jetpack import -q -sig "$work/alice.sig" "$work/image.aci"
is "$status $out" "0 $one" "a good one"
run jetpack show-image "$one"
like "$out" "^Signed by +$alice alice <alice@example.com>\$" "show-image says who signed it"
run jetpack show-image -format=json "$one"
like "$out" "\"fingerprint\": \"$alice\"" "... in JSON, too"
cmp -s "$work/alice.sig" "$work/root/images/$one/signature"
ok $? "the signature is kept"
jetpack destroy-image "$one"

# Beside the file.
cp "$work/alice.sig" "$work/image.aci.asc"
run jetpack import -q "$work/image.aci"
is "$status $out" "0 $one" "FILE.asc is found"
jetpack destroy-image "$one"
run jetpack import -q "file://$work/image.aci"
is "$status $out" "0 $one" "... beside a URL"
jetpack destroy-image "$one"
cp "$work/two.sig" "$work/image.aci.asc"
fails 1 'does not fit' "FILE.asc that does not fit" jetpack import "$work/image.aci"
fails 1 'does not fit' "... where unsigned images are allowed" \
    jetpack import -allow-unsigned "$work/image.aci"
cp "$work/mallory.sig" "$work/image.aci.asc"
fails 1 'not trusted' "FILE.asc of an unknown signer" jetpack import "$work/image.aci"
none_here "nothing was imported"
run jetpack import -q -allow-unsigned "$work/image.aci"
is "$status $out" "0 $one" "... is as good as none where unsigned images are allowed"
like "$err" "warning: .*$mallory" "... with a warning"
run jetpack show-image "$one"
unlike "$out" 'Signed by' "... and nobody has signed it"
cp "$work/alice.sig" "$work/image.aci.asc"
run jetpack import "$work/image.aci"
like "$err" 'here already' "the same again, signed"
run jetpack show-image "$one"
like "$out" "Signed by +$alice" "... is signed from then on"
jetpack destroy-image "$one"
fails 1 'has no signature' "a root file system has none, whatever lies beside it" \
    jetpack import "$work/image.aci" "$work/alice.sig"
fails 2 'not for a root file system' "-sig with a manifest" \
    jetpack import -sig "$work/alice.sig" "$work/image.aci" "$work/alice.sig"

# From a pipe: what cannot be read twice is copied first.
"$JETPACK" -config "$config" import -q -sig "$work/alice.sig" - <"$work/image.aci" >"$work/out" 2>&1
is "$(cat "$work/out")" "$one" "from standard input, a file"
jetpack destroy-image "$one"
# shellcheck disable=SC2002 # a pipe is meant
cat "$work/image.aci" |
    "$JETPACK" -config "$config" import -q -sig "$work/alice.sig" - >"$work/out" 2>&1
is "$(cat "$work/out")" "$one" "from standard input, a pipe"
is "$(ls -A "$work/root/tmp")" '' "... of which nothing is left"
jetpack destroy-image "$one"
# shellcheck disable=SC2002 # a pipe is meant
cat "$work/two.aci" | "$JETPACK" -config "$config" import -sig "$work/alice.sig" - >"$work/out" 2>&1
is "$?" 1 "from a pipe, the wrong one"
fails 2 'archive and signature' "both from standard input" jetpack import -sig - -
none_here "nothing was imported"

# The signature is that of the bytes as they came.
gzip -c "$work/image.aci" >"$work/image.gz"
sign alice "$work/image.gz" "$work/image.gz.asc"
fails 1 'does not fit' "compressed, with the signature of what is in it" \
    jetpack import -sig "$work/alice.sig" "$work/image.gz"
run jetpack -o images.aci.store=on import -q "$work/image.gz"
is "$status $out" "0 $one" "compressed"
cmp -s "$work/image.gz" "$work/root/images/$one/archive" &&
    cmp -s "$work/image.gz.asc" "$work/root/images/$one/signature"
ok $? "images.aci.store keeps archive and signature"
run jetpack verify "$one"
is "$status" 0 "... which verify minds as little as export"
jetpack destroy-image "$one"

# Row 42: the file changes after it was checked. What checks it is stood in for by a script that
# changes the file when the answer was given.
mkdir -m 755 "$work/libexec"
cat >"$work/libexec/jetpack-openpgp" <<END
#!/bin/sh
'$openpgp'
status=\$?
. '$work/then'
exit \$status
END
chmod 755 "$work/libexec/jetpack-openpgp"
meanwhile() { # WHAT-TO-DO: imports a fresh copy
    cp "$work/one.aci" "$work/image.aci"
    cp "$work/two.aci" "$work/other.aci"
    echo "$1" >"$work/then"
    run jetpack -o path.libexec="$work/libexec" import -q "$work/image.aci"
}
meanwhile true
is "$status $out" "0 $one" "row 42: a file that does not change"
jetpack destroy-image "$one"
meanwhile "mv '$work/other.aci' '$work/image.aci'"
is "$status $out" "0 $one" "row 42: another file in its place: that one is not looked at"
jetpack destroy-image "$one"
size=$(wc -c <"$work/one.aci")
for change in "cat '$work/other.aci' >'$work/image.aci'" "echo >>'$work/image.aci'" \
    "head -c 512 /dev/zero >>'$work/image.aci'" ": >'$work/image.aci'" \
    "truncate -s $((size - 512)) '$work/image.aci'" \
    "printf x | dd of='$work/image.aci' bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null"; do
    meanwhile "$change"
    is "$status $out" '1 ' "row 42: written to after it was checked: $(echo "$change" | cut -c 1-20)"
done
none_here "nothing was imported"

# Row 44: whoever checks dies, or speaks out of turn. Half an answer is none.
meanwhile 'status=1'
is "$status" 1 "row 44: a good answer of a program that then fails"
meanwhile 'kill -KILL $$'
is "$status" 1 "row 44: of one that is killed"
meanwhile 'printf x >&0'
is "$status" 1 "row 44: of one that says more"
for script in 'exit 0' 'cat >/dev/null; exit 0' 'kill -KILL $$' 'echo good >&0' 'yes >&0' \
    'head -c 100000 /dev/zero >&0'; do
    printf '#!/bin/sh\n%s\n' "$script" >"$work/libexec/jetpack-openpgp"
    meanwhile true
    is "$status" 1 "row 44: nothing is learnt from: $script"
done
none_here "nothing was imported"

gpgconf --kill all >/dev/null 2>&1
finish
