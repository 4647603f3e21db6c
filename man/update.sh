#!/bin/sh
# Makes the manual pages and the sample file from their .in files and the tables of the program:
# update.sh [BUILD-DIRECTORY [OUTPUT-DIRECTORY]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
jetpack=${1:-$here/../build}/src/cli/jetpack
out=${2:-$here}
sample=${2:-$here/../contrib}

# fill MARK FORMAT PAGE: puts the program's output in the place of the mark
fill() {
    "$jetpack" help -format="$2" >"$out/part"
    sed -e "/^@$1@\$/{
r $out/part
d
}" "$here/$3.in" >"$out/$3"
    rm "$out/part"
}

fill COMMANDS mdoc jetpack.1
fill VARIABLES keys jetpack.conf.5
"$jetpack" help -format=sample >"$sample/jetpack.conf"
