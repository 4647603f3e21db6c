#!/bin/sh
# Every file outside the Linux back end compiles for FreeBSD, on amd64 and arm64, with the house's
# warnings as errors. The compiler is zig, which carries FreeBSD's headers: $JETPACK_ZIG, or
# `python3 -m ziglang`. Of other libraries only headers of plain C are lent, one by one:
# /usr/include as a whole would bring glibc's.
set -u
cd "${SOURCE_DIR:-$(dirname "$0")/..}" || exit 1
SOURCE_DIR=$(pwd)
BUILD_DIR=$(cd "${BUILD_DIR:-.}" && pwd) || exit 1
RELEASE=14.0
ARCHITECTURES='x86_64 aarch64'
LENT='jansson.h jansson_config.h sqlite3.h archive.h archive_entry.h openssl zlib.h zconf.h bzlib.h
    lzma.h lzma zstd.h zstd_errors.h isa-l.h isa-l nettle microhttpd.h'

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
    for folder in /usr/include "/usr/include/$multiarch"; do
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
rm -f "$SCRATCH/results/$id.o"
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
echo "1..$count"
[ "$failures" -eq 0 ]
