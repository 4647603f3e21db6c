#!/bin/sh
# doc/conformance.md against the tree: files that it names are there, and so are the tests that it
# quotes, in the file that it says.
set -u
top=${SOURCE_DIR:-$(cd "$(dirname "$0")/.." && pwd)}
page=$top/doc/conformance.md
. "$top/tests/tap.sh"

names=$(mktemp) || exit 1
trap 'rm -f "$names"' EXIT
trap 'exit 1' HUP INT TERM

grep -o '`\(src\|tests\)/[^` ]*`' "$page" | tr -d '`' | sort -u >"$names"
while read -r file; do
    test -e "$top/$file"
    ok $? "$file"
done <"$names"

# `FILE` "TEXT", "TEXT": each text is in that file (parts of names are made by variables).
sed -n 's/^|[^|]*|[^|]*|\([^|]*\)|.*/\1/p' "$page" | awk '{
    file = ""
    while (match($0, /`[^`]*`|"[^"]*"/)) {
        word = substr($0, RSTART + 1, RLENGTH - 2)
        if (substr($0, RSTART, 1) == "`") file = word
        else if (file != "") print file "\t" word
        $0 = substr($0, RSTART + RLENGTH)
    }
}' | sort -u >"$names"
tab=$(printf '\t')
while IFS=$tab read -r file text; do
    grep -qF -e "$text" "$top/$file"
    ok $? "$file: \"$text\""
done <"$names"

# Every row says whether its test was seen to fail.
rows=$(grep -c '^| [^|]* | [^|]* | [^|]* | \(yes\|no\) |$' "$page")
all=$(grep -c '^|' "$page")
heads=$(grep -c '^| asked for \|^|---' "$page")
[ "$rows" -eq $((all - heads)) ]
ok $? "$rows rows, each with a verdict"

finish
