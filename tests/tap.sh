# The Test Anything Protocol for test programs in shell: sourced first, `finish` last.
#
#   ok STATUS NAME      a point; it is the caller's turn to show more when the result is not 0
#   skip NAME REASON    a point that cannot be had here
#   skip_all REASON     none of them
#   finish              the plan; exits

count=0
failures=0

ok() {
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        failures=$((failures + 1))
        echo "not ok $count - $2"
        return 1
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

finish() {
    echo "1..$count"
    [ "$failures" -eq 0 ]
    exit $?
}
