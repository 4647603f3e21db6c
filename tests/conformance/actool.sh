# The specification's own tool, built here; sourced after lib.sh: $actool. Skips everything where it
# cannot be had.
. "$here/../conformance/go.sh"
reason=$(no_go actool/actool.go)
[ -z "$reason" ] || skip_all "$reason"

go_program actool github.com/appc/spec/actool >"$work/go.log" 2>&1
ok $? "actool is built" || {
    show log "$(cat "$work/go.log")"
    finish
}
actool=$kept
