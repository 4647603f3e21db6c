# Completion of jetpack(1) for fish. What there is to complete comes from the program itself: its
# commands, their options, and what their words stand for (help -format=words, -format=operands).
function __jetpack_command --description 'the command on the line, if there is one yet'
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
        else if contains -- $word -o --o -option --option -config --config
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __jetpack_complete
    set -l command (__jetpack_command)
    or begin
        jetpack help -format=words 2>/dev/null
        return
    end
    switch (commandline -ct)
        case '--*'
            jetpack help -format=words $command 2>/dev/null | string replace -r '^-' -- --
            return
        case '-*'
            jetpack help -format=words $command 2>/dev/null
            return
    end
    for kind in (jetpack help -format=operands $command 2>/dev/null)
        switch $kind
            case command
                jetpack help -format=words 2>/dev/null
            case file
                __fish_complete_path (commandline -ct)
            case image
                jetpack images -H 2>/dev/null | cut -f2 | cut -d, -f1
            case pod
                jetpack list -H 2>/dev/null | cut -f2
            case variable
                jetpack config 2>/dev/null | cut -d' ' -f1
        end
    end
end

complete -c jetpack -f -a '(__jetpack_complete)'
