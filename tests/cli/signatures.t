#!/bin/sh
# Which signatures count (rows 41 to 45 of SECURITY.md): keys and signatures made here, by GnuPG and by
# Sequoia, judged at a time that the test names. What jetpack does with the verdict: trust.t.
. "$(dirname "$0")/lib.sh"
. "$here/gpg.sh"

head -c 300000 /dev/urandom >"$work/image"
head -c 300000 /dev/urandom >"$work/other"

# verdict WANTED NAME FILE SIGNATURE [TIME [IMAGE-NAME]]
verdict() {
    "$judge" "$openpgp" "$work/root" "${5:-$now}" check "${6:-example.com/foo}" "$3" "$4" \
        >"$work/out" 2>"$work/err"
    is "$(head -n 1 "$work/out")" "$1" "$2" || show err "$(cat "$work/err")"
}

add() { # PREFIX FILE
    "$judge" "$openpgp" "$work/root" "$now" add "$1" "$2" >"$work/added" 2>"$work/err" ||
        show err "$(cat "$work/err")"
}

gpg_at "$born" --quick-generate-key 'Alice <alice@example.com>' ed25519 sign never
gpg_at "$now" --armor --export alice@example.com >"$work/alice.asc"
gpg_at "$signed" --armor --local-user alice@example.com --detach-sign -o "$work/image.asc" "$work/image"
gpg_at "$signed" --local-user alice@example.com --detach-sign -o "$work/image.sig" "$work/image"
verdict unknown "a key that nobody trusts" "$work/image" "$work/image.asc"
add example.com/foo "$work/alice.asc"
verdict good "an armoured signature" "$work/image" "$work/image.asc"
verdict good "a binary one" "$work/image" "$work/image.sig"
verdict bad "row 42: the signature of another file" "$work/other" "$work/image.asc"
verdict unknown "row 41: the key of another name" "$work/image" "$work/image.asc" "$now" example.com/foobar
verdict future "row 43: a signature from the future" "$work/image" "$work/image.asc" $((signed - 60))
verdict key-future "row 43: a key from the future" "$work/image" "$work/image.asc" $((born - 60))


# ---- row 43: states of keys and signatures, made by GnuPG -----------------------------------------

# sign NAME USER [OPTION...]: $work/NAME is a detached signature of the image
sign() {
    name=$1 user=$2
    shift 2
    gpg_at "$signed" --local-user "$user" "$@" --detach-sign -o "$work/$name" "$work/image"
}
key_of() { gpg_at "$now" --armor --export "$1" >"$work/key"; }
fpr_of() {
    gpg_at "$now" --with-colons --list-keys "$1" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | sed -n "${2:-1}p"
}
# new_key USER ALGORITHM EXPIRY: trusted for every name
new_key() {
    gpg_at "$born" --quick-generate-key "$1" "$2" sign "$3"
    key_of "$1"
    add @ "$work/key"
}
day=86400

new_key expiring ed25519 3d
sign expiring.sig expiring
verdict good "row 43: a key that has not expired yet" "$work/image" "$work/expiring.sig"
verdict key-expired "row 43: one that has expired since" "$work/image" "$work/expiring.sig" $((born + 4 * day))
verdict key-expired "row 43: to the second" "$work/image" "$work/expiring.sig" $((born + 3 * day))

sign brief.sig alice@example.com --default-sig-expire 2d
verdict good "row 43: a signature that has not expired" "$work/image" "$work/brief.sig"
verdict expired "row 43: one that has" "$work/image" "$work/brief.sig" $((signed + 3 * day))
verdict expired "row 43: to the second" "$work/image" "$work/brief.sig" $((signed + 2 * day))

new_key revoked ed25519 never
sign revoked.sig revoked
verdict good "row 43: a key that is not revoked" "$work/image" "$work/revoked.sig"
sed 's/^:--/--/' "$GNUPGHOME/openpgp-revocs.d/$(fpr_of revoked).rev" >"$work/rev"
gpg_at "$now" --import "$work/rev"
key_of revoked
add @ "$work/key"
verdict revoked "row 43: a revoked one, though it was revoked after the signature" "$work/image" "$work/revoked.sig"

new_key sub ed25519 never
gpg_at "$born" --quick-add-key "$(fpr_of sub)" ed25519 sign 3d
key_of sub
add @ "$work/key"
sign sub.sig sub
verdict good "row 43: a signing subkey" "$work/image" "$work/sub.sig"
is "$(sed -n 2p "$work/out")" "good $(fpr_of sub | tr A-F a-f)" "... is told by its primary key"
verdict key-expired "row 43: an expired subkey" "$work/image" "$work/sub.sig" $((born + 4 * day))
printf 'y\n0\n\ny\n' | gpg --quiet --no-tty --command-fd 0 --pinentry-mode loopback --passphrase '' \
    --faked-system-time "$now!" --edit-key sub 'key 1' revkey save >>"$work/gpg.log" 2>&1
key_of sub
add @ "$work/key"
verdict revoked "row 43: a revoked subkey" "$work/image" "$work/sub.sig"

# Whose the subkey is: what binds it to the primary key is missing, forged, or another key's.
if command -v gpgsplit >/dev/null; then
    gpg_at "$born" --quick-generate-key bound ed25519 sign never
    gpg_at "$born" --quick-add-key "$(fpr_of bound)" ed25519 sign never
    gpg_at "$born" --quick-generate-key taker ed25519 sign never
    sign bound.sig bound
    for name in bound taker; do
        mkdir "$work/$name"
        gpg_at "$now" --export "$name" >"$work/$name.bin"
        (cd "$work/$name" && gpgsplit -p '' <"$work/$name.bin")
    done
    bound=$(fpr_of bound | tr A-F a-f) taker=$(fpr_of taker | tr A-F a-f)
    add @ "$work/bound.bin"
    verdict good "row 43: a subkey that its primary key has bound" "$work/image" "$work/bound.sig"
    # without NAME KEY-FILE FINGERPRINT: the signature does not count, by whatever name
    without() {
        rm -f "$work/root/keys/@/$bound"* "$work/root/keys/@/$taker"*
        add @ "$2"
        is "$(ls "$work/root/keys/@" | grep -c "$3")" 1 "row 43: $1: the key is there"
        "$judge" "$openpgp" "$work/root" "$now" check example.com/foo "$work/image" "$work/bound.sig" \
            >"$work/out" 2>"$work/err"
        like "$? $(head -n 1 "$work/out")" '^1 (unknown|unfit|bad)$' "... is none" || show err "$(cat "$work/err")"
    }
    (cd "$work/bound" && cat 000001-* 000002-* 000003-* 000004-*) >"$work/unbound.bin"
    without "a subkey that nothing binds" "$work/unbound.bin" "$bound"
    size=$(wc -c <"$work/bound.bin")
    cp "$work/bound.bin" "$work/forged.bin"
    old=$(od -An -tu1 -j $((size - 5)) -N 1 "$work/bound.bin" | tr -d ' ')
    printf "\\$(printf %03o $(((old + 1) % 256)))" |
        dd of="$work/forged.bin" bs=1 seek=$((size - 5)) conv=notrunc 2>/dev/null
    without "a subkey whose binding is forged" "$work/forged.bin" "$bound"
    (cat "$work/taker.bin" && cd "$work/bound" && cat 000004-* 000005-*) >"$work/taken.bin"
    without "a subkey that another key has taken" "$work/taken.bin" "$taker"
    # What the subkey itself says to that, in a part of the binding that its primary key does not sign:
    # a length, 32 for an embedded signature, version 4, type 0x19 (RFC 4880 5.2.3.26).
    at=$(od -An -v -tx1 "$work/bound.bin" | awk '{ for (i = 1; i <= NF; i++) b[n++] = $i }
        END { while (n-- > 1) if (b[n] b[n + 1] b[n + 2] == "200419") { print n; exit } }')
    byte_at() { od -An -tu1 -j "$1" -N 1 "$work/bound.bin" | tr -d ' '; }
    put() { # FILE OFFSET VALUE
        cp "$work/bound.bin" "$1" &&
            printf "\\$(printf %03o "$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
    }
    is "$(byte_at "$at")" 32 "row 43: the subkey agrees that it is bound"
    put "$work/silent.bin" "$at" 100
    without "a subkey that does not say that it is bound" "$work/silent.bin" "$bound"
    last=$((at - 1 + $(byte_at $((at - 1)))))
    put "$work/lying.bin" "$last" $((($(byte_at "$last") + 1) % 256))
    without "a subkey in whose name that is forged" "$work/lying.bin" "$bound"
    rm -f "$work/root/keys/@/$bound"* "$work/root/keys/@/$taker"*
    add @ "$work/bound.bin"
    verdict good "row 43: ... with its own key again" "$work/image" "$work/bound.sig"
else
    skip "bindings of subkeys" "not here: no gpgsplit"
fi

new_key unfit ed25519 never
sign unfit.sig unfit
verdict good "row 43: a key that may sign" "$work/image" "$work/unfit.sig"
printf 'S\nQ\n' | gpg --quiet --no-tty --expert --command-fd 0 --pinentry-mode loopback --passphrase '' \
    --faked-system-time "$now!" --edit-key unfit change-usage save >>"$work/gpg.log" 2>&1
key_of unfit
add @ "$work/key"
verdict unfit "row 43: one that may not sign any more" "$work/image" "$work/unfit.sig"

new_key short rsa1024 never
sign short.sig short
verdict weak "row 43: RSA of 1024 bits" "$work/image" "$work/short.sig"
new_key long rsa2048 never
sign long.sig long
verdict good "row 43: RSA of 2048 bits" "$work/image" "$work/long.sig"
for hash in MD5 SHA1 RIPEMD160 SHA224; do
    sign "$hash.sig" long --digest-algo "$hash" --allow-weak-digest-algos
    verdict weak "row 43: $hash" "$work/image" "$work/$hash.sig"
done
for hash in SHA256 SHA384 SHA512; do
    sign "$hash.sig" long --digest-algo "$hash"
    verdict good "row 43: $hash" "$work/image" "$work/$hash.sig"
done
new_key dsa dsa2048 never
sign dsa.sig dsa
verdict weak "row 43: DSA" "$work/image" "$work/dsa.sig"
new_key curve nistp256 never
sign curve.sig curve
verdict good "row 43: ECDSA" "$work/image" "$work/curve.sig"

sign text.sig alice@example.com --textmode
gpg_at "$signed" --local-user alice@example.com --textmode --detach-sign -o "$work/lines.sig" "$work/alice.asc"
verdict bad "row 43: a signature of text" "$work/alice.asc" "$work/lines.sig"
sign noted.sig alice@example.com --sig-notation 'note@example.com=x'
verdict good "row 43: a notation that may be unknown" "$work/image" "$work/noted.sig"
sign critical.sig alice@example.com --sig-notation '!note@example.com=x'
verdict bad "row 43: a critical one" "$work/image" "$work/critical.sig"

# ---- row 44: how many there are, and of what form -------------------------------------------------

gpg_at "$born" --quick-generate-key stranger ed25519 sign never
sign stranger.sig stranger
cat "$work/stranger.sig" "$work/image.sig" >"$work/both.sig"
verdict good "row 44: one of a stranger, and a good one" "$work/image" "$work/both.sig"
verdict unknown "row 44: one of a stranger" "$work/image" "$work/stranger.sig"
cat "$work/stranger.sig" "$work/stranger.sig" >"$work/strange.sig"
verdict unknown "row 44: two of them" "$work/image" "$work/strange.sig"
cat "$work/image.sig" "$work/long.sig" >"$work/two.sig"
verdict good "row 44: two good ones" "$work/image" "$work/two.sig"
for bad in brief.sig:expired revoked.sig:revoked MD5.sig:weak text.sig:bad; do
    cat "$work/image.sig" "$work/${bad%:*}" >"$work/mixed.sig"
    verdict "${bad#*:}" "row 44: a good one, then $bad" "$work/image" "$work/mixed.sig" $((signed + 3 * day))
    cat "$work/${bad%:*}" "$work/image.sig" >"$work/mixed.sig"
    verdict "${bad#*:}" "row 44: $bad, then a good one" "$work/image" "$work/mixed.sig" $((signed + 3 * day))
done
: >"$work/empty.sig"
verdict no-signature "row 44: none" "$work/image" "$work/empty.sig"
printf '\n \n' >"$work/blank.sig"
verdict no-signature "row 44: blanks" "$work/image" "$work/blank.sig"
printf -- '-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n' >"$work/hollow.sig"
cat "$work/image.asc" "$work/image.asc" >"$work/twice.sig"
{ echo text; cat "$work/image.asc"; } >"$work/before.sig"
{ cat "$work/image.asc"; echo text; } >"$work/after.sig"
head -c 40 "$work/image.sig" >"$work/cut.sig"
{ cat "$work/image.sig"; head -c 20 "$work/image.sig"; } >"$work/tail.sig"
i=0
while [ $i -lt 17 ]; do cat "$work/image.sig"; i=$((i + 1)); done >"$work/many.sig"
gpg_at "$signed" --local-user alice@example.com --sign -o "$work/inline.sig" "$work/alice.asc"
gpg_at "$signed" --local-user alice@example.com --armor --sign -o "$work/inline-armoured.sig" "$work/alice.asc"
gpg_at "$signed" --local-user alice@example.com --clearsign -o "$work/clear.sig" "$work/alice.asc"
gpg_at "$now" --export alice@example.com >"$work/key.sig"
{ cat "$work/image.sig" "$work/key.sig"; } >"$work/with-key.sig"
for form in hollow twice before after cut tail many inline inline-armoured clear key with-key; do
    verdict malformed "row 44: no detached signature: $form" "$work/image" "$work/$form.sig"
done

# A store that was tampered with, or got damaged, refuses.
fpr=$(fpr_of alice@example.com | tr A-F a-f)
stored=$work/root/keys/example.com,foo/$fpr
cp "$stored" "$work/kept"
cp "$work/root/keys/@/$(fpr_of long | tr A-F a-f)" "$stored"
verdict nothing "row 44: a key in another's file" "$work/image" "$work/image.sig"
head -c 100 "$work/kept" >"$stored"
verdict nothing "row 44: a damaged file" "$work/image" "$work/image.sig"
cp "$work/kept" "$stored"
verdict good "row 44: the whole one" "$work/image" "$work/image.sig"

# ---- the same by Sequoia --------------------------------------------------------------------------

when() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
sq_() { sq "$@" 2>>"$work/gpg.log"; }
if command -v sq >/dev/null; then
    sq_ key generate -u 'sequoia <s@example.com>' --creation-time "$(when "$born")" --export "$work/sq.key"
    sq_ key extract-cert -o "$work/sq.cert" "$work/sq.key"
    sq_ sign --signer-key "$work/sq.key" --time "$(when "$signed")" --detached -o "$work/sq.sig" "$work/image"
    sq_ sign --signer-key "$work/sq.key" --time "$(when "$signed")" --detached -B -o "$work/sq-binary.sig" "$work/image"
    verdict unknown "Sequoia: a key that nobody trusts" "$work/image" "$work/sq.sig"
    add example.com "$work/sq.cert"
    verdict good "Sequoia: a subkey, armoured" "$work/image" "$work/sq.sig"
    verdict good "Sequoia: binary" "$work/image" "$work/sq-binary.sig"
    verdict bad "Sequoia: another file" "$work/other" "$work/sq.sig"
    verdict unknown "Sequoia: another name" "$work/image" "$work/sq.sig" "$now" example.comfoo
    verdict future "Sequoia: a signature from the future" "$work/image" "$work/sq.sig" $((signed - 60))
    sq_ key generate -u brief --creation-time "$(when "$born")" --expires-in 3d --export "$work/brief.key"
    sq_ key extract-cert -o "$work/brief.cert" "$work/brief.key"
    sq_ sign --signer-key "$work/brief.key" --time "$(when "$signed")" --detached -o "$work/sq-brief.sig" "$work/image"
    add example.com "$work/brief.cert"
    verdict good "Sequoia: a key before it expires" "$work/image" "$work/sq-brief.sig"
    verdict key-expired "Sequoia: afterwards" "$work/image" "$work/sq-brief.sig" $((born + 4 * day))
    sq_ revoke certificate --certificate "$work/sq.cert" --revocation-key "$work/sq.key" \
        --time "$(when "$now")" compromised 'stolen' >"$work/sq.rev"
    gpg_at "$now" --import "$work/sq.cert" "$work/sq.rev"
    key_of s@example.com
    add example.com "$work/key"
    verdict revoked "Sequoia: a revoked key" "$work/image" "$work/sq.sig"
else
    skip "signatures by Sequoia" "needs sq"
fi

gpgconf --kill all >/dev/null 2>&1
finish
