#!/bin/sh
# What the command line refuses and what help says. Needs no privileges.
. "$(dirname "$0")/lib.sh"

run jetpack
is "$status" 0 "jetpack alone: exit status"
like "$out" '^Pods:' "jetpack alone: the groups on standard output"
is "$err" '' "... and nothing on standard error"

run jetpack version
like "$out" '^[0-9]+\.[0-9]+\.[0-9]+' "version"
run jetpack version -format=json
like "$(json version)" '^[0-9]+\.[0-9]+\.[0-9]+' "... in JSON"
run jetpack --version
is "$status" 0 "--version"

fails 2 "unknown command 'nonsense'" "unknown command" jetpack nonsense
fails 2 "unknown option '-nonsense'" "unknown global option" jetpack -nonsense list
fails 2 "unknown option '--nonsense'" "unknown option, two dashes" jetpack list --nonsense
fails 2 "unknown option '-savei'" "options are not abbreviated" jetpack prepare -savei x img
fails 2 "option '-saveid' needs a value" "missing value" jetpack prepare -saveid
fails 2 "option '-q' takes no value" "value of an option that takes none" jetpack list -q=x
fails 2 "unexpected 'x'" "too many words" jetpack list x
fails 2 'expected: jetpack show ' "too few words" jetpack show
fails 2 'format=xml' "unknown format" jetpack list -format=xml
fails 2 "unknown command 'pod nonsense'" "unknown verb" jetpack pod nonsense
fails 2 "unknown command 'nonsense'" "help of an unknown command" jetpack help nonsense
fails 2 "unknown key 'nonsense'" "unknown key" jetpack -o nonsense=1 version
fails 2 "did you mean 'root.dir'" "nearest key" jetpack -o root.dri=/x version
fails 2 'must be on or off' "bad value" jetpack -o debug=maybe version
fails 2 'expected an image' "run without anything" jetpack run
fails 2 "'--' before the first image" "arguments without an image" jetpack run -- x
fails 2 "'---' without '--'" "end of arguments without a beginning" jetpack run img ---
fails 2 "'-destroy' must stand before the first image" "pod option after an image" \
    jetpack run img -destroy
fails 2 "unknown option '-nonsense'" "unknown app option" jetpack run img -nonsense
fails 2 "excludes" "run -keep -destroy" jetpack run -keep -destroy img

# Every command has help in three spellings, and every option is in it.
for command in $(jetpack help -format=words); do
    run jetpack help "$command"
    help=$out
    case $help in
    "usage: jetpack $command"*) ok 0 "help $command" ;;
    *) ok 1 "help $command" ;;
    esac
    run jetpack "$command" -help
    is "$out" "$help" "$command -help"
    run jetpack "$command" --help
    is "$out" "$help" "$command --help"
    missing=
    for option in $(jetpack help -format=words "$command"); do
        printf '%s\n' "$help" | grep -q -e "${option%=}" || missing="$missing $option"
    done
    is "$missing" '' "help $command names every option"
    run jetpack "$command" --surely-unknown
    [ "$command" = version ] || is "$status" 2 "$command refuses an unknown option"
done

# Other spellings.
for words in 'image list' 'img list' 'i list' 'image'; do
    # shellcheck disable=SC2086
    run jetpack $words -help
    like "$out" '^usage: jetpack images' "$words is images"
done
for words in 'pod list' 'p list' 'container list' 'pods' 'ls'; do
    # shellcheck disable=SC2086
    run jetpack $words -help
    like "$out" '^usage: jetpack list' "$words is list"
done
for pair in rm:destroy remove:destroy enter:exec inspect:show; do
    run jetpack "${pair%:*}" -help
    like "$out" "^usage: jetpack ${pair#*:} " "${pair%:*} is ${pair#*:}"
done
fails 2 'jetpack show-image: |show-image' "image IMAGE show" jetpack image x show y z
for command in import fetch export build push verify tag untag; do
    run jetpack image "$command" -help
    like "$out" "^usage: jetpack $command " "image $command is $command"
done
fails 2 "unknown command 'image logs'" "image logs: a command about pods" jetpack image logs

# Standard streams that are closed must not become files of ours: they are /dev/null.
"$JETPACK" help <&- >&- 2>&-
is "$?" 0 "closed standard streams do no harm"
if [ -c /dev/full ]; then
    "$JETPACK" help >/dev/full 2>"$work/err"
    is "$?" 1 "a full disk under standard output is noticed"
fi

run timeout 60 "$(dirname "$JETPACK")/jetpack-image" -config "$config" list
like "$status $err" '^1 .*call jetpack' "the helper does not look for itself"
for command in $("$JETPACK" help -format=words); do
    timeout 60 "$JETPACK" -config "$config" "$command" -no-such-option >"$work/out" 2>"$work/err"
    echo "$? $command"
done | grep -v '^\(2\|125\) ' >"$work/odd"
is "$(cat "$work/odd")" '' "every command of the table is done by one of the programs"

# Without root: one clear line, nothing touched.
if [ "$(id -u)" -eq 0 ]; then
    chmod 755 "$work"
    if command -v setpriv >/dev/null 2>&1; then
        cp "$JETPACK" "$(dirname "$JETPACK")/jetpack-image" "$work" # the build may lie where nobody else may go
        as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$work/jetpack" -o "root.dir=$work/none" "$@"; }
        fails 1 'must be root' "list without root" as_nobody list
        fails 1 'must be root' "import without root" as_nobody import x.aci
        fails 125 'must be root' "run without root" as_nobody run x
        run as_nobody info
        is "$status" 0 "info without root"
        test ! -e "$work/none"
        ok $? "nothing was made"
    else
        skip "commands without root" "needs setpriv"
    fi
fi
finish
