#!/bin/sh
# The rc.d scripts by rc.subr(8): start, status, stop. They have the programs of this build, and files
# of the test's own.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
[ -r /etc/rc.subr ] && [ -x /usr/sbin/daemon ] || skip_all 'not here: no rc.subr or no daemon(8)'

for name in jetpack jetpack_mds; do
    sed -e "s|@BINDIR@/jetpack|$JETPACK|" -e "s|@LIBEXECDIR@/jetpack-mds|$build_dir/src/mds/jetpack-mds|" \
        -e "s|^pidfile=.*|pidfile=$work/mds.pid|" "$source_dir/contrib/rc.d/$name.in" >"$work/$name"
done
service() { # NAME COMMAND
    run env jetpack_mds_conf="$config" jetpack_mds_log="$work/mds.log" jetpack_config="$config" \
        jetpack_pods='web cache' sh "$work/$1" "one$2"
}
add_image app '"exec": ["/bin/probe", "sleep", "6000"], "user": "0", "group": "0"'

service jetpack_mds status
like "$out" 'is not running' "the metadata service does not run"
service jetpack_mds start
is "$status" 0 "start" || show err "$err"
answers() { jetpack mds; }
wait_for 60 answers
ok $? "... it answers" || cat "$work/mds.log"
service jetpack_mds status
like "$out" "is running as pid $(cat "$work/mds.pid")" "status"
unlike "$(cat "$work/mds.log")" usage "its log has nothing but what it did"

for name in web cache; do jetpack prepare --net=none --pod-name "$name" test.example/app >/dev/null 2>&1; done
names() { jetpack list -H | awk '$3 == "running" {print $2}' | sort | tr '\n' ' '; }
service jetpack start
is "$status $(names)" "0 cache web " "start: the pods run" || show err "$err"
service jetpack status
like "$out" ' web +running' "status lists them"
service jetpack stop
is "$status $(names)" "0 " "stop: they do not" || show err "$err"

service jetpack_mds stop
is "$status" 0 "the metadata service stops" || show err "$err"
service jetpack_mds status
like "$out" 'is not running' "... and is gone"
finish
