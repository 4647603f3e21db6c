#!/bin/sh
# sign: signatures that GnuPG, Sequoia and we ourselves accept, by keys that they made.
. "$(dirname "$0")/lib.sh"
need_root
. "$here/gpg.sh"
quiet_gpg() { # PASSPHRASE ARGUMENT...
    passphrase=$1
    shift
    gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase "$passphrase" "$@" 2>>"$work/gpg.log"
}
new_key() { # NAME ALGORITHM PASSPHRASE: NAME.key (secret), NAME.asc
    quiet_gpg "$3" --quick-generate-key "$1@example.com" "$2" sign never
    quiet_gpg "$3" --armor --export-secret-keys "$1@example.com" >"$work/$1.key"
    quiet_gpg "$3" --armor --export "$1@example.com" >"$work/$1.asc"
}
image one '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'

for algorithm in ed25519 rsa2048 nistp256; do
    new_key "$algorithm" "$algorithm" ''
    rm -f "$work/one.aci.asc"
    run jetpack sign -key "$work/$algorithm.key" "$work/one.aci"
    is "$status $out$err" '0 ' "sign with $algorithm"
    quiet_gpg '' --verify "$work/one.aci.asc" "$work/one.aci"
    ok $? "... which GnuPG accepts"
done
like "$(cat "$work/one.aci.asc")" '^-----BEGIN PGP SIGNATURE-----' "it is armoured"
fingerprint=$(quiet_gpg '' --with-colons --list-keys nistp256@example.com | sed -n 's/^fpr:*\(.*\):$/\1/p')
jetpack trust -prefix test.example -fingerprint "$fingerprint" "$work/nistp256.asc" >/dev/null 2>&1
run jetpack -o allow.no-signature=off import -q "$work/one.aci"
is "$status" 0 "and import does"
cp "$work/one.aci" "$work/other"
echo >>"$work/other"
fails 1 'does not fit' "of nothing else" jetpack import -sig "$work/one.aci.asc" "$work/other"

new_key locked ed25519 sesame
echo sesame >"$work/right"
echo simsim >"$work/wrong"
fails 1 'not ours alone: chmod 600' "a passphrase that others can read" \
    jetpack sign -key "$work/locked.key" -passphrase-file "$work/right" -o "$work/locked.sig" "$work/one.aci"
chmod 600 "$work/right" "$work/wrong"
run jetpack sign -key "$work/locked.key" -passphrase-file "$work/right" -o "$work/locked.sig" "$work/one.aci"
is "$status" 0 "a locked key, its passphrase in a file"
quiet_gpg '' --verify "$work/locked.sig" "$work/one.aci"
ok $? "... GnuPG accepts it"
rm "$work/locked.sig"
fails 1 'passphrase is wrong' "the wrong one" \
    jetpack sign -key "$work/locked.key" -passphrase-file "$work/wrong" -o "$work/locked.sig" "$work/one.aci"
run "$programs/withpty" 'expect Passphrase;send sesame\n' "$JETPACK" -config "$config" \
    sign -key "$work/locked.key" -o "$work/locked.sig" "$work/one.aci"
is "$status" 0 "asked for on the terminal"
unlike "$out" sesame "... unseen"
quiet_gpg '' --verify "$work/locked.sig" "$work/one.aci"
ok $? "... GnuPG accepts it"

fails 1 'no secret key' "a public key" jetpack sign -key "$work/locked.asc" "$work/one.aci"
fails 1 'No such file' "no key" jetpack sign -key "$work/none" "$work/one.aci"
fails 1 "-key $config: it is no OpenPGP key" "another file" jetpack sign -key "$config" "$work/one.aci"
fails 2 'whose signature' "no -key" jetpack sign "$work/one.aci"
fails 2 'where to' "standard input without -o" jetpack sign -key "$work/ed25519.key" -
new_key short rsa1024 ''
fails 1 'would count' "a key whose signatures nobody should accept" \
    jetpack sign -key "$work/short.key" -o "$work/short.sig" "$work/one.aci"
[ ! -e "$work/short.sig" ]
ok $? "... leaves nothing"

# shellcheck disable=SC2002 # a pipe is meant
cat "$work/one.aci" | "$JETPACK" -config "$config" sign -key "$work/ed25519.key" -o - - >"$work/piped.sig"
quiet_gpg '' --verify "$work/piped.sig" "$work/one.aci"
ok $? "from a pipe to a pipe"

if command -v sq >/dev/null; then
    sq key generate -u sequoia --export "$work/sq.key" 2>>"$work/gpg.log"
    sq key extract-cert -o "$work/sq.asc" "$work/sq.key" 2>>"$work/gpg.log"
    run jetpack sign -key "$work/sq.key" -o "$work/sq.sig" "$work/one.aci"
    is "$status" 0 "a key made by Sequoia, by its subkey for signing"
    sq verify --signer-cert "$work/sq.asc" --detached "$work/sq.sig" "$work/one.aci" >/dev/null 2>&1
    ok $? "... Sequoia accepts it"
else
    skip "keys made by Sequoia" "needs sq"
fi
# A publisher is not root, and signs a file of his own.
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
chmod 711 "$work"
if nobody test -x "$JETPACK" -a -r "$config" 2>/dev/null; then
    install -d -o 65534 -g 65534 -m 700 "$work/publisher"
    cp "$work/one.aci" "$work/publisher/own.aci"
    cp "$work/nistp256.key" "$work/publisher/secret"
    chown 65534:65534 "$work"/publisher/*
    run nobody "$JETPACK" -config "$config" sign -key "$work/publisher/secret" "$work/publisher/own.aci"
    is "$status" 0 "sign needs no root" || show err "$err"
    is "$(stat -c %u "$work/publisher/own.aci.asc")" 65534 "... the signature is the publisher's"
    run jetpack -o allow.no-signature=off import -q "$work/publisher/own.aci"
    is "$status $out" "0 sha512-$(sha512sum <"$work/one.aci" | cut -d' ' -f1)" "... and counts" || show err "$err"
else
    skip "sign needs no root" "not here: no setpriv, or nobody may not enter $build_dir"
fi

gpgconf --kill all >/dev/null 2>&1
finish
