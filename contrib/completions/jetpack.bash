# Completion of jetpack(1) for bash. Commands and options come from the program's own table.
_jetpack() {
    local word=${COMP_WORDS[COMP_CWORD]} command= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -o | -option | --option | -config | --config) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    if [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(jetpack help -format=words 2>/dev/null)" -- "$word")
        return
    fi
    if [[ $word == -* ]]; then
        local options
        options=$(jetpack help -format=words "$command" 2>/dev/null)
        [[ $word == --* ]] && options=$(printf '%s\n' "$options" | sed 's/^-/--/')
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
        return
    fi
    case $command in
    help)
        mapfile -t COMPREPLY < <(compgen -W "$(jetpack help -format=words 2>/dev/null)" -- "$word")
        ;;
    show-image | image-manifest | destroy-image | export | verify | images | prepare)
        mapfile -t COMPREPLY < <(
            compgen -W "$(jetpack images -H 2>/dev/null | cut -f2 | cut -d, -f1)" -- "$word"
        )
        ;;
    run)
        mapfile -t COMPREPLY < <(
            compgen -W "$(jetpack images -H 2>/dev/null | cut -f2 | cut -d, -f1
                jetpack list -H 2>/dev/null | cut -f2)" -- "$word"
        )
        ;;
    import)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    config)
        mapfile -t COMPREPLY < <(
            compgen -W "$(jetpack config 2>/dev/null | sed 's/ .*//')" -- "$word"
        )
        ;;
    *)
        mapfile -t COMPREPLY < <(
            compgen -W "$(jetpack list -H 2>/dev/null | cut -f2)" -- "$word"
        )
        ;;
    esac
}
complete -o bashdefault -F _jetpack jetpack
