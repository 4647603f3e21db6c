#!/bin/sh
# Encrypted archives (aci.md: "PGP symmetric encryption", the signature over what was encrypted): every
# way in, what they are made by, and row 90 of SECURITY.md: nothing counts of what was changed.
. "$(dirname "$0")/site.sh"
. "$here/gpg.sh"
sed -i 's/^allow.no-signature.*/allow.no-signature = off/' "$config"
site ""
echo "fetch.ca-file = $ca" >>"$config"

word='correct horse battery staple'
(umask 077 && printf '%s\n' "$word" >"$work/word" && echo wrong >"$work/wrong")
gpg_with() { # FILE-OF-PASSPHRASE ARGUMENT...
    gpg_word=$1
    shift
    gpg --batch --quiet --no-tty --yes --pinentry-mode loopback --passphrase-file "$gpg_word" "$@" \
        2>>"$work/gpg.log"
}
encrypt() { # OUTPUT INPUT [OPTION...]
    encrypt_to=$1 encrypt_from=$2
    shift 2
    gpg_with "$work/word" --s2k-count 65536 --output "$encrypt_to" "$@" --symmetric "$encrypt_from"
}
left() { jetpack images -q; ls -A "$work/root/tmp" "$work/root/images" | grep -v :; }
none_here() { is "$(left)" '' "$1"; }
forget() {
    for found in $(jetpack images -q); do jetpack destroy-image "$found" >/dev/null 2>&1; done
    rm -rf "$work/root/fetched"
}

image app '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
gzip -n -c "$work/app.aci" >"$work/app.gz"
# Something that is larger than what any program on the way keeps back.
mkdir -p "$work/large/rootfs"
head -c 3000000 /dev/urandom >"$work/large/rootfs/file"
cat >"$work/large/manifest" <<'END'
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/large"}
END
(cd "$work/large" && tar -cf "$work/large.aci" manifest rootfs)
id=sha512-$(sha512sum <"$work/app.aci" | cut -d ' ' -f 1)
large_id=sha512-$(sha512sum <"$work/large.aci" | cut -d ' ' -f 1)

# ---- what they are made by ----

opens() { # NAME FILE [ID]
    run jetpack import -q -allow-unsigned -passphrase-file "$work/word" "$2"
    is "$status $out" "0 ${3-$id}" "$1" || show err "$err"
    forget
}
encrypt "$work/e" "$work/app.gz" --cipher-algo AES256
opens "as the specification's example makes it" "$work/e"
encrypt "$work/plain" "$work/app.aci" --compress-algo none
opens "nothing compressed" "$work/plain"
encrypt "$work/zip" "$work/app.aci" --compress-algo bzip2
opens "compressed by OpenPGP" "$work/zip"
encrypt "$work/armoured" "$work/app.gz" --armor --comment 'with a line'
opens "armoured" "$work/armoured"
sed 's/$/\r/' "$work/armoured" >"$work/crlf"
opens "armoured, with the ends of lines of another system" "$work/crlf"
encrypt "$work/cast5" "$work/app.gz" --cipher-algo CAST5 --s2k-digest-algo SHA1
opens "CAST5, the default of old programs" "$work/cast5"
encrypt "$work/large.e" "$work/large.aci" --compress-algo none
opens "in parts" "$work/large.e" "$large_id"
encrypt "$work/large.asc" "$work/large.aci" --compress-algo none --armor
opens "in parts, armoured" "$work/large.asc" "$large_id"
gpg_with "$work/word" --output "$work/definite" --compress-algo none --symmetric <"$work/app.aci"
opens "from a pipe" "$work/definite"
for mode in OCB EAX; do
    "$programs/encrypt" "$mode" "$word" "$work/large.aci" "$work/$mode" &&
        opens "AEAD, $mode" "$work/$mode" "$large_id"
done
if command -v sq >/dev/null && command -v script >/dev/null; then
    printf '%s\n%s\n' "$word" "$word" | script -qec \
        "sq encrypt --symmetric -o '$work/sq' '$work/app.gz'" /dev/null >>"$work/sq.log" 2>&1
    opens "by Sequoia" "$work/sq"
else
    skip "by Sequoia" "not here: no sq, or no script"
fi
quiet_key() { gpg --batch --quiet --pinentry-mode loopback --passphrase '' "$@" 2>>"$work/gpg.log"; }
quiet_key --quick-generate-key 'Alice <alice@example.com>' ed25519 sign never
quiet_key --quick-generate-key 'Bob <bob@example.com>' rsa2048 encrypt never ||
    quiet_key --quick-generate-key 'Bob <bob@example.com>' rsa2048 default never
gpg_with "$work/word" --trust-model always --output "$work/both" -r bob@example.com --symmetric \
    --encrypt "$work/app.gz"
opens "for a key and for a passphrase" "$work/both"
alice=$(quiet_key --with-colons --list-keys alice@example.com |
    sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1 | tr A-F a-f)

# ---- ways in ----

in_by() { # NAME COMMAND...
    by=$1
    shift
    run "$@"
    is "$status $out" "0 $id" "$by" || show err "$err"
    forget
}
cp "$work/e" "$www/e.aci"
set -- -q -allow-unsigned -passphrase-file "$work/word"
in_by "import" jetpack import "$@" "$work/e"
in_by "fetch of a path" jetpack fetch "$@" "$work/e"
in_by "fetch of a file URL" jetpack fetch "$@" "file://$work/e"
in_by "fetch from the network" jetpack fetch "$@" https://example.com/e.aci
piped() { cat "$1" | "$JETPACK" -config "$config" "$2" -q -allow-unsigned -passphrase-file "$work/word" -; }
in_by "import of a pipe" piped "$work/e" import
in_by "fetch of a pipe" piped "$work/e" fetch
in_by "import of a pipe that is not encrypted" piped "$work/app.aci" import
in_by "... or compressed" piped "$work/app.gz" import
slowly() { (head -c 3 "$work/e"; sleep 0.2; tail -c +4 "$work/e") >"$work/fifo" & cat "$work/fifo" | "$JETPACK" -config "$config" import "$@" -; }
mkfifo "$work/fifo"
in_by "a pipe that begins slowly" slowly "$@"
by_line() { printf '%s\nand more\n' "$word" | "$JETPACK" -config "$config" import -q -allow-unsigned -passphrase-file "$1" "$work/e"; }
in_by "the passphrase from standard input, its first line" by_line -
in_by "... as /dev/stdin" by_line /dev/stdin
by_descriptor() { "$JETPACK" -config "$config" import -q -allow-unsigned -passphrase-file /dev/fd/9 "$work/e" 9<"$work/word"; }
in_by "... from a descriptor" by_descriptor
run jetpack run -allow-unsigned -passphrase-file "$work/word" https://example.com/e.aci
is "$status" 0 "run of a URL" || show err "$err"
for pod in $(jetpack list -q); do jetpack destroy "$pod"; done
forget
word_by_pipe() { printf '%s' "$word" | "$JETPACK" -config "$config" prepare -allow-unsigned -passphrase-file - "$work/e"; }
run word_by_pipe
is "$status" 0 "prepare of a path, with the passphrase from a pipe" || show err "$err"
for pod in $(jetpack list -q); do jetpack destroy "$pod"; done
forget
run jetpack -o images.aci.store=on import "$@" "$work/e"
run jetpack export "$id" -
cmp -s "$work/out" "$work/app.gz"
ok $? "what is kept and exported is what was in it"
forget

# ---- signatures: over what was encrypted, as it came ----

signed() { quiet_key --yes --armor --local-user alice@example.com --detach-sign -o "$1.asc" "$1"; }
quiet_key --armor --export alice@example.com >"$work/alice.key"
jetpack trust -prefix test.example -fingerprint "$alice" "$work/alice.key" >/dev/null 2>&1
cp "$work/e" "$work/s.aci"
signed "$work/s.aci"
in_by "signed" jetpack import -q -passphrase-file "$work/word" "$work/s.aci"
run jetpack import -q -passphrase-file "$work/word" "$work/s.aci"
run jetpack show-image "$id"
like "$out" "Signed by +$alice" "... show-image says by whom"
forget
cp "$work/s.aci" "$work/s.aci.asc" "$www"
in_by "signed, from the network" jetpack fetch -q -passphrase-file "$work/word" https://example.com/s.aci
signed "$work/app.gz"
fails 1 'does not fit' "the signature of what is in it" \
    jetpack import -sig "$work/app.gz.asc" -passphrase-file "$work/word" "$work/e"
fails 1 'has no signature' "without one" jetpack import -passphrase-file "$work/word" "$work/e"
printf x | dd of="$work/s.aci" bs=1 seek=$(($(wc -c <"$work/s.aci") / 2)) conv=notrunc 2>/dev/null
fails 1 'does not fit' "changed after it was signed" \
    jetpack import -passphrase-file "$work/wrong" "$work/s.aci"
none_here "... nothing was imported"
# Who judges is stood in for by a script that changes the file when the signature was found good.
mkdir -m 755 "$work/libexec"
cat >"$work/libexec/jetpack-openpgp" <<END
#!/bin/sh
'$build_dir/src/openpgp/jetpack-openpgp'
status=\$?
mv '$work/next' '$work/now' 2>/dev/null && cat '$work/now' >'$work/s.aci'
exit \$status
END
chmod 755 "$work/libexec/jetpack-openpgp"
cp "$work/e" "$work/s.aci"
signed "$work/s.aci"
in_by "row 42: of a file that does not change" \
    jetpack -o path.libexec="$work/libexec" import -q -passphrase-file "$work/word" "$work/s.aci"
encrypt "$work/next" "$work/app.gz"
fails 1 'is not what its signature was checked for' "row 42: another one, after the signature was judged" \
    jetpack -o path.libexec="$work/libexec" import -passphrase-file "$work/word" "$work/s.aci"
none_here "... nothing was imported"

# ---- what is refused ----

refused() { # NAME PATTERN FILE
    fails 1 "$2" "row 90: $1" jetpack import -allow-unsigned -passphrase-file "$work/word" "$3"
}
fails 1 'is encrypted: -passphrase-file' "no passphrase" jetpack import -allow-unsigned "$work/e"
fails 1 'is encrypted: -passphrase-file' "... from the network" \
    jetpack fetch -allow-unsigned https://example.com/e.aci
for file in e armoured OCB; do
    fails 1 'the passphrase is wrong, or the file is damaged' "row 90: a wrong passphrase: $file" \
        jetpack import -allow-unsigned -passphrase-file "$work/wrong" "$work/$file"
done
fails 1 'the passphrase is wrong' "row 90: ... from the network" \
    jetpack fetch -allow-unsigned -passphrase-file "$work/wrong" https://example.com/e.aci
gpg --batch --quiet --trust-model always --output "$work/key-only" -r bob@example.com \
    --encrypt "$work/app.gz" 2>>"$work/gpg.log"
refused "for a key alone" 'for the owner of a secret key' "$work/key-only"
gpg_with "$work/word" --output "$work/sed" --rfc2440 --disable-mdc --cipher-algo AES256 --symmetric "$work/app.gz"
refused "without protection against changes" 'without protection against changes' "$work/sed"
# The packet's head alone is changed: what is left is a message without a digest at its end.
head -c 15 "$work/sed" >"$work/mixed"
printf '\322' >>"$work/mixed"
tail -c +17 "$work/sed" >>"$work/mixed"
refused "... that calls itself protected" 'wrong, or the file is damaged|no encrypted|changed' "$work/mixed"
for file in plain large.e armoured OCB EAX; do
    cat "$work/$file" "$work/$file" >"$work/twice"
    refused "a second message: $file" 'something follows|no encrypted' "$work/twice"
    (cat "$work/$file" && printf '\0') >"$work/more"
    refused "a byte more: $file" 'something follows|no encrypted' "$work/more"
    size=$(wc -c <"$work/$file")
    for at in 1 2 20 21 22 23 40 $((size / 2)); do
        [ "$file $at" != 'armoured 1' ] || continue # the end of its last line: nothing is lost
        head -c $((size - at)) "$work/$file" >"$work/less"
        run jetpack import -allow-unsigned -passphrase-file "$work/word" "$work/less"
        [ "$status" -eq 1 ] && [ -z "$(left)" ]
        ok $? "row 90: without its last $at bytes: $file" || show left "$out $err $(left)"
    done
done
flip() { # FILE AT: another byte than what is there
    cp "$1" "$work/flipped"
    old=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\$(printf %03o $(((old + 1) % 256)))" |
        dd of="$work/flipped" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
for file in plain large.e OCB EAX; do
    size=$(wc -c <"$work/$file")
    for at in 0 2 3 5 10 14 16 17 20 30 40 100 600 $((size / 3)) $((size / 2)) $((size - 1000)) \
        $((size - 40)) $((size - 25)) $((size - 21)) $((size - 10)) $((size - 1)); do
        flip "$work/$file" "$at"
        run jetpack import -allow-unsigned -passphrase-file "$work/word" "$work/flipped"
        [ "$status" -eq 1 ] && [ -z "$(left)" ]
        ok $? "row 90: byte $at changed: $file" || show left "$out $err $(left)"
    done
done
none_here "row 90: nothing is left of any of them"
printf -- '-----BEGIN PGP MESSAGE-----\n\n' >"$work/empty"
refused "armour with nothing in it" 'no encrypted' "$work/empty"
(printf -- '-----BEGIN PGP MESSAGE-----\n'; yes 'Comment: x' | head -n 1000) >"$work/endless"
refused "armour with headers without end" 'no encrypted' "$work/endless"
encrypt "$work/inner" "$work/e" --compress-algo none
refused "an encrypted archive in an encrypted one" 'not a tar archive' "$work/inner"

# ---- the passphrase ----

fails 2 'both the archive and the passphrase' "both from standard input" \
    jetpack import -allow-unsigned -passphrase-file - -
chmod 644 "$work/word"
fails 1 'not ours alone: chmod 600' "a file that others read" \
    jetpack import -allow-unsigned -passphrase-file "$work/word" "$work/e"
chmod 600 "$work/word"
(umask 077 && : >"$work/nothing" && printf 'a\0b\n' >"$work/zero" && yes | tr -d '\n' | head -c 300 >"$work/long")
fails 1 'has no passphrase' "an empty file" jetpack import -allow-unsigned -passphrase-file "$work/nothing" "$work/e"
fails 1 'zero byte' "a zero byte" jetpack import -allow-unsigned -passphrase-file "$work/zero" "$work/e"
fails 1 'more than 255 bytes' "a long one" jetpack import -allow-unsigned -passphrase-file "$work/long" "$work/e"
fails 1 'No such file' "none" jetpack import -allow-unsigned -passphrase-file "$work/none" "$work/e"
if command -v strace >/dev/null && strace -o "$work/trace" true 2>/dev/null; then
    # A sanitizer's check for leaks cannot be where strace is.
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" \
        strace -f -v -s 4096 -e trace=execve -o "$work/trace" "$JETPACK" -config "$config" prepare \
        -allow-unsigned -passphrase-file "$work/word" "$work/e" >"$work/out" 2>&1
    is "$?" 0 "watched" || show out "$(cat "$work/out")"
    like "$(cat "$work/trace")" 'jetpack-openpgp' "... programs are started"
    unlike "$(cat "$work/trace")" 'horse' "... and none has the passphrase in its words or its environment"
    for pod in $(jetpack list -q); do jetpack destroy "$pod"; done
else
    skip "programs are started" "not here: no strace"
    skip "none has the passphrase" "not here: no strace"
    skip "watched" "not here: no strace"
fi

gpgconf --kill all >/dev/null 2>&1
finish
