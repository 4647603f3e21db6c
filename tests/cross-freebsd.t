#!/bin/sh
# Every file outside the Linux back end compiles for FreeBSD, on amd64 and arm64, with the house's
# warnings as errors, and the programs are linked from them: nothing that they call is Linux's or
# missing. The compiler is zig, which carries FreeBSD's headers and C library: $JETPACK_ZIG, or
# `python3 -m ziglang`. Of other libraries only headers of plain C are lent, one by one
# (/usr/include as a whole would bring glibc's), and the names that the host's libraries define.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
SOURCE_DIR=$(pwd)
BUILD_DIR=$(cd "${BUILD_DIR:-.}" && pwd) || exit 1
RELEASE=14.0
ARCHITECTURES='x86_64 aarch64'
LENT='jansson.h jansson_config.h sqlite3.h archive.h archive_entry.h openssl zlib.h zconf.h bzlib.h
    lzma.h lzma zstd.h zstd_errors.h isa-l.h isa-l nettle microhttpd.h curl libxml unicode
    rnp'

skip() { # REASON
    if [ "${JETPACK_MUST_WORK:-}" = 1 ]; then
        echo "1..1"
        echo "not ok 1 - $1"
        exit 1
    fi
    echo "1..0 # SKIP $1"
    exit 0
}

[ "$(uname -s)" = FreeBSD ] && skip 'this is FreeBSD: the build itself shows it'
[ -f "$BUILD_DIR/config.h" ] || skip "no config.h in BUILD_DIR ($BUILD_DIR)"
# The program itself, not the Python module: its start would take longer than the compiler.
ZIG=${JETPACK_ZIG:-$(python3 -c 'import os, ziglang
print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))' 2>/dev/null)}
[ -n "$ZIG" ] && [ -x "$ZIG" ] || skip 'no zig: python3 -m pip install ziglang, or set JETPACK_ZIG'

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$scratch/include" "$scratch/results"
multiarch=$(cc -print-multiarch 2>/dev/null)
for header in $LENT; do
    for folder in /usr/include "/usr/include/$multiarch" /usr/include/libxml2; do
        [ -e "$folder/$header" ] || continue
        if [ -d "$folder/$header" ]; then
            # A library's folder may be spread over both (openssl/configuration.h).
            mkdir -p "$scratch/include/$header"
            ln -sf "$folder/$header"/*.h "$scratch/include/$header/"
        else
            ln -sf "$folder/$header" "$scratch/include/$header"
        fi
    done
done

# One file for one architecture; what the compiler says goes to a file of its own.
cat >"$scratch/compile" <<'END'
#!/bin/sh
arch=${1%%:*} file=${1#*:}
id=$(printf '%s' "$1" | tr '/:' '__')
if "$ZIG" cc -target "$arch-freebsd.$RELEASE" -c -o "$SCRATCH/results/$id.o" -std=gnu17 -O0 \
    -D_GNU_SOURCE -I"$BUILD_DIR" -Isrc -Itests -isystem "$SCRATCH/include" \
    -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
    -Wimplicit-fallthrough -Wundef -Wwrite-strings -Wpointer-arith -Wcast-align -Werror \
    "$file" >"$SCRATCH/results/$id.log" 2>&1; then
    echo "ok $arch $file" >"$SCRATCH/results/$id"
else
    echo "not-ok $arch $file" >"$SCRATCH/results/$id"
fi
case $file in
src/cli/cmd_test.c) ;;
*_test.c) rm -f "$SCRATCH/results/$id.o" ;;
esac
END
chmod +x "$scratch/compile"

find src -name '*.c' ! -path 'src/platform/linux/*' ! -name '*_linux.c' ! -name '*_linux_test.c' \
    ! -path src/store/driver/overlay.c ! -path src/store/driver/linux_test.c | sort >"$scratch/files"

export ZIG SCRATCH="$scratch" BUILD_DIR RELEASE
# The cache holds the headers' stamps only; it goes with the rest.
export ZIG_GLOBAL_CACHE_DIR="$scratch/cache" ZIG_LOCAL_CACHE_DIR="$scratch/cache"
for arch in $ARCHITECTURES; do
    sed "s|^|$arch:|" "$scratch/files"
done | xargs -P 2 -n 1 "$scratch/compile"

count=0
failures=0
for arch in $ARCHITECTURES; do
    while read -r file; do
        count=$((count + 1))
        id=$(printf '%s' "$arch:$file" | tr '/:' '__')
        if grep -q '^ok ' "$scratch/results/$id" 2>/dev/null; then
            echo "ok $count - $arch $file"
        else
            failures=$((failures + 1))
            echo "not ok $count - $arch $file"
            sed 's/^/# /' "$scratch/results/$id.log"
        fi
    done <"$scratch/files"
done

# ---- linking ----

# What other libraries define, as a library of empty functions: names of the host's own, and those
# of libzfs_core, which is in FreeBSD's base system.
lent_names() {
    for library in $LENT_LIBRARIES; do
        for folder in "/usr/lib/$multiarch" /usr/lib; do
            [ ! -e "$folder/lib$library.so" ] || nm -D --defined-only "$folder/lib$library.so"
        done
    done | awk '$2 ~ /^[TWiD]$/ {sub(/@.*/, "", $3); print $3}' | grep -E '^[A-Za-z_0-9]+$'
    cat src/store/driver/*.c src/sys/dataset.c |
        grep -oE '\b(lzc_|nvlist_|nvpair_|fnvlist_|libzfs_core_)[a-z0-9_]+' || true
}

# check NAME COMMAND...: one point
check() {
    name=$1
    shift
    count=$((count + 1))
    if "$@" >"$scratch/said" 2>&1; then
        echo "ok $count - $name"
    else
        failures=$((failures + 1))
        echo "not ok $count - $name"
        head -20 "$scratch/said" | sed 's/^/# /'
    fi
}

# link ARCHITECTURE OUTPUT INPUT...
link() {
    arch=$1 output=$2
    shift 2
    "$ZIG" cc -target "$arch-freebsd.$RELEASE" -o "$scratch/$output" "$@" -lpthread -lutil -lm
}

object() { printf '%s/results/%s.o\n' "$scratch" "$(printf '%s' "$arch:$1" | tr '/:' '__')"; }

# An archive of the files that are listed; nothing of a build before is in it.
archive() { # NAME FILE...
    output=$scratch/$1.a
    shift
    for file in "$@"; do
        [ ! -f "$(object "$file")" ] || object "$file"
    done >"$scratch/objects"
    rm -f "$output"
    xargs "$ZIG" ar rcs "$output" <"$scratch/objects"
}

LENT_LIBRARIES='jansson sqlite3 nettle z bz2 lzma zstd microhttpd crypto curl xml2 rnp'
lent_names | sort -u | sed 's/.*/void &(void); void &(void) {}/' >"$scratch/lent.c"
# Not: programs' own files, tests, and the other one of two files of which a build takes one.
grep -vE '_test\.c$|/(main[a-z_]*|harness|smoke|inflate_isal|dataset_none)\.c$|^src/platform/fake/' \
    "$scratch/files" >"$scratch/parts"
echo src/cli/cmd_test.c >>"$scratch/parts"
for arch in $ARCHITECTURES; do
    "$ZIG" cc -target "$arch-freebsd.$RELEASE" -c -w -fno-builtin -o "$scratch/lent.o" \
        "$scratch/lent.c"
    rm -f "$scratch/lent.a"
    "$ZIG" ar rcs "$scratch/lent.a" "$scratch/lent.o"
    # shellcheck disable=SC2046 # names without blanks
    archive parts $(cat "$scratch/parts")
    for main in $(grep -E '/main[a-z_]*\.c$' "$scratch/files"); do
        case $main in
        # Small and static: no library but libc may come in.
        src/stage1/* | src/stage2/* | src/mdc/* | src/forward/*) lent= ;;
        *) lent=$scratch/lent.a ;;
        esac
        # shellcheck disable=SC2086
        check "$arch $main links" link "$arch" program "$(object "$main")" "$scratch/parts.a" $lent
    done
    check "$arch every part of every library links" link "$arch" program \
        "$(object src/cli/main_jetpack.c)" \
        -Wl,--whole-archive "$scratch/parts.a" -Wl,--no-whole-archive "$scratch/lent.a"
done

echo "1..$count"
[ "$failures" -eq 0 ]
