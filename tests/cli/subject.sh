# A pod of an image with the probe, and what `show` says of its isolators. Sourced after lib.sh.
#
#   $subject                    the image
#   in_pod POD-OPTIONS... -- APP-OPTIONS... -- WORDS...   runs the probe in a throw-away pod
#   verdict POD REGEX NAME      a line of `show`
add_image app '"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'
subject=test.example/app

in_pod() {
    pod_options='' app_options=''
    while [ "$1" != -- ]; do pod_options="$pod_options $1"; shift; done
    shift
    while [ "$1" != -- ]; do app_options="$app_options $1"; shift; done
    shift
    # shellcheck disable=SC2086 # words without blanks
    run jetpack run -destroy $pod_options "$subject" $app_options --exec /bin/probe -- "$@" ---
    out=$(printf '%s\n' "$out" | sed 's/^app| //')
}

verdict() {
    run jetpack show "$1"
    like "$out" "$2" "$3"
}
