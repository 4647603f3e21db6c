#!/bin/sh
# Out of memory at every allocation of a verdict (rows 44 and 90 of SECURITY.md): of jetpack-openpgp, of the
# library that it stands on, and of who asks it. Whatever fails, nothing is called good that is not.
. "$(dirname "$0")/lib.sh"
. "$here/gpg.sh"

starve=$programs/starve
[ -x "$starve" ] || skip_all "not here: built without librnp"

for name in alice bob; do
    gpg_at "$born" --quick-generate-key "$name <$name@example.com>" ed25519 sign never
    gpg_at "$now" --armor --export "$name@example.com" >"$work/$name.key"
done
alice=$(gpg_at "$now" --with-colons --list-keys alice@example.com |
    sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1 | tr A-F a-f)
head -c 20000 /dev/urandom >"$work/data"
head -c 20000 /dev/urandom >"$work/other"
gpg_at "$signed" --armor --local-user alice@example.com --detach-sign -o "$work/good" "$work/data"
gpg_at "$signed" --local-user alice@example.com --detach-sign -o "$work/one" "$work/data"
gpg_at "$signed" --local-user alice@example.com --detach-sign -o "$work/two" "$work/other"
cat "$work/one" "$work/two" >"$work/both"
gpg_at "$signed" --local-user alice@example.com --digest-algo SHA1 --detach-sign -o "$work/weak" "$work/data"
gpg_at "$signed" --local-user alice@example.com --default-sig-expire 1d --detach-sign \
    -o "$work/expired" "$work/data"
gpg_at "$signed" --local-user bob@example.com --detach-sign -o "$work/unknown" "$work/data"
printf 'secret\n' >"$work/word"
gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase-file "$work/word" --s2k-count 65536 \
    --compress-algo none -o "$work/message" --symmetric "$work/data" 2>>"$work/gpg.log"
cp "$work/message" "$work/changed"
printf '\0\0\0\0' | dd of="$work/changed" bs=1 seek=10000 conv=notrunc 2>/dev/null
head -c 19000 "$work/message" >"$work/short"

# starved NAME SCOPE EXPECTED STEP WHAT ARGUMENT...
starved() {
    starved_name=$1
    shift
    run "$starve" "$@"
    if [ "$status" -eq 77 ]; then
        skip "$starved_name" "$out"
        return
    fi
    is "$status" 0 "$starved_name: $out" || show err "$err"
}
judged() { # NAME SCOPE EXPECTED STEP DATA SIGNATURE
    starved "$1" "$2" "$3" "$4" judge "$alice" "$work/alice.key" "$work/$5" "$work/$6" "$now"
}
# Some twenty allocations are ours, some hundreds the library's: each of them alone where somebody else's
# word is on the scales, every seventh elsewhere; and with all that come after it.
for scope in 'own 1 1' 'all 1 7' 'onwards 7 7'; do
    # shellcheck disable=SC2086 # three words
    set -- $scope
    kind=$1 each=$2 some=$3
    judged "$kind: a good one" "$kind" good "$some" data good
    judged "$kind: of another file" "$kind" never "$each" other good
    judged "$kind: a good one and a bad one" "$kind" never "$each" data both
    judged "$kind: a weak hash" "$kind" never "$some" data weak
    judged "$kind: expired" "$kind" never "$some" data expired
    judged "$kind: by somebody else" "$kind" never "$some" data unknown
    starved "$kind: a message" "$kind" good "$some" open "$work/message" secret
    starved "$kind: ... that was changed" "$kind" never "$each" open "$work/changed" secret
    starved "$kind: ... that ends early" "$kind" never "$some" open "$work/short" secret
    starved "$kind: ... with another passphrase" "$kind" never "$some" open "$work/message" wrong
done

"$judge" "$openpgp" "$work/root" "$now" add example.com "$work/alice.key" >"$work/out" 2>&1
is "$?" 0 "a trusted key" || show out "$(cat "$work/out")"
for scope in own all onwards; do
    for pair in 'good data good' 'never other good' 'never data both' 'never data unknown'; do
        # shellcheck disable=SC2086 # three words
        set -- $pair
        starved "$scope: who asks: $2 $3" "$scope" "$1" 1 ask "$openpgp" "$work/root" "$now" \
            example.com/foo "$work/$2" "$work/$3"
    done
done

gpgconf --kill all >/dev/null 2>&1
finish
