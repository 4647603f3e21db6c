#!/bin/sh
# trust and untrust: the question, fingerprints, prefixes, lists. Which signatures count: signatures.t.
. "$(dirname "$0")/lib.sh"
need_root
[ -x "$build_dir/src/openpgp/jetpack-openpgp" ] || skip_all "not here: built without librnp"
command -v gpg >/dev/null || skip_all "needs gpg"

HOME=$work/home GNUPGHOME=$work/gnupg
export HOME GNUPGHOME
mkdir -m 700 "$HOME" "$GNUPGHOME"
withpty() { "$programs/withpty" "$@"; }
j="$JETPACK -config $config"

quiet_gpg() {
    gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' "$@" 2>>"$work/gpg.log"
}
fingerprint() { # USER
    quiet_gpg --with-colons --list-keys "$1" | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1 |
        tr A-F a-f
}
for name in alice bob; do
    quiet_gpg --quick-generate-key "$name <$name@example.com>" ed25519 sign never
    quiet_gpg --armor --export "$name@example.com" >"$work/$name.asc"
done
quiet_gpg --export >"$work/both.gpg"
alice=$(fingerprint alice) bob=$(fingerprint bob)

run jetpack trust
is "$status $out" '0 ' "no keys at first"
like "$err" 'no keys are trusted' "... says so"
fails 2 'for which images' "trust wants a prefix" jetpack trust "$work/alice.asc"
fails 2 'exclude each other' "or -root, not both" jetpack trust -root -prefix a "$work/alice.asc"
fails 2 'where is the key' "and a location" jetpack trust -prefix example.com
for prefix in 'example.com/' '../x' 'EXAMPLE.com' 'a,b' '@' ''; do
    fails 2 'no name of images begins so' "no prefix: '$prefix'" \
        jetpack trust -prefix "$prefix" -fingerprint "$alice" "$work/alice.asc"
done

# Row 46: nobody to be asked.
run jetpack trust -prefix example.com/foo "$work/alice.asc"
is "$status" 1 "row 46: without a terminal nothing is trusted"
like "$err" "was not accepted: nobody can be asked" "... says why"
like "$err" "^  Fingerprint  $alice\$" "... shows the fingerprint in full"
like "$err" '^  Identity     alice <alice@example.com>$' "... and the identity"
run sh -c "yes yes | $j trust -prefix example.com/foo - 2>&1"
is "$status" 1 "yes from a pipe is no answer, it is no key"
is "$(jetpack trust -q 2>/dev/null)" '' "nothing was stored"

# Fingerprints.
for wrong in "${alice%????????????????????????}" "$bob" "${alice}00"; do
    run jetpack trust -prefix example.com/foo -fingerprint "$wrong" "$work/alice.asc"
    is "$status" 1 "row 46: another fingerprint: $wrong"
done
is "$(jetpack trust -q 2>/dev/null)" '' "nothing was stored"
run jetpack trust -prefix example.com/foo -fingerprint "0x$(echo "$alice" | tr a-f A-F)" "$work/alice.asc"
is "$status" 0 "the right one, as gpg writes it"
is "$out" "$alice" "... prints it"
[ -f "$work/root/keys/example.com,foo/$alice" ]
ok $? "... and stores the key under the prefix"
is "$(ls "$work/root/keys")" 'example.com,foo' "row 46: under no other"
run jetpack trust -root -fingerprint "$bob" "$work/both.gpg"
is "$status $out" "0 $bob" "one of two keys in a file"
grep -q 'BEGIN PGP PUBLIC KEY BLOCK' "$work/root/keys/@/$bob"
ok $? "... is stored alone and armoured"
run jetpack trust -prefix example.com/foo -fingerprint "$bob" - <"$work/bob.asc"
"$JETPACK" -config "$config" trust -prefix example.com/bar -fingerprint "$bob" - <"$work/bob.asc" \
    >"$work/out" 2>"$work/err"
is "$?" 0 "a key from standard input"

# Lists.
run jetpack trust
is "$(printf '%s\n' "$out" | head -n 1 | tr -s ' ')" 'PREFIX FINGERPRINT IDENTITY' "the table"
run jetpack trust -H
is "$out" "@	$bob	bob <bob@example.com>
example.com/bar	$bob	bob <bob@example.com>
example.com/foo	$alice	alice <alice@example.com>" "-H"
run jetpack trust -q
is "$out" "$bob
$bob
$alice" "-q"
run jetpack trust -format=json
is "$(json prefix)" @ "JSON: prefix"
is "$(json fingerprint)" "$bob" "JSON: fingerprint"
is "$(json algorithm)" 'EDDSA 255' "JSON: algorithm"
like "$out" '^ *"bob <bob@example.com>"$' "JSON: identities"
none=0123456789012345678901234567890123456789
echo garbage >"$work/root/keys/@/$none"
run jetpack trust -H
like "$out" "^@	$none	-\$" "a file that cannot be read does not hide the others"
like "$out" "^@	$bob	bob" "... at all"
rm "$work/root/keys/@/$none"

# untrust
fails 1 'no fingerprint' "untrust wants all digits" jetpack untrust "$(printf %.16s "$bob")"
run jetpack untrust -prefix example.com/bar "$bob"
is "$out" "$bob	example.com/bar" "untrust for one prefix"
[ ! -e "$work/root/keys/example.com,bar" ]
ok $? "... removes its directory, too"
run jetpack untrust "$bob"
is "$out" "$bob	@" "untrust for all"
fails 1 "no key $bob is trusted" "not twice" jetpack untrust "$bob"
jetpack untrust "$alice" >/dev/null

# The question.
# shellcheck disable=SC2086 # words of a command
{
    run withpty 'expect (yes/no)?;send no\n' $j trust -root "$work/alice.asc"
    is "$status" 1 "no"
    like "$out" "$alice" "... the fingerprint was shown before"
    run withpty 'expect (yes/no)?;send \n;expect (yes/no)?;send y\n;expect (yes/no)?;send YES\n' \
        $j trust -root "$work/alice.asc"
    is "$status" 1 "three times neither yes nor no"
    run withpty 'expect (yes/no)?;eof' $j trust -root "$work/alice.asc"
    is "$status" 1 "the end of input"
    is "$(jetpack trust -q 2>/dev/null)" '' "nothing was stored"
    run withpty 'expect (yes/no)?;send yes\n' $j trust -root "$work/alice.asc"
    is "$status" 0 "yes"
    is "$(jetpack trust -q)" "$alice" "... and it is trusted"
    run withpty 'expect (yes/no)?;send no\n;expect (yes/no)?;send yes\n' $j trust -root "$work/both.gpg"
    is "$status" 0 "of several keys each is asked for"
}

# What is no key, and what is more than one should show.
echo nonsense >"$work/nonsense"
: >"$work/empty"
for file in nonsense empty; do
    run jetpack trust -root -fingerprint "$alice" "$work/$file"
    is "$status" 1 "no key: $file"
done
fails 1 'No such file' "no such file" jetpack trust -root "$work/none"
fails 1 "$config: it is no OpenPGP key" "a file that is no key" jetpack trust -root "$config"
fails 2 'where is the key' "a fingerprint, but no key" jetpack trust -fingerprint "$bob"
fails 1 'expected a path, file:// or -' "no other URL" jetpack trust -root ftp://example.com/key
quiet_gpg --armor --export-secret-keys alice@example.com >"$work/secret.asc"
run jetpack trust -prefix example.org -fingerprint "$alice" "$work/secret.asc"
is "$status" 0 "a file with the secret key"
like "$err" 'secret key as well' "... is warned of"
! grep -q PRIVATE "$work/root/keys/example.org/$alice"
ok $? "... and only the public one is stored"

# Row 45: an identity that would write on the terminal, or into the list.
esc=$(printf '\033')
if command -v sq >/dev/null; then
    sq key generate -u "eve$esc[2J$esc]0;x
Identity     root" --export "$work/eve.key" 2>>"$work/gpg.log"
    sq key extract-cert -o "$work/eve.asc" "$work/eve.key"
    eve=$(sq inspect "$work/eve.asc" 2>/dev/null | sed -n 's/^ *Fingerprint: //p' | head -n 1 | tr A-F a-f)
    run jetpack trust -prefix example.net -fingerprint "$eve" "$work/eve.asc"
    like "$err" '^  Identity     eve.x1b\[2J.x1b\]0;x.x0aIdentity     root$' \
        "row 45: an identity is one line, its escapes are shown as such"
    run jetpack trust -H
    case "$out$err" in *"$esc"*) false ;; *) true ;; esac
    ok $? "row 45: in lists, too"
    is "$(printf '%s\n' "$out" | grep -c "$eve")" 1 "... and a line in the table"
else
    skip "row 45" "needs sq"
fi

fails 1 'must be root' "only root trusts" setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$JETPACK" trust
gpgconf --kill all >/dev/null 2>&1
finish
