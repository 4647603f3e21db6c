#!/bin/sh
# Which signatures count (rows 41 to 45 of SECURITY.md): keys and signatures made here, by GnuPG and by
# Sequoia, judged at a time that the test names. What jetpack does with the verdict: trust.t.
. "$(dirname "$0")/lib.sh"

judge=$programs/judge
openpgp=$build_dir/src/openpgp/jetpack-openpgp
[ -x "$openpgp" ] || skip_all "not here: built without librnp"
command -v gpg >/dev/null || skip_all "needs gpg"

HOME=$work/home GNUPGHOME=$work/gnupg
export HOME GNUPGHOME
mkdir -m 700 "$HOME" "$GNUPGHOME"
mkdir "$work/root"
chmod 711 "$work"

# 1 January 2026, noon: keys are made then, signatures a day later, and judged another day later.
born=1767268800 signed=$((born + 86400)) now=$((born + 2 * 86400))

gpg_at() { # TIME ARGUMENT...
    at=$1
    shift
    gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' \
        --faked-system-time "$at!" "$@" 2>>"$work/gpg.log"
}

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

gpgconf --kill all >/dev/null 2>&1
finish
