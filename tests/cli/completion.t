#!/bin/sh
# Completions of bash, zsh and fish, each driven as its shell would: commands, options of a command,
# pods and images that exist, variables, files. They ask the program, so the program is on the PATH.
. "$(dirname "$0")/lib.sh"
need_root
PATH=$(dirname "$JETPACK"):$PATH
JETPACK_CONF=$config
export PATH JETPACK_CONF
completions=$source_dir/contrib/completions

add_image shell '"exec": ["/bin/probe"], "user": "0", "group": "0"'
jetpack prepare -pod-name silent-otter test.example/shell >/dev/null 2>&1

run jetpack help -format=operands exec
is "$out" pod "exec takes a pod"
run jetpack help -format=operands export
is "$(echo $out)" 'file image' "export takes an image and a file"
run jetpack help -format=operands ps
is "$out" pod "a word of the synopsis is not looked for inside of others"
run jetpack help -format=operands version
is "$out" '' "version takes nothing"

# bash_words WORD...: what is offered for the last one
cat >"$work/complete.bash" <<'END'
source "$1"
shift
COMP_WORDS=(jetpack "$@")
COMP_CWORD=$#
_jetpack
printf '%s\n' "${COMPREPLY[@]}"
END
bash_words() { bash "$work/complete.bash" "$completions/jetpack.bash" "$@" 2>&1; }

# Without an interactive shell there is no compadd: what it would be given is printed.
cat >"$work/complete.zsh" <<'END'
file=$1
shift
words=(jetpack "$@")
CURRENT=${#words}
compadd() { shift; local w; for w in "$@"; do [[ $w == ${words[CURRENT]}* ]] && print -r -- $w; done }
_files() { print -r -- ${words[CURRENT]}*(N) }
complete_it() { source $file }
complete_it
END
zsh_words() { zsh -f "$work/complete.zsh" "$completions/_jetpack" "$@" 2>&1; }

fish_words() {
    HOME=$work fish --no-config -c 'source $argv[1]; complete -C (string join " " -- jetpack $argv[2..-1])' \
        "$completions/jetpack.fish" "$@" 2>&1
}

cd "$work" || exit 1
for shell in bash zsh fish; do
    if ! command -v "$shell" >/dev/null 2>&1; then
        skip "completion in $shell" "no $shell"
        continue
    fi
    # offered NAME WANTED WORD...: WANTED is among what the shell offers
    offered() {
        name=$1 wanted=$2
        shift 2
        out=$("${shell}_words" "$@")
        printf '%s\n' "$out" | grep -qxF -e "$wanted"
        ok $? "$shell: $name" || show out "$out"
    }
    offered "commands" show-image show
    is "$("${shell}_words" destr | sort | tr '\n' ' ')" 'destroy destroy-image ' "$shell: only commands that begin so"
    offered "commands after global options" prepare -o debug pre
    offered "options of the command" -follow logs -fo
    offered "options with two dashes" --follow logs --fo
    offered "options of pods" -pod-name= run -pod-n
    offered "pods" silent-otter logs si
    offered "images" test.example/shell:1.0 show-image te
    offered "commands for help" rename help ren
    offered "variables" net.subnet config net.s
    offered "files" shell.aci import sh
done
finish
