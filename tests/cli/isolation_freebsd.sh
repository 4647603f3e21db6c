# What isolation.t has to know of FreeBSD; sourced by it.
told='^jail: security.jail.jailed 1$'

# Each app of a pod is a login class.
unnumbered() { sed "s/\(login class 'jp\)[0-9a-f]*-/\1-/" "$@"; }

after_restart() { :; }

# Against the golden file: what depends on the machine is taken out. (Limits are those of the host's
# PID 1, as caller.t shows; which devices there are is the ruleset's business, as freebsd/jails.t does.)
ordinary() {
    while read -r group name rest; do
        case $group$name in
        limit:* | device:zfs) continue ;;
        device:*) echo "$group $name ${rest%% *}" ;;
        mount:/) echo "$group $name ${rest#* }" ;;
        inherited:processors)
            [ "${rest% of *}" != "${rest#* of }" ] || rest='all of them'
            echo "$group $name $rest" ;;
        *) echo "$group $name${rest:+ $rest}" ;;
        esac
    done | unnumbered
}

of_this_system() { :; }
