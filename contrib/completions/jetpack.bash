# Completion of jetpack(1) for bash. What there is to complete comes from the program itself: its
# commands, their options, and what their words stand for (help -format=words, -format=operands).
_jetpack_operands() { # COMMAND WORD: candidates, one a line
    local kind
    for kind in $(jetpack help -format=operands "$1" 2>/dev/null); do
        case $kind in
        command) jetpack help -format=words ;;
        file) compgen -f -- "$2" ;;
        image) jetpack images -H | cut -f2 | cut -d, -f1 ;;
        pod) jetpack list -H | cut -f2 ;;
        variable) jetpack config | cut -d' ' -f1 ;;
        esac 2>/dev/null
    done
}

_jetpack() {
    local word=${COMP_WORDS[COMP_CWORD]} command= i words
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -o | --o | -option | --option | -config | --config) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    if [[ -z $command ]]; then
        words=$(jetpack help -format=words 2>/dev/null)
    elif [[ $word == -* ]]; then
        words=$(jetpack help -format=words "$command" 2>/dev/null)
        [[ $word == --* ]] && words=$(printf '%s\n' "$words" | sed 's/^-/--/')
    else
        words=$(_jetpack_operands "$command" "$word")
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o bashdefault -F _jetpack jetpack
