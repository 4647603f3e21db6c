#!/bin/sh
# The configuration file and what overrides it. Needs no privileges.
. "$(dirname "$0")/lib.sh"

conf() { printf '%s\n' "$@" >"$config"; }

conf '# comment' 'root.dir = /somewhere  # with a comment' 'path.share=${root.dir}/share'
run jetpack config root.dir path.share
is "$out" "/somewhere
/somewhere/share" "values and expansion"
run jetpack -o root.dir=/else config path.share
is "$out" /else/share "an option wins"
run jetpack -o debug config debug
is "$out" on "an option without a value"
run jetpack --option=debug=off config debug
is "$out" off "the long name of -o"
run env JETPACK_CONF="$config" "$JETPACK" config root.dir
is "$out" /somewhere "JETPACK_CONF"
run env JETPACK_CONF=/nonexistent/x "$JETPACK" -config "$config" config root.dir
is "$out" /somewhere "-config wins over JETPACK_CONF"
run "$JETPACK" -config "$work/none" config mds.port
is "$out" 1104 "a missing file is fine"
like "$err" 'warning: .*no such file' "... but a named one is mentioned"

run jetpack -o path.share= config path.libexec
ls "$out/ac-mdc" >/dev/null
ok $? "path.libexec where nothing is installed"
run "$JETPACK" -config "$work/none" config path.share
ls "$out/jetpack.image.mk" "$out/makeaci.sh" >/dev/null
ok $? "path.share where nothing is installed"

run jetpack config
is "$(printf '%s\n' "$out" | sort)" "$out" "config lists in order"
like "$out" '^allow.autodiscovery = on$' "... with the defaults"
run jetpack config -format=json
like "$out" '"root.dir": "/somewhere"' "config as JSON"

fails 1 'no such variable: nonsense' "unknown variable" jetpack config nonsense
fails 1 'did you mean root.dir' "nearest variable" jetpack config root.dri

conf 'rot.dir = /x'
run jetpack config mds.port
is "$status" 0 "an unknown key in the file is no error"
like "$err" "warning: .*jetpack.conf:1: unknown key 'rot.dir', did you mean 'root.dir'" \
    "... but a warning with the nearest one"

conf 'mds.token-key = 00ff'
chmod 644 "$config"
run jetpack config mds.port
like "$err" 'warning: .*others may read it' "keys in an open file"
run jetpack config
unlike "$out" 00ff "keys are not listed"
run jetpack config mds.token-key
is "$out" 00ff "a key by name"
chmod 600 "$config"
run jetpack config mds.port
is "$err" '' "keys in a closed file"

conf 'nonsense'
fails 1 'jetpack.conf:1: expected' "a line without =" jetpack config
conf 'mds.user = ${mds.user}'
fails 1 'leads back to itself' "a circle" jetpack config
conf 'mds.user = ${mds.logfile}' 'mds.logfile = a${mds.user}'
fails 1 'leads back to itself' "a circle of two" jetpack config
conf 'mds.port = many'
fails 1 'mds.port: .many. must be a number' "a bad value in the file" jetpack config
finish
