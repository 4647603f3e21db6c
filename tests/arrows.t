#!/bin/sh
# The arrows between rooms: a file of a room includes only headers of its own room and of those that
# the table in ARCHITECTURE.md allows. Also: system #ifdefs and calls that the house does without.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
. tests/tap.sh

# Rows of the table: | `room` | what it is | `a` `b` ... |
# shellcheck disable=SC2016 # backquotes are meant
table=$(sed -n '/<!-- arrows -->/,/<!-- end arrows -->/p' ARCHITECTURE.md |
    sed -n 's/^| `\([a-z0-9/]*\)` |[^|]*|\([^|]*\)|.*$/\1:\2/p' | tr -d '\140')

allowed() { printf '%s\n' "$table" | sed -n "s|^$1:||p"; }

for room in $(find src -type d | sed 's|^src/*||' | grep . | sort); do
    find "src/$room" -maxdepth 1 -name '*.[ch]' | grep -q . || continue
    words=$(allowed "$room")
    if ! printf '%s\n' "$table" | grep -q "^$room:"; then
        ok 1 "src/$room stands in the table of ARCHITECTURE.md"
        continue
    fi
    bad=$(find "src/$room" -maxdepth 1 -name '*.[ch]' ! -name '*_test.c' \
        -exec grep -HnE '^#include "' {} + |
        sed -n 's|^\([^:]*:[0-9]*\):#include "\(.*\)/[^/]*".*$|\1 \2|p' |
        while read -r place target; do
            case " $room $words " in
            *" $target "*) ;;
            *) echo "# $place includes from $target" ;;
            esac
        done)
    [ -z "$bad" ]
    ok $? "src/$room includes only what it may"
    [ -z "$bad" ] || printf '%s\n' "$bad"
done

bad=$(grep -rnE '__linux__|__FreeBSD__' src --include='*.[ch]' | grep -vE '^src/(sys|platform)/')
[ -z "$bad" ]
ok $? "no system #ifdef outside src/sys and src/platform"
[ -z "$bad" ] || printf '%s\n' "$bad" | sed 's/^/# /'

bad=$(grep -rnE '\b(system|popen|strcpy|strcat|sprintf|alloca|atoi|gets|tmpnam|mktemp)[[:space:]]*\(' \
    src --include='*.c')
[ -z "$bad" ]
ok $? "none of the calls that the house does without"
[ -z "$bad" ] || printf '%s\n' "$bad" | sed 's/^/# /'

# A call that a back end does not have is a jump to nowhere, on a system that is not this one.
calls=$(sed -n '/^struct jp_[a-z]*_ops {/,/^};/s/^    [a-z][a-z_ ]*(\*\([a-z_]*\))(.*/\1/p' \
    src/platform/platform.h | sort -u)
for back_end in src/platform/*/; do
    missing=
    for call in $calls; do
        grep -rqE "\.$call = " "$back_end" || missing="$missing $call"
    done
    [ -n "$calls" ] && [ -z "$missing" ]
    ok $? "$back_end has every call of platform.h"
    [ -z "$missing" ] || echo "# without:$missing"
done

finish
