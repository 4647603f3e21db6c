#!/bin/sh
# What keeps running pods going: stats, restart, restart policies.
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

# restart policies: the same run, handlers around each start
app_json() { jetpack show -format=json "$1" | sed -n "s/.*\"$2\": *\([^,]*\).*/\1/p" | tail -n 1; }
restarts_are() { [ "$(app_json "$1" restarts)" -ge "$2" ] 2>/dev/null; }
done_well "policy: a pod that is to live" jetpack run -d -pod-name ever --restart=always test.example/app \
    --exec /bin/probe -- exit 3 ---
wait_for 120 restarts_are ever 2
ok $? "policy: its app is started again and again"
run jetpack show ever
like "$out" '  Restarts +[0-9]' "policy: show counts"
run jetpack list
like "$out" 'app \(restarts: [0-9]+\)' "policy: list counts"
run jetpack manifest ever
like "$out" 'jetpack/restart' "policy: an annotation of the pod"
done_well "policy: stop ends it" jetpack stop ever
state_of ever exited
ok $? "policy: it has ended"
done_well "policy: run again" jetpack start ever
done_well "policy: destroy ends it too" jetpack destroy ever
run jetpack run -destroy --restart=on-failure:2 test.example/app --exec /bin/probe -- exit 3 ---
is "$status" 3 "on-failure:2: the last status"
run jetpack run -pod-name some -a jetpack/restart=on-failure:2 test.example/app --exec /bin/probe -- exit 4 ---
is "$status $(app_json some restarts)" '4 2' "on-failure:2: as an annotation, counted"
run jetpack run some
is "$status $(app_json some restarts)" '4 2' "the next run counts anew"
jetpack destroy some
run jetpack run -destroy -t --restart=on-failure:3 test.example/app --exec /bin/probe -- exit 5 ---
is "$status" 5 "with a terminal"
fails 2 'on-failure' "policy: a bad one" jetpack prepare --restart=often test.example/app
fails 1 "jetpack/restart: 'on-failure:0'" "policy: a bad annotation" \
    jetpack prepare -a jetpack/restart=on-failure:0 test.example/app

# restart POD:APP
jetpack run -d -pod-name duo test.example/app -name a test.example/app -name b >/dev/null
pid_in() { jetpack list -format=json -filter name=duo | tr -d '\n' |
    grep -o "\"name\": \"$1\"[^}]*" | grep -o '"pid": [0-9]*'; }
a=$(pid_in a) b=$(pid_in b)
jetpack exec duo:a /bin/probe write /tmp/dirt x
done_well "restart POD:APP" jetpack restart -t 1 duo:a
[ -n "$a" ] && [ -n "$(pid_in a)" ] && [ "$(pid_in a)" != "$a" ] && [ "$(pid_in b)" = "$b" ]
ok $? "restart POD:APP: another process; the other app's is the same"
run jetpack exec duo:a /bin/probe exists /tmp/dirt
is "$out" no "restart POD:APP: from a clean copy"
fails 1 "no app 'c'" "restart POD:APP: an unknown app" jetpack restart duo:c
jetpack stop duo
fails 1 'not running' "restart POD:APP: of a pod that does not run" jetpack restart duo:a
jetpack destroy duo
finish
