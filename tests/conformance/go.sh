# The specification's own programs, which are Go's. Sourced when $here is the directory of the test.
#
#   no_go FILE                          why there is no such file of it to be built, or nothing
#   go_program NAME PACKAGE-OR-FILE     $kept is the program, built once
. "$here/../cache.sh"
gopath=${JETPACK_GOPATH:-/usr/share/gocode}

no_go() {
    if ! command -v go >/dev/null 2>&1; then
        echo 'no go: install golang-go'
    elif [ ! -e "$gopath/src/github.com/appc/spec/$1" ]; then
        echo 'no github.com/appc/spec: install golang-github-appc-spec-dev'
    fi
}

go_build() { # PACKAGE-OR-FILE OUTPUT
    (cd / && GOPATH=$gopath GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 GOCACHE=$cache/go go build -o "$2" "$1")
}
go_program() { kept "$1" go_build "$2"; }
