#!/bin/sh
# What keeps running pods going: stats and restart.
. "$(dirname "$0")/lib.sh"
need_root

add_image app '"exec": ["/bin/probe", "sleep", "1000"], "user": "0", "group": "0"'
run jetpack stats
is "$out" 'NAME  PROCESSES  CPU  %CPU  RSS' "stats: nothing runs"
run jetpack stats -format=json
is "$out" '[]' "stats: nothing, in JSON"
jetpack run -d -pod-name one test.example/app >/dev/null
jetpack run -d -pod-name two test.example/app --exec /bin/probe -- burn 60000 --- >/dev/null
jetpack prepare -pod-name idle test.example/app >/dev/null
run jetpack stats -H
is "$(printf '%s\n' "$out" | cut -f1,2 | sort | tr '\t\n' '  ')" 'one 1 two 1 ' "stats: the pods that run"
run jetpack stats -format=json two
is "$(json name) $(json processes)" 'two 1' "stats: one pod, in JSON"
has_burnt() { jetpack stats -format=json two | grep -Eq '"cpu_ns": [1-9][0-9]{8}'; }
wait_for 120 has_burnt
ok $? "stats: processor time grows"
run jetpack stats -H two
like "$out" '[1-9][0-9.]* [KM]iB$' "stats: memory"
fails 1 "'idle' is not running" "stats: a pod that does not run" jetpack stats idle
fails 1 'no pod' "stats: an unknown pod" jetpack stats nobody
jetpack destroy two

# restart: a clean root, volumes kept, another process
pid_of() { jetpack ps -H "$1" | head -n 1 | cut -f1; }
jetpack exec one /bin/probe write /tmp/dirt x
before=$(pid_of one)
done_well "restart" jetpack restart -t 1 one
state_of one running
ok $? "restart: it runs"
[ "$(pid_of one)" != "$before" ]
ok $? "restart: another process"
run jetpack exec one /bin/probe exists /tmp/dirt
is "$out" no "restart: from a clean copy"
done_well "restart: of a pod that does not run" jetpack restart idle
state_of idle running
ok $? "restart: starts it"
fails 1 'no pod' "restart: an unknown pod" jetpack restart nobody
fails 2 'time' "restart: a bad time" jetpack restart -t soon one
jetpack destroy one
jetpack destroy idle
finish
